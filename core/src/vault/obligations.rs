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
            let id = erase(transaction, account, reason, at)?;
            Ok(Outcome::Committed(id))
        })
    }
}

pub(super) fn pending(connection: &Connection) -> Result<Vec<Obligation>, VaultError> {
    let mut obligations: Vec<Obligation> = connection
        .prepare_cached(
            "SELECT id, account, server_url, user_id, reason, created_at FROM obligations
             WHERE acknowledged = 0 ORDER BY id",
        )?
        .query_map([], |row| {
            Ok(Obligation {
                id: ObligationId(row.get(0)?),
                account: AccountId(row.get(1)?),
                server_url: row.get(2)?,
                user_id: row.get(3)?,
                reason: row.get(4)?,
                blocks: Vec::new(),
                created_at: UnixMillis(row.get(5)?),
            })
        })?
        .collect::<Result<_, _>>()?;
    if obligations.is_empty() {
        return Ok(obligations);
    }
    let waiting: Vec<(i64, String, i64)> = connection
        .prepare_cached(
            "SELECT id, server_url, erase_first FROM accounts WHERE erase_first > 0 ORDER BY position, id",
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    for obligation in &mut obligations {
        obligation.blocks = waiting
            .iter()
            .filter(|(_, server, last)| {
                *server == obligation.server_url && *last >= obligation.id.0
            })
            .map(|(account, ..)| AccountId(*account))
            .collect();
    }
    Ok(obligations)
}

/// Has an account whose sign-in begins wait for whatever erasing is owed on its server, its own included. What is owed later
/// concerns those who sign in later. Gives what it waits for.
pub(super) fn wait_for_all(
    transaction: &Transaction<'_>,
    account: AccountId,
    server_url: &str,
) -> Result<Vec<ObligationId>, VaultError> {
    let owed: Vec<i64> = transaction
        .prepare_cached(
            "SELECT id FROM obligations WHERE server_url = ?1 AND acknowledged = 0 ORDER BY id",
        )?
        .query_map([server_url], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    transaction.execute(
        "UPDATE accounts SET erase_first = ?2 WHERE id = ?1",
        (account.0, owed.last().copied().unwrap_or(0)),
    )?;
    Ok(owed.into_iter().map(ObligationId).collect())
}

/// Stores the obligation to erase the data of an account, in its present epoch. The key that the app may have encrypted it with
/// dies in the same transaction.
pub(super) fn erase(
    transaction: &Transaction<'_>,
    account: AccountId,
    reason: &str,
    at: UnixMillis,
) -> Result<Option<ObligationId>, VaultError> {
    data_key::doom(transaction, account)?;
    let id = transaction
        .prepare_cached(
            "INSERT INTO obligations (account, epoch, kind, reason, server_url, user_id, created_at)
             SELECT id, epoch, 'erase', ?2, server_url, user_id, ?3 FROM accounts WHERE id = ?1
             ON CONFLICT (account, epoch, kind) DO NOTHING RETURNING id",
        )?
        .query_row((account.0, reason, at.0), |row| row.get(0))
        .optional()?;
    Ok(id.map(ObligationId))
}
