//! The outbox: what is owed to servers until it is proved to be done.

use rusqlite::{Connection, OptionalExtension, Row, Transaction};

use super::records::{OldToken, OutboxEntry, OutboxId, OutboxKind, OutboxProof, Outcome, Setting};
use super::seal::Sealed;
use super::{Reserve, Vault, VaultError, accounts};
use crate::policy;
use crate::session::{AccountId, Epoch, UnixMillis};

impl Vault {
    /// Everything that is owed, oldest first.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn outbox(&mut self) -> Result<Vec<OutboxEntry>, VaultError> {
        self.on_connection(|connection| all(connection))
    }

    /// What may be tried now, oldest first. An entry whose next try lies further ahead than any wait reaches is due as
    /// well: then the clock was set back.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn outbox_due(&mut self, now: UnixMillis) -> Result<Vec<OutboxEntry>, VaultError> {
        let longest = UnixMillis(now.0.saturating_add(longest_wait()));
        let mut entries = self.outbox()?;
        entries.retain(|entry| entry.next_try_at <= now || entry.next_try_at > longest);
        Ok(entries)
    }

    /// Stores that an entry was tried in vain. False if it is no longer owed.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn outbox_attempted(
        &mut self,
        entry: OutboxId,
        next_try_at: UnixMillis,
    ) -> Result<bool, VaultError> {
        self.write(Reserve::Keep, |transaction| {
            let changed = transaction
                .prepare_cached(
                    "UPDATE outbox SET attempts = attempts + 1, next_try_at = ?2 WHERE id = ?1",
                )?
                .execute((entry.0, next_try_at.0))?;
            Ok(changed == 1)
        })
    }

    /// Strikes an entry out, with the proof that it is done or can never be. False if it is no longer owed.
    ///
    /// # Errors
    /// [`VaultError::Misuse`] for a proof of another kind of entry; otherwise if the file cannot be written.
    pub fn outbox_done(&mut self, entry: OutboxId, proof: OutboxProof) -> Result<bool, VaultError> {
        let kind = match proof {
            OutboxProof::SessionGone | OutboxProof::LoggedOut | OutboxProof::KeyLost => {
                OutboxKind::RevokeToken
            }
            OutboxProof::DeviceAttached => OutboxKind::AttachDevice,
        };
        self.write(Reserve::Keep, |transaction| {
            let changed = transaction.execute(
                "DELETE FROM outbox WHERE id = ?1 AND kind = ?2",
                (entry.0, kind.code()),
            )?;
            if changed == 1 {
                return Ok(true);
            }
            let owed = transaction
                .prepare_cached("SELECT 1 FROM outbox WHERE id = ?1")?
                .exists([entry.0])?;
            if owed {
                return Err(VaultError::Misuse("the proof does not fit the entry"));
            }
            Ok(false)
        })
    }

    /// Owes the server the end of a session that no account holds: one that began and could not be used. Its token is
    /// sealed for [`STRAY`].
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn owe_stray(
        &mut self,
        server_url: &str,
        sealed: &Sealed,
        network_profile: Option<&str>,
        at: UnixMillis,
    ) -> Result<OutboxId, VaultError> {
        self.write(Reserve::Spend, |transaction| {
            let id = transaction
                .prepare_cached(
                    "INSERT INTO outbox (account, epoch, kind, server_url, sealed_token, payload, network_profile,
                         next_try_at, created_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, '', ?6, ?7, ?7) RETURNING id",
                )?
                .query_row(
                    (
                        STRAY.0.0,
                        STRAY.1.0,
                        OutboxKind::RevokeToken.code(),
                        server_url,
                        sealed.as_bytes(),
                        network_profile,
                        at.0,
                    ),
                    |row| row.get(0),
                )?;
            Ok(OutboxId(id))
        })
    }

    /// Owes the server a device id for the session of this epoch, in place of one that was owed before.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn owe_device(
        &mut self,
        account: AccountId,
        epoch: Epoch,
        device_id: &str,
        at: UnixMillis,
    ) -> Result<Outcome<OutboxId>, VaultError> {
        self.write(Reserve::Keep, |transaction| {
            if !accounts::is_current(transaction, account, epoch)? {
                return Ok(Outcome::Stale);
            }
            drop_devices(transaction, account)?;
            let id = insert(
                transaction,
                account,
                OutboxKind::AttachDevice,
                None,
                device_id,
                at,
            )?;
            Ok(Outcome::Committed(id))
        })
    }

    /// Owes the server no device id for this account any more: the device has none.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn drop_owed_device(&mut self, account: AccountId) -> Result<(), VaultError> {
        self.write(Reserve::Keep, |transaction| {
            drop_devices(transaction, account)
        })
    }
}

