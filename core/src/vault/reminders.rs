//! Reminders of an expiry that the system was handed, and the rule that one end is told once: by the reminder, or by a notice
//! that the session may have expired, or by the notice of the end.

use rusqlite::Transaction;

use super::records::{NewNotice, NoticeId, Outcome};
use super::{Reserve, Vault, VaultError, accounts, notices};
use crate::session::{AccountId, Epoch, UnixMillis};

/// Kind of the notice that a session may have expired.
pub const MAY_HAVE_EXPIRED: &str = "about_to_expire";

impl Vault {
    /// The system will show the reminder of this session at that time, in place of one that it was handed before.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn set_reminder(
        &mut self,
        account: AccountId,
        epoch: Epoch,
        at: UnixMillis,
    ) -> Result<Outcome, VaultError> {
        self.write(Reserve::Keep, |transaction| {
            if !accounts::is_current(transaction, account, epoch)? {
                return Ok(Outcome::Stale);
            }
            transaction.execute(
                "INSERT INTO reminders (account, epoch, at) VALUES (?1, ?2, ?3)
                 ON CONFLICT (account) DO UPDATE SET epoch = excluded.epoch, at = excluded.at",
                (account.0, epoch.0, at.0),
            )?;
            Ok(Outcome::Committed(()))
        })
    }

    /// Stores the notice that a session may have expired, unless its end was told in any way. `None` if it was.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn tell_may_have_expired(
        &mut self,
        account: AccountId,
        epoch: Epoch,
        at: UnixMillis,
    ) -> Result<Outcome<Option<NoticeId>>, VaultError> {
        self.write(Reserve::Keep, |transaction| {
            if !accounts::is_current(transaction, account, epoch)? {
                return Ok(Outcome::Stale);
            }
            let ended: bool = transaction
                .prepare_cached("SELECT 1 FROM accounts WHERE id = ?1 AND ended_at IS NOT NULL")?
                .exists([account.0])?;
            if ended || reminded(transaction, account, epoch, at)? {
                return Ok(Outcome::Committed(None));
            }
            let notice = NewNotice {
                kind: MAY_HAVE_EXPIRED.to_owned(),
                payload: "{}".to_owned(),
            };
            let id = notices::insert(transaction, account, epoch, &notice, at)?;
            Ok(Outcome::Committed(id))
        })
    }
}

/// Stores the notice of an end. If a reminder has told it, or a notice that the app has shown, it counts as told already; one
/// that the app has not shown gives way.
pub(super) fn tell_end(
    transaction: &Transaction<'_>,
    account: AccountId,
    epoch: Epoch,
    notice: &NewNotice,
    at: UnixMillis,
) -> Result<(), VaultError> {
    let acknowledged = transaction
        .prepare_cached(
            "SELECT 1 FROM notices WHERE account = ?1 AND epoch = ?2 AND kind = ?3 AND state = 'acknowledged'",
        )?
        .exists((account.0, epoch.0, MAY_HAVE_EXPIRED))?;
    let told = acknowledged || reminded(transaction, account, epoch, at)?;
    if !acknowledged {
        notices::withdraw(transaction, account, epoch, MAY_HAVE_EXPIRED)?;
    }
    let id = notices::insert(transaction, account, epoch, notice, at)?;
    if let (Some(id), true) = (id, told) {
        transaction.execute(
            "UPDATE notices SET state = 'acknowledged' WHERE id = ?1",
            [id.0],
        )?;
    }
    Ok(())
}

/// The session turned out to live on, with another expiry: what was told of the old one is void, and the end of the session
/// may be told anew. A reminder that the system has not shown stays until the app has moved it.
pub(super) fn expiry_moved(
    transaction: &Transaction<'_>,
    account: AccountId,
    epoch: Epoch,
    at: UnixMillis,
) -> Result<(), VaultError> {
    notices::withdraw(transaction, account, epoch, MAY_HAVE_EXPIRED)?;
    transaction.execute(
        "DELETE FROM notices WHERE account = ?1 AND epoch = ?2 AND kind = ?3",
        (account.0, epoch.0, MAY_HAVE_EXPIRED),
    )?;
    transaction.execute(
        "DELETE FROM reminders WHERE account = ?1 AND at <= ?2",
        (account.0, at.0),
    )?;
    Ok(())
}

/// Forgets the reminder of an account whose session begins anew.
pub(super) fn clear(transaction: &Transaction<'_>, account: AccountId) -> Result<(), VaultError> {
    transaction.execute("DELETE FROM reminders WHERE account = ?1", [account.0])?;
    Ok(())
}

fn reminded(
    transaction: &Transaction<'_>,
    account: AccountId,
    epoch: Epoch,
    now: UnixMillis,
) -> Result<bool, VaultError> {
    Ok(transaction
        .prepare_cached("SELECT 1 FROM reminders WHERE account = ?1 AND epoch = ?2 AND at <= ?3")?
        .exists((account.0, epoch.0, now.0))?)
}
