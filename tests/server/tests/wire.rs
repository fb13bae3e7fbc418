//! What the bytes look like: header names, order and spelling, lengths.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests"
)]

mod support;

use support::{alice, header_names, me, raw, server};

#[tokio::test]
async fn a_refusal_has_go_s_headers_in_go_s_order() {
    let server = server().await;
    let answer = raw(
        &server,
        "GET /api/v4/users/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer dead\r\n\r\n",
    )
    .await;
    assert!(
        answer.starts_with("HTTP/1.1 401 Unauthorized\r\n"),
        "{answer}"
    );
    assert_eq!(
        header_names(&answer),
        [
            "Content-Type",
            "Expires",
            "Permissions-Policy",
            "Referrer-Policy",
            "Set-Cookie",
            "Vary",
            "X-Content-Type-Options",
            "X-Request-Id",
            "X-Version-Id",
            "Date",
            "Content-Length",
        ]
    );
    assert!(answer.contains("\r\nContent-Length: 186\r\n"), "{answer}");
    let cookie = "\r\nSet-Cookie: MMAUTHTOKEN=; Path=/; Max-Age=0; HttpOnly\r\n";
    assert!(answer.contains(cookie), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn the_upgrade_s_answer_has_three_headers() {
    let server = server().await;
    let answer = raw(
        &server,
        "GET /api/v4/websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    )
    .await;
    assert!(
        answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n"),
        "{answer}"
    );
    assert_eq!(
        header_names(&answer),
        ["Upgrade", "Connection", "Sec-WebSocket-Accept"]
    );
    assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn the_router_s_404_has_no_headers_of_mattermost() {
    let server = server().await;
    let answer = raw(&server, "HEAD /api/v4/users/me HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 404 Not Found\r\n"), "{answer}");
    assert_eq!(
        header_names(&answer),
        ["Content-Type", "Date", "Content-Length"]
    );
    assert!(answer.ends_with("Content-Length: 253\r\n\r\n"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn the_request_id_is_fresh_and_repeated_in_the_body() {
    let server = server().await;
    let first = me(&server, "dead").await;
    let second = me(&server, "dead").await;
    assert_eq!(
        first.headers["x-request-id"],
        first.body["request_id"].as_str().unwrap()
    );
    assert_ne!(first.body["request_id"], second.body["request_id"]);
    assert!(
        first.headers["x-version-id"]
            .to_str()
            .unwrap()
            .starts_with("11.6.0.")
    );
    server.stop().await;
}

#[tokio::test]
async fn headers_can_be_stripped() {
    let server = server().await;
    let token = alice(&server).await;
    server
        .control()
        .strip_headers(["X-Request-Id", "X-Version-Id"]);
    let reply = me(&server, &token).await;
    assert_eq!(reply.status, 200);
    assert!(!reply.headers.contains_key("x-request-id"));
    assert!(!reply.headers.contains_key("x-version-id"));
    server.control().strip_headers(Vec::<String>::new());
    assert!(
        me(&server, &token)
            .await
            .headers
            .contains_key("x-version-id")
    );
    server.stop().await;
}

#[tokio::test]
async fn a_file_that_is_cut_off_is_no_file() {
    use tokio::io::AsyncWriteExt;
    let server = server().await;
    let token = alice(&server).await;
    let channel = server.control().channel_id();
    let from = server.control().request_count();
    let address = server.url().trim_start_matches("http://").to_owned();
    let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
    let half = format!(
        "POST /api/v4/files?channel_id={channel}&filename=x HTTP/1.1\r\nHost: x\r\n\
         Authorization: Bearer {token}\r\nContent-Length: 8\r\n\r\nhalf"
    );
    client.write_all(half.as_bytes()).await.unwrap();
    drop(client);
    let answered = server
        .control()
        .wait_from(from, |request| request.status.is_some())
        .await;
    assert_eq!(answered.status, Some(400));
    server.stop().await;
}
