//! Faults of a proxy that ends HTTP itself, with and without TLS on either side.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test"
)]

mod support;

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::Request;
use http_body_util::Full;
use serde_json::json;
use steadfast_faults::{Answer, Control, Match, Presented, Proxy, Side, Speaks};
use support::{
    HttpClient, HttpServer, Identity, assert_silent, connect, hear, patiently, say, tls, to_the_end,
};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, Message},
};

const ME: &str = "/api/v4/users/me";
const SOCKET: &str = "/api/v4/websocket";

/// TLS on both sides.
struct Line {
    server: HttpServer,
    proxy: Proxy,
    control: Control,
}

impl Line {
    async fn start() -> Self {
        let identity = Identity::new();
        let server = HttpServer::start(Some(&identity)).await;
        let proxy = Proxy::http(format!("https://{}", server.addr))
            .upstream_ca(&identity.authority_pem)
            .tls()
            .start()
            .await
            .unwrap();
        let control = proxy.control();
        Self {
            server,
            proxy,
            control,
        }
    }

    fn addr(&self) -> SocketAddr {
        self.proxy.addr()
    }

    fn authority(&self) -> &str {
        self.proxy.ca_pem().unwrap()
    }

    async fn client(&self) -> HttpClient {
        HttpClient::secure(self.addr(), self.authority()).await
    }

    async fn tls(&self) -> TlsStream<TcpStream> {
        tls(connect(self.addr()).await, self.authority())
            .await
            .unwrap()
    }

    async fn socket(&self) -> Result<WebSocketStream<TlsStream<TcpStream>>, tungstenite::Error> {
        let url = format!("{}{SOCKET}", self.proxy.url("wss"));
        patiently(client_async(url, self.tls().await))
            .await
            .map(|(socket, _)| socket)
    }
}

#[tokio::test]
async fn relays_requests_under_the_servers_own_name() {
    let line = Line::start().await;
    let mut client = line.client().await;

    let request = Request::post("/api/v4/posts?x=1")
        .header("host", "named-by-the-client")
        .header("origin", line.proxy.url("https"))
        .body(Full::from(Bytes::from(vec![b'x'; 300_000])))
        .unwrap();
    let told = client.send(request).await.unwrap();

    assert_eq!(told.status, 200);
    assert_eq!(told.header("x-request-id"), Some("server"));
    assert_eq!(
        told.json(),
        json!({
            "method": "POST",
            "target": "/api/v4/posts?x=1",
            "host": line.server.addr.to_string(),
            "origin": format!("https://{}", line.server.addr),
            "body_bytes": 300_000,
        })
    );
}

#[tokio::test]
async fn relays_plain_http_to_plain_http() {
    let server = HttpServer::start(None).await;
    let proxy = Proxy::http(format!("http://{}/chat/", server.addr))
        .start()
        .await
        .unwrap();
    let mut client = HttpClient::plain(proxy.addr()).await;

    let told = client.get("/chat/api/v4/system/ping").await.unwrap();

    assert_eq!(told.json()["target"], "/chat/api/v4/system/ping");
    assert_eq!(proxy.ca_pem(), None);
    assert_eq!(proxy.url("http"), format!("http://{}/chat", proxy.addr()));
}

#[tokio::test]
async fn shows_a_leaf_of_a_given_authority() {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::default();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = parameters.self_signed(&key).unwrap().pem();
    let server = HttpServer::start(None).await;
    let proxy = Proxy::http(format!("http://{}", server.addr))
        .tls_from(&authority, key.serialize_pem())
        .start()
        .await
        .unwrap();

    let mut client = HttpClient::secure(proxy.addr(), &authority).await;

    assert_eq!(client.get(ME).await.unwrap().status, 200);
    assert_eq!(proxy.ca_pem(), Some(authority.as_str()));
}

#[tokio::test]
async fn tells_which_requests_it_saw() {
    let line = Line::start().await;
    let control = line.control.clone();
    let waiting =
        tokio::spawn(async move { control.wait_for_request(|request| request.path == ME).await });
    let mut client = line.client().await;

    client
        .get("/api/v4/system/ping?get_server_status=true")
        .await
        .unwrap();
    client.get(ME).await.unwrap();

    let seen = patiently(waiting).await.unwrap();
    assert_eq!((seen.number, seen.method.as_str()), (2, "GET"));
    assert!(seen.at <= Instant::now() && !seen.upgrade);
    let requests = line.control.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].query.as_deref(), Some("get_server_status=true"));
    assert_eq!(line.control.accepted(), 1);
}

