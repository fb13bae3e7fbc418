//! Obligations: erasing that the app owes. They outlive the account they are about.

use rusqlite::{Connection, OptionalExtension, Transaction};

use super::records::{Obligation, ObligationId, Outcome};
use super::{Reserve, Vault, VaultError, accounts, data_key};
use crate::session::{AccountId, Epoch, UnixMillis};

impl Vault {
    /// Work that the app has not acknowledged, oldest first.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn obligations(&mut self) -> Result<Vec<Obligation>, VaultError> {
        self.on_connection(|connection| pending(connection))
    }

    /// The app has done the work. False if it was not owed.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn acknowledge_obligation(&mut self, obligation: ObligationId) -> Result<bool, VaultError> {
        self.write(Reserve::Keep, |transaction| {
            let changed = transaction.execute(
                "UPDATE obligations SET acknowledged = 1 WHERE id = ?1 AND acknowledged = 0",
                [obligation.0],
            )?;
            Ok(changed == 1)
        })
    }

    /// The app owes the erasing of this account's data. `None` if it was asked for in this epoch before.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn raise_erase(
        &mut self,
        account: AccountId,
        epoch: Epoch,
        reason: &str,
        at: UnixMillis,
    ) -> Result<Outcome<Option<ObligationId>>, VaultError> {
        self.write(Reserve::Keep, |transaction| {
            if !accounts::is_current(transaction, account, epoch)? {
                return Ok(Outcome::Stale);
            }
            let id = erase(transaction, account, reason, None, at)?;
            Ok(Outcome::Committed(id))
        })
    }
}

pub(super) fn pending(connection: &Connection) -> Result<Vec<Obligation>, VaultError> {
    let obligations = connection
        .prepare_cached(
            "SELECT id, account, server_url, user_id, reason, blocks, created_at FROM obligations
             WHERE acknowledged = 0 ORDER BY id",
        )?
        .query_map([], |row| {
            Ok(Obligation {
                id: ObligationId(row.get(0)?),
                account: AccountId(row.get(1)?),
                server_url: row.get(2)?,
                user_id: row.get(3)?,
                reason: row.get(4)?,
                blocks: row.get::<_, Option<i64>>(5)?.map(AccountId),
                created_at: UnixMillis(row.get(6)?),
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(obligations)
}

/// A sign-in of the same user begins while the erasing of what is left of the earlier one is still owed: it waits for that.
pub(super) fn wait_for_own(
    transaction: &Transaction<'_>,
    account: AccountId,
) -> Result<(), VaultError> {
    transaction.execute(
        "UPDATE obligations SET blocks = ?1 WHERE account = ?1 AND acknowledged = 0",
        [account.0],
    )?;
    Ok(())
}

/// Stores the obligation to erase the data of an account, in its present epoch. The key that the app may have encrypted it with
/// dies in the same transaction.
pub(super) fn erase(
    transaction: &Transaction<'_>,
    account: AccountId,
    reason: &str,
    blocks: Option<AccountId>,
    at: UnixMillis,
) -> Result<Option<ObligationId>, VaultError> {
    data_key::doom(transaction, account)?;
    let id = transaction
        .prepare_cached(
            "INSERT INTO obligations (account, epoch, kind, reason, server_url, user_id, blocks, created_at)
             SELECT id, epoch, 'erase', ?2, server_url, user_id, ?3, ?4 FROM accounts WHERE id = ?1
             ON CONFLICT (account, epoch, kind)
                 DO UPDATE SET blocks = excluded.blocks WHERE acknowledged = 0 AND excluded.blocks IS NOT NULL
             RETURNING id",
        )?
        .query_row(
            (account.0, reason, blocks.map(|account| account.0), at.0),
            |row| row.get(0),
        )
        .optional()?;
    Ok(id.map(ObligationId))
}
