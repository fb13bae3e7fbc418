//! The way to the server: dial, hello, heartbeat, end, and when to dial again. One flat match over link and signal, beside the
//! standing and never deciding about it: what a socket does is at most a hint.

use Link::{Connecting, Live, Offline, Paused, Polling, Portal, Waiting};

use std::time::Duration;

use super::basics::BootMillis;
use super::draft::{Draft, Return};
use super::effect::Effect;
use super::event::{Answer, Event, Hint, SocketEnd, SocketEvent, UnknownWhy, Validation};
use super::state::{HostState, Link, NetworkPath, SocketId, Standing, State, Timer, WaitCause};
use crate::policy;

/// The timers that run for the link alone.
const LINK_TIMERS: [Timer; 6] = [
    Timer::Dial,
    Timer::HelloDue,
    Timer::Heartbeat,
    Timer::PongDue,
    Timer::PaceReset,
    Timer::Poll,
];

/// What an event means for the link.
#[derive(Debug, Clone, Copy)]
enum Signal<'a> {
    NetworkDown,
    NetworkChanged,
    /// The app was away, or frozen: the old link is not trusted.
    Resumed,
    /// The app moved between focus and no focus.
    HostMoved,
    /// The user asks for it.
    DialNow,
    /// Another session's token from here on.
    NewEpoch,
    /// The server answered over HTTPS that the session is valid.
    HttpsWorks,
    /// A portal answered in the server's place.
    PortalSeen,
    Dial,
    HelloDue,
    Heartbeat,
    PongDue,
    PaceReset,
    Poll,
    Socket(&'a SocketEvent),
}

fn signal<'a>(draft: &Draft<'_>, event: &'a Event) -> Option<Signal<'a>> {
    match event {
        Event::NetworkChanged(NetworkPath::Down) => Some(Signal::NetworkDown),
        Event::NetworkChanged(NetworkPath::Up | NetworkPath::Unknown) => {
            Some(Signal::NetworkChanged)
        }
        Event::Opened | Event::HostChanged(_) => match draft.returned {
            Return::Resumed => Some(Signal::Resumed),
            Return::Refocused => match draft.state.link {
                Portal { .. } | Waiting { .. } => Some(Signal::DialNow),
                Paused | Offline | Connecting { .. } | Live { .. } | Polling { .. } => {
                    Some(Signal::HostMoved)
                }
            },
            Return::No => Some(Signal::HostMoved),
        },
        Event::VerifyRequested => Some(Signal::DialNow),
        Event::SignedIn { .. } => Some(Signal::NewEpoch),
        Event::Answered {
            answer: Answer::Validation(Validation::Valid { .. }),
            ..
        } => Some(Signal::HttpsWorks),
        Event::Answered {
            answer:
                Answer::Validation(Validation::Unknown {
                    why: UnknownWhy::Portal,
                    ..
                }),
            ..
        } => Some(Signal::PortalSeen),
        Event::TimerFired(timer) => match timer {
            Timer::Dial => Some(Signal::Dial),
            Timer::HelloDue => Some(Signal::HelloDue),
            Timer::Heartbeat => Some(Signal::Heartbeat),
            Timer::PongDue => Some(Signal::PongDue),
            Timer::PaceReset => Some(Signal::PaceReset),
            Timer::Poll => Some(Signal::Poll),
            Timer::Ask
            | Timer::Answer
            | Timer::Look
            | Timer::RestoreLook
            | Timer::RestoreEnd
            | Timer::CommitRetry
            | Timer::StoreRetry
            | Timer::Wipe
            | Timer::KeyRetry
            | Timer::MaxOffline => None,
        },
        Event::Socket { event, .. } => Some(Signal::Socket(event)),
        Event::Answered {
            answer:
                Answer::Validation(
                    Validation::Gone { .. }
                    | Validation::MfaRequired
                    | Validation::Refused
                    | Validation::HeadersLost
                    | Validation::Unknown {
                        why:
                            UnknownWhy::Offline
                            | UnknownWhy::Transport
                            | UnknownWhy::Tls
                            | UnknownWhy::ServerTrouble
                            | UnknownWhy::Other,
                        ..
                    },
                )
                | Answer::Health(_)
                | Answer::Sessions(_)
                | Answer::Experiment(_),
            ..
        }
        | Event::Hint(_)
        | Event::ConfigSeen(_)
        | Event::KeyUnreadable(_)
        | Event::KeyReadable
        | Event::SignedOut
        | Event::ContinueRequested
        | Event::StorageLost
        | Event::WipePush
        | Event::RestoreWithdrawn
        | Event::Committed { .. }
        | Event::CommitStale { .. }
        | Event::CommitFailed { .. }
        | Event::Stored { .. }
        | Event::StoreFailed { .. }
        | Event::SettingsChanged(_) => None,
    }
}

