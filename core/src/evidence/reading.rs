//! The other answers that the machine asks for: health, sessions, the config experiment, replies on the socket.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    Expected, MFA_REQUIRED_ID, Origin, Reply, SOCKET_NOT_AUTHENTICATED_IDS, Tls, app_error,
    first_byte, is_cached, is_genuine, is_id, json_bytes, object,
};
use crate::session::{ConfigSet, Experiment, Health, SessionsRead};

/// Settings that the server gives only to somebody who is signed in; both are in the full set of 5.37 and of 11.6 and in the
/// limited set of neither.
const FULL_ONLY: [&str; 2] = ["ExtendSessionLengthWithActivity", "EnableUserAccessTokens"];

#[derive(Deserialize)]
struct Ping {
    database_status: String,
}

/// What the answer to the health query says of the server's database. Only `database_status` is read, from a 200 and from a
/// 500. No answer at all is [`Health::Silent`] and never comes here.
pub fn health(reply: &Reply) -> Health {
    if !is_trusted(reply) || is_cached(reply) {
        return Health::Absent;
    }
    match reply.status {
        200 | 500 => match object::<Ping>(reply) {
            Some(ping) if ping.database_status == "OK" => Health::Healthy,
            Some(_) => Health::Unhealthy,
            None if reply.status == 500 => Health::Unhealthy,
            None => Health::Absent,
        },
        // Something before the server says that the server is in trouble.
        501..=599 => Health::Unhealthy,
        _ => Health::Absent,
    }
}

/// What the answer to `GET users/me/sessions` says about multi-factor authentication.
pub fn sessions_read(reply: &Reply, expected: &Expected<'_>) -> SessionsRead {
    if !is_trusted(reply) || expected.request_epoch != expected.current_epoch {
        return SessionsRead::Other;
    }
    match reply.status {
        200 if !is_cached(reply) && is_array(reply) => SessionsRead::Read,
        403 => match app_error(reply) {
            Some(error)
                if error.id == MFA_REQUIRED_ID && is_genuine(reply, &error, expected.seen) =>
            {
                SessionsRead::MfaRequired
            }
            Some(_) | None => SessionsRead::Other,
        },
        _ => SessionsRead::Other,
    }
}

/// The client configuration asked with the token and without it.
pub fn experiment(with_token: &Reply, without_token: &Reply) -> Experiment {
    let with_token = settings(with_token);
    let without_token = settings(without_token);
    Experiment {
        with_token: set_of(with_token.as_ref()),
        without_token: set_of(without_token.as_ref()),
        same: with_token.is_some() && with_token == without_token,
    }
}

fn set_of(settings: Option<&BTreeMap<String, String>>) -> ConfigSet {
    match settings {
        Some(settings) if FULL_ONLY.iter().any(|key| settings.contains_key(*key)) => {
            ConfigSet::Full
        }
        Some(settings) if settings.contains_key("Version") => ConfigSet::Limited,
        Some(_) | None => ConfigSet::Unreadable,
    }
}

fn settings(reply: &Reply) -> Option<BTreeMap<String, String>> {
    let fits = is_trusted(reply) && !is_cached(reply) && reply.status == 200;
    fits.then(|| json_bytes(reply))
        .flatten()
        .and_then(|bytes| serde_json::from_slice(bytes).ok())
}

/// How much of the client configuration an answer holds.
pub fn config_set(reply: &Reply) -> ConfigSet {
    set_of(settings(reply).as_ref())
}

/// The id of the installation that gave this client configuration, if it says a well-formed one.
pub fn installation(reply: &Reply) -> Option<String> {
    settings(reply)?
        .remove("DiagnosticId")
        .filter(|id| is_id(id))
}

/// What a text frame is, as a reply to one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketReply {
    /// The answer to a ping.
    Pong {
        /// Of which message.
        seq_reply: i64,
    },
    /// Another OK.
    Ok {
        /// Of which message.
        seq_reply: i64,
    },
    /// FAIL, and the session no longer counts.
    NotAuthenticated,
    /// FAIL for another reason.
    Failed {
        /// Of which message; the server leaves it out for a message without a number.
        seq_reply: Option<i64>,
    },
    /// Not a reply: an event, or unreadable.
    NotAReply,
}

#[derive(Deserialize)]
struct Frame {
    status: String,
    seq_reply: Option<i64>,
    data: Option<serde_json::Value>,
    error: Option<FrameError>,
}

#[derive(Deserialize)]
struct FrameError {
    id: String,
}

/// Reads a text frame as a reply. The error's message is not kept: it can hold the token.
pub fn socket_reply(text: &str) -> SocketReply {
    let frame = (first_byte(text.as_bytes()) == Some(b'{'))
        .then(|| serde_json::from_str::<Frame>(text).ok())
        .flatten();
    let Some(frame) = frame else {
        return SocketReply::NotAReply;
    };
    match (frame.status.as_str(), frame.seq_reply, frame.error) {
        ("OK", Some(seq_reply), _) => {
            let text = frame.data.as_ref().and_then(|data| data.get("text"));
            if text.and_then(serde_json::Value::as_str) == Some("pong") {
                SocketReply::Pong { seq_reply }
            } else {
                SocketReply::Ok { seq_reply }
            }
        }
        ("FAIL", _, Some(error)) if SOCKET_NOT_AUTHENTICATED_IDS.contains(&error.id.as_str()) => {
            SocketReply::NotAuthenticated
        }
        ("FAIL", seq_reply, _) => SocketReply::Failed { seq_reply },
        (_, _, _) => SocketReply::NotAReply,
    }
}

fn is_trusted(reply: &Reply) -> bool {
    reply.tls != Tls::No && reply.origin == Origin::Own
}

fn is_array(reply: &Reply) -> bool {
    json_bytes(reply).is_some_and(|bytes| {
        first_byte(bytes) == Some(b'[')
            && serde_json::from_slice::<Vec<serde::de::IgnoredAny>>(bytes).is_ok()
    })
}
