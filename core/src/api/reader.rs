//! What other processes of the app may do: a notification service, a share extension, a process for pushes.

use crate::api::Snapshot;
use crate::engine::{problems, stored_snapshot};
use crate::error::Error;
use crate::session::AccountId;
use crate::vault;
use std::path::PathBuf;

/// Reads what the app stored, and leaves it hints. It never validates, connects, or ends a session, holds no token, and
/// changes no file but its own. Any number of processes may use one while the app runs, is frozen, or is not there.
/// Blocks for the time of reading a small file, at most about a second; may be used on any thread.
#[derive(Debug, Clone)]
pub struct Reader {
    folder: PathBuf,
}

impl Reader {
    /// A reader of the vault in this folder, the one of [`Config::folder`](crate::Config::folder). Touches nothing yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// The accounts as the app stored them last; none if it never did. The link is always `Paused`.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`] if they cannot be read now, or were written by an older version and the app has not been
    /// opened since; [`Error::StoreNewer`].
    pub fn accounts(&self) -> Result<Vec<Snapshot>, Error> {
        let records = vault::read_accounts(&self.folder).map_err(problems::vault)?;
        Ok(records.iter().map(stored_snapshot).collect())
    }

    /// Leaves the app a hint that a push said something of an account's session: the app asks the server when it is opened or
    /// resumed next. Hints that nobody has taken up fill a small file, and then are dropped.
    ///
    /// # Errors
    /// [`Error::DiskFull`], [`Error::StoreUnavailable`].
    pub fn leave_hint(&self, account: AccountId) -> Result<(), Error> {
        vault::leave_hint(&self.folder, account).map_err(problems::vault)
    }
}