/// Takes the link through one event.
pub(super) fn transition(draft: &mut Draft<'_>, event: &Event) {
    let Some(signal) = signal(draft, event) else {
        return;
    };
    match (draft.state.link, signal) {
        // ---- No link wanted; `settle` opens it when it is -------------------------------------------------------------------
        (
            Paused,
            Signal::NetworkDown
            | Signal::NetworkChanged
            | Signal::Resumed
            | Signal::HostMoved
            | Signal::DialNow
            | Signal::NewEpoch
            | Signal::HttpsWorks
            | Signal::PortalSeen
            | Signal::Dial
            | Signal::HelloDue
            | Signal::Heartbeat
            | Signal::PongDue
            | Signal::PaceReset
            | Signal::Poll
            | Signal::Socket(_),
        ) => {}

        // ---- No network -------------------------------------------------------------------------------------------------
        (Offline, Signal::NetworkChanged) => draft.dial_soon(),
        (
            Offline,
            Signal::NetworkDown
            | Signal::Resumed
            | Signal::HostMoved
            | Signal::DialNow
            | Signal::NewEpoch
            | Signal::HttpsWorks
            | Signal::PortalSeen
            | Signal::Dial
            | Signal::HelloDue
            | Signal::Heartbeat
            | Signal::PongDue
            | Signal::PaceReset
            | Signal::Poll
            | Signal::Socket(_),
        ) => {}

        // ---- In every state with a way out ---------------------------------------------------------------------------------
        (
            Portal { .. } | Connecting { .. } | Live { .. } | Polling { .. } | Waiting { .. },
            Signal::NetworkDown,
        ) => draft.close_link(Offline),
        (
            Portal { .. } | Connecting { .. } | Live { .. } | Polling { .. } | Waiting { .. },
            Signal::NetworkChanged | Signal::Resumed,
        ) => {
            draft.state.link_memory.pace.reset();
            draft.close_link(Paused);
            draft.dial_soon();
        }
        (
            Portal { .. } | Connecting { .. } | Live { .. } | Polling { .. } | Waiting { .. },
            Signal::NewEpoch,
        ) => {
            draft.close_link(Paused);
            draft.dial_soon();
        }

        // ---- Waiting for the next dial --------------------------------------------------------------------------------------
        (Portal { .. } | Waiting { .. }, Signal::Dial) => draft.dial(),
        (Portal { .. } | Waiting { .. }, Signal::DialNow) => {
            draft.state.link_memory.pace.reset();
            draft.dial_soon();
        }
        (Portal { .. } | Waiting { .. }, Signal::HttpsWorks) => {
            if draft.state.link_memory.refused >= policy::UPGRADES_REFUSED_LIMIT {
                draft.state.link = Polling { trying: None };
            } else if let Portal { until } = draft.state.link {
                draft.state.link = Waiting {
                    until,
                    cause: WaitCause::Failed,
                };
            }
        }
        (Waiting { until, .. }, Signal::PortalSeen) => draft.state.link = Portal { until },
        (Portal { .. }, Signal::PortalSeen) => {}
        (
            Portal { .. } | Waiting { .. },
            Signal::HostMoved
            | Signal::HelloDue
            | Signal::Heartbeat
            | Signal::PongDue
            | Signal::PaceReset
            | Signal::Poll
            | Signal::Socket(_),
        ) => {}

        // ---- A socket on its way to hello, with or without polling beside it -----------------------------------------------
        (Polling { trying: None }, Signal::Dial) => draft.dial(),
        (Polling { trying: None }, Signal::DialNow) => draft.dial_soon(),
        (Polling { .. }, Signal::Poll | Signal::HostMoved) => draft.watch_polling(),
        (
            Connecting { socket }
            | Polling {
                trying: Some(socket),
            },
            Signal::Socket(event),
        ) => {
            connecting(draft, socket, event);
        }
        (
            Connecting { socket }
            | Polling {
                trying: Some(socket),
            },
            Signal::HelloDue,
        ) => {
            if draft.late {
                // The process was held up, so the hello may be waiting to be read.
                draft.arm_in(Timer::HelloDue, policy::HELLO_WATCHDOG);
            } else {
                draft.effect(Effect::CloseSocket { socket });
                if draft.state.link_memory.upgraded {
                    draft.no_hello();
                } else {
                    draft.wait_at_pace(WaitCause::Failed);
                }
            }
        }
        (
            Connecting { .. },
            Signal::HostMoved
            | Signal::DialNow
            | Signal::HttpsWorks
            | Signal::PortalSeen
            | Signal::Dial
            | Signal::Heartbeat
            | Signal::PongDue
            | Signal::PaceReset
            | Signal::Poll,
        )
        | (
            Polling { .. },
            Signal::HttpsWorks
            | Signal::PortalSeen
            | Signal::Heartbeat
            | Signal::PongDue
            | Signal::PaceReset,
        )
        | (Polling { trying: None }, Signal::Socket(_) | Signal::HelloDue)
        | (Polling { trying: Some(_) }, Signal::Dial | Signal::DialNow) => {}

        // ---- Live -------------------------------------------------------------------------------------------------------
        (Live { socket, since }, Signal::Socket(event)) => live(draft, socket, since, event),
        (Live { .. }, Signal::HostMoved) => draft.arm_first_heartbeat(),
        (Live { socket, .. }, Signal::Heartbeat) => {
            draft.ping(socket);
            let interval = draft.heartbeat();
            draft.arm_in(Timer::Heartbeat, interval);
        }
        (Live { socket, .. }, Signal::PongDue) => draft.judge_silence(socket),
        (Live { .. }, Signal::PaceReset) => {
            draft.state.link_memory.pace.reset();
            draft.state.link_memory.refused = 0;
            draft.state.link_memory.dropped = 0;
        }
        (
            Live { .. },
            Signal::DialNow
            | Signal::HttpsWorks
            | Signal::PortalSeen
            | Signal::Dial
            | Signal::HelloDue
            | Signal::Poll,
        ) => {}
    }
}

