//! The core's log, handed to the app: from one thread, in order, and never in the way of what is logged.

use crate::error::{SteadfastError, invalid};
use crate::guard::at_once;
use crate::host::HostError;
use std::collections::VecDeque;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{Interest, Subscriber, set_global_default};
use tracing::{Level, Metadata};

/// Records that wait for a sink that is slow. More are dropped, which shows in the numbers of those that follow.
const QUEUE: usize = 1_000;

/// How grave a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, uniffi::Enum)]
pub enum LogLevel {
    /// Something that must not happen.
    Error,
    /// Something that costs the user something.
    Warn,
    /// Something worth knowing.
    Info,
    /// For whoever looks for a fault.
    Debug,
    /// Every step.
    Trace,
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::ERROR => Self::Error,
            Level::WARN => Self::Warn,
            Level::INFO => Self::Info,
            Level::DEBUG => Self::Debug,
            _ => Self::Trace,
        }
    }
}

/// A line of the log. It never holds a token, a password, a URL's query or what people write to each other.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct LogRecord {
    /// Rises by one with each record of this process, those that were dropped included.
    pub seq: i64,
    /// When: milliseconds since 1970, UTC.
    pub at_millis: i64,
    /// How grave it is.
    pub level: LogLevel,
    /// Which part of the core says it.
    pub target: String,
    /// What it says, with the values that belong to it.
    pub message: String,
}

/// Where the log goes.
#[uniffi::export(foreign)]
pub trait LogSink: Send + Sync {
    /// Takes a record. Called from one thread of the library, one record after the other in the order in which they came to
    /// be, never from a thread that calls the core or that the core works on; so it may block, and it may call the core. What
    /// it throws is dropped.
    fn log(&self, record: LogRecord) -> Result<(), HostError>;
}

struct Logs {
    waiting: Mutex<Waiting>,
    news: Condvar,
}

struct Waiting {
    sink: Option<Arc<dyn LogSink>>,
    level: LogLevel,
    records: VecDeque<LogRecord>,
    next_seq: i64,
    has_thread: bool,
}

static LOGS: OnceLock<Arc<Logs>> = OnceLock::new();

/// Sends the log of the whole process to `sink`, from `level` on, in place of an earlier sink. Fails with `invalid_argument` if
/// something else in this process takes the log already.
#[uniffi::export]
pub fn set_log_sink(level: LogLevel, sink: Arc<dyn LogSink>) -> Result<(), SteadfastError> {
    at_once(|| {
        let logs = started()?;
        let mut waiting = logs.lock();
        waiting.level = level;
        let before = waiting.sink.replace(sink);
        drop(waiting);
        // Letting go of a sink may call the app.
        drop(before);
        Ok(())
    })
}

/// Lets go of the sink. What it has not taken yet is dropped.
#[uniffi::export]
pub fn clear_log_sink() {
    if let Some(logs) = LOGS.get() {
        let mut waiting = logs.lock();
        waiting.records.clear();
        let before = waiting.sink.take();
        drop(waiting);
        drop(before);
    }
}

/// The queue, with its place in the process and its thread, both made once.
fn started() -> Result<&'static Arc<Logs>, steadfast::Error> {
    static STARTING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    let logs = match LOGS.get() {
        Some(logs) => logs,
        None => {
            let logs = Arc::new(Logs {
                waiting: Mutex::new(Waiting {
                    sink: None,
                    level: LogLevel::Error,
                    records: VecDeque::new(),
                    next_seq: 1,
                    has_thread: false,
                }),
                news: Condvar::new(),
            });
            set_global_default(Border { logs: logs.clone() }).map_err(|_| invalid("sink"))?;
            LOGS.get_or_init(|| logs)
        }
    };
    if !logs.lock().has_thread {
        let worker = logs.clone();
        std::thread::Builder::new()
            .name("steadfast-log".to_owned())
            .spawn(move || worker.hand_out())
            .map_err(|_| steadfast::Error::Internal)?;
        logs.lock().has_thread = true;
    }
    Ok(logs)
}

impl Logs {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wants(&self, level: Level) -> bool {
        let waiting = self.lock();
        waiting.sink.is_some() && LogLevel::from(level) <= waiting.level
    }

    fn put(&self, level: LogLevel, target: &str, message: String) {
        let at = SystemTime::now().duration_since(UNIX_EPOCH);
        let at_millis = at.map_or(0, crate::guard::millis);
        let mut waiting = self.lock();
        if waiting.sink.is_none() || level > waiting.level {
            return;
        }
        let seq = waiting.next_seq;
        waiting.next_seq += 1;
        if waiting.records.len() >= QUEUE {
            return;
        }
        waiting.records.push_back(LogRecord {
            seq,
            at_millis,
            level,
            target: target.to_owned(),
            message,
        });
        drop(waiting);
        self.news.notify_one();
    }

    fn hand_out(&self) {
        loop {
            let (sink, record) = self.next();
            // A sink that fails must not be logged, or it would be asked for ever.
            let _ = catch_unwind(AssertUnwindSafe(|| sink.log(record)));
            // Letting go may be the last, and then calls the app, whose fault must not end the log.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(sink)));
        }
    }

    fn next(&self) -> (Arc<dyn LogSink>, LogRecord) {
        let mut waiting = self.lock();
        loop {
            if let Some(sink) = waiting.sink.clone()
                && let Some(record) = waiting.records.pop_front()
            {
                return (sink, record);
            }
            waiting = self
                .news
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// What the core logs through. Only the core's own records are taken: what its libraries say may hold what nobody should see.
struct Border {
    logs: Arc<Logs>,
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    target == "steadfast" || target.starts_with("steadfast::") || target.starts_with("steadfast_")
}

impl Subscriber for Border {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_ours(metadata) {
            // The level may change.
            Interest::sometimes()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_ours(metadata) && metadata.is_event() && self.logs.wants(*metadata.level())
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        let metadata = event.metadata();
        self.logs
            .put((*metadata.level()).into(), metadata.target(), text.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// `the message name=value`.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing to a string does not fail.
        let _ = if field.name() == "message" {
            write!(self.0, "{value:?}")
        } else {
            write!(self.0, " {}={value:?}", field.name())
        };
    }
}
