//! The realtime socket: one connection, from its upgrade to its end, as a stream of facts.
//!
//! It does not reconnect, judge a reply or decide when to ping. What it knows of the protocol: the token goes into the
//! upgrade's header, `seq` of requests and replies, and that every way a socket can end is one event.
//! (`server/public/model/websocket_message.go` in mattermost/mattermost.)

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use http::header::{AUTHORIZATION, HeaderValue, USER_AGENT};
use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::{Error as WsError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::{Message, WebSocketConfig};

use super::address::ServerAddress;
use super::dialler::{Dialler, Transport};
use super::headers;
use super::rest::PRE_AUTH;
use super::transport::{TransportError, TransportErrorKind, classify};
use super::wiped::bearer;
use super::wire::{is_error_id, is_id};
use crate::policy;
use crate::secret::Token;

/// Where to go on after an earlier connection. Never after a FAIL: the server would take the resume and lose events without
/// a gap in `seq`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// From the last [`SocketEvent::Hello`].
    pub connection_id: String,
    /// The next `seq` that is expected: the last one taken, plus one. 0 makes it a fresh connection, as the server would
    /// otherwise send no hello.
    pub sequence_number: i64,
}

/// Why there is no socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UpgradeError {
    /// No connection, or it ended before the answer.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// An HTTP answer other than 101.
    #[error("upgrade refused with status {status}")]
    Refused {
        /// HTTP status; 200 when something on the way ignored the upgrade.
        status: u16,
        /// `Retry-After`, not clamped.
        retry_after: Option<Duration>,
    },
    /// 101, but not a correct one.
    #[error("the upgrade was answered wrongly")]
    NotWebSocket,
}

/// How a connection ended. For the session they are all the same; the pace may tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The server sent a close frame; without a code it is 1005.
    CloseFrame {
        /// RFC 6455 status code.
        code: u16,
    },
    /// The connection ended without a close frame, which is how the server ends nearly every one.
    Eof,
    /// The connection was reset, or could not be written.
    Reset,
    /// Something that is not the protocol: compressed frames, masked ones, text that is not UTF-8.
    ProtocolError,
    /// A message above [`policy::SOCKET_MESSAGE_LIMIT`].
    TooLarge,
    /// Closed by [`SocketHandle::close`].
    ByUs,
}

/// What happened on the socket.
#[derive(Clone, PartialEq)]
pub enum SocketEvent {
    /// The server took the token, or began to count anew.
    Hello {
        /// `seq` of the event, normally 0.
        seq: i64,
        /// To resume with; `None` where the server does not offer it.
        connection_id: Option<String>,
        /// In the form of `X-Version-Id`.
        server_version: Option<String>,
        /// Which node; newer servers only.
        server_hostname: Option<String>,
        /// Who the server thinks it talks to.
        user_id: Option<String>,
    },
    /// An event.
    Event {
        /// Its number on this connection.
        seq: i64,
        /// Its name, such as `posted`.
        event: String,
        /// The whole message.
        json: String,
    },
    /// The reply to a request.
    Reply {
        /// The request's number; `None` where the server left it out.
        seq_reply: Option<i64>,
        /// Whether its status is `OK`.
        ok: bool,
        /// Id of the error. Its message is dropped, because it can hold the token.
        error_id: Option<String>,
        /// What was asked for.
        data: Value,
    },
    /// Bytes arrived, protocol pings and parts of messages included: the connection lives.
    Bytes,
    /// The connection is over. The last event.
    Ended(Ended),
}

impl std::fmt::Debug for SocketEvent {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Hello {
                seq, connection_id, ..
            } => write!(formatter, "Hello({seq}, {connection_id:?})"),
            Self::Event { seq, event, .. } => write!(formatter, "Event({seq}, {event})"),
            Self::Reply {
                seq_reply,
                ok,
                error_id,
                ..
            } => write!(formatter, "Reply({seq_reply:?}, {ok}, {error_id:?})"),
            Self::Bytes => formatter.write_str("Bytes"),
            Self::Ended(how) => write!(formatter, "Ended({how:?})"),
        }
    }
}

/// Why a request was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Too many wait already: the server does not read. The connection is not worth keeping.
    #[error("too many requests wait on the socket")]
    Full,
    /// The connection is over.
    #[error("the socket is closed")]
    Closed,
}

enum Command {
    Send(String),
    Close,
}

/// Sends on a socket. Cheap to clone.
#[derive(Clone)]
pub struct SocketHandle {
    commands: mpsc::Sender<Command>,
    seq: Arc<AtomicI64>,
}

impl std::fmt::Debug for SocketHandle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SocketHandle")
    }
}

impl SocketHandle {
    /// Sends the JSON ping whose reply is judged by its content. Returns its number.
    pub fn ping(&self) -> Result<i64, SendError> {
        self.send("ping", Value::Null)
    }

