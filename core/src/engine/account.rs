//! What the engine holds of one account: the way to its server, its events, its token, and the way to its worker.

use crate::engine::events::EventQueue;
use crate::engine::token::TokenCache;
use crate::engine::worker::Message;
use crate::server::Rest;
use crate::session::{AccountId, Event};
use crate::vault::AccountRecord;
use std::sync::atomic::AtomicBool;
use tokio::sync::mpsc;

pub(crate) struct Account {
    pub(crate) id: AccountId,
    pub(crate) user_id: String,
    /// What was stored of the headers on the way to this server, as JSON.
    pub(crate) header_habits: Option<String>,
    pub(crate) rest: Rest,
    pub(crate) events: EventQueue,
    pub(crate) tokens: TokenCache,
    /// Nobody works for this account now: its worker panicked too often.
    pub(crate) failed: AtomicBool,
    messages: mpsc::UnboundedSender<Message>,
}

impl Account {
    /// Also gives the receiving end, for the worker.
    pub(crate) fn new(
        record: &AccountRecord,
        rest: Rest,
    ) -> (Self, mpsc::UnboundedReceiver<Message>) {
        let (messages, inbox) = mpsc::unbounded_channel();
        let account = Self {
            id: record.id,
            user_id: record.user_id.clone(),
            header_habits: record.header_habits.clone(),
            rest,
            events: EventQueue::new(),
            tokens: TokenCache::default(),
            failed: AtomicBool::new(false),
            messages,
        };
        (account, inbox)
    }

    /// Hands a message to the worker. A worker that is gone takes none; its account's state no longer changes.
    pub(crate) fn send(&self, message: Message) {
        let _ = self.messages.send(message);
    }

    pub(crate) fn event(&self, event: Event) {
        self.send(Message::Event(event));
    }
}
