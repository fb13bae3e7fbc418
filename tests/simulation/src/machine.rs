//! A machine driven by hand through its public face: what it asks for is remembered, so that a test can answer it.

use std::time::Duration;

use steadfast::session::{
    Answer, BootId, BootMillis, Effect, Epoch, Event, HostState, Now, Question, Settings,
    SocketEvent, SocketId, State, StoredParts, Ticket, Timer, UnixMillis, step,
};

/// Running time at which every story begins.
pub const START: i64 = 10_000_000;
const WALL: i64 = 1_795_500_000_000;

/// A machine and what it has asked for.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Its state.
    pub state: State,
    /// The time.
    pub now: Now,
    /// The open question.
    pub asked: Option<(Ticket, Question)>,
    /// The transaction that was asked for last.
    pub commit: Option<Ticket>,
    /// Effects of the last event.
    pub effects: Vec<Effect>,
}

impl Machine {
    /// An account that was signed in long ago and has just been opened in front.
    pub fn opened(entropy: u64) -> Self {
        let now = Now {
            boot: BootMillis(START),
            wall: UnixMillis(WALL),
            entropy,
        };
        let signed_in = Now {
            boot: BootMillis(START - 7_200_000),
            wall: UnixMillis(WALL - 7_200_000),
            entropy,
        };
        let parts = StoredParts {
            epoch: Epoch(5),
            standing: None,
            boot_id: BootId("boot".to_owned()),
            settings: Settings::default(),
            host: HostState::Focused,
        };
        let mut machine = Self {
            state: State::signed_in(parts, None, signed_in),
            now,
            asked: None,
            commit: None,
            effects: Vec::new(),
        };
        machine.feed(Event::Opened);
        machine
    }

    /// One step.
    pub fn feed(&mut self, event: Event) -> &mut Self {
        self.now.entropy = self
            .now
            .entropy
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let (state, effects) = step(&self.state, event, self.now);
        self.state = state;
        for effect in &effects {
            match effect {
                Effect::Ask {
                    ticket, question, ..
                } => self.asked = Some((*ticket, *question)),
                Effect::Withdraw { .. } => self.asked = None,
                Effect::CommitEnd { ticket, .. }
                | Effect::CommitMayContinue { ticket, .. }
                | Effect::CommitContinue { ticket, .. }
                | Effect::DestroyToken { ticket, .. } => self.commit = Some(*ticket),
                Effect::StoreStanding { .. }
                | Effect::ReadKey
                | Effect::StartTimer { .. }
                | Effect::StopTimer { .. }
                | Effect::Dial { .. }
                | Effect::CloseSocket { .. }
                | Effect::SendPing { .. }
                | Effect::DropPooledConnections
                | Effect::Publish => {}
            }
        }
        if !self.state.is_asking() {
            self.asked = None;
        }
        self.effects = effects;
        self
    }

    /// Answers the open question.
    pub fn answer(&mut self, answer: Answer) -> &mut Self {
        let (ticket, _) = self.asked.expect("no question is open");
        self.feed(Event::Answered { ticket, answer })
    }

    /// The vault did what was asked last.
    pub fn committed(&mut self) -> &mut Self {
        let ticket = self.commit.expect("no transaction was asked for");
        let epoch = self.state.epoch();
        self.feed(Event::Committed { ticket, epoch })
    }

    /// An event of the present socket.
    pub fn socket(&mut self, event: SocketEvent) -> &mut Self {
        let socket = self.state.socket().expect("there is no socket");
        self.feed(Event::Socket { socket, event })
    }

    /// Lets the clocks run.
    pub fn pass(&mut self, by: Duration) -> &mut Self {
        let by = i64::try_from(by.as_millis()).unwrap();
        self.now.boot.0 += by;
        self.now.wall.0 += by;
        self
    }

    /// Goes on to the time at which this timer is due, and fires it.
    pub fn fire(&mut self, timer: Timer) -> &mut Self {
        let at = *self.state.timers().get(&timer).expect("it is not armed");
        self.pass(at.since(self.now.boot));
        self.feed(Event::TimerFired(timer))
    }

    /// The timer that is due first.
    pub fn next_timer(&self) -> Option<(Timer, BootMillis)> {
        self.state
            .timers()
            .iter()
            .map(|(timer, at)| (*timer, *at))
            .min_by_key(|(_, at)| *at)
    }

    /// The present socket, or one that never was.
    pub fn socket_or_stale(&self) -> SocketId {
        self.state.socket().unwrap_or(SocketId(u64::MAX))
    }
}
