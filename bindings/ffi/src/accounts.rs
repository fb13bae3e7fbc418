//! Accounts as they stand, and the realtime events of each.

use crate::core::Core;
use crate::enums::from_core;
use crate::error::SteadfastError;
use crate::guard::{Cancellation, at_once, waits};
use crate::texts::Message;
use std::sync::Arc;
use steadfast::AccountId;

/// What is believed about an account's session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, uniffi::Enum)]
pub enum Standing {
    /// Signed in.
    Active,
    /// There is evidence that the session is gone; it is being checked. Content is covered, nothing is deleted.
    Suspect,
    /// Signed out. The snapshot's `reason` says why.
    Ended,
    /// The session lives, but the server demands that multi-factor authentication is set up first.
    NeedsMfa,
    /// The key store cannot be read now, or the core has a fault and nobody looks after this account (its calls then fail
    /// with `internal`). Not an end: it becomes what it was once that is over.
    Locked,
    /// Nothing usable was heard of the session for too long: sign-in is offered, nothing is deleted.
    Unverifiable,
}

from_core!(steadfast::Standing => Standing {
    Active, Suspect, Ended, NeedsMfa, Locked, Unverifiable,
} otherwise Locked);

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, uniffi::Enum)]
pub enum Reason {
    /// The server no longer knows it. Nobody claims who ended it.
    SessionEnded,
    /// The user's own act.
    SignedOut,
    /// The server ordered the device wiped.
    Wiped,
    /// The key store no longer has the key.
    KeyLost,
    /// The vault could not be read any more and was begun anew.
    StorageLost,
    /// The same user signed in again; invisible.
    Replaced,
}

from_core!(steadfast::Reason => Reason {
    SessionEnded, SignedOut, Wiped, KeyLost, StorageLost, Replaced,
} otherwise SessionEnded);

/// What is known of the way to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
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
        /// When, in wall-clock time: milliseconds since 1970, UTC.
        until_millis: i64,
    },
}

impl From<steadfast::Link> for Link {
    fn from(link: steadfast::Link) -> Self {
        match link {
            steadfast::Link::Paused => Self::Paused,
            steadfast::Link::Offline => Self::Offline,
            steadfast::Link::Portal => Self::Portal,
            steadfast::Link::Live => Self::Live,
            steadfast::Link::Polling => Self::Polling,
            steadfast::Link::Waiting { until } => Self::Waiting {
                until_millis: until.0,
            },
            steadfast::Link::Connecting => Self::Connecting,
            // The core's enum may grow; a test compares the names.
            _ => Self::Connecting,
        }
    }
}

/// What an app has to show for an account.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Shows {
    /// The content.
    Content,
    /// A cover over the content.
    Cover {
        /// Its text.
        message: Message,
    },
    /// The sign-in page.
    SignIn {
        /// Its text, if there is one. A user who signed out by themselves sees none.
        message: Option<Message>,
    },
}

impl From<steadfast::Shows> for Shows {
    fn from(shows: steadfast::Shows) -> Self {
        match shows {
            steadfast::Shows::Content => Self::Content,
            steadfast::Shows::Cover(message) => Self::Cover {
                message: message.into(),
            },
            steadfast::Shows::SignIn(message) => Self::SignIn {
                message: message.map(Message::from),
            },
            // The core's enum may grow; a test compares the names.
            _ => Self::SignIn { message: None },
        }
    }
}

/// How a user signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, uniffi::Enum)]
pub enum SignInMethod {
    /// Name and password.
    Password,
    /// Through the browser.
    Sso,
    /// A personal access token. Ending its session does not end it: the server makes a new one when the token is used.
    AccessToken,
    /// A link that the server mailed to a guest.
    MagicLink,
    /// A session that began elsewhere and was handed over.
    Adopted,
}

from_core!(steadfast::SignInMethod => SignInMethod {
    Password, Sso, AccessToken, MagicLink, Adopted,
} otherwise Adopted);

