//! Opening: version checks, pragmas, migration, setting a damaged file aside, and finishing what a kill interrupted.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, ffi};

use super::records::{AccountRecord, KeyName, Lists, LostAccount};
use super::server_list::{self, ServerList};
use super::writer_lock::WriterLock;
use super::{
    DATABASE_FILE, Interrupted, Link, Opened, Scrub, Vault, VaultError, accounts, atomic_file,
    checkpoint, keys, legacy, notices, obligations, outbox, pending_sign_ins, reserve, schema,
    web_cookies,
};
use crate::policy;

/// SQLite before this may lose a committed transaction when two connections write and checkpoint at once.
const OLDEST_LIBRARY: i32 = 3_051_003;

/// An open file, and all that was found in it.
pub(super) struct Connected {
    pub(super) connection: Connection,
    pub(super) interrupted: Interrupted,
    content: Content,
}

/// What an open reads and hands on, so that the app's start reads it once.
struct Content {
    accounts: Vec<AccountRecord>,
    lists: Lists,
    lost: Vec<LostAccount>,
}

pub(super) fn open(folder: &Path) -> Result<Opened, VaultError> {
    atomic_file::make_folder(folder)?;
    let lock = WriterLock::take(folder)?;
    let known = server_list::read(folder);
    let (quarantined, connected) = match attempt(folder, &known) {
        Err(VaultError::Corrupt { .. }) => {
            let moved = set_aside(folder)?;
            (Some(moved), attempt(folder, &known)?)
        }
        outcome => (None, outcome?),
    };
    let Connected {
        connection,
        interrupted,
        content: Content {
            accounts,
            lists,
            lost,
        },
    } = connected;
    Ok(Opened {
        vault: Vault {
            folder: folder.to_owned(),
            link: Link::Open(connection),
            lock: Some(lock),
        },
        interrupted,
        accounts,
        lists,
        quarantined,
        lost,
    })
}

/// Opens the file of a vault that this process has had open before. Damage is reported, not dealt with.
pub(super) fn reopen(folder: &Path) -> Result<Connected, VaultError> {
    attempt(folder, &server_list::read(folder))
}

fn attempt(folder: &Path, known: &ServerList) -> Result<Connected, VaultError> {
    match connect(folder, known) {
        Err(VaultError::DiskFull) if reserve::release(folder) => connect(folder, known),
        outcome => outcome,
    }
}

fn connect(folder: &Path, known: &ServerList) -> Result<Connected, VaultError> {
    let found = rusqlite::version_number();
    if found < OLDEST_LIBRARY {
        return Err(VaultError::OldLibrary { found });
    }
    let path = folder.join(DATABASE_FILE);
    if path.try_exists()? {
        refuse_newer(&path)?;
    } else {
        // The log of a file that is gone must not be replayed over the one that begins now.
        set_aside(folder)?;
    }
    let left_log = fs::metadata(beside(&path, "-wal")).is_ok_and(|metadata| metadata.len() > 0);
    let mut connection = Connection::open_with_flags(
        &path,
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    prepare(&connection)?;
    schema::migrate(&mut connection)?;
    begin(&mut connection, known)?;
    let content = read_all(&connection)?;
    let orphan_keys = keys::doom_prepared(&mut connection)?;
    let scrub = if left_log {
        checkpoint(&connection)?
    } else {
        Scrub::Done
    };
    // The list and the reserve wait for room on the disk; the vault does not.
    match server_list::refresh(folder, &connection) {
        Ok(()) | Err(VaultError::DiskFull | VaultError::Files { .. }) => {}
        Err(other) => return Err(other),
    }
    reserve::restore(folder);
    Ok(Connected {
        connection,
        interrupted: Interrupted { orphan_keys, scrub },
        content,
    })
}

/// Looks at the version before the file is opened for writing, because even closing a writable connection may change it.
/// Without a log the header says it; with one, a connection that cannot write.
fn refuse_newer(path: &Path) -> Result<(), VaultError> {
    if !beside(path, "-wal").try_exists()?
        && let Some(found) = version_in_header(path)
    {
        return schema::refuse_newer(found);
    }
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(policy::VAULT_BUSY_TIMEOUT)?;
    match schema::version(&connection) {
        Ok(found) => schema::refuse_newer(found),
        // The making of this file was interrupted before it had any tables; opening it for writing cleans up.
        Err(VaultError::Unavailable { code }) if code == ffi::SQLITE_READONLY_ROLLBACK => Ok(()),
        Err(other) => Err(other),
    }
}

/// `user_version` as the file's header has it (<https://sqlite.org/fileformat2.html#user_version_number>); `None` for what
/// cannot be read as one, so that SQLite says what is wrong with it.
fn version_in_header(path: &Path) -> Option<i64> {
    let mut header = [0; 64];
    fs::File::open(path).ok()?.read_exact(&mut header).ok()?;
    let [.., a, b, c, d] = header;
    let version = i32::from_be_bytes([a, b, c, d]);
    header
        .starts_with(b"SQLite format 3\0")
        .then_some(i64::from(version))
}

fn prepare(connection: &Connection) -> Result<(), VaultError> {
    connection.busy_timeout(policy::VAULT_BUSY_TIMEOUT)?;
    // Before anything is written: deleted content is overwritten with zeros (the bundled build does not set it).
    connection.pragma_update(None, "secure_delete", "ON")?;
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(VaultError::Unavailable { code: 0 });
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    if cfg!(target_vendor = "apple") {
        // On Apple systems fsync leaves the data in the drive's cache.
        connection.pragma_update(None, "fullfsync", "ON")?;
        connection.pragma_update(None, "checkpoint_fullfsync", "ON")?;
    }
    connection.pragma_update(None, "foreign_keys", "ON")?;
    connection.pragma_update(None, "trusted_schema", "OFF")?;
    // A temporary file would hold copies of rows outside the vault.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(())
}

/// Fills a new file: its installation id, and what the server list still knows of a file that is gone.
fn begin(connection: &mut Connection, known: &ServerList) -> Result<(), VaultError> {
    let begun: Option<String> = connection
        .query_row(
            "SELECT value FROM settings WHERE name = 'installation_id'",
            [],
            |row| row.get(0),
        )
        .optional()?;
    if begun.is_some() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for account in &known.accounts {
        transaction.execute(
            "INSERT OR IGNORE INTO lost_accounts (id, server_url, user_id, username, data_key_name)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            (
                account.id,
                &account.server_url,
                &account.user_id,
                &account.username,
                &account.data_key_name,
            ),
        )?;
        if let Some(name) = &account.key_name {
            keys::doom(&transaction, account.id, name)?;
        }
    }
    accounts::raise_last_number(&transaction, known.last_account)?;
    transaction.execute(
        "INSERT OR IGNORE INTO settings (name, value) VALUES ('installation_id', ?1)",
        [keys::random_name()?],
    )?;
    transaction.commit()?;
    Ok(())
}

