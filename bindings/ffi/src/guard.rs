//! What stands around every export: a panic becomes an error, and whoever waits can stop waiting.

use crate::error::SteadfastError;
use futures_util::FutureExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Ends the waiting of the calls that it was given to: each gives the error `cancelled`. What they have begun goes on: once
/// the server has acted, the result is stored. One may be given to any number of calls, at once or one after another; when
/// it was cancelled, calls that get it later do not begin at all. Of use where a cancelled task does not reach the core by
/// itself, as in Swift; a cancelled coroutine of Kotlin needs none.
#[derive(Debug, uniffi::Object)]
pub struct Cancellation {
    cancelled: watch::Sender<bool>,
}

#[uniffi::export]
impl Cancellation {
    /// One that is not cancelled.
    #[uniffi::constructor]
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            cancelled: watch::Sender::new(false),
        })
    }

    /// Ends the waiting. From any thread, any number of times, immediate.
    pub fn cancel(&self) {
        self.cancelled.send_replace(true);
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        *self.cancelled.borrow()
    }
}

impl Cancellation {
    async fn wait(&self) {
        // The sender lives as long as this is borrowed, so the wait ends only with the cancellation.
        let _ = self.cancelled.subscribe().wait_for(|over| *over).await;
    }
}

/// Runs an export that waits.
pub(crate) async fn waits<T>(
    cancellation: Option<Arc<Cancellation>>,
    work: impl Future<Output = Result<T, steadfast::Error>>,
) -> Result<T, SteadfastError> {
    if cancellation.as_ref().is_some_and(|one| one.is_cancelled()) {
        return Err(steadfast::Error::Cancelled.into());
    }
    let cancelled = async {
        match &cancellation {
            Some(one) => one.wait().await,
            None => std::future::pending().await,
        }
    };
    let work = AssertUnwindSafe(work).catch_unwind();
    tokio::select! {
        biased;
        result = work => match result {
            Ok(result) => result.map_err(SteadfastError::from),
            Err(_) => Err(steadfast::Error::Internal.into()),
        },
        () = cancelled => Err(steadfast::Error::Cancelled.into()),
    }
}

/// Runs an export that answers at once.
pub(crate) fn at_once<T>(
    work: impl FnOnce() -> Result<T, steadfast::Error>,
) -> Result<T, SteadfastError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(SteadfastError::from),
        Err(_) => Err(steadfast::Error::Internal.into()),
    }
}

/// A duration that came over the border.
pub(crate) fn duration(millis: i64, name: &'static str) -> Result<Duration, steadfast::Error> {
    u64::try_from(millis)
        .map(Duration::from_millis)
        .map_err(|_| crate::error::invalid(name))
}

/// A duration for the border.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
