//! Keys: the key store behind its own thread and deadline, and what the engine asks of it.

use crate::engine::desk::Desk;
use crate::keystore::{KeyAnswer, KeyStore, KeyStoreUnavailable};
use crate::policy::KEY_STORE_DEADLINE;
use crate::secret::Key;
use crate::vault::KeyName;
use std::sync::Arc;

/// The platform's key store, asked one call at a time, each within the deadline.
#[derive(Clone)]
pub(crate) struct Keys {
    desk: Desk<Arc<dyn KeyStore>>,
}

impl Keys {
    pub(crate) fn start(store: Arc<dyn KeyStore>) -> std::io::Result<Self> {
        // The thread is not joined at close: a key store that hangs must not hold up the app.
        let (desk, _thread) = Desk::start("steadfast-keys", store, |_| {})?;
        Ok(Self { desk })
    }

    /// Reads a key; past the deadline the answer is *unavailable*.
    pub(crate) async fn load(&self, name: &KeyName) -> KeyAnswer {
        let name = name.clone();
        let answer = self.desk.hand_in(move |store| store.load(name.as_str()));
        match tokio::time::timeout(KEY_STORE_DEADLINE, answer).await {
            Ok(Ok(answer)) => answer,
            _ => KeyAnswer::Unavailable,
        }
    }

    pub(crate) async fn store(&self, name: &KeyName, key: &Key) -> Result<(), KeyStoreUnavailable> {
        let (name, key) = (name.clone(), key.clone());
        let stored = self
            .desk
            .hand_in(move |store| store.store(name.as_str(), &key));
        match tokio::time::timeout(KEY_STORE_DEADLINE, stored).await {
            Ok(Ok(result)) => result,
            _ => Err(KeyStoreUnavailable),
        }
    }

    pub(crate) async fn delete(&self, name: &KeyName) -> Result<(), KeyStoreUnavailable> {
        let name = name.clone();
        let deleted = self.desk.hand_in(move |store| store.delete(name.as_str()));
        match tokio::time::timeout(KEY_STORE_DEADLINE, deleted).await {
            Ok(Ok(result)) => result,
            _ => Err(KeyStoreUnavailable),
        }
    }

    /// The outbox's key, made and stored if there is none yet.
    pub(crate) async fn outbox_key(&self) -> Result<Key, KeyStoreUnavailable> {
        let name = KeyName::outbox();
        match self.load(&name).await {
            KeyAnswer::Value(key) => Ok(key),
            KeyAnswer::Unavailable => Err(KeyStoreUnavailable),
            KeyAnswer::Absent => self.make(&name).await,
        }
    }

    /// Makes a key and stores it under a name that was never used.
    pub(crate) async fn make(&self, name: &KeyName) -> Result<Key, KeyStoreUnavailable> {
        let key = Key::generate().ok_or(KeyStoreUnavailable)?;
        self.store(name, &key).await?;
        Ok(key)
    }
}
