//! Listeners whose every byte a test decides.

use std::future::Future;
use std::sync::{Arc, Mutex};

use steadfast::secret::Token;
use steadfast::server::{
    ClearText, DeviceNetwork, Dialler, Rest, ServerAddress, TransportErrorKind,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A token that no output may show.
pub(crate) const CANARY: &str = "canary0token0canary0token0";

pub(crate) fn token() -> Token {
    Token::new(CANARY).unwrap()
}

pub(crate) fn dialler() -> Dialler {
    Dialler::new(&DeviceNetwork::default()).unwrap()
}

/// One request as it came over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) connection: usize,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// A listener that treats each connection as a test says.
pub(crate) struct Listener {
    pub(crate) address: ServerAddress,
    received: Arc<Mutex<Vec<Received>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Listener {
    /// Hands every connection, with its number, to `serve`.
    pub(crate) async fn raw<F, S>(serve: S) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
        S: Fn(TcpStream, usize) -> F + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, number));
            }
        });
        Self {
            address: ServerAddress::parse(&address, ClearText::AllowedByApp).unwrap(),
            received: Arc::default(),
            task,
        }
    }

    /// Answers every request with the same bytes and keeps the connection open.
    pub(crate) async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let log = Arc::clone(&received);
        let answer = Arc::new(answer.into());
        let mut listener = Self::raw(move |mut stream, connection| {
            let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
            async move {
                while let Some((head, body)) = read_request(&mut stream).await {
                    log.lock().unwrap().push(Received {
                        connection,
                        head,
                        body,
                    });
                    if stream.write_all(&answer).await.is_err() {
                        return;
                    }
                }
            }
        })
        .await;
        listener.received = received;
        listener
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    pub(crate) fn rest(&self) -> Rest {
        Rest::new(self.address.clone(), &dialler(), "Tests/1.0").unwrap()
    }
}

/// An HTTP answer with `headers` (each line ended) and a body of the right length.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Reads a request with its body; `None` at the end of the connection.
pub(crate) async fn read_request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    let head = loop {
        let byte = stream.read_u8().await.ok()?;
        bytes.push(byte);
        if bytes.ends_with(b"\r\n\r\n") {
            break String::from_utf8(bytes).unwrap();
        }
    };
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, String::from_utf8(body).unwrap()))
}

/// Answers the upgrade of a socket, and gives the request's head.
pub(crate) async fn accept_upgrade<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> String {
    let (head, _) = read_request(stream).await.unwrap();
    let key = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))
        .unwrap()
        .1
        .to_owned();
    let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
    head
}

/// A frame from a server: first byte (FIN, reserved bits, opcode) and payload.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..=125 => bytes.push(length as u8),
        length @ 126..=0xffff => {
            bytes.push(126);
            bytes.extend((length as u16).to_be_bytes());
        }
        length => {
            bytes.push(127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(payload);
    bytes
}

pub(crate) fn kind<T: std::fmt::Debug>(
    result: Result<T, steadfast::server::TransportError>,
) -> TransportErrorKind {
    result.unwrap_err().kind
}
