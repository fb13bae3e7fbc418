//! The reserve: a file that is there to be deleted, so that a sign-out can be stored on a full disk.

use std::path::{Path, PathBuf};

use super::atomic_file;
use crate::policy;

fn path(folder: &Path) -> PathBuf {
    folder.join("reserve")
}

/// Gives the reserve up. True if that freed anything.
pub(super) fn release(folder: &Path) -> bool {
    std::fs::remove_file(path(folder)).is_ok()
}

/// Sets the reserve aside again if it is not there. A disk that has no room for it is no error: the next call tries again.
pub(super) fn restore(folder: &Path) {
    let path = path(folder);
    let whole =
        std::fs::metadata(&path).is_ok_and(|metadata| metadata.len() == policy::DISK_RESERVE);
    if !whole {
        // Random bytes, because a file system may store zeros or a pattern in no space at all.
        let mut bytes = vec![0; usize::try_from(policy::DISK_RESERVE).unwrap_or(0)];
        if getrandom::fill(&mut bytes).is_ok() {
            let _ = atomic_file::write(&path, &bytes);
        }
    }
}
