//! What can happen to an account. The engine turns everything it sees into one of these; the machine looks at nothing else.

use std::fmt;
use std::time::Duration;

use super::basics::{Epoch, UnixMillis};
use crate::evidence::{Evidence, Why};

use super::state::{HostState, NetworkPath, Settings, SocketId, Ticket, Timer};

/// Something that happened, to be given to [`step`](super::step).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The account was opened; comes once, first, after [`State::restored`](super::State::restored).
    Opened,
    /// The platform says where the app is now.
    HostChanged(HostState),
    /// The way out changed: another network, another address, up or down. Comes for a change of network without loss too.
    NetworkChanged(NetworkPath),
    /// The app, or the user's own action (end everyone, pull to refresh), wants to know for certain.
    VerifyRequested,
    /// Something that makes us ask and proves nothing.
    Hint(Hint),
    /// The client configuration was read with the account's token.
    ConfigSeen(ConfigSet),
    /// A question was answered, or could not be.
    Answered {
        /// The question's ticket; an answer to a question that is no longer open is ignored.
        ticket: Ticket,
        /// What came back.
        answer: Answer,
    },
    /// The key store did not give the key.
    KeyUnreadable(KeyTrouble),
    /// The key store gave the key.
    KeyReadable,
    /// The user signed out here, or ended the current row in Active Sessions.
    SignedOut,
    /// A sign-in or adoption was committed under a higher epoch; the old epoch, if it was not over, is `Ended(Replaced)` in
    /// the same transaction.
    SignedIn {
        /// The new epoch.
        epoch: Epoch,
        /// `Date` of the sign-in's answer.
        server_date: Option<UnixMillis>,
    },
    /// The user took the offer to continue without a password.
    ContinueRequested,
    /// The vault had to be quarantined; the session's secrets are lost.
    StorageLost,
    /// A wipe push whose signature, ack id and device id the engine has checked.
    WipePush,
    /// A sign-in form of this account was touched, so the kept token must go.
    RestoreWithdrawn,
    /// The transaction of this ticket is on disk.
    Committed {
        /// Which one.
        ticket: Ticket,
        /// The account's epoch after it.
        epoch: Epoch,
    },
    /// The transaction of this ticket found another epoch and changed nothing.
    CommitStale {
        /// Which one.
        ticket: Ticket,
    },
    /// The transaction of this ticket could not be written.
    CommitFailed {
        /// Which one.
        ticket: Ticket,
    },
    /// The standing of this ticket is on disk.
    Stored {
        /// Which one.
        ticket: Ticket,
    },
    /// The standing of this ticket could not be written.
    StoreFailed {
        /// Which one.
        ticket: Ticket,
    },
    /// A timer that the machine started is due.
    TimerFired(Timer),
    /// Something happened on the account's socket.
    Socket {
        /// Which socket; events of one that is no longer ours are ignored.
        socket: SocketId,
        /// What happened.
        event: SocketEvent,
    },
    /// The host's or the server's policy changed.
    SettingsChanged(Settings),
}

/// Why somebody thinks that we should ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// A socket reply FAIL with one of the not-authenticated ids. The machine raises it itself on [`SocketEvent::Fail`].
    SocketFail,
    /// A socket closed right after `hello`, twice. The machine raises it itself.
    SocketDroppedAfterHello,
    /// No `hello` after an upgrade. The machine raises it itself.
    NoHello,
    /// A push of type `session`.
    Push,
    /// The known `expires_at` has passed.
    ExpiryPassed,
    /// One of the app's requests got a 401.
    Request401 {
        /// Path without query, the key of the mute after a `Valid`.
        path: String,
    },
    /// One of the app's requests got a 403 that says that multi-factor authentication is needed first.
    MfaRequired,
    /// The web view met a sign-in page or a 401.
    WebView,
    /// The client configuration came back with fewer settings than this account has seen.
    ShrunkenConfig,
}

/// What came back for a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To [`Question::UserMe`](super::Question::UserMe).
    Validation(Validation),
    /// To [`Question::Health`](super::Question::Health).
    Health(Health),
    /// To [`Question::Sessions`](super::Question::Sessions).
    Sessions(SessionsRead),
    /// To [`Question::ConfigExperiment`](super::Question::ConfigExperiment).
    Experiment(Experiment),
}

/// What `GET users/me` proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Validation {
    /// Evidence of a valid session.
    Valid {
        /// `Date` of the answer.
        server_date: Option<UnixMillis>,
    },
    /// Evidence of a gone session.
    Gone {
        /// `Date` of the answer.
        server_date: Option<UnixMillis>,
    },
    /// A genuine 403 `mfa_required`: the session lives and may do nothing.
    MfaRequired,
    /// A 401 that is no evidence: something rewrites or strips.
    Refused,
    /// The same, with the server's own body, and this account's good answers lack the server's headers too.
    HeadersLost,
    /// Nothing was proved.
    Unknown {
        /// Why not.
        why: UnknownWhy,
        /// What the server asked for, clamped, without jitter.
        retry_after: Option<Duration>,
    },
}

