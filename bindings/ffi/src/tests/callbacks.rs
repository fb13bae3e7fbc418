//! What the app implements may throw whatever it likes: the core goes on, and nobody is signed out.

use super::hosts::{Behaviour, Host};
use super::{World, code, sign_in_at, until_changes, until_live};
use crate::host::CertificatesOfHost;
use crate::{
    Changes, Core, HostError, KeyAnswer, KeyStore, KeyWritten, NetworkPath, Standing, UserQuery,
};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use steadfast::ClientCertificates as _;

const FAULTS: [Behaviour; 3] = [
    Behaviour::Throws,
    Behaviour::ThrowsUndeclared,
    Behaviour::IsTorn,
];

/// Hazard C02.
#[tokio::test]
async fn a_key_store_that_throws_is_unavailable_and_signs_nobody_out() {
    let world = World::new().await;
    let host = Host::new(Behaviour::Works);
    let open = || Core::open(world.config(), host.key_store(), None, None).unwrap();
    for fault in FAULTS {
        let core = open();
        host.behave(fault);
        let refused = core.sign_in(world.alice(), None).await;
        assert_eq!(code(refused), "key_store_unavailable", "{fault:?}");
        assert_eq!(world.logins(), 0, "nothing was sent: {fault:?}");
        host.behave(Behaviour::Works);
        core.shut_down().await.unwrap();
    }

    let core = open();
    let account = core.sign_in(world.alice(), None).await.unwrap();
    until_live(&core, account).await;
    core.shut_down().await.unwrap();
    drop(core);
    for fault in FAULTS {
        host.behave(fault);
        let core = open();
        let locked = |standing| standing == Standing::Locked;
        until_changes(&core, |changes| locked(changes.accounts[0].standing)).await;
        let asked = core.active_sessions(account, None).await;
        assert_eq!(code(asked), "key_store_unavailable", "{fault:?}");
        host.behave(Behaviour::Works);
        core.host_state(crate::HostState::Suspended).await.unwrap();
        core.host_state(crate::HostState::Focused).await.unwrap();
        until_live(&core, account).await;
        core.shut_down().await.unwrap();
        drop(core);
    }
    assert_eq!(world.server.control().sessions("alice").len(), 1);
}

/// Hazard C02.
#[tokio::test]
async fn a_resolver_that_throws_knows_no_name_and_is_asked_again() {
    let world = World::new().await;
    let host = Host::new(Behaviour::Works);
    let resolver = Some(host.resolver());
    let core = Core::open(world.config(), world.keys(), resolver, None).unwrap();
    let by_name = world.server.url().replace("127.0.0.1", "localhost");
    assert_ne!(by_name, world.server.url());
    for fault in FAULTS {
        host.behave(fault);
        let refused = core
            .sign_in(sign_in_at(&by_name, super::PASSWORD), None)
            .await;
        assert_eq!(code(refused), "unknown_host", "{fault:?}");
    }
    host.behave(Behaviour::Works);
    let account = core
        .sign_in(sign_in_at(&by_name, super::PASSWORD), None)
        .await
        .unwrap();
    until_live(&core, account).await;
    core.shut_down().await.unwrap();
}

/// Hazard C02.
#[test]
fn certificates_that_throw_are_none() {
    let host = Host::new(Behaviour::Works);
    let certificates = CertificatesOfHost::new(host.certificates());
    let signs = steadfast::SignatureKind::Ed25519;
    assert_eq!(
        certificates.certificate("work").unwrap().chain,
        [vec![1, 2, 3]]
    );
    assert_eq!(certificates.sign("work", signs, b"text").unwrap(), b"text");
    for fault in FAULTS {
        host.behave(fault);
        assert_eq!(certificates.certificate("work"), None, "{fault:?}");
        assert_eq!(certificates.sign("work", signs, b"text"), None, "{fault:?}");
    }
}

