//! One connection's bytes: carries them between the client's socket and whatever leads to the
//! server, under the faults of the wire. It knows neither HTTP nor TLS.

use std::{
    collections::VecDeque,
    future::{Future, pending, poll_fn},
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream},
    net::TcpStream,
    sync::watch,
    time::{Instant, sleep_until, timeout},
};

use crate::{
    faults::{Limit, Side, Trickle, Wire},
    state::Shared,
};

/// Bytes on their way in one direction; beyond it the sender is not read from.
const IN_FLIGHT: usize = 4 * 1024 * 1024;
const CHUNK: usize = 16 * 1024;
/// After a FIN the client is read from for so long: closing a socket with unread bytes would turn
/// the FIN into an RST.
const LINGER: Duration = Duration::from_secs(5);

/// What becomes of a connection. All but the first are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Flows,
    Vanished,
    Reset,
    Closed,
}

/// A connection as faults see it.
#[derive(Debug)]
pub(crate) struct Link {
    number: u64,
    shared: Arc<Shared>,
    fate: watch::Sender<Fate>,
    client_left: AtomicBool,
    /// Nothing arrives earlier: when a handshake on the slow wire would have been done, and what is late has come.
    established: Instant,
}

impl Link {
    pub(crate) fn new(number: u64, shared: Arc<Shared>, late_by: Duration) -> Self {
        let wire = *shared.wire().borrow();
        Self {
            number,
            shared,
            fate: watch::Sender::new(Fate::Flows),
            client_left: AtomicBool::new(false),
            established: Instant::now() + wire.delay() + wire.delay() + late_by,
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Meets this fate, if it has met none before.
    pub(crate) fn meet(&self, fate: Fate) {
        let met = self.fate.send_if_modified(|current| {
            let open = *current == Fate::Flows;
            if open {
                *current = fate;
            }
            open
        });
        if !met {
            return;
        }
        match fate {
            Fate::Flows => {}
            Fate::Vanished => self.shared.vanished(),
            Fate::Reset | Fate::Closed => self.client_left(),
        }
    }

    fn client_left(&self) {
        if !self.client_left.swap(true, Ordering::Relaxed) {
            self.shared.client_left();
        }
    }
}

/// Takes a connection off the books when its task ends, however it ends.
pub(crate) struct Registered<'a>(pub(crate) &'a Link);

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.0.client_left();
        self.0.shared.forget(self.0.number);
    }
}

/// The proxy's way to the server.
pub(crate) trait Far: AsyncRead + AsyncWrite + Unpin {
    /// Makes the coming drop an RST, where there is such a thing.
    fn abort(&self);
}

impl Far for TcpStream {
    fn abort(&self) {
        let _ = self.set_zero_linger();
    }
}

impl Far for DuplexStream {
    fn abort(&self) {}
}

/// Carries one connection to its end. A server that cannot be reached resets the client: its
/// connect has already succeeded, so a refusal cannot be passed on.
pub(crate) async fn carry<S: Far>(
    link: &Link,
    mut client: TcpStream,
    server: impl Future<Output = io::Result<S>>,
) {
    let mut fate = link.fate.subscribe();
    let mut server = tokio::select! {
        biased;
        () = met(&mut fate) => None,
        server = server => match server {
            Ok(server) => Some(server),
            Err(error) => {
                tracing::debug!(%error, "the server cannot be reached");
                link.meet(Fate::Reset);
                None
            }
        },
    };
    if let Some(server) = &mut server {
        tokio::select! {
            biased;
            () = met(&mut fate) => {}
            () = both_ways(link, &mut client, server) => {}
        }
    }
    let fate = *fate.borrow();
    match fate {
        Fate::Flows => {}
        Fate::Vanished => {
            let gone_client = async {
                swallow(&mut client).await;
                link.client_left();
            };
            let gone_server = async {
                if let Some(mut server) = server {
                    swallow(&mut server).await;
                }
            };
            tokio::join!(gone_client, gone_server);
            // Closing the client's socket would send the FIN that got lost.
            pending::<()>().await;
        }
        Fate::Reset => {
            let _ = client.set_zero_linger();
            if let Some(server) = &server {
                server.abort();
            }
        }
        Fate::Closed => {
            drop(server);
            let _ = client.shutdown().await;
            let _ = timeout(LINGER, swallow(&mut client)).await;
        }
    }
}

async fn met(fate: &mut watch::Receiver<Fate>) {
    // The sender lives in the link, which the caller holds.
    let _ = fate.wait_for(|fate| *fate != Fate::Flows).await;
}

/// Reads to the end and keeps nothing.
async fn swallow(from: &mut (impl AsyncRead + Unpin)) {
    let _ = tokio::io::copy(from, &mut tokio::io::sink()).await;
}

async fn both_ways<S: Far>(link: &Link, client: &mut TcpStream, server: &mut S) {
    let (client_read, client_write) = client.split();
    let (server_read, server_write) = tokio::io::split(server);
    tokio::join!(
        one_way(link, Side::Client, client_read, server_write),
        one_way(link, Side::Server, server_read, client_write),
    );
}

