//! The server list: a tiny second file that says which accounts the vault holds, so that a damaged vault can be named.
//! It holds no secret, and nothing is decided by it while the vault is readable.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::atomic_file;
use super::error::VaultError;

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ServerList {
    version: u32,
    /// Highest account number ever given.
    pub(super) last_account: i64,
    pub(super) accounts: Vec<Entry>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) id: i64,
    pub(super) server_url: String,
    pub(super) user_id: String,
    pub(super) username: String,
    /// The account's key: with the vault lost, deleting it is what destroys the token in the damaged file.
    pub(super) key_name: Option<String>,
    /// The account's data key: what the app encrypted with it may outlive the vault. Lists of earlier versions have none.
    #[serde(default)]
    pub(super) data_key_name: Option<String>,
}

fn path(folder: &Path) -> PathBuf {
    folder.join("servers.json")
}

/// Reads the list. A missing or unreadable one counts as empty: it only ever adds to what can be told.
pub(super) fn read(folder: &Path) -> ServerList {
    std::fs::read(path(folder))
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

/// Brings the list up to date with the vault.
pub(super) fn refresh(folder: &Path, connection: &Connection) -> Result<(), VaultError> {
    let list = from_vault(connection)?;
    if list != read(folder) {
        let bytes = serde_json::to_vec(&list)
            .map_err(|_| VaultError::Misuse("the server list is not JSON"))?;
        atomic_file::write(&path(folder), &bytes)?;
    }
    Ok(())
}

fn from_vault(connection: &Connection) -> Result<ServerList, VaultError> {
    let last_account = super::accounts::last_number(connection)?;
    let accounts = connection
        .prepare_cached(
            "SELECT id, server_url, user_id, username, key_name, data_key_name FROM accounts
             UNION ALL SELECT id, server_url, user_id, username, NULL, data_key_name FROM lost_accounts ORDER BY 1",
        )?
        .query_map([], |row| {
            Ok(Entry {
                id: row.get(0)?,
                server_url: row.get(1)?,
                user_id: row.get(2)?,
                username: row.get(3)?,
                key_name: row.get(4)?,
                data_key_name: row.get(5)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(ServerList {
        version: 1,
        last_account,
        accounts,
    })
}
