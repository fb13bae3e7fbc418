//! Sessions on the server: the user's own, and those of others for an administrator.

use crate::core::Core;
use crate::enums::from_core;
use crate::error::SteadfastError;
use crate::guard::{Cancellation, waits};
use crate::texts::Message;
use std::sync::{Arc, Mutex, PoisonError};
use steadfast::{AccountId, device};

/// Picture beside a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, uniffi::Enum)]
pub enum Icon {
    /// None.
    None,
    /// Apple.
    Apple,
    /// Android.
    Android,
    /// Windows.
    Windows,
    /// Linux.
    Linux,
}

from_core!(device::Icon => Icon { None, Apple, Android, Windows, Linux } otherwise None);

/// A session of the user, as "Active Sessions" shows it.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ActiveSession {
    /// The server's id of it; no secret.
    pub id: String,
    /// What it is, exactly as the web app says: "iPhone Native App", "Native Desktop App", "Macintosh" and so on.
    pub label: String,
    /// Which picture goes with it.
    pub icon: Icon,
    /// It is this device's own. Known, never guessed: where nothing proves which one it is, none is marked.
    pub current: bool,
    /// Last activity, by the server's clock: milliseconds since 1970, UTC. Moves at most once in five minutes.
    pub last_activity_at_millis: i64,
    /// First activity, by the server's clock: milliseconds since 1970, UTC.
    pub first_active_at_millis: i64,
    /// Operating system, such as `iOS`.
    pub os: String,
    /// Browser or app with its version, such as `Desktop App/5.9.0`.
    pub browser: String,
    /// When it expires, by the server's clock: milliseconds since 1970, UTC; nothing if never.
    pub expires_at_millis: Option<i64>,
}

impl From<steadfast::ActiveSession> for ActiveSession {
    fn from(session: steadfast::ActiveSession) -> Self {
        let steadfast::ActiveSession {
            id,
            label,
            icon,
            current,
            last_activity_at,
            first_active_at,
            os,
            browser,
            expires_at,
        } = session;
        Self {
            id,
            label,
            icon: icon.into(),
            current,
            last_activity_at_millis: last_activity_at.0,
            first_active_at_millis: first_active_at.0,
            os,
            browser,
            expires_at_millis: expires_at.map(|at| at.0),
        }
    }
}

/// Which users are wanted.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct UserQuery {
    /// Part of a name; nothing lists everybody. The server does not page what it finds by a term.
    #[uniffi(default = None)]
    pub term: Option<String>,
    /// From 0.
    #[uniffi(default = 0)]
    pub page: i64,
    /// 1 to 200.
    #[uniffi(default = 60)]
    pub per_page: i64,
}

/// A user in the list.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct UserSummary {
    /// The server's id.
    pub id: String,
    /// Name to sign in with.
    pub username: String,
    /// E-mail address; empty where the server hides it.
    pub email: String,
    /// Roles, separated by spaces.
    pub roles: String,
    /// Deactivated.
    pub deactivated: bool,
}

impl From<steadfast::UserSummary> for UserSummary {
    fn from(user: steadfast::UserSummary) -> Self {
        let steadfast::UserSummary {
            id,
            username,
            email,
            roles,
            deactivated,
        } = user;
        Self {
            id,
            username,
            email,
            roles,
            deactivated,
        }
    }
}

/// The question before every session of the server is ended. Leaving it alone is Cancel: no session was touched. Good for
/// one answer.
#[derive(Debug, uniffi::Object)]
pub struct Confirmation {
    question: Mutex<Option<steadfast::Confirmation>>,
    message: Message,
}

impl Confirmation {
    fn new(question: steadfast::Confirmation) -> Self {
        Self {
            message: question.message().into(),
            question: Mutex::new(Some(question)),
        }
    }

    fn take(&self) -> Option<steadfast::Confirmation> {
        let mut question = self.question.lock().unwrap_or_else(PoisonError::into_inner);
        question.take()
    }
}

