//! The small types that the machine, the vault and the engine share: who, which session, when.

use std::time::Duration;

/// An account: one user on one server. The number is the vault's and is never used again for another account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub i64);

/// Rises with each sign-in, adoption or sign-out of an account. Every request carries the epoch it was made under, so that
/// an answer about an older session can never touch a newer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub i64);

impl Epoch {
    /// The one after this.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Wall-clock time: milliseconds since 1970, UTC. The user can set it, so nothing ends because of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMillis(pub i64);

impl UnixMillis {
    /// Time from `earlier` to this; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// Time since the device started, in milliseconds, sleep included. Comparable only under the same [`BootId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BootMillis(pub i64);

impl BootMillis {
    /// Time from `earlier` to this; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The instant `wait` after this one.
    pub fn after(self, wait: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)),
        )
    }
}

/// Which start of the device a [`BootMillis`] belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BootId(pub String);

/// The time and the randomness of one step of the machine. Both come in as values, so that a run can be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Suspend-aware time, for every duration.
    pub boot: BootMillis,
    /// Wall-clock time, for what is shown and stored.
    pub wall: UnixMillis,
    /// 64 fresh random bits, from which a step draws its jitter.
    pub entropy: u64,
}
