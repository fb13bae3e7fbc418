//! Rate limits: the generic cell rate algorithm with the arithmetic and the
//! headers of the throttled library that Mattermost uses.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// What a limiter says about one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    pub(crate) reset_after: Duration,
    /// Set when the request is refused.
    pub(crate) retry_after: Option<Duration>,
}

/// All limits. On the loopback interface all clients are one address.
#[derive(Default)]
pub(crate) struct RateLimits {
    /// The whole server's, by token where it varies by user.
    pub(crate) server: HashMap<String, RateLimiter>,
    /// By user id.
    pub(crate) users: HashMap<String, RateLimiter>,
    pub(crate) sign_in: RateLimiter,
    pub(crate) desktop_token: RateLimiter,
}

/// One limit.
#[derive(Default)]
pub(crate) struct RateLimiter {
    theoretical_arrival: Option<Instant>,
}

impl RateLimiter {
    /// Counts a request at `now` against so many per second with a burst.
    pub(crate) fn check(&mut self, now: Instant, per_second: u32, burst: u32) -> Verdict {
        let interval = Duration::from_secs(1) / per_second.max(1);
        let tolerance = interval * (burst + 1);
        let arrival = self.theoretical_arrival.map_or(now, |at| at.max(now));
        let next = arrival + interval;
        let used = next.duration_since(now);
        let (used, retry_after) = if used > tolerance {
            (arrival.duration_since(now), Some(used - tolerance))
        } else {
            self.theoretical_arrival = Some(next);
            (used, None)
        };
        let free = tolerance.saturating_sub(used);
        Verdict {
            limit: burst + 1,
            remaining: (free.as_nanos() / interval.as_nanos()) as u32,
            reset_after: used,
            retry_after,
        }
    }
}

/// Whole seconds, rounded up, as the headers have them.
pub(crate) fn header_seconds(duration: Duration) -> String {
    duration.as_secs_f64().ceil().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_let_through_and_then_one_request_per_interval() {
        let mut limiter = RateLimiter::default();
        let start = Instant::now();
        let remaining: Vec<u32> = (0..6)
            .map(|_| limiter.check(start, 2, 5).remaining)
            .collect();
        assert_eq!(remaining, [5, 4, 3, 2, 1, 0]);
        let refused = limiter.check(start, 2, 5);
        assert_eq!((refused.limit, refused.remaining), (6, 0));
        assert_eq!(refused.retry_after, Some(Duration::from_millis(500)));
        assert_eq!(header_seconds(refused.reset_after), "3");
        let later = limiter.check(start + Duration::from_millis(500), 2, 5);
        assert_eq!(later.retry_after, None);
    }
}
