//! What a proxy, its connections and its control handles share: the script in force, the
//! connections alive, and what has been seen. It decides nothing; it keeps and tells.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio::sync::watch;

use crate::{
    faults::{Arrival, Arrivals, HttpScript, Side, Wire},
    proxy::{Door, Fate, Link},
};

/// A request that a terminating proxy has seen.
#[derive(Clone, Debug, Serialize)]
pub struct SeenRequest {
    /// Counts from 1 over all connections of the proxy.
    pub number: u64,
    /// The method, in capitals.
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// The query without its question mark.
    pub query: Option<String>,
    /// Whether it asks for an upgrade to WebSocket.
    pub upgrade: bool,
    /// When its head had been read.
    #[serde(skip)]
    pub at: Instant,
    /// The same in milliseconds since the proxy was started.
    pub at_ms: u64,
}

/// What a proxy has counted since it was started.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Connections accepted in all.
    pub accepted: u64,
    /// Connections that neither their client has left nor the proxy has ended. One that was made
    /// half-open counts until its client leaves it.
    pub open: u64,
    /// Connections that were made half-open.
    pub vanished: u64,
    /// Bytes passed on towards the server, counted on the client's wire.
    pub bytes_from_client: u64,
    /// Bytes passed on to clients, counted on the client's wire.
    pub bytes_from_server: u64,
    /// Requests seen, oldest first; always empty for [`crate::Proxy::tcp`].
    pub requests: Vec<SeenRequest>,
}

#[derive(Debug, Default)]
struct Tally {
    accepted: u64,
    open: u64,
    vanished: u64,
    requests: Vec<SeenRequest>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    started: Instant,
    pub(crate) door: Door,
    wire: watch::Sender<Wire>,
    /// Held for reading while bytes are delivered and for writing while faults change, so that a
    /// change is in force when it returns.
    gate: RwLock<()>,
    http: Mutex<HttpScript>,
    arrivals: Mutex<Arrivals>,
    leads_to: Mutex<Option<SocketAddr>>,
    links: Mutex<HashMap<u64, Arc<Link>>>,
    tally: Mutex<Tally>,
    /// Changes with every count that somebody may wait for.
    news: watch::Sender<u64>,
    limit_generation: AtomicU64,
    bytes_from_client: AtomicU64,
    bytes_from_server: AtomicU64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(door: Door) -> Arc<Self> {
        Arc::new(Self {
            started: Instant::now(),
            door,
            wire: watch::Sender::new(Wire::default()),
            gate: RwLock::default(),
            http: Mutex::default(),
            arrivals: Mutex::default(),
            leads_to: Mutex::default(),
            links: Mutex::default(),
            tally: Mutex::default(),
            news: watch::Sender::new(0),
            limit_generation: AtomicU64::new(0),
            bytes_from_client: AtomicU64::new(0),
            bytes_from_server: AtomicU64::new(0),
        })
    }

    pub(crate) fn wire(&self) -> watch::Receiver<Wire> {
        self.wire.subscribe()
    }

    pub(crate) fn change_wire(&self, change: impl FnOnce(&mut Wire)) {
        let _gate = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        self.wire.send_modify(change);
    }

    /// Delivers, unless the wire has changed since it was last looked at; then whoever looks at it
    /// is woken anyway.
    pub(crate) fn while_unchanged<T>(
        &self,
        wire: &watch::Receiver<Wire>,
        deliver: impl FnOnce() -> Poll<T>,
    ) -> Poll<T> {
        let _gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        if wire.has_changed().unwrap_or(true) {
            return Poll::Pending;
        }
        deliver()
    }

    pub(crate) fn http<T>(&self, look: impl FnOnce(&mut HttpScript) -> T) -> T {
        look(&mut lock(&self.http))
    }

    pub(crate) fn change_arrivals(&self, change: impl FnOnce(&mut Arrivals)) {
        change(&mut lock(&self.arrivals));
    }

