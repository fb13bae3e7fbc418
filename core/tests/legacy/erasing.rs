//! What the host may erase, and when.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use steadfast::keystore::{KeyAnswer, KeyStoreUnavailable};
use steadfast::secret::Key;
use steadfast::{
    Error, FileKeyStore, KeyStore, LegacyEntry, LegacyOutcome, LegacySource, PreviousInstallation,
    Steadfast,
};

use crate::support::*;

/// A key store that a test can lock.
struct Lockable {
    keys: FileKeyStore,
    locked: AtomicBool,
    /// Keys can be made and not read back.
    forgets: AtomicBool,
}

impl KeyStore for Lockable {
    fn load(&self, name: &str) -> KeyAnswer {
        if self.locked.load(Ordering::SeqCst) || self.forgets.load(Ordering::SeqCst) {
            return KeyAnswer::Unavailable;
        }
        self.keys.load(name)
    }

    fn store(&self, name: &str, key: &Key) -> Result<(), KeyStoreUnavailable> {
        if self.locked.load(Ordering::SeqCst) {
            return Err(KeyStoreUnavailable);
        }
        self.keys.store(name, key)
    }

    fn delete(&self, name: &str) -> Result<(), KeyStoreUnavailable> {
        self.keys.delete(name)
    }
}

fn lockable(world: &World) -> (Steadfast, Arc<Lockable>) {
    let keys = Arc::new(Lockable {
        keys: FileKeyStore::open(world.folder.path().join("keys")).unwrap(),
        locked: AtomicBool::new(false),
        forgets: AtomicBool::new(false),
    });
    let core = Steadfast::open(config(world.folder.path()), keys.clone()).unwrap();
    (core, keys)
}

#[tokio::test]
async fn keychains_go_first_and_what_is_no_secret_last() {
    let world = World::new().await;
    world.faults().refuse(true);
    let core = world.open();
    let (url, token, user) = (world.url(), &world.session.token, &world.session.user_id);
    let entries = [
        entry(
            LegacySource::ClassicIosDefaults,
            &url,
            "LastChannel",
            "town-square",
        ),
        entry(LegacySource::ClassicIosCookie, &url, "MMAUTHTOKEN", token),
        entry(LegacySource::ClassicIosCookie, &url, "MMUSERID", user),
        entry(LegacySource::ClassicIosDefaults, &url, "MMAUTHTOKEN", token),
        entry(
            LegacySource::ClassicIosCookie,
            &url,
            "IDP",
            "of somebody else",
        ),
        world.known(),
    ];
    let outcomes = import(&core, &entries).await;
    adopted(&outcomes[5..]);
    assert_eq!(outcomes[4], LegacyOutcome::Unreadable);
    let order: Vec<_> = core
        .legacy_erasable()
        .await
        .unwrap()
        .into_iter()
        .map(|erasable| erasable.id)
        .collect();
    let place = |entry: &LegacyEntry| order.iter().position(|id| *id == entry.id());
    assert_eq!(place(&entries[5]), Some(0));
    assert_eq!(place(&entries[3]), Some(1));
    assert_eq!(place(&entries[1]), Some(2));
    assert_eq!(place(&entries[4]), None, "left where it is");
    assert_eq!(order.len(), 5);

    // Half of it is done when the app is killed; the rest is still to be done, and what is done stays done.
    core.legacy_erased(order[..2].to_vec()).await.unwrap();
    core.close().await;
    let core = world.open();
    let left = core.legacy_erasable().await.unwrap();
    assert_eq!(left.len(), 3);
    let ids = left.into_iter().map(|erasable| erasable.id).collect();
    core.legacy_erased(ids).await.unwrap();
    assert_eq!(core.legacy_erasable().await.unwrap(), []);
    assert_eq!(import(&core, &entries).await, outcomes);
    assert_eq!(core.legacy_erasable().await.unwrap(), []);
    core.close().await;
}

/// Q18.
#[tokio::test]
async fn nothing_may_be_erased_before_its_key_was_read_back() {
    let world = World::new().await;
    world.faults().refuse(true);
    let (core, keys) = lockable(&world);
    // The outbox key is there, as it is after any sign-in.
    import(&core, &[world.unknown()]).await;
    keys.forgets.store(true, Ordering::SeqCst);
    let url = world.url().replace("127.0.0.1", "localhost");
    let name = format!("apple_rn:old, {}", world.session.user_id);
    let other = entry(
        LegacySource::ReactNative1Internet,
        &url,
        &name,
        &world.session.token,
    );
    let account = adopted(&import(&core, std::slice::from_ref(&other)).await);
    assert_eq!(core.accounts()[0].id, account);
    let erasable = core.legacy_erasable().await.unwrap();
    assert!(!erasable.iter().any(|one| one.id == other.id()));
    keys.forgets.store(false, Ordering::SeqCst);
    let erasable = core.legacy_erasable().await.unwrap();
    assert!(erasable.iter().any(|one| one.id == other.id()));
    core.close().await;
}

#[tokio::test]
async fn a_locked_key_store_leaves_everything_as_it_is() {
    let world = World::new().await;
    world.faults().refuse(true);
    let (core, keys) = lockable(&world);
    keys.locked.store(true, Ordering::SeqCst);
    for entry in [world.known(), world.unknown()] {
        let import = core.import_legacy(vec![entry], PreviousInstallation::Updated);
        assert_eq!(import.await, Err(Error::KeyStoreUnavailable));
    }
    assert!(core.accounts().is_empty());
    assert_eq!(core.legacy_erasable().await.unwrap(), []);
    keys.locked.store(false, Ordering::SeqCst);
    adopted(&import(&core, &[world.known()]).await);
    assert_eq!(core.legacy_erasable().await.unwrap().len(), 1);
    core.close().await;
}
