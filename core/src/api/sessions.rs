//! Active Sessions: the user's own sessions on the server.

use crate::api::Steadfast;
use crate::device::Icon;
use crate::error::Error;
use crate::session::{AccountId, UnixMillis};

/// A session of the user, as "Active Sessions" shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveSession {
    /// The server's id of it; no secret.
    pub id: String,
    /// What it is, exactly as the web app says: "iPhone Native App", "Native Desktop App", "Macintosh" and so on.
    pub label: String,
    /// Which picture goes with it.
    pub icon: Icon,
    /// It is this device's own. Known, never guessed: where nothing proves which one it is, none is marked.
    pub current: bool,
    /// Last activity, by the server's clock. Moves at most once in five minutes.
    pub last_activity_at: UnixMillis,
    /// First activity, by the server's clock.
    pub first_active_at: UnixMillis,
    /// Operating system, such as `iOS`.
    pub os: String,
    /// Browser or app with its version, such as `Desktop App/5.9.0`.
    pub browser: String,
    /// When it expires, by the server's clock; `None` if never.
    pub expires_at: Option<UnixMillis>,
}

impl Steadfast {
    /// The user's sessions, latest activity first.
    ///
    /// # Errors
    /// [`Error::NotSignedIn`], [`Error::SessionEnded`]; those of the network and the server.
    pub async fn active_sessions(&self, id: AccountId) -> Result<Vec<ActiveSession>, Error> {
        let engine = self.engine().clone();
        self.engine()
            .run(async move { engine.active_sessions(id).await })
            .await
    }

    /// Ends one of the user's sessions. Done only when the server's list no longer holds it. Ending the current one is a
    /// sign-out.
    ///
    /// # Errors
    /// [`Error::NoSuchSession`] if the server's list does not hold it to begin with; [`Error::ServerProblem`] if the server
    /// said that it was gone and it is not; else as [`active_sessions`](Self::active_sessions).
    pub async fn end_session(&self, id: AccountId, session: &str) -> Result<(), Error> {
        let (engine, session) = (self.engine().clone(), session.to_owned());
        self.engine()
            .run(async move { engine.end_session(id, session).await })
            .await
    }

    /// Ends every session of the user, this one included, and signs out here.
    ///
    /// # Errors
    /// As [`end_session`](Self::end_session); then nothing was signed out here.
    pub async fn end_all_my_sessions(&self, id: AccountId) -> Result<(), Error> {
        let engine = self.engine().clone();
        self.engine()
            .run(async move { engine.end_all_my_sessions(id).await })
            .await
    }
}