/// What happens on a socket before its hello.
fn connecting(draft: &mut Draft<'_>, socket: SocketId, event: &SocketEvent) {
    match event {
        SocketEvent::Upgraded => {
            draft.state.link_memory.upgraded = true;
            draft.state.link_memory.last_byte = draft.now.boot;
            draft.arm_in(Timer::HelloDue, policy::HELLO_WATCHDOG);
            if draft.state.link_memory.resuming {
                // A connection that is resumed without loss says no hello; the answer to a ping takes its place.
                draft.ping(socket);
                draft.disarm(Timer::PongDue);
            }
        }
        SocketEvent::Hello { connection_id, .. } => {
            draft.state.link_memory.connection.clone_from(connection_id);
            draft.go_live(socket);
        }
        SocketEvent::PongOk => {
            if draft.state.link_memory.resuming {
                draft.go_live(socket);
            }
        }
        SocketEvent::BytesArrived => draft.state.link_memory.last_byte = draft.now.boot,
        SocketEvent::Fail => draft.session_failed(socket),
        SocketEvent::Ended(SocketEnd::ByServer | SocketEnd::NetworkError | SocketEnd::Local) => {
            if draft.state.link_memory.upgraded {
                draft.no_hello();
            } else {
                draft.wait_at_pace(WaitCause::Failed);
            }
        }
        SocketEvent::UpgradeRefused { retry_after } => {
            draft.hold_for(*retry_after);
            draft.upgrade_refused();
        }
        SocketEvent::DialFailed { why, retry_after } => {
            draft.hold_for(*retry_after);
            draft.wait_at_pace(WaitCause::Failed);
            if let (UnknownWhy::Portal, Waiting { until, .. }) = (*why, draft.state.link) {
                draft.state.link = Portal { until };
            }
        }
    }
}

