//! What the machine knows of an account: its standing, its link, the question in flight, and what it waits for. Plain data;
//! only [`step`](super::step) changes it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::allowance::Allowances;
use super::basics::{BootId, BootMillis, Epoch, UnixMillis};
use super::effect::Question;
use super::event::Health;
use crate::pace::Pace;
use crate::policy;

/// Names a question, a transaction or a stored standing, so that what comes back finds what it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Names one socket of an account, from its dial on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u64);

/// What the platform says of the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostState {
    /// On screen, with the user's attention.
    Focused,
    /// Visible without focus, a desktop window, or Android not yet frozen.
    Running,
    /// About to be frozen or killed: no socket, no timer.
    Suspended,
    /// Woken in the background for a moment: sessions are asked about, and no socket is dialled. The core itself says so
    /// during a background check or a push; no app is in it.
    Checking,
}

/// What the platform says of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NetworkPath {
    /// There is a way out.
    Up,
    /// There is none.
    Down,
    /// The platform does not say; treated as up.
    Unknown,
}

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The server no longer knows it. Nobody claims who ended it.
    SessionEnded,
    /// The user's own act.
    SignedOut,
    /// The server ordered the device wiped.
    Wiped,
    /// The key store no longer has the key.
    KeyLost,
    /// The vault was quarantined.
    StorageLost,
    /// The same user signed in again; invisible.
    Replaced,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 6] = [
        Self::SessionEnded,
        Self::SignedOut,
        Self::Wiped,
        Self::KeyLost,
        Self::StorageLost,
        Self::Replaced,
    ];

    /// The name, as stored and logged.
    pub fn name(self) -> &'static str {
        match self {
            Self::SessionEnded => "SessionEnded",
            Self::SignedOut => "SignedOut",
            Self::Wiped => "Wiped",
            Self::KeyLost => "KeyLost",
            Self::StorageLost => "StorageLost",
            Self::Replaced => "Replaced",
        }
    }
}

/// What we believe about the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nothing speaks against it.
    Active,
    /// There is evidence that it is gone; content is covered, the token kept, nothing deleted.
    Suspect(Suspicion),
    /// It is over.
    Ended(Ended),
    /// It lives, and the server wants multi-factor authentication before anything else.
    NeedsMfa,
    /// The key store is not readable now. Not an end, and never a reason to write.
    Locked {
        /// What it is as soon as the key can be read: `Active`, `Suspect`, `NeedsMfa` or `Unverifiable`.
        beneath: Box<Standing>,
    },
    /// Too long without a usable answer: sign-in is offered, nothing is deleted, and looking goes on.
    Unverifiable(Suspicion),
}

impl Standing {
    /// The name without payload; also the `standing` column of the vault. `Locked` is never stored and gives the code of what
    /// is beneath.
    pub fn standing_code(&self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspect(_) => "suspect",
            Self::Ended(_) => "ended",
            Self::NeedsMfa => "needs_mfa",
            Self::Locked { beneath } => beneath.standing_code(),
            Self::Unverifiable(_) => "unverifiable",
        }
    }

    /// The name without payload.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Suspect(_) => "Suspect",
            Self::Ended(_) => "Ended",
            Self::NeedsMfa => "NeedsMfa",
            Self::Locked { .. } => "Locked",
            Self::Unverifiable(_) => "Unverifiable",
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// What speaks against a session, and how far we are in finding out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspicion {
    /// The pieces that count, oldest first.
    pub pieces: Vec<Piece>,
    /// Answers of any kind since it began.
    pub answers: u32,
    /// Health answers in a row that did not say.
    pub health_absent: u32,
    /// Step on the ladder of waits.
    pub ladder_step: u32,
    /// Health cannot be known, or something rewrites answers: only the long ladder can end it without a healthy answer.
    pub long_ladder: bool,
    /// Another server answered at the address, so the pieces may be its; they are void as soon as the account's own answers.
    pub other_server: bool,
    /// It came out of `NeedsMfa`, and goes back there when the session turns out to live.
    pub from_mfa: bool,
    /// Online time before `online_from`.
    pub online_before: Duration,
    /// The machine's online time when counting began in this process.
    pub online_from: Duration,
}