/// Carries what `from` says until it has ended and all has arrived.
async fn one_way(link: &Link, from: Side, reader: impl AsyncRead, writer: impl AsyncWrite) {
    let mut reader = pin!(reader);
    let mut writer = pin!(writer);
    // One to look at while the other waits.
    let mut wire = link.shared.wire();
    let mut changes = wire.clone();
    let mut flight = Flight::default();
    let mut meter = Meter::default();
    let mut slices = Slices::default();
    let mut buffer = BytesMut::with_capacity(CHUNK);
    let mut ended = false;
    let mut broken = false;
    // The receiver is gone; the sender is still read, so that it never blocks on us.
    let mut deaf = false;
    loop {
        changes.mark_unchanged();
        let faults: Wire = *wire.borrow_and_update();
        let room = meter.room(faults.limit(from));
        if room == 0 {
            link.meet(Fate::Closed);
            return pending().await;
        }
        if broken && !faults.frozen {
            link.meet(Fate::Reset);
            return pending().await;
        }
        let (slice, opens) = slices.room(faults.trickle(from));
        let room = room.min(slice);
        let due = flight
            .due()
            .map(|due| opens.map_or(due, |opens| due.max(opens)));
        let ready = !faults.frozen && due.is_some_and(|due| due <= Instant::now());
        let last = ready && flight.is_at_its_end();
        let deliver = poll_fn(|context| {
            link.shared.while_unchanged(&wire, || {
                if *link.fate.borrow() != Fate::Flows {
                    return Poll::Pending;
                }
                if last {
                    writer.as_mut().poll_shutdown(context).map_ok(|()| 0)
                } else {
                    let written = writer.as_mut().poll_write(context, flight.head(room));
                    if let Poll::Ready(Ok(count)) = written {
                        link.shared.passed(from, count as u64);
                    }
                    written
                }
            })
        });
        tokio::select! {
            biased;
            _ = changes.changed() => {}
            written = deliver, if ready => match written {
                _ if last => return,
                Ok(written) if written > 0 => {
                    meter.passed += written as u64;
                    slices.left = slices.left.saturating_sub(written as u64);
                    flight.arrived(written);
                }
                _ if from == Side::Server => broken = true,
                _ => {
                    deaf = true;
                    flight.lose();
                }
            },
            () = sleep_until(due.unwrap_or_else(Instant::now)),
                if due.is_some() && !ready && !faults.frozen => {}
            read = reader.read_buf(&mut buffer), if !ended && flight.has_room() => {
                let due = Instant::now().max(link.established) + faults.delay();
                match read {
                    Ok(0) => {
                        ended = true;
                        flight.push(due, None);
                    }
                    Ok(_) if deaf => buffer.clear(),
                    Ok(_) => {
                        flight.push(due, Some(buffer.split().freeze()));
                        buffer.reserve(CHUNK);
                    }
                    Err(error) => {
                        tracing::debug!(%error, ?from, "the connection broke");
                        ended = true;
                        broken = true;
                    }
                }
                if ended && from == Side::Client {
                    link.client_left();
                }
            }
        }
    }
}

/// Bytes on their way, in order.
#[derive(Default)]
struct Flight {
    queue: VecDeque<InFlight>,
    bytes: usize,
}

struct InFlight {
    due: Instant,
    /// `None` is the end.
    bytes: Option<Bytes>,
}

impl Flight {
    /// Nothing overtakes: what is behind arrives no earlier than what is before it.
    fn push(&mut self, due: Instant, bytes: Option<Bytes>) {
        let due = self.queue.back().map_or(due, |last| last.due.max(due));
        self.bytes += bytes.as_ref().map_or(0, Bytes::len);
        self.queue.push_back(InFlight { due, bytes });
    }

    fn due(&self) -> Option<Instant> {
        self.queue.front().map(|first| first.due)
    }

    fn is_at_its_end(&self) -> bool {
        self.queue
            .front()
            .is_some_and(|first| first.bytes.is_none())
    }

    fn has_room(&self) -> bool {
        self.bytes < IN_FLIGHT
    }

    /// The first bytes, at most `room`.
    fn head(&self, room: u64) -> &[u8] {
        let head = self.queue.front().and_then(|first| first.bytes.as_deref());
        let head = head.unwrap_or_default();
        &head[..head.len().min(usize::try_from(room).unwrap_or(usize::MAX))]
    }

    fn arrived(&mut self, count: usize) {
        self.bytes -= count;
        if let Some(bytes) = self
            .queue
            .front_mut()
            .and_then(|first| first.bytes.as_mut())
        {
            bytes.advance(count);
            if bytes.is_empty() {
                self.queue.pop_front();
            }
        }
    }

    /// Everything but the end.
    fn lose(&mut self) {
        self.queue.retain(|item| item.bytes.is_none());
        self.bytes = 0;
    }
}

/// Counts what may still arrive in the span of time that runs.
#[derive(Default)]
struct Slices {
    trickle: Option<Trickle>,
    left: u64,
    ends: Option<Instant>,
}

impl Slices {
    /// How much may arrive, and from when on if that is later.
    fn room(&mut self, trickle: Option<Trickle>) -> (u64, Option<Instant>) {
        let now = Instant::now();
        let changed = self.trickle != trickle;
        self.trickle = trickle;
        let Some(trickle) = trickle else {
            self.ends = None;
            return (u64::MAX, None);
        };
        if changed || self.ends.is_none_or(|ends| ends <= now) {
            self.left = trickle.bytes;
            self.ends = Some(now + trickle.every);
        }
        match self.left {
            0 => (trickle.bytes, self.ends),
            left => (left, None),
        }
    }
}

/// Counts towards the limit in force.
#[derive(Default)]
struct Meter {
    limit: Option<Limit>,
    passed: u64,
}

impl Meter {
    /// How much may still pass under this limit.
    fn room(&mut self, limit: Option<Limit>) -> u64 {
        if self.limit != limit {
            self.limit = limit;
            self.passed = 0;
        }
        limit.map_or(u64::MAX, |limit| limit.bytes.saturating_sub(self.passed))
    }
}
