//! Accounts as they stand, and what changes about them.

use crate::api::{
    Changes, Notice, NoticeId, Obligation, ObligationId, Revision, Snapshot, Steadfast,
};
use crate::engine::events::EventBatch;
use crate::error::Error;
use crate::session::AccountId;

impl Steadfast {
    /// Every account, in the order in which they were added. Local and immediate.
    pub fn accounts(&self) -> Vec<Snapshot> {
        self.engine().hub.read().accounts.clone()
    }

    /// One account as it stands. Local and immediate.
    ///
    /// # Errors
    /// [`Error::NoSuchAccount`].
    pub fn snapshot(&self, id: AccountId) -> Result<Snapshot, Error> {
        let current = self.engine().hub.read();
        current
            .accounts
            .iter()
            .find(|snapshot| snapshot.id == id)
            .cloned()
            .ok_or(Error::NoSuchAccount)
    }

    /// Waits until there is something newer than `since`, and gives everything as it then stands. Any number of callers;
    /// one that stops asking loses nothing.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub async fn changes(&self, since: Revision) -> Result<Changes, Error> {
        self.engine().changes(since).await
    }

    /// What the user is to be told, oldest first. Local and immediate.
    pub fn notices(&self) -> Vec<Notice> {
        self.engine().hub.read().notices.clone()
    }

    /// Notices that no longer hold, oldest first: take back what the operating system shows of them, then acknowledge them,
    /// also those that were acknowledged before. Local and immediate.
    pub fn withdrawn_notices(&self) -> Vec<NoticeId> {
        self.engine().hub.read().withdrawn_notices.clone()
    }

    /// The app has told the user, or has taken back what it told. An unknown or acknowledged number is no error.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn acknowledge_notice(&self, id: NoticeId) -> Result<(), Error> {
        let engine = self.engine().clone();
        self.engine()
            .run(async move { engine.acknowledge_notice(id).await })
            .await
    }

    /// What the app owes, oldest first. Local and immediate.
    pub fn obligations(&self) -> Vec<Obligation> {
        self.engine().hub.read().obligations.clone()
    }

    /// The app has done it. An unknown or acknowledged number is no error.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn acknowledge_obligation(&self, id: ObligationId) -> Result<(), Error> {
        let engine = self.engine().clone();
        self.engine()
            .run(async move { engine.acknowledge_obligation(id).await })
            .await
    }

    /// Waits for realtime events after `after_seq` (0 at first, then [`EventBatch::last_seq`]). Asking for what comes after
    /// an event says that it was taken; what was not taken survives a reconnect. At most 1,000 wait, then there is a gap.
    ///
    /// # Errors
    /// [`Error::NoSuchAccount`], [`Error::Closed`].
    pub async fn events(&self, id: AccountId, after_seq: i64) -> Result<EventBatch, Error> {
        let account = self.engine().account(id)?;
        let batch = account.events.wait(after_seq).await.ok_or(Error::Closed)?;
        self.engine().resynced(id, &batch);
        Ok(batch)
    }
}
