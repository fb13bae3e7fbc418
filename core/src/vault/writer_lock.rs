//! One writer: a lock on a file beside the database, held while the vault is open and no longer.
//!
//! It is the kernel's (`flock`), so it ends with the process, however that ends, and refuses a second vault in the same
//! process as well. It is let go on suspension: iOS kills an app that is frozen while it holds one.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

use super::VaultError;
use crate::policy;

/// Between two looks at a lock that another holds: the kernel does not tell within a time limit.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Held by the vault that may write.
#[derive(Debug)]
pub(super) struct WriterLock {
    _file: File,
}

impl WriterLock {
    /// Waits a little for a vault that is just closing.
    pub(super) fn take(folder: &Path) -> Result<Self, VaultError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(folder.join("vault.lock"))?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) if begun.elapsed() < policy::WRITER_LOCK_WAIT => {
                    std::thread::sleep(LOOK_AGAIN);
                }
                Err(TryLockError::WouldBlock) => return Err(VaultError::InUse),
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
        }
    }
}
