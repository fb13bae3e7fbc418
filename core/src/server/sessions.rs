//! Typed calls about sessions, users and the server's health. The app's own calls go through [`Rest::send`].

use serde_json::{Map, json};

use super::reply::{Answer, Reply};
use super::rest::{RequestParts, Rest};
use super::transport::TransportError;
use super::wire::{ClientConfig, Ping, Session, StatusOk, User, is_id};
use crate::policy;
use crate::secret::Token;

/// Answered without a token.
pub(super) const PING_PATH: &str = "/api/v4/system/ping";
/// Where the client configuration is.
pub(super) const CONFIG_PATH: &str = "/api/v4/config/client";

/// Asks for the client configuration, in the form that every server knows.
pub(crate) fn config_request() -> RequestParts {
    RequestParts::get(CONFIG_PATH).query("format", "old")
}

/// What a ping asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Only whether the server answers.
    Reachable,
    /// The state of its database as well. Costs the server a write, so it is asked before a session is given up, never on
    /// a schedule.
    Database,
}

/// Which users are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserQuery {
    /// All of them, by name.
    Page {
        /// From 0.
        page: u32,
        /// 1 to 200.
        per_page: u32,
    },
    /// Those whose names match. The server does not page these.
    Search {
        /// What was typed.
        term: String,
        /// 1 to 1,000.
        limit: u32,
    },
}

/// What to store with the caller's own session; `None` leaves a value as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceProperties {
    /// Push id. The server ends this user's other sessions that have the same one.
    pub device_id: Option<String>,
    /// Whether the system's settings forbid notifications. Unknown to servers before 10.1.
    pub notifications_disabled: Option<bool>,
    /// Version of the app, strictly `major.minor.patch`. Unknown to servers before 10.1.
    pub app_version: Option<String>,
}

/// `{"status":"OK"}` and nothing else.
fn ok(reply: &Reply) -> Option<()> {
    (reply.json::<StatusOk>()?.status == "OK").then_some(())
}

impl Rest {
    /// The request on which a verdict rests: `GET users/me` on a fresh connection that no cache answers. `nonce` makes its
    /// URL unique, such as the time in milliseconds.
    pub async fn users_me(&self, token: &Token, nonce: &str) -> Result<Reply, TransportError> {
        self.send(
            RequestParts::get("/api/v4/users/me")
                .query("t", nonce)
                .header("cache-control", "no-cache")
                .token(token)
                .fresh()
                .body_limit(policy::VERDICT_BODY_LIMIT),
        )
        .await
    }

    /// Asks how the server is, without a token and on a fresh connection. A server with a sick database may answer 500; its
    /// body is read all the same, so [`Ping::database_status`] is to be looked at whatever the status.
    pub async fn ping(&self, health: Health) -> Result<(Reply, Option<Ping>), TransportError> {
        let mut request = RequestParts::get(PING_PATH)
            .header("cache-control", "no-cache")
            .fresh()
            .body_limit(policy::VERDICT_BODY_LIMIT);
        if health == Health::Database {
            request = request
                .query("get_server_status", "true")
                .query("use_rest_semantics", "true");
        }
        let reply = self.send(request).await?;
        let ping = reply.json::<Ping>();
        Ok((reply, ping))
    }

    /// The sessions of a user (`me` or an id), newest activity first, as the server keeps them: expired rows and those of
    /// access tokens included, and no mark on the caller's own.
    pub async fn sessions(
        &self,
        token: &Token,
        user: &str,
    ) -> Result<Answer<Vec<Session>>, TransportError> {
        let request = RequestParts::get(format!("/api/v4/users/{user}/sessions"))
            .header("cache-control", "no-cache")
            .id_checked(user)
            .token(token);
        let reply = self.send(request).await?;
        Ok(Answer::read(reply, |reply| {
            let sessions = reply.list::<Session>()?;
            sessions
                .iter()
                .all(|session| is_id(&session.id))
                .then_some(sessions)
        }))
    }

