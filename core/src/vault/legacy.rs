//! What an older app left behind, entry by entry: copied here, durable here, erased there. The host may erase an entry only
//! when it is durable.

use rusqlite::{Connection, OptionalExtension, Row, Transaction};

use super::records::{KeyName, Outcome};
use super::seal::Sealed;
use super::sign_in::{self, SignIn, SignedIn};
use super::{Reserve, Vault, VaultError, accounts, open};
use crate::session::{AccountId, UnixMillis};

/// Code of the source whose entries are secrets of gateways. One is pending for as long as a token of its server is, which
/// is told apart by its source.
pub const PRE_AUTH: &str = "react_native_2_pre_shared_secret";

/// How far an entry has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegacyState {
    /// It is in the vault, and what it means with it.
    Copied,
    /// What it means was read back from the disk and opened: the host may erase it.
    Durable,
    /// The host has erased it.
    Erased,
}

/// An entry to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLegacyRow {
    /// Its id.
    pub entry: String,
    /// Code of its source.
    pub source: String,
    /// Canonical server URL; empty where it has none.
    pub server_url: String,
    /// Code of what became of it: `pending` for one whose token is kept here.
    pub outcome: String,
    /// The account that it became.
    pub account: Option<AccountId>,
    /// The token of a pending one: see [`seal_legacy`](super::seal_legacy). Of a pending [`PRE_AUTH`] its secret: see
    /// [`seal_profile_secret`](super::seal_profile_secret).
    pub sealed_token: Option<Sealed>,
    /// The device id that the older app attached to the session.
    pub device_id: Option<String>,
    /// SHA-256 of the session's CSRF token, if known.
    pub csrf_hash: Option<String>,
}

/// An entry as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyRow {
    /// What was stored.
    pub row: NewLegacyRow,
    /// How far it has come.
    pub state: LegacyState,
    /// Tries so far to ask the server about a pending one.
    pub attempts: u32,
    /// Wall clock before which it is not tried again by itself.
    pub next_try_at: UnixMillis,
    /// Wall clock before which the server does not want to be asked, whatever happens here.
    pub not_before: UnixMillis,
}

