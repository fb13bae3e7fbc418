//! Names of keys that may lie in the key store although no account uses them: made for a sign-in that has not been stored
//! yet, or left to be deleted.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::records::KeyName;
use super::{Reserve, Vault, VaultError, open};
use crate::session::AccountId;

impl Vault {
    /// Keys that nothing uses and that are still to be deleted from the key store.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn orphan_keys(&mut self) -> Result<Vec<KeyName>, VaultError> {
        self.on_connection(|connection| doomed(connection))
    }

    /// Strikes out a key that was deleted from the key store.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn key_deleted(&mut self, name: &KeyName) -> Result<(), VaultError> {
        self.write(Reserve::Keep, |transaction| {
            transaction.execute(
                "DELETE FROM pending_keys WHERE name = ?1 AND state = 'doomed'",
                [name.as_str()],
            )?;
            Ok(())
        })
    }
}

fn doomed(connection: &Connection) -> Result<Vec<KeyName>, VaultError> {
    open::key_names(
        connection,
        "SELECT name FROM pending_keys WHERE state = 'doomed' ORDER BY rowid",
    )
}

/// Gives up the sign-ins that were under way when the file was last closed and lists what is to be deleted.
pub(super) fn doom_prepared(connection: &mut Connection) -> Result<Vec<KeyName>, VaultError> {
    let prepared: i64 = connection.query_row(
        "SELECT count(*) FROM pending_keys WHERE state = 'prepared'",
        [],
        |row| row.get(0),
    )?;
    if prepared > 0 {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute("UPDATE pending_keys SET state = 'doomed'", [])?;
        transaction.commit()?;
    }
    doomed(connection)
}

/// Sets a name aside for a key that is made next; a kill before [`redeem`] leaves an orphan that the next open lists.
pub(super) fn prepare(
    transaction: &Transaction<'_>,
    account: AccountId,
    name: &str,
) -> Result<(), VaultError> {
    transaction.execute(
        "INSERT INTO pending_keys (name, account, state) VALUES (?1, ?2, 'prepared')",
        (name, account.0),
    )?;
    Ok(())
}

/// A prepared key is used from now on. False if it was given up in between.
pub(super) fn redeem(transaction: &Transaction<'_>, name: &KeyName) -> Result<bool, VaultError> {
    let redeemed = transaction.execute(
        "DELETE FROM pending_keys WHERE name = ?1 AND state = 'prepared'",
        [name.as_str()],
    )?;
    Ok(redeemed == 1)
}

/// A key that is to be deleted from now on.
pub(super) fn doom(
    transaction: &Transaction<'_>,
    account: i64,
    name: &str,
) -> Result<(), VaultError> {
    transaction.execute(
        "INSERT INTO pending_keys (name, account, state) VALUES (?1, ?2, 'doomed')
         ON CONFLICT (name) DO UPDATE SET state = 'doomed'",
        (name, account),
    )?;
    Ok(())
}

/// Takes the token out of an account and dooms its key. The name of that key, if there was one.
pub(super) fn retire(
    transaction: &Transaction<'_>,
    account: AccountId,
) -> Result<Option<KeyName>, VaultError> {
    let name: Option<String> = transaction
        .prepare_cached("SELECT key_name FROM accounts WHERE id = ?1")?
        .query_row([account.0], |row| row.get(0))?;
    if let Some(name) = &name {
        doom(transaction, account.0, name)?;
    }
    transaction
        .prepare_cached(
            "UPDATE accounts SET sealed_token = NULL, key_name = NULL, restore_until_wall = NULL,
                 restore_until_boot = NULL, restore_until_boot_id = NULL
             WHERE id = ?1",
        )?
        .execute([account.0])?;
    Ok(name.map(KeyName))
}

/// 64 random bits as text.
pub(super) fn random_name() -> Result<String, VaultError> {
    let bits = getrandom::u64().map_err(|_| VaultError::NoRandomness)?;
    Ok(format!("{bits:016x}"))
}