    /// Ends one session of a user. A 400 `app.session.get.app_error` means "already gone" or "database away"; only the list
    /// can tell.
    pub async fn revoke_session(
        &self,
        token: &Token,
        user: &str,
        session: &str,
    ) -> Result<Answer<()>, TransportError> {
        let request = RequestParts::post(format!("/api/v4/users/{user}/sessions/revoke"))
            .json(&json!({ "session_id": session }))
            .id_checked(user)
            .id_checked(session)
            .token(token);
        let reply = self.send(request).await?;
        Ok(Answer::read(reply, ok))
    }

    /// Ends every session of a user, the caller's own included if it is that user's.
    pub async fn revoke_all_of_user(
        &self,
        token: &Token,
        user: &str,
    ) -> Result<Answer<()>, TransportError> {
        let request = RequestParts::post(format!("/api/v4/users/{user}/sessions/revoke/all"))
            .id_checked(user)
            .token(token);
        let reply = self.send(request).await?;
        Ok(Answer::read(reply, ok))
    }

    /// Ends every session of everyone on the server.
    pub async fn revoke_everyone(&self, token: &Token) -> Result<Answer<()>, TransportError> {
        let request = RequestParts::post("/api/v4/users/sessions/revoke/all").token(token);
        let reply = self.send(request).await?;
        Ok(Answer::read(reply, ok))
    }

    /// Stores properties with the caller's own session.
    pub async fn attach_device(
        &self,
        token: &Token,
        properties: &DeviceProperties,
    ) -> Result<Answer<()>, TransportError> {
        // The server decodes a map of texts; a value of another type reads as empty.
        let mut body = Map::new();
        if let Some(device_id) = &properties.device_id {
            body.insert("device_id".into(), json!(device_id));
        }
        if let Some(disabled) = properties.notifications_disabled {
            body.insert(
                "device_notification_disabled".into(),
                json!(disabled.to_string()),
            );
        }
        if let Some(version) = &properties.app_version {
            body.insert("mobile_version".into(), json!(version));
        }
        let request = RequestParts::put("/api/v4/users/sessions/device")
            .json(&body.into())
            .token(token);
        let reply = self.send(request).await?;
        Ok(Answer::read(reply, ok))
    }

    /// Ends the session of this token. The server says 200 also when the token was dead, and also when its database is away
    /// and the session lives on, so 200 proves nothing.
    pub async fn logout(&self, token: &Token) -> Result<Answer<()>, TransportError> {
        let request = RequestParts::post("/api/v4/users/logout").token(token);
        let reply = self.send(request).await?;
        Ok(Answer::read(reply, ok))
    }

    /// Users of the server.
    pub async fn users(
        &self,
        token: &Token,
        query: &UserQuery,
    ) -> Result<Answer<Vec<User>>, TransportError> {
        let request = match query {
            UserQuery::Page { page, per_page } => RequestParts::get("/api/v4/users")
                .query("page", page.to_string())
                .query("per_page", per_page.clamp(&1, &200).to_string()),
            UserQuery::Search { term, limit } => RequestParts::post("/api/v4/users/search")
                .json(&json!({ "term": term, "limit": limit.clamp(&1, &1_000) })),
        };
        let reply = self.send(request.token(token)).await?;
        Ok(Answer::read(reply, |reply| {
            let users = reply.list::<User>()?;
            users.iter().all(|user| is_id(&user.id)).then_some(users)
        }))
    }

    /// The client configuration: the full set with a live token, the limited one without a token or with a dead one.
    pub async fn config(
        &self,
        token: Option<&Token>,
    ) -> Result<Answer<ClientConfig>, TransportError> {
        let mut request = config_request();
        if let Some(token) = token {
            request = request.token(token);
        }
        let reply = self.send(request).await?;
        Ok(Answer::read(reply, |reply| {
            let config = reply.json::<ClientConfig>()?;
            (!config.get("Version").is_empty()).then_some(config)
        }))
    }
}
