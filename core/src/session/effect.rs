//! What the machine wants done. The engine executes effects in order and feeds back what happened as events.

use std::fmt;

use super::basics::{BootMillis, Epoch};
use super::state::{Reason, SocketId, Ticket, Timer};
use super::stored::StoredStanding;

/// Something to be done in the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Ask the server; answer with [`Event::Answered`](super::Event::Answered). At most one question is open at a time.
    Ask {
        /// To be given back with the answer.
        ticket: Ticket,
        /// The epoch whose token is used.
        epoch: Epoch,
        /// What to ask.
        question: Question,
    },
    /// The answer to this question is no longer wanted; it may be cancelled.
    Withdraw {
        /// Which one.
        ticket: Ticket,
    },
    /// Write the standing, if the epoch is still current.
    StoreStanding {
        /// To be given back with `Stored` or `StoreFailed`.
        ticket: Ticket,
        /// The epoch it is about.
        epoch: Epoch,
        /// What to write.
        stored: StoredStanding,
    },
    /// End the session in one transaction with its notice, comparing the epoch inside it. Nothing else ends a session.
    CommitEnd {
        /// To be given back with `Committed`, `CommitStale` or `CommitFailed`.
        ticket: Ticket,
        /// The epoch to compare.
        epoch: Epoch,
        /// Why.
        reason: Reason,
        /// What to tell the app, durably, once.
        notice: Option<Notice>,
        /// What becomes of the token.
        token: TokenFate,
        /// The standing to write with it.
        stored: StoredStanding,
    },
    /// In one transaction: offer to continue without a password, and withdraw the notice of the end.
    CommitMayContinue {
        /// To be given back.
        ticket: Ticket,
        /// The epoch to compare.
        epoch: Epoch,
        /// The standing to write with it.
        stored: StoredStanding,
    },
    /// In one transaction: the session is the account's again, and every notice of its end and of the offer is withdrawn.
    CommitContinue {
        /// To be given back.
        ticket: Ticket,
        /// The epoch to compare.
        epoch: Epoch,
        /// The standing to write with it.
        stored: StoredStanding,
    },
    /// In one transaction: destroy the kept token, withdraw an offer to continue, and write the standing without them.
    DestroyToken {
        /// To be given back.
        ticket: Ticket,
        /// The epoch to compare.
        epoch: Epoch,
        /// The standing to write with it.
        stored: StoredStanding,
    },
    /// Try the key store again; answer with `KeyReadable` or `KeyUnreadable`.
    ReadKey,
    /// Start a timer, or move it.
    StartTimer {
        /// Which one; there is one of each.
        timer: Timer,
        /// When it is due.
        at: BootMillis,
    },
    /// Stop a timer.
    StopTimer {
        /// Which one.
        timer: Timer,
    },
    /// Open a socket; every event of it carries this id.
    Dial {
        /// The id.
        socket: SocketId,
        /// The epoch whose token is used.
        epoch: Epoch,
        /// Ask for the old connection with the next expected `seq`. If false, the engine forgets the connection id.
        resume: bool,
    },
    /// Close this socket.
    CloseSocket {
        /// Which one.
        socket: SocketId,
    },
    /// Send a JSON ping.
    SendPing {
        /// On which socket.
        socket: SocketId,
    },
    /// Forget every idle connection to the server: the network under them changed.
    DropPooledConnections,
    /// The snapshot changed: see [`State::view`](super::State::view).
    Publish,
}

/// A question to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Question {
    /// `GET /api/v4/users/me?t=<ms>`, `Cache-Control: no-cache`, on a fresh connection.
    UserMe,
    /// `GET /api/v4/system/ping?get_server_status=true&use_rest_semantics=true` without a token, on a fresh connection; and
    /// beside it, where the account knows which installation it belongs to, which one answers.
    Health,
    /// `GET /api/v4/users/me/sessions`.
    Sessions,
    /// `GET /api/v4/config/client?format=old` with the token and without it.
    ConfigExperiment,
}

/// What becomes of the token when a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFate {
    /// It stays sealed, so that a wrong verdict can heal.
    Keep,
    /// It is destroyed; nothing is owed to the server.
    Destroy,
    /// It is sealed under the outbox key and destroyed here: the server is owed its end.
    Owe,
}

/// What the app is told, durably.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Notice {
    /// "Your session has expired. Please log in again."
    SessionEnded,
    /// The data of this account was wiped by the server's order.
    Wiped,
    /// The device no longer has the key of this account.
    KeyLost,
    /// The stored data was damaged.
    StorageLost,
}

impl Effect {
    /// The name without payload, for logs and the diagram.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ask { question, .. } => match question {
                Question::UserMe => "Ask(UserMe)",
                Question::Health => "Ask(Health)",
                Question::Sessions => "Ask(Sessions)",
                Question::ConfigExperiment => "Ask(ConfigExperiment)",
            },
            Self::Withdraw { .. } => "Withdraw",
            Self::StoreStanding { .. } => "StoreStanding",
            Self::CommitEnd { reason, .. } => match reason {
                Reason::SessionEnded => "CommitEnd(SessionEnded)",
                Reason::SignedOut => "CommitEnd(SignedOut)",
                Reason::Wiped => "CommitEnd(Wiped)",
                Reason::KeyLost => "CommitEnd(KeyLost)",
                Reason::StorageLost => "CommitEnd(StorageLost)",
                Reason::Replaced => "CommitEnd(Replaced)",
            },
            Self::CommitMayContinue { .. } => "CommitMayContinue",
            Self::CommitContinue { .. } => "CommitContinue",
            Self::DestroyToken { .. } => "DestroyToken",
            Self::ReadKey => "ReadKey",
            Self::StartTimer { .. } => "StartTimer",
            Self::StopTimer { .. } => "StopTimer",
            Self::Dial { resume: true, .. } => "Dial(resume)",
            Self::Dial { resume: false, .. } => "Dial(fresh)",
            Self::CloseSocket { .. } => "CloseSocket",
            Self::SendPing { .. } => "SendPing",
            Self::DropPooledConnections => "DropPooledConnections",
            Self::Publish => "Publish",
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
