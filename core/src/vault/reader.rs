//! Reading the accounts from another process: nothing is written, and where nobody else has the file open nothing is locked
//! and no file is made beside it.

use std::path::Path;
use std::time::SystemTime;

use rusqlite::{Connection, OpenFlags};

use super::open::beside;
use super::{AccountRecord, DATABASE_FILE, VaultError, accounts, schema};
use crate::policy;

/// Reads all accounts of the vault in `folder`, in the order of their positions; none if there is no vault.
///
/// # Errors
/// [`VaultError::Unavailable`] if the file is busy, changes all the time, or was written by an older version and not opened
/// by the app since; [`VaultError::NewerSchema`]; those of reading.
pub fn read_accounts(folder: &Path) -> Result<Vec<AccountRecord>, VaultError> {
    let path = folder.join(DATABASE_FILE);
    let mut outcome = Err(VaultError::Unavailable { code: 0 });
    for _ in 0..policy::READER_TRIES {
        if !path.try_exists()? {
            return Ok(Vec::new());
        }
        if beside(&path, "-wal").try_exists()? {
            // The app has it open, or was killed: read beside it, as SQLite does.
            return read(&Connection::open_with_flags(
                &path,
                OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
            )?);
        }
        // Without a log the file is whole, and it changes only after a log has appeared.
        let before = looks(&path)?;
        outcome = unchanging(&path).and_then(|connection| read(&connection));
        if before == looks(&path)? && !beside(&path, "-wal").try_exists()? {
            return outcome;
        }
    }
    match outcome {
        Err(VaultError::NewerSchema { found, known }) => {
            Err(VaultError::NewerSchema { found, known })
        }
        _ => Err(VaultError::Unavailable { code: 0 }),
    }
}

fn looks(path: &Path) -> Result<(u64, SystemTime), VaultError> {
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.len(), metadata.modified()?))
}

/// Opens a file that does not change while it is read (<https://sqlite.org/uri.html#uriimmutable>).
fn unchanging(path: &Path) -> Result<Connection, VaultError> {
    let text = path
        .to_str()
        .ok_or(VaultError::Misuse("the folder's name is not text"))?;
    let escaped = text
        .replace('%', "%25")
        .replace('?', "%3f")
        .replace('#', "%23");
    Ok(Connection::open_with_flags(
        format!("file:{escaped}?immutable=1"),
        OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_URI,
    )?)
}

fn read(connection: &Connection) -> Result<Vec<AccountRecord>, VaultError> {
    connection.busy_timeout(policy::SCRUB_BUSY_TIMEOUT)?;
    let found = schema::version(connection)?;
    schema::refuse_newer(found)?;
    if found < schema::VERSION {
        return Err(VaultError::Unavailable { code: 0 });
    }
    accounts::all(connection)
}
