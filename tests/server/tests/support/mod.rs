//! A plain client for the tests of the server's switches and sockets.

#![allow(dead_code, reason = "each test file uses its own part")]

use futures_util::{SinkExt, StreamExt};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use steadfast_testserver::{Role, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

pub(crate) const SESSION_EXPIRED: &str = "api.context.session_expired.app_error";
pub(crate) const NOT_AUTHENTICATED: &str = "api.web_socket_router.not_authenticated.app_error";
pub(crate) const PASSWORD: &str = "Passw0rd!alice";

/// Longer than anything takes here; reached only by a broken server.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn server() -> Server {
    Server::builder()
        .user("sysadmin", "Sys@dmin-pass1", Role::Admin)
        .user("alice", PASSWORD, Role::UserWithAccessTokens)
        .user("bob", "Passw0rd!bob", Role::User)
        .settings(|settings| settings.database_connect_timeout_ms = 50)
        .start()
        .await
        .unwrap()
}

/// Status and body of an answer.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Reply {
    pub(crate) fn id(&self) -> &str {
        self.body["id"].as_str().unwrap_or_default()
    }

    pub(crate) fn outcome(&self) -> (u16, &str) {
        (self.status, self.id())
    }
}

pub(crate) fn http_client() -> reqwest::Client {
    // Every test may be the first of the process; only one can succeed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(PATIENCE)
        .tls_backend_preconfigured(
            rustls::ClientConfig::builder()
                .with_root_certificates(rustls::RootCertStore::empty())
                .with_no_client_auth(),
        )
        .build()
        .unwrap()
}

pub(crate) async fn ask(
    server: &Server,
    method: &str,
    path: &str,
    token: &str,
    body: Value,
) -> Reply {
    let url = format!("{}/api/v4/{path}", server.url());
    let mut request = http_client().request(Method::from_bytes(method.as_bytes()).unwrap(), url);
    if !token.is_empty() {
        request = request.bearer_auth(token);
    }
    if !body.is_null() {
        request = request.body(body.to_string());
    }
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let text = response.text().await.unwrap();
    Reply {
        status,
        headers,
        body: serde_json::from_str(&text).unwrap_or(Value::Null),
    }
}

pub(crate) async fn get(server: &Server, path: &str, token: &str) -> Reply {
    ask(server, "GET", path, token, Value::Null).await
}

pub(crate) async fn me(server: &Server, token: &str) -> Reply {
    get(server, "users/me", token).await
}

pub(crate) async fn try_sign_in(server: &Server, name: &str, password: &str) -> Reply {
    let body = json!({"login_id": name, "password": password});
    ask(server, "POST", "users/login", "", body).await
}

pub(crate) async fn sign_in(server: &Server, name: &str, password: &str) -> String {
    let reply = try_sign_in(server, name, password).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.headers["token"].to_str().unwrap().to_owned()
}

pub(crate) async fn alice(server: &Server) -> String {
    sign_in(server, "alice", PASSWORD).await
}

pub(crate) async fn admin(server: &Server) -> String {
    sign_in(server, "sysadmin", "Sys@dmin-pass1").await
}

/// The id of the session that signed in last.
pub(crate) fn newest_session(server: &Server, user: &str) -> String {
    let sessions = server.control().sessions(user);
    let newest = sessions.iter().max_by_key(|session| session.create_at);
    newest.unwrap().id.clone()
}

/// A socket with the patience of a test.
pub(crate) struct Socket {
    stream: WebSocketStream<TcpStream>,
    next_seq: i64,
}

/// How a socket ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// No close frame.
    Cut,
    /// A close frame with this code; 1005 stands for none.
    Closed(u16),
}

impl Socket {
    pub(crate) async fn open(server: &Server, token: &str, query: &str) -> Self {
        let address = server.url().trim_start_matches("http://").to_owned();
        let url = format!("ws://{address}/api/v4/websocket{query}");
        let mut request = url.into_client_request().unwrap();
        if !token.is_empty() {
            let value = format!("Bearer {token}").parse().unwrap();
            request.headers_mut().insert("authorization", value);
        }
        let stream = TcpStream::connect(address).await.unwrap();
        let (stream, _) = tokio_tungstenite::client_async(request, stream)
            .await
            .unwrap();
        Self {
            stream,
            next_seq: 1,
        }
    }

    pub(crate) async fn send(&mut self, text: impl Into<String>) {
        let text: String = text.into();
        self.stream.send(Message::text(text)).await.unwrap();
    }

    pub(crate) async fn send_frame(&mut self, message: Message) {
        self.stream.send(message).await.unwrap();
    }

    pub(crate) async fn receive(&mut self) -> Option<Message> {
        let message = tokio::time::timeout(PATIENCE, self.stream.next()).await;
        message.expect("a message in time")?.ok()
    }

    /// The next JSON message, status changes left out.
    pub(crate) async fn json(&mut self) -> Value {
        loop {
            match self.receive().await {
                Some(Message::Text(text)) => {
                    let value: Value = serde_json::from_str(text.as_str()).unwrap();
                    if value["event"] != "status_change" {
                        return value;
                    }
                }
                Some(Message::Ping(_) | Message::Pong(_)) => {}
                other => panic!("no message: {other:?}"),
            }
        }
    }

    /// Sends a request and returns its reply, events before it left out.
    pub(crate) async fn request(&mut self, action: &str, data: Value) -> Value {
        let seq = self.next_seq;
        self.next_seq += 1;
        self.send(json!({"seq": seq, "action": action, "data": data}).to_string())
            .await;
        loop {
            let value = self.json().await;
            if value["seq_reply"] == seq {
                return value;
            }
        }
    }

    pub(crate) async fn ping(&mut self) -> Value {
        self.request("ping", json!({})).await
    }

    /// Reads until the socket ends.
    pub(crate) async fn ending(&mut self) -> Ending {
        loop {
            match self.receive().await {
                None => return Ending::Cut,
                Some(Message::Close(frame)) => {
                    return Ending::Closed(frame.map_or(1005, |frame| frame.code.into()));
                }
                Some(_) => {}
            }
        }
    }

    /// Ends the TCP connection without a close frame.
    pub(crate) async fn cut(mut self) {
        self.stream.get_mut().shutdown().await.unwrap();
    }

    /// Closes as a client does, and waits for the echo.
    pub(crate) async fn close(mut self) {
        self.stream.close(None).await.unwrap();
        while self.receive().await.is_some() {}
    }
}

/// One exchange with the bytes as they are on the wire.
pub(crate) async fn raw(server: &Server, request: &str) -> String {
    let address = server.url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let mut buffer = [0_u8; 4096];
    while !answer.windows(4).any(|window| window == b"\r\n\r\n") {
        let count = tokio::time::timeout(PATIENCE, stream.read(&mut buffer))
            .await
            .unwrap()
            .unwrap();
        assert_ne!(count, 0, "the answer breaks off");
        answer.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// Names of the headers in an answer, in order and spelling.
pub(crate) fn header_names(answer: &str) -> Vec<&str> {
    answer
        .split("\r\n")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(':'))
        .map(|(name, _)| name)
        .collect()
}
