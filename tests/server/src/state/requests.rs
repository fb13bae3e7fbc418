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

/// The records, and a signal that moves whenever one is added or answered.
pub(crate) struct RequestLog {
    records: Mutex<Vec<RequestRecord>>,
    changed: watch::Sender<u64>,
}

impl RequestLog {
    pub(crate) fn new() -> Self {
        Self {
            records: Mutex::default(),
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