impl Vault {
    /// Every entry that was ever stored, in the order of storing.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn legacy(&mut self) -> Result<Vec<LegacyRow>, VaultError> {
        self.on_connection(|connection| all(connection))
    }

    /// Stores entries as copied. One that is there already stays as it is.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn add_legacy(&mut self, rows: &[NewLegacyRow], at: UnixMillis) -> Result<(), VaultError> {
        self.write(Reserve::Keep, |transaction| insert(transaction, rows, at))
    }

    /// Adopts a session before its server was heard: as [`Vault::commit_sign_in`], without a first validation, and with the
    /// entries that it comes from in the same transaction. `Stale` as well if an account on that server has come up since.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn adopt_legacy(
        &mut self,
        sign_in: &SignIn,
        rows: &[NewLegacyRow],
    ) -> Result<Outcome<SignedIn>, VaultError> {
        self.write(Reserve::Keep, |transaction| {
            for row in rows {
                if has_account(transaction, &row.server_url)? {
                    return Ok(Outcome::Stale);
                }
            }
            let outcome = sign_in::commit(transaction, sign_in)?;
            if let Outcome::Committed(_) = &outcome {
                insert(transaction, rows, sign_in.at.wall)?;
            }
            Ok(outcome)
        })
    }

    /// The server said whose a pending session is: as [`Vault::commit_sign_in`], and the entry is that account's in the same
    /// transaction, its own copy of the token gone. `Stale` as well if the entry is no longer pending, or an account on that
    /// server has come up since.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn adopt_pending_legacy(
        &mut self,
        sign_in: &SignIn,
        entry: &str,
    ) -> Result<Outcome<SignedIn>, VaultError> {
        self.write(Reserve::Keep, |transaction| {
            let url: Option<String> = transaction
                .query_row(
                    "SELECT server_url FROM legacy_imports WHERE entry = ?1 AND outcome = 'pending'",
                    [entry],
                    |row| row.get(0),
                )
                .optional()?;
            let Some(url) = url else {
                return Ok(Outcome::Stale);
            };
            if has_account(transaction, &url)? {
                return Ok(Outcome::Stale);
            }
            let outcome = sign_in::commit(transaction, sign_in)?;
            if let Outcome::Committed(signed_in) = &outcome {
                // What was durable in the entry has to become so in the account.
                transaction.execute(
                    "UPDATE legacy_imports SET outcome = 'adopted', account = ?2, sealed_token = NULL,
                         state = CASE state WHEN 'durable' THEN 'copied' ELSE state END
                     WHERE entry = ?1",
                    (entry, signed_in.account.0),
                )?;
                note_pre_auth(transaction, &url)?;
                transaction.execute(
                    "UPDATE legacy_imports SET account = ?2 WHERE server_url = ?1 AND account IS NULL",
                    (url, signed_in.account.0),
                )?;
            }
            Ok(outcome)
        })
    }

    /// Gives a pending entry another outcome and takes its token away; [`Vault::scrub`] follows. False if it is no longer
    /// pending.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn settle_legacy(&mut self, entry: &str, outcome: &str) -> Result<bool, VaultError> {
        self.write(Reserve::Spend, |transaction| {
            let changed = transaction.execute(
                "UPDATE legacy_imports SET outcome = ?2, sealed_token = NULL WHERE entry = ?1 AND outcome = 'pending'",
                (entry, outcome),
            )?;
            if changed == 1 {
                note_pre_auth(transaction, &server_of(transaction, entry)?)?;
            }
            Ok(changed == 1)
        })
    }

    /// Strikes a pending entry out whose token cannot be opened any more, so that it is taken anew if it is handed over
    /// again. One that the host has erased stays, as refused.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn drop_legacy(&mut self, entry: &str) -> Result<(), VaultError> {
        self.write(Reserve::Keep, |transaction| {
            let url = server_of(transaction, entry)?;
            transaction.execute(
                "DELETE FROM legacy_imports WHERE (entry = ?1 OR server_url = ?2 AND source = ?3)
                     AND outcome = 'pending' AND state <> 'erased'",
                (entry, &url, PRE_AUTH),
            )?;
            note_pre_auth(transaction, &url)?;
            transaction.execute(
                "UPDATE legacy_imports SET outcome = 'refused', sealed_token = NULL WHERE entry = ?1 AND outcome = 'pending'",
                [entry],
            )?;
            Ok(())
        })
    }

    /// Stores that a pending entry was asked about in vain.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn legacy_attempted(
        &mut self,
        entry: &str,
        next_try_at: UnixMillis,
        not_before: UnixMillis,
    ) -> Result<(), VaultError> {
        self.write(Reserve::Keep, |transaction| {
            transaction.execute(
                "UPDATE legacy_imports SET attempts = attempts + 1, next_try_at = ?2, not_before = ?3 WHERE entry = ?1",
                (entry, next_try_at.0, not_before.0),
            )?;
            Ok(())
        })
    }

    /// Every copied entry with what has to open before it counts as durable: its own token, or that of its account; neither
    /// if its account has moved on since. Read through a second connection, so that what is seen is on the disk and not in
    /// this one's memory.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn read_back_legacy(&mut self) -> Result<Vec<ReadBack>, VaultError> {
        // A closed vault stays closed.
        self.on_connection(|_| Ok(()))?;
        let connection = open::second(&self.folder)?;
        let copied: Vec<LegacyRow> = all(&connection)?
            .into_iter()
            .filter(|row| row.state == LegacyState::Copied)
            .collect();
        let accounts = accounts::all(&connection)?;
        Ok(copied
            .into_iter()
            .map(|row| {
                let account = row.row.account.and_then(|id| {
                    let account = accounts.iter().find(|account| account.id == id)?;
                    let name = account.key_name.clone()?;
                    Some((name, id, account.epoch, account.sealed_token.clone()?))
                });
                let profile = row.row.account.and_then(|id| {
                    let account = accounts.iter().find(|account| account.id == id)?;
                    account.network_profile.clone()
                });
                ReadBack {
                    entry: row.row.entry,
                    source: row.row.source,
                    server_url: row.row.server_url,
                    sealed_token: row.row.sealed_token,
                    account,
                    profile,
                }
            })
            .collect())
    }

    /// What these entries mean was seen to be durable.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn legacy_durable(&mut self, entries: &[String]) -> Result<(), VaultError> {
        self.write(Reserve::Keep, |transaction| {
            for entry in entries {
                transaction.execute(
                    "UPDATE legacy_imports SET state = 'durable' WHERE entry = ?1 AND state = 'copied'",
                    [entry],
                )?;
            }
            Ok(())
        })
    }

    /// The host has erased these entries. One that it was not told to erase stays as it is.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn legacy_erased(&mut self, entries: &[String]) -> Result<(), VaultError> {
        self.write(Reserve::Keep, |transaction| {
            for entry in entries {
                transaction.execute(
                    "UPDATE legacy_imports SET state = 'erased' WHERE entry = ?1 AND state = 'durable'",
                    [entry],
                )?;
            }
            Ok(())
        })
    }
}

