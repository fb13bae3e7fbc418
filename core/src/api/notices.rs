//! What the user is to be told, and what the app owes. Both are durable and kept until the app acknowledges them.

use crate::api::Steadfast;
use crate::api::message::{self, Message};
use crate::error::Error;
use crate::session::{AccountId, UnixMillis};
use crate::vault::MAY_HAVE_EXPIRED;

/// A notice's number; never used again for another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NoticeId(pub i64);

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NoticeKind {
    /// The session has ended. One end is told once.
    SessionEnded,
    /// The end was wrong: the user may continue without a password.
    MayContinue,
    /// The known expiry of the session has passed, and no reminder told it: it may have expired. The server may have moved
    /// the expiry, so this is not an end.
    MayHaveExpired,
}

codes!(pub(crate) NoticeKind {
    SessionEnded => "session_ended",
    MayContinue => "may_continue",
    MayHaveExpired => MAY_HAVE_EXPIRED,
});

/// Something the user is to be told, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its number, to acknowledge it.
    pub id: NoticeId,
    /// Whom it is about.
    pub account: AccountId,
    /// What it is about.
    pub kind: NoticeKind,
    /// Since when, in wall-clock time.
    pub created_at: UnixMillis,
}

impl Notice {
    /// The text of the operating system's notification.
    pub fn message(&self) -> Message {
        match self.kind {
            NoticeKind::SessionEnded => message::SESSION_EXPIRED_NOTIFICATION,
            NoticeKind::MayHaveExpired => message::MAY_HAVE_EXPIRED,
            NoticeKind::MayContinue => message::MAY_CONTINUE,
        }
    }
}

/// An obligation's number; never used again for another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObligationId(pub i64);

/// Why an app has to erase what it stored of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
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

codes!(pub EraseReason {
    AnotherUser => "another_user",
    Forgotten => "forgotten",
    Wiped => "wiped",
    EndedLongAgo => "ended_long_ago",
    Other => "other",
});

/// Work that the app owes and acknowledges when it is done: erase what it stored of this account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obligation {
    /// Its number, to acknowledge it.
    pub id: ObligationId,
    /// Whose data is to be erased.
    pub account: AccountId,
    /// Canonical address of its server.
    pub server_url: String,
    /// The server's id of the user.
    pub user_id: String,
    /// Why.
    pub reason: EraseReason,
    /// The accounts whose content stays covered until this is acknowledged.
    pub blocks: Vec<AccountId>,
    /// Since when, in wall-clock time.
    pub created_at: UnixMillis,
}

impl Steadfast {
    /// What the user is to be told, oldest first. Local and immediate.
    pub fn notices(&self) -> Vec<Notice> {
        self.engine().hub.read().notices.clone()
    }

    /// Notices that no longer hold, oldest first: take back what the operating system shows of them, then acknowledge them,
    /// also those that were acknowledged before. Local and immediate.
    pub fn withdrawn_notices(&self) -> Vec<NoticeId> {
        self.engine().hub.read().withdrawn_notices.clone()
    }

    /// The app has told the user, or has taken back what it told. An unknown or acknowledged number is no error.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn acknowledge_notice(&self, id: NoticeId) -> Result<(), Error> {
        let engine = self.engine().clone();
        self.engine()
            .run(async move { engine.acknowledge_notice(id).await })
            .await
    }

    /// What the app owes, oldest first. Local and immediate.
    pub fn obligations(&self) -> Vec<Obligation> {
        self.engine().hub.read().obligations.clone()
    }

    /// The app has done it. An unknown or acknowledged number is no error.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn acknowledge_obligation(&self, id: ObligationId) -> Result<(), Error> {
        let engine = self.engine().clone();
        self.engine()
            .run(async move { engine.acknowledge_obligation(id).await })
            .await
    }
}
