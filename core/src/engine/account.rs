//! What the engine holds of one account: the way to its server, its events, its token, and the way to its worker.

use crate::engine::events::EventQueue;
use crate::engine::token::TokenCache;
use crate::engine::worker::Message;
use crate::server::Rest;
use crate::session::{AccountId, BootMillis, Event};
use crate::vault::{AccountRecord, ServerFacts};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64};
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
    /// What the server says of itself.
    pub(crate) server: Mutex<ServerFacts>,
    /// By how many milliseconds the server's clock is ahead of the device's.
    pub(crate) server_clock_ahead: AtomicI64,
    /// When the list of sessions was last read for the expiry.
    pub(crate) expiry_read: tokio::sync::Mutex<Option<BootMillis>>,
    /// The client configuration is being read again, or soon will be.
    pub(crate) reading_config: AtomicBool,
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
            server: Mutex::new(record.server.clone()),
            server_clock_ahead: AtomicI64::new(0),
            expiry_read: tokio::sync::Mutex::new(None),
            reading_config: AtomicBool::new(false),
            messages,
        };
        account.note_server_clock(record.signed_in_server_date, record.signed_in_at);
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
