//! The hint file: what other processes of the app leave for it. A hint only makes the app ask, so the file may be lost,
//! doubled or full of nonsense without harm; it holds account numbers and nothing else.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::VaultError;
use crate::policy;
use crate::session::AccountId;

fn path(folder: &Path) -> PathBuf {
    folder.join("hints")
}

/// Leaves a hint that a push said something about the session of an account. A full file takes no more: the app will ask
/// about what is in it.
///
/// # Errors
/// If the file cannot be written.
pub fn leave_hint(folder: &Path, account: AccountId) -> Result<(), VaultError> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path(folder))?;
    if file.metadata()?.len() < policy::HINT_FILE_LIMIT {
        // One write, so that lines of several processes do not mix.
        file.write_all(format!("push {}\n", account.0).as_bytes())?;
    }
    Ok(())
}

/// Takes the hints out: the accounts to ask about, each once. Whoever writes at this very moment may be missed, and is made
/// up for by the validation that every resume brings.
pub(super) fn take(folder: &Path) -> Vec<AccountId> {
    let taken = folder.join("hints.taken");
    if fs::rename(path(folder), &taken).is_err() {
        return Vec::new();
    }
    let mut text = Vec::new();
    // A line that was begun below the limit may end above it.
    let limit = policy::HINT_FILE_LIMIT.saturating_mul(2);
    if let Ok(file) = fs::File::open(&taken) {
        let _ = file.take(limit).read_to_end(&mut text);
    }
    let _ = fs::remove_file(&taken);
    let mut accounts: Vec<_> = String::from_utf8_lossy(&text)
        .lines()
        .filter_map(|line| line.strip_prefix("push ")?.parse().ok().map(AccountId))
        .collect();
    accounts.sort();
    accounts.dedup();
    accounts
}
