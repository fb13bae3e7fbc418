//! Errors as Mattermost's API reports them (`AppError` in
//! `server/public/model/utils.go`), and the few translations that are needed
//! to show that messages are translated while ids are not.

use serde_json::{Map, Value, json};

/// An error answer: stable id, English message, status.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    pub(crate) id: &'static str,
    pub(crate) message: String,
    pub(crate) status: u16,
}

pub(crate) const INVALID_CREDENTIALS: &str = "api.user.login.invalid_credentials_";
const SESSION_EXPIRED: &str = "api.context.session_expired.app_error";

impl ApiError {
    pub(crate) fn new(status: u16, id: &'static str, message: impl Into<String>) -> Self {
        Self {
            id,
            message: message.into(),
            status,
        }
    }

    pub(crate) fn session_expired() -> Self {
        Self::new(
            401,
            SESSION_EXPIRED,
            "Invalid or expired session, please login again.",
        )
    }

    /// What a hardened server makes of its own troubles.
    pub(crate) fn hardened(status: u16) -> Self {
        Self::new(status, "", "Internal Server Error")
    }

    pub(crate) fn server_busy() -> Self {
        Self::new(
            503,
            "api.context.server_busy.app_error",
            "Server is busy, non-critical services are temporarily unavailable.",
        )
    }

    pub(crate) fn permissions() -> Self {
        Self::new(
            403,
            "api.context.permissions.app_error",
            "You do not have the appropriate permissions.",
        )
    }

    pub(crate) fn invalid_url_param(name: &str) -> Self {
        Self::new(
            400,
            "api.context.invalid_url_param.app_error",
            format!("Invalid or missing {name} parameter in request URL."),
        )
    }

    pub(crate) fn invalid_body_param(name: &str) -> Self {
        Self::new(
            400,
            "api.context.invalid_body_param.app_error",
            format!("Invalid or missing {name} in request body."),
        )
    }

    pub(crate) fn session_not_found() -> Self {
        Self::new(
            400,
            "app.session.get.app_error",
            "We encountered an error finding the session.",
        )
    }

    pub(crate) fn sessions_unreadable() -> Self {
        Self::new(
            500,
            "app.session.get_sessions.app_error",
            "We encountered an error while finding user sessions.",
        )
    }

    pub(crate) fn user_not_found() -> Self {
        Self::new(
            404,
            "app.user.missing_account.const",
            "Unable to find the user.",
        )
    }

    pub(crate) fn users_unreadable() -> Self {
        Self::new(
            500,
            "app.user.get_profiles.app_error",
            "We encountered an error while finding user profiles.",
        )
    }

    /// The page or route does not exist. Its detail is never emptied.
    pub(crate) fn no_such_route(path: &str) -> Value {
        json!({
            "id": "api.context.404.app_error",
            "message": "Sorry, we could not find the page.",
            "detailed_error": format!(
                "There doesn't appear to be an api call for the url='{path}'.  \
                 Typo? are you missing a team_id or user_id as part of the url?"
            ),
            "status_code": 404,
        })
    }

    /// The JSON body, in the language the client prefers.
    pub(crate) fn json(&self, request_id: Option<&str>, language: &str) -> Value {
        let mut body = Map::new();
        body.insert("id".into(), json!(self.id));
        body.insert("message".into(), json!(self.translated(language)));
        body.insert("detailed_error".into(), json!(""));
        if let Some(request_id) = request_id {
            body.insert("request_id".into(), json!(request_id));
        }
        body.insert("status_code".into(), json!(self.status));
        Value::Object(body)
    }

    fn translated(&self, language: &str) -> &str {
        if !language.starts_with("de") {
            return &self.message;
        }
        if self.id == SESSION_EXPIRED {
            "Ungültige oder abgelaufene Sitzung. Melde dich erneut an."
        } else if self.id.starts_with(INVALID_CREDENTIALS) {
            "Gültige E-Mail-Adresse oder Benutzername und/oder Passwort eingeben."
        } else {
            &self.message
        }
    }
}
