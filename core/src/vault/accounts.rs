//! Reading accounts, and the facts about them that are stored without any decision.

use rusqlite::{Connection, OptionalExtension, Row, Transaction};

use super::records::{
    AccountRecord, KeyName, LostAccount, NewNotice, Outcome, ServerFacts, Stamp, StoredStanding,
    UserFacts,
};
use super::seal::Sealed;
use super::{Reserve, Vault, VaultError, data_key, notices, reminders, server_list};
use crate::session::{AccountId, BootId, BootMillis, Epoch, UnixMillis};

const COLUMNS: &str = "SELECT id, server_url, user_id, username, roles, locale, server_name, server_version,
    sign_in_method, position, epoch, standing, standing_detail, key_name, sealed_token, session_id, csrf_hash,
    device_id, signed_in_at, signed_in_server_date, expires_at, validated_wall, validated_boot, validated_boot_id,
    ended_at, restore_until_wall, restore_until_boot, restore_until_boot_id, header_habits, network_profile,
    diagnostic_id, signing_key, server_policy,
    websocket_url,
    EXISTS (SELECT 1 FROM obligations WHERE obligations.server_url = accounts.server_url AND acknowledged = 0
        AND obligations.id <= accounts.erase_first) AS waits_for_erasing
    FROM accounts";

impl Vault {
    /// All accounts in the order of their positions: one query.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn accounts(&mut self) -> Result<Vec<AccountRecord>, VaultError> {
        self.on_connection(|connection| all(connection))
    }

    /// One account; `None` if it was forgotten or never was.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn account(&mut self, account: AccountId) -> Result<Option<AccountRecord>, VaultError> {
        self.on_connection(|connection| {
            Ok(connection
                .prepare_cached(&format!("{COLUMNS} WHERE id = ?1"))?
                .query_row([account.0], from_row)
                .optional()?)
        })
    }

    /// Stores what the server says about itself.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn set_server_facts(
        &mut self,
        account: AccountId,
        epoch: Epoch,
        facts: &ServerFacts,
    ) -> Result<Outcome, VaultError> {
        self.set(
            account,
            epoch,
            "server_name = ?3, server_version = ?4, diagnostic_id = ?5, signing_key = ?6, server_policy = ?7, websocket_url = ?8",
            &[
                &facts.name,
                &facts.version,
                &facts.diagnostic_id,
                &facts.signing_key,
                &facts.policy,
                &facts.websocket_url,
            ],
        )
    }

    /// Stores how an account reaches its server, as JSON without an open secret; what is owed to that server goes the same
    /// way from then on. False if there is no such account.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn set_network_profile(
        &mut self,
        account: AccountId,
        profile: Option<&str>,
    ) -> Result<bool, VaultError> {
        self.write(Reserve::Keep, |transaction| {
            let changed = transaction.execute(
                "UPDATE accounts SET network_profile = ?2 WHERE id = ?1",
                (account.0, profile),
            )?;
            transaction.execute(
                "UPDATE outbox SET network_profile = ?2 WHERE account = ?1",
                (account.0, profile),
            )?;
            Ok(changed == 1)
        })
    }

    /// Stores what was learned about response headers, as JSON.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn set_header_habits(
        &mut self,
        account: AccountId,
        epoch: Epoch,
        habits: &str,
    ) -> Result<Outcome, VaultError> {
        self.set(account, epoch, "header_habits = ?3", &[&habits])
    }

    /// Stores which row of the server's list is the session of this epoch.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn set_session_id(
        &mut self,
        account: AccountId,
        epoch: Epoch,
        session_id: &str,
    ) -> Result<Outcome, VaultError> {
        self.set(account, epoch, "session_id = ?3", &[&session_id])
    }

    /// Stores which device id is attached to the session.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn set_attached_device(
        &mut self,
        account: AccountId,
        epoch: Epoch,
        device_id: &str,
    ) -> Result<Outcome, VaultError> {
        self.set(account, epoch, "device_id = ?3", &[&device_id])
    }

    /// Stores when the server says that the session expires; what was told of another expiry is void.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn set_expiry(
        &mut self,
        account: AccountId,
        epoch: Epoch,
        expires_at: Option<UnixMillis>,
        at: UnixMillis,
    ) -> Result<Outcome, VaultError> {
        self.write(Reserve::Keep, |transaction| {
            let changed = transaction
                .prepare_cached("UPDATE accounts SET expires_at = ?3 WHERE id = ?1 AND epoch = ?2")?
                .execute((account.0, epoch.0, expires_at.map(|at| at.0)))?;
            if changed == 1 {
                reminders::expiry_moved(transaction, account, epoch, at)?;
            }
            Ok(outcome(changed))
        })
    }

    /// Makes an account out of what is known of a lost one: no token, the given standing, and the notice that tells it.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn restore_lost(
        &mut self,
        lost: &LostAccount,
        standing: &StoredStanding,
        notice: Option<&NewNotice>,
        at: UnixMillis,
    ) -> Result<Outcome, VaultError> {
        let outcome = self.write(Reserve::Keep, |transaction| {
            let Some(data_key) = data_key::take_lost(transaction, lost.id)? else {
                return Ok(Outcome::Stale);
            };
            let epoch = Epoch(1);
            transaction.execute(
                "INSERT INTO accounts (id, server_url, user_id, username, roles, locale, sign_in_method, position, epoch,
                     standing, standing_detail, signed_in_at, ended_at)
                 VALUES (?1, ?2, ?3, ?4, '', '', '', (SELECT coalesce(max(position), 0) + 1 FROM accounts), ?5, ?6, ?7, ?8, ?8)",
                (lost.id.0, &lost.server_url, &lost.user_id, &lost.username, epoch.0, &standing.code, &standing.detail, at.0),
            )?;
            data_key::keep(transaction, lost.id, data_key)?;
            if let Some(notice) = notice {
                notices::insert(transaction, lost.id, epoch, notice, at)?;
            }
            Ok(Outcome::Committed(()))
        })?;
        self.refresh_server_list();
        Ok(outcome)
    }

    fn set(
        &mut self,
        account: AccountId,
        epoch: Epoch,
        assignments: &str,
        values: &[&dyn rusqlite::ToSql],
    ) -> Result<Outcome, VaultError> {
        let sql = format!("UPDATE accounts SET {assignments} WHERE id = ?1 AND epoch = ?2");
        self.write(Reserve::Keep, |transaction| {
            let mut parameters: Vec<&dyn rusqlite::ToSql> = vec![&account.0, &epoch.0];
            parameters.extend_from_slice(values);
            let changed = transaction
                .prepare_cached(&sql)?
                .execute(parameters.as_slice())?;
            Ok(outcome(changed))
        })
    }

    /// Brings the server list up to date with the vault. The list only serves a later disaster, so a failure to write it does
    /// not undo what was committed; the next open writes it again.
    pub fn refresh_server_list(&mut self) {
        let folder = self.folder.clone();
        let _ = self.on_connection(|connection| server_list::refresh(&folder, connection));
    }
}