/// Why an answer proved nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownWhy {
    /// No way out.
    Offline,
    /// Refused, reset, timed out.
    Transport,
    /// The certificate could not be trusted.
    Tls,
    /// A captive portal or block page: redirect or HTML where JSON was due.
    Portal,
    /// 5xx or 429.
    ServerTrouble,
    /// Any other answer.
    Other,
}

impl UnknownWhy {
    /// An HTTP answer arrived, and not one by which the server said that it is in trouble.
    pub(crate) fn is_unusable_answer(self) -> bool {
        match self {
            Self::Portal | Self::Other => true,
            Self::Offline | Self::Transport | Self::Tls | Self::ServerTrouble => false,
        }
    }

    /// An HTTP answer arrived.
    pub(crate) fn is_answer(self) -> bool {
        match self {
            Self::Portal | Self::Other | Self::ServerTrouble => true,
            Self::Offline | Self::Transport | Self::Tls => false,
        }
    }
}

/// What the health query said about the server's database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Health {
    /// `database_status` is OK.
    Healthy,
    /// `database_status` is anything else.
    Unhealthy,
    /// An HTTP answer that does not say: an old server, or a block.
    Absent,
    /// No answer. A frozen database answers `users/me` with genuine 401s while this query hangs, so silence counts as
    /// unhealthy and never as absent.
    Silent,
    /// Another installation than the account's answered at its address. Whatever its own database, nothing that it says of a
    /// session that is not its own is evidence.
    OtherServer,
}

/// What `GET users/me/sessions` gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionsRead {
    /// 200: the session may do things, so the socket was at fault.
    Read,
    /// A genuine 403 `mfa_required`.
    MfaRequired,
    /// Anything else.
    Other,
}

/// How much of the client configuration an answer held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigSet {
    /// What a signed-in user gets.
    Full,
    /// What anybody gets.
    Limited,
    /// Not readable as a configuration.
    Unreadable,
}

/// `config/client` asked with the token and without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Experiment {
    /// The answer with the token.
    pub with_token: ConfigSet,
    /// The answer without it.
    pub without_token: ConfigSet,
    /// Both answers held the same settings.
    pub same: bool,
}

/// What the key store said instead of giving the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyTrouble {
    /// The key is gone for good: backup restored, key invalidated.
    Absent,
    /// Not now: device locked, store busy, deadline passed.
    Unavailable,
    /// Nothing is said of this key: something else without which the token cannot be sent cannot be read now, or the key store
    /// hangs over another key.
    Other,
}

/// What happens on a socket, from dial to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SocketEvent {
    /// The server accepted the upgrade (101).
    Upgraded,
    /// `hello` arrived.
    Hello {
        /// `connection_id`; none on servers without reliable sockets.
        connection_id: Option<String>,
        /// It is the connection that was asked for.
        resumed: bool,
    },
    /// The reply to a ping said pong.
    PongOk,
    /// A reply said FAIL with one of the not-authenticated ids.
    Fail,
    /// Bytes arrived. Need be told only while a ping is unanswered.
    BytesArrived,
    /// The socket is over.
    Ended(SocketEnd),
    /// The server, or something before it, answered the upgrade with another status than 101, 429 or 5xx.
    UpgradeRefused {
        /// What the server asked for, clamped, without jitter.
        retry_after: Option<Duration>,
    },
    /// There was no answer to the upgrade, or a 429 or 5xx.
    DialFailed {
        /// Why.
        why: UnknownWhy,
        /// What the server asked for, clamped, without jitter.
        retry_after: Option<Duration>,
    },
}

/// How a socket ended. Every way is one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketEnd {
    /// End of stream, with or without a close frame, or a reset.
    ByServer,
    /// A read or write failed on our side of the network.
    NetworkError,
    /// We closed it.
    Local,
}

