//! A key that the key store does not give: counted while the user is there, until a way out is offered. Nothing else follows
//! from it by itself: the account stays locked, the key store is asked again and again, and what it sealed stays as it is.

use std::time::Duration;

use super::basics::BootMillis;
use super::draft::Draft;
use super::state::{HostState, Unreadable};
use crate::policy;

impl Unreadable {
    fn begun(now: BootMillis) -> Self {
        Self {
            starts: 0,
            before: Duration::ZERO,
            from: now,
            counted: false,
            written: false,
            offered: false,
        }
    }

    /// For how long it has been so, at least.
    pub(super) fn age(&self, now: BootMillis) -> Duration {
        self.before.saturating_add(now.since(self.from))
    }
}

impl Draft<'_> {
    /// The key store did not give the key. In the background that is nothing: the device may not have been unlocked since it
    /// started. Where the user sees the app, it was.
    pub(super) fn key_was_withheld(&mut self) {
        match self.state.host {
            HostState::Focused | HostState::Running => {}
            HostState::Suspended | HostState::Checking => return,
        }
        let now = self.now.boot;
        let known = self.state.unreadable;
        let mut unreadable = known.unwrap_or_else(|| Unreadable::begun(now));
        if !unreadable.counted {
            unreadable.starts = unreadable.starts.saturating_add(1);
            unreadable.before = unreadable.age(now);
            unreadable.from = now;
            unreadable.counted = true;
            unreadable.written = false;
        }
        unreadable.offered |= unreadable.starts >= policy::KEY_OFFER_STARTS
            || unreadable.age(now) >= policy::KEY_OFFER_AFTER;
        self.state.unreadable = Some(unreadable);
        if !unreadable.written {
            self.must_count();
        }
    }

    /// The key store gave the key: whatever was counted is void, and so is the offer.
    pub(super) fn key_was_given(&mut self) {
        if self.state.unreadable.take().is_some() {
            self.must_store();
        }
    }
}