/// The account number of an entry that belongs to no account.
pub const STRAY: (AccountId, Epoch) = (AccountId(0), Epoch(0));

fn longest_wait() -> i64 {
    i64::try_from(policy::BACKGROUND_RETRY_CAP.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn all(connection: &Connection) -> Result<Vec<OutboxEntry>, VaultError> {
    let entries = connection
        .prepare_cached(
            "SELECT id, account, epoch, kind, server_url, sealed_token, payload, network_profile, attempts, next_try_at,
                 created_at
             FROM outbox ORDER BY id",
        )?
        .query_map([], from_row)?
        .collect::<Result<_, _>>()?;
    Ok(entries)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<OutboxEntry> {
    let kind: String = row.get("kind")?;
    Ok(OutboxEntry {
        id: OutboxId(row.get("id")?),
        account: AccountId(row.get("account")?),
        epoch: Epoch(row.get("epoch")?),
        kind: OutboxKind::from_code(&kind).ok_or_else(|| {
            rusqlite::Error::InvalidColumnType(3, "kind".to_owned(), rusqlite::types::Type::Text)
        })?,
        server_url: row.get("server_url")?,
        sealed_token: row
            .get::<_, Option<Vec<u8>>>("sealed_token")?
            .map(Sealed::from_bytes),
        payload: row.get("payload")?,
        network_profile: row.get("network_profile")?,
        attempts: row.get("attempts")?,
        next_try_at: UnixMillis(row.get("next_try_at")?),
        created_at: UnixMillis(row.get("created_at")?),
    })
}

fn insert(
    transaction: &Transaction<'_>,
    account: AccountId,
    kind: OutboxKind,
    sealed: Option<&Sealed>,
    payload: &str,
    at: UnixMillis,
) -> Result<OutboxId, VaultError> {
    let id = transaction
        .prepare_cached(
            "INSERT INTO outbox (account, epoch, kind, server_url, sealed_token, payload, network_profile, next_try_at,
                 created_at)
             SELECT id, epoch, ?2, server_url, ?3, ?4, network_profile, ?5, ?5 FROM accounts WHERE id = ?1
             RETURNING id",
        )?
        .query_row(
            (
                account.0,
                kind.code(),
                sealed.map(Sealed::as_bytes),
                payload,
                at.0,
            ),
            |row| row.get(0),
        )?;
    Ok(OutboxId(id))
}

/// Deals with the token that an account is about to lose: owed entries come first, in the epoch the account still has.
pub(super) fn owe(
    transaction: &Transaction<'_>,
    account: AccountId,
    old: &OldToken,
    at: UnixMillis,
) -> Result<Option<OutboxId>, VaultError> {
    let method: Option<String> = transaction
        .prepare_cached(
            "SELECT sign_in_method FROM accounts WHERE id = ?1 AND sealed_token IS NOT NULL",
        )?
        .query_row([account.0], |row| row.get(0))
        .optional()?;
    let entry = match old {
        OldToken::None if method.is_some() => {
            return Err(VaultError::Misuse(
                "the account holds a token that nobody took care of",
            ));
        }
        OldToken::None | OldToken::Dropped => None,
        OldToken::Owed(sealed) => Some(insert(
            transaction,
            account,
            OutboxKind::RevokeToken,
            Some(sealed),
            method.as_deref().unwrap_or_default(),
            at,
        )?),
    };
    drop_devices(transaction, account)?;
    Ok(entry)
}

/// Owes the server this installation's device id, if it has one and the sign-in itself did not attach it.
pub(super) fn owe_own_device(
    transaction: &Transaction<'_>,
    account: AccountId,
    attached: Option<&str>,
    at: UnixMillis,
) -> Result<(), VaultError> {
    let own: Option<String> = transaction
        .prepare_cached("SELECT value FROM settings WHERE name = ?1 AND value <> ''")?
        .query_row([Setting::DeviceId.name()], |row| row.get(0))
        .optional()?;
    if let Some(own) = own.filter(|own| attached != Some(own.as_str())) {
        insert(
            transaction,
            account,
            OutboxKind::AttachDevice,
            None,
            &own,
            at,
        )?;
    }
    Ok(())
}

fn drop_devices(transaction: &Transaction<'_>, account: AccountId) -> Result<(), VaultError> {
    transaction.execute(
        "DELETE FROM outbox WHERE account = ?1 AND kind = ?2",
        (account.0, OutboxKind::AttachDevice.code()),
    )?;
    Ok(())
}