/// Hazard C03.
#[tokio::test]
async fn the_key_store_is_asked_by_one_thread_of_the_core_and_never_by_a_caller() {
    let world = World::new().await;
    let host = Host::new(Behaviour::Works);
    let core = Core::open(world.config(), host.key_store(), None, None).unwrap();
    assert_eq!(host.threads(), Vec::<String>::new(), "not while it opens");
    let account = core.sign_in(world.alice(), None).await.unwrap();
    core.data_key(account, None).await.unwrap();
    let query = UserQuery {
        term: None,
        page: 0,
        per_page: 60,
    };
    core.users(account, query, None).await.unwrap();
    core.sign_out(account, None).await.unwrap();
    core.shut_down().await.unwrap();
    let threads = host.threads();
    assert!(threads.len() > 2, "{threads:?}");
    assert!(
        threads.iter().all(|thread| thread == "steadfast-keys"),
        "{threads:?}"
    );
}

/// Gives back less of a key than was stored, while it is told to.
struct Cuts {
    keys: Arc<dyn KeyStore>,
    cuts: AtomicBool,
}

impl KeyStore for Cuts {
    fn load(&self, name: String) -> Result<KeyAnswer, HostError> {
        let answer = self.keys.load(name)?;
        Ok(match answer {
            KeyAnswer::Value { key } if self.cuts.load(Ordering::Relaxed) => KeyAnswer::Value {
                key: key[..31].to_vec(),
            },
            answer => answer,
        })
    }

    fn store(&self, name: String, key: Vec<u8>) -> Result<KeyWritten, HostError> {
        self.keys.store(name, key)
    }

    fn delete(&self, name: String) -> Result<KeyWritten, HostError> {
        self.keys.delete(name)
    }
}

#[tokio::test]
async fn a_key_that_comes_back_cut_is_unavailable_and_not_gone() {
    let world = World::new().await;
    let keys = Arc::new(Cuts {
        keys: world.keys(),
        cuts: AtomicBool::new(false),
    });
    let open = || Core::open(world.config(), keys.clone(), None, None).unwrap();
    let core = open();
    let account = core.sign_in(world.alice(), None).await.unwrap();
    core.shut_down().await.unwrap();
    drop(core);

    keys.cuts.store(true, Ordering::Relaxed);
    let core = open();
    let locked = |changes: &Changes| changes.accounts[0].standing == Standing::Locked;
    until_changes(&core, locked).await;
    core.shut_down().await.unwrap();
    drop(core);

    keys.cuts.store(false, Ordering::Relaxed);
    let core = open();
    until_live(&core, account).await;
    core.shut_down().await.unwrap();
}

/// Asks the core whatever answers at once, from inside its own call.
struct Asks {
    core: OnceLock<Weak<Core>>,
    keys: Arc<dyn KeyStore>,
    asked: AtomicUsize,
}

impl Asks {
    fn ask(&self) {
        let Some(core) = self.core.get().and_then(Weak::upgrade) else {
            return;
        };
        core.accounts().unwrap();
        core.notices().unwrap();
        core.obligations().unwrap();
        core.reminders().unwrap();
        core.network_changed(NetworkPath::Up, None).unwrap();
        self.asked.fetch_add(1, Ordering::Relaxed);
    }
}

impl KeyStore for Asks {
    fn load(&self, name: String) -> Result<KeyAnswer, HostError> {
        self.ask();
        self.keys.load(name)
    }

    fn store(&self, name: String, key: Vec<u8>) -> Result<KeyWritten, HostError> {
        self.ask();
        self.keys.store(name, key)
    }

    fn delete(&self, name: String) -> Result<KeyWritten, HostError> {
        self.ask();
        self.keys.delete(name)
    }
}

/// Hazard C04.
#[tokio::test]
async fn a_key_store_that_asks_the_core_gets_its_answers() {
    let world = World::new().await;
    let asks = Arc::new(Asks {
        core: OnceLock::new(),
        keys: world.keys(),
        asked: AtomicUsize::new(0),
    });
    let core = Core::open(world.config(), asks.clone(), None, None).unwrap();
    asks.core.set(Arc::downgrade(&core)).unwrap();
    let account = core.sign_in(world.alice(), None).await.unwrap();
    until_live(&core, account).await;
    core.data_key(account, None).await.unwrap();
    core.forget(account, None).await.unwrap();
    assert!(asks.asked.load(Ordering::Relaxed) >= 3);
    core.shut_down().await.unwrap();
}
