//! Requests over a socket and their replies: `websocket_router.go` and
//! `server/channels/wsapi/` in mattermost/mattermost.

use super::hub::Outgoing;
use super::socket::End;
use crate::state::Shared;
use crate::state::sessions::Lookup;
use crate::state::settings::Database;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;

const CHALLENGE: &str = "authentication_challenge";

/// A request of the client. Anything of another shape ends the socket.
#[derive(Deserialize)]
struct Request {
    #[serde(default)]
    seq: i64,
    #[serde(default)]
    action: String,
    #[serde(default)]
    data: Option<Map<String, Value>>,
}

/// Handles one message; an answer of `Some` ends the socket.
pub(super) async fn handle(shared: &Arc<Shared>, key: u64, text: &str) -> Option<End> {
    let Ok(request) = serde_json::from_str::<Request>(text) else {
        return Some(End::Cut { resumable: true });
    };
    let user = {
        let world = shared.world();
        let user = world.hub.user_of(key).and_then(|id| world.user(id));
        user.map(|user| user.username.clone())
    };
    shared.requests.arrived_over_socket(user, &request.action);
    let for_plugins = !shared.flavour.is_classic() && request.action.starts_with("custom_");
    if for_plugins {
        return None;
    }
    if request.action.is_empty() {
        let id = "api.web_socket_router.no_action.app_error";
        fail(shared, key, request.seq, 400, id, "No websocket action.");
        return None;
    }
    if request.seq <= 0 {
        let id = "api.web_socket_router.bad_seq.app_error";
        let message = "Invalid sequence for WebSocket message.";
        fail(shared, key, request.seq, 400, id, message);
        return None;
    }
    if request.action == CHALLENGE {
        return challenge(shared, key, &request).await;
    }
    if !authenticated(shared, key).await {
        let id = "api.web_socket_router.not_authenticated.app_error";
        let message = "WebSocket connection is not authenticated. Please log in and try again.";
        fail(shared, key, request.seq, 401, id, message);
        return None;
    }
    act(shared, key, &request).await;
    None
}

/// Whether a socket counts as authenticated, at the pace of the database.
pub(super) async fn authenticated(shared: &Shared, key: u64) -> bool {
    if *shared.database.borrow() == Database::Frozen {
        let now = shared.now();
        let waits = {
            let mut world = shared.world();
            match world.hub.credentials(key) {
                Some((token, expires_at)) => {
                    expires_at < now && !token.is_empty() && world.cached(&token, now).is_none()
                }
                None => false,
            }
        };
        if waits && shared.reach_database(2).await.is_err() {
            shared.world().hub.silence(key);
        }
    }
    let (now, healthy) = (shared.now(), shared.database_is_healthy());
    shared.world().is_authenticated(key, now, healthy)
}

/// Authentication in the first message. Good: `hello`, then the reply. Bad:
/// the end. On a socket that holds a token: nothing at all.
async fn challenge(shared: &Arc<Shared>, key: u64, request: &Request) -> Option<End> {
    let holds_token = shared
        .world()
        .hub
        .credentials(key)
        .is_some_and(|(token, _)| !token.is_empty());
    if holds_token {
        return None;
    }
    let data = request.data.as_ref();
    let token = data.and_then(|data| data.get("token")?.as_str());
    let lookup = match token {
        Some(token) if !token.is_empty() => shared.session_of(token).await,
        _ => Lookup::Invalid,
    };
    let Lookup::Found(session) = lookup else {
        return Some(End::Cut { resumable: false });
    };
    let (now, healthy) = (shared.now(), shared.database_is_healthy());
    let mut world = shared.world();
    world.hub.authenticate(key, &session);
    world.hub.hello(key, &shared.version_id);
    let limit = world.settings.websocket_send_queue;
    let reply = json!({"status": "OK", "seq_reply": request.seq});
    world
        .hub
        .enqueue(key, Outgoing::Text(reply.to_string()), limit);
    world.set_status(&session.user_id, "online", now, healthy);
    if healthy {
        world.note_activity(&session, now);
    }
    None
}