#[uniffi::export]
impl Confirmation {
    /// What the administrator is asked.
    pub fn message(&self) -> Message {
        self.message.clone()
    }
}

#[uniffi::export]
impl Core {
    /// The user's sessions, latest activity first. Fails with `not_signed_in`, `session_ended`, and as the network and the
    /// server do.
    #[uniffi::method(default(cancellation = None))]
    pub async fn active_sessions(
        &self,
        account: i64,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Vec<ActiveSession>, SteadfastError> {
        waits(cancellation, async {
            let sessions = self.steadfast.active_sessions(AccountId(account)).await?;
            Ok(sessions.into_iter().map(Into::into).collect())
        })
        .await
    }

    /// Ends one of the user's sessions. Done only when the server's list no longer holds it. Ending the current one is a
    /// sign-out. Fails with `no_such_session` if the server's list does not hold it to begin with; `server_problem` if the
    /// server said that it was gone and it is not; else as `activeSessions`.
    #[uniffi::method(default(cancellation = None))]
    pub async fn end_session(
        &self,
        account: i64,
        session_id: String,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<(), SteadfastError> {
        waits(
            cancellation,
            self.steadfast.end_session(AccountId(account), &session_id),
        )
        .await
    }

    /// Ends every session of the user, this one included, and signs out here. Fails as `endSession`; then nothing was signed
    /// out here.
    #[uniffi::method(default(cancellation = None))]
    pub async fn end_all_my_sessions(
        &self,
        account: i64,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<(), SteadfastError> {
        let account = AccountId(account);
        waits(cancellation, self.steadfast.end_all_my_sessions(account)).await
    }

    /// Users of the server, for an administrator. Fails with `invalid_argument` for a page below 0 or a size out of 1 to 200;
    /// `forbidden`; `not_signed_in`, `session_ended`; and as the network and the server do.
    #[uniffi::method(default(cancellation = None))]
    pub async fn users(
        &self,
        account: i64,
        query: UserQuery,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Vec<UserSummary>, SteadfastError> {
        waits(cancellation, async {
            let UserQuery {
                term,
                page,
                per_page,
            } = query;
            let query = steadfast::UserQuery {
                term,
                page,
                per_page,
            };
            let users = self.steadfast.users(AccountId(account), query).await?;
            Ok(users.into_iter().map(Into::into).collect())
        })
        .await
    }

    /// Ends every session of a user. Done only when the server's list of them is empty. Fails with `forbidden`;
    /// `invalid_argument`; `server_problem` if the server said that they were ended and they are not; else as `users`.
    #[uniffi::method(default(cancellation = None))]
    pub async fn end_user_sessions(
        &self,
        account: i64,
        user_id: String,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<(), SteadfastError> {
        waits(
            cancellation,
            self.steadfast
                .end_user_sessions(AccountId(account), &user_id),
        )
        .await
    }

    /// Asks for confirmation before every session of the server is ended. Touches nothing. Fails with `not_signed_in`,
    /// `no_such_account`; `forbidden` if the user is no system administrator.
    #[uniffi::method(default(cancellation = None))]
    pub async fn prepare_end_everyone(
        &self,
        account: i64,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Arc<Confirmation>, SteadfastError> {
        waits(cancellation, async {
            let asked = self
                .steadfast
                .prepare_end_everyone(AccountId(account))
                .await?;
            Ok(Arc::new(Confirmation::new(asked)))
        })
        .await
    }

    /// Ends every session of every user, this one included. This device then asks about its own session at once instead of
    /// waiting for its heartbeat. Fails with `confirmation_expired` after five minutes, if somebody signed in or out here
    /// since, or if the confirmation was used before; `forbidden`; else as `users`.
    #[uniffi::method(default(cancellation = None))]
    pub async fn confirm_end_everyone(
        &self,
        confirmation: Arc<Confirmation>,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<(), SteadfastError> {
        waits(cancellation, async {
            let question = confirmation.take();
            let question = question.ok_or(steadfast::Error::ConfirmationExpired)?;
            self.steadfast.confirm_end_everyone(question).await
        })
        .await
    }
}
