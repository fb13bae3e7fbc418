//! The vault: the one SQLite file, and the only code that writes it.
//!
//! A [`Vault`] is synchronous and used from one thread of the engine. Each operation is one transaction, and an operation
//! that was decided for one epoch compares the epoch inside that transaction: it answers [`Outcome::Stale`] if the account
//! has moved on. The vault never calls the key store; keys and sealed values come in as arguments. It never looks into
//! standings either: what they mean is the machine's.
//!
//! Key names follow one rule: a name is written here *before* a key of that name is made, and struck out only *after* the
//! key was deleted. Whatever a kill leaves behind in the key store is therefore listed at the next open.

mod accounts;
mod atomic_file;
mod data_key;
mod error;
mod hints;
mod keys;
mod legacy;
mod notices;
mod obligations;
mod open;
mod outbox;
mod pending_sign_ins;
mod reader;
mod records;
mod reminders;
mod reserve;
mod schema;
mod seal;
mod seen_pushes;
mod server_list;
mod sign_in;
mod sign_out;
mod standing;
mod web_cookies;
mod writer_lock;

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use crate::policy;

pub(crate) use atomic_file::{make_folder, sync_folder_of, write as write_atomically};
pub use error::VaultError;
pub use hints::leave_hint;
pub use legacy::{LegacyRow, LegacyState, NewLegacyRow, PRE_AUTH, ReadBack};
pub use outbox::STRAY;
pub use pending_sign_ins::{NewPendingSignIn, PendingSignIn, PendingSignInId};
pub use reader::read_accounts;
pub use records::{
    AccountRecord, KeyName, Lists, LostAccount, NewNotice, Notice, NoticeId, Obligation,
    ObligationId, OldToken, OutboxEntry, OutboxId, OutboxKind, OutboxProof, Outcome, ServerFacts,
    Setting, Stamp, StoredStanding, TokenFate, UserFacts,
};
pub use reminders::MAY_HAVE_EXPIRED;
pub use seal::{
    Binding, Column, ProfileSecret, SealError, Sealed, UnsealError, seal, seal_legacy,
    seal_profile_secret, seal_verifier, unseal, unseal_legacy, unseal_profile_secret,
    unseal_verifier,
};
pub(crate) use seal::{seal_bytes, unseal_bytes};
pub use sign_in::{ExistingSession, PreparedSignIn, SignIn, SignedIn};
pub use sign_out::{Forget, Forgotten, SignOut, SignedOut};
pub use standing::{End, Ended, Validated};
pub use web_cookies::WebCookieRow;

/// Name of the database inside the vault's folder; its `-wal` and `-shm` stand beside it.
pub const DATABASE_FILE: &str = "vault.sqlite3";

/// Whether freed pages and the write-ahead log were wiped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a blocked scrub leaves deleted bytes on the disk"]
pub enum Scrub {
    /// No byte of what was deleted is left in the vault's files.
    Done,
    /// A reader holds the log. The next scrub, close or open tries again.
    Blocked,
}

/// What an open, or a reopen, found that a kill had interrupted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interrupted {
    /// Keys that nothing uses, to be deleted from the key store and then reported with [`Vault::key_deleted`].
    pub orphan_keys: Vec<KeyName>,
    /// Whether the log that the last process left was wiped.
    pub scrub: Scrub,
}

/// An open vault and what the opening brought to light.
#[derive(Debug)]
pub struct Opened {
    /// The vault.
    pub vault: Vault,
    /// What a kill had interrupted.
    pub interrupted: Interrupted,
    /// All accounts in the order of their positions, as this open found them.
    pub accounts: Vec<AccountRecord>,
    /// What the app is told and what it owes, as this open found it.
    pub lists: Lists,
    /// Where a damaged file was put by this open.
    pub quarantined: Option<PathBuf>,
    /// Accounts of a lost file for which [`Vault::restore_lost`] was not called yet.
    pub lost: Vec<LostAccount>,
}

/// The one SQLite file with all that must survive the process.
#[derive(Debug)]
pub struct Vault {
    folder: PathBuf,
    link: Link,
    /// Held unless the vault is closed.
    lock: Option<writer_lock::WriterLock>,
}

#[derive(Debug)]
enum Link {
    Open(Connection),
    /// Closed on purpose, for suspension.
    Closed,
    /// Dropped after an I/O error; the next call opens the file again.
    Broken,
}

/// Whether a write may use up the disk reserve. Only writes that take a session's content or token away may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reserve {
    Spend,
    Keep,
}

impl Vault {
    /// Opens the vault in `folder`, creating both if they are not there, and finishes what a kill interrupted.
    ///
    /// A damaged file is renamed, not deleted, and a new one begins; `lost` then names the accounts that were in it. One such
    /// file is kept, the last. A file that cannot be opened for any other reason is left as it is.
    ///
    /// # Errors
    /// [`VaultError::NewerSchema`] for a file of a newer app, which is left untouched; [`VaultError::Unavailable`] while
    /// the platform or another process keeps the file locked; [`VaultError::InUse`] if another vault has the folder open, in
    /// this process or another one; [`VaultError::DiskFull`], [`VaultError::Io`].
    pub fn open(folder: &Path) -> Result<Opened, VaultError> {
        open::open(folder)
    }