async fn act(shared: &Arc<Shared>, key: u64, request: &Request) {
    const ACTIONS: [&str; 7] = [
        "ping",
        "user_typing",
        "user_update_active_status",
        "get_statuses",
        "get_statuses_by_ids",
        "presence",
        "posted_notify_ack",
    ];
    if !ACTIONS.contains(&request.action.as_str()) {
        let id = "api.web_socket_router.bad_action.app_error";
        fail(
            shared,
            key,
            request.seq,
            500,
            id,
            "Unknown WebSocket action.",
        );
        return;
    }
    // Each request reads the session again, whatever the socket remembers.
    let token = shared
        .world()
        .hub
        .credentials(key)
        .map_or_else(String::new, |(token, _)| token);
    let Lookup::Found(session) = shared.session_of(&token).await else {
        let id = "api.context.invalid_token.error";
        let message = format!("Invalid session token={token}, err=<no value>");
        fail(shared, key, request.seq, 401, id, &message);
        return;
    };
    let text = |name: &str| {
        let data = request.data.as_ref();
        data.and_then(|data| data.get(name)?.as_str())
            .unwrap_or_default()
    };
    let data = match request.action.as_str() {
        "ping" => json!({
            "node_id": "", "server_time": shared.now(), "text": "pong",
            "version": shared.flavour.version(),
        }),
        "get_statuses" | "get_statuses_by_ids" => {
            let world = shared.world();
            let wanted = request.data.as_ref().and_then(|data| data.get("user_ids"));
            world
                .users
                .iter()
                .filter(|user| match wanted.and_then(Value::as_array) {
                    Some(ids) => ids.iter().any(|id| id.as_str() == Some(&user.id)),
                    None => user.status != "offline",
                })
                .map(|user| (user.id.clone(), json!(user.status)))
                .collect::<Map<String, Value>>()
                .into()
        }
        "user_typing" => {
            let channel_id = text("channel_id");
            let now = shared.now();
            let healthy = shared.database_is_healthy();
            let mut world = shared.world();
            if world.channel(channel_id).is_none() {
                drop(world);
                let id = "api.websocket_handler.invalid_param.app_error";
                fail(
                    shared,
                    key,
                    request.seq,
                    400,
                    id,
                    "Invalid channel_id parameter.",
                );
                return;
            }
            world.publish_typing(
                &session.user_id,
                channel_id,
                text("parent_id"),
                now,
                healthy,
            );
            Value::Null
        }
        "user_update_active_status" => {
            let now = shared.now();
            let healthy = shared.database_is_healthy();
            let data = request.data.as_ref();
            let active = data.and_then(|data| data.get("user_is_active")?.as_bool());
            let status = if active == Some(true) {
                "online"
            } else {
                "away"
            };
            shared
                .world()
                .set_status(&session.user_id, status, now, healthy);
            Value::Null
        }
        _ => Value::Null,
    };
    let mut reply = json!({"status": "OK", "seq_reply": request.seq});
    if !data.is_null() {
        reply["data"] = data;
    }
    send(shared, key, &reply);
}

fn fail(shared: &Shared, key: u64, seq: i64, status: u16, id: &str, message: &str) {
    let mut reply = Map::new();
    reply.insert("status".into(), json!("FAIL"));
    if seq != 0 {
        reply.insert("seq_reply".into(), json!(seq));
    }
    reply.insert(
        "error".into(),
        json!({"id": id, "message": message, "detailed_error": "", "status_code": status}),
    );
    send(shared, key, &Value::Object(reply));
}

/// Queues a reply. Sockets that were never authenticated get none.
fn send(shared: &Shared, key: u64, reply: &Value) {
    let mut world = shared.world();
    if world.hub.is_registered(key) {
        let limit = world.settings.websocket_send_queue;
        world
            .hub
            .enqueue(key, Outgoing::Text(reply.to_string()), limit);
    }
}
