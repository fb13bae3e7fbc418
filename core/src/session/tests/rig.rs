//! A machine on a bench: time moves when told, effects are kept, answers are given by the test.

use std::time::Duration;

use crate::session::{
    Answer, BootId, BootMillis, Effect, Epoch, Event, Health, HostState, Now, Question, Reason,
    Settings, SocketEvent, SocketId, Standing, State, StoredParts, StoredStanding, Ticket, Timer,
    UnixMillis, Validation, step,
};

pub(super) const fn seconds(value: u64) -> Duration {
    Duration::from_secs(value)
}

pub(super) const fn minutes(value: u64) -> Duration {
    Duration::from_secs(value * 60)
}

/// When every story begins, by running time and by the wall.
pub(super) const START: i64 = 3_600_000;
pub(super) const WALL: i64 = 1_795_500_000_000;

pub(super) struct Rig {
    pub(super) state: State,
    pub(super) now: Now,
    /// Effects of the last event or of the whole last advance.
    pub(super) effects: Vec<Effect>,
    /// The server answers pings while time passes.
    pub(super) answers_pings: bool,
}

pub(super) fn now(boot: i64) -> Now {
    Now {
        boot: BootMillis(boot),
        wall: UnixMillis(WALL + boot - START),
        entropy: 7,
    }
}

pub(super) fn parts(host: HostState) -> StoredParts {
    StoredParts {
        epoch: Epoch(3),
        standing: None,
        boot_id: BootId("first".to_owned()),
        settings: Settings::default(),
        host,
    }
}

impl Rig {
    /// An account that was signed in an hour ago, in front, with everything well: link live, no question open.
    pub(super) fn well() -> Self {
        let mut rig = Self::opened(State::signed_in(
            parts(HostState::Focused),
            Some(UnixMillis(WALL)),
            now(START - 3_600_000),
        ));
        rig.answer(valid());
        rig.go_live();
        rig.effects.clear();
        rig
    }

    pub(super) fn opened(state: State) -> Self {
        let mut rig = Self {
            state,
            now: now(START),
            effects: Vec::new(),
            answers_pings: true,
        };
        rig.feed(Event::Opened);
        rig
    }

    /// The app started anew by what is stored of this one, with these parts around it.
    pub(super) fn restarted(&self, parts: StoredParts, now: Now) -> Self {
        let parts = StoredParts {
            standing: Some(self.stored().text),
            ..parts
        };
        let mut rig = Self {
            state: State::restored(parts, now).unwrap(),
            now,
            effects: Vec::new(),
            answers_pings: true,
        };
        rig.feed(Event::Opened);
        rig
    }

    pub(super) fn with_settings(settings: Settings) -> Self {
        let mut rig = Self::well();
        rig.feed(Event::SettingsChanged(settings));
        rig
    }

    pub(super) fn feed(&mut self, event: Event) -> &mut Self {
        self.now.entropy = self.now.entropy.wrapping_mul(31).wrapping_add(1);
        let (state, effects) = step(&self.state, event, self.now);
        self.state = state;
        self.effects.extend(effects);
        self
    }

    /// Effects since the last call.
    pub(super) fn take(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    pub(super) fn names(&mut self) -> Vec<&'static str> {
        self.take()
            .iter()
            .map(Effect::name)
            .filter(|name| !matches!(*name, "StartTimer" | "StopTimer" | "Publish"))
            .collect()
    }

    /// Lets time pass, firing every timer when it is due.
    pub(super) fn advance(&mut self, by: Duration) -> &mut Self {
        let end = self.now.boot.after(by);
        while let Some((timer, at)) = self.next_timer()
            && at <= end
        {
            self.set(at.max(self.now.boot));
            self.feed(Event::TimerFired(timer));
            let pinged = matches!(timer, Timer::Heartbeat | Timer::PongDue);
            if pinged && self.answers_pings && self.state.socket().is_some() {
                self.socket(SocketEvent::PongOk);
            }
        }
        self.set(end);
        self
    }

