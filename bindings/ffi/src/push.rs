//! Pushes and background checks: what an app calls while nobody looks at it.

use crate::changes::Notice;
use crate::core::Core;
use crate::error::SteadfastError;
use crate::guard::{Cancellation, duration, waits};
use crate::texts::Message;
use std::collections::HashMap;
use std::sync::Arc;
use steadfast::PushPayload;

/// What the user is to see of a push.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum ToShow {
    /// Nothing.
    Nothing,
    /// What the push itself says, badges and withdrawals included.
    AsGiven,
    /// This in its place: content is covered.
    Instead {
        /// The text.
        message: Message,
    },
    /// These, each to be acknowledged when shown. `notices` has them too.
    Notices {
        /// Oldest first.
        notices: Vec<Notice>,
    },
}

/// What became of a push.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct PushReceived {
    /// It was about a session and has been dealt with. The app does no more with it than `toShow` says; in particular it
    /// signs nobody out.
    pub handled: bool,
    /// What the user is to see of it.
    pub to_show: ToShow,
}

impl From<steadfast::PushReceived> for PushReceived {
    fn from(received: steadfast::PushReceived) -> Self {
        let steadfast::PushReceived { handled, to_show } = received;
        let to_show = match to_show {
            steadfast::ToShow::Nothing => ToShow::Nothing,
            steadfast::ToShow::Instead(message) => ToShow::Instead {
                message: message.into(),
            },
            steadfast::ToShow::Notices(notices) => ToShow::Notices {
                notices: notices.iter().map(Into::into).collect(),
            },
            steadfast::ToShow::AsGiven => ToShow::AsGiven,
            // The core's enum may grow; a test compares the names.
            _ => ToShow::AsGiven,
        };
        Self { handled, to_show }
    }
}

#[uniffi::export]
impl Core {
    /// A push arrived, as keys and values; any that the app does not know belongs here first. Messages are passed through,
    /// unless content of their account is covered or nobody is signed in to it. One about a session makes the core ask the
    /// server, in a process that was started for it too, and returns within 15 seconds, leaving the core suspended if it was.
    /// No push by itself signs anybody out. Fails with `closed`, and as the opening of the vault does.
    #[uniffi::method(default(cancellation = None))]
    pub async fn push_received(
        &self,
        values: HashMap<String, String>,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<PushReceived, SteadfastError> {
        waits(cancellation, async {
            let payload = PushPayload::from_pairs(values);
            Ok(self.steadfast.push_received(payload).await?.into())
        })
        .await
    }

    /// As `pushReceived`, for a platform that hands a JSON object over: its numbers and switches are taken as texts, and the
    /// text of Apple's `aps.alert` counts as `message` where there is none. Fails with `invalid_argument` if it is no JSON
    /// object, or longer than 16 KiB; else as `pushReceived`.
    #[uniffi::method(default(cancellation = None))]
    pub async fn push_received_json(
        &self,
        json: String,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<PushReceived, SteadfastError> {
        waits(cancellation, async {
            let payload = PushPayload::from_json(&json)?;
            Ok(self.steadfast.push_received(payload).await?.into())
        })
        .await
    }

    /// The system woke the app to look for news. Asks about every session, pays what is owed to servers, and gives what the
    /// user is to be told, each to be acknowledged when shown. Opens no socket, and leaves the core suspended if it was.
    /// Returns within that many milliseconds, at most 15 seconds; what was not reached by then is as if it had not been begun.
    /// To end it sooner, call `hostState` with `Suspended`. Fails with `closed`, and as the opening of the vault does.
    #[uniffi::method(default(cancellation = None))]
    pub async fn background_check(
        &self,
        deadline_millis: i64,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Vec<Notice>, SteadfastError> {
        waits(cancellation, async {
            let deadline = duration(deadline_millis, "deadline")?;
            let notices = self.steadfast.background_check(deadline).await?;
            Ok(notices.iter().map(Into::into).collect())
        })
        .await
    }
}
