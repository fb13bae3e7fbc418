//! What changed: everything as it stands at one revision, with what the user is to be told and what the app owes.

use crate::accounts::Snapshot;
use crate::core::Core;
use crate::enums::from_core;
use crate::error::SteadfastError;
use crate::guard::{Cancellation, at_once, waits};
use crate::texts::Message;
use std::sync::Arc;
use steadfast::{NoticeId, ObligationId, Revision, UnixMillis};

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, uniffi::Enum)]
pub enum NoticeKind {
    /// The session has ended. One end is told once.
    SessionEnded,
    /// The end was wrong: the user may continue without a password.
    MayContinue,
    /// The known expiry of the session has passed, and no reminder told it: it may have expired. The server may have moved
    /// the expiry, so this is not an end.
    MayHaveExpired,
}

from_core!(steadfast::NoticeKind => NoticeKind {
    SessionEnded, MayContinue, MayHaveExpired,
} otherwise MayHaveExpired);

/// Something the user is to be told, once.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Notice {
    /// Its number, to acknowledge it; never used again for another one.
    pub id: i64,
    /// Whom it is about.
    pub account: i64,
    /// What it is about.
    pub kind: NoticeKind,
    /// Since when: milliseconds since 1970, UTC.
    pub created_at_millis: i64,
    /// The text of the operating system's notification.
    pub message: Message,
}

impl From<&steadfast::Notice> for Notice {
    fn from(notice: &steadfast::Notice) -> Self {
        let message = notice.message().into();
        let steadfast::Notice {
            id,
            account,
            kind,
            created_at,
        } = notice.clone();
        Self {
            id: id.0,
            account: account.0,
            kind: kind.into(),
            created_at_millis: created_at.0,
            message,
        }
    }
}

/// Why an app has to erase what it stored of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, uniffi::Enum)]
pub enum EraseReason {
    /// Another user signed in on the same server.
    AnotherUser,
    /// The account was forgotten.
    Forgotten,
    /// The server ordered a wipe.
    Wiped,
    /// The session ended long ago and nobody signed in again.
    EndedLongAgo,
    /// A reason that only a newer version knows.
    Other,
}

from_core!(steadfast::EraseReason => EraseReason {
    AnotherUser, Forgotten, Wiped, EndedLongAgo, Other,
} otherwise Other);

/// Work that the app owes and acknowledges when it is done: erase what it stored of this account.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Obligation {
    /// Its number, to acknowledge it; never used again for another one.
    pub id: i64,
    /// Whose data is to be erased.
    pub account: i64,
    /// Canonical address of its server.
    pub server_url: String,
    /// The server's id of the user.
    pub user_id: String,
    /// Why.
    pub reason: EraseReason,
    /// The accounts whose content stays covered until this is acknowledged.
    pub blocks: Vec<i64>,
    /// Since when: milliseconds since 1970, UTC.
    pub created_at_millis: i64,
}

impl From<&steadfast::Obligation> for Obligation {
    fn from(obligation: &steadfast::Obligation) -> Self {
        let steadfast::Obligation {
            id,
            account,
            server_url,
            user_id,
            reason,
            blocks,
            created_at,
        } = obligation.clone();
        Self {
            id: id.0,
            account: account.0,
            server_url,
            user_id,
            reason: reason.into(),
            blocks: blocks.into_iter().map(|account| account.0).collect(),
            created_at_millis: created_at.0,
        }
    }
}

/// When the system is to remind the user that a session may have expired. Scheduled with the system, because nobody may be
/// running then.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Reminder {
    /// Stable name, for the system's scheduler: a reminder of the same name takes the place of an earlier one.
    pub id: String,
    /// Whom it is about.
    pub account: i64,
    /// When, by this device's clock: milliseconds since 1970, UTC.
    pub at_millis: i64,
    /// Its text.
    pub message: Message,
}

impl From<&steadfast::Reminder> for Reminder {
    fn from(reminder: &steadfast::Reminder) -> Self {
        let message = reminder.message().into();
        let steadfast::Reminder { id, account, at } = reminder.clone();
        Self {
            id,
            account: account.0,
            at_millis: at.0,
            message,
        }
    }
}

