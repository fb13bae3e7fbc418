//! Push messages: what the server tells the push proxy, and when. Messages
//! about posts are left out; those about sessions are here.
//!
//! Follows `server/channels/app/notification_push.go` and `session.go` in
//! mattermost/mattermost; the shapes were seen on running servers.

pub(crate) mod expiry;
pub(crate) mod proxy;
pub(crate) mod signature;

use crate::state::ids::new_id;
use crate::state::sessions::Session;
use crate::state::{Life, Shared};
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use std::io;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::watch;

/// What the push proxy made of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    Accepted,
    /// The device is gone; nothing is to be sent to it again.
    DeviceRemoved,
}

/// What differs between the messages.
struct Message<'a> {
    ack_id: String,
    device_id: &'a str,
    kind: &'static str,
    version: &'static str,
    text: String,
    badge: i64,
    silent: bool,
    signature: String,
}

impl Message<'_> {
    /// The JSON object, keys in the order of the wire. Empty ones are left
    /// out where the server leaves them out.
    fn json(&self, shared: &Shared) -> Value {
        let (platform, device) = self
            .device_id
            .split_once(':')
            .unwrap_or(("", self.device_id));
        let mut message = Map::new();
        let mut put = |key: &str, value: Value| drop(message.insert(key.into(), value));
        put("ack_id", json!(self.ack_id));
        put("platform", json!(platform));
        put("server_id", json!(shared.diagnostic_id));
        put("device_id", json!(device));
        put("post_id", json!(""));
        if self.silent {
            put("sound", json!("none"));
        }
        if !self.text.is_empty() {
            put("message", json!(self.text));
        }
        if self.badge != 0 {
            put("badge", json!(self.badge));
        }
        if self.silent {
            put("cont_ava", json!(1));
        }
        put("type", json!(self.kind));
        put("version", json!(self.version));
        if !shared.flavour.is_classic() {
            put("is_crt_enabled", json!(false));
        }
        put("is_id_loaded", json!(false));
        if !shared.flavour.is_classic() {
            put("signature", json!(self.signature));
        }
        Value::Object(message)
    }
}

/// Tells a device that its session has expired.
async fn send_expiry_notice(shared: &Shared, session: &Session) -> io::Result<Delivery> {
    let (site, hours) = {
        let world = shared.world();
        let hours = world.length_ms(session) / 3_600_000;
        (world.settings.site_name.clone(), hours)
    };
    let every = if shared.flavour.is_classic() {
        format!("{} day(s)", hours / 24)
    } else {
        format!("{hours} hour(s)")
    };
    let message = Message {
        ack_id: new_id(),
        device_id: &session.device_id,
        kind: "session",
        version: "v2",
        text: format!(
            "Session Expired: Please log in to continue receiving notifications. Sessions for \
             {site} are configured by your System Administrator to expire every {every}."
        ),
        badge: 0,
        silent: false,
        signature: String::new(),
    };
    send(shared, &message.json(shared)).await
}

/// Tells a device to delete what it has: its session was revoked.
async fn send_wipe(shared: &Shared, session: &Session) -> io::Result<Delivery> {
    let ack_id = new_id();
    let device = session.device_id.split_once(':');
    let (_, device) = device.unwrap_or(("", session.device_id.as_str()));
    let message = Message {
        signature: shared.signing_key.sign(&ack_id, device),
        ack_id,
        device_id: &session.device_id,
        kind: "session",
        version: "v2",
        text: String::new(),
        badge: 0,
        silent: true,
    };
    send(shared, &message.json(shared)).await
}

/// Sends a device the message that a ping with its id asks for, and says
/// whether it can be reached.
pub(crate) async fn test(shared: &Shared, device_id: &str) -> &'static str {
    if !shared.world().settings.push_notifications {
        return "false";
    }
    let message = Message {
        ack_id: String::new(),
        device_id,
        kind: "test",
        version: "2",
        text: String::new(),
        badge: -1,
        silent: false,
        signature: String::new(),
    };
    match send(shared, &message.json(shared)).await {
        Ok(Delivery::Accepted) => "true",
        Ok(Delivery::DeviceRemoved) => "false",
        Err(_) => "unknown",
    }
}

/// Sends the wipe messages of revoked sessions until the server ends.
pub(crate) async fn send_wipes(shared: Arc<Shared>, task: watch::Receiver<()>) {
    let mut life = shared.life.subscribe();
    let waiting = shared.world().wipes_waiting.clone();
    loop {
        tokio::select! {
            () = waiting.notified() => {}
            _ = life.wait_for(|life| *life == Life::Ended) => break,
        }
        let sessions = std::mem::take(&mut shared.world().wipes);
        for session in sessions {
            if let Err(error) = send_wipe(&shared, &session).await {
                tracing::debug!(%error, "a wipe message was not sent");
            }
        }
    }
    drop(task);
}

async fn send(shared: &Shared, message: &Value) -> io::Result<Delivery> {
    let configured = shared.world().settings.push_notification_server.clone();
    let url = if configured.is_empty() {
        shared.push_proxy.url()
    } else {
        configured
    };
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::Builder::new()
        .title_case_headers(true)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    let body = message.to_string();
    let request = Request::builder()
        .method(Method::POST)
        .uri("/api/v1/send_push")
        .header("host", address)
        .header("user-agent", "Mattermost-Bot/1.1")
        .header("content-length", body.len())
        .header("accept-encoding", "gzip")
        .body(Full::new(Bytes::from(body)))
        .map_err(io::Error::other)?;
    let exchange = async move {
        let response = sender.send_request(request).await?;
        response.into_body().collect().await
    };
    // The connection ends when the exchange has dropped its sender.
    let (answer, _) = tokio::join!(exchange, connection);
    let answer = answer.map_err(io::Error::other)?.to_bytes();
    let answer: Value = serde_json::from_slice(&answer)?;
    match answer["status"].as_str() {
        Some("OK") => Ok(Delivery::Accepted),
        Some("REMOVE") => Ok(Delivery::DeviceRemoved),
        _ => Err(io::Error::other("the push proxy failed")),
    }
}