/// An account as it stands. A value: it does not change under the reader.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Snapshot {
    /// The account. Its number is never used again for another one.
    pub account: i64,
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
    /// How the user signed in; nothing if that is no longer known. A session of an access token is shown as such: ending it
    /// does not end the token.
    pub sign_in_method: Option<SignInMethod>,
    /// What is believed about the session.
    pub standing: Standing,
    /// Why it ended; nothing unless it did.
    pub reason: Option<Reason>,
    /// What the app has to show: this alone decides between the content, a cover and the sign-in page.
    pub shows: Shows,
    /// Content must not be shown.
    pub cover: bool,
    /// The session ended by a verdict that turned out to be wrong: `continueSession` takes it up again without a password.
    pub may_continue: bool,
    /// The key store did not give this account's key for 24 hours, or in five starts of the app before the user's eyes, so it is
    /// hardly coming back: offer to log in again and to log out. Only while the standing is `Locked`, and gone as soon as the
    /// key can be read. Nothing happens by itself: content stays as `shows` says, and the key store is asked on. Whatever signs
    /// in as this user, `signOut` and `forget` then give the old session up here, where they had answered
    /// `key_store_unavailable` before. The server cannot be told: there the old session ends when it expires, or in Active
    /// Sessions on another device.
    pub may_sign_in_again: bool,
    /// Content is covered until the app has acknowledged an obligation to erase what it stored of somebody else.
    pub waits_for_erasing: bool,
    /// The way to the server.
    pub link: Link,
    /// When the session expires as far as is known: milliseconds since 1970, UTC. A session never ends because of it alone.
    pub expires_at_millis: Option<i64>,
    /// When the server last confirmed the session: milliseconds since 1970, UTC.
    pub validated_at_millis: Option<i64>,
    /// Events were missed: the app must read again what it shows.
    pub needs_resync: bool,
}

impl From<&steadfast::Snapshot> for Snapshot {
    fn from(snapshot: &steadfast::Snapshot) -> Self {
        let shows = snapshot.shows().into();
        let steadfast::Snapshot {
            id,
            server_url,
            user_id,
            username,
            roles,
            locale,
            server_name,
            server_version,
            sign_in_method,
            standing,
            reason,
            cover,
            may_continue,
            may_sign_in_again,
            waits_for_erasing,
            link,
            expires_at,
            validated_at,
            needs_resync,
        } = snapshot.clone();
        Self {
            account: id.0,
            server_url,
            user_id,
            username,
            roles,
            locale,
            server_name,
            server_version,
            sign_in_method: sign_in_method.map(Into::into),
            standing: standing.into(),
            reason: reason.map(Into::into),
            shows,
            cover,
            may_continue,
            may_sign_in_again,
            waits_for_erasing,
            link: link.into(),
            expires_at_millis: expires_at.map(|at| at.0),
            validated_at_millis: validated_at.map(|at| at.0),
            needs_resync,
        }
    }
}

/// A realtime event, as the server sent it.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Event {
    /// Its place in the account's stream: rises by one with each event, never used twice while the process lives.
    pub seq: i64,
    /// The server's name for it, such as `posted`.
    pub name: String,
    /// The whole message, as JSON: `event`, `data`, `broadcast`, `seq`.
    pub json: String,
}

/// What a reader of events gets.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct EventBatch {
    /// Events were lost before the first one here: read again what the app shows, then go on from here.
    pub gap: bool,
    /// The events after the one asked for, oldest first.
    pub events: Vec<Event>,
    /// What to ask for next time.
    pub last_seq: i64,
}

impl From<steadfast::EventBatch> for EventBatch {
    fn from(batch: steadfast::EventBatch) -> Self {
        let steadfast::EventBatch {
            gap,
            events,
            last_seq,
        } = batch;
        let event = |event| {
            let steadfast::Event { seq, name, json } = event;
            Event { seq, name, json }
        };
        Self {
            gap,
            events: events.into_iter().map(event).collect(),
            last_seq,
        }
    }
}

#[uniffi::export]
impl Core {
    /// Every account, in the order in which they were added. Local and immediate.
    pub fn accounts(&self) -> Result<Vec<Snapshot>, SteadfastError> {
        at_once(|| Ok(self.steadfast.accounts().iter().map(Into::into).collect()))
    }

