//! What a system administrator does to the sessions of others.

use crate::api::Steadfast;
use crate::api::message::{self, Message};
use crate::error::Error;
use crate::policy;
use crate::server::wire;
use crate::session::{AccountId, BootMillis, Epoch};

/// Which users are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserQuery {
    /// Part of a name; `None` lists everybody. The server does not page what it finds by a term.
    pub term: Option<String>,
    /// From 0.
    pub page: i64,
    /// 1 to 200.
    pub per_page: i64,
}

impl Default for UserQuery {
    fn default() -> Self {
        Self {
            term: None,
            page: 0,
            per_page: policy::USERS_PER_PAGE,
        }
    }
}

/// A user in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
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

impl From<wire::User> for UserSummary {
    fn from(user: wire::User) -> Self {
        Self {
            id: user.id,
            username: user.username,
            email: user.email,
            roles: user.roles,
            deactivated: user.delete_at > 0,
        }
    }
}

/// The question before every session of the server is ended. Dropping it is Cancel: no session was touched.
#[derive(Debug, PartialEq, Eq)]
pub struct Confirmation {
    pub(crate) account: AccountId,
    pub(crate) epoch: Epoch,
    pub(crate) prepared: BootMillis,
}

impl Confirmation {
    /// What the administrator is asked.
    pub fn message(&self) -> Message {
        message::REVOKE_EVERYONE
    }
}

impl Steadfast {
    /// Users of the server, for an administrator.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a page below 0 or a size out of 1 to 200; [`Error::Forbidden`];
    /// [`Error::NotSignedIn`], [`Error::SessionEnded`]; those of the network and the server.
    pub async fn users(&self, id: AccountId, query: UserQuery) -> Result<Vec<UserSummary>, Error> {
        let engine = self.engine().clone();
        self.engine()
            .run(async move { engine.users(id, query).await })
            .await
    }

    /// Ends every session of a user. Done only when the server's list of them is empty.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::InvalidArgument`]; [`Error::ServerProblem`] if the server said that they were ended and
    /// they are not; else as [`users`](Self::users).
    pub async fn end_user_sessions(&self, id: AccountId, user_id: &str) -> Result<(), Error> {
        if !wire::is_id(user_id) {
            return Err(Error::InvalidArgument {
                argument: "user_id",
            });
        }
        let (engine, user_id) = (self.engine().clone(), user_id.to_owned());
        self.engine()
            .run(async move { engine.end_user_sessions(id, user_id).await })
            .await
    }

    /// Asks for confirmation before every session of the server is ended. Touches nothing.
    ///
    /// # Errors
    /// [`Error::NotSignedIn`], [`Error::NoSuchAccount`]; [`Error::Forbidden`] if the user is no system administrator.
    pub async fn prepare_end_everyone(&self, id: AccountId) -> Result<Confirmation, Error> {
        let engine = self.engine().clone();
        self.engine()
            .run(async move { engine.prepare_end_everyone(id).await })
            .await
    }

    /// Ends every session of every user, this one included. This device then asks about its own session at once instead of
    /// waiting for its heartbeat.
    ///
    /// # Errors
    /// [`Error::ConfirmationExpired`] after five minutes, or if somebody signed in or out here since; [`Error::Forbidden`];
    /// else as [`users`](Self::users).
    pub async fn confirm_end_everyone(&self, confirmation: Confirmation) -> Result<(), Error> {
        let engine = self.engine().clone();
        self.engine()
            .run(async move { engine.confirm_end_everyone(confirmation).await })
            .await
    }
}