impl Suspicion {
    pub(crate) fn begun(online: Duration) -> Self {
        Self {
            pieces: Vec::new(),
            answers: 0,
            health_absent: 0,
            ladder_step: 0,
            long_ladder: false,
            other_server: false,
            from_mfa: false,
            online_before: Duration::ZERO,
            online_from: online,
        }
    }

    /// For how long it has stood, counted in online time.
    pub(crate) fn online_age(&self, online: Duration) -> Duration {
        self.online_before + online.saturating_sub(self.online_from)
    }
}

/// One piece of evidence that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// When it arrived.
    pub at: BootMillis,
    /// What kind it is.
    pub kind: PieceKind,
}

/// Where a piece of evidence came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PieceKind {
    /// The server's own 401.
    Genuine,
    /// The config experiment, behind something that rewrites answers. Counts only on the long ladder.
    Experiment,
}

/// A session that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Why.
    pub reason: Reason,
    /// Since when, by the device's running time.
    pub since: BootMillis,
    /// Whether it may still turn out to live.
    pub restore: Restore,
}

/// What is done with the token that was kept after a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Restore {
    /// There is none.
    None,
    /// It is asked about a few times.
    Looking {
        /// Looks taken so far.
        looks: u32,
    },
    /// The server knows it after all; the user has been offered to continue.
    Offered,
}

/// What we know of the way to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Not wanted now: suspended, or the standing does not allow a socket.
    Paused,
    /// The platform says that there is no network.
    Offline,
    /// Something asks the user to sign in to the network first.
    Portal {
        /// When the next dial is due.
        until: BootMillis,
    },
    /// A socket is being opened, or is open and has not said hello.
    Connecting {
        /// Which.
        socket: SocketId,
    },
    /// Realtime events arrive.
    Live {
        /// On which socket.
        socket: SocketId,
        /// Since when.
        since: BootMillis,
    },
    /// Sockets are refused while HTTPS works: the session is asked about at intervals, and the socket tried at the pace.
    Polling {
        /// The socket that is being tried.
        trying: Option<SocketId>,
    },
    /// The next dial is due later.
    Waiting {
        /// When.
        until: BootMillis,
        /// Why.
        cause: WaitCause,
    },
}

impl Link {
    /// The name without payload.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Paused => "Paused",
            Self::Offline => "Offline",
            Self::Portal { .. } => "Portal",
            Self::Connecting { .. } => "Connecting",
            Self::Live { .. } => "Live",
            Self::Polling { .. } => "Polling",
            Self::Waiting { .. } => "Waiting",
        }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Why the link waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WaitCause {
    /// The jitter of a dial that is wanted now.
    Jitter,
    /// The server ended a live socket; the first try is spread.
    ServerEnded,
    /// A dial failed, or the connection died.
    Failed,
    /// The server said FAIL; the next dial is a fresh one.
    SocketFailed,
    /// No `hello` came.
    NoHello,
    /// The upgrade was refused.
    UpgradeRefused,
    /// The server asked for it (`Retry-After`).
    ServerAsked,
    /// Ten dials were made within a minute.
    Allowance,
}

/// The timers. There is one of each per account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// A validation that is wanted may be asked.
    Ask,
    /// The open question has had its time.
    Answer,
    /// The next look of a suspicion.
    Look,
    /// The next look at a kept token.
    RestoreLook,
    /// The end of the restore window.
    RestoreEnd,
    /// A transaction is tried again.
    CommitRetry,
    /// The standing is written again.
    StoreRetry,
    /// A wipe push has waited long enough for an answer.
    Wipe,
    /// The key store is tried again.
    KeyRetry,
    /// `max_offline` has passed without a validation.
    MaxOffline,
    /// The next dial.
    Dial,
    /// `hello` should have come.
    HelloDue,
    /// The next ping.
    Heartbeat,
    /// The ping should have been answered.
    PongDue,
    /// The link has been live for long enough to forget past failures.
    PaceReset,
    /// The next validation while polling.
    Poll,
}

