//! Where the app's readers look: everything as it stands, replaced as a whole with each change.
//!
//! Reading takes no lock and touches neither disk nor network. Waiting for the next change is level-triggered: a reader
//! that was away sees the newest state, never a queue of old ones.

use crate::api::{Changes, Revision};
use arc_swap::ArcSwap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

pub(crate) struct Hub {
    current: ArcSwap<Changes>,
    writer: Mutex<()>,
    revisions: watch::Sender<Revision>,
}

impl Hub {
    /// Starts with what the vault holds; the first revision is one after [`Revision::START`].
    pub(crate) fn new(mut first: Changes) -> Self {
        first.revision = Revision(Revision::START.0 + 1);
        Self {
            revisions: watch::Sender::new(first.revision),
            current: ArcSwap::from_pointee(first),
            writer: Mutex::new(()),
        }
    }

    /// Everything as it stands.
    pub(crate) fn read(&self) -> Arc<Changes> {
        self.current.load_full()
    }

    /// Changes something. If nothing came out different, no reader is woken.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Changes)) {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.current.load_full();
        let mut after = Changes::clone(&before);
        change(&mut after);
        if after == *before {
            return;
        }
        after.revision = Revision(before.revision.0 + 1);
        let revision = after.revision;
        self.current.store(Arc::new(after));
        self.revisions.send_replace(revision);
    }

    /// Waits until there is something newer than `since`. The waiting end outlives the hub's borrow, so that it can be
    /// awaited from any runtime.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Revision> {
        self.revisions.subscribe()
    }

    /// Wakes every reader without a change, so that it sees that the core was closed.
    pub(crate) fn wake(&self) {
        self.revisions.send_modify(|_| {});
    }
}