/// A copied entry as it is on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadBack {
    /// Which.
    pub entry: String,
    /// Code of its source.
    pub source: String,
    /// Canonical server URL; empty where it has none.
    pub server_url: String,
    /// The token of a pending one, or the secret.
    pub sealed_token: Option<Sealed>,
    /// Key, number, epoch and token of the account that it became.
    pub account: Option<(KeyName, AccountId, crate::session::Epoch, Sealed)>,
    /// The network profile of that account.
    pub profile: Option<String>,
}

fn server_of(transaction: &Transaction<'_>, entry: &str) -> Result<String, VaultError> {
    let url = transaction
        .prepare_cached("SELECT server_url FROM legacy_imports WHERE entry = ?1")?
        .query_row([entry], |row| row.get(0))
        .optional()?;
    Ok(url.unwrap_or_default())
}

/// No token of this server is pending any more, so the secret of its gateway is not either; what was durable in its entry
/// has to become so in the account.
fn note_pre_auth(transaction: &Transaction<'_>, server_url: &str) -> Result<(), VaultError> {
    transaction.execute(
        "UPDATE legacy_imports SET outcome = 'noted', sealed_token = NULL,
             state = CASE state WHEN 'durable' THEN 'copied' ELSE state END
         WHERE server_url = ?1 AND source = ?2 AND outcome = 'pending'",
        (server_url, PRE_AUTH),
    )?;
    Ok(())
}

fn has_account(transaction: &Transaction<'_>, server_url: &str) -> Result<bool, VaultError> {
    Ok(transaction
        .prepare_cached("SELECT 1 FROM accounts WHERE server_url = ?1")?
        .exists([server_url])?)
}

fn insert(
    transaction: &Transaction<'_>,
    rows: &[NewLegacyRow],
    at: UnixMillis,
) -> Result<(), VaultError> {
    for row in rows {
        transaction
            .prepare_cached(
                "INSERT INTO legacy_imports (entry, source, server_url, outcome, state, account, sealed_token, device_id,
                     csrf_hash, created_at)
                 VALUES (?1, ?2, ?3, ?4, 'copied', ?5, ?6, ?7, ?8, ?9) ON CONFLICT (entry) DO NOTHING",
            )?
            .execute((
                &row.entry,
                &row.source,
                &row.server_url,
                &row.outcome,
                row.account.map(|account| account.0),
                row.sealed_token.as_ref().map(Sealed::as_bytes),
                &row.device_id,
                &row.csrf_hash,
                at.0,
            ))?;
    }
    Ok(())
}

pub(super) fn all(connection: &Connection) -> Result<Vec<LegacyRow>, VaultError> {
    let rows = connection
        .prepare_cached("SELECT * FROM legacy_imports ORDER BY rowid")?
        .query_map([], from_row)?
        .collect::<Result<_, _>>()?;
    Ok(rows)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<LegacyRow> {
    let code: String = row.get("state")?;
    let state = match code.as_str() {
        "copied" => LegacyState::Copied,
        "durable" => LegacyState::Durable,
        "erased" => LegacyState::Erased,
        _ => {
            let (column, kind) = ("state".to_owned(), rusqlite::types::Type::Text);
            return Err(rusqlite::Error::InvalidColumnType(4, column, kind));
        }
    };
    Ok(LegacyRow {
        row: NewLegacyRow {
            entry: row.get("entry")?,
            source: row.get("source")?,
            server_url: row.get("server_url")?,
            outcome: row.get("outcome")?,
            account: row.get::<_, Option<i64>>("account")?.map(AccountId),
            sealed_token: row
                .get::<_, Option<Vec<u8>>>("sealed_token")?
                .map(Sealed::from_bytes),
            device_id: row.get("device_id")?,
            csrf_hash: row.get("csrf_hash")?,
        },
        state,
        attempts: row.get("attempts")?,
        next_try_at: UnixMillis(row.get("next_try_at")?),
        not_before: UnixMillis(row.get("not_before")?),
    })
}