impl Timer {
    /// Every timer.
    pub const ALL: [Self; 16] = [
        Self::Ask,
        Self::Answer,
        Self::Look,
        Self::RestoreLook,
        Self::RestoreEnd,
        Self::CommitRetry,
        Self::StoreRetry,
        Self::Wipe,
        Self::KeyRetry,
        Self::MaxOffline,
        Self::Dial,
        Self::HelloDue,
        Self::Heartbeat,
        Self::PongDue,
        Self::PaceReset,
        Self::Poll,
    ];

    pub(crate) fn fired_name(self) -> &'static str {
        match self {
            Self::Ask => "Timer(Ask)",
            Self::Answer => "Timer(Answer)",
            Self::Look => "Timer(Look)",
            Self::RestoreLook => "Timer(RestoreLook)",
            Self::RestoreEnd => "Timer(RestoreEnd)",
            Self::CommitRetry => "Timer(CommitRetry)",
            Self::StoreRetry => "Timer(StoreRetry)",
            Self::Wipe => "Timer(Wipe)",
            Self::KeyRetry => "Timer(KeyRetry)",
            Self::MaxOffline => "Timer(MaxOffline)",
            Self::Dial => "Timer(Dial)",
            Self::HelloDue => "Timer(HelloDue)",
            Self::Heartbeat => "Timer(Heartbeat)",
            Self::PongDue => "Timer(PongDue)",
            Self::PaceReset => "Timer(PaceReset)",
            Self::Poll => "Timer(Poll)",
        }
    }
}

/// What host and server decide about an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long the token is kept after a verdict; zero destroys it with the verdict.
    pub restore_window: Duration,
    /// Content stays covered on resume until validated, if the last validation is older. Off by default.
    pub cover_until_validated_after: Option<Duration>,
    /// Without a validation for this long content is covered and the account becomes `Unverifiable`. Off by default.
    pub max_offline: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            restore_window: policy::RESTORE_WINDOW,
            cover_until_validated_after: None,
            max_offline: None,
        }
    }
}

/// Why a validation is wanted; decides which allowance pays for it and what follows a `Valid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Cause {
    Retry,
    Poll,
    Request,
    Socket,
    Resume,
    User,
}

/// The question in flight. There is at most one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Inquiry {
    pub(crate) ticket: Ticket,
    pub(crate) epoch: Epoch,
    pub(crate) question: Question,
    /// The socket's hint asked for it, so the sessions are read after a `Valid`.
    pub(crate) socket_hint: bool,
    /// Paths of the requests whose hints it answers.
    pub(crate) paths: Vec<String>,
    /// Something happened since it was asked that it cannot know of.
    pub(crate) again: Option<Cause>,
    /// What the health query of the same look said.
    pub(crate) health: Option<Health>,
    pub(crate) asked: Asked,
}

/// Over which network a question was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The one that is there.
    OverThis,
    /// One before it: another server may have answered there, so nothing is held against the session.
    OverTheLast,
    /// Asked once more because of that, or after what was. What comes now counts, to the end of the look, or a network that
    /// flaps would keep a revoked session.
    OnceMore,
}

/// A validation that is wanted and may not be asked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) cause: Cause,
    pub(crate) socket_hint: bool,
    pub(crate) paths: Vec<String>,
}

/// A transaction that was asked for and is not yet on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Commit {
    pub(crate) ticket: Ticket,
    pub(crate) kind: CommitKind,
    pub(crate) failures: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CommitKind {
    End(Reason),
    MayContinue,
    Continue,
    DestroyToken,
}

