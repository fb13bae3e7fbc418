//! Key stores that take their time: whoever's key it is pays for it, and nobody else.

use crate::common::*;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use steadfast::keystore::testing::MemoryKeyStore;
use steadfast::keystore::{KeyAnswer, KeyStore, KeyStoreUnavailable};
use steadfast::secret::Key;
use steadfast::{Link, Standing};

/// A key store in which the key of the account that is asked for first is never found, nor said to be absent.
struct Hanging {
    keys: Arc<MemoryKeyStore>,
    first: OnceLock<String>,
}

impl KeyStore for Hanging {
    fn load(&self, name: &str) -> KeyAnswer {
        while name.starts_with("account-") && self.first.get_or_init(|| name.to_owned()) == name {
            std::thread::sleep(Duration::from_secs(1));
        }
        self.keys.load(name)
    }

    fn store(&self, name: &str, key: &Key) -> Result<(), KeyStoreUnavailable> {
        self.keys.store(name, key)
    }

    fn delete(&self, name: &str) -> Result<(), KeyStoreUnavailable> {
        self.keys.delete(name)
    }
}

/// The account that waits behind the hanging call has a deadline of its own; that of the call is why this test takes ten seconds.
/// Q10.
#[tokio::test]
async fn a_key_that_hangs_locks_its_own_account_and_no_other() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let keys = Arc::new(MemoryKeyStore::default());
    let core = open_with(folder.path(), &server, keys.clone());
    for user in ["alice", "bob"] {
        let account = sign_in(&core, &server, user).await;
        until_live(&core, account).await;
    }
    core.close().await;

    let hanging = Arc::new(Hanging {
        keys,
        first: OnceLock::new(),
    });
    let core = open_with(folder.path(), &server, hanging.clone());
    until_changes(&core, |changes| {
        let (mut locked, mut live) = (false, false);
        for one in &changes.accounts {
            let its_keys = format!("account-{}-", one.id.0);
            match hanging.first.get() {
                Some(first) if first.starts_with(&its_keys) => {
                    locked = one.standing == Standing::Locked;
                }
                _ => live = one.link == Link::Live,
            }
        }
        locked && live
    })
    .await;
    core.close().await;
}
