//! When to try again: the exponential curve with full jitter on top, and what the server asked for. Time and randomness come
//! in as values. The only place that knows the `backoff` crate.

use std::time::{Duration, Instant};

use backoff::Clock;
use backoff::backoff::Backoff;
use backoff::exponential::ExponentialBackoff;

use crate::policy::{self, Window};

/// Beyond this many steps every curve of ours has long reached its ceiling.
const STEPS: u32 = 32;

/// How far along the curve we are, and since when things fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pace {
    attempts: u32,
    failing_since: Option<Duration>,
}

impl Pace {
    /// The wait before the next try after a failure: full jitter below the curve. `now` is any running time.
    pub fn after_failure(&mut self, now: Duration, dice: &mut Dice) -> Duration {
        let ceiling = self.advance(now);
        dice.up_to(ceiling)
    }

    /// The wait before the next try after the server ended a live socket: spread wide, so that a restart does not bring the
    /// whole fleet back in one second.
    pub fn after_server_ended(&mut self, now: Duration, dice: &mut Dice) -> Duration {
        let ceiling = if self.attempts == 0 {
            self.failing_since.get_or_insert(now);
            policy::FIRST_RETRY_SPREAD
        } else {
            self.advance(now).max(policy::FIRST_RETRY_SPREAD)
        };
        dice.up_to(ceiling)
    }

    /// Forgets our own failures.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// The highest wait that the next failure can cause.
    pub fn ceiling(&self, now: Duration) -> Duration {
        let failing = self
            .failing_since
            .map_or(Duration::ZERO, |since| now.saturating_sub(since));
        let cap = if failing >= policy::RECONNECT_LONG_AFTER {
            policy::RECONNECT_LONG_CAP
        } else {
            policy::RECONNECT_CAP
        };
        doubled(policy::RECONNECT_BASE, cap, self.attempts)
    }

    fn advance(&mut self, now: Duration) -> Duration {
        let ceiling = self.ceiling(now);
        self.failing_since.get_or_insert(now);
        self.attempts = self.attempts.saturating_add(1);
        ceiling
    }
}

/// The step `attempts` of the exponential curve from `base`, at most `cap`.
pub fn doubled(base: Duration, cap: Duration, attempts: u32) -> Duration {
    // The curve never asks its clock for anything, because it has no total time; a clock that stands still says so.
    let start = Instant::now();
    let mut curve = ExponentialBackoff {
        current_interval: base,
        initial_interval: base,
        randomization_factor: 0.0,
        multiplier: 2.0,
        max_interval: cap,
        start_time: start,
        max_elapsed_time: None,
        clock: StoppedClock(start),
    };
    let mut wait = base;
    for _ in 0..=attempts.min(STEPS) {
        wait = curve.next_backoff().unwrap_or(cap);
    }
    // The crate draws below one nanosecond even without a random factor.
    Duration::from_millis(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)).min(cap)
}

struct StoppedClock(Instant);

impl Clock for StoppedClock {
    fn now(&self) -> Instant {
        self.0
    }
}

/// How long work in the background waits after so many tries that failed: twice as long each time, and never less than half
/// of that, the rest drawn.
pub fn background_retry(attempts: u32, dice: &mut Dice) -> Duration {
    let ceiling = doubled(
        policy::BACKGROUND_RETRY_BASE,
        policy::BACKGROUND_RETRY_CAP,
        attempts,
    );
    ceiling / 2 + dice.up_to(ceiling / 2)
}

/// The wait that honours a server's `Retry-After`: clamped, with jitter on top and never below what was asked for.
pub fn honour(retry_after: Duration, dice: &mut Dice) -> Duration {
    let asked = retry_after.min(policy::RETRY_AFTER_CAP);
    asked + dice.up_to(asked * policy::RETRY_AFTER_JITTER_PERCENT / 100)
}

/// A header's `Retry-After`, clamped, without jitter: seconds, or a date that is read against the same answer's `Date`. An
/// HTTP date without a `Date` beside it says nothing, because our own clock may be wrong.
pub fn retry_after(value: &str, date: Option<&str>) -> Option<Duration> {
    let value = value.trim();
    let asked = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        Duration::from_secs(value.parse().unwrap_or(u64::MAX))
    } else {
        let until = httpdate::parse_http_date(value).ok()?;
        let from = httpdate::parse_http_date(date?.trim()).ok()?;
        until.duration_since(from).unwrap_or(Duration::ZERO)
    };
    Some(asked.min(policy::RETRY_AFTER_CAP))
}

/// Draws from the entropy of one step (splitmix64), so that a run can be repeated.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice that draw from these 64 bits.
    pub fn new(entropy: u64) -> Self {
        Self(entropy)
    }

    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// Any whole number of milliseconds from zero to `ceiling`, both included, each as likely.
    pub fn up_to(&mut self, ceiling: Duration) -> Duration {
        let span = u64::try_from(ceiling.as_millis()).unwrap_or(u64::MAX);
        let count = u128::from(span) + 1;
        let drawn = (u128::from(self.draw()) * count) >> 64;
        Duration::from_millis(u64::try_from(drawn).unwrap_or(span))
    }

    /// Any whole number of milliseconds of the window.
    pub fn within(&mut self, window: &Window) -> Duration {
        *window.start() + self.up_to(window.end().saturating_sub(*window.start()))
    }

    /// `value` ± `percent`.
    pub fn around(&mut self, value: Duration, percent: u32) -> Duration {
        let spread = value * percent / 100;
        value.saturating_sub(spread) + self.up_to(spread * 2)
    }
}

#[cfg(test)]
mod tests;
