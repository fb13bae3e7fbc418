//! What servers of other generations, and servers in other conditions, do
//! differently: each is a switch, off unless it is turned.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests"
)]

mod support;

use serde_json::{Value, json};
use std::time::Duration;
use steadfast_testserver::{Database, Server};
use support::{
    NOT_AUTHENTICATED, PASSWORD, SESSION_EXPIRED, Socket, admin, alice, ask, get, http_client, me,
    server,
};

const INVALID_TOKEN: &str = "api.context.invalid_token.error";
const BUSY: &str = "api.context.server_busy.app_error";
const EVERYONE: &str = "users/sessions/revoke/all";

async fn greeted(socket: &mut Socket) -> String {
    let hello = socket.json().await;
    assert_eq!(hello["event"], "hello");
    hello["data"]["connection_id"].as_str().unwrap().to_owned()
}

async fn open(server: &Server, token: &str) -> (Socket, String) {
    let mut socket = Socket::open(server, token, "").await;
    let id = greeted(&mut socket).await;
    (socket, id)
}

#[tokio::test]
async fn from_6_to_9_events_go_on_after_a_revoke_while_requests_fail() {
    let server = server().await;
    let control = server.control();
    control.settings(|settings| settings.sockets_outlive_revokes = true);
    let token = alice(&server).await;
    let (mut socket, _) = open(&server, &token).await;
    assert_eq!(socket.ping().await["status"], "OK");
    assert!(control.revoke_session(&token));
    control.post("bob", "still heard");
    assert_eq!(socket.json().await["event"], "posted");
    let refused = socket.ping().await;
    assert_eq!(refused["status"], "FAIL");
    assert_eq!(refused["error"]["id"], INVALID_TOKEN);
    assert_eq!(me(&server, &token).await.outcome(), (401, SESSION_EXPIRED));
    server.stop().await;
}

#[tokio::test]
async fn the_newest_servers_silence_every_socket_when_everyone_is_revoked() {
    let server = server().await;
    let control = server.control();
    control.settings(|settings| settings.revoking_everyone_silences_sockets = true);
    let root = admin(&server).await;
    let (_, access_token) = control.create_access_token("alice");
    let (mut robot, _) = open(&server, &access_token).await;
    let revoked = ask(&server, "POST", EVERYONE, &root, Value::Null).await;
    assert_eq!(revoked.status, 200);
    let refused = robot.ping().await;
    assert_eq!(refused["error"]["id"], NOT_AUTHENTICATED);
    assert_eq!(me(&server, &access_token).await.status, 200, "REST goes on");
    server.stop().await;
}

#[tokio::test]
async fn a_busy_server_leaves_out_what_it_can() {
    let server = server().await;
    let token = alice(&server).await;
    let search = json!({"term": "bob"});
    let typing = json!({"channel_id": server.control().channel_id(), "parent_id": ""});
    for (busy, expected) in [(true, (503, BUSY)), (false, (200, ""))] {
        server.control().settings(|settings| settings.busy = busy);
        for (path, body) in [("users/search", &search), ("users/me/typing", &typing)] {
            let answer = ask(&server, "POST", path, &token, body.clone()).await;
            assert_eq!(answer.outcome(), expected, "{path}");
            assert!(!answer.headers.contains_key("retry-after"));
        }
        assert_eq!(me(&server, &token).await.status, 200);
    }
    server.stop().await;
}

#[tokio::test]
async fn typing_over_http_is_told_to_the_others() {
    let server = server().await;
    let token = alice(&server).await;
    let root = admin(&server).await;
    let (mut other, _) = open(&server, &root).await;
    let body = json!({"channel_id": server.control().channel_id()});
    let told = ask(&server, "POST", "users/me/typing", &token, body).await;
    assert_eq!(told.status, 200);
    let event = other.json().await;
    assert_eq!(event["event"], "typing");
    let alice = server.control().user_id("alice").unwrap();
    assert_eq!(event["data"]["user_id"], alice.as_str());
    server.stop().await;
}

#[tokio::test]
async fn a_hardened_server_says_nothing_of_its_troubles() {
    let server = server().await;
    let control = server.control();
    let token = alice(&server).await;
    assert_eq!(me(&server, &token).await.status, 200);
    control.settings(|settings| settings.hardened_mode = true);
    control.database(Database::Stopped);
    let trouble = get(&server, "users/me/sessions", &token).await;
    assert_eq!(trouble.outcome(), (500, ""));
    assert_eq!(trouble.body["message"], "Internal Server Error");
    let refused = me(&server, "nonsense").await;
    assert_eq!(refused.outcome(), (401, SESSION_EXPIRED), "4xx is told");
    server.stop().await;
}