    /// The folder of the vault.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Wipes and closes the file, so that the process holds no lock while it is suspended. Every call but
    /// [`Vault::reopen`] answers [`VaultError::Closed`] from then on. Closing a closed vault does nothing.
    ///
    /// # Errors
    /// If the log could not be written back; the file is closed all the same.
    pub fn close(&mut self) -> Result<Scrub, VaultError> {
        // Let go last, when the file is closed.
        let _lock = self.lock.take();
        match std::mem::replace(&mut self.link, Link::Closed) {
            Link::Open(connection) => {
                let scrub = checkpoint(&connection);
                connection.flush_prepared_statement_cache();
                connection.close().map_err(|(_, error)| error)?;
                scrub
            }
            Link::Closed | Link::Broken => Ok(Scrub::Done),
        }
    }

    /// Opens a closed vault again. An open one is left as it is.
    ///
    /// # Errors
    /// As [`Vault::open`], and [`VaultError::Corrupt`]: then drop this vault and call [`Vault::open`].
    pub fn reopen(&mut self) -> Result<Interrupted, VaultError> {
        if let Link::Open(_) = self.link {
            return Ok(Interrupted {
                orphan_keys: self.orphan_keys()?,
                scrub: Scrub::Done,
            });
        }
        // A broken vault holds its lock still, and goes on holding it if this fails.
        let taken = match &self.lock {
            Some(_) => None,
            None => Some(writer_lock::WriterLock::take(&self.folder)?),
        };
        let open::Connected {
            connection,
            interrupted,
            ..
        } = open::reopen(&self.folder)?;
        self.link = Link::Open(connection);
        if let Some(lock) = taken {
            self.lock = Some(lock);
        }
        Ok(interrupted)
    }

    /// Writes the log back into the file and empties it, so that no byte of a deleted token remains. Call it after every
    /// operation that took a token away.
    ///
    /// # Errors
    /// If the disk is full or fails; then the bytes are still there.
    pub fn scrub(&mut self) -> Result<Scrub, VaultError> {
        let scrub = self.on_connection(|connection| checkpoint(connection))?;
        reserve::restore(&self.folder);
        Ok(scrub)
    }

    /// Takes what other processes of the app left for it with [`leave_hint`]: accounts to ask about.
    pub fn take_hints(&mut self) -> Vec<crate::session::AccountId> {
        hints::take(&self.folder)
    }

    /// Drops the connection after a panic in the middle of an operation: what it had begun is rolled back, and the next call
    /// opens the file again. A closed vault stays closed.
    pub(crate) fn distrust(&mut self) {
        if let Link::Open(_) = self.link {
            self.link = Link::Broken;
        }
    }

    /// What the app is told and what it owes.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn lists(&mut self) -> Result<Lists, VaultError> {
        self.on_connection(|connection| open::lists(connection))
    }

    /// Reads a setting.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn setting(&mut self, setting: Setting) -> Result<Option<String>, VaultError> {
        self.on_connection(|connection| {
            Ok(connection
                .prepare_cached("SELECT value FROM settings WHERE name = ?1")?
                .query_row([setting.name()], |row| row.get(0))
                .optional()?)
        })
    }

    /// Stores a setting.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn set_setting(&mut self, setting: Setting, value: &str) -> Result<(), VaultError> {
        self.write(Reserve::Keep, |transaction| {
            transaction.execute(
                "INSERT INTO settings (name, value) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                [setting.name(), value],
            )?;
            Ok(())
        })
    }

    /// Runs `work` in one transaction that holds the write lock from its start. On a full disk the reserve is given up for
    /// one more try, if `reserve` allows.
    fn write<T>(
        &mut self,
        reserve: Reserve,
        mut work: impl FnMut(&Transaction<'_>) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        match self.attempt(&mut work) {
            Err(VaultError::DiskFull)
                if reserve == Reserve::Spend && reserve::release(&self.folder) =>
            {
                self.attempt(&mut work)
            }
            outcome => outcome,
        }
    }

    fn attempt<T>(
        &mut self,
        work: &mut impl FnMut(&Transaction<'_>) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        self.on_connection(|connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        })
    }

    fn on_connection<T>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        if let Link::Broken = self.link {
            self.link = Link::Open(open::reopen(&self.folder)?.connection);
        }
        let Link::Open(connection) = &mut self.link else {
            return Err(VaultError::Closed);
        };
        let outcome = work(connection);
        if let Err(VaultError::Io { .. }) = outcome {
            // After a failed fsync the pages in memory cannot be trusted to be those on the disk.
            self.link = Link::Broken;
        }
        outcome
    }
}

fn checkpoint(connection: &Connection) -> Result<Scrub, VaultError> {
    connection.busy_timeout(policy::SCRUB_BUSY_TIMEOUT)?;
    let answer = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    });
    connection.busy_timeout(policy::VAULT_BUSY_TIMEOUT)?;
    let (busy, in_log, written): (i64, i64, i64) = answer?;
    if busy == 0 && in_log == written {
        Ok(Scrub::Done)
    } else {
        Ok(Scrub::Blocked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_vault_that_cannot_be_opened_again_lets_nobody_else_write() {
        let folder = tempfile::tempdir().unwrap();
        let mut vault = Vault::open(folder.path()).unwrap().vault;
        vault.distrust();
        let database = folder.path().join(DATABASE_FILE);
        let away = folder.path().join("away");
        std::fs::rename(&database, &away).unwrap();
        std::fs::create_dir(&database).unwrap();
        vault.reopen().unwrap_err();
        assert_eq!(
            Vault::open(folder.path()).map(|_| ()),
            Err(VaultError::InUse)
        );
        std::fs::remove_dir(&database).unwrap();
        std::fs::rename(&away, &database).unwrap();
        vault.reopen().unwrap();
        let _ = vault.close().unwrap();
        Vault::open(folder.path()).unwrap();
    }
}
