//! The clock: wall time, suspend-aware time, and which start of the device it counts from.
//!
//! `std::time::Instant` and tokio's timers stand still while a phone sleeps, so every duration of the core is measured on
//! the clock that does not.

use crate::session::{BootId, BootMillis, Now, UnixMillis};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where the engine reads the time.
pub(crate) trait Clock: Send + Sync + 'static {
    /// Wall time.
    fn wall(&self) -> UnixMillis;
    /// Time since the device started, sleep included.
    fn boot(&self) -> BootMillis;
    /// Which start of the device; `None` if the platform does not say.
    fn boot_id(&self) -> Option<BootId>;
}

/// The device's own clock.
#[derive(Debug, Clone)]
pub(crate) struct SystemClock {
    boot_id: Option<BootId>,
}

impl SystemClock {
    /// `boot_id` is what the host knows of the device's start (on Apple systems `kern.bootsessionuuid`); on Linux and
    /// Android the kernel's own is read if the host gives none.
    pub(crate) fn new(boot_id: Option<String>) -> Self {
        let from_kernel = || {
            let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
            Some(id.trim().to_owned())
        };
        Self {
            boot_id: boot_id
                .or_else(from_kernel)
                .filter(|id| !id.is_empty())
                .map(BootId),
        }
    }
}

impl Clock for SystemClock {
    fn wall(&self) -> UnixMillis {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn boot(&self) -> BootMillis {
        // Apple's monotonic clock counts through sleep; Linux has one of that kind beside the one that does not.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let id = rustix::time::ClockId::Boottime;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let id = rustix::time::ClockId::Monotonic;
        let time = rustix::time::clock_gettime(id);
        BootMillis(
            time.tv_sec
                .saturating_mul(1_000)
                .saturating_add(time.tv_nsec / 1_000_000),
        )
    }

    fn boot_id(&self) -> Option<BootId> {
        self.boot_id.clone()
    }
}

/// A clock with fresh randomness beside it: what one step of the machine is given.
#[derive(Clone)]
pub(crate) struct Times {
    clock: Arc<dyn Clock>,
}

impl Times {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock }
    }

    pub(crate) fn now(&self) -> Now {
        Now {
            boot: self.clock.boot(),
            wall: self.clock.wall(),
            entropy: entropy(),
        }
    }

    pub(crate) fn boot(&self) -> BootMillis {
        self.clock.boot()
    }

    pub(crate) fn wall(&self) -> UnixMillis {
        self.clock.wall()
    }

    /// Which start of the device this is. Where nobody tells, one that equals no other: stored times are then compared by
    /// the wall clock, and whatever needs proof that the device was not restarted does not get it.
    pub(crate) fn boot_id(&self) -> BootId {
        self.clock
            .boot_id()
            .unwrap_or_else(|| BootId(format!("unknown-{:016x}", entropy())))
    }
}

/// 64 bits from the operating system. Should that fail, which it does not on a running phone, the address-space layout of
/// this process still spreads a fleet.
fn entropy() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    let mut bytes = [0; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) => u64::from_ne_bytes(bytes),
        Err(_) => RandomState::new().hash_one(bytes),
    }
}
