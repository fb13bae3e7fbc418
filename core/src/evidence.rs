//! What one response proves. One pure function, [`judge`], decides what may end a session and what clears it; the rest of this
//! module reads the other answers that the machine asks for. Nothing here acts, stores or remembers, and nothing else in the
//! core may call a session gone.
//!
//! A response ends a session (together with others) only if it is the server's own 401 in every detail; it clears only if it
//! is the server's own 200 for this very user; everything else proves nothing. The facts about the server are from
//! `server/channels/web/handlers.go` and `server/channels/web/context.go` in mattermost/mattermost, and were seen on running
//! servers of versions 5.37 and 11.6.

mod reading;

pub use reading::{
    SocketReply, config_set, experiment, health, installation, sessions_read, socket_reply,
};

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use serde::Deserialize;

use crate::pace;
use crate::policy;
use crate::session::{Epoch, UnixMillis};

/// The ids by which the server says that a session is gone. Revoked, expired, unknown and malformed tokens share the one.
pub const SESSION_GONE_IDS: [&str; 1] = ["api.context.session_expired.app_error"];
/// The id by which the server wants multi-factor authentication first.
pub const MFA_REQUIRED_ID: &str = "api.context.mfa_required.app_error";
/// The ids by which a socket says that its session no longer counts.
pub const SOCKET_NOT_AUTHENTICATED_IDS: [&str; 2] = [
    "api.web_socket_router.not_authenticated.app_error",
    "api.context.invalid_token.error",
];
const ID_LENGTH: usize = 26;

/// The facts of one response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Who answered.
    pub origin: Origin,
    /// How the connection was protected.
    pub tls: Tls,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// The headers that matter.
    pub headers: HeaderFacts,
    /// The body.
    pub body: Body,
}

/// Who answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The account's own scheme, host and port, without a redirect.
    Own,
    /// Another origin.
    Foreign,
    /// A redirect was followed.
    Redirected,
}

/// How the connection was protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// The certificate was verified.
    Verified,
    /// The app allows clear text for this server.
    ClearTextAllowedByApp,
    /// Neither.
    No,
}

/// The headers that matter, as they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderFacts {
    /// `X-Request-Id`.
    pub x_request_id: Option<String>,
    /// `X-Version-Id`.
    pub x_version_id: Option<String>,
    /// `WWW-Authenticate`; the server never sends it.
    pub www_authenticate: Option<String>,
    /// `Age`; above zero, a cache answered.
    pub age: Option<String>,
    /// `Date`.
    pub date: Option<String>,
    /// `Retry-After`.
    pub retry_after: Option<String>,
}

/// A body, as far as it was read.
#[derive(Clone, PartialEq, Eq)]
pub enum Body {
    /// All of it, at most [`policy::VERDICT_BODY_LIMIT`] after decoding.
    Bytes(Vec<u8>),
    /// More than that.
    TooLarge,
}

impl std::fmt::Debug for Body {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            // A body can hold a token: the server's own messages do.
            Self::Bytes(bytes) => write!(formatter, "Bytes({} bytes)", bytes.len()),
            Self::TooLarge => formatter.write_str("TooLarge"),
        }
    }
}

/// What the response is held against.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The epoch that the request was made under.
    pub request_epoch: Epoch,
    /// The epoch now.
    pub current_epoch: Epoch,
    /// The account's user.
    pub user_id: &'a str,
    /// Request ids of earlier answers.
    pub seen: &'a RequestIds,
    /// What this account's own good answers have shown of the server's headers.
    pub learned: Option<HeaderBehaviour>,
}

/// The last [`policy::REQUEST_IDS_REMEMBERED`] request ids, so that a replayed answer proves nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestIds(VecDeque<String>);

impl RequestIds {
    /// Remembers the id of an answer that was judged.
    pub fn remember(&mut self, id: &str) {
        if is_id(id) && !self.contains(id) {
            if self.0.len() >= policy::REQUEST_IDS_REMEMBERED {
                self.0.pop_front();
            }
            self.0.push_back(id.to_owned());
        }
    }

