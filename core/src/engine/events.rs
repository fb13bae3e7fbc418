//! Realtime events on their way to the app: a bounded queue that a slow reader cannot make grow, and that never delays the
//! socket.
//!
//! What the app has *taken* is what a reconnect resumes from: events that were received but never taken are dropped when
//! the socket ends, and asked for again.

use crate::policy::EVENT_QUEUE;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// A realtime event, as the server sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its place in the account's stream: rises by one with each event, never used twice while the process lives.
    pub seq: i64,
    /// The server's name for it, such as `posted`.
    pub name: String,
    /// The whole message, as JSON: `event`, `data`, `broadcast`, `seq`.
    pub json: String,
}

impl Event {
    /// A member of the message, such as `data` or `broadcast`; null if there is none.
    pub fn member(&self, name: &str) -> Value {
        let whole: Value = serde_json::from_str(&self.json).unwrap_or_default();
        whole.get(name).cloned().unwrap_or_default()
    }
}

/// What a reader gets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventBatch {
    /// Events were lost before the first one here: read again what the app shows, then go on from here.
    pub gap: bool,
    /// The events after the one asked for, oldest first.
    pub events: Vec<Event>,
    /// What to ask for next time.
    pub last_seq: i64,
}

/// How a connection is taken up again: its id and the next sequence number expected of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResumeFrom {
    pub(crate) connection_id: String,
    pub(crate) next_server_seq: i64,
}

struct Entry {
    event: Event,
    server_seq: i64,
}

struct Stream {
    /// Received and not yet taken.
    queue: VecDeque<Entry>,
    /// Place of the next event.
    next_seq: i64,
    /// A reader that has not seen the place before this one has missed something. A gap takes a place of its own, so that
    /// a reader who was up to date learns of it too.
    floor: i64,
    connection_id: Option<String>,
    /// Server sequence number that the socket should bring next.
    expected: i64,
    /// Server sequence number after the last one that was taken.
    resume: i64,
    /// The last place that a reader said it had seen.
    seen: i64,
    /// The last place that a reader was told of.
    told: i64,
    /// The core was closed; nothing follows.
    closed: bool,
}

impl Stream {
    fn gap(&mut self) {
        self.queue.clear();
        // Further losses before anybody learned of the gap are part of it.
        if self.floor < self.next_seq || self.floor <= self.told + 1 {
            // What was told and not taken was dropped for the resume, and comes no more: places begin after it, or its reader
            // would take what follows for what it has seen.
            self.next_seq = self.next_seq.max(self.told + 1) + 1;
            self.floor = self.next_seq;
        }
    }
}

/// The queue of one account. Any thread may read.
pub(crate) struct EventQueue {
    stream: Mutex<Stream>,
    news: watch::Sender<u64>,
}

/// What an arriving event meant for the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It came in order.
    InOrder,
    /// Events before it are missing: this connection is given up, and the app must read again.
    OutOfOrder,
}

