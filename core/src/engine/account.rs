//! What the engine holds of one account: the way to its server, its events, its token, and the way to its worker.

use crate::engine::events::EventQueue;
use crate::engine::reading::Reading;
use crate::engine::token::TokenCache;
use crate::engine::worker::Message;
use crate::server::{Dialler, Rest, ServerAddress};
use crate::session::{AccountId, BootMillis, Event};
use crate::vault::{AccountRecord, ServerFacts};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use tokio::sync::{Notify, mpsc};

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
    /// How often the user has signed out.
    pub(crate) sign_outs: AtomicU64,
    /// What the server says of itself.
    pub(crate) server: Mutex<ServerFacts>,
    /// By how many milliseconds the server's clock is ahead of the device's.
    pub(crate) server_clock_ahead: AtomicI64,
    /// When the list of sessions was last read for the expiry.
    pub(crate) expiry_read: tokio::sync::Mutex<Option<BootMillis>>,
    /// What is to be read of the session and its server in the background.
    pub(crate) reading: Mutex<Reading>,
    /// Wakes whoever waits to read it.
    pub(crate) read_now: Notify,
    /// How many lists of sessions were asked for.
    lists: AtomicU64,
    /// The newest of them that was learned from. Held while one is learned from.
    pub(crate) learned_list: tokio::sync::Mutex<ListNumber>,
    /// Whether the way to the server still lacks the secrets of its profile. Held while the way is changed.
    pub(crate) way_lacks_secrets: tokio::sync::Mutex<bool>,
    messages: mpsc::UnboundedSender<Message>,
}

/// A list of sessions, among those that were asked for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ListNumber(u64);

impl Account {
    /// Also gives the receiving end, for the worker.
    pub(crate) fn new(
        record: &AccountRecord,
        rest: Rest,
        way_lacks_secrets: bool,
    ) -> (Self, mpsc::UnboundedReceiver<Message>) {
        let (messages, inbox) = mpsc::unbounded_channel();
        let account = Self {
            id: record.id,
            user_id: record.user_id.clone(),
            header_habits: record.header_habits.clone(),
            way_lacks_secrets: tokio::sync::Mutex::new(way_lacks_secrets),
            rest,
            events: EventQueue::new(),
            tokens: TokenCache::default(),
            failed: AtomicBool::new(false),
            sign_outs: AtomicU64::new(0),
            server: Mutex::new(record.server.clone()),
            server_clock_ahead: AtomicI64::new(0),
            expiry_read: tokio::sync::Mutex::new(None),
            reading: Mutex::new(Reading::of_stored(record)),
            read_now: Notify::new(),
            lists: AtomicU64::new(0),
            learned_list: tokio::sync::Mutex::default(),
            messages,
        };
        account.note_server_clock(record.signed_in_server_date, record.signed_in_at);
        (account, inbox)
    }

    /// To be taken before a list of sessions is asked for: it says which of two lists is the newer one.
    pub(crate) fn next_list(&self) -> ListNumber {
        ListNumber(self.lists.fetch_add(1, Ordering::AcqRel) + 1)
    }

    /// Takes another way to the server from now on.
    pub(crate) async fn take_way(&self, dialler: &Dialler) {
        let mut lacks_secrets = self.way_lacks_secrets.lock().await;
        // The same settings made clients before, so this does not fail; if it did, the old way would stay.
        *lacks_secrets &= self.rest.use_dialler(dialler).is_err();
    }

    /// Below which address the socket is dialled: where the server says that it is, if that can be used.
    pub(crate) fn socket_address(&self) -> ServerAddress {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        let said = server.websocket_url.as_deref();
        said.and_then(|url| self.rest.address().socket_at(url))
            .unwrap_or_else(|| self.rest.address().clone())
    }

    /// Hands a message to the worker. A worker that is gone takes none; its account's state no longer changes.
    pub(crate) fn send(&self, message: Message) {
        let _ = self.messages.send(message);
    }

    pub(crate) fn event(&self, event: Event) {
        self.send(Message::Event(event));
    }
}
