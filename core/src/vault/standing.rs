//! Storing what the machine decided about a session: its standing, its end, its return.

use rusqlite::Transaction;

use super::records::{
    KeyName, NewNotice, NoticeId, OldToken, OutboxId, Outcome, Stamp, StoredStanding, TokenFate,
    UserFacts,
};
use super::{Reserve, Vault, VaultError, accounts, keys, notices, obligations, outbox, reminders};
use crate::session::{AccountId, Epoch, UnixMillis};

/// Everything that the end of a session stores, in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// The account.
    pub account: AccountId,
    /// The epoch that the verdict is about.
    pub epoch: Epoch,
    /// The standing afterwards, with its reason.
    pub standing: StoredStanding,
    /// What the app is told.
    pub notice: Option<NewNotice>,
    /// What becomes of the token.
    pub token: TokenFate,
    /// Code of the reason, if the app owes the erasing of its data at once.
    pub erase: Option<String>,
    /// Now.
    pub at: UnixMillis,
}

/// What a stored end brought with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The key of the token, if that was taken away: to be deleted and then reported with [`Vault::key_deleted`].
    pub retired_key: Option<KeyName>,
    /// The entry in the outbox, if a token was owed.
    pub owed: Option<OutboxId>,
}

/// Proof that the session is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validated {
    /// When it was proved.
    pub at: Stamp,
    /// What the server says about the user.
    pub user: UserFacts,
}

