//! A WebSocket client that sees what a library hides: FIN or RST, close frames
//! or none, protocol pings, and that can leave those unanswered.

use crate::http::{Head, NoAnswer};
use serde_json::Value;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{Frame, FrameHeader};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const MASK: [u8; 4] = [7, 1, 9, 3];

/// Something the server did.
#[derive(Debug)]
pub(crate) enum Seen {
    Message(Value),
    Pong(String),
    Close { code: Option<u16>, reason: String },
    End(&'static str),
}

/// A socket after the 101, read by a task of its own.
pub(crate) struct Socket {
    /// The earliest and the latest time at which the server can have done the upgrade, from which on it counts.
    pub(crate) upgraded: Instant,
    pub(crate) opened: Instant,
    writer: Arc<Mutex<OwnedWriteHalf>>,
    reader: JoinHandle<()>,
    arrived: mpsc::UnboundedReceiver<(Instant, Seen)>,
    pings: mpsc::UnboundedReceiver<Instant>,
    ahead: VecDeque<(Instant, Seen)>,
    numbers: Numbers,
}

/// Event numbers without the events that may come at any time.
#[derive(Default)]
struct Numbers {
    /// Left-out events so far, plus where a resumed connection began.
    offset: i64,
    kept: Vec<i64>,
    last: Option<i64>,
}

/// What an upgrade request is answered with.
pub(crate) enum Upgrade {
    Done(Socket, u16, Vec<(String, String)>),
    Refused(Head),
}

impl Socket {
    /// Asks for the upgrade. `offset` is the difference between the numbers on
    /// the wire and those of the data, on a connection that is resumed.
    pub(crate) async fn open(
        address: SocketAddr,
        path: &str,
        headers: &[(String, String)],
        answers_pings: bool,
        offset: i64,
    ) -> Result<Upgrade, NoAnswer> {
        let mut all: Vec<(String, String)> = [
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", KEY),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        all.extend_from_slice(headers);
        let head = crate::http::request(address, "GET", path, &all, b"").await?;
        if head.status != 101 {
            return Ok(Upgrade::Refused(head));
        }
        let (upgraded, opened) = (head.began, Instant::now());
        let (read, write) = head.stream.into_split();
        let writer = Arc::new(Mutex::new(write));
        let (arrive, arrived) = mpsc::unbounded_channel();
        let (ping, pings) = mpsc::unbounded_channel();
        let pong = answers_pings.then(|| writer.clone());
        let reader = tokio::spawn(read_frames(read, head.rest, pong, arrive, ping));
        let socket = Self {
            upgraded,
            opened,
            writer,
            reader,
            arrived,
            pings,
            ahead: VecDeque::new(),
            numbers: Numbers {
                offset,
                ..Numbers::default()
            },
        };
        Ok(Upgrade::Done(socket, head.status, head.headers))
    }

    /// What `Sec-WebSocket-Accept` has to be.
    pub(crate) fn accept_key() -> String {
        derive_accept_key(KEY.as_bytes())
    }

    pub(crate) async fn send_text(&self, text: &str) {
        let frame = Frame::message(text.as_bytes().to_vec(), OpCode::Data(Data::Text), true);
        self.send(frame).await;
    }

    pub(crate) async fn send_ping(&self, payload: &str) {
        self.send(Frame::ping(payload.as_bytes().to_vec())).await;
    }

    pub(crate) async fn send_close(&self, code: u16) {
        let mut frame = Frame::close(None);
        let header = frame.header_mut().clone();
        self.send(Frame::from_payload(
            header,
            code.to_be_bytes().to_vec().into(),
        ))
        .await;
    }

    /// The server may be gone already, which the next step will show.
    async fn send(&self, frame: Frame) {
        write(&self.writer, frame).await;
    }

    /// Goes away without a close frame.
    pub(crate) async fn vanish(self) {
        self.reader.abort();
        let _gone = self.writer.lock().await.shutdown().await;
    }

    /// The next thing that matters, or `None` if nothing comes for so long.
    pub(crate) async fn next(&mut self, patience: Duration) -> Option<(Instant, Seen)> {
        if let Some(seen) = self.ahead.pop_front() {
            return Some(seen);
        }
        let until = tokio::time::Instant::now() + patience;
        loop {
            let (at, seen) = tokio::time::timeout_at(until, self.arrived.recv())
                .await
                .ok()??;
            if !self.leave_out(&seen) {
                return Some((at, seen));
            }
        }
    }

    /// Takes in what has come, so that numbers are known to the last one.
    pub(crate) async fn settle(&mut self, patience: Duration) {
        if let Some(seen) = self.next(patience).await {
            self.ahead.push_back(seen);
        }
    }

    /// When the next protocol ping came.
    pub(crate) async fn next_ping(&mut self, patience: Duration) -> Option<Instant> {
        tokio::time::timeout(patience, self.pings.recv())
            .await
            .ok()?
    }

    fn leave_out(&mut self, seen: &Seen) -> bool {
        let Seen::Message(message) = seen else {
            return false;
        };
        let Some(seq) = message.get("seq").and_then(Value::as_i64) else {
            return false;
        };
        if seq == 0 {
            self.numbers.offset = 0;
        }
        self.numbers.last = Some(seq);
        let left_out = ["status_change", "license_changed"]
            .iter()
            .any(|event| message["event"] == *event);
        if left_out {
            self.numbers.offset += 1;
        } else {
            self.numbers.kept.push(seq);
        }
        left_out
    }

    /// The number on the wire of what the data calls event `number`.
    pub(crate) fn on_the_wire(&self, number: i64) -> i64 {
        let kept = &self.numbers.kept;
        match kept.get(number as usize) {
            Some(seq) => *seq,
            None => self.numbers.last.unwrap_or(-1) + 1 + number - kept.len() as i64,
        }
    }

    /// The same the other way round, for the event that came last.
    pub(crate) fn in_the_data(&self, seq: i64) -> i64 {
        seq - self.numbers.offset
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

async fn write(writer: &Mutex<OwnedWriteHalf>, mut frame: Frame) {
    let mut header = frame.header_mut().clone();
    header.mask = Some(MASK);
    let mut bytes = Vec::new();
    let payload = frame.into_payload();
    Frame::from_payload(header, payload)
        .format(&mut bytes)
        .unwrap();
    let _written = writer.lock().await.write_all(&bytes).await;
}

async fn read_frames(
    mut stream: OwnedReadHalf,
    mut buffer: Vec<u8>,
    pong: Option<Arc<Mutex<OwnedWriteHalf>>>,
    arrive: mpsc::UnboundedSender<(Instant, Seen)>,
    ping: mpsc::UnboundedSender<Instant>,
) {
    let tell = |seen| {
        let _nobody_listens = arrive.send((Instant::now(), seen));
    };
    loop {
        while let Some((opcode, payload)) = take_frame(&mut buffer) {
            match opcode {
                OpCode::Data(_) => tell(Seen::Message(
                    serde_json::from_slice(&payload).unwrap_or(Value::Null),
                )),
                OpCode::Control(Control::Ping) => {
                    let _nobody_listens = ping.send(Instant::now());
                    if let Some(writer) = &pong {
                        write(writer, Frame::pong(payload)).await;
                    }
                }
                OpCode::Control(Control::Pong) => {
                    tell(Seen::Pong(String::from_utf8_lossy(&payload).into_owned()));
                }
                OpCode::Control(_) => tell(Seen::Close {
                    code: payload.first_chunk().map(|code| u16::from_be_bytes(*code)),
                    reason: String::from_utf8_lossy(payload.get(2..).unwrap_or_default())
                        .into_owned(),
                }),
            }
        }
        match stream.read_buf(&mut buffer).await {
            Ok(0) => return tell(Seen::End("FIN")),
            Err(_) => return tell(Seen::End("RST")),
            Ok(_) => {}
        }
    }
}

fn take_frame(buffer: &mut Vec<u8>) -> Option<(OpCode, Vec<u8>)> {
    let mut cursor = std::io::Cursor::new(&buffer[..]);
    let (header, length) = FrameHeader::parse(&mut cursor).unwrap()?;
    let start = cursor.position() as usize;
    let end = start + length as usize;
    if buffer.len() < end {
        return None;
    }
    let payload = buffer[start..end].to_vec();
    buffer.drain(..end);
    Some((header.opcode, payload))
}
