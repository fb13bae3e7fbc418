//! The tables of the vault and how an older file becomes a newer one.
//!
//! Migrations only go forward, each in one transaction together with the version number. A step that has shipped is never
//! edited: the files in `tests/fixtures` were written by it and must open for ever.

use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

use super::error::VaultError;

/// The version that this code writes.
pub(super) const VERSION: i64 = STEPS.len() as i64;

const STEPS: &[M<'_>] = &[M::up(VERSION_1), M::up(VERSION_2), M::up(VERSION_3)];

/// Times are milliseconds since 1970 (`_at`, `_wall`) or since the device started (`_boot`, with `_boot_id` naming the
/// start). `standing_detail`, `payload`, `header_habits` and `network_profile` are JSON that the vault does not read.
const VERSION_1: &str = "
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    server_url TEXT NOT NULL,
    user_id TEXT NOT NULL,
    username TEXT NOT NULL,
    roles TEXT NOT NULL,
    locale TEXT NOT NULL,
    server_name TEXT,
    server_version TEXT,
    sign_in_method TEXT NOT NULL,
    position INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    standing TEXT NOT NULL,
    standing_detail TEXT NOT NULL,
    key_name TEXT,
    sealed_token BLOB,
    session_id TEXT,
    csrf_hash TEXT,
    device_id TEXT,
    signed_in_at INTEGER NOT NULL,
    signed_in_server_date INTEGER,
    expires_at INTEGER,
    validated_wall INTEGER,
    validated_boot INTEGER,
    validated_boot_id TEXT,
    ended_at INTEGER,
    restore_until_wall INTEGER,
    restore_until_boot INTEGER,
    restore_until_boot_id TEXT,
    header_habits TEXT,
    network_profile TEXT,
    UNIQUE (server_url, user_id),
    CHECK ((key_name IS NULL) = (sealed_token IS NULL))
) STRICT;

CREATE TABLE lost_accounts (
    id INTEGER PRIMARY KEY,
    server_url TEXT NOT NULL,
    user_id TEXT NOT NULL,
    username TEXT NOT NULL
) STRICT;

CREATE TABLE notices (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    epoch INTEGER NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'acknowledged', 'withdrawn')),
    UNIQUE (account, epoch, kind)
) STRICT;

CREATE TABLE obligations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,
    server_url TEXT NOT NULL,
    user_id TEXT NOT NULL,
    blocks INTEGER,
    created_at INTEGER NOT NULL,
    acknowledged INTEGER NOT NULL DEFAULT 0 CHECK (acknowledged IN (0, 1)),
    UNIQUE (account, epoch, kind)
) STRICT;

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    kind TEXT NOT NULL,
    server_url TEXT NOT NULL,
    sealed_token BLOB,
    payload TEXT NOT NULL,
    network_profile TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_try_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE pending_keys (
    name TEXT PRIMARY KEY,
    account INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('prepared', 'doomed'))
) STRICT;

CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
";

/// Sign-ins that wait for their link from the browser. `account` is the one that is to be signed in to again, if it is one.
const VERSION_2: &str = "
CREATE TABLE pending_sign_ins (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    server_url TEXT NOT NULL UNIQUE,
    account INTEGER REFERENCES accounts (id) ON DELETE CASCADE,
    state TEXT NOT NULL,
    sealed_verifier BLOB NOT NULL,
    begun_wall INTEGER NOT NULL,
    begun_boot INTEGER NOT NULL,
    begun_boot_id TEXT NOT NULL
) STRICT;
";

/// What the rest of the surface stores. `data_key_name` names the key that dies with the account; `diagnostic_id`,
/// `signing_key`, `websocket_url` and `server_policy` are what the server's client configuration says; `seen_pushes` are
/// acknowledgement ids that must not come twice; `reminders` are those that the system shows at their time; `legacy_imports` is
/// what an older app left behind, from the copy to its erasing there. `web_cookies` has a row for each account whose cookies were handed to a web view, and keeps it until they
/// were taken back there, even when the account is gone; the triggers count what changes about them, whoever changes it.
/// `erase_first` is the last obligation on the account's server that must be acknowledged before its content is shown
/// (`obligations.blocks`, which could name one account only, is no longer used); `withdrawn_notices` are those that the app is
/// to take back.
const VERSION_3: &str = "
ALTER TABLE accounts ADD COLUMN data_key_name TEXT;
ALTER TABLE accounts ADD COLUMN diagnostic_id TEXT;
ALTER TABLE accounts ADD COLUMN signing_key TEXT;
ALTER TABLE accounts ADD COLUMN websocket_url TEXT;
ALTER TABLE accounts ADD COLUMN server_policy TEXT;
ALTER TABLE pending_sign_ins ADD COLUMN network_profile TEXT;
ALTER TABLE accounts ADD COLUMN erase_first INTEGER NOT NULL DEFAULT 0;
UPDATE accounts SET erase_first =
    coalesce((SELECT max(id) FROM obligations WHERE blocks = accounts.id AND acknowledged = 0), 0);
ALTER TABLE lost_accounts ADD COLUMN data_key_name TEXT;

CREATE TABLE withdrawn_notices (
    notice INTEGER PRIMARY KEY
) STRICT;

CREATE TABLE seen_pushes (
    ack_id TEXT PRIMARY KEY,
    seen_at INTEGER NOT NULL
) STRICT;

CREATE TABLE reminders (
    account INTEGER PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    epoch INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;

CREATE TABLE legacy_imports (
    entry TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    server_url TEXT NOT NULL,
    outcome TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('copied', 'durable', 'erased')),
    account INTEGER,
    sealed_token BLOB,
    device_id TEXT,
    csrf_hash TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_try_at INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    CHECK (outcome = 'pending' OR sealed_token IS NULL)
) STRICT;

CREATE TABLE web_cookies (
    account INTEGER PRIMARY KEY,
    server_url TEXT NOT NULL,
    domain TEXT,
    generation INTEGER NOT NULL,
    written INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TRIGGER web_cookies_change AFTER UPDATE OF epoch, ended_at, expires_at, device_id ON accounts
WHEN old.epoch IS NOT new.epoch OR old.ended_at IS NOT new.ended_at OR old.expires_at IS NOT new.expires_at
    OR old.device_id IS NOT new.device_id
BEGIN
    UPDATE web_cookies SET generation = generation + 1 WHERE account = new.id;
END;

CREATE TRIGGER web_cookies_end AFTER DELETE ON accounts
BEGIN
    UPDATE web_cookies SET generation = generation + 1 WHERE account = old.id;
END;
";

/// Refuses a file that a newer version wrote.
pub(super) fn refuse_newer(found: i64) -> Result<(), VaultError> {
    if found > VERSION {
        return Err(VaultError::NewerSchema {
            found,
            known: VERSION,
        });
    }
    Ok(())
}

/// Brings the file to [`VERSION`].
pub(super) fn migrate(connection: &mut Connection) -> Result<(), VaultError> {
    refuse_newer(version(connection)?)?;
    Migrations::from_slice(STEPS)
        .to_latest(connection)
        .map_err(|error| match error {
            rusqlite_migration::Error::RusqliteError { err, .. } => VaultError::from(err),
            _ => VaultError::Misuse("a migration is not valid"),
        })
}

/// The version of the file; 0 for a new one.
pub(super) fn version(connection: &Connection) -> Result<i64, VaultError> {
    Ok(connection.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_valid_sql() {
        Migrations::from_slice(STEPS).validate().unwrap();
    }
}