impl Vault {
    /// Stores a standing that is not an end.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn store_standing(
        &mut self,
        account: AccountId,
        epoch: Epoch,
        standing: &StoredStanding,
    ) -> Result<Outcome, VaultError> {
        self.write(Reserve::Spend, |transaction| {
            set_standing(transaction, account, epoch, standing)
        })
    }

    /// Stores a proof that the session is valid.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn record_validated(
        &mut self,
        account: AccountId,
        epoch: Epoch,
        validated: &Validated,
    ) -> Result<Outcome, VaultError> {
        self.write(Reserve::Keep, |transaction| {
            let changed = transaction
                .prepare_cached(
                    "UPDATE accounts SET validated_wall = ?3, validated_boot = ?4, validated_boot_id = ?5, username = ?6,
                         roles = ?7, locale = ?8
                     WHERE id = ?1 AND epoch = ?2",
                )?
                .execute((
                    account.0,
                    epoch.0,
                    validated.at.wall.0,
                    validated.at.boot.0,
                    &validated.at.boot_id.0,
                    &validated.user.username,
                    &validated.user.roles,
                    &validated.user.locale,
                ))?;
            Ok(accounts::outcome(changed))
        })
    }

    /// Ends a session by verdict: standing, notice, and the token kept or taken away. If it was taken away, deleting the key
    /// and [`Vault::scrub`] follow. The epoch stays.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn commit_end(&mut self, end: &End) -> Result<Outcome<Ended>, VaultError> {
        self.write(Reserve::Spend, |transaction| {
            let Outcome::Committed(()) =
                set_standing(transaction, end.account, end.epoch, &end.standing)?
            else {
                return Ok(Outcome::Stale);
            };
            transaction.execute(
                "UPDATE accounts SET ended_at = coalesce(ended_at, ?2) WHERE id = ?1",
                (end.account.0, end.at.0),
            )?;
            if let Some(notice) = &end.notice {
                reminders::tell_end(transaction, end.account, end.epoch, notice, end.at)?;
            }
            if let Some(reason) = &end.erase {
                obligations::erase(transaction, end.account, reason, end.at)?;
            }
            let ended = match &end.token {
                TokenFate::KeptUntil(until) => {
                    transaction.execute(
                        "UPDATE accounts SET restore_until_wall = ?2, restore_until_boot = ?3, restore_until_boot_id = ?4
                         WHERE id = ?1 AND sealed_token IS NOT NULL",
                        (end.account.0, until.wall.0, until.boot.0, &until.boot_id.0),
                    )?;
                    Ended {
                        retired_key: None,
                        owed: None,
                    }
                }
                TokenFate::Destroyed => {
                    take_token(transaction, end.account, &OldToken::Dropped, end.at)?
                }
                TokenFate::Owed(sealed) => {
                    let owed = OldToken::Owed(sealed.clone());
                    take_token(transaction, end.account, &owed, end.at)?
                }
            };
            Ok(Outcome::Committed(ended))
        })
    }

    /// The server says that an ended session is valid after all: stores the standing, withdraws the notices of the end and
    /// raises the offer to continue. `None` if the offer was made in this epoch before.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn offer_continue(
        &mut self,
        account: AccountId,
        epoch: Epoch,
        standing: &StoredStanding,
        offer: &NewNotice,
        at: UnixMillis,
    ) -> Result<Outcome<Option<NoticeId>>, VaultError> {
        self.write(Reserve::Keep, |transaction| {
            let Outcome::Committed(()) = set_standing(transaction, account, epoch, standing)?
            else {
                return Ok(Outcome::Stale);
            };
            notices::withdraw_all_but(transaction, account, epoch, &offer.kind)?;
            let id = notices::insert(transaction, account, epoch, offer, at)?;
            Ok(Outcome::Committed(id))
        })
    }

    /// The user took the offer to continue: the session is live again under the same epoch, and a later end of it may be
    /// told anew. `Stale` as well if the kept token is gone.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn continue_session(
        &mut self,
        account: AccountId,
        epoch: Epoch,
        standing: &StoredStanding,
    ) -> Result<Outcome, VaultError> {
        self.write(Reserve::Keep, |transaction| {
            let changed = transaction.execute(
                "UPDATE accounts SET standing = ?3, standing_detail = ?4, ended_at = NULL, restore_until_wall = NULL,
                     restore_until_boot = NULL, restore_until_boot_id = NULL
                 WHERE id = ?1 AND epoch = ?2 AND sealed_token IS NOT NULL",
                (account.0, epoch.0, &standing.code, &standing.detail),
            )?;
            if changed == 1 {
                notices::clear(transaction, account)?;
                reminders::clear(transaction, account)?;
            }
            Ok(accounts::outcome(changed))
        })
    }

    /// Takes the kept token of an ended session away, stores the standing without it and withdraws the notice of the kind
    /// `offer`. The name of its key, to be deleted and then reported with [`Vault::key_deleted`]; [`Vault::scrub`] follows.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn destroy_token(
        &mut self,
        account: AccountId,
        epoch: Epoch,
        standing: &StoredStanding,
        offer: &str,
    ) -> Result<Outcome<Option<KeyName>>, VaultError> {
        self.write(Reserve::Spend, |transaction| {
            let Outcome::Committed(()) = set_standing(transaction, account, epoch, standing)?
            else {
                return Ok(Outcome::Stale);
            };
            notices::withdraw(transaction, account, epoch, offer)?;
            Ok(Outcome::Committed(keys::retire(transaction, account)?))
        })
    }
}

fn set_standing(
    transaction: &Transaction<'_>,
    account: AccountId,
    epoch: Epoch,
    standing: &StoredStanding,
) -> Result<Outcome, VaultError> {
    let changed = transaction
        .prepare_cached(
            "UPDATE accounts SET standing = ?3, standing_detail = ?4 WHERE id = ?1 AND epoch = ?2",
        )?
        .execute((account.0, epoch.0, &standing.code, &standing.detail))?;
    Ok(accounts::outcome(changed))
}

fn take_token(
    transaction: &Transaction<'_>,
    account: AccountId,
    old: &OldToken,
    at: UnixMillis,
) -> Result<Ended, VaultError> {
    let owed = outbox::owe(transaction, account, old, at)?;
    let retired_key = keys::retire(transaction, account)?;
    Ok(Ended { retired_key, owed })
}
