//! What the server sends as JSON. Unknown fields are ignored and `null` stands for empty, as servers of different ages
//! differ in both; a wrong type or a repeated field is an error.
//!
//! The layouts are those of `server/public/model` in mattermost/mattermost.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Whether a text has the form of every id that the server mints: 26 characters of lower-case base32.
pub fn is_id(text: &str) -> bool {
    text.len() == 26
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// Whether a text has the form of an error id, such as `api.context.session_expired.app_error`.
pub fn is_error_id(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    text.len() <= 128 && text.contains('.') && text.split('.').all(part)
}

fn lenient<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// A map of texts; entries of another type are left out.
fn texts<'de, D>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error>
where
    D: Deserializer<'de>,
{
    let map: BTreeMap<String, Value> = lenient(deserializer)?;
    Ok(map
        .into_iter()
        .filter_map(|(key, value)| match value {
            Value::String(text) => Some((key, text)),
            _ => None,
        })
        .collect())
}

/// A user, as far as the core needs one (`server/public/model/user.go`).
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct User {
    /// 26 characters.
    pub id: String,
    /// Name to sign in with.
    #[serde(deserialize_with = "lenient")]
    pub username: String,
    /// Empty where the server hides it.
    #[serde(deserialize_with = "lenient")]
    pub email: String,
    /// May be empty.
    #[serde(deserialize_with = "lenient")]
    pub nickname: String,
    /// May be empty.
    #[serde(deserialize_with = "lenient")]
    pub first_name: String,
    /// May be empty.
    #[serde(deserialize_with = "lenient")]
    pub last_name: String,
    /// Separated by spaces, for example `system_user system_admin`.
    #[serde(deserialize_with = "lenient")]
    pub roles: String,
    /// Language tag.
    #[serde(deserialize_with = "lenient")]
    pub locale: String,
    /// Empty for a password, else `ldap`, `saml`, `gitlab` and so on.
    #[serde(deserialize_with = "lenient")]
    pub auth_service: String,
    /// Unix milliseconds.
    #[serde(deserialize_with = "lenient")]
    pub create_at: i64,
    /// Unix milliseconds.
    #[serde(deserialize_with = "lenient")]
    pub update_at: i64,
    /// Unix milliseconds; above 0 for a deactivated user.
    #[serde(deserialize_with = "lenient")]
    pub delete_at: i64,
    /// Unix milliseconds; 0 without a picture.
    #[serde(deserialize_with = "lenient")]
    pub last_picture_update: i64,
    /// Whether a bot.
    #[serde(deserialize_with = "lenient")]
    pub is_bot: bool,
    /// Whether the user has multi-factor authentication; absent in what others see of a user.
    #[serde(deserialize_with = "lenient")]
    pub mfa_active: bool,
}

impl std::fmt::Debug for User {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("User")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A session as the server lists it (`server/public/model/session.go`). The token is never in it.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Session {
    /// 26 characters.
    pub id: String,
    /// Whose.
    #[serde(deserialize_with = "lenient")]
    pub user_id: String,
    /// Unix milliseconds.
    #[serde(deserialize_with = "lenient")]
    pub create_at: i64,
    /// Unix milliseconds; 0 or less means never.
    #[serde(deserialize_with = "lenient")]
    pub expires_at: i64,
    /// Unix milliseconds; moves at most once in five minutes.
    #[serde(deserialize_with = "lenient")]
    pub last_activity_at: i64,
    /// Push id that was attached to it, such as `apple_rn-v2:…`; empty without one.
    #[serde(deserialize_with = "lenient")]
    pub device_id: String,
    /// Whether an OAuth application holds it.
    #[serde(deserialize_with = "lenient")]
    pub is_oauth: bool,
    /// `platform`, `os`, `browser`, `type`, `csrf` and others.
    #[serde(deserialize_with = "texts")]
    pub props: BTreeMap<String, String>,
}

impl Session {
    /// A property; empty if absent.
    pub fn property(&self, key: &str) -> &str {
        self.props.get(key).map_or("", String::as_str)
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The properties hold the CSRF token, and the device id is an address for push messages.
        formatter
            .debug_struct("Session")
            .field("id", &self.id)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// The body of an error, without the two fields that may hold a token: `message` and `detailed_error`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ErrorBody {
    /// For example `api.context.session_expired.app_error`. Not checked for its form.
    #[serde(deserialize_with = "lenient")]
    pub id: String,
    /// The status once more; 0 if left out.
    #[serde(deserialize_with = "lenient")]
    pub status_code: i64,
    /// The same as the header `X-Request-Id`; empty if left out.
    #[serde(deserialize_with = "lenient")]
    pub request_id: String,
}

/// The answer to `system/ping`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Ping {
    /// `OK`, or `UNHEALTHY`.
    #[serde(deserialize_with = "lenient")]
    pub status: String,
    /// `OK` or `UNHEALTHY`; absent unless asked for, and on servers that do not tell.
    pub database_status: Option<String>,
}

/// `{"status":"OK"}`, the answer of calls that return nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct StatusOk {
    #[serde(deserialize_with = "lenient")]
    pub(super) status: String,
}

/// The client configuration: the limited set without a session, the full one with it. All values are texts.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct ClientConfig {
    #[serde(deserialize_with = "texts")]
    keys: BTreeMap<String, String>,
}

