//! Key stores that take their time: whoever's key it is pays for it, and nobody else.

use crate::common::*;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use steadfast::keystore::testing::MemoryKeyStore;
use steadfast::keystore::{KeyAnswer, KeyStore, KeyStoreUnavailable};
use steadfast::secret::Key;
use steadfast::{AccountId, Link, Standing};

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

    let first = OnceLock::new();
    let core = open_with(folder.path(), &server, Arc::new(Hanging { keys, first }));
    let mut locked: Vec<AccountId> = Vec::new();
    until_changes(&core, |changes| {
        let standing = |standing| move |one: &&steadfast::Snapshot| one.standing == standing;
        let now = changes.accounts.iter().filter(standing(Standing::Locked));
        locked.extend(now.map(|one| one.id));
        let live = changes.accounts.iter().any(|one| one.link == Link::Live);
        live && !locked.is_empty()
    })
    .await;
    locked.dedup();
    assert_eq!(locked.len(), 1, "{:?}", core.accounts());
    core.close().await;
}
