//! What other processes of the app may do: a notification service, a share extension, a process for pushes.

use crate::accounts::Snapshot;
use crate::error::SteadfastError;
use crate::guard::at_once;
use std::sync::Arc;
use steadfast::AccountId;

/// Reads what the app stored, and leaves it hints. It never validates, connects, or ends a session, holds no token, and
/// changes no file but its own. Any number of processes may use one while the app runs, is frozen, or is not there. Blocks
/// for the time of reading a small file, at most about a second; may be used on any thread.
#[derive(Debug, uniffi::Object)]
pub struct Reader {
    reader: steadfast::Reader,
}

#[uniffi::export]
impl Reader {
    /// A reader of the vault in this folder, the one of the configuration. Touches nothing yet.
    #[uniffi::constructor]
    pub fn new(folder: String) -> Arc<Self> {
        Arc::new(Self {
            reader: steadfast::Reader::new(folder),
        })
    }

    /// The accounts as the app stored them last; none if it never did. The link is always `Paused`. Fails with
    /// `store_unavailable` if they cannot be read now, or were written by an older version and the app has not been opened
    /// since; `store_newer`.
    pub fn accounts(&self) -> Result<Vec<Snapshot>, SteadfastError> {
        at_once(|| Ok(self.reader.accounts()?.iter().map(Into::into).collect()))
    }

    /// Leaves the app a hint that a push said something of an account's session: the app asks the server when it is opened or
    /// resumed next. Hints that nobody has taken up fill a small file, and then are dropped. Fails with `disk_full`,
    /// `store_unavailable`.
    pub fn leave_hint(&self, account: i64) -> Result<(), SteadfastError> {
        at_once(|| self.reader.leave_hint(AccountId(account)))
    }
}