    /// One account as it stands. Local and immediate. Fails with `no_such_account`.
    pub fn snapshot(&self, account: i64) -> Result<Snapshot, SteadfastError> {
        at_once(|| Ok((&self.steadfast.snapshot(AccountId(account))?).into()))
    }

    /// Waits for realtime events after `afterSeq` (0 at first, then the batch's `lastSeq`). Asking for what comes after an
    /// event says that it was taken; what was not taken survives a reconnect, and a call that was abandoned took nothing. At
    /// most 1,000 wait, then there is a gap. Fails with `no_such_account` and `closed`.
    #[uniffi::method(default(cancellation = None))]
    pub async fn events(
        &self,
        account: i64,
        after_seq: i64,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<EventBatch, SteadfastError> {
        waits(cancellation, async {
            let batch = self.steadfast.events(AccountId(account), after_seq).await?;
            Ok(batch.into())
        })
        .await
    }

    /// Takes a session up again that ended by a verdict which turned out to be wrong, without a password. Only for the user's
    /// own act: content comes back with it. The snapshot's `mayContinue` says whether it is offered; an account that is
    /// signed in is no error. Fails with `session_ended` or `not_signed_in` if nothing is offered, or no longer;
    /// `no_such_account`; `suspended`; and as the store does, then it is tried again.
    #[uniffi::method(default(cancellation = None))]
    pub async fn continue_session(
        &self,
        account: i64,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<(), SteadfastError> {
        let account = AccountId(account);
        waits(cancellation, self.steadfast.continue_session(account)).await
    }

    /// Signs out: here first, at once and durably, then at the server. Offline the server's part is owed, and done when it
    /// can be reached. An account nobody is signed in to is no error. Fails with `no_such_account`; `suspended`, then nothing
    /// was done; `key_store_unavailable`, `store_unavailable` and `disk_full` if it could not be stored: content is covered
    /// from now on, and it is tried again until it is; on a full disk the key is destroyed at once and the server's part is
    /// not guaranteed.
    #[uniffi::method(default(cancellation = None))]
    pub async fn sign_out(
        &self,
        account: i64,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<(), SteadfastError> {
        waits(cancellation, self.steadfast.sign_out(AccountId(account))).await
    }

    /// Removes an account from this device. Its session is ended here at once; the server's part is owed as after a sign-out,
    /// and the app owes the erasing of what it stored. The number is never used again; a later sign-in of the same user is
    /// another account. Fails with `no_such_account`; `suspended` and `key_store_unavailable`, then nothing was done;
    /// `disk_full`, then the key was destroyed and the server told once; `store_unavailable`.
    #[uniffi::method(default(cancellation = None))]
    pub async fn forget(
        &self,
        account: i64,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<(), SteadfastError> {
        waits(cancellation, self.steadfast.forget(AccountId(account))).await
    }

    /// The key with which an app may encrypt what it stores of an account, 32 bytes, so that it is erased in one step. Made
    /// when it is first asked for and the same from then on, also after a sign-out and a new sign-in of the same user. It is
    /// destroyed when the app comes to owe the erasing of the account's data: on `forget`, on a wipe, before another user of
    /// the server signs in, and long after an end. Fails with `not_signed_in`, `session_ended`, `unverifiable` while nobody is
    /// signed in; `key_store_unavailable`; `data_key_lost` if the key store has lost it: `renewDataKey` begins anew;
    /// `no_such_account`; and as the store does.
    #[uniffi::method(default(cancellation = None))]
    pub async fn data_key(
        &self,
        account: i64,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Vec<u8>, SteadfastError> {
        waits(cancellation, async {
            let key = self.steadfast.data_key(AccountId(account)).await?;
            Ok(key.expose().to_vec())
        })
        .await
    }

    /// Makes a new data key in place of one that was lost or is to be changed. What the old one encrypted cannot be read any
    /// more. Fails as `dataKey`, but for `data_key_lost`.
    #[uniffi::method(default(cancellation = None))]
    pub async fn renew_data_key(
        &self,
        account: i64,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Vec<u8>, SteadfastError> {
        waits(cancellation, async {
            let key = self.steadfast.renew_data_key(AccountId(account)).await?;
            Ok(key.expose().to_vec())
        })
        .await
    }
}
