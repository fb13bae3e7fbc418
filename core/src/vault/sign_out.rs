//! The user's own sign-out, and forgetting an account. Both take effect here first; the server's part is owed.

use super::records::{KeyName, ObligationId, OldToken, OutboxId, Outcome, StoredStanding};
use super::{Reserve, Vault, VaultError, accounts, keys, notices, obligations, outbox};
use crate::session::{AccountId, Epoch, UnixMillis};

/// Everything that a sign-out stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignOut {
    /// The account.
    pub account: AccountId,
    /// The epoch that ends.
    pub epoch: Epoch,
    /// The standing afterwards.
    pub standing: StoredStanding,
    /// The token of the epoch that ends.
    pub old_token: OldToken,
    /// Now.
    pub at: UnixMillis,
}

/// What a stored sign-out brought with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedOut {
    /// The epoch that began: answers to requests of the one before are stale.
    pub epoch: Epoch,
    /// The key of the token, to be deleted and then reported with [`Vault::key_deleted`].
    pub retired_key: Option<KeyName>,
    /// The entry in the outbox, if a token was owed.
    pub owed: Option<OutboxId>,
}

/// Everything that forgetting an account stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forget {
    /// The account.
    pub account: AccountId,
    /// Its epoch.
    pub epoch: Epoch,
    /// Its token, if it has one.
    pub old_token: OldToken,
    /// Code of the reason that goes with the obligation to erase.
    pub reason: String,
    /// Now.
    pub at: UnixMillis,
}

/// What forgetting an account brought with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forgotten {
    /// The key of the token, to be deleted and then reported with [`Vault::key_deleted`].
    pub retired_key: Option<KeyName>,
    /// The entry in the outbox, if a token was owed.
    pub owed: Option<OutboxId>,
    /// The erasing that the app owes; `None` if it was asked for in this epoch before.
    pub erase: Option<ObligationId>,
}

impl Vault {
    /// Ends a session because the user said so: a new epoch without a token, no notice, the notices of the old epoch gone,
    /// and the revocation owed to the server. To be followed by deleting the key and by [`Vault::scrub`].
    ///
    /// # Errors
    /// [`VaultError::DiskFull`] if even the reserve did not help: then deleting the key is what destroys the token.
    pub fn sign_out(&mut self, sign_out: &SignOut) -> Result<Outcome<SignedOut>, VaultError> {
        let outcome = self.write(Reserve::Spend, |transaction| {
            let account = sign_out.account;
            if !accounts::is_current(transaction, account, sign_out.epoch)? {
                return Ok(Outcome::Stale);
            }
            let owed = outbox::owe(transaction, account, &sign_out.old_token, sign_out.at)?;
            let retired_key = keys::retire(transaction, account)?;
            notices::clear(transaction, account)?;
            let epoch = sign_out.epoch.next();
            transaction.execute(
                "UPDATE accounts SET epoch = ?2, standing = ?3, standing_detail = ?4, ended_at = ?5, session_id = NULL,
                     csrf_hash = NULL, device_id = NULL, expires_at = NULL
                 WHERE id = ?1",
                (
                    account.0,
                    epoch.0,
                    &sign_out.standing.code,
                    &sign_out.standing.detail,
                    sign_out.at.0,
                ),
            )?;
            Ok(Outcome::Committed(SignedOut {
                epoch,
                retired_key,
                owed,
            }))
        })?;
        Ok(outcome)
    }

    /// Removes an account. What is owed to its server and the erasing that the app owes remain. To be followed by deleting
    /// the key and by [`Vault::scrub`].
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn forget(&mut self, forget: &Forget) -> Result<Outcome<Forgotten>, VaultError> {
        let outcome = self.write(Reserve::Spend, |transaction| {
            let account = forget.account;
            if !accounts::is_current(transaction, account, forget.epoch)? {
                return Ok(Outcome::Stale);
            }
            let owed = outbox::owe(transaction, account, &forget.old_token, forget.at)?;
            let retired_key = keys::retire(transaction, account)?;
            let erase = obligations::erase(transaction, account, &forget.reason, forget.at)?;
            notices::clear(transaction, account)?;
            transaction.execute("DELETE FROM accounts WHERE id = ?1", [account.0])?;
            Ok(Outcome::Committed(Forgotten {
                retired_key,
                owed,
                erase,
            }))
        })?;
        if let Outcome::Committed(_) = outcome {
            self.refresh_server_list();
        }
        Ok(outcome)
    }
}
