//! The same work without the core: dial, TLS, one request or one socket. No judging, no storing, no waiting.

use crate::world::{BY_HAND, PASSWORD, World};
use futures_util::{SinkExt, StreamExt};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};

pub(crate) type Socket = WebSocketStream<TlsStream<TcpStream>>;

/// What asks for the session, as the core asks it.
pub(crate) const SESSION: &str = "/api/v4/users/me";
/// What asks for the server's health, as the core asks it.
pub(crate) const HEALTH: &str =
    "/api/v4/system/ping?get_server_status=true&use_rest_semantics=true";
/// First part of [`HEALTH`], as the server records it.
pub(crate) const HEALTH_PATH: &str = "/api/v4/system/ping";

/// Somebody with a token and a TLS configuration like the core's.
pub(crate) struct ByHand {
    address: SocketAddr,
    tls: TlsConnector,
    config: ClientConfig,
    token: String,
}

impl ByHand {
    /// Signs [`BY_HAND`] in, through the network that the devices use.
    pub(crate) async fn sign_in(world: &World) -> Self {
        Self::sign_in_as(BY_HAND, world.addr(), world).await
    }

    /// Signs this user in through this address.
    pub(crate) async fn sign_in_as(user: &str, address: SocketAddr, world: &World) -> Self {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(world.ca_pem().as_bytes()) {
            let certificate = certificate.expect("a certificate");
            roots.add(certificate).expect("an authority");
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .expect("TLS versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut this = Self {
            address,
            tls: TlsConnector::from(Arc::new(config.clone())),
            config,
            token: String::new(),
        };
        let credentials = serde_json::json!({ "login_id": user, "password": PASSWORD });
        let answer = this
            .exchange(
                Method::POST,
                "/api/v4/users/login",
                credentials.to_string().into(),
            )
            .await;
        let token = answer.headers().get("token").expect("a token");
        token.to_str().expect("ASCII").clone_into(&mut this.token);
        this
    }

    /// Dials, reads the answer whole, hangs up.
    pub(crate) async fn get(&self, path: &str) {
        let answer = self.exchange(Method::GET, path, Bytes::new()).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
    }

    /// A client of the HTTP library that the core uses, which keeps its connections.
    pub(crate) fn client(&self) -> reqwest::Client {
        reqwest::Client::builder()
            .tls_backend_preconfigured(self.config.clone())
            .no_proxy()
            .build()
            .expect("a client")
    }

    /// Asks with such a client and reads the answer whole.
    pub(crate) async fn ask(&self, client: &reqwest::Client, path: &str) {
        let answer = client
            .get(format!("https://{}{path}", self.address))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.bytes().await.expect("a body");
    }

    async fn exchange(&self, method: Method, path: &str, body: Bytes) -> Response<Bytes> {
        let stream = self.dial().await;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .expect("HTTP");
        let connection = tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.address.to_string())
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .body(Full::new(body))
            .expect("a request");
        let answer = sender.send_request(request).await.expect("an answer");
        let (head, body) = answer.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        connection.abort();
        Response::from_parts(head, body)
    }

    /// Dials, upgrades and waits for the server's hello. Gives the connection's id.
    pub(crate) async fn hello(&self) -> (Socket, String) {
        let mut socket = self.upgrade("").await;
        let hello = read(&mut socket, |message| message["event"] == "hello").await;
        let id = hello["data"]["connection_id"].as_str().expect("an id");
        let id = id.to_owned();
        (socket, id)
    }

    /// Dials, upgrades into an earlier connection and waits for the reply to a ping: such a connection says no hello.
    pub(crate) async fn take_up(&self, connection_id: &str) -> Socket {
        let query = format!("?connection_id={connection_id}&sequence_number=1");
        let mut socket = self.upgrade(&query).await;
        let ping = serde_json::json!({ "seq": 1, "action": "ping" });
        let ping = Message::text(ping.to_string());
        socket.send(ping).await.expect("an open socket");
        read(&mut socket, |message| {
            assert_ne!(message["event"], "hello", "the connection is taken up");
            message["seq_reply"] == 1
        })
        .await;
        socket
    }

    async fn upgrade(&self, query: &str) -> Socket {
        let stream = self.dial().await;
        let mut request = format!("wss://{}/api/v4/websocket{query}", self.address)
            .into_client_request()
            .expect("a request");
        let bearer = format!("Bearer {}", self.token);
        request
            .headers_mut()
            .insert(header::AUTHORIZATION, bearer.parse().expect("a header"));
        let (socket, _) = client_async(request, stream).await.expect("an upgrade");
        socket
    }

    async fn dial(&self) -> TlsStream<TcpStream> {
        let tcp = TcpStream::connect(self.address).await.expect("TCP");
        tcp.set_nodelay(true).expect("TCP_NODELAY");
        let name = ServerName::from(self.address.ip());
        self.tls.connect(name, tcp).await.expect("TLS")
    }
}

/// Reads until a message is such a one.
pub(crate) async fn read(
    socket: &mut Socket,
    wanted: impl Fn(&serde_json::Value) -> bool,
) -> serde_json::Value {
    loop {
        let message = socket.next().await.expect("an open socket");
        if let Message::Text(text) = message.expect("a message") {
            let message = serde_json::from_str(text.as_str()).expect("JSON");
            if wanted(&message) {
                return message;
            }
        }
    }
}
