//! What can go wrong with the vault, sorted by how the engine must react. No error holds a value of a row.

use rusqlite::{ErrorCode, ffi};

/// An operation of the vault did not succeed. Unless a variant says otherwise, nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The file cannot be used now: another process holds the lock for longer than the busy timeout, or the platform
    /// keeps it locked (before the first unlock). Nothing is known to be lost; try later.
    #[error("the vault cannot be used now (SQLite {code})")]
    Unavailable {
        /// SQLite's extended result code.
        code: i32,
    },
    /// The disk is full, and the reserve did not help or was not for this operation.
    #[error("no space is left for the vault")]
    DiskFull,
    /// Reading or writing failed. The operation counts as not done, but its write may come to light when the file is
    /// opened again, so the caller reads again before it goes on. The next call reopens the file.
    #[error("the storage under the vault failed (SQLite {code})")]
    Io {
        /// SQLite's extended result code.
        code: i32,
    },
    /// The file is damaged. [`Vault::open`](super::Vault::open) never returns this: it sets the file aside.
    #[error("the vault is damaged (SQLite {code})")]
    Corrupt {
        /// SQLite's extended result code; 11 as well for a row that no version of this code wrote.
        code: i32,
    },
    /// A newer version of the app wrote the file. It was not touched.
    #[error("the vault has schema {found}, this version knows {known}")]
    NewerSchema {
        /// Version found in the file.
        found: i64,
        /// Newest version that this code knows.
        known: i64,
    },
    /// Another vault has the folder open, in this process or in another one.
    #[error("the vault is in use")]
    InUse,
    /// The vault is closed for suspension.
    #[error("the vault is closed")]
    Closed,
    /// The SQLite library in this process has the WAL-reset bug (fixed in 3.51.3).
    #[error("SQLite {found} is too old for the vault")]
    OldLibrary {
        /// SQLite's version number, 3051002 for 3.51.2.
        found: i32,
    },
    /// A file beside the database could not be read or written.
    #[error("a file of the vault could not be used: {kind}")]
    Files {
        /// What the operating system said.
        kind: std::io::ErrorKind,
    },
    /// The operating system gave no random numbers.
    #[error("no random numbers")]
    NoRandomness,
    /// The caller broke the contract of the call.
    #[error("wrong use of the vault: {0}")]
    Misuse(&'static str),
    /// SQLite refused for a reason that no correct program meets.
    #[error("the vault failed (SQLite {code})")]
    Unexpected {
        /// SQLite's extended result code.
        code: i32,
    },
}

impl VaultError {
    pub(super) fn from_code(failure: ffi::Error) -> Self {
        let code = failure.extended_code;
        match failure.code {
            // A full disk shows here when the shared-memory file cannot grow.
            _ if code == ffi::SQLITE_IOERR_SHMSIZE => Self::DiskFull,
            ErrorCode::DiskFull => Self::DiskFull,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Corrupt { code },
            ErrorCode::SystemIoFailure => Self::Io { code },
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::CannotOpen
            | ErrorCode::AuthorizationForStatementDenied
            | ErrorCode::PermissionDenied
            | ErrorCode::ReadOnly
            | ErrorCode::FileLockingProtocolFailed => Self::Unavailable { code },
            _ => Self::Unexpected { code },
        }
    }
}

impl From<rusqlite::Error> for VaultError {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::SqliteFailure(failure, _) => Self::from_code(failure),
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::Utf8Error(..)
            | rusqlite::Error::InvalidColumnType(..) => Self::Corrupt {
                code: ffi::SQLITE_CORRUPT,
            },
            _ => Self::Unexpected { code: 0 },
        }
    }
}

impl From<std::io::Error> for VaultError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::DiskFull,
            kind => Self::Files { kind },
        }
    }
}
