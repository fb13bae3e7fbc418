//! One request on its way through the server: what it asks, who asks, and the
//! headers gathered for its answer.

use super::answer::{Answer, Headers};
use super::error::ApiError;
use crate::state::Shared;
use crate::state::clock::http_date;
use crate::state::ids::is_valid_id;
use crate::state::sessions::Session;
use http::HeaderMap;
use serde_json::{Map, Value};
use std::sync::Arc;

pub(crate) struct Call {
    pub(crate) shared: Arc<Shared>,
    pub(crate) method: String,
    pub(crate) own_path: bool,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) parameters: Vec<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) request_id: String,
    pub(crate) session: Option<Session>,
    pub(crate) answer_headers: Headers,
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> &str {
        header(&self.headers, name)
    }

    pub(crate) fn query(&self, name: &str) -> &str {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value.as_str())
    }

    pub(crate) fn query_number(&self, name: &str, default: usize) -> usize {
        self.query(name).parse().unwrap_or(default)
    }

    /// The session. Only endpoints that demand one may ask.
    pub(crate) fn session(&self) -> &Session {
        self.session
            .as_ref()
            .expect("the endpoint demands a session")
    }

    /// The user id in the path, `me` replaced.
    pub(crate) fn user_id(&self) -> Result<String, ApiError> {
        let id = self.parameters.first().map_or("", String::as_str);
        if id == "me" {
            return Ok(self.session().user_id.clone());
        }
        if !is_valid_id(id) {
            return Err(ApiError::invalid_url_param("user_id"));
        }
        Ok(id.to_owned())
    }

    /// The user id in the path, if the caller may act for that user.
    pub(crate) fn user_id_in_charge_of(&self) -> Result<String, ApiError> {
        let user_id = self.user_id()?;
        if user_id != self.session().user_id && !self.is_admin() {
            return Err(ApiError::permissions());
        }
        Ok(user_id)
    }

    pub(crate) fn is_admin(&self) -> bool {
        self.session
            .as_ref()
            .is_some_and(|session| session.roles.split(' ').any(|role| role == "system_admin"))
    }

    /// The body as an object; anything else reads as an empty one.
    pub(crate) fn object(&self) -> Map<String, Value> {
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(object)) => object,
            _ => Map::new(),
        }
    }

    /// A string of a body that is decoded as a map of strings: on 5.37 one
    /// value of another type empties the whole map.
    pub(crate) fn map_text(&self, key: &str) -> String {
        let spoilt = |value: &Value| !value.is_string() && !value.is_null();
        if self.shared.flavour.is_classic() && self.object().values().any(spoilt) {
            return String::new();
        }
        self.text(key)
    }

    /// A string of the body; one of another type reads as empty.
    pub(crate) fn text(&self, key: &str) -> String {
        self.object()
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    }

    /// A field of a body that a form of a web page sent.
    pub(crate) fn form(&self, name: &str) -> String {
        url::form_urlencoded::parse(&self.body)
            .find(|(key, _)| key == name)
            .map_or_else(String::new, |(_, value)| value.into_owned())
    }

    /// Sends the browser elsewhere.
    pub(crate) fn redirect(&mut self, target: &str) -> Answer {
        self.answer_headers.add("Location", target);
        Answer::text(302, "text/html; charset=utf-8", "")
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.shared.is_tls || self.header("x-forwarded-proto") == "https"
    }

    pub(crate) fn wants_cookies(&self) -> bool {
        self.header("x-requested-with") == "XMLHttpRequest"
    }

    /// Takes the session cookie away.
    pub(crate) fn clear_session_cookie(&mut self) {
        self.answer_headers
            .add("Set-Cookie", "MMAUTHTOKEN=; Path=/; Max-Age=0; HttpOnly");
    }

    /// Sets the session cookie alone.
    pub(crate) fn set_session_cookie(&mut self, session: &Session, hours: i64) {
        let cookie = self.cookie("MMAUTHTOKEN", &session.token, hours, true);
        self.answer_headers.add("Set-Cookie", cookie);
    }

    /// Sets the session cookie and the two that scripts may read.
    pub(crate) fn set_all_cookies(&mut self, session: &Session) {
        let hours = self.shared.world().settings.session_length_web_hours;
        self.set_session_cookie(session, hours);
        for (name, value) in [
            ("MMUSERID", session.user_id.as_str()),
            ("MMCSRF", session.prop("csrf")),
        ] {
            let cookie = self.cookie(name, value, hours, false);
            self.answer_headers.add("Set-Cookie", cookie);
        }
    }

    fn cookie(&self, name: &str, value: &str, hours: i64, http_only: bool) -> String {
        let expires = http_date(self.shared.now() + hours * 3_600_000);
        let seconds = hours * 3600;
        let mut cookie = format!("{name}={value}; Path=/; Expires={expires}; Max-Age={seconds}");
        if http_only {
            cookie.push_str("; HttpOnly");
        }
        if self.is_secure() {
            cookie.push_str("; Secure");
        }
        cookie
    }
}

/// A header's value as text, empty when absent.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// A cookie's value; `None` when the request has none of that name.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all("cookie")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}