/// What happens on a live socket.
fn live(draft: &mut Draft<'_>, socket: SocketId, since: BootMillis, event: &SocketEvent) {
    match event {
        SocketEvent::PongOk => {
            draft.state.link_memory.last_byte = draft.now.boot;
            draft.state.link_memory.ping_sent = None;
            draft.disarm(Timer::PongDue);
        }
        SocketEvent::BytesArrived => draft.state.link_memory.last_byte = draft.now.boot,
        SocketEvent::Hello { connection_id, .. } => {
            draft.state.link_memory.connection.clone_from(connection_id);
        }
        SocketEvent::Fail => draft.session_failed(socket),
        SocketEvent::Ended(SocketEnd::ByServer) => draft.server_ended(since),
        SocketEvent::Ended(SocketEnd::NetworkError | SocketEnd::Local) => {
            draft.wait_at_pace(WaitCause::Failed);
        }
        SocketEvent::Upgraded
        | SocketEvent::UpgradeRefused { .. }
        | SocketEvent::DialFailed { .. } => {}
    }
}

/// What the rest of the state allows the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Permission {
    /// No socket.
    None,
    /// A live socket may stay, and none is dialled: its events are withheld while content is covered.
    Keep,
    /// Dial.
    Dial,
}

fn permission(state: &State) -> Permission {
    let away = matches!(state.host, HostState::Suspended | HostState::Checking);
    if away || state.is_ending() {
        return Permission::None;
    }
    match &state.standing {
        Standing::Active => Permission::Dial,
        Standing::Suspect(_) => Permission::Keep,
        Standing::Locked { beneath } => match **beneath {
            Standing::Active | Standing::Suspect(_) => Permission::Keep,
            Standing::Ended(_)
            | Standing::NeedsMfa
            | Standing::Locked { .. }
            | Standing::Unverifiable(_) => Permission::None,
        },
        Standing::Ended(_) | Standing::NeedsMfa | Standing::Unverifiable(_) => Permission::None,
    }
}

/// Brings the link into line with the rest of the state, after every step.
pub(super) fn settle(draft: &mut Draft<'_>) {
    match (permission(&draft.state), draft.state.link) {
        (Permission::None, Paused) | (Permission::Keep, Live { .. } | Paused) => {}
        (
            Permission::None,
            Offline
            | Portal { .. }
            | Connecting { .. }
            | Live { .. }
            | Polling { .. }
            | Waiting { .. },
        )
        | (
            Permission::Keep,
            Offline | Portal { .. } | Connecting { .. } | Polling { .. } | Waiting { .. },
        ) => {
            draft.close_link(Paused);
        }
        (Permission::Dial, Paused) => {
            draft.state.link_memory.pace.reset();
            draft.dial_soon();
        }
        (Permission::Dial, Polling { .. }) => draft.watch_polling(),
        (
            Permission::Dial,
            Offline | Portal { .. } | Connecting { .. } | Live { .. } | Waiting { .. },
        ) => {}
    }
    if let Standing::Ended(_) = draft.state.standing {
        draft.state.link_memory.connection = None;
    }
}