#[tokio::test]
async fn answers_in_the_servers_place_as_often_as_told() {
    let line = Line::start().await;
    let mut client = line.client().await;
    line.control.answer(
        Answer::error(401, "api.context.session_expired.app_error")
            .mattermost_headers()
            .on(Match::path(ME).method("GET"))
            .times(2),
    );

    let ping = client.get("/api/v4/system/ping").await.unwrap();
    let first = client.get(ME).await.unwrap();
    let second = client.get(ME).await.unwrap();
    let third = client.get(ME).await.unwrap();

    assert_eq!((ping.status, third.status), (200, 200));
    for answer in [&first, &second] {
        assert_eq!(answer.status, 401);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let body = answer.json();
        assert_eq!(body["id"], "api.context.session_expired.app_error");
        assert_eq!(body["status_code"], 401);
        let id = answer.header("x-request-id").unwrap();
        assert_eq!(id.len(), 26);
        assert_eq!(body["request_id"], id);
        assert!(answer.header("x-version-id").unwrap().starts_with("11."));
        assert!(answer.header("date").is_some());
    }
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
}

#[tokio::test]
async fn answers_like_a_portal_until_cleared() {
    let line = Line::start().await;
    let mut client = line.client().await;
    line.control
        .answer(Answer::new(200).html("<html>sign in to this network</html>"));

    for _ in 0..3 {
        let answer = client.get(ME).await.unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert_eq!(answer.header("x-request-id"), None);
        assert_eq!(answer.header("x-version-id"), None);
    }

    line.control.clear_answers();
    assert_eq!(
        client.get(ME).await.unwrap().header("x-request-id"),
        Some("server")
    );
}

#[tokio::test]
async fn answers_are_used_in_the_order_they_were_added() {
    let line = Line::start().await;
    let mut client = line.client().await;
    line.control
        .answer(Answer::new(503).header("retry-after", "7").times(1))
        .answer(Answer::new(429).times(1))
        .answer(Answer::new(418).times(0));

    let busy = client.get(ME).await.unwrap();
    assert_eq!((busy.status, busy.header("retry-after")), (503, Some("7")));
    assert_eq!(client.get(ME).await.unwrap().status, 429);
    assert_eq!(client.get(ME).await.unwrap().status, 200);
}

#[tokio::test]
async fn an_answer_may_be_chosen_by_a_predicate_and_come_late() {
    let line = Line::start().await;
    let mut client = line.client().await;
    let late = Duration::from_millis(80);
    line.control.answer(
        Answer::new(504)
            .after(late)
            .on(Match::when(|request| request.query.is_some())),
    );

    assert_eq!(client.get(ME).await.unwrap().status, 200);
    let start = Instant::now();
    assert_eq!(
        client.get("/api/v4/users/me?nonce=1").await.unwrap().status,
        504
    );
    assert!(start.elapsed() >= late);
}

#[tokio::test]
async fn strips_headers_from_the_servers_responses() {
    let line = Line::start().await;
    let mut client = line.client().await;
    line.control.strip(["X-Request-Id", "Date"]);

    let told = client.get(ME).await.unwrap();

    assert_eq!(told.header("x-request-id"), None);
    assert_eq!(told.header("date"), None);
    assert_eq!(told.header("x-version-id"), Some("11.6.0.0.hash.false"));
    line.control.strip([]);
    assert!(
        client
            .get(ME)
            .await
            .unwrap()
            .header("x-request-id")
            .is_some()
    );
}

#[tokio::test]
async fn relays_a_websocket() {
    let line = Line::start().await;
    let mut socket = line.socket().await.unwrap();

    for text in ["one", "two"] {
        socket.send(Message::text(text)).await.unwrap();
        let echo = patiently(socket.next()).await.unwrap().unwrap();
        assert_eq!(echo, Message::text(text));
    }

    let seen = &line.control.requests()[0];
    assert!(seen.upgrade && seen.path == SOCKET);
    socket.close(None).await.unwrap();
    while let Some(Ok(_)) = patiently(socket.next()).await {}
    drop(socket);
    patiently(line.control.wait_for_open(0)).await;
}

#[tokio::test]
async fn refuses_upgrades_with_status_and_body() {
    let line = Line::start().await;
    line.control
        .refuse_upgrades(Answer::new(403).html("<html>no sockets here</html>"));

    let Err(tungstenite::Error::Http(refusal)) = line.socket().await else {
        panic!("the upgrade should have been refused");
    };
    assert_eq!(refusal.status(), 403);
    assert_eq!(line.client().await.get(ME).await.unwrap().status, 200);

    line.control.refuse_upgrades(None);
    line.socket().await.unwrap();
}

#[tokio::test]
async fn a_websocket_can_vanish_and_freeze_and_be_reset() {
    let line = Line::start().await;
    let mut vanished = line.socket().await.unwrap();
    line.control.half_open();
    let mut frozen = line.socket().await.unwrap();
    line.control.freeze(true);

    vanished.send(Message::text("lost")).await.unwrap();
    frozen.send(Message::text("held")).await.unwrap();
    assert_silent(vanished.get_mut()).await;
    assert_silent(frozen.get_mut()).await;

    line.control.freeze(false);
    let echo = patiently(frozen.next()).await.unwrap().unwrap();
    assert_eq!(echo, Message::text("held"));

    line.control.reset();
    let error = patiently(frozen.next()).await.unwrap().unwrap_err();
    assert!(
        matches!(&error, tungstenite::Error::Io(error) if support::is_reset(error)),
        "{error}"
    );
    assert_silent(vanished.get_mut()).await;
}

