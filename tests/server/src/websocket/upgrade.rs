//! The handshake. A dead token is no obstacle: the socket is then anonymous.

use super::socket;
use crate::api::AnswerBody;
use crate::server::spawn_for_this_life;
use crate::state::sessions::Session;
use crate::state::{Life, Shared};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use std::sync::Arc;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Why there was no upgrade.
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) reason: &'static str,
    pub(crate) origin: String,
}

/// Which connection a client wants to continue.
#[derive(Clone, Debug, Default)]
pub(crate) struct ResumeRequest {
    pub(crate) connection_id: String,
    pub(crate) sequence: Option<i64>,
}

/// Answers an upgrade and starts the socket.
pub(crate) fn accept(
    shared: &Arc<Shared>,
    mut request: Request<Incoming>,
    query: &[(String, String)],
    session: Option<Session>,
) -> Result<Response<AnswerBody>, Refusal> {
    let headers = request.headers();
    let origin = text(headers, "origin").to_owned();
    let key = text(headers, "sec-websocket-key").to_owned();
    let is_upgrade = text(headers, "upgrade").eq_ignore_ascii_case("websocket")
        && text(headers, "connection")
            .to_lowercase()
            .contains("upgrade")
        && text(headers, "sec-websocket-version") == "13"
        && !key.is_empty();
    if !is_upgrade {
        return Err(Refusal {
            status: 400,
            reason: "Bad Request",
            origin,
        });
    }
    if !origin.is_empty() && !is_own_origin(shared, &origin, text(headers, "host")) {
        return Err(Refusal {
            status: 403,
            reason: "Forbidden",
            origin,
        });
    }
    let find = |name: &str| {
        let pair = query.iter().find(|(candidate, _)| candidate == name);
        pair.map_or("", |(_, value)| value)
    };
    let wanted = ResumeRequest {
        connection_id: find("connection_id").to_owned(),
        sequence: find("sequence_number").parse().ok(),
    };
    let upgrade = hyper::upgrade::on(&mut request);
    let life = *shared.life.borrow();
    if matches!(life, Life::Up(_)) {
        let work = socket::run(shared.clone(), upgrade, wanted, session);
        spawn_for_this_life(shared, life, work);
    }
    let mut response = Response::new(Empty::<Bytes>::new().boxed());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let accept_key = derive_accept_key(key.as_bytes());
    for (name, value) in [
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-accept", accept_key.as_str()),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().append(name, value);
        }
    }
    Ok(response)
}

fn is_own_origin(shared: &Shared, origin: &str, host: &str) -> bool {
    let own_site = shared.world().settings.site_url.clone();
    let bare = |url: &str| {
        url.split_once("://")
            .map(|(_, rest)| rest.trim_end_matches('/').to_lowercase())
    };
    let wanted = bare(origin);
    wanted.is_some() && (wanted == Some(host.to_lowercase()) || wanted == bare(&own_site))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}
