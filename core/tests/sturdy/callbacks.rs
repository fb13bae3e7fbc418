//! A key store that calls the core from inside its own call, and waits for the answer in another thread, as an app might.

use crate::common::*;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use steadfast::keystore::{KeyAnswer, KeyStore, KeyStoreUnavailable};
use steadfast::secret::Key;
use steadfast::{AccountId, Error, FileKeyStore, Method, Request, SignIn, Standing, Steadfast};

/// What the store asks the core for, once.
enum Asks {
    /// What the core answers without a key: the token is in memory.
    WithoutKeys(AccountId),
    /// A sign-in, which needs the very store that waits for it.
    ForASignIn(Box<SignIn>),
}

#[derive(Default)]
struct Script {
    core: OnceLock<Steadfast>,
    asks: Mutex<Option<Asks>>,
    answers: Mutex<Vec<Result<(), Error>>>,
}

impl Script {
    fn asks_next(&self, asks: Asks) {
        *self.asks.lock().unwrap() = Some(asks);
    }

    fn answers(&self) -> Vec<Result<(), Error>> {
        self.answers.lock().unwrap().clone()
    }

    fn ask(&self) {
        let asks = self.asks.lock().unwrap().take();
        let (Some(core), Some(asks)) = (self.core.get().cloned(), asks) else {
            return;
        };
        let asking = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                match asks {
                    Asks::WithoutKeys(account) => {
                        let me = Request::new(Method::Get, "/api/v4/users/me");
                        let patience = Duration::from_secs(30);
                        vec![
                            core.active_sessions(account).await.map(|_| ()),
                            core.request(account, me).await.map(|_| ()),
                            core.verify(account, patience).await.map(|_| ()),
                            core.set_device_id(None).await,
                        ]
                    }
                    Asks::ForASignIn(sign_in) => vec![core.sign_in(*sign_in).await.map(|_| ())],
                }
            })
        });
        *self.answers.lock().unwrap() = asking.join().unwrap();
    }
}

struct Reentrant {
    beneath: FileKeyStore,
    script: Arc<Script>,
}

impl KeyStore for Reentrant {
    fn load(&self, name: &str) -> KeyAnswer {
        self.script.ask();
        self.beneath.load(name)
    }

    fn store(&self, name: &str, key: &Key) -> Result<(), KeyStoreUnavailable> {
        self.script.ask();
        self.beneath.store(name, key)
    }

    fn delete(&self, name: &str) -> Result<(), KeyStoreUnavailable> {
        self.script.ask();
        self.beneath.delete(name)
    }
}

/// Hazard C04.
#[tokio::test]
async fn a_key_store_that_waits_for_the_core_is_answered_or_told_so_and_never_for_ever() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let script = Arc::new(Script::default());
    let keys = Reentrant {
        beneath: FileKeyStore::open(folder.path().join("keys")).unwrap(),
        script: script.clone(),
    };
    let core = open_with(folder.path(), &server, Arc::new(keys));
    assert!(script.core.set(core.clone()).is_ok());
    let alice = sign_in(&core, &server, "alice").await;
    until_live(&core, alice).await;

    // Whatever needs no key is answered in the middle of the call.
    script.asks_next(Asks::WithoutKeys(alice));
    let made = tokio::time::timeout(PATIENCE, core.data_key(alice)).await;
    let made = made.unwrap().unwrap();
    assert_eq!(script.answers(), [Ok(()), Ok(()), Ok(()), Ok(())]);

    // What waits for the call that it is made from is answered when that is past its deadline and left behind.
    let of_bob = SignIn::new(server.url(), "bob", PASSWORD);
    script.asks_next(Asks::ForASignIn(Box::new(of_bob)));
    let refused = tokio::time::timeout(PATIENCE, core.data_key(alice)).await;
    assert_eq!(refused.unwrap(), Err(Error::KeyStoreUnavailable));
    eventually(|| script.answers() == [Ok(())]).await;
    assert_eq!(server.control().sessions("bob").len(), 1);
    let bob = core.accounts().last().unwrap().id;
    until_live(&core, bob).await;

    // Nothing is left of it once it has returned.
    let returned = async {
        loop {
            match core.data_key(alice).await {
                Err(Error::KeyStoreUnavailable) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                key => return key.unwrap(),
            }
        }
    };
    let key = tokio::time::timeout(PATIENCE, returned).await.unwrap();
    assert_eq!(key, made);
    assert_eq!(core.snapshot(alice).unwrap().standing, Standing::Active);
    core.close().await;
}
