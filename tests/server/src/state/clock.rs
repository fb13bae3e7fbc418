//! The server's clock: wall time plus an offset that tests may move.
//!
//! Only stored times, expiry, codes and the `Date` header read it. Timers of
//! sockets run on real time, as they do when somebody changes the clock of a
//! real machine.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// Milliseconds since the Unix epoch, by the server's own reckoning.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    offset_ms: AtomicI64,
    moved: watch::Sender<u64>,
}

impl Clock {
    pub(crate) fn now_ms(&self) -> i64 {
        wall_ms() + self.offset_ms.load(Ordering::SeqCst)
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.offset_ms
            .fetch_add(by.as_millis() as i64, Ordering::SeqCst);
        self.moved.send_modify(|count| *count += 1);
    }

    pub(crate) fn set(&self, now_ms: i64) {
        self.offset_ms.store(now_ms - wall_ms(), Ordering::SeqCst);
        self.moved.send_modify(|count| *count += 1);
    }

    /// Moves whenever somebody moves the clock.
    pub(crate) fn moves(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }
}

/// A time as HTTP dates and cookies write it.
pub(crate) fn http_date(ms: i64) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(ms.max(0) as u64))
}

fn wall_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_millis() as i64)
}