/// Everything as it stands at one revision.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Changes {
    /// What to ask for next time.
    pub revision: i64,
    /// Every account, in the order in which they were added.
    pub accounts: Vec<Snapshot>,
    /// What the user is to be told, oldest first, until it is acknowledged.
    pub notices: Vec<Notice>,
    /// Notices that no longer hold, for example because the session turned out to live or the user signed in again: take back
    /// what the operating system shows of them, and acknowledge them (again). Oldest first.
    pub withdrawn_notices: Vec<i64>,
    /// What the app owes, oldest first, until it is acknowledged.
    pub obligations: Vec<Obligation>,
    /// Accounts whose cookies the web view is to be given or to lose: see `webviewCookies`. An account that is gone stays
    /// until its cookies are. Empty unless the configuration's `webView` is on.
    pub cookies_due: Vec<i64>,
    /// What the system is to remind the user of.
    pub reminders: Vec<Reminder>,
}

impl From<steadfast::Changes> for Changes {
    fn from(changes: steadfast::Changes) -> Self {
        let steadfast::Changes {
            revision,
            accounts,
            notices,
            withdrawn_notices,
            obligations,
            cookies_due,
            reminders,
        } = changes;
        Self {
            revision: revision.0,
            accounts: accounts.iter().map(Into::into).collect(),
            notices: notices.iter().map(Into::into).collect(),
            withdrawn_notices: withdrawn_notices.into_iter().map(|id| id.0).collect(),
            obligations: obligations.iter().map(Into::into).collect(),
            cookies_due: cookies_due.into_iter().map(|account| account.0).collect(),
            reminders: reminders.iter().map(Into::into).collect(),
        }
    }
}

#[uniffi::export]
impl Core {
    /// Waits until there is something newer than the revision `since` (0 at first, then that of the last answer), and gives
    /// everything as it then stands. Any number of callers; one that stops asking loses nothing. Fails with `closed`.
    #[uniffi::method(default(cancellation = None))]
    pub async fn changes(
        &self,
        since: i64,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Changes, SteadfastError> {
        waits(cancellation, async {
            Ok(self.steadfast.changes(Revision(since)).await?.into())
        })
        .await
    }

    /// What the user is to be told, oldest first. Local and immediate.
    pub fn notices(&self) -> Result<Vec<Notice>, SteadfastError> {
        at_once(|| Ok(self.steadfast.notices().iter().map(Into::into).collect()))
    }

    /// Notices that no longer hold, oldest first: take back what the operating system shows of them, then acknowledge them,
    /// also those that were acknowledged before. Local and immediate.
    pub fn withdrawn_notices(&self) -> Result<Vec<i64>, SteadfastError> {
        at_once(|| {
            let withdrawn = self.steadfast.withdrawn_notices();
            Ok(withdrawn.into_iter().map(|id| id.0).collect())
        })
    }

    /// The app has told the user, or has taken back what it told. An unknown or acknowledged number is no error. Fails as the
    /// store does.
    pub async fn acknowledge_notice(&self, id: i64) -> Result<(), SteadfastError> {
        waits(None, self.steadfast.acknowledge_notice(NoticeId(id))).await
    }

    /// What the app owes, oldest first. Local and immediate.
    pub fn obligations(&self) -> Result<Vec<Obligation>, SteadfastError> {
        at_once(|| {
            let owed = self.steadfast.obligations();
            Ok(owed.iter().map(Into::into).collect())
        })
    }

    /// The app has done it. An unknown or acknowledged number is no error. Fails as the store does.
    pub async fn acknowledge_obligation(&self, id: i64) -> Result<(), SteadfastError> {
        waits(
            None,
            self.steadfast.acknowledge_obligation(ObligationId(id)),
        )
        .await
    }

    /// The reminders to schedule with the system, one per account whose expiry is known and still ahead. Local and immediate;
    /// `changes` carries them too. Whenever they change: schedule each under its id, remove one of that id that is already on
    /// display, and cancel what was scheduled and is no longer listed.
    pub fn reminders(&self) -> Result<Vec<Reminder>, SteadfastError> {
        at_once(|| Ok(self.steadfast.reminders().iter().map(Into::into).collect()))
    }

    /// The system has taken a reminder and will show it at that time, in milliseconds since 1970. From then on that end is
    /// told by it, and by no notice beside it. Not to be called where the system would not show it: then a notice tells.
    /// Fails with `invalid_argument` for an id that no reminder has, and as the store does.
    pub async fn reminder_set(&self, id: String, at_millis: i64) -> Result<(), SteadfastError> {
        waits(
            None,
            self.steadfast.reminder_set(&id, UnixMillis(at_millis)),
        )
        .await
    }
}