    /// Queues a request and returns its number, which comes back as `seq_reply`. Never waits.
    pub fn send(&self, action: &str, data: Value) -> Result<i64, SendError> {
        let seq = self.seq.fetch_add(1, Ordering::Relaxed);
        let mut message = serde_json::json!({ "seq": seq, "action": action });
        if !data.is_null() {
            message["data"] = data;
        }
        self.queue(Command::Send(message.to_string()))?;
        Ok(seq)
    }

    /// Ends the connection with a close frame. [`SocketEvent::Ended`] follows within about a second.
    pub fn close(&self) -> Result<(), SendError> {
        self.queue(Command::Close)
    }

    fn queue(&self, command: Command) -> Result<(), SendError> {
        self.commands
            .try_send(command)
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => SendError::Full,
                mpsc::error::TrySendError::Closed(_) => SendError::Closed,
            })
    }
}

/// An open socket. Dropping it ends the connection at once.
pub struct Socket {
    handle: SocketHandle,
    events: mpsc::Receiver<SocketEvent>,
    heard: Arc<Notify>,
    tasks: [JoinHandle<()>; 2],
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Socket")
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Socket {
    /// Dials and upgrades. Success says nothing about the token: a dead one gets a socket as well, without a hello.
    pub async fn connect(
        dialler: &Dialler,
        address: &ServerAddress,
        user_agent: &str,
        token: &Token,
        resume: Option<&Resume>,
    ) -> Result<Self, UpgradeError> {
        let mut request = upgrade_request(address, user_agent, token, resume)
            .ok_or(TransportError::before(TransportErrorKind::InvalidRequest))?;
        if let Some(secret) = dialler.pre_auth() {
            request.headers_mut().insert(PRE_AUTH, secret.clone());
        }
        let stream = dialler.dial(address).await?;
        let heard = Arc::new(Notify::new());
        let stream = Watched {
            stream,
            heard: Arc::clone(&heard),
        };
        let config = WebSocketConfig::default()
            .read_buffer_size(16 * 1024)
            .write_buffer_size(0)
            .max_write_buffer_size(policy::SOCKET_WRITE_BUFFER_LIMIT)
            .max_message_size(Some(policy::SOCKET_MESSAGE_LIMIT))
            .max_frame_size(Some(policy::SOCKET_MESSAGE_LIMIT));
        let upgrade = tokio_tungstenite::client_async_with_config(request, stream, Some(config));
        let (stream, _) = tokio::time::timeout(policy::CONNECT_TIMEOUT, upgrade)
            .await
            .map_err(|_| TransportError::after(TransportErrorKind::Timeout))?
            .map_err(upgrade_error)?;
        Ok(Self::run(stream, heard))
    }

    fn run(stream: WebSocketStream<Watched>, heard: Arc<Notify>) -> Self {
        let (sink, stream) = stream.split();
        let (commands, waiting) = mpsc::channel(policy::SOCKET_COMMANDS_WAITING);
        let (publish, events) = mpsc::channel(policy::SOCKET_EVENTS_WAITING);
        let (stopped, writer_stopped) = oneshot::channel();
        Self {
            handle: SocketHandle {
                commands,
                seq: Arc::new(AtomicI64::new(1)),
            },
            events,
            heard,
            tasks: [
                tokio::spawn(write(sink, waiting, stopped)),
                tokio::spawn(read(stream, publish, writer_stopped)),
            ],
        }
    }

    /// Where to send.
    pub fn handle(&self) -> &SocketHandle {
        &self.handle
    }

    /// The next thing that happened; `None` after [`SocketEvent::Ended`]. May be dropped and called again without losing
    /// anything.
    pub async fn next(&mut self) -> Option<SocketEvent> {
        tokio::select! {
            biased;
            event = self.events.recv() => event,
            () = self.heard.notified() => Some(SocketEvent::Bytes),
        }
    }
}

fn upgrade_request(
    address: &ServerAddress,
    user_agent: &str,
    token: &Token,
    resume: Option<&Resume>,
) -> Option<http::Request<()>> {
    let mut url = address.websocket();
    if let Some(resume) = resume.filter(|resume| resume.sequence_number > 0) {
        if !is_id(&resume.connection_id) {
            return None;
        }
        url.push_str(&format!(
            "?connection_id={}&sequence_number={}",
            resume.connection_id, resume.sequence_number
        ));
    }
    let mut request = url.into_client_request().ok()?;
    let headers = request.headers_mut();
    headers.insert(AUTHORIZATION, bearer(token)?);
    headers.insert(USER_AGENT, HeaderValue::from_str(user_agent).ok()?);
    Some(request)
}

fn upgrade_error(error: WsError) -> UpgradeError {
    match error {
        WsError::Http(response) => UpgradeError::Refused {
            status: response.status().as_u16(),
            retry_after: headers::retry_after(response.headers()),
        },
        WsError::Io(error) => {
            TransportError::after(classify(&error).unwrap_or(TransportErrorKind::Other)).into()
        }
        WsError::Protocol(ProtocolError::HandshakeIncomplete) => {
            TransportError::after(TransportErrorKind::Reset).into()
        }
        WsError::Protocol(ProtocolError::HttparseError(_)) => {
            TransportError::after(TransportErrorKind::Protocol).into()
        }
        WsError::Capacity(_) => TransportError::after(TransportErrorKind::TooLarge).into(),
        _ => UpgradeError::NotWebSocket,
    }
}

/// Writes what is queued. Stops when told to close, when the handle is gone, or when writing fails.
async fn write(
    mut sink: SplitSink<WebSocketStream<Watched>, Message>,
    mut commands: mpsc::Receiver<Command>,
    stopped: oneshot::Sender<Ended>,
) {
    let how = loop {
        match commands.recv().await {
            Some(Command::Send(text)) => {
                if sink.send(Message::text(text)).await.is_err() {
                    break Ended::Reset;
                }
            }
            Some(Command::Close) => {
                let _ = tokio::time::timeout(
                    policy::SOCKET_CLOSE_DEADLINE,
                    sink.send(Message::Close(None)),
                )
                .await;
                break Ended::ByUs;
            }
            None => return,
        }
    };
    let _ = stopped.send(how);
}

/// Reads until the end and publishes what came; the end exactly once, as the last event.
async fn read(
    mut stream: SplitStream<WebSocketStream<Watched>>,
    publish: mpsc::Sender<SocketEvent>,
    mut writer_stopped: oneshot::Receiver<Ended>,
) {
    let how = loop {
        let message = tokio::select! {
            message = stream.next() => message,
            Ok(how) = &mut writer_stopped => break how,
        };
        match message {
            Some(Ok(Message::Text(text))) => {
                // What is not a message of the protocol is only a sign of life: a lost event shows as a gap in `seq`.
                if let Some(event) = parse(text.as_str())
                    && publish.send(event).await.is_err()
                {
                    return;
                }
            }
            Some(Ok(Message::Close(frame))) => {
                break Ended::CloseFrame {
                    code: frame.map_or(1005, |frame| frame.code.into()),
                };
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => break ended(&error),
            None => break Ended::Eof,
        }
    };
    let _ = publish.send(SocketEvent::Ended(how)).await;
}

fn ended(error: &WsError) -> Ended {
    match error {
        WsError::ConnectionClosed
        | WsError::AlreadyClosed
        | WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Ended::Eof,
        WsError::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ended::Eof,
        WsError::Io(_) | WsError::Tls(_) | WsError::WriteBufferFull(_) => Ended::Reset,
        WsError::Capacity(_) => Ended::TooLarge,
        _ => Ended::ProtocolError,
    }
}

#[derive(Deserialize)]
struct Incoming {
    event: Option<String>,
    seq: Option<i64>,
    status: Option<String>,
    seq_reply: Option<i64>,
    error: Option<IncomingError>,
}

#[derive(Deserialize)]
struct IncomingError {
    id: Option<String>,
}

#[derive(Deserialize)]
struct HelloMessage {
    data: Option<HelloData>,
    broadcast: Option<HelloBroadcast>,
}

#[derive(Deserialize)]
struct HelloData {
    connection_id: Option<String>,
    server_version: Option<String>,
    server_hostname: Option<String>,
}

#[derive(Deserialize)]
struct HelloBroadcast {
    user_id: Option<String>,
}

#[derive(Deserialize)]
struct ReplyMessage {
    data: Option<Value>,
}

fn parse(text: &str) -> Option<SocketEvent> {
    let incoming: Incoming = serde_json::from_str(text).ok()?;
    if let Some(event) = incoming.event {
        let seq = incoming.seq?;
        if event != "hello" {
            return Some(SocketEvent::Event {
                seq,
                event,
                json: text.to_owned(),
            });
        }
        let hello: HelloMessage = serde_json::from_str(text).ok()?;
        let data = hello.data?;
        return Some(SocketEvent::Hello {
            seq,
            connection_id: data.connection_id.filter(|id| is_id(id)),
            server_version: data.server_version,
            server_hostname: data.server_hostname,
            user_id: hello
                .broadcast
                .and_then(|broadcast| broadcast.user_id)
                .filter(|id| is_id(id)),
        });
    }
    let status = incoming.status?;
    let reply: ReplyMessage = serde_json::from_str(text).ok()?;
    Some(SocketEvent::Reply {
        seq_reply: incoming.seq_reply,
        ok: status == "OK",
        error_id: incoming
            .error
            .and_then(|error| error.id)
            .filter(|id| is_error_id(id)),
        data: reply.data.unwrap_or(Value::Null),
    })
}

/// A connection that tells when bytes arrive, whether or not they make a whole message.
struct Watched {
    stream: Box<dyn Transport>,
    heard: Arc<Notify>,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.heard.notify_one();
        }
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