    /// Whether it was met before.
    pub fn contains(&self, id: &str) -> bool {
        self.0.iter().any(|seen| seen == id)
    }
}

/// What becomes of the server's own headers on the way to this account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderBehaviour {
    /// They arrive.
    Present,
    /// Something takes them away.
    Absent,
    /// Something replaces them.
    Rewritten,
}

// As JSON, which is what the column of an account holds.
codes!(pub(crate) HeaderBehaviour {
    Present => "\"present\"",
    Absent => "\"absent\"",
    Rewritten => "\"rewritten\"",
});

/// What one response proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// The session is valid.
    Valid {
        /// `Date` of the answer.
        server_date: Option<UnixMillis>,
        /// What the answer showed of the server's headers.
        headers: HeaderBehaviour,
    },
    /// The session is gone. One piece is never enough.
    Gone {
        /// `Date` of the answer.
        server_date: Option<UnixMillis>,
    },
    /// The session lives and may do nothing before multi-factor authentication.
    MfaRequired,
    /// A 401 that is no evidence.
    Refused,
    /// A 401 with the server's body but without its headers, from an account whose good answers lack them too. No evidence;
    /// the config experiment can tell more.
    HeadersLost,
    /// Nothing.
    Unknown {
        /// Why not.
        why: Why,
        /// What the server asked for, clamped, without jitter.
        retry_after: Option<Duration>,
    },
}

/// Why a response proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The request was made under another epoch.
    OldEpoch,
    /// The connection was not protected.
    Tls,
    /// Another origin, a redirect, or a page where JSON was due.
    Portal,
    /// 5xx or 429.
    ServerTrouble,
    /// Anything else.
    Other,
}

/// Decides what the answer to `GET /api/v4/users/me` proves.
pub fn judge(reply: &Reply, expected: &Expected<'_>) -> Evidence {
    let unknown = |why| Evidence::Unknown {
        why,
        retry_after: retry_after(reply),
    };
    if expected.request_epoch != expected.current_epoch {
        return unknown(Why::OldEpoch);
    }
    if reply.tls == Tls::No {
        return unknown(Why::Tls);
    }
    if reply.origin != Origin::Own || reply.status == 511 {
        return unknown(Why::Portal);
    }
    match reply.status {
        200 => match user(reply) {
            Some(user) if user.id == expected.user_id && !is_cached(reply) => Evidence::Valid {
                server_date: server_date(reply),
                headers: header_behaviour(reply),
            },
            Some(_) => unknown(Why::Other),
            None if is_json(reply) => unknown(Why::Other),
            None => unknown(Why::Portal),
        },
        401 => match app_error(reply) {
            Some(error) if !SESSION_GONE_IDS.contains(&error.id.as_str()) => Evidence::Refused,
            Some(error) if is_genuine(reply, &error, expected.seen) => Evidence::Gone {
                server_date: server_date(reply),
            },
            Some(error) if error.status_code == 401 && lost_as_ever(reply, expected.learned) => {
                Evidence::HeadersLost
            }
            Some(_) | None => Evidence::Refused,
        },
        403 => match app_error(reply) {
            Some(error)
                if error.id == MFA_REQUIRED_ID && is_genuine(reply, &error, expected.seen) =>
            {
                Evidence::MfaRequired
            }
            Some(_) | None => unknown(Why::Other),
        },
        300..=399 => unknown(Why::Portal),
        429 | 500..=599 => unknown(Why::ServerTrouble),
        _ => unknown(Why::Other),
    }
}

/// `Date` of an answer.
pub fn server_date(reply: &Reply) -> Option<UnixMillis> {
    let date = httpdate::parse_http_date(reply.headers.date.as_deref()?.trim()).ok()?;
    let since = date.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok().map(UnixMillis)
}

/// `Retry-After` of an answer, in either form, clamped.
pub fn retry_after(reply: &Reply) -> Option<Duration> {
    pace::retry_after(
        reply.headers.retry_after.as_deref()?,
        reply.headers.date.as_deref(),
    )
}

