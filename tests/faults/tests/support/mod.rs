//! What the tests put on either side of the proxy: small servers and clients over real sockets.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary compiles this and none uses all of it"
)]

use std::{convert::Infallible, future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{handshake::derive_accept_key, protocol::Role},
};

/// Longer than anything here takes on a slow machine; a hang fails instead of blocking the suite.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long nothing has to happen to be called silence. A slow machine cannot fail this.
const SILENCE: Duration = Duration::from_millis(150);

pub async fn patiently<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future)
        .await
        .expect("this should not hang")
}

/// Asserts that neither a byte nor an end arrives.
pub async fn assert_silent(stream: &mut (impl AsyncRead + Unpin)) {
    let mut buffer = [0_u8; 1];
    let heard = timeout(SILENCE, stream.read(&mut buffer)).await;
    assert!(heard.is_err(), "expected silence, heard {heard:?}");
}

pub async fn hear(stream: &mut (impl AsyncRead + Unpin), expected: &[u8]) {
    let mut buffer = vec![0_u8; expected.len()];
    patiently(stream.read_exact(&mut buffer))
        .await
        .expect("the bytes");
    assert_eq!(buffer, expected);
}

pub async fn say(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) {
    patiently(stream.write_all(bytes)).await.expect("write");
    patiently(stream.flush()).await.expect("flush");
}

/// Everything up to the end, or how it broke.
pub async fn to_the_end(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    patiently(stream.read_to_end(&mut all)).await?;
    Ok(all)
}

/// A plain server that hands each accepted connection to the test.
pub struct RawServer {
    pub addr: SocketAddr,
    accepted: mpsc::UnboundedReceiver<TcpStream>,
    task: JoinHandle<()>,
}

impl RawServer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let addr = listener.local_addr().expect("address");
        let (sender, accepted) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).expect("nodelay");
                if sender.send(stream).is_err() {
                    return;
                }
            }
        });
        Self {
            addr,
            accepted,
            task,
        }
    }

    pub async fn accept(&mut self) -> TcpStream {
        patiently(self.accepted.recv()).await.expect("a connection")
    }
}

impl Drop for RawServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub async fn connect(addr: SocketAddr) -> TcpStream {
    let stream = patiently(TcpStream::connect(addr)).await.expect("connect");
    stream.set_nodelay(true).expect("nodelay");
    stream
}

pub fn is_reset(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ConnectionReset
}

/// A certificate for a server of the tests and its authority.
pub struct Identity {
    pub authority_pem: String,
    config: Arc<ServerConfig>,
}

impl Identity {
    pub fn new() -> Self {
        let certified = rcgen::generate_simple_self_signed(vec![
            "127.0.0.1".to_owned(),
            "localhost".to_owned(),
        ])
        .expect("certificate");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(
            certified.signing_key.serialize_der(),
        ));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .expect("config");
        Self {
            authority_pem: certified.cert.pem(),
            config: Arc::new(config),
        }
    }

    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

pub async fn tls(
    stream: TcpStream,
    authority_pem: &str,
) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authority_pem.as_bytes()) {
        roots.add(certificate.expect("PEM")).expect("root");
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::try_from("127.0.0.1").expect("name");
    patiently(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
}

/// An HTTP server that tells what it was asked and echoes WebSocket messages.
pub struct HttpServer {
    pub addr: SocketAddr,
    task: JoinHandle<()>,
}

impl HttpServer {
    pub async fn start(identity: Option<&Identity>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let addr = listener.local_addr().expect("address");
        let acceptor = identity.map(Identity::acceptor);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                connections.spawn(async move {
                    match acceptor {
                        None => serve(stream).await,
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                serve(stream).await;
                            }
                        }
                    }
                });
            }
        });
        Self { addr, task }
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service_fn(tell))
        .with_upgrades()
        .await;
}

async fn tell(mut request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    if let Some(key) = request.headers().get("sec-websocket-key").cloned() {
        let upgraded = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let socket = TokioIo::new(upgraded.await.expect("upgrade"));
            let mut socket = WebSocketStream::from_raw_socket(socket, Role::Server, None).await;
            while let Some(Ok(message)) = socket.next().await {
                if message.is_text() && socket.send(message).await.is_err() {
                    return;
                }
            }
        });
        let response = Response::builder()
            .status(StatusCode::SWITCHING_PROTOCOLS)
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-accept", derive_accept_key(key.as_bytes()))
            .body(Full::default())
            .expect("response");
        return Ok(response);
    }
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes().len());
    let header = |name: &str| {
        parts
            .headers
            .get(name)
            .map(|value| value.to_str().expect("text").to_owned())
    };
    let told = serde_json::json!({
        "method": parts.method.as_str(),
        "target": parts.uri.to_string(),
        "host": header("host"),
        "origin": header("origin"),
        "body_bytes": body.unwrap_or_default(),
    });
    let response = Response::builder()
        .header("content-type", "application/json")
        .header("X-Request-Id", "server")
        .header("X-Version-Id", "11.6.0.0.hash.false")
        .body(Full::from(told.to_string()))
        .expect("response");
    Ok(response)
}

/// A client connection that speaks HTTP/1.1 and is kept between requests.
pub struct HttpClient {
    sender: hyper::client::conn::http1::SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

/// A response read to its end.
#[derive(Debug)]
pub struct Told {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Told {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let value = self.headers.get(name)?;
        Some(value.to_str().expect("text"))
    }
}

impl HttpClient {
    pub async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .expect("handshake");
        let driver = tokio::spawn(async move {
            let _ = connection.await;
        });
        Self { sender, driver }
    }

    pub async fn plain(addr: SocketAddr) -> Self {
        Self::over(connect(addr).await).await
    }

    pub async fn secure(addr: SocketAddr, authority_pem: &str) -> Self {
        let stream = tls(connect(addr).await, authority_pem).await;
        Self::over(stream.expect("TLS")).await
    }

    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<Told> {
        patiently(async {
            self.sender.ready().await?;
            let (parts, body) = self.sender.send_request(request).await?.into_parts();
            Ok(Told {
                status: parts.status.as_u16(),
                headers: parts.headers,
                body: body.collect().await?.to_bytes(),
            })
        })
        .await
    }

    pub async fn get(&mut self, target: &str) -> hyper::Result<Told> {
        let request = Request::get(target)
            .header("host", "named-by-the-client")
            .body(Full::default())
            .expect("request");
        self.send(request).await
    }
}

impl Drop for HttpClient {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