/// Whether the stored standing is the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Save {
    Clean,
    Writing { ticket: Ticket, failures: u32 },
    Owed { failures: u32 },
}

/// Answers that could not be used, since the last one that could.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unusable {
    pub(crate) answers: u32,
    /// 401s in a row that are no evidence.
    pub(crate) refused: u32,
    pub(crate) online_before: Duration,
    pub(crate) online_from: Duration,
}

/// The key store did not give the key although the user was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable {
    /// Starts of the app in which that was so.
    pub(crate) starts: u32,
    /// For how long before `from`, by running time.
    pub(crate) before: Duration,
    /// Since when the device's present running time is counted.
    pub(crate) from: BootMillis,
    /// The present start of the app is among `starts`.
    pub(crate) counted: bool,
    /// That is stored, or on its way.
    pub(crate) written: bool,
    /// The user may choose not to wait any longer.
    pub(crate) offered: bool,
}

/// What the link remembers beside its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LinkMemory {
    pub(crate) next_socket: u64,
    /// The connection that may be resumed.
    pub(crate) connection: Option<String>,
    /// The dial under way asked for that connection.
    pub(crate) resuming: bool,
    /// The dial under way got its 101.
    pub(crate) upgraded: bool,
    pub(crate) pace: Pace,
    /// Upgrades refused or swallowed in a row.
    pub(crate) refused: u32,
    /// Sockets in a row that closed right after hello.
    pub(crate) dropped: u32,
    /// The unanswered ping.
    pub(crate) ping_sent: Option<BootMillis>,
    pub(crate) last_byte: BootMillis,
}

/// Everything the machine knows of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    pub(crate) epoch: Epoch,
    pub(crate) boot_id: BootId,
    pub(crate) settings: Settings,
    pub(crate) standing: Standing,
    pub(crate) host: HostState,
    pub(crate) path: NetworkPath,
    pub(crate) link: Link,
    pub(crate) link_memory: LinkMemory,
    pub(crate) inquiry: Option<Inquiry>,
    pub(crate) wanted: Option<Wanted>,
    pub(crate) commit: Option<Commit>,
    pub(crate) save: Save,
    pub(crate) timers: BTreeMap<Timer, BootMillis>,
    pub(crate) allowances: Allowances,
    pub(crate) mutes: BTreeMap<String, BootMillis>,
    pub(crate) ask_pace: Pace,
    pub(crate) server_asked_until: Option<BootMillis>,
    pub(crate) last_ticket: u64,
    pub(crate) last_step: BootMillis,
    pub(crate) online: Duration,
    pub(crate) unusable: Unusable,
    pub(crate) unreadable: Option<Unreadable>,
    pub(crate) wipe_deadline: Option<BootMillis>,
    pub(crate) full_config_seen: bool,
    pub(crate) signed_in_at: Option<BootMillis>,
    pub(crate) signed_in_server: Option<UnixMillis>,
    pub(crate) validated_at: Option<BootMillis>,
    pub(crate) validated_wall: Option<UnixMillis>,
    pub(crate) validated_server: Option<UnixMillis>,
    pub(crate) cover_until_valid: bool,
    pub(crate) unfocused_since: Option<BootMillis>,
    pub(crate) verdicts: u64,
}

/// What the app may see of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Code of the standing; `locked` when the key cannot be read.
    pub standing: StandingView,
    /// Content is hidden behind "Checking your session…" or the sign-in page.
    pub cover: bool,
    /// The link.
    pub link: Link,
    /// The key could not be read for so long that the user may sign in again or sign out without it. Only in `Locked`.
    pub may_sign_in_again: bool,
    /// When the session was last proved valid, by the wall clock.
    pub validated_at: Option<UnixMillis>,
}