impl EventQueue {
    pub(crate) fn new() -> Self {
        let stream = Stream {
            queue: VecDeque::new(),
            next_seq: 1,
            floor: 0,
            connection_id: None,
            expected: 1,
            resume: 1,
            seen: 0,
            told: 0,
            closed: false,
        };
        Self {
            stream: Mutex::new(stream),
            news: watch::Sender::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Stream> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server said hello. Under another connection id, nobody knows what happened in between; returns whether that is
    /// so. A server that does not number its connections sends an empty id: then every hello is a gap.
    pub(crate) fn hello(&self, connection_id: &str) -> bool {
        let mut stream = self.lock();
        let gap =
            connection_id.is_empty() || stream.connection_id.as_deref() != Some(connection_id);
        stream.connection_id = Some(connection_id.to_owned()).filter(|id| !id.is_empty());
        stream.expected = 1;
        stream.resume = 1;
        if gap {
            stream.gap();
        }
        drop(stream);
        self.tell();
        gap
    }

    /// An event arrived. While content is covered it is withheld: not kept, and the reader learns of a gap instead.
    pub(crate) fn push(
        &self,
        server_seq: i64,
        name: String,
        json: String,
        withhold: bool,
    ) -> Arrival {
        let mut stream = self.lock();
        let in_order = server_seq == stream.expected;
        stream.expected = server_seq.saturating_add(1);
        if !in_order {
            stream.gap();
        }
        let arrival = if !in_order && stream.connection_id.take().is_some() {
            Arrival::OutOfOrder
        } else if withhold {
            stream.gap();
            Arrival::InOrder
        } else {
            let seq = stream.next_seq;
            stream.next_seq += 1;
            stream.queue.push_back(Entry {
                event: Event { seq, name, json },
                server_seq,
            });
            if stream.queue.len() > EVENT_QUEUE
                && let Some(lost) = stream.queue.pop_front()
            {
                stream.floor = lost.event.seq + 1;
            }
            Arrival::InOrder
        };
        drop(stream);
        self.tell();
        arrival
    }

    /// Where a reconnect resumes, if it may. What was received but not taken is dropped here, and sent again.
    pub(crate) fn resume_from(&self) -> Option<ResumeFrom> {
        let mut stream = self.lock();
        let connection_id = stream.connection_id.clone()?;
        if let Some(first) = stream.queue.front().map(|entry| entry.event.seq) {
            if first <= stream.floor && stream.queue.len() >= EVENT_QUEUE {
                // The queue overflowed: what it dropped was not taken, and the server cannot send that far back.
                stream.connection_id = None;
                return None;
            }
            stream.queue.clear();
            stream.next_seq = first;
        }
        stream.expected = stream.resume;
        Some(ResumeFrom {
            connection_id,
            next_server_seq: stream.resume,
        })
    }

    /// Never resume this connection: its server side no longer sends what it should.
    pub(crate) fn forget_connection(&self) {
        self.lock().connection_id = None;
    }

    /// Events after `after`. Asking for what comes after an event says that it was taken.
    pub(crate) fn take(&self, after: i64) -> EventBatch {
        let mut stream = self.lock();
        // A place that this stream never gave is an earlier process's: who asks from there has seen nothing of this one.
        let foreign = after > stream.told.max(stream.next_seq - 1);
        let after = if foreign { 0 } else { after };
        stream.seen = stream.seen.max(after);
        while stream
            .queue
            .front()
            .is_some_and(|entry| entry.event.seq <= after)
        {
            if let Some(entry) = stream.queue.pop_front() {
                stream.resume = entry.server_seq.saturating_add(1);
            }
        }
        let events: Vec<Event> = stream
            .queue
            .iter()
            .map(|entry| entry.event.clone())
            .collect();
        let gap = foreign || after + 1 < stream.floor;
        let last_seq = events
            .last()
            .map_or_else(|| after.max(stream.floor - 1), |event| event.seq);
        stream.told = stream.told.max(last_seq);
        EventBatch {
            gap,
            events,
            last_seq,
        }
    }

    /// Whether there is a gap that no reader has learned of and gone on from.
    pub(crate) fn needs_resync(&self) -> bool {
        let stream = self.lock();
        stream.seen + 1 < stream.floor
    }

    /// Wakes everybody who waits; nobody will wait again.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.tell();
    }

    /// Waits until there is something after `after`; returns at once if there is already. `None` once the core is closed.
    /// Runs on any executor, and leaves nothing behind when its caller goes away.
    pub(crate) async fn wait(&self, after: i64) -> Option<EventBatch> {
        let mut news = self.news.subscribe();
        loop {
            news.mark_unchanged();
            if self.lock().closed {
                return None;
            }
            let batch = self.take(after);
            if batch.gap || !batch.events.is_empty() {
                return Some(batch);
            }
            if news.changed().await.is_err() {
                return None;
            }
        }
    }

    fn tell(&self) {
        self.news
            .send_modify(|count| *count = count.wrapping_add(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(queue: &EventQueue, server_seq: i64) -> Arrival {
        queue.push(
            server_seq,
            format!("event-{server_seq}"),
            "{}".to_owned(),
            false,
        )
    }

    fn names(batch: &EventBatch) -> Vec<&str> {
        batch
            .events
            .iter()
            .map(|event| event.name.as_str())
            .collect()
    }

    #[test]
    fn a_place_that_this_stream_never_gave_is_a_gap_and_takes_nothing() {
        for foreign in [2, 5_000, i64::MAX] {
            let queue = EventQueue::new();
            push(&queue, 1);
            let batch = queue.take(foreign);
            assert!(batch.gap);
            assert_eq!(names(&batch), ["event-1"]);
            assert_eq!(batch.last_seq, 1);
            assert!(!queue.take(batch.last_seq).gap);
            assert!(!queue.needs_resync());
            queue.hello("next");
            assert!(queue.needs_resync());
        }
    }

    #[test]
    fn a_new_connection_is_a_gap_once_and_events_follow_in_order() {
        let queue = EventQueue::new();
        assert!(queue.hello("first"));
        push(&queue, 1);
        let batch = queue.take(0);
        assert!(batch.gap);
        assert_eq!(names(&batch), ["event-1"]);
        push(&queue, 2);
        let next = queue.take(batch.last_seq);
        assert!(!next.gap);
        assert_eq!(names(&next), ["event-2"]);
    }

    #[test]
    fn a_reconnect_resumes_after_what_was_taken_and_nothing_is_read_twice() {
        let queue = EventQueue::new();
        queue.hello("first");
        (1..=3).for_each(|seq| assert_eq!(push(&queue, seq), Arrival::InOrder));
        let batch = queue.take(0);
        let first = batch.events[0].seq;
        assert_eq!(names(&queue.take(first)), ["event-2", "event-3"]);

        let resume = queue.resume_from().unwrap();
        assert_eq!(
            (resume.connection_id.as_str(), resume.next_server_seq),
            ("first", 2)
        );
        push(&queue, 2);
        push(&queue, 3);
        assert!(
            queue.take(batch.last_seq).events.is_empty(),
            "the reader had seen them"
        );
        push(&queue, 4);
        let after = queue.take(batch.last_seq);
        assert_eq!((after.gap, names(&after)), (false, vec!["event-4"]));
    }

    #[test]
    fn a_reader_that_was_told_and_had_not_taken_learns_of_a_resume_that_failed() {
        let queue = EventQueue::new();
        queue.hello("first");
        (1..=3).for_each(|seq| assert_eq!(push(&queue, seq), Arrival::InOrder));
        let told = queue.take(0).last_seq;
        for connection in ["second", "third"] {
            assert!(queue.resume_from().is_some());
            assert!(queue.hello(connection));
            assert!(queue.needs_resync());
            push(&queue, 1);
        }
        let batch = queue.take(told);
        assert_eq!((batch.gap, names(&batch)), (true, vec!["event-1"]));
        push(&queue, 2);
        let next = queue.take(batch.last_seq);
        assert_eq!((next.gap, names(&next)), (false, vec!["event-2"]));
    }

    #[test]
    fn a_missing_event_is_a_gap_and_ends_the_connection() {
        let queue = EventQueue::new();
        queue.hello("first");
        push(&queue, 1);
        let seen = queue.take(0).last_seq;
        assert_eq!(push(&queue, 3), Arrival::OutOfOrder);
        assert!(queue.take(seen).gap);
        assert_eq!(queue.resume_from(), None);
    }

    #[test]
    fn withheld_events_are_a_gap_and_are_never_handed_out() {
        let queue = EventQueue::new();
        queue.hello("first");
        let seen = queue.take(0).last_seq;
        queue.push(1, "secret".to_owned(), "{}".to_owned(), true);
        let batch = queue.take(seen);
        assert!(batch.gap && batch.events.is_empty());
    }

    #[test]
    fn a_slow_reader_gets_a_gap_and_the_newest_events() {
        let queue = EventQueue::new();
        queue.hello("first");
        let seen = queue.take(0).last_seq;
        (1..=EVENT_QUEUE as i64 + 5)
            .for_each(|seq| assert_eq!(push(&queue, seq), Arrival::InOrder));
        let batch = queue.take(seen);
        assert!(batch.gap);
        assert_eq!(batch.events.len(), EVENT_QUEUE);
        assert_eq!(queue.resume_from(), None);
    }
}