#[tokio::test]
async fn a_response_can_be_cut_off_in_the_middle() {
    let line = Line::start().await;
    let mut client = line.client().await;
    client.get(ME).await.unwrap();
    line.control.close_after(Side::Server, 40);

    assert!(client.get(ME).await.is_err());

    line.control.clear();
    assert_eq!(line.client().await.get(ME).await.unwrap().status, 200);
}

#[tokio::test]
async fn latency_is_charged_once_each_way() {
    let line = Line::start().await;
    let mut client = line.client().await;
    client.get(ME).await.unwrap();
    line.control
        .latency(Duration::from_millis(50), Duration::from_millis(10));

    let start = Instant::now();
    client.get(ME).await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(100));
}

#[tokio::test]
async fn cut_vanishes_and_restore_brings_the_same_url_back() {
    let line = Line::start().await;
    let mut old = line.tls().await;
    let url = line.proxy.url("https");

    line.control.cut();
    assert!(patiently(TcpStream::connect(line.addr())).await.is_err());
    assert_silent(&mut old).await;

    line.control.restore();
    assert_eq!(line.proxy.url("https"), url);
    assert_eq!(line.client().await.get(ME).await.unwrap().status, 200);
    assert_silent(&mut old).await;
}

#[tokio::test]
async fn a_server_that_is_gone_is_never_answered_for() {
    let line = Line::start().await;
    let mut client = line.client().await;
    client.get(ME).await.unwrap();
    drop(line.server);

    // The kept connection ends with the server's.
    patiently(line.control.wait_for_open(0)).await;
    assert!(client.get(ME).await.is_err());
    let mut client = HttpClient::secure(line.proxy.addr(), line.proxy.ca_pem().unwrap()).await;
    assert!(client.get(ME).await.is_err());
}

#[tokio::test]
async fn certificates_can_be_strange_expired_or_for_another_name() {
    let line = Line::start().await;
    for (presented, complaint) in [
        (Presented::Stranger, "UnknownIssuer"),
        (Presented::Expired, "expired"),
        (Presented::WrongName, "not valid for name"),
    ] {
        line.control.present(presented);
        let error = tls(connect(line.addr()).await, line.authority())
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains(complaint),
            "{presented:?}: {error}"
        );
    }

    line.control.present(Presented::Genuine);
    assert_eq!(line.client().await.get(ME).await.unwrap().status, 200);
}

#[tokio::test]
async fn an_old_tls_ends_the_handshake() {
    let line = Line::start().await;
    for (language, complaint) in [
        (Speaks::Tls10, "peer is incompatible"),
        (
            Speaks::RefusesTls12,
            "received fatal alert: ProtocolVersion",
        ),
    ] {
        line.control.speak(language);
        let refused = tls(connect(line.addr()).await, line.authority()).await;
        let error = refused.unwrap_err().to_string();
        assert!(error.contains(complaint), "{language:?}: {error}");
    }

    line.control.speak(Speaks::Http1);
    assert_eq!(line.client().await.get(ME).await.unwrap().status, 200);
}

#[tokio::test]
async fn http2_is_agreed_on_or_spoken_all_the_same() {
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let line = Line::start().await;
    line.control.speak(Speaks::OnlyHttp2);
    let refused = tls(connect(line.addr()).await, line.authority()).await;
    let error = refused.unwrap_err().to_string();
    assert!(error.contains("NoApplicationProtocol"), "{error}");

    for language in [Speaks::Http2AtOnce, Speaks::Http2InReply] {
        line.control.speak(language);
        let mut client = line.tls().await;
        if language == Speaks::Http2InReply {
            assert_silent(&mut client).await;
            say(&mut client, b"GET / HTTP/1.1\r\n\r\n").await;
        }
        hear(&mut client, &SETTINGS).await;
        let goodbye = to_the_end(&mut client).await.unwrap();
        assert_eq!(goodbye[..4], [0, 0, 8, 7], "GOAWAY of eight bytes");
        assert_eq!(goodbye.len(), 17);
        assert!(line.client().await.get(ME).await.is_err());
    }
    assert!(line.control.requests().is_empty(), "none is relayed");

    line.control.clear();
    assert_eq!(line.client().await.get(ME).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_server_that_the_proxy_does_not_trust_is_not_reached() {
    let server = HttpServer::start(Some(&Identity::new())).await;
    let proxy = Proxy::http(format!("https://{}", server.addr))
        .upstream_ca(&Identity::new().authority_pem)
        .start()
        .await
        .unwrap();

    assert!(HttpClient::plain(proxy.addr()).await.get(ME).await.is_err());
}

#[tokio::test]
async fn urls_that_cannot_be_a_server_are_refused() {
    for url in ["chat.example.com", "ftp://chat.example.com", "data:x"] {
        assert!(Proxy::http(url).start().await.is_err(), "{url}");
    }
}
