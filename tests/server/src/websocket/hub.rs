//! The connections a server remembers: open ones, and left ones that may
//! still be resumed. Each has a queue of what is to be sent and a ring of
//! events already sent.
//!
//! No input or output here: the socket's own task takes from the queue.

use super::events::Event;
use crate::state::ids::new_id;
use crate::state::sessions::Session;
use crate::state::settings::Flavour;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};

/// Something to be sent.
#[derive(Clone, Debug)]
pub(crate) enum Outgoing {
    /// Gets a number when it is sent, and is kept for a resume.
    Event(Event),
    /// A reply, or an event that is sent again as it was.
    Text(String),
}

/// What a socket's task is to do next.
pub(crate) enum Next {
    Send(String),
    Wait,
    /// The queue ran over.
    Overflowed,
    /// The server does not know the connection any more.
    Gone,
}

/// Result of a resume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resume {
    /// Nothing to resume under that id.
    Unknown,
    /// Resumed; what was missed is queued.
    Resumed,
}

pub(crate) struct Connection {
    pub(crate) id: String,
    pub(crate) user_id: String,
    pub(crate) token: String,
    pub(crate) expires_at: i64,
    session: Option<Session>,
    registered: bool,
    active: bool,
    overflowed: bool,
    queue: VecDeque<Outgoing>,
    sent: VecDeque<(i64, Event)>,
    sequence: i64,
    /// How often each event comes; more than once after some resumes on 5.37.
    copies: usize,
    last_user_activity: Instant,
    wake: Arc<Notify>,
}

pub(crate) struct Hub {
    flavour: Flavour,
    connections: BTreeMap<u64, Connection>,
    next_key: u64,
    /// Whatever is resumed is found to miss events.
    pub(crate) lose_resumes: bool,
    changes: watch::Sender<u64>,
}

impl Hub {
    pub(crate) fn new(flavour: Flavour) -> Self {
        Self {
            flavour,
            connections: BTreeMap::new(),
            next_key: 0,
            lose_resumes: false,
            changes: watch::Sender::new(0),
        }
    }
}

impl Hub {
    /// Adds a socket that nobody has authenticated yet. Where connections are
    /// not resumed they have no id.
    pub(crate) fn add(&mut self, resumable: bool) -> (u64, Arc<Notify>) {
        let key = self.next_key;
        self.next_key += 1;
        let wake = Arc::new(Notify::new());
        self.connections.insert(
            key,
            Connection {
                id: if resumable { new_id() } else { String::new() },
                user_id: String::new(),
                token: String::new(),
                expires_at: 0,
                session: None,
                registered: false,
                active: true,
                overflowed: false,
                queue: VecDeque::new(),
                sent: VecDeque::new(),
                sequence: 0,
                copies: 1,
                last_user_activity: Instant::now(),
                wake: wake.clone(),
            },
        );
        self.changed();
        (key, wake)
    }

    /// Gives a socket a session; from now on it gets events.
    pub(crate) fn authenticate(&mut self, key: u64, session: &Session) {
        if let Some(connection) = self.connections.get_mut(&key) {
            connection.user_id = session.user_id.clone();
            connection.token = session.token.clone();
            connection.registered = true;
            connection.last_user_activity = Instant::now();
            connection.remember(session);
        }
        self.changed();
    }

    /// Greets a connection.
    pub(crate) fn hello(&mut self, key: u64, version_id: &str) {
        if let Some(connection) = self.connections.get_mut(&key) {
            let hello = Event::hello(
                &connection.id,
                &connection.user_id,
                version_id,
                self.flavour,
            );
            connection.queue.push_back(Outgoing::Event(hello));
            connection.wake.notify_one();
        }
    }

    /// Continues a left connection of the same user on a new socket.
    ///
    /// The session is not compared. Where events are missing from the ring
    /// the connection gets a new id and says `hello` again.
    pub(crate) fn resume(
        &mut self,
        key: u64,
        connection_id: &str,
        sequence: i64,
        version_id: &str,
    ) -> Resume {
        let Some(user_id) = self.connections.get(&key).map(|new| new.user_id.clone()) else {
            return Resume::Unknown;
        };
        let left = self.connections.iter().find(|(_, candidate)| {
            candidate.id == connection_id && !candidate.active && candidate.user_id == user_id
        });
        let Some(left_key) = left.map(|(left_key, _)| *left_key) else {
            return Resume::Unknown;
        };
        let Some(left) = self.connections.remove(&left_key) else {
            return Resume::Unknown;
        };
        let Some(new) = self.connections.get_mut(&key) else {
            return Resume::Unknown;
        };
        new.id = left.id;
        new.queue = left.queue;
        new.sent = left.sent;
        new.sequence = sequence;
        new.copies = left.copies;
        if self.lose_resumes {
            new.begin_anew(version_id, self.flavour);
        } else if sequence != 0
            && !new.catch_up(sequence, version_id, self.flavour)
            && self.flavour.is_classic()
        {
            // 5.37 keeps the left connection beside the renamed one: it greets
            // once more, and from now on each event comes twice.
            let hello = Event::hello(&new.id, &new.user_id, version_id, self.flavour);
            new.queue.push_back(Outgoing::Event(hello));
            new.copies += 1;
        }
        new.wake.notify_one();
        self.changed();
        Resume::Resumed
    }

    /// Ends a socket. A connection that may be resumed goes on collecting
    /// events. Tells whose it was, if its user has no open socket left.
    pub(crate) fn leave(&mut self, key: u64, resumable: bool) -> Option<String> {
        let connection = self.connections.get_mut(&key)?;
        let user_id = connection.user_id.clone();
        let registered = connection.registered;
        connection.active = false;
        if !registered || !resumable {
            self.connections.remove(&key);
        }
        self.changed();
        let others = self.active().any(|other| other.user_id == user_id);
        (registered && !others).then_some(user_id)
    }

