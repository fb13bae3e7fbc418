//! The rows of the vault as values: what the engine hands in and gets back.

use std::time::Duration;

use crate::session::{AccountId, BootId, BootMillis, Epoch, UnixMillis};

use super::seal::Sealed;

/// Whether a write that was made for one epoch took place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a stale write changed nothing"]
pub enum Outcome<T = ()> {
    /// Stored, durably.
    Committed(T),
    /// The account has moved on to another epoch, or is gone. Nothing was changed.
    Stale,
}

impl<T> Outcome<T> {
    /// What was committed, if it was.
    pub fn committed(self) -> Option<T> {
        match self {
            Self::Committed(value) => Some(value),
            Self::Stale => None,
        }
    }
}

/// An instant that can still be judged after a restart: by boot time under the same boot id, else by the wall clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Wall clock.
    pub wall: UnixMillis,
    /// Time since the device started.
    pub boot: BootMillis,
    /// Which start that was.
    pub boot_id: BootId,
}

impl Stamp {
    /// Whether `now` is provably no more than `lifetime` after this: by the time since the device started, or, if it was
    /// started again, by the wall clock. A clock that was set back proves nothing.
    pub fn is_within(&self, lifetime: Duration, now: &Self) -> bool {
        if self.boot_id == now.boot_id {
            now.boot >= self.boot && now.boot.since(self.boot) <= lifetime
        } else {
            now.wall >= self.wall && now.wall.since(self.wall) <= lifetime
        }
    }
}

/// A standing as it is stored. The vault does not know what the code means; the machine does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredStanding {
    /// Stable code of the standing.
    pub code: String,
    /// Its details (reason, pieces of evidence) as JSON.
    pub detail: String,
}

/// Name of a key in the platform's key store. Never used again for another key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyName(pub(super) String);

impl KeyName {
    /// The key that seals the tokens in the outbox. It belongs to the vault, not to an account, and is made when it is first
    /// needed.
    pub fn outbox() -> Self {
        Self("outbox".to_owned())
    }

    /// The name, for the key store.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What the server says about the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserFacts {
    /// Name the user signs in with.
    pub username: String,
    /// Roles, separated by spaces, as the server sends them.
    pub roles: String,
    /// Language of the user's account.
    pub locale: String,
}

/// What the server says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerFacts {
    /// Name its administrator gave it.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Id of the installation, by which its pushes name it.
    pub diagnostic_id: Option<String>,
    /// Public key of its signatures, base64 of the DER.
    pub signing_key: Option<String>,
    /// What its administrators decide about sessions, as JSON.
    pub policy: Option<String>,
    /// Below which URL its realtime socket is, where that is not the server's own.
    pub websocket_url: Option<String>,
}

/// One account, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRecord {
    /// Number of the account, never used again.
    pub id: AccountId,
    /// Canonical server URL.
    pub server_url: String,
    /// The server's id of the user.
    pub user_id: String,
    /// What the server last said about the user.
    pub user: UserFacts,
    /// What the server last said about itself.
    pub server: ServerFacts,
    /// Code of the way in which the user signed in.
    pub sign_in_method: String,
    /// Place in the list of accounts.
    pub position: i64,
    /// Epoch of the current session.
    pub epoch: Epoch,
    /// What is believed about the session.
    pub standing: StoredStanding,
    /// The key that opens `sealed_token`; both are there or neither.
    pub key_name: Option<KeyName>,
    /// The token, bound to this account, this epoch and [`Column::AccountToken`](super::Column::AccountToken).
    pub sealed_token: Option<Sealed>,
    /// The server's id of the session, if known.
    pub session_id: Option<String>,
    /// SHA-256 of the session's CSRF token, by which its row in the list of sessions is known.
    pub csrf_hash: Option<String>,
    /// Device id attached to the session, if one is.
    pub device_id: Option<String>,
    /// Wall clock of the sign-in.
    pub signed_in_at: UnixMillis,
    /// The `Date` of the sign-in answer: the server's own clock.
    pub signed_in_server_date: Option<UnixMillis>,
    /// When the server says that the session expires.
    pub expires_at: Option<UnixMillis>,
    /// The last proof that the session was valid.
    pub validated_at: Option<Stamp>,
    /// When the session ended, if it has.
    pub ended_at: Option<UnixMillis>,
    /// Until when the token of an ended session is kept.
    pub restore_until: Option<Stamp>,
    /// What was learned about response headers on the way to this server, as JSON.
    pub header_habits: Option<String>,
    /// The network profile, as JSON.
    pub network_profile: Option<String>,
    /// The app owes erasing on its server that must be done before anything of it is shown.
    pub waits_for_erasing: bool,
}

/// An account of a file that had to be set aside: all that is still known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostAccount {
    /// Its number, kept.
    pub id: AccountId,
    /// Canonical server URL.
    pub server_url: String,
    /// The server's id of the user.
    pub user_id: String,
    /// Name the user signed in with.
    pub username: String,
}