/// Reads every row once, so that damage shows now, when there is a way to deal with it. What the app has acknowledged is in no
/// list, so the tables of the lists are gone through as well.
fn read_all(connection: &Connection) -> Result<Content, VaultError> {
    outbox::all(connection)?;
    pending_sign_ins::all(connection)?;
    legacy::all(connection)?;
    connection
        .prepare_cached(
            "SELECT (SELECT total(at) FROM reminders) + (SELECT total(seen_at) FROM seen_pushes)
                 + (SELECT total(length(value)) FROM settings) + (SELECT total(created_at) FROM notices)
                 + (SELECT total(created_at) FROM obligations) + (SELECT total(generation) FROM web_cookies)",
        )?
        .query_row([], |row| row.get::<_, f64>(0))?;
    Ok(Content {
        accounts: accounts::all(connection)?,
        lists: lists(connection)?,
        lost: lost_accounts(connection)?,
    })
}

pub(super) fn lists(connection: &Connection) -> Result<Lists, VaultError> {
    Ok(Lists {
        notices: notices::pending(connection)?,
        withdrawn_notices: notices::withdrawn(connection)?,
        obligations: obligations::pending(connection)?,
        cookies_due: web_cookies::due(connection)?,
    })
}

/// A connection of its own that cannot write, to see what is on the disk.
pub(super) fn second(folder: &Path) -> Result<Connection, VaultError> {
    let connection = Connection::open_with_flags(
        folder.join(DATABASE_FILE),
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(policy::VAULT_BUSY_TIMEOUT)?;
    Ok(connection)
}

pub(super) fn lost_accounts(connection: &Connection) -> Result<Vec<LostAccount>, VaultError> {
    let lost = connection
        .prepare_cached("SELECT id, server_url, user_id, username FROM lost_accounts ORDER BY id")?
        .query_map([], |row| {
            Ok(LostAccount {
                id: crate::session::AccountId(row.get(0)?),
                server_url: row.get(1)?,
                user_id: row.get(2)?,
                username: row.get(3)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(lost)
}

pub(super) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Renames the database with its log and shared memory. One damaged file is kept, the last: what was set aside before goes,
/// as its tokens are unreadable by then and a device that damages files again and again must not fill up. The database goes
/// first: a kill in between leaves a log without a database, and that is never replayed.
fn set_aside(folder: &Path) -> Result<PathBuf, VaultError> {
    let database = folder.join(DATABASE_FILE);
    let aside = beside(&database, ".damaged");
    let mut moved = false;
    for suffix in ["", "-journal", "-wal", "-shm"] {
        match fs::rename(beside(&database, suffix), beside(&aside, suffix)) {
            Ok(()) => moved = true,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                // Another database's log must not lie beside the one that was moved just now.
                if moved {
                    remove_if_there(&beside(&aside, suffix))?;
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    if moved {
        atomic_file::sync_folder_of(&database)?;
    }
    Ok(aside)
}

fn remove_if_there(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

pub(super) fn key_names(connection: &Connection, query: &str) -> Result<Vec<KeyName>, VaultError> {
    let names = connection
        .prepare_cached(query)?
        .query_map([], |row| Ok(KeyName(row.get(0)?)))?
        .collect::<Result<_, _>>()?;
    Ok(names)
}