    /// Lets time pass without a timer firing, as when the process is frozen.
    pub(super) fn freeze(&mut self, by: Duration) -> &mut Self {
        self.set(self.now.boot.after(by));
        self
    }

    pub(super) fn due_in(&self, timer: Timer) -> Option<Duration> {
        self.state
            .timers()
            .get(&timer)
            .map(|at| at.since(self.now.boot))
    }

    /// Fires this timer when it is due, whatever the others do.
    pub(super) fn at(&mut self, timer: Timer) -> &mut Self {
        let at = self.state.timers()[&timer];
        self.set(at.max(self.now.boot));
        self.feed(Event::TimerFired(timer))
    }

    pub(super) fn answer(&mut self, answer: Answer) -> &mut Self {
        let (ticket, _) = self.open_question().expect("no question is open");
        self.feed(Event::Answered { ticket, answer })
    }

    pub(super) fn open_question(&self) -> Option<(Ticket, Question)> {
        self.state
            .inquiry
            .as_ref()
            .map(|inquiry| (inquiry.ticket, inquiry.question))
    }

    pub(super) fn question(&self) -> Option<Question> {
        self.open_question().map(|(_, question)| question)
    }

    /// The vault did what was asked last.
    pub(super) fn commit(&mut self) -> &mut Self {
        let ticket = self.commit_ticket();
        let epoch = self.state.epoch();
        self.feed(Event::Committed { ticket, epoch })
    }

    pub(super) fn commit_ticket(&self) -> Ticket {
        self.state
            .commit
            .expect("no transaction is under way")
            .ticket
    }

    pub(super) fn socket(&mut self, event: SocketEvent) -> &mut Self {
        let socket = self.state.socket().expect("there is no socket");
        self.feed(Event::Socket { socket, event })
    }

    pub(super) fn socket_id(&self) -> SocketId {
        self.state.socket().expect("there is no socket")
    }

    pub(super) fn go_live(&mut self) -> &mut Self {
        self.at(Timer::Dial);
        self.socket(SocketEvent::Upgraded);
        self.socket(hello("c1"))
    }

    /// Through the second look, as far as the answers go.
    pub(super) fn second_look(&mut self, health: Health, validation: Answer) -> &mut Self {
        self.at(Timer::Look);
        self.answer(Answer::Health(health));
        self.answer(validation)
    }

    pub(super) fn stored(&self) -> StoredStanding {
        self.state.stored(self.now)
    }

    pub(super) fn ended(&self) -> Option<Reason> {
        match self.state.standing() {
            Standing::Ended(ended) => Some(ended.reason),
            Standing::Active
            | Standing::Suspect(_)
            | Standing::NeedsMfa
            | Standing::Locked { .. }
            | Standing::Unverifiable(_) => None,
        }
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.state.standing().name() == name
    }

    fn next_timer(&self) -> Option<(Timer, BootMillis)> {
        self.state
            .timers()
            .iter()
            .map(|(timer, at)| (*timer, *at))
            .min_by_key(|(_, at)| *at)
    }

    fn set(&mut self, boot: BootMillis) {
        let passed = boot.0 - self.now.boot.0;
        self.now.boot = boot;
        self.now.wall.0 += passed;
    }
}

/// Content is covered after an hour without the server, and sign-in is offered.
pub(super) fn an_hour_offline() -> Settings {
    Settings {
        max_offline: Some(minutes(60)),
        ..Settings::default()
    }
}

/// Content is covered on resume when the last validation is older than a quarter of an hour.
pub(super) fn strict() -> Settings {
    Settings {
        cover_until_validated_after: Some(minutes(15)),
        ..Settings::default()
    }
}

pub(super) fn valid() -> Answer {
    Answer::Validation(Validation::Valid { server_date: None })
}

pub(super) fn gone() -> Answer {
    Answer::Validation(Validation::Gone { server_date: None })
}

pub(super) fn hello(connection: &str) -> SocketEvent {
    SocketEvent::Hello {
        connection_id: Some(connection.to_owned()),
        resumed: false,
    }
}