/// The server's `X-Version-Id`: `<major.minor.patch>.<build>.<hash>.<licensed>`. Only the number and the last part are fixed.
pub fn version(version_id: &str) -> Option<(u16, u16, u16)> {
    let parts: Vec<&str> = version_id.split('.').collect();
    let [major, minor, patch, middle @ .., licensed] = parts.as_slice() else {
        return None;
    };
    if middle.is_empty() || middle.iter().any(|part| part.is_empty()) {
        return None;
    }
    if !matches!(*licensed, "true" | "false") {
        return None;
    }
    let number = |text: &str| {
        (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| text.parse().ok())
            .flatten()
    };
    Some((number(major)?, number(minor)?, number(patch)?))
}

#[derive(Deserialize)]
struct AppError {
    id: String,
    status_code: u16,
    #[serde(default)]
    request_id: String,
}

#[derive(Deserialize)]
struct User {
    id: String,
}

/// The error has the marks of the server itself and not of something in front of it.
fn is_genuine(reply: &Reply, error: &AppError, seen: &RequestIds) -> bool {
    let request_id = reply.headers.x_request_id.as_deref().unwrap_or_default();
    error.status_code == reply.status
        && is_id(request_id)
        && error.request_id == request_id
        && !seen.contains(request_id)
        && reply
            .headers
            .x_version_id
            .as_deref()
            .is_some_and(|id| version(id).is_some())
        && reply.headers.www_authenticate.is_none()
        && !is_cached(reply)
}

/// The server's headers are missing or replaced here just as they are on this account's good answers.
fn lost_as_ever(reply: &Reply, learned: Option<HeaderBehaviour>) -> bool {
    let lost = match learned {
        Some(HeaderBehaviour::Absent | HeaderBehaviour::Rewritten) => true,
        Some(HeaderBehaviour::Present) | None => false,
    };
    lost && header_behaviour(reply) != HeaderBehaviour::Present
        && reply.headers.www_authenticate.is_none()
        && !is_cached(reply)
}

fn header_behaviour(reply: &Reply) -> HeaderBehaviour {
    match (&reply.headers.x_request_id, &reply.headers.x_version_id) {
        (Some(request_id), Some(version_id)) => {
            if is_id(request_id) && version(version_id).is_some() {
                HeaderBehaviour::Present
            } else {
                HeaderBehaviour::Rewritten
            }
        }
        (None, _) | (_, None) => HeaderBehaviour::Absent,
    }
}

fn is_id(text: &str) -> bool {
    text.len() == ID_LENGTH
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// A cache answered. An `Age` that is no number counts as one above zero.
fn is_cached(reply: &Reply) -> bool {
    reply
        .headers
        .age
        .as_deref()
        .is_some_and(|age| age.trim().parse::<u64>() != Ok(0))
}

fn is_json(reply: &Reply) -> bool {
    reply.content_type.as_deref().is_some_and(|value| {
        let kind = value.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/json")
    })
}

fn user(reply: &Reply) -> Option<User> {
    object(reply)
}

fn app_error(reply: &Reply) -> Option<AppError> {
    object(reply)
}

/// A JSON object of the type. Duplicate keys and wrong types in the fields that are read make it none; the depth is bounded
/// by serde_json.
fn object<T: for<'a> Deserialize<'a>>(reply: &Reply) -> Option<T> {
    let bytes = json_bytes(reply)?;
    // A struct can be read from an array too, which the server never sends.
    (first_byte(bytes) == Some(b'{'))
        .then(|| serde_json::from_slice(bytes).ok())
        .flatten()
}

fn json_bytes(reply: &Reply) -> Option<&[u8]> {
    match &reply.body {
        Body::Bytes(bytes) if bytes.len() <= policy::VERDICT_BODY_LIMIT && is_json(reply) => {
            Some(bytes)
        }
        Body::Bytes(_) | Body::TooLarge => None,
    }
}

fn first_byte(bytes: &[u8]) -> Option<u8> {
    bytes
        .iter()
        .copied()
        .find(|byte| !byte.is_ascii_whitespace())
}

#[cfg(test)]
mod tests;
