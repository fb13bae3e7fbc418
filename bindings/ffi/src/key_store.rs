//! The platform's store of keys.

use crate::error::SteadfastError;
use crate::guard::at_once;
use crate::host::{HostError, ask};
use std::sync::Arc;
use steadfast::keystore::{self, KeyStoreUnavailable};
use steadfast::{FileKeyStore, Key};

/// What a key store answers when it is asked for a key. Everything rests on the difference between the last two: *absent*
/// ends a session, *unavailable* changes nothing.
#[derive(Clone, PartialEq, Eq, uniffi::Enum)]
pub enum KeyAnswer {
    /// The key.
    Value {
        /// Its 32 bytes, as they were stored.
        key: Vec<u8>,
    },
    /// There is no such key, and the store is sure of it: a restored backup, an invalidated key.
    Absent,
    /// The store cannot answer now: the device was not unlocked since it started, the system service is busy.
    Unavailable,
}

impl std::fmt::Debug for KeyAnswer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Value { .. } => "Value(…)",
            Self::Absent => "Absent",
            Self::Unavailable => "Unavailable",
        })
    }
}

/// What a key store answers when it was to change something. A value and not the mere lack of an error, so that an
/// implementation that was torn down in the middle is never taken for one that has done it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum KeyWritten {
    /// It is done, durably.
    Done,
    /// The store cannot be written now. After a write, what it held before is unchanged; after a deletion, the key may be
    /// *absent* already, and the core asks for the rest again.
    Unavailable,
}

/// The platform's store of keys: the Keychain, the Android Keystore.
///
/// Calls come from threads of the core's own, never from inside `open` and never from the thread that calls the core. A
/// call may block; after 10 seconds (a read beside a call that is past them: 3) the core goes on as if the answer were
/// *unavailable*. Calls come one at a time but for those that are past this: while they have not returned, calls about
/// other keys come from another thread, so an implementation must bear calls from several threads at once (at most eight).
/// About one key there is never more than one. Whatever is thrown counts as *unavailable*, never as *absent*. Names are
/// short ASCII texts made by the core (`account-17-5f0c2a9e41d7b386`, `outbox`); they hold no secret.
#[uniffi::export(rust, foreign)]
pub trait KeyStore: Send + Sync {
    /// Reads the key of that name.
    fn load(&self, name: String) -> Result<KeyAnswer, HostError>;

    /// Stores the 32 bytes of a key under that name, durably, replacing one that is there.
    fn store(&self, name: String, key: Vec<u8>) -> Result<KeyWritten, HostError>;

    /// Deletes the key of that name; a name that is not there is done.
    fn delete(&self, name: String) -> Result<KeyWritten, HostError>;
}

/// A key store of the app, as the core asks it.
pub(crate) struct KeysOfHost {
    host: Arc<dyn KeyStore>,
}

impl KeysOfHost {
    pub(crate) fn new(host: Arc<dyn KeyStore>) -> Self {
        Self { host }
    }

    fn written(
        call: impl FnOnce() -> Result<KeyWritten, HostError>,
    ) -> Result<(), KeyStoreUnavailable> {
        match ask("key store", call) {
            Some(KeyWritten::Done) => Ok(()),
            Some(KeyWritten::Unavailable) | None => Err(KeyStoreUnavailable),
        }
    }
}

impl keystore::KeyStore for KeysOfHost {
    fn load(&self, name: &str) -> keystore::KeyAnswer {
        match ask("key store", || self.host.load(name.to_owned())) {
            // What is there and is no key was not written by the core, or not read back whole.
            Some(KeyAnswer::Value { key }) => Key::from_bytes(&key)
                .map_or(keystore::KeyAnswer::Unavailable, keystore::KeyAnswer::Value),
            Some(KeyAnswer::Absent) => keystore::KeyAnswer::Absent,
            Some(KeyAnswer::Unavailable) | None => keystore::KeyAnswer::Unavailable,
        }
    }

    fn store(&self, name: &str, key: &Key) -> Result<(), KeyStoreUnavailable> {
        let (name, key) = (name.to_owned(), key.expose().to_vec());
        Self::written(|| self.host.store(name, key))
    }

    fn delete(&self, name: &str) -> Result<(), KeyStoreUnavailable> {
        Self::written(|| self.host.delete(name.to_owned()))
    }
}

/// The core's own key store of files, behind the trait that the platforms implement.
struct Files {
    files: FileKeyStore,
}

impl KeyStore for Files {
    fn load(&self, name: String) -> Result<KeyAnswer, HostError> {
        Ok(match keystore::KeyStore::load(&self.files, &name) {
            keystore::KeyAnswer::Value(key) => KeyAnswer::Value {
                key: key.expose().to_vec(),
            },
            keystore::KeyAnswer::Absent => KeyAnswer::Absent,
            keystore::KeyAnswer::Unavailable => KeyAnswer::Unavailable,
        })
    }

    fn store(&self, name: String, key: Vec<u8>) -> Result<KeyWritten, HostError> {
        let Some(key) = Key::from_bytes(&key) else {
            return Ok(KeyWritten::Unavailable);
        };
        let stored = keystore::KeyStore::store(&self.files, &name, &key);
        Ok(stored.map_or(KeyWritten::Unavailable, |()| KeyWritten::Done))
    }

    fn delete(&self, name: String) -> Result<KeyWritten, HostError> {
        let deleted = keystore::KeyStore::delete(&self.files, &name);
        Ok(deleted.map_or(KeyWritten::Unavailable, |()| KeyWritten::Done))
    }
}

/// A key store of encrypted files in a folder, which is made if it is not there: for desktop apps and tests, where the
/// platform offers nothing better. It guards against a copy of single files, not against whoever can read the folder. Fails
/// with `file` if the folder or what it holds cannot be used.
#[uniffi::export]
pub fn file_key_store(folder: String) -> Result<Arc<dyn KeyStore>, SteadfastError> {
    at_once(|| {
        let files = FileKeyStore::open(folder).map_err(|error| steadfast::Error::File {
            reason: error.to_string(),
        })?;
        Ok(Arc::new(Files { files }) as Arc<dyn KeyStore>)
    })
}
