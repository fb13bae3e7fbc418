//! What the app sees of an account, and how it learns of changes.

use crate::api::message::{self, Message};
use crate::api::notices::{Notice, NoticeId, Obligation};
use crate::api::push::Reminder;
use crate::api::sign_in::SignInMethod;
use crate::session::{AccountId, Reason, UnixMillis};

/// What is believed about an account's session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Standing {
    /// Signed in.
    Active,
    /// There is evidence that the session is gone; it is being checked. Content is covered, nothing is deleted.
    Suspect,
    /// Signed out. [`Snapshot::reason`] says why.
    Ended,
    /// The session lives, but the server demands that multi-factor authentication is set up first.
    NeedsMfa,
    /// The key store cannot be read now ([`Snapshot::may_sign_in_again`] says whether that has been so for long), or the core has a
    /// fault and nobody looks after this account (its calls then give [`Error::Internal`](crate::Error::Internal)). Not an end: it
    /// becomes what it was once that is over.
    Locked,
    /// Nothing usable was heard of the session for too long: sign-in is offered, nothing is deleted.
    Unverifiable,
}

/// What is known of the way to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Link {
    /// Not wanted now: suspended, or nobody signed in.
    Paused,
    /// No network.
    Offline,
    /// A captive portal is in the way.
    Portal,
    /// On the way.
    Connecting,
    /// The socket is up and the server said hello.
    Live,
    /// The socket cannot be had; the session is asked about at intervals.
    Polling,
    /// Waiting for the next try.
    Waiting {
        /// When, in wall-clock time.
        until: UnixMillis,
    },
}

/// What an app has to show for an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shows {
    /// The content.
    Content,
    /// A cover over the content, with this text.
    Cover(Message),
    /// The sign-in page, with this text if there is one. A user who signed out by themselves sees none.
    SignIn(Option<Message>),
}

/// An account as it stands. A value: it does not change under the reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The account.
    pub id: AccountId,
    /// Canonical address of the server, with its sub-path.
    pub server_url: String,
    /// The user's id on the server.
    pub user_id: String,
    /// The user's name on the server.
    pub username: String,
    /// The user's roles, separated by spaces, such as `system_user system_admin`.
    pub roles: String,
    /// The user's locale, such as `en`.
    pub locale: String,
    /// The server's site name.
    pub server_name: String,
    /// The server's version, such as `11.6.0`.
    pub server_version: String,
    /// How the user signed in; `None` if that is no longer known. A session of an access token is shown as such: ending it
    /// does not end the token.
    pub sign_in_method: Option<SignInMethod>,
    /// What is believed about the session.
    pub standing: Standing,
    /// Why it ended; `None` unless it did.
    pub reason: Option<Reason>,
    /// Content must not be shown.
    pub cover: bool,
    /// The session ended by a verdict that turned out to be wrong:
    /// [`continue_session`](crate::Steadfast::continue_session) takes it up again without a password.
    pub may_continue: bool,
    /// The key store did not give this account's key for 24 hours, or in five starts of the app before the user's eyes, so it is
    /// hardly coming back: offer to log in again and to log out ([`message::MAY_SIGN_IN_AGAIN`]). Only while
    /// [`Locked`](Standing::Locked), in the app's own process, and gone as soon as the key can be read. Nothing happens by itself:
    /// content stays as [`Self::shows`] says, and the key store is asked on.
    ///
    /// What the user does then ([`reauthenticate`](crate::Steadfast::reauthenticate) or any other way to sign in as this user;
    /// [`sign_out`](crate::Steadfast::sign_out); [`forget`](crate::Steadfast::forget)) gives the old session up here, where it had
    /// answered [`Error::KeyStoreUnavailable`](crate::Error::KeyStoreUnavailable) before. The server cannot be told: there the old
    /// session ends when it expires, or in Active Sessions on another device.
    pub may_sign_in_again: bool,
    /// Content is covered until the app has acknowledged an [`Obligation`] to erase what it stored of somebody else.
    pub waits_for_erasing: bool,
    /// The way to the server.
    pub link: Link,
    /// When the session expires as far as is known, in wall-clock time. A session never ends because of it alone.
    pub expires_at: Option<UnixMillis>,
    /// When the server last confirmed the session, in wall-clock time.
    pub validated_at: Option<UnixMillis>,
    /// Events were missed: the app must read again what it shows.
    pub needs_resync: bool,
}

impl Snapshot {
    /// What the app has to show.
    pub fn shows(&self) -> Shows {
        match self.standing {
            Standing::Ended => Shows::SignIn(match self.reason {
                Some(Reason::SessionEnded | Reason::Wiped | Reason::StorageLost) => {
                    Some(message::SESSION_EXPIRED)
                }
                Some(Reason::KeyLost) => Some(message::KEY_LOST),
                Some(Reason::SignedOut | Reason::Replaced) | None => None,
            }),
            Standing::Unverifiable => Shows::SignIn(Some(message::UNVERIFIABLE)),
            Standing::NeedsMfa => Shows::Cover(message::MFA_ENROLMENT),
            Standing::Active | Standing::Suspect | Standing::Locked if self.waits_for_erasing => {
                Shows::Cover(message::PREPARING)
            }
            Standing::Active | Standing::Suspect | Standing::Locked if self.cover => {
                Shows::Cover(message::CHECKING_SESSION)
            }
            Standing::Active | Standing::Suspect | Standing::Locked => Shows::Content,
        }
    }
}

/// A point in the history of changes. Rises with every change while the process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub i64);

impl Revision {
    /// Before everything: asking for changes since then answers at once.
    pub const START: Self = Self(0);
}

/// Everything as it stands at one revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// What to ask for next time.
    pub revision: Revision,
    /// Every account, in the order in which they were added.
    pub accounts: Vec<Snapshot>,
    /// What the user is to be told, oldest first, until it is acknowledged.
    pub notices: Vec<Notice>,
    /// Notices that no longer hold, for example because the session turned out to live or the user signed in again: take back
    /// what the operating system shows of them, and acknowledge them (again). Oldest first.
    pub withdrawn_notices: Vec<NoticeId>,
    /// What the app owes, oldest first, until it is acknowledged.
    pub obligations: Vec<Obligation>,
    /// Accounts whose cookies the web view is to be given or to lose: see [`Steadfast::webview_cookies`]. An account that is
    /// gone stays until its cookies are. Empty unless [`Config::web_view`](crate::Config::web_view) is on.
    ///
    /// [`Steadfast::webview_cookies`]: crate::Steadfast::webview_cookies
    pub cookies_due: Vec<AccountId>,
    /// What the system is to remind the user of.
    pub reminders: Vec<Reminder>,
}