impl Draft<'_> {
    /// Dials at once, with the little jitter that keeps a fleet from moving in step.
    fn dial_soon(&mut self) {
        if self.state.path == NetworkPath::Down {
            self.close_link(Offline);
            return;
        }
        let jitter = self.dice.up_to(policy::DIAL_NOW_JITTER);
        self.wait_for(jitter, WaitCause::Jitter);
    }

    fn dial(&mut self) {
        let now = self.now.boot;
        let free = self.state.allowances.dials.free_at(now);
        let hold = self.hold();
        if hold > now || free > now {
            self.wait_for(Duration::ZERO, WaitCause::Jitter);
            return;
        }
        self.state.allowances.dials.note(now);
        let socket = self.socket_id();
        let resume = self.state.link_memory.connection.is_some();
        self.state.link_memory.resuming = resume;
        self.state.link_memory.upgraded = false;
        self.state.link_memory.ping_sent = None;
        self.state.link = match self.state.link {
            Polling { .. } => Polling {
                trying: Some(socket),
            },
            Paused | Offline | Portal { .. } | Connecting { .. } | Live { .. } | Waiting { .. } => {
                Connecting { socket }
            }
        };
        self.disarm(Timer::Dial);
        self.arm_in(
            Timer::HelloDue,
            policy::CONNECT_TIMEOUT + policy::HELLO_WATCHDOG,
        );
        let epoch = self.state.epoch;
        self.effect(Effect::Dial {
            socket,
            epoch,
            resume,
        });
    }

    fn go_live(&mut self, socket: SocketId) {
        self.state.link = Live {
            socket,
            since: self.now.boot,
        };
        self.state.link_memory.last_byte = self.now.boot;
        self.state.link_memory.ping_sent = None;
        for timer in LINK_TIMERS {
            self.disarm(timer);
        }
        self.arm_in(Timer::PaceReset, policy::PACE_RESET_AFTER);
        self.arm_first_heartbeat();
    }

    /// The phase is random, so that a fleet that came back together does not ask together.
    fn arm_first_heartbeat(&mut self) {
        let interval = self.heartbeat();
        let phase = self.dice.up_to(interval);
        self.arm_in(Timer::Heartbeat, phase);
    }

    fn heartbeat(&self) -> Duration {
        match self.state.host {
            HostState::Focused => policy::HEARTBEAT_FOCUSED,
            HostState::Running | HostState::Checking | HostState::Suspended => {
                policy::HEARTBEAT_RUNNING
            }
        }
    }

    fn ping(&mut self, socket: SocketId) {
        let now = self.now.boot;
        self.effect(Effect::SendPing { socket });
        if self.state.link_memory.ping_sent.is_none() {
            self.state.link_memory.ping_sent = Some(now);
            self.arm_in(Timer::PongDue, policy::DEAD_LINK);
        }
    }

    /// A ping has had no answer for a while. No byte either means that the connection is dead; a timer that was held up with
    /// the whole process proves nothing.
    fn judge_silence(&mut self, socket: SocketId) {
        let now = self.now.boot;
        let Some(sent) = self.state.link_memory.ping_sent else {
            return;
        };
        if self.late {
            self.state.link_memory.ping_sent = None;
            self.ping(socket);
            return;
        }
        let silent_from = sent.max(self.state.link_memory.last_byte);
        let dead = now.since(silent_from) >= policy::DEAD_LINK;
        if dead || now.since(sent) >= policy::PONG_LIMIT {
            self.effect(Effect::CloseSocket { socket });
            self.wait_at_pace(WaitCause::Failed);
        } else {
            let at = silent_from.after(policy::DEAD_LINK);
            self.arm(Timer::PongDue, at.min(sent.after(policy::PONG_LIMIT)));
        }
    }

    /// The socket said that the session no longer counts. That proves nothing; but the connection must never be resumed: the
    /// server would take the resume and lose events without a gap.
    fn session_failed(&mut self, socket: SocketId) {
        self.effect(Effect::CloseSocket { socket });
        self.state.link_memory.connection = None;
        self.wait_at_pace(WaitCause::SocketFailed);
        self.raised.push_back(Hint::SocketFail);
    }

    fn no_hello(&mut self) {
        self.state.link_memory.connection = None;
        self.state.link_memory.refused += 1;
        self.wait_at_pace(WaitCause::NoHello);
        self.raised.push_back(Hint::NoHello);
    }

    /// Something refuses upgrades. Whether HTTPS works is found out by a validation; then the link polls.
    fn upgrade_refused(&mut self) {
        self.state.link_memory.refused += 1;
        self.wait_at_pace(WaitCause::UpgradeRefused);
        let polling = matches!(self.state.link, Polling { .. });
        if !polling && self.state.link_memory.refused >= policy::UPGRADES_REFUSED_LIMIT {
            self.raised.push_back(Hint::NoHello);
        }
    }

    fn server_ended(&mut self, since: BootMillis) {
        let age = self.now.boot.since(since);
        if age <= policy::DROPPED_RIGHT_AFTER_HELLO {
            self.state.link_memory.dropped += 1;
        } else {
            self.state.link_memory.dropped = 0;
        }
        let running = self.running();
        let wait = self
            .state
            .link_memory
            .pace
            .after_server_ended(running, &mut self.dice);
        self.wait_for(wait, WaitCause::ServerEnded);
        let dropped_often = self.state.link_memory.dropped >= policy::DROPS_AFTER_HELLO;
        if dropped_often || policy::FIFTH_SECOND.contains(&age) {
            self.state.link_memory.dropped = 0;
            self.state.link_memory.connection = None;
            self.raised.push_back(Hint::SocketDroppedAfterHello);
        }
    }

    fn wait_at_pace(&mut self, cause: WaitCause) {
        let running = self.running();
        let wait = self
            .state
            .link_memory
            .pace
            .after_failure(running, &mut self.dice);
        self.wait_for(wait, cause);
    }

    /// Waits before the next dial; never less than the server asked for, nor than the allowance of dials gives.
    fn wait_for(&mut self, wait: Duration, cause: WaitCause) {
        let own = self.now.boot.after(wait);
        let hold = self.hold();
        let free = self.state.allowances.dials.free_at(self.now.boot);
        let until = own.max(hold).max(free);
        let cause = if until == own {
            cause
        } else if until == hold {
            WaitCause::ServerAsked
        } else {
            WaitCause::Allowance
        };
        for timer in LINK_TIMERS {
            if timer != Timer::Poll {
                self.disarm(timer);
            }
        }
        self.state.link_memory.ping_sent = None;
        self.state.link = match self.state.link {
            Polling { .. } => Polling { trying: None },
            Paused | Offline | Portal { .. } | Connecting { .. } | Live { .. } | Waiting { .. } => {
                Waiting { until, cause }
            }
        };
        self.arm(Timer::Dial, until);
    }

    /// Validations take the place of the socket while the user looks.
    fn watch_polling(&mut self) {
        if self.state.host != HostState::Focused {
            self.disarm(Timer::Poll);
        } else if !self.state.timers.contains_key(&Timer::Poll) {
            let wait = self.dice.within(&policy::POLLING);
            self.arm_in(Timer::Poll, wait);
        }
    }

    fn close_link(&mut self, to: Link) {
        if let Some(socket) = self.state.socket() {
            self.effect(Effect::CloseSocket { socket });
        }
        for timer in LINK_TIMERS {
            self.disarm(timer);
        }
        self.state.link_memory.ping_sent = None;
        self.state.link = to;
    }
}