/// The standing as the app sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StandingView {
    /// See [`Standing::Active`].
    Active,
    /// See [`Standing::Suspect`].
    Suspect,
    /// See [`Standing::Ended`].
    Ended {
        /// Why.
        reason: Reason,
        /// The user may continue without a password.
        may_continue: bool,
    },
    /// See [`Standing::NeedsMfa`].
    NeedsMfa,
    /// See [`Standing::Locked`].
    Locked,
    /// See [`Standing::Unverifiable`].
    Unverifiable,
}

impl StandingView {
    /// The user may continue without a password.
    pub fn may_continue(self) -> bool {
        match self {
            Self::Ended { may_continue, .. } => may_continue,
            Self::Active | Self::Suspect | Self::NeedsMfa | Self::Locked | Self::Unverifiable => {
                false
            }
        }
    }
}

impl State {
    /// The epoch.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The standing.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// The link.
    pub fn link(&self) -> Link {
        self.link
    }

    /// What the platform said of the app.
    pub fn host(&self) -> HostState {
        self.host
    }

    /// What the platform said of the network.
    pub fn path(&self) -> NetworkPath {
        self.path
    }

    /// The socket that exists or is being opened.
    pub fn socket(&self) -> Option<SocketId> {
        match self.link {
            Link::Connecting { socket, .. } | Link::Live { socket, .. } => Some(socket),
            Link::Polling { trying } => trying,
            Link::Paused | Link::Offline | Link::Portal { .. } | Link::Waiting { .. } => None,
        }
    }

    /// How many pieces of evidence count at present.
    pub fn suspicion_pieces(&self) -> usize {
        match &self.standing {
            Standing::Suspect(suspicion) | Standing::Unverifiable(suspicion) => {
                suspicion.pieces.len()
            }
            Standing::Active
            | Standing::Ended(_)
            | Standing::NeedsMfa
            | Standing::Locked { .. } => 0,
        }
    }

    /// The timers that are armed.
    pub fn timers(&self) -> &BTreeMap<Timer, BootMillis> {
        &self.timers
    }

    /// A question is open.
    pub fn is_asking(&self) -> bool {
        self.inquiry.is_some()
    }

    /// A transaction that ends the session is under way.
    pub fn is_ending(&self) -> bool {
        matches!(
            self.commit,
            Some(Commit {
                kind: CommitKind::End(_),
                ..
            })
        )
    }

    /// Rises each time a validation came to its end: proved, or given up for now. A caller of `verify` waits for it to rise
    /// while [`is_asking`](Self::is_asking) and [`is_ending`](Self::is_ending) are false and the standing is not `Suspect`.
    pub fn verdicts(&self) -> u64 {
        self.verdicts
    }

    /// Whether content is hidden.
    pub fn cover(&self) -> bool {
        fn covers(standing: &Standing) -> bool {
            match standing {
                Standing::Active => false,
                Standing::Suspect(_)
                | Standing::Ended(_)
                | Standing::NeedsMfa
                | Standing::Unverifiable(_) => true,
                Standing::Locked { beneath } => covers(beneath),
            }
        }
        covers(&self.standing)
            || self.is_ending()
            || self.wipe_deadline.is_some()
            || self.cover_until_valid
    }

    /// What the app may see.
    pub fn view(&self) -> View {
        View {
            standing: match &self.standing {
                Standing::Active => StandingView::Active,
                Standing::Suspect(_) => StandingView::Suspect,
                Standing::Ended(ended) => StandingView::Ended {
                    reason: ended.reason,
                    may_continue: ended.restore == Restore::Offered,
                },
                Standing::NeedsMfa => StandingView::NeedsMfa,
                Standing::Locked { .. } => StandingView::Locked,
                Standing::Unverifiable(_) => StandingView::Unverifiable,
            },
            cover: self.cover(),
            link: self.link,
            may_sign_in_again: matches!(self.standing, Standing::Locked { .. })
                && self.unreadable.is_some_and(|unreadable| unreadable.offered),
            validated_at: self.validated_wall,
        }
    }
}
