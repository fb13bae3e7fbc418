//! The realtime socket: what arrives on it, and what the app sends.

use crate::api::Steadfast;
use crate::engine::events::EventBatch;
use crate::error::Error;
use crate::session::AccountId;
use serde_json::Value;

impl Steadfast {
    /// Waits for realtime events after `after_seq` (0 at first, then [`EventBatch::last_seq`]). Asking for what comes after
    /// an event says that it was taken; what was not taken survives a reconnect. At most 1,000 wait, then there is a gap.
    /// A place that this core never gave, such as one kept from an earlier process, is a gap too.
    ///
    /// # Errors
    /// [`Error::NoSuchAccount`], also when the account is forgotten while this waits; [`Error::Closed`].
    pub async fn events(&self, id: AccountId, after_seq: i64) -> Result<EventBatch, Error> {
        let account = self.engine().account(id)?;
        let Some(batch) = account.events.wait(after_seq).await else {
            self.engine().account(id)?;
            return Err(Error::Closed);
        };
        self.engine().resynced(id, &batch);
        Ok(batch)
    }

    /// Sends an action on the account's socket, such as `user_typing`, and gives the data of the server's reply. An action
    /// that begins with `custom_` goes to a plugin and gets no reply: its data is null, and it may have been lost.
    /// `data` is an object, or null for none.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for an action that is empty, longer than 128 bytes, not plain ASCII or the core's own, or
    /// for data that is no object; [`Error::TooLarge`] for a message above 8,192 bytes, which would cost the connection;
    /// [`Error::Offline`] while the socket is not live or content is covered; [`Error::Timeout`] without a reply within 10
    /// seconds; [`Error::Refused`] if the server refused it; [`Error::RateLimited`] if too many wait for a reply;
    /// [`Error::NotSignedIn`], [`Error::SessionEnded`].
    pub async fn send(&self, id: AccountId, action: &str, data: Value) -> Result<Value, Error> {
        let (engine, action) = (self.engine().clone(), action.to_owned());
        self.engine()
            .run(async move { engine.send(id, action, data).await })
            .await
    }
}
