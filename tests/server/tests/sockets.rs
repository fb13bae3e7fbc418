//! Sockets: greeting, silence after a revoke, resume, and how they end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests"
)]

mod support;

use serde_json::{Value, json};
use std::time::Duration;
use steadfast_testserver::{Database, Role, Server};
use support::{
    Ending, NOT_AUTHENTICATED, PASSWORD, Socket, admin, alice, ask, me, newest_session, server,
    sign_in,
};
use tokio_tungstenite::tungstenite::Message;

/// A server whose sockets have little time to authenticate.
async fn hasty_server() -> Server {
    Server::builder()
        .user("sysadmin", "Sys@dmin-pass1", Role::Admin)
        .user("alice", PASSWORD, Role::User)
        .settings(|settings| settings.websocket_auth_grace_ms = 300)
        .start()
        .await
        .unwrap()
}

async fn hello(socket: &mut Socket) -> String {
    let hello = socket.json().await;
    assert_eq!(
        (&hello["event"], &hello["seq"]),
        (&json!("hello"), &json!(0))
    );
    hello["data"]["connection_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_good_header_is_greeted_and_pings_are_answered() {
    let server = server().await;
    let token = alice(&server).await;
    let mut socket = Socket::open(&server, &token, "").await;
    hello(&mut socket).await;
    let pong = socket.ping().await;
    assert_eq!(pong["status"], "OK");
    assert_eq!(pong["data"]["text"], "pong");
    let sockets = server.control().live_sockets();
    assert_eq!(sockets[0].user.as_deref(), Some("alice"));
    assert!(sockets[0].authenticated);
    socket.close().await;
    server.control().wait_for_sockets(<[_]>::is_empty).await;
    server.stop().await;
}

#[tokio::test]
async fn a_challenge_authenticates_and_a_bad_one_ends_the_socket() {
    let server = server().await;
    let token = alice(&server).await;
    let mut socket = Socket::open(&server, "dead", "").await;
    let challenge = |token: &str| {
        let data = json!({"token": token});
        json!({"seq": 1, "action": "authentication_challenge", "data": data}).to_string()
    };
    socket.send(challenge(&token)).await;
    hello(&mut socket).await;
    assert_eq!(socket.json().await, json!({"status": "OK", "seq_reply": 1}));

    let mut socket = Socket::open(&server, "", "").await;
    socket.send(challenge("dead")).await;
    assert_eq!(socket.ending().await, Ending::Cut);
    server.stop().await;
}

#[tokio::test]
async fn a_dead_token_is_upgraded_and_cut_when_its_time_is_over() {
    let server = hasty_server().await;
    let mut socket = Socket::open(&server, "dead", "").await;
    socket
        .send(json!({"seq": 1, "action": "ping"}).to_string())
        .await;
    assert_eq!(socket.ending().await, Ending::Cut);
    server.stop().await;
}

#[tokio::test]
async fn a_revoked_session_s_socket_goes_silent_and_fails() {
    let server = hasty_server().await;
    let token = alice(&server).await;
    let id = newest_session(&server, "alice");
    let root = admin(&server).await;
    let other = alice(&server).await;
    let mut socket = Socket::open(&server, &token, "").await;
    let mut sibling = Socket::open(&server, &other, "").await;
    hello(&mut socket).await;
    hello(&mut sibling).await;
    // Past the grace, so that nothing looks at the sockets by itself any more;
    // no event tells when that is.
    tokio::time::sleep(Duration::from_millis(500)).await;

    let path = format!(
        "users/{}/sessions/revoke",
        server.control().user_id("alice").unwrap()
    );
    let revoked = ask(&server, "POST", &path, &root, json!({"session_id": id})).await;
    assert_eq!(revoked.status, 200);
    server.control().post("sysadmin", "for the living");
    assert_eq!(sibling.json().await["event"], "posted");
    let reply = socket.ping().await;
    assert_eq!(reply["error"]["id"], NOT_AUTHENTICATED);
    assert_eq!(reply["error"]["status_code"], 401);
    socket.send_frame(Message::Ping("p".into())).await;
    assert!(matches!(socket.receive().await, Some(Message::Pong(_))));

    let data = json!({"token": other});
    let challenge = json!({"seq": 9, "action": "authentication_challenge", "data": data});
    socket.send(challenge.to_string()).await;
    assert_eq!(socket.json().await["event"], "hello");
    assert_eq!(socket.json().await, json!({"status": "OK", "seq_reply": 9}));
    server.stop().await;
}

#[tokio::test]
async fn a_young_socket_is_cut_at_the_end_of_its_grace_when_revoked() {
    let server = server().await;
    server
        .control()
        .settings(|settings| settings.websocket_auth_grace_ms = 3_000);
    let token = alice(&server).await;
    let mut socket = Socket::open(&server, &token, "").await;
    hello(&mut socket).await;
    assert!(server.control().revoke_session(&token));
    assert_eq!(socket.ending().await, Ending::Cut);
    server.stop().await;
}

#[tokio::test]
async fn after_everyone_is_revoked_events_go_on_and_requests_fail_with_the_token() {
    let server = server().await;
    let token = alice(&server).await;
    let root = admin(&server).await;
    let (_, access_token) = server.control().create_access_token("alice");
    let mut socket = Socket::open(&server, &token, "").await;
    let mut robot = Socket::open(&server, &access_token, "").await;
    hello(&mut socket).await;
    hello(&mut robot).await;
    let everyone = "users/sessions/revoke/all";
    assert_eq!(
        ask(&server, "POST", everyone, &root, Value::Null)
            .await
            .status,
        200
    );
    server.control().post("bob", "still heard");
    assert_eq!(socket.json().await["event"], "posted");
    let reply = socket.ping().await;
    assert_eq!(reply["error"]["id"], "api.context.invalid_token.error");
    let message = format!("Invalid session token={token}, err=<no value>");
    assert_eq!(reply["error"]["message"], message);
    assert_eq!(robot.ping().await["status"], "OK");
    server.stop().await;
}

#[tokio::test]
async fn expiry_and_enforcement_silence_without_a_word() {
    let server = server().await;
    let token = alice(&server).await;
    let mut socket = Socket::open(&server, &token, "").await;
    hello(&mut socket).await;
    server.control().mfa_enforced(true);
    assert_eq!(socket.ping().await["error"]["id"], NOT_AUTHENTICATED);
    server.control().mfa_enforced(false);
    assert_eq!(socket.ping().await["status"], "OK");
    server
        .control()
        .clock_advance(Duration::from_secs(4321 * 3600));
    assert_eq!(socket.ping().await["error"]["id"], NOT_AUTHENTICATED);
    server.stop().await;
}

#[tokio::test]
async fn a_socket_that_read_its_session_during_an_outage_stays_silent() {
    let server = server().await;
    let token = alice(&server).await;
    let calm = sign_in(&server, "bob", "Passw0rd!bob").await;
    alice(&server).await;
    let mut socket = Socket::open(&server, &token, "").await;
    let mut other = Socket::open(&server, &calm, "").await;
    hello(&mut socket).await;
    hello(&mut other).await;
    assert!(
        server
            .control()
            .revoke_session(&newest_session(&server, "alice"))
    );
    server.control().database(Database::Stopped);
    assert_eq!(socket.ping().await["error"]["id"], NOT_AUTHENTICATED);
    assert_eq!(other.ping().await["status"], "OK", "its session is cached");
    server.control().database(Database::Healthy);
    assert_eq!(me(&server, &token).await.status, 200);
    assert_eq!(socket.ping().await["error"]["id"], NOT_AUTHENTICATED);
    server.stop().await;
}

/// Opens a socket, receives `hello` and one post (seq 1), and leaves. Another
/// socket of the user must stay open: a change of status would be an event.
async fn left_connection(server: &Server, token: &str) -> String {
    let mut socket = Socket::open(server, token, "").await;
    let id = hello(&mut socket).await;
    server.control().post("bob", "seen");
    assert_eq!(socket.json().await["event"], "posted");
    socket.close().await;
    server
        .control()
        .wait_for_sockets(|open| open.len() == 1)
        .await;
    server.control().post("bob", "missed");
    id
}

#[tokio::test]
async fn a_left_connection_is_resumed_where_it_was_left() {
    let server = server().await;
    let token = alice(&server).await;
    let mut companion = Socket::open(&server, &token, "").await;
    hello(&mut companion).await;
    for (sequence, expected) in [
        (2, vec![("posted", 2)]),
        (1, vec![("posted", 1), ("posted", 2)]),
        (0, vec![("posted", 0)]),
        (9999, vec![("hello", 0), ("posted", 1)]),
    ] {
        let id = left_connection(&server, &token).await;
        let query = format!("?connection_id={id}&sequence_number={sequence}");
        let mut socket = Socket::open(&server, &token, &query).await;
        for (event, seq) in expected {
            let next = socket.json().await;
            assert_eq!((&next["event"], &next["seq"]), (&json!(event), &json!(seq)));
        }
        socket.close().await;
        server
            .control()
            .wait_for_sockets(|open| open.len() == 1)
            .await;
    }
    server.stop().await;
}

#[tokio::test]
async fn what_cannot_be_resumed_starts_afresh_or_ends() {
    let server = server().await;
    let token = alice(&server).await;
    let mut living = Socket::open(&server, &token, "").await;
    let id = hello(&mut living).await;
    let mut half_open = Socket::open(
        &server,
        &token,
        &format!("?connection_id={id}&sequence_number=1"),
    )
    .await;
    assert_ne!(hello(&mut half_open).await, id);
    for query in [
        "?connection_id=xyz&sequence_number=3".to_owned(),
        format!("?connection_id={id}&sequence_number=abc"),
        format!("?connection_id={id}"),
    ] {
        let mut socket = Socket::open(&server, &token, &query).await;
        assert_eq!(socket.ending().await, Ending::Cut, "{query}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_silenced_connection_resumes_with_another_token_and_a_hidden_gap() {
    let server = server().await;
    let token = alice(&server).await;
    let other = alice(&server).await;
    let mut companion = Socket::open(&server, &other, "").await;
    hello(&mut companion).await;
    let mut socket = Socket::open(&server, &token, "").await;
    let id = hello(&mut socket).await;
    assert!(server.control().revoke_session(&token));
    server.control().post("bob", "lost");
    assert_eq!(socket.ping().await["error"]["id"], NOT_AUTHENTICATED);
    socket.cut().await;
    server
        .control()
        .wait_for_sockets(|open| open.len() == 1)
        .await;
    let query = format!("?connection_id={id}&sequence_number=1");
    let mut socket = Socket::open(&server, &other, &query).await;
    server.control().post("bob", "live");
    let next = socket.json().await;
    assert_eq!(next["seq"], 1);
    assert!(next["data"]["post"].as_str().unwrap().contains("live"));
    server.stop().await;
}

#[tokio::test]
async fn every_way_to_misbehave_has_its_ending() {
    let server = server().await;
    let token = alice(&server).await;
    let mut socket = Socket::open(&server, &token, "").await;
    socket.send("not json").await;
    assert_eq!(socket.ending().await, Ending::Cut);

    let mut socket = Socket::open(&server, &token, "").await;
    let large = json!({"seq": 1, "action": "ping", "data": {"x": "y".repeat(9000)}});
    socket.send(large.to_string()).await;
    assert_eq!(socket.ending().await, Ending::Closed(1009));

    server.control().settings(|settings| {
        settings.websocket_ping_ms = 50;
        settings.websocket_pong_wait_ms = 400;
    });
    let mut socket = Socket::open(&server, &token, "").await;
    hello(&mut socket).await;
    // Nobody reads here, so nobody answers the server's pings either.
    server
        .control()
        .wait_for_sockets(|open| !open.iter().any(|socket| socket.authenticated))
        .await;
    assert_eq!(socket.ending().await, Ending::Cut);
    server.stop().await;
}

#[tokio::test]
async fn a_queue_that_runs_over_ends_with_an_empty_close_frame() {
    let server = server().await;
    server
        .control()
        .settings(|settings| settings.websocket_send_queue = 2);
    let token = alice(&server).await;
    let mut socket = Socket::open(&server, &token, "").await;
    hello(&mut socket).await;
    let large = "x".repeat(512 * 1024);
    for _ in 0..40 {
        server.control().post("bob", &large);
    }
    assert_eq!(socket.ending().await, Ending::Closed(1005));
    server.stop().await;
}

#[tokio::test]
async fn a_restart_cuts_sockets_and_forgets_connections() {
    let server = server().await;
    let token = alice(&server).await;
    let mut socket = Socket::open(&server, &token, "").await;
    let id = hello(&mut socket).await;
    server.control().restart(Duration::from_millis(10)).await;
    assert_eq!(socket.ending().await, Ending::Cut);
    let query = format!("?connection_id={id}&sequence_number=1");
    let mut socket = Socket::open(&server, &token, &query).await;
    assert_ne!(hello(&mut socket).await, id);
    server.stop().await;
}

#[tokio::test]
async fn router_errors_are_told() {
    let server = server().await;
    let token = alice(&server).await;
    let mut socket = Socket::open(&server, &token, "").await;
    hello(&mut socket).await;
    for (request, id, seq_reply) in [
        (json!({"seq": 0, "action": "ping"}), "bad_seq", Value::Null),
        (json!({"seq": -1, "action": "ping"}), "bad_seq", json!(-1)),
        (json!({"seq": 3, "action": ""}), "no_action", json!(3)),
        (json!({"seq": 4, "action": "nope"}), "bad_action", json!(4)),
    ] {
        socket.send(request.to_string()).await;
        let reply = socket.json().await;
        let id = format!("api.web_socket_router.{id}.app_error");
        assert_eq!(reply["error"]["id"], id);
        assert_eq!(reply["seq_reply"], seq_reply);
    }
    server.stop().await;
}