    /// Where new connections lead in place of the server.
    pub(crate) fn leads_to(&self) -> Option<SocketAddr> {
        *lock(&self.leads_to)
    }

    pub(crate) fn set_leads_to(&self, server: Option<SocketAddr>) {
        *lock(&self.leads_to) = server;
    }

    pub(crate) fn next_limit_generation(&self) -> u64 {
        self.limit_generation.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Counts a connection, makes it reachable for faults, and gives it the fate that new ones have.
    pub(crate) fn admit(self: &Arc<Self>) -> Arc<Link> {
        let number = self.tell(|tally| {
            tally.accepted += 1;
            tally.open += 1;
            tally.accepted
        });
        let arrival = lock(&self.arrivals).next();
        let late_by = match arrival {
            Arrival::After(time) => time,
            Arrival::Lost | Arrival::Reset => Duration::ZERO,
        };
        let link = Arc::new(Link::new(number, Arc::clone(self), late_by));
        match arrival {
            Arrival::After(_) => {}
            Arrival::Lost => link.meet(Fate::Vanished),
            Arrival::Reset => link.meet(Fate::Reset),
        }
        lock(&self.links).insert(number, Arc::clone(&link));
        link
    }

    pub(crate) fn forget(&self, number: u64) {
        lock(&self.links).remove(&number);
    }

    /// Gives every connection alive this fate.
    pub(crate) fn doom(&self, fate: Fate) {
        let _gate = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        let links: Vec<_> = lock(&self.links).values().cloned().collect();
        for link in links {
            link.meet(fate);
        }
    }

    pub(crate) fn client_left(&self) {
        self.tell(|tally| tally.open -= 1);
    }

    pub(crate) fn vanished(&self) {
        self.tell(|tally| tally.vanished += 1);
    }

    pub(crate) fn passed(&self, from: Side, bytes: u64) {
        let counter = match from {
            Side::Client => &self.bytes_from_client,
            Side::Server => &self.bytes_from_server,
        };
        counter.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn saw(
        &self,
        method: &str,
        path: &str,
        query: Option<&str>,
        upgrade: bool,
    ) -> SeenRequest {
        let at = Instant::now();
        let since = at.saturating_duration_since(self.started);
        self.tell(|tally| {
            let request = SeenRequest {
                number: tally.requests.len() as u64 + 1,
                method: method.to_owned(),
                path: path.to_owned(),
                query: query.map(ToOwned::to_owned),
                upgrade,
                at,
                at_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
            };
            tally.requests.push(request.clone());
            request
        })
    }

    pub(crate) fn report(&self) -> Report {
        let tally = lock(&self.tally);
        Report {
            accepted: tally.accepted,
            open: tally.open,
            vanished: tally.vanished,
            bytes_from_client: self.bytes_from_client.load(Ordering::Relaxed),
            bytes_from_server: self.bytes_from_server.load(Ordering::Relaxed),
            requests: tally.requests.clone(),
        }
    }

    /// Waits until `look` finds what it looks for in the counts.
    pub(crate) async fn wait<T>(&self, mut look: impl FnMut(&Counts<'_>) -> Option<T>) -> T {
        let mut news = self.news.subscribe();
        loop {
            news.mark_unchanged();
            let found = {
                let tally = lock(&self.tally);
                look(&Counts {
                    accepted: tally.accepted,
                    open: tally.open,
                    requests: &tally.requests,
                })
            };
            if let Some(found) = found {
                return found;
            }
            // The sender lives in `self`, so this cannot fail.
            let _ = news.changed().await;
        }
    }

    fn tell<T>(&self, change: impl FnOnce(&mut Tally) -> T) -> T {
        let result = change(&mut lock(&self.tally));
        self.news.send_modify(|version| *version += 1);
        result
    }
}

/// The counts that can be waited for.
pub(crate) struct Counts<'a> {
    pub(crate) accepted: u64,
    pub(crate) open: u64,
    pub(crate) requests: &'a [SeenRequest],
}