impl Event {
    /// The name without payload, for logs and the diagram.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Opened => "Opened",
            Self::HostChanged(HostState::Focused) => "HostChanged(Focused)",
            Self::HostChanged(HostState::Running) => "HostChanged(Running)",
            Self::HostChanged(HostState::Suspended) => "HostChanged(Suspended)",
            Self::HostChanged(HostState::Checking) => "HostChanged(Checking)",
            Self::NetworkChanged(NetworkPath::Up) => "NetworkChanged(Up)",
            Self::NetworkChanged(NetworkPath::Down) => "NetworkChanged(Down)",
            Self::NetworkChanged(NetworkPath::Unknown) => "NetworkChanged(Unknown)",
            Self::VerifyRequested => "VerifyRequested",
            Self::Hint(hint) => hint.name(),
            Self::ConfigSeen(_) => "ConfigSeen",
            Self::Answered { answer, .. } => answer.name(),
            Self::KeyUnreadable(KeyTrouble::Absent) => "KeyUnreadable(Absent)",
            Self::KeyUnreadable(KeyTrouble::Unavailable) => "KeyUnreadable(Unavailable)",
            Self::KeyUnreadable(KeyTrouble::Other) => "KeyUnreadable(Other)",
            Self::KeyReadable => "KeyReadable",
            Self::SignedOut => "SignedOut",
            Self::SignedIn { .. } => "SignedIn",
            Self::ContinueRequested => "ContinueRequested",
            Self::StorageLost => "StorageLost",
            Self::WipePush => "WipePush",
            Self::RestoreWithdrawn => "RestoreWithdrawn",
            Self::Committed { .. } => "Committed",
            Self::CommitStale { .. } => "CommitStale",
            Self::CommitFailed { .. } => "CommitFailed",
            Self::Stored { .. } => "Stored",
            Self::StoreFailed { .. } => "StoreFailed",
            Self::TimerFired(timer) => timer.fired_name(),
            Self::Socket { event, .. } => event.name(),
            Self::SettingsChanged(_) => "SettingsChanged",
        }
    }
}

impl Hint {
    fn name(&self) -> &'static str {
        match self {
            Self::SocketFail => "Hint(SocketFail)",
            Self::SocketDroppedAfterHello => "Hint(SocketDroppedAfterHello)",
            Self::NoHello => "Hint(NoHello)",
            Self::Push => "Hint(Push)",
            Self::ExpiryPassed => "Hint(ExpiryPassed)",
            Self::Request401 { .. } => "Hint(Request401)",
            Self::MfaRequired => "Hint(MfaRequired)",
            Self::WebView => "Hint(WebView)",
            Self::ShrunkenConfig => "Hint(ShrunkenConfig)",
        }
    }
}

impl Answer {
    fn name(&self) -> &'static str {
        match self {
            Self::Validation(Validation::Valid { .. }) => "Answered(Valid)",
            Self::Validation(Validation::Gone { .. }) => "Answered(Gone)",
            Self::Validation(Validation::MfaRequired) => "Answered(MfaRequired)",
            Self::Validation(Validation::Refused) => "Answered(Refused)",
            Self::Validation(Validation::HeadersLost) => "Answered(HeadersLost)",
            Self::Validation(Validation::Unknown { .. }) => "Answered(Unknown)",
            Self::Health(Health::Healthy) => "Answered(Healthy)",
            Self::Health(Health::Unhealthy) => "Answered(Unhealthy)",
            Self::Health(Health::Absent) => "Answered(HealthAbsent)",
            Self::Health(Health::Silent) => "Answered(HealthSilent)",
            Self::Health(Health::OtherServer) => "Answered(OtherServer)",
            Self::Sessions(SessionsRead::Read) => "Answered(SessionsRead)",
            Self::Sessions(SessionsRead::MfaRequired) => "Answered(SessionsMfaRequired)",
            Self::Sessions(SessionsRead::Other) => "Answered(SessionsOther)",
            Self::Experiment(_) => "Answered(Experiment)",
        }
    }
}

impl SocketEvent {
    fn name(&self) -> &'static str {
        match self {
            Self::Upgraded => "Socket(Upgraded)",
            Self::Hello { .. } => "Socket(Hello)",
            Self::PongOk => "Socket(PongOk)",
            Self::Fail => "Socket(Fail)",
            Self::BytesArrived => "Socket(BytesArrived)",
            Self::Ended(SocketEnd::ByServer) => "Socket(EndedByServer)",
            Self::Ended(SocketEnd::NetworkError) => "Socket(EndedByNetwork)",
            Self::Ended(SocketEnd::Local) => "Socket(EndedLocally)",
            Self::UpgradeRefused { .. } => "Socket(UpgradeRefused)",
            Self::DialFailed { .. } => "Socket(DialFailed)",
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl Validation {
    /// The validation that an answer's evidence amounts to.
    pub fn from_evidence(evidence: Evidence) -> Self {
        match evidence {
            Evidence::Valid { server_date, .. } => Self::Valid { server_date },
            Evidence::Gone { server_date } => Self::Gone { server_date },
            Evidence::MfaRequired => Self::MfaRequired,
            Evidence::Refused => Self::Refused,
            Evidence::HeadersLost => Self::HeadersLost,
            Evidence::Unknown { why, retry_after } => Self::Unknown {
                why: match why {
                    Why::OldEpoch | Why::Other => UnknownWhy::Other,
                    Why::Tls => UnknownWhy::Tls,
                    Why::Portal => UnknownWhy::Portal,
                    Why::ServerTrouble => UnknownWhy::ServerTrouble,
                },
                retry_after,
            },
        }
    }
}