pub(super) fn outcome(changed: usize) -> Outcome {
    if changed == 1 {
        Outcome::Committed(())
    } else {
        Outcome::Stale
    }
}

/// Whether the account is still in that epoch.
pub(super) fn is_current(
    transaction: &Transaction<'_>,
    account: AccountId,
    epoch: Epoch,
) -> Result<bool, VaultError> {
    Ok(transaction
        .prepare_cached("SELECT 1 FROM accounts WHERE id = ?1 AND epoch = ?2")?
        .exists((account.0, epoch.0))?)
}

pub(super) fn all(connection: &Connection) -> Result<Vec<AccountRecord>, VaultError> {
    let accounts = connection
        .prepare_cached(&format!("{COLUMNS} ORDER BY position, id"))?
        .query_map([], from_row)?
        .collect::<Result<_, _>>()?;
    Ok(accounts)
}

/// The highest account number ever given.
pub(super) fn last_number(connection: &Connection) -> Result<i64, VaultError> {
    Ok(connection
        .prepare_cached("SELECT value FROM settings WHERE name = 'last_account'")?
        .query_row([], |row| row.get::<_, String>(0))
        .optional()?
        .and_then(|text| text.parse().ok())
        .unwrap_or(0))
}

pub(super) fn raise_last_number(
    transaction: &Transaction<'_>,
    number: i64,
) -> Result<(), VaultError> {
    let number = number.max(last_number(transaction)?);
    transaction.execute(
        "INSERT INTO settings (name, value) VALUES ('last_account', ?1)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        [number.to_string()],
    )?;
    Ok(())
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<AccountRecord> {
    Ok(AccountRecord {
        id: AccountId(row.get("id")?),
        server_url: row.get("server_url")?,
        user_id: row.get("user_id")?,
        user: UserFacts {
            username: row.get("username")?,
            roles: row.get("roles")?,
            locale: row.get("locale")?,
        },
        server: ServerFacts {
            name: row.get("server_name")?,
            version: row.get("server_version")?,
            diagnostic_id: row.get("diagnostic_id")?,
            signing_key: row.get("signing_key")?,
            policy: row.get("server_policy")?,
            websocket_url: row.get("websocket_url")?,
        },
        sign_in_method: row.get("sign_in_method")?,
        position: row.get("position")?,
        epoch: Epoch(row.get("epoch")?),
        standing: StoredStanding {
            code: row.get("standing")?,
            detail: row.get("standing_detail")?,
        },
        key_name: row.get::<_, Option<String>>("key_name")?.map(KeyName),
        sealed_token: row
            .get::<_, Option<Vec<u8>>>("sealed_token")?
            .map(Sealed::from_bytes),
        session_id: row.get("session_id")?,
        csrf_hash: row.get("csrf_hash")?,
        device_id: row.get("device_id")?,
        signed_in_at: UnixMillis(row.get("signed_in_at")?),
        signed_in_server_date: row
            .get::<_, Option<i64>>("signed_in_server_date")?
            .map(UnixMillis),
        expires_at: row.get::<_, Option<i64>>("expires_at")?.map(UnixMillis),
        validated_at: stamp(row, "validated_wall", "validated_boot", "validated_boot_id")?,
        ended_at: row.get::<_, Option<i64>>("ended_at")?.map(UnixMillis),
        restore_until: stamp(
            row,
            "restore_until_wall",
            "restore_until_boot",
            "restore_until_boot_id",
        )?,
        header_habits: row.get("header_habits")?,
        network_profile: row.get("network_profile")?,
        waits_for_erasing: row.get("waits_for_erasing")?,
    })
}

fn stamp(row: &Row<'_>, wall: &str, boot: &str, boot_id: &str) -> rusqlite::Result<Option<Stamp>> {
    let wall: Option<i64> = row.get(wall)?;
    let boot: Option<i64> = row.get(boot)?;
    let boot_id: Option<String> = row.get(boot_id)?;
    Ok(match (wall, boot, boot_id) {
        (Some(wall), Some(boot), Some(boot_id)) => Some(Stamp {
            wall: UnixMillis(wall),
            boot: BootMillis(boot),
            boot_id: BootId(boot_id),
        }),
        _ => None,
    })
}
