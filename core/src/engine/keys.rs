//! Keys: the key store behind its own thread and deadline, and what the engine asks of it.

use crate::engine::desk::Desk;
use crate::keystore::{KeyAnswer, KeyStore, KeyStoreUnavailable};
use crate::policy::KEY_STORE_DEADLINE;
use crate::secret::Key;
use crate::session::AccountId;
use std::sync::Arc;

/// The key that seals what is owed to the server after a sign-out, when the account's own key is already destroyed.
const OUTBOX: &str = "outbox";

/// Name of an account's key.
pub(crate) fn account_key_name(account: AccountId) -> String {
    format!("account-{}", account.0)
}

/// The platform's key store, asked one call at a time, each within the deadline.
#[derive(Clone)]
pub(crate) struct Keys {
    desk: Desk<Arc<dyn KeyStore>>,
}

impl Keys {
    pub(crate) fn start(store: Arc<dyn KeyStore>) -> std::io::Result<Self> {
        // The thread is not joined at close: a key store that hangs must not hold up the app.
        let (desk, _thread) = Desk::start("steadfast-keys", store)?;
        Ok(Self { desk })
    }

    /// Reads a key; past the deadline the answer is *unavailable*.
    pub(crate) async fn load(&self, name: String) -> KeyAnswer {
        let answer = self.desk.hand_in(move |store| store.load(&name));
        match tokio::time::timeout(KEY_STORE_DEADLINE, answer).await {
            Ok(Ok(answer)) => answer,
            _ => KeyAnswer::Unavailable,
        }
    }

    pub(crate) async fn store(&self, name: String, key: Key) -> Result<(), KeyStoreUnavailable> {
        let stored = self.desk.hand_in(move |store| store.store(&name, &key));
        match tokio::time::timeout(KEY_STORE_DEADLINE, stored).await {
            Ok(Ok(result)) => result,
            _ => Err(KeyStoreUnavailable),
        }
    }

    pub(crate) async fn delete(&self, name: String) -> Result<(), KeyStoreUnavailable> {
        let deleted = self.desk.hand_in(move |store| store.delete(&name));
        match tokio::time::timeout(KEY_STORE_DEADLINE, deleted).await {
            Ok(Ok(result)) => result,
            _ => Err(KeyStoreUnavailable),
        }
    }

    /// The account's key, made and stored if there is none yet.
    pub(crate) async fn account_key(&self, account: AccountId) -> Result<Key, KeyStoreUnavailable> {
        self.load_or_make(account_key_name(account)).await
    }

    /// The outbox's key, made and stored if there is none yet.
    pub(crate) async fn outbox_key(&self) -> Result<Key, KeyStoreUnavailable> {
        self.load_or_make(OUTBOX.to_owned()).await
    }

    /// The outbox's key, to read what is owed; never made anew, or what it sealed could not be told from a broken store.
    pub(crate) async fn load_outbox_key(&self) -> KeyAnswer {
        self.load(OUTBOX.to_owned()).await
    }

    async fn load_or_make(&self, name: String) -> Result<Key, KeyStoreUnavailable> {
        match self.load(name.clone()).await {
            KeyAnswer::Value(key) => Ok(key),
            KeyAnswer::Unavailable => Err(KeyStoreUnavailable),
            KeyAnswer::Absent => {
                let key = Key::generate().ok_or(KeyStoreUnavailable)?;
                self.store(name, key.clone()).await?;
                Ok(key)
            }
        }
    }
}
