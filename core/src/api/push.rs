//! Pushes, background checks and reminders: what an app calls while nobody looks at it.

use crate::api::message::{self, Message};
use crate::api::{Notice, Steadfast};
use crate::error::Error;
use crate::policy;
use crate::session::{AccountId, Epoch, UnixMillis};
use std::collections::BTreeMap;
use std::time::Duration;

/// What a push brought, as the platform handed it to the app: keys and values.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PushPayload {
    values: BTreeMap<String, String>,
}

impl PushPayload {
    /// From a JSON object: what the platform gives, its numbers and switches included. The text of Apple's `aps.alert` counts
    /// as `message` where there is none.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if it is no JSON object, or longer than 16 KiB.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        let invalid = Error::InvalidArgument {
            argument: "payload",
        };
        if json.len() > policy::PUSH_LIMIT {
            return Err(invalid);
        }
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(json).map_err(|_| invalid)?;
        let alert = object.get("aps").and_then(|aps| {
            let alert = aps.get("alert")?;
            alert.as_str().or_else(|| alert.get("body")?.as_str())
        });
        let alert = alert.map(str::to_owned);
        let mut payload = Self::from_pairs(object.into_iter().filter_map(|(key, value)| {
            let text = match value {
                serde_json::Value::String(text) => text,
                serde_json::Value::Number(number) => number.to_string(),
                serde_json::Value::Bool(switch) => switch.to_string(),
                serde_json::Value::Null
                | serde_json::Value::Array(_)
                | serde_json::Value::Object(_) => return None,
            };
            Some((key, text))
        }));
        if let Some(alert) = alert {
            let message = payload.values.entry("message".to_owned()).or_default();
            if message.is_empty() {
                *message = alert;
            }
        }
        Ok(payload)
    }

    /// From keys and values.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self {
            values: pairs.into_iter().collect(),
        }
    }

    /// A value; empty if absent.
    pub fn get(&self, key: &str) -> &str {
        self.values.get(key).map_or("", String::as_str)
    }
}

impl std::fmt::Debug for PushPayload {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // It holds what people write to each other.
        write!(formatter, "PushPayload({} values)", self.values.len())
    }
}

/// What became of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushReceived {
    /// It was about a session and has been dealt with. The app does no more with it than `to_show` says; in particular it
    /// signs nobody out.
    pub handled: bool,
    /// What the user is to see of it.
    pub to_show: ToShow,
}

/// What the user is to see of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ToShow {
    /// Nothing.
    Nothing,
    /// What the push itself says, badges and withdrawals included.
    AsGiven,
    /// This in its place: content is covered.
    Instead(Message),
    /// These notices, each to be acknowledged when shown. They are in [`Steadfast::notices`] too.
    Notices(Vec<Notice>),
}

/// When the system is to remind the user that a session may have expired. Scheduled with the system, because nobody may be
/// running then. See [`Steadfast::reminders`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reminder {
    /// Stable name, for the system's scheduler: a reminder of the same name takes the place of an earlier one.
    pub id: String,
    /// Whom it is about.
    pub account: AccountId,
    /// When, by this device's clock.
    pub at: UnixMillis,
}

impl Reminder {
    pub(crate) fn new(account: AccountId, epoch: Epoch, at: UnixMillis) -> Self {
        Self {
            id: format!("session-expiry-{}-{}", account.0, epoch.0),
            account,
            at,
        }
    }

    /// Account and epoch of a reminder's id.
    pub(crate) fn parse(id: &str) -> Option<(AccountId, Epoch)> {
        let (account, epoch) = id.strip_prefix("session-expiry-")?.split_once('-')?;
        Some((AccountId(account.parse().ok()?), Epoch(epoch.parse().ok()?)))
    }

    /// Its text.
    pub fn message(&self) -> Message {
        message::MAY_HAVE_EXPIRED
    }
}

impl Steadfast {
    /// A push arrived; any that the app does not know belongs here first. Messages are passed through, unless content of
    /// their account is covered or nobody is signed in to it. One about a session makes the core ask the server, in a
    /// process that was started for it too, and returns within 15 seconds, leaving the core suspended if it was. No push by
    /// itself signs anybody out.
    ///
    /// # Errors
    /// [`Error::Closed`]; those of opening the vault.
    pub async fn push_received(&self, payload: PushPayload) -> Result<PushReceived, Error> {
        let engine = self.engine().clone();
        self.engine()
            .run(async move { engine.push_received(payload).await })
            .await
    }

    /// The system woke the app to look for news. Asks about every session, pays what is owed to servers, and gives what the
    /// user is to be told, each to be acknowledged when shown. Opens no socket, and leaves the core suspended if it was.
    /// Returns within the deadline, at most 15 seconds; what was not reached by then is as if it had not been begun. To end
    /// it sooner, call [`host_state`](Self::host_state) with `Suspended`.
    ///
    /// # Errors
    /// [`Error::Closed`]; those of opening the vault.
    pub async fn background_check(&self, deadline: Duration) -> Result<Vec<Notice>, Error> {
        let engine = self.engine().clone();
        self.engine()
            .run(async move { engine.background_check(deadline).await })
            .await
    }

    /// The reminders to schedule with the system, one per account whose expiry is known and still ahead. Local and immediate;
    /// [`Changes`](crate::Changes) carries them too. Whenever they change: schedule each under its id, remove one of that id
    /// that is already on display, and cancel what was scheduled and is no longer listed.
    pub fn reminders(&self) -> Vec<Reminder> {
        self.engine().hub.read().reminders.clone()
    }

    /// The system has taken a reminder and will show it at that time. From then on that end is told by it, and by no notice
    /// beside it. Not to be called where the system would not show it: then a notice tells.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for an id that no reminder has; those of the store.
    pub async fn reminder_set(&self, id: &str, at: UnixMillis) -> Result<(), Error> {
        let (account, epoch) =
            Reminder::parse(id).ok_or(Error::InvalidArgument { argument: "id" })?;
        let engine = self.engine().clone();
        self.engine()
            .run(async move { engine.reminder_set(account, epoch, at).await })
            .await
    }
}
