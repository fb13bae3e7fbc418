//! What the server was asked, for tests that want to see it or wait for it.

use serde::Serialize;
use std::sync::Mutex;
use tokio::sync::watch;

/// One request that reached the server.
#[derive(Clone, Debug, Serialize)]
pub struct RequestRecord {
    /// Position in the order of arrival, from 0.
    pub number: usize,
    /// HTTP method.
    pub method: String,
    /// Path without the query.
    pub path: String,
    /// Query string without the question mark, tokens left out.
    pub query: String,
    /// Whether it carried a token of any kind.
    pub had_token: bool,
    /// `User-Agent`, empty when there was none.
    pub user_agent: String,
    /// Arrival, Unix milliseconds by the server's clock.
    pub at_ms: i64,
    /// Status of the answer; `None` while there is none.
    pub status: Option<u16>,
}

/// One request that reached the server over a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketRequest {
    /// Name of the user whose socket it is; `None` before authentication.
    pub user: Option<String>,
    /// What it asks for, such as `ping`.
    pub action: String,
    /// How many [`RequestRecord`]s there were when it arrived.
    pub after: usize,
}

/// The records, and a signal that moves whenever one is added or answered.
pub(crate) struct RequestLog {
    records: Mutex<Vec<RequestRecord>>,
    over_sockets: Mutex<Vec<SocketRequest>>,
    changed: watch::Sender<u64>,
}

impl RequestLog {
    pub(crate) fn new() -> Self {
        Self {
            records: Mutex::default(),
            over_sockets: Mutex::default(),
            changed: watch::Sender::new(0),
        }
    }

    pub(crate) fn arrived(&self, mut record: RequestRecord) -> usize {
        let mut records = self.records.lock().unwrap();
        record.number = records.len();
        let number = record.number;
        records.push(record);
        drop(records);
        self.changed.send_modify(|version| *version += 1);
        number
    }

    pub(crate) fn answered(&self, number: usize, status: u16) {
        if let Some(record) = self.records.lock().unwrap().get_mut(number) {
            record.status = Some(status);
        }
        self.changed.send_modify(|version| *version += 1);
    }

    pub(crate) fn arrived_over_socket(&self, user: Option<String>, action: &str) {
        // Under the lock, so that those over sockets stand in the order of what they came after.
        let mut over_sockets = self.over_sockets.lock().unwrap();
        over_sockets.push(SocketRequest {
            user,
            action: action.to_owned(),
            after: self.count(),
        });
        drop(over_sockets);
        self.changed.send_modify(|version| *version += 1);
    }

    pub(crate) fn over_sockets(&self) -> Vec<SocketRequest> {
        self.over_sockets.lock().unwrap().clone()
    }

    pub(crate) async fn wait_over_sockets_from(
        &self,
        first: usize,
        predicate: impl Fn(&SocketRequest) -> bool,
    ) -> usize {
        let mut changes = self.changed.subscribe();
        loop {
            changes.borrow_and_update();
            let mut numbered = self.over_sockets().into_iter().enumerate().skip(first);
            if let Some((number, _)) = numbered.find(|(_, request)| predicate(request)) {
                return number;
            }
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    pub(crate) fn all(&self) -> Vec<RequestRecord> {
        self.records.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.records.lock().unwrap().len()
    }

    pub(crate) async fn wait_from(
        &self,
        first: usize,
        predicate: impl Fn(&RequestRecord) -> bool,
    ) -> RequestRecord {
        let mut changes = self.changed.subscribe();
        loop {
            changes.borrow_and_update();
            let found = {
                let records = self.records.lock().unwrap();
                records
                    .iter()
                    .skip(first)
                    .find(|record| predicate(record))
                    .cloned()
            };
            if let Some(record) = found {
                return record;
            }
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
