//! The name of the key that an app encrypts with: written before the key is made, and doomed in the transaction that raises
//! the obligation to erase what the key opens.

use rusqlite::{Connection, OptionalExtension, Transaction};

use super::records::{KeyName, Outcome};
use super::{Reserve, Vault, VaultError, keys};
use crate::session::AccountId;

impl Vault {
    /// The name of an account's data key; `None` if it has none, or there is no such account.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn data_key_name(&mut self, account: AccountId) -> Result<Option<KeyName>, VaultError> {
        self.on_connection(|connection| Ok(name_of(connection, account)?.map(KeyName)))
    }

    /// Sets the name of a data key aside. The key is made next, and [`Vault::commit_data_key`] follows; a kill in between
    /// leaves an orphan key that the next open lists.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn prepare_data_key(&mut self, account: AccountId) -> Result<KeyName, VaultError> {
        let name = format!("data-{}-{}", account.0, keys::random_name()?);
        self.write(Reserve::Keep, |transaction| {
            keys::prepare(transaction, account, &name)
        })?;
        Ok(KeyName(name))
    }

    /// Makes a prepared key the account's data key; one that it had before is doomed. `Stale` if the account is gone or the
    /// vault was closed in between; the prepared key is doomed then.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn commit_data_key(
        &mut self,
        account: AccountId,
        name: &KeyName,
    ) -> Result<Outcome, VaultError> {
        let outcome = self.write(Reserve::Keep, |transaction| {
            if !keys::redeem(transaction, name)? {
                return Ok(Outcome::Stale);
            }
            doom(transaction, account)?;
            let changed = transaction.execute(
                "UPDATE accounts SET data_key_name = ?2 WHERE id = ?1 AND ended_at IS NULL",
                (account.0, name.as_str()),
            )?;
            if changed == 0 {
                keys::doom(transaction, account.0, name.as_str())?;
                return Ok(Outcome::Stale);
            }
            Ok(Outcome::Committed(()))
        })?;
        self.refresh_server_list();
        Ok(outcome)
    }
}

fn name_of(connection: &Connection, account: AccountId) -> Result<Option<String>, VaultError> {
    let name: Option<Option<String>> = connection
        .prepare_cached("SELECT data_key_name FROM accounts WHERE id = ?1")?
        .query_row([account.0], |row| row.get(0))
        .optional()?;
    Ok(name.flatten())
}

/// Takes a lost account off the list of those, for the account that takes its place; `None` if it is not there. What the app
/// encrypted with its data key outlived the vault, and opens to nothing else.
pub(super) fn take_lost(
    transaction: &Transaction<'_>,
    account: AccountId,
) -> Result<Option<Option<KeyName>>, VaultError> {
    let name: Option<Option<String>> = transaction
        .query_row(
            "DELETE FROM lost_accounts WHERE id = ?1 RETURNING data_key_name",
            [account.0],
            |row| row.get(0),
        )
        .optional()?;
    Ok(name.map(|name| name.map(KeyName)))
}

/// Gives an account the data key that it had before the vault was lost.
pub(super) fn keep(
    transaction: &Transaction<'_>,
    account: AccountId,
    name: Option<KeyName>,
) -> Result<(), VaultError> {
    transaction.execute(
        "UPDATE accounts SET data_key_name = ?2 WHERE id = ?1",
        (account.0, name.as_ref().map(KeyName::as_str)),
    )?;
    Ok(())
}

/// Takes the data key of an account away; the key is to be deleted from the key store.
pub(super) fn doom(transaction: &Transaction<'_>, account: AccountId) -> Result<(), VaultError> {
    if let Some(name) = name_of(transaction, account)? {
        keys::doom(transaction, account.0, &name)?;
        transaction.execute(
            "UPDATE accounts SET data_key_name = NULL WHERE id = ?1",
            [account.0],
        )?;
    }
    Ok(())
}
