//! Notices: what the app must tell, kept until the app acknowledges it, and told once per account, epoch and kind.

use rusqlite::{Connection, OptionalExtension, Transaction};

use super::records::{NewNotice, Notice, NoticeId, Outcome};
use super::{Reserve, Vault, VaultError, accounts};
use crate::session::{AccountId, Epoch, UnixMillis};

impl Vault {
    /// Notices that were neither acknowledged nor withdrawn, oldest first.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn notices(&mut self) -> Result<Vec<Notice>, VaultError> {
        self.on_connection(|connection| pending(connection))
    }

    /// Stores a notice. `None` if this kind was told in this epoch before, whatever became of it.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn raise_notice(
        &mut self,
        account: AccountId,
        epoch: Epoch,
        notice: &NewNotice,
        at: UnixMillis,
    ) -> Result<Outcome<Option<NoticeId>>, VaultError> {
        self.write(Reserve::Keep, |transaction| {
            if !accounts::is_current(transaction, account, epoch)? {
                return Ok(Outcome::Stale);
            }
            let id = insert(transaction, account, epoch, notice, at)?;
            Ok(Outcome::Committed(id))
        })
    }

    /// The app has taken a notice, or taken one back. False if it was neither pending nor withdrawn.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn acknowledge_notice(&mut self, notice: NoticeId) -> Result<bool, VaultError> {
        self.write(Reserve::Keep, |transaction| {
            let taken_back = transaction.execute(
                "DELETE FROM withdrawn_notices WHERE notice = ?1",
                [notice.0],
            )?;
            let changed = transaction.execute(
                "UPDATE notices SET state = 'acknowledged' WHERE id = ?1 AND state = 'pending'",
                [notice.0],
            )?;
            Ok(taken_back + changed > 0)
        })
    }
}

pub(super) fn pending(connection: &Connection) -> Result<Vec<Notice>, VaultError> {
    let notices = connection
        .prepare_cached(
            "SELECT id, account, epoch, kind, payload, created_at FROM notices WHERE state = 'pending' ORDER BY id",
        )?
        .query_map([], |row| {
            Ok(Notice {
                id: NoticeId(row.get(0)?),
                account: AccountId(row.get(1)?),
                epoch: Epoch(row.get(2)?),
                kind: row.get(3)?,
                payload: row.get(4)?,
                created_at: UnixMillis(row.get(5)?),
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(notices)
}

/// Notices that no longer hold and that the app has not taken back yet, oldest first.
pub(super) fn withdrawn(connection: &Connection) -> Result<Vec<NoticeId>, VaultError> {
    let notices = connection
        .prepare_cached("SELECT notice FROM withdrawn_notices ORDER BY notice")?
        .query_map([], |row| Ok(NoticeId(row.get(0)?)))?
        .collect::<Result<_, _>>()?;
    Ok(notices)
}

pub(super) fn insert(
    transaction: &Transaction<'_>,
    account: AccountId,
    epoch: Epoch,
    notice: &NewNotice,
    at: UnixMillis,
) -> Result<Option<NoticeId>, VaultError> {
    let id = transaction
        .prepare_cached(
            "INSERT INTO notices (account, epoch, kind, payload, created_at) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (account, epoch, kind) DO NOTHING RETURNING id",
        )?
        .query_row(
            (account.0, epoch.0, &notice.kind, &notice.payload, at.0),
            |row| row.get(0),
        )
        .optional()?;
    Ok(id.map(NoticeId))
}

pub(super) fn withdraw(
    transaction: &Transaction<'_>,
    account: AccountId,
    epoch: Epoch,
    kind: &str,
) -> Result<bool, VaultError> {
    take_back(
        transaction,
        "account = ?1 AND epoch = ?2 AND kind = ?3",
        (account.0, epoch.0, kind),
    )
}

/// Takes back everything that was told in an epoch but the notices of one kind.
pub(super) fn withdraw_all_but(
    transaction: &Transaction<'_>,
    account: AccountId,
    epoch: Epoch,
    kind: &str,
) -> Result<(), VaultError> {
    take_back(
        transaction,
        "account = ?1 AND epoch = ?2 AND kind <> ?3",
        (account.0, epoch.0, kind),
    )?;
    Ok(())
}

/// Removes what an account was told, because a new session, or the same one taken up again, may end and be told anew. What the
/// app may have shown of it is to be taken back.
pub(super) fn clear(transaction: &Transaction<'_>, account: AccountId) -> Result<(), VaultError> {
    take_back(transaction, "account = ?1", [account.0])?;
    transaction.execute("DELETE FROM notices WHERE account = ?1", [account.0])?;
    Ok(())
}

fn take_back(
    transaction: &Transaction<'_>,
    which: &str,
    parameters: impl rusqlite::Params + Clone,
) -> Result<bool, VaultError> {
    let holds = format!("{which} AND state <> 'withdrawn'");
    transaction.execute(
        &format!("INSERT INTO withdrawn_notices (notice) SELECT id FROM notices WHERE {holds}"),
        parameters.clone(),
    )?;
    let changed = transaction.execute(
        &format!("UPDATE notices SET state = 'withdrawn' WHERE {holds}"),
        parameters,
    )?;
    Ok(changed > 0)
}
