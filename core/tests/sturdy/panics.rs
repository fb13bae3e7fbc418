//! Panics: in the worker, in the host's key store, in the host's resolver. None signs anybody out or stops anything else.

use crate::common::*;
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;
use steadfast::keystore::{KeyAnswer, KeyStore, KeyStoreUnavailable};
use steadfast::secret::Key;
use steadfast::{Error, FileKeyStore, HostState, Standing, Steadfast};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};

/// A log that panics where the worker of one account writes to it. The worker calls nothing else of the host's.
struct Trap;

/// The account whose next steps panic, and how many of them do.
static ACCOUNT: AtomicI64 = AtomicI64::new(0);
static PANICS: AtomicU32 = AtomicU32::new(0);

#[derive(Default)]
struct Step {
    account: i64,
    is_step: bool,
}

impl Visit for Step {
    fn record_i64(&mut self, field: &Field, value: i64) {
        if field.name() == "account" {
            self.account = value;
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.is_step = format!("{value:?}") == "step";
        }
    }
}

impl Subscriber for Trap {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("steadfast::engine::worker")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut step = Step::default();
        event.record(&mut step);
        let trapped = step.is_step
            && step.account == ACCOUNT.load(Ordering::SeqCst)
            && PANICS
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                    left.checked_sub(1)
                })
                .is_ok();
        assert!(!trapped, "the trap of this test");
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn set_trap(account: steadfast::AccountId, panics: u32) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Trap).unwrap());
    ACCOUNT.store(account.0, Ordering::SeqCst);
    PANICS.store(panics, Ordering::SeqCst);
}

/// The log is that of the whole process, and the trap must not be that of other tests' accounts.
fn number_accounts_from(folder: &Path, number: i64) {
    let vault = rusqlite::Connection::open(folder.join("vault/vault.sqlite3")).unwrap();
    vault
        .execute(
            "INSERT OR REPLACE INTO settings (name, value) VALUES ('last_account', ?1)",
            [number.to_string()],
        )
        .unwrap();
}

/// Hazard C01.
#[tokio::test]
async fn a_worker_that_panics_is_started_again_and_one_that_keeps_on_is_left_alone() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    open(folder.path(), &server).close().await;
    number_accounts_from(folder.path(), 1_000);
    let core = open(folder.path(), &server);
    let bob = sign_in(&core, &server, "bob").await;
    let alice = sign_in(&core, &server, "alice").await;
    until_live(&core, alice).await;
    until_live(&core, bob).await;
    assert!(alice.0 > 1_000);

    // Once: it is as if nothing had been.
    set_trap(alice, 1);
    let _ = core.verify(alice, Duration::from_secs(30)).await;
    eventually(|| PANICS.load(Ordering::SeqCst) == 0).await;
    until_live(&core, alice).await;
    assert_eq!(core.snapshot(alice).unwrap().standing, Standing::Active);

    // Again and again: nobody is signed out, and the app is told.
    set_trap(alice, u32::MAX);
    let _ = core.verify(alice, Duration::from_secs(30)).await;
    let stands = until(&core, alice, |snapshot| {
        snapshot.standing == Standing::Locked
    })
    .await;
    assert!(stands.cover);
    assert_eq!(core.active_sessions(alice).await, Err(Error::Internal));
    assert_eq!(core.notices(), []);
    assert_eq!(core.snapshot(bob).unwrap().standing, Standing::Active);
    assert_eq!(core.active_sessions(bob).await.unwrap().len(), 1);

    // The fault is over, and the user does something: that is worth a try.
    set_trap(alice, 0);
    let standing = core.verify(alice, Duration::from_secs(60)).await.unwrap();
    assert_eq!(standing, Standing::Active);
    until_live(&core, alice).await;
    assert_eq!(core.active_sessions(alice).await.unwrap().len(), 1);
    core.close().await;
}

/// A key store whose reading panics while it is told to.
struct PanickingKeys {
    beneath: FileKeyStore,
    panics: Arc<AtomicU32>,
}

impl KeyStore for PanickingKeys {
    fn load(&self, name: &str) -> KeyAnswer {
        assert!(
            self.panics.load(Ordering::SeqCst) == 0,
            "the key store of this test"
        );
        self.beneath.load(name)
    }

    fn store(&self, name: &str, key: &Key) -> Result<(), KeyStoreUnavailable> {
        self.beneath.store(name, key)
    }

    fn delete(&self, name: &str) -> Result<(), KeyStoreUnavailable> {
        self.beneath.delete(name)
    }
}

/// Hazards C01, B04, B09.
#[tokio::test]
async fn a_key_store_that_throws_locks_the_account_until_the_device_is_unlocked() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let panics = Arc::new(AtomicU32::new(0));
    let opened = |folder: &Path| -> Steadfast {
        let keys = PanickingKeys {
            beneath: FileKeyStore::open(folder.join("keys")).unwrap(),
            panics: panics.clone(),
        };
        open_with(folder, &server, Arc::new(keys))
    };
    let core = opened(folder.path());
    let alice = sign_in(&core, &server, "alice").await;
    until_live(&core, alice).await;
    core.close().await;

    panics.store(1, Ordering::SeqCst);
    let core = opened(folder.path());
    until(&core, alice, |snapshot| {
        snapshot.standing == Standing::Locked
    })
    .await;
    assert_eq!(
        core.active_sessions(alice).await,
        Err(Error::KeyStoreUnavailable)
    );
    assert_eq!(core.notices(), []);
    panics.store(0, Ordering::SeqCst);
    // The unlock of the device brings the app to the front.
    core.host_state(HostState::Suspended).await.unwrap();
    core.host_state(HostState::Focused).await.unwrap();
    until_live(&core, alice).await;
    core.close().await;
}