#[tokio::test]
async fn strict_protection_wants_the_token_of_the_session() {
    let server = server().await;
    let token = alice(&server).await;
    let csrf = server.control().sessions("alice")[0].props["csrf"].clone();
    let post = async |name: &str, value: &str| {
        let body = json!({"channel_id": server.control().channel_id(), "message": "x"});
        let request = http_client()
            .post(format!("{}/api/v4/posts", server.url()))
            .header("cookie", format!("MMAUTHTOKEN={token}"))
            .header(name, value)
            .body(body.to_string());
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(post("X-Requested-With", "XMLHttpRequest").await, 201);
    server
        .control()
        .settings(|settings| settings.strict_csrf = true);
    assert_eq!(post("X-Requested-With", "XMLHttpRequest").await, 401);
    assert_eq!(post("X-CSRF-Token", &csrf).await, 201);
    assert_eq!(me(&server, &token).await.status, 200, "a bearer needs none");
    server.stop().await;
}

#[tokio::test]
async fn maintenance_is_a_page_of_somebody_else() {
    let server = server().await;
    let token = alice(&server).await;
    for status in [502, 503, 504] {
        server.control().maintenance(Some(status));
        for path in ["users/me", "system/ping", "config/client?format=old"] {
            let answer = get(&server, path, &token).await;
            assert_eq!(answer.status, status);
            assert_eq!(answer.headers["content-type"], "text/html");
            assert_eq!(answer.headers["server"], "nginx");
            assert!(!answer.headers.contains_key("x-request-id"));
            assert_eq!(answer.body, Value::Null);
        }
    }
    server.control().maintenance(None);
    assert_eq!(me(&server, &token).await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn the_newest_servers_know_what_a_device_id_looks_like() {
    let server = server().await;
    server
        .control()
        .settings(|settings| settings.strict_device_ids = true);
    let token = alice(&server).await;
    for (device_id, attached, signed_in) in [
        ("apple:x", 400, 401),
        ("android_rnbeta-v2:x", 400, 401),
        ("apple_rn-v2:x", 200, 200),
    ] {
        let body = json!({"device_id": device_id});
        let path = "users/sessions/device";
        let answer = ask(&server, "PUT", path, &token, body).await;
        assert_eq!(answer.status, attached, "{device_id}");
        if attached == 400 {
            assert_eq!(answer.id(), "api.context.invalid_body_param.app_error");
            assert!(answer.body["message"].to_string().contains("device_id"));
        }
        let body = json!({"login_id": "bob", "password": "Passw0rd!bob", "device_id": device_id});
        let answer = ask(&server, "POST", "users/login", "", body).await;
        assert_eq!(answer.status, signed_in, "{device_id}");
        if signed_in == 401 {
            let masked = "api.user.login.invalid_credentials_email_username";
            assert_eq!(answer.id(), masked);
        }
    }
    assert_eq!(server.control().sessions("bob").len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn early_5_told_a_missing_second_factor_with_401() {
    let server = server().await;
    let token = alice(&server).await;
    let control = server.control();
    control.mfa_enforced(true);
    let required = "api.context.mfa_required.app_error";
    for (with_401, status) in [(false, 403), (true, 401)] {
        control.settings(|settings| settings.mfa_required_with_401 = with_401);
        let answer = get(&server, "users/me/sessions", &token).await;
        assert_eq!(answer.outcome(), (status, required));
        assert!(!answer.headers.contains_key("set-cookie"));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_resume_can_be_lost_at_will() {
    let server = server().await;
    let control = server.control();
    let token = alice(&server).await;
    for lose in [false, true] {
        control.lose_resumes(lose);
        let (socket, id) = open(&server, &token).await;
        socket.cut().await;
        let gone = tokio::time::timeout(Duration::from_secs(30), async {
            while !control.live_sockets().is_empty() {
                tokio::task::yield_now().await;
            }
        });
        gone.await.unwrap();
        let query = format!("?connection_id={id}&sequence_number=1");
        let mut again = Socket::open(&server, &token, &query).await;
        if lose {
            assert_ne!(greeted(&mut again).await, id);
        }
        control.post("bob", "hello again");
        let event = again.json().await;
        assert_eq!(event["event"], "posted");
        again.close().await;
    }
    let answer = support::try_sign_in(&server, "alice", PASSWORD).await;
    assert_eq!(answer.status, 200);
    server.stop().await;
}