/// Number of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NoticeId(pub i64);

/// A notice to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNotice {
    /// Stable code. One notice of a kind is told per account and epoch.
    pub kind: String,
    /// Details as JSON.
    pub payload: String,
}

/// A notice that the app has not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Number, rising in the order of telling.
    pub id: NoticeId,
    /// Whom it concerns.
    pub account: AccountId,
    /// Which session.
    pub epoch: Epoch,
    /// Stable code.
    pub kind: String,
    /// Details as JSON.
    pub payload: String,
    /// Wall clock when it was stored.
    pub created_at: UnixMillis,
}

/// Number of an obligation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObligationId(pub i64);

/// Work that the app owes: erase its data of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obligation {
    /// Number, rising in the order in which the work is owed.
    pub id: ObligationId,
    /// Whose data. The account itself may be gone already.
    pub account: AccountId,
    /// Its server.
    pub server_url: String,
    /// Its user.
    pub user_id: String,
    /// Code of the reason.
    pub reason: String,
    /// The accounts whose sign-ins are complete only when this is acknowledged.
    pub blocks: Vec<AccountId>,
    /// Wall clock when it was stored.
    pub created_at: UnixMillis,
}

/// What the app is told and what it owes, in the order in which it came up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lists {
    /// What it has not acknowledged.
    pub notices: Vec<Notice>,
    /// What it is to take back.
    pub withdrawn_notices: Vec<NoticeId>,
    /// What it has not done.
    pub obligations: Vec<Obligation>,
    /// Accounts whose cookies in the web view are not those that they should be.
    pub cookies_due: Vec<AccountId>,
}

/// Number of an entry of the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutboxId(pub i64);

/// What is owed to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutboxKind {
    /// End the session of the sealed token.
    RevokeToken,
    /// Attach the device id in the payload to the session of that epoch.
    AttachDevice,
}

codes!(pub(super) OutboxKind {
    RevokeToken => "revoke_token",
    AttachDevice => "attach_device",
});

/// One entry of the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxEntry {
    /// Number, rising in the order of owing.
    pub id: OutboxId,
    /// The account it came from, which may be gone.
    pub account: AccountId,
    /// The session it is about.
    pub epoch: Epoch,
    /// What is owed.
    pub kind: OutboxKind,
    /// Canonical server URL.
    pub server_url: String,
    /// The token, bound to `account`, `epoch` and [`Column::OutboxToken`](super::Column::OutboxToken), under
    /// [`KeyName::outbox`].
    pub sealed_token: Option<Sealed>,
    /// Details that are no secret: the device id, or how the session that is owed its end was signed in.
    pub payload: String,
    /// The network profile to use, as JSON.
    pub network_profile: Option<String>,
    /// Tries so far.
    pub attempts: u32,
    /// Wall clock before which it is not tried again.
    pub next_try_at: UnixMillis,
    /// Wall clock when it was stored.
    pub created_at: UnixMillis,
}

/// Why an entry of the outbox may be struck out. Nothing else does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutboxProof {
    /// The token was met with evidence of a gone session while the server's database was healthy.
    SessionGone,
    /// The session was of an access token. Asking with that makes a session anew, so nothing else can be asked: the server
    /// said that it ended it, between two healthy answers about its database.
    LoggedOut,
    /// The server took the device id, or the session it was for is over.
    DeviceAttached,
    /// The outbox key is gone for good, so nobody can ever send it.
    KeyLost,
}

/// A token that an operation takes out of an account, and what becomes of the server's part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OldToken {
    /// The account holds none.
    None,
    /// Sealed again under the outbox key and bound to [`Column::OutboxToken`](super::Column::OutboxToken), with the
    /// account's number and the epoch it had: the vault owes its revocation to the server in the same transaction.
    Owed(Sealed),
    /// Nobody owes anything: the server has already ended it with proof, or its key is gone and it cannot be read.
    Dropped,
}

/// What becomes of the token when a session ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenFate {
    /// Kept, so that a wrong verdict heals, until this instant at the latest.
    KeptUntil(Stamp),
    /// Taken out of the file; nothing is owed to the server.
    Destroyed,
    /// Taken out of the account, and its revocation is owed: sealed again as for [`OldToken::Owed`].
    Owed(Sealed),
}

/// A named value of the vault as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// Device id for pushes, as the platform gave it.
    DeviceId,
    /// Whether the system lets the app show notifications; empty if nobody said.
    Notifications,
    /// Random id of this installation, made with the file.
    InstallationId,
    /// Boot id last seen.
    BootId,
}

impl Setting {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::DeviceId => "device_id",
            Self::Notifications => "notifications",
            Self::InstallationId => "installation_id",
            Self::BootId => "boot_id",
        }
    }
}