    /// Forgets every connection, as a restart does.
    pub(crate) fn clear(&mut self) {
        self.connections.clear();
        self.changed();
    }

    /// Forgets left connections without activity for at least this long.
    pub(crate) fn sweep(&mut self, idle: Duration) {
        self.connections.retain(|_, connection| {
            connection.active || connection.last_user_activity.elapsed() <= idle
        });
    }

    /// Makes a user's connections read their sessions again.
    pub(crate) fn invalidate(&mut self, user_id: &str) {
        for connection in self.connections.values_mut() {
            if connection.user_id == user_id {
                connection.expires_at = 0;
                connection.session = None;
            }
        }
    }

    pub(crate) fn note_activity(&mut self, user_id: &str) {
        for connection in self.connections.values_mut() {
            if connection.user_id == user_id {
                connection.last_user_activity = Instant::now();
            }
        }
    }

    /// Token and remembered expiry of a connection.
    pub(crate) fn credentials(&self, key: u64) -> Option<(String, i64)> {
        let connection = self.connections.get(&key)?;
        Some((connection.token.clone(), connection.expires_at))
    }

    pub(crate) fn session_of(&self, key: u64) -> Option<Session> {
        self.connections.get(&key)?.session.clone()
    }

    pub(crate) fn user_of(&self, key: u64) -> Option<&str> {
        Some(self.connections.get(&key)?.user_id.as_str())
    }

    pub(crate) fn is_registered(&self, key: u64) -> bool {
        self.connections
            .get(&key)
            .is_some_and(|connection| connection.registered)
    }

    pub(crate) fn remember(&mut self, key: u64, session: &Session) {
        if let Some(connection) = self.connections.get_mut(&key) {
            connection.remember(session);
        }
    }

    /// Takes a connection's token away, for good.
    pub(crate) fn silence(&mut self, key: u64) {
        if let Some(connection) = self.connections.get_mut(&key) {
            connection.token.clear();
            connection.expires_at = 0;
            connection.session = None;
        }
    }

    pub(crate) fn registered_keys(&self) -> Vec<u64> {
        self.connections
            .iter()
            .filter(|(_, connection)| connection.registered)
            .map(|(key, _)| *key)
            .collect()
    }

    pub(crate) fn active(&self) -> impl Iterator<Item = &Connection> {
        self.connections
            .values()
            .filter(|connection| connection.active)
    }

    /// Queues something for a connection, within the limit of its queue.
    pub(crate) fn enqueue(&mut self, key: u64, outgoing: Outgoing, limit: usize) {
        let Some(connection) = self.connections.get_mut(&key) else {
            return;
        };
        let waiting = connection.queue.len();
        if let Outgoing::Event(event) = &outgoing
            && event.is_droppable()
            && waiting * 2 >= limit
        {
            return;
        }
        if waiting >= limit {
            if connection.active {
                connection.overflowed = true;
                connection.registered = false;
                connection.wake.notify_one();
            } else {
                self.connections.remove(&key);
            }
            return;
        }
        let copies = match &outgoing {
            Outgoing::Event(_) => connection.copies,
            Outgoing::Text(_) => 1,
        };
        connection
            .queue
            .extend(std::iter::repeat_n(outgoing, copies));
        connection.wake.notify_one();
    }

    /// What the socket's task is to do next. An event is numbered here.
    pub(crate) fn next(&mut self, key: u64, ring: usize) -> Next {
        let Some(connection) = self.connections.get_mut(&key) else {
            return Next::Gone;
        };
        if connection.overflowed {
            return Next::Overflowed;
        }
        match connection.queue.pop_front() {
            None => Next::Wait,
            Some(Outgoing::Text(text)) => Next::Send(text),
            Some(Outgoing::Event(event)) => {
                let sequence = connection.sequence;
                connection.sequence += 1;
                let text = event.text(sequence, self.flavour);
                connection.sent.push_back((sequence, event));
                while connection.sent.len() > ring {
                    connection.sent.pop_front();
                }
                Next::Send(text)
            }
        }
    }

    /// Moves whenever a socket comes, goes or authenticates.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn changed(&self) {
        self.changes.send_modify(|version| *version += 1);
    }
}

impl Connection {
    fn remember(&mut self, session: &Session) {
        self.expires_at = session.expires_at;
        self.session = Some(session.clone());
    }

    /// Sends again what was missed from this event on; says whether that was
    /// still known. If not, the connection begins anew under a new id.
    fn catch_up(&mut self, sequence: i64, version_id: &str, flavour: Flavour) -> bool {
        let last = self.sent.back().map(|(sequence, _)| *sequence);
        let missed = self
            .sent
            .iter()
            .position(|(candidate, _)| *candidate == sequence);
        if let (Some(missed), Some(last)) = (missed, last) {
            self.sequence = last + 1;
            let again: Vec<String> = self
                .sent
                .iter()
                .skip(missed)
                .map(|(sequence, event)| event.text(*sequence, flavour))
                .collect();
            for text in again.into_iter().rev() {
                self.queue.push_front(Outgoing::Text(text));
            }
        } else if last.is_some_and(|last| last != sequence - 1) {
            self.begin_anew(version_id, flavour);
            return false;
        }
        true
    }

    /// Goes on under another id, with what waits but nothing of what was sent.
    fn begin_anew(&mut self, version_id: &str, flavour: Flavour) {
        self.sent.clear();
        self.id = new_id();
        self.sequence = 0;
        let hello = Event::hello(&self.id, &self.user_id, version_id, flavour);
        self.queue.push_front(Outgoing::Event(hello));
    }
}
