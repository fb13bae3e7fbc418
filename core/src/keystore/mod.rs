//! The key store: where the keys live that seal the vault's tokens.
//!
//! On a phone this is the Keychain or the Android Keystore, behind this trait. The difference that everything rests on is
//! the one between *absent* (the key is gone for good: a restored backup, an invalidated key) and *unavailable* (the key
//! cannot be read now: the phone was not unlocked since it started, the system service is busy). Absent ends a session with
//! `KeyLost`; unavailable changes nothing, deletes nothing and shows no sign-in page.

mod file;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

use crate::secret::Key;

pub use file::{FileKeyStore, FileKeyStoreError};

/// What a key store answers when it is asked for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyAnswer {
    /// The key.
    Value(Key),
    /// There is no such key, and the store is sure of it.
    Absent,
    /// The store cannot answer now.
    Unavailable,
}

/// A key store could not carry out a write or a deletion. After a write, what the store held before is unchanged; after a
/// deletion, the key may be *absent* already, and the core asks for the rest again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key store is not available")]
pub struct KeyStoreUnavailable;

/// The platform's store of keys.
///
/// Calls come from threads of the engine's own, never from inside `open` and never from the thread that calls the core. A call
/// may block; after 10 seconds (a read beside a call that is past them: 3) the engine goes on as if the answer were
/// *unavailable*. Calls come one at a time but for those that are past this: while they have not returned, calls about other
/// keys come from another thread, so an implementation must bear calls from several threads at once (at most eight). About one
/// key there is never more than one.
/// Names are short ASCII texts made by the core (`account-17-5f0c2a9e41d7b386`, `outbox`); they hold no secret.
pub trait KeyStore: Send + Sync + 'static {
    /// Reads the key of that name.
    fn load(&self, name: &str) -> KeyAnswer;
    /// Stores the key under that name, durably, replacing one that is there.
    ///
    /// # Errors
    /// If the store cannot be written now.
    fn store(&self, name: &str, key: &Key) -> Result<(), KeyStoreUnavailable>;
    /// Deletes the key of that name; a name that is not there is no error.
    ///
    /// # Errors
    /// If the store cannot be written now.
    fn delete(&self, name: &str) -> Result<(), KeyStoreUnavailable>;
}
