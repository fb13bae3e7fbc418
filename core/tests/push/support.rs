//! What these tests share: a server that sends pushes, a phone that gets them, and what the operating system lets see of it.

use crate::common;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};
use steadfast::policy::{BACKGROUND_CHECK, CHECK_STORES, CHECK_WINDS_UP};
use steadfast::{AccountId, HostState, PushPayload, PushReceived, Standing, Steadfast};
use steadfast_testserver::Server;

pub(crate) const DEVICE_ID: &str = "apple_rn-v2:0123456789abcdef";

/// A server that sends pushes.
pub(crate) async fn server() -> Server {
    let server = common::server().await;
    server.control().settings(|settings| {
        settings.push_notifications = true;
        settings.mobile_ephemeral_mode = true;
    });
    server
}

/// Alice on a phone that has a push id; the core knows what the server says of itself.
pub(crate) async fn phone(folder: &Path, server: &Server) -> (Steadfast, AccountId) {
    let core = common::open(folder, server);
    core.set_device_id(Some(DEVICE_ID.to_owned()))
        .await
        .unwrap();
    let from = server.control().request_count();
    let account = sign_in(&core, server).await;
    // The id is told again, with what goes with it, and that moves the session's expiry.
    let told = server.control().wait_from(from, |request| {
        request.path == "/api/v4/users/sessions/device" && request.status.is_some()
    });
    tokio::time::timeout(common::PATIENCE, told).await.unwrap();
    (core, account)
}

pub(crate) async fn sign_in(core: &Steadfast, server: &Server) -> AccountId {
    let account = common::sign_in(core, server, "alice").await;
    common::until_live(core, account).await;
    common::until(core, account, |snapshot| {
        !snapshot.server_name.is_empty() && snapshot.expires_at.is_some()
    })
    .await;
    // Longer than a session is young, and than a difference of the clocks that is taken for none.
    server
        .control()
        .clock_advance(std::time::Duration::from_secs(150));
    account
}

/// The only session of Alice's, by its id.
pub(crate) fn own_session(server: &Server) -> String {
    let sessions = server.control().sessions("alice");
    assert_eq!(sessions.len(), 1, "{sessions:?}");
    sessions[0].id.clone()
}

/// The wipe order that the server sends for a session that it revokes, as the phone gets it.
pub(crate) async fn revoke_and_order(server: &Server) -> Value {
    server.control().revoke_session(&own_session(server));
    let push = server
        .control()
        .wait_for_push(|push| push.body["type"] == "session" && push.body["message"].is_null())
        .await;
    as_delivered(push.body)
}

/// What the push service hands to the phone: the device's own address stays behind.
pub(crate) fn as_delivered(mut body: Value) -> Value {
    body.as_object_mut().unwrap().remove("device_id");
    body.as_object_mut().unwrap().remove("platform");
    body
}

pub(crate) async fn deliver(core: &Steadfast, push: &Value) -> PushReceived {
    let payload = PushPayload::from_json(&push.to_string()).unwrap();
    core.push_received(payload).await.unwrap()
}

/// The same until the session has ended: a busy machine may need a second time, as a push is given a quarter of a minute and
/// what was found in it is kept. One that came back earlier was not cut short, and should have ended it.
pub(crate) async fn deliver_until_ended(
    core: &Steadfast,
    account: AccountId,
    push: &Value,
) -> PushReceived {
    // Less a second for what is rounded and for two clocks.
    let whole = BACKGROUND_CHECK - CHECK_WINDS_UP - CHECK_STORES - Duration::from_secs(1);
    for _ in 0..4 {
        let begun = Instant::now();
        let received = deliver(core, push).await;
        let took = begun.elapsed();
        let snapshot = core.snapshot(account).unwrap();
        if snapshot.standing == Standing::Ended {
            return received;
        }
        assert!(took >= whole, "after {took:?}: {snapshot:?}");
    }
    panic!("{:?}", core.snapshot(account));
}

/// An expiry notice as the server's job sends it.
pub(crate) fn expiry_notice(server_id: &str) -> Value {
    json!({"ack_id": "abcdefghijklmnopqrstuvwxyz", "server_id": server_id, "type": "session", "version": "v2",
        "message": "Session Expired: Please log in to continue receiving notifications.", "signature": ""})
}

pub(crate) async fn suspend(core: &Steadfast) {
    core.host_state(HostState::Suspended).await.unwrap();
}

/// Files below this folder that the process holds open.
pub(crate) fn open_files(folder: &Path) -> usize {
    let folder = folder.join("vault");
    std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter(|target| target.starts_with(&folder))
        .count()
}

/// Upgrades to a socket that the server was asked for so far.
pub(crate) fn upgrades(server: &Server) -> usize {
    let requests = server.control().requests();
    requests
        .iter()
        .filter(|request| request.path.ends_with("/websocket"))
        .count()
}

/// Questions about Alice's session so far.
pub(crate) fn questions(server: &Server) -> usize {
    let requests = server.control().requests();
    requests
        .iter()
        .filter(|request| request.path == "/api/v4/users/me" && request.method == "GET")
        .count()
}