impl ClientConfig {
    /// A value; empty if absent.
    pub fn get(&self, key: &str) -> &str {
        self.keys.get(key).map_or("", String::as_str)
    }

    /// Whether a value is `true`.
    pub fn is_on(&self, key: &str) -> bool {
        self.get(key).eq_ignore_ascii_case("true")
    }

    /// How many keys there are. A dead token gets the limited set, so a shrunken count is a hint.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The names of the keys, in alphabetical order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }
}

impl std::fmt::Debug for ClientConfig {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "ClientConfig({} keys)", self.keys.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_and_unknown_fields_are_tolerated() {
        let session: Session = serde_json::from_str(
            r#"{"id":"a","props":null,"team_members":null,"device_id":null,"future":{"x":[1]}}"#,
        )
        .unwrap();
        assert_eq!(session.id, "a");
        assert!(session.props.is_empty());
        assert_eq!(session.property("csrf"), "");
    }

    /// Hazard A15.
    #[test]
    fn a_repeated_or_mistyped_field_is_an_error() {
        for body in [
            r#"{"id":"a","id":"b"}"#,
            r#"{"id":7}"#,
            r#"{"id":null}"#,
            r#"{"id":"a","create_at":"yesterday"}"#,
            "",
        ] {
            assert!(serde_json::from_str::<User>(body).is_err(), "{body}");
        }
    }

    /// Hazards A15, C12.
    #[test]
    fn deep_nesting_is_an_error_and_not_a_crash() {
        let body = "[".repeat(100_000);
        assert!(serde_json::from_str::<User>(&body).is_err());
        let body = format!(r#"{{"id":"a","x":{}"#, "[".repeat(100_000));
        assert!(serde_json::from_str::<User>(&body).is_err());
    }

    /// Hazard A15.
    #[test]
    fn a_cut_body_never_parses() {
        let body = r#"{"id":"abcdefghijklmnopqrstuvwxyz","username":"alice","delete_at":0}"#;
        assert!(serde_json::from_str::<User>(body).is_ok());
        for end in 0..body.len() {
            assert!(serde_json::from_str::<User>(&body[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn ids_have_their_form() {
        assert!(is_id("abcdefghijklmnopqrstuvwxy1"));
        for text in [
            "",
            "me",
            "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
            "../../../../../../../../../",
        ] {
            assert!(!is_id(text), "{text}");
        }
        assert!(is_error_id("api.context.session_expired.app_error"));
        for text in ["", "error", "api..x", "Api.x", "api.x y", "api.x\n"] {
            assert!(!is_error_id(text), "{text}");
        }
    }

    #[test]
    fn debug_output_hides_what_could_be_used() {
        let session: Session = serde_json::from_str(
            r#"{"id":"a","device_id":"apple:CANARY","props":{"csrf":"CANARY"}}"#,
        )
        .unwrap();
        assert!(!format!("{session:?}").contains("CANARY"));
    }
}
