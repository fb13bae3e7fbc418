//! What boxes in between do beside answering themselves: slow lines, caches, rewritten headers and bodies, portals, sockets
//! that are let through and then say nothing, bodies that unpack to a gigabyte.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test"
)]

mod support;

use std::{
    io::Write,
    net::SocketAddr,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use steadfast_faults::{Answer, Control, Match, Portal, Proxy, Side};
use support::{
    HttpClient, HttpServer, RawServer, assert_silent, connect, hear, patiently, say, to_the_end,
};
use tokio_tungstenite::{client_async, tungstenite::Message};

const ME: &str = "/api/v4/users/me";

struct Line {
    _server: HttpServer,
    proxy: Proxy,
    control: Control,
}

impl Line {
    async fn start() -> Self {
        let server = HttpServer::start(None).await;
        let proxy = Proxy::http(format!("http://{}", server.addr));
        let proxy = proxy.start().await.unwrap();
        let control = proxy.control();
        Self {
            _server: server,
            proxy,
            control,
        }
    }

    fn addr(&self) -> SocketAddr {
        self.proxy.addr()
    }

    async fn client(&self) -> HttpClient {
        HttpClient::plain(self.addr()).await
    }
}

#[tokio::test]
async fn a_trickle_passes_so_many_bytes_in_each_span_and_loses_none() {
    let mut server = RawServer::start().await;
    let proxy = Proxy::tcp(server.addr).start().await.unwrap();
    let mut client = connect(proxy.addr()).await;
    say(&mut client, b"hello").await;
    let mut far = server.accept().await;
    hear(&mut far, b"hello").await;

    let span = Duration::from_millis(40);
    proxy.control().trickle(Side::Server, (3, span));
    let start = Instant::now();
    say(&mut far, b"drip by drip").await;
    hear(&mut client, b"drip by drip").await;
    // Twelve bytes are four spans, of which the first begins at once.
    assert!(start.elapsed() >= span * 3, "{:?}", start.elapsed());
    // The other direction is not slowed down, so nothing waits here for an hour.
    proxy
        .control()
        .trickle(Side::Server, (1, Duration::from_secs(3_600)));
    say(&mut client, b"as fast as ever").await;
    hear(&mut far, b"as fast as ever").await;
    say(&mut far, b"ab").await;
    hear(&mut client, b"a").await;
    assert_silent(&mut client).await;
    // Lifted, and what was held arrives.
    proxy.control().trickle(Side::Server, None);
    hear(&mut client, b"b").await;
    drop(far);
    assert_eq!(to_the_end(&mut client).await.unwrap(), b"");
}

#[tokio::test]
async fn bandwidth_is_bytes_per_second_in_either_direction() {
    let mut server = RawServer::start().await;
    let proxy = Proxy::tcp(server.addr).start().await.unwrap();
    let mut client = connect(proxy.addr()).await;
    say(&mut client, b"hello").await;
    let mut far = server.accept().await;
    hear(&mut far, b"hello").await;

    let bytes = vec![7_u8; 100_000];
    proxy.control().bandwidth(Side::Client, 500_000);
    let start = Instant::now();
    let (_, heard) = tokio::join!(
        async {
            say(&mut client, &bytes).await;
            drop(client);
        },
        to_the_end(&mut far)
    );
    assert_eq!(heard.unwrap(), bytes);
    // A fifth of a second, less the first slice.
    assert!(
        start.elapsed() >= Duration::from_millis(180),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn headers_are_added_to_every_answer() {
    let line = Line::start().await;
    let mut client = line.client().await;
    line.control
        .add_headers([("token", "foreign"), ("x-request-id", "theirs")])
        .answer(Answer::new(503).times(1));

    for status in [503, 200] {
        let told = client.get(ME).await.unwrap();
        assert_eq!(told.status, status);
        assert_eq!(told.header("token"), Some("foreign"));
        assert_eq!(told.header("x-request-id"), Some("theirs"));
    }

    // In place of the server's, and not beside it.
    let told = client.get(ME).await.unwrap();
    assert_eq!(told.headers.get_all("x-request-id").iter().count(), 1);

    line.control.add_headers([]);
    let told = client.get(ME).await.unwrap();
    assert_eq!(told.header("token"), None);
    assert_eq!(told.header("x-request-id"), Some("server"));
}

#[tokio::test]
async fn request_ids_are_rewritten_and_bodies_are_replaced() {
    let line = Line::start().await;
    let mut client = line.client().await;
    line.control
        .rewrite_request_ids(true)
        .replace_bodies(200, ("text/html", "<h1>ours</h1>"))
        .replace_bodies(401, ("text/html", "not this one"));

    let first = client.get(ME).await.unwrap();
    let second = client.get(ME).await.unwrap();

    for told in [&first, &second] {
        assert_eq!(told.status, 200);
        assert_eq!(told.body, "<h1>ours</h1>");
        assert_eq!(told.header("content-type"), Some("text/html"));
        assert_eq!(told.header("x-version-id"), Some("11.6.0.0.hash.false"));
        assert_eq!(told.header("x-request-id").unwrap().len(), 26);
    }
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
    line.control
        .replace_bodies(200, None)
        .rewrite_request_ids(false);
    let told = client.get(ME).await.unwrap();
    assert_eq!(told.json()["target"], ME);
    assert_eq!(told.header("x-request-id"), Some("server"));
}

#[tokio::test]
async fn the_first_answer_is_kept_and_replayed_with_its_age() {
    let line = Line::start().await;
    let mut client = line.client().await;
    line.control.replay(Match::path(ME));

    let first = client.get("/api/v4/users/me?t=1").await.unwrap();
    let second = client.get("/api/v4/users/me?t=2").await.unwrap();
    let other = client.get("/api/v4/system/ping?t=3").await.unwrap();

    assert_eq!(first.header("age"), None);
    assert_eq!(first.json()["target"], "/api/v4/users/me?t=1");
    assert_eq!(second.body, first.body);
    assert_eq!(second.header("x-request-id"), first.header("x-request-id"));
    let age: u64 = second.header("age").unwrap().parse().unwrap();
    assert!(age >= 1);
    assert_eq!(other.json()["target"], "/api/v4/system/ping?t=3");
    assert_eq!(other.header("age"), None);
    line.control.clear();
    let fresh = client.get("/api/v4/users/me?t=4").await.unwrap();
    assert_eq!(fresh.json()["target"], "/api/v4/users/me?t=4");
}

#[tokio::test]
async fn an_upgrade_may_be_let_through_and_then_say_nothing() {
    let line = Line::start().await;
    line.control.mute_upgraded(true);
    let url = format!("{}/api/v4/websocket", line.proxy.url("ws"));

    let muted = client_async(&url, connect(line.addr()).await);
    let (mut muted, response) = patiently(muted).await.unwrap();
    assert_eq!(response.status(), 101);
    muted.send(Message::text("anybody?")).await.unwrap();
    assert_silent(muted.get_mut()).await;

    line.control.mute_upgraded(false);
    let heard = client_async(&url, connect(line.addr()).await);
    let (mut heard, _) = patiently(heard).await.unwrap();
    heard.send(Message::text("anybody?")).await.unwrap();
    let echo = patiently(heard.next()).await.unwrap().unwrap();
    assert_eq!(echo, Message::text("anybody?"));
    assert_silent(muted.get_mut()).await;
}

#[tokio::test]
async fn portals_answer_as_portals_do() {
    let line = Line::start().await;
    for (portal, status, kind) in [
        (Portal::Page, 200, Some("text/html; charset=utf-8")),
        (Portal::PageAsJson, 200, Some("application/json")),
        (Portal::Redirect, 302, Some("text/html; charset=utf-8")),
        (
            Portal::NetworkAuthenticationRequired,
            511,
            Some("text/html; charset=utf-8"),
        ),
        (Portal::Unauthorized, 401, Some("text/html; charset=utf-8")),
        (Portal::Empty, 204, None),
    ] {
        line.control.clear_answers().answer(Answer::portal(portal));
        let told = line.client().await.get(ME).await.unwrap();
        assert_eq!(told.status, status, "{portal:?}");
        assert_eq!(told.header("content-type"), kind, "{portal:?}");
        assert_eq!(told.header("x-version-id"), None, "{portal:?}");
        let goes = told.header("location").is_some();
        assert_eq!(goes, portal == Portal::Redirect, "{portal:?}");
    }
    line.control
        .clear_answers()
        .answer(Answer::portal(Portal::Slow));
    let mut client = line.client().await;
    let answer = tokio::time::timeout(Duration::from_millis(150), client.get(ME)).await;
    assert!(answer.is_err(), "{answer:?}");
}

/// Unpacked by the system's own tool, which checks the sum and the length.
#[tokio::test]
async fn the_bomb_is_a_megabyte_that_unpacks_to_a_gigabyte() {
    let line = Line::start().await;
    line.control.answer(Answer::gzip_bomb(200));
    let told = line.client().await.get(ME).await.unwrap();
    assert_eq!(told.header("content-encoding"), Some("gzip"));
    assert_eq!(told.body.len(), 1_040_480);
    let length = told.body[told.body.len() - 4..].try_into().unwrap();
    assert_eq!(u32::from_le_bytes(length), 1 << 30);

    let mut gzip = Command::new("gzip")
        .arg("--test")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    gzip.stdin.take().unwrap().write_all(&told.body).unwrap();
    assert!(gzip.wait().unwrap().success());
}
