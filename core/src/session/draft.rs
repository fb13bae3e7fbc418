//! The state that a step is working on, and the effects it has gathered. Decides nothing: the decisions are in
//! [`standing`](super::standing) and [`link`](super::link).

use std::collections::VecDeque;
use std::time::Duration;

use super::basics::{BootMillis, Now};
use super::effect::Effect;
use super::effect::Question;
use super::event::{
    Answer, ConfigSet, Event, Experiment, Health, Hint, SessionsRead, UnknownWhy, Validation,
};
use super::state::{
    Asked, Commit, CommitKind, HostState, Inquiry, NetworkPath, Reason, Save, SocketId, Standing,
    State, Ticket, Timer,
};
use crate::pace::Dice;
use crate::policy;

/// What an event means for an app that may have been away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Return {
    /// It was not away.
    No,
    /// It was visible without focus for more than a minute.
    Refocused,
    /// It was suspended, or frozen without a word: nothing of the old link is trusted.
    Resumed,
}

pub(super) struct Draft<'a> {
    before: &'a State,
    pub(super) state: State,
    pub(super) now: Now,
    pub(super) dice: Dice,
    effects: Vec<Effect>,
    pub(super) raised: VecDeque<Hint>,
    dirty: bool,
    /// How long the key could not be read is to be stored, even while it cannot.
    counts: bool,
    /// What the event means for an app that may have been away.
    pub(super) returned: Return,
    /// The network came back after it was down.
    pub(super) network_returned: bool,
    /// The timer that fired was held up with the whole process.
    pub(super) late: bool,
    /// The question that was answered.
    pub(super) answered: Option<Inquiry>,
    /// The transaction that was answered.
    pub(super) settled_commit: Option<Commit>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(before: &'a State, now: Now) -> Self {
        let mut state = before.clone();
        if before.host != HostState::Suspended && before.path != NetworkPath::Down {
            let passed = now.boot.since(before.last_step);
            state.online += passed.min(policy::ONLINE_STEP);
        }
        state.last_step = now.boot;
        Self {
            before,
            state,
            now,
            dice: Dice::new(now.entropy),
            effects: Vec::new(),
            raised: VecDeque::new(),
            dirty: false,
            counts: false,
            returned: Return::No,
            network_returned: false,
            late: false,
            answered: None,
            settled_commit: None,
        }
    }

    /// Lets an event in, or none: what belongs to a question, a transaction, a socket or a timer that is no longer ours is
    /// stale and changes nothing. What came over the last network and speaks against the session is asked for once more.
    pub(super) fn admit(&mut self, event: Event) -> Option<Event> {
        match event {
            Event::Answered { ticket, answer } => {
                let inquiry = self.state.inquiry.as_ref()?;
                let fits = inquiry.ticket == ticket
                    && inquiry.epoch == self.state.epoch
                    && answers(inquiry.question, &answer);
                if !fits {
                    return None;
                }
                let (question, asked) = (inquiry.question, inquiry.asked);
                self.answered = self.state.inquiry.take();
                self.disarm(Timer::Answer);
                if asked == Asked::OverTheLast && speaks_against(&answer) {
                    self.ask_once_more(question);
                    return None;
                }
                Some(Event::Answered { ticket, answer })
            }
            Event::TimerFired(timer) => {
                let at = *self.state.timers.get(&timer)?;
                if at > self.now.boot {
                    // It fired before its time, by another clock's rounding.
                    self.effects.push(Effect::StartTimer { timer, at });
                    return None;
                }
                self.disarm(timer);
                let held_up = self.now.boot.since(at);
                self.late = held_up > policy::LATE_TIMER;
                if held_up > policy::FOCUS_VALIDATES_AFTER {
                    self.returned = Return::Resumed;
                    self.cover_if_strict();
                }
                if timer == Timer::Answer {
                    return self.give_up_question();
                }
                Some(Event::TimerFired(timer))
            }
            Event::Committed { ticket, .. }
            | Event::CommitStale { ticket }
            | Event::CommitFailed { ticket } => {
                let commit = self.state.commit.filter(|commit| commit.ticket == ticket)?;
                self.settled_commit = Some(commit);
                Some(event)
            }
            Event::Stored { ticket } | Event::StoreFailed { ticket } => match self.state.save {
                Save::Writing { ticket: latest, .. } if latest == ticket => Some(event),
                Save::Writing { .. } | Save::Clean | Save::Owed { .. } => None,
            },
            Event::Socket { socket, .. } => (self.state.socket() == Some(socket)).then_some(event),
            Event::SignedIn { epoch, .. } => (epoch > self.state.epoch).then_some(event),
            Event::Opened
            | Event::HostChanged(_)
            | Event::NetworkChanged(_)
            | Event::VerifyRequested
            | Event::Hint(_)
            | Event::ConfigSeen(_)
            | Event::KeyUnreadable(_)
            | Event::KeyReadable
            | Event::SignedOut
            | Event::ContinueRequested
            | Event::StorageLost
            | Event::WipePush
            | Event::RestoreWithdrawn
            | Event::SettingsChanged(_) => Some(event),
        }
    }

    /// Notes what an event says about the world, whatever the standing.
    pub(super) fn observe(&mut self, event: &Event) {
        let now = self.now.boot;
        match event {
            Event::Opened => {
                if self.state.host != HostState::Suspended {
                    self.returned = Return::Resumed;
                }
                self.cover_if_strict();
            }
            Event::HostChanged(host) => {
                let from = std::mem::replace(&mut self.state.host, *host);
                let away = self.state.unfocused_since.map(|since| now.since(since));
                self.returned = match (from, *host) {
                    (
                        HostState::Suspended,
                        HostState::Focused | HostState::Running | HostState::Checking,
                    )
                    // What a check has found is seconds old; what the user now sees is asked about all the same.
                    | (HostState::Checking, HostState::Focused | HostState::Running) => {
                        Return::Resumed
                    }
                    (HostState::Running, HostState::Focused)
                        if away.is_some_and(|away| away > policy::FOCUS_VALIDATES_AFTER) =>
                    {
                        Return::Refocused
                    }
                    (HostState::Running | HostState::Focused, _)
                    | (
                        HostState::Suspended | HostState::Checking,
                        HostState::Suspended | HostState::Checking,
                    ) => Return::No,
                };
                if *host == HostState::Focused {
                    self.state.unfocused_since = None;
                } else if self.returned == Return::Resumed || self.state.unfocused_since.is_none() {
                    self.state.unfocused_since = Some(now);
                }
                if self.returned == Return::Resumed {
                    self.cover_if_strict();
                }
                if *host == HostState::Suspended && from != HostState::Suspended {
                    // What only moved in memory is written while there is still time.
                    self.dirty = true;
                    // An idle connection is a socket too, and its timer would wake the process.
                    self.effects.push(Effect::DropPooledConnections);
                }
            }
            Event::NetworkChanged(path) => {
                let from = std::mem::replace(&mut self.state.path, *path);
                self.network_returned = from == NetworkPath::Down && *path != NetworkPath::Down;
                if let Some(inquiry) = &mut self.state.inquiry
                    && *path != NetworkPath::Down
                    && inquiry.asked == Asked::OverThis
                {
                    inquiry.asked = Asked::OverTheLast;
                }
                self.state.ask_pace.reset();
                self.state.link_memory.pace.reset();
                if self.state.host != HostState::Suspended {
                    self.effects.push(Effect::DropPooledConnections);
                }
            }
            Event::ConfigSeen(ConfigSet::Full) => {
                if !self.state.full_config_seen {
                    self.state.full_config_seen = true;
                    self.dirty = true;
                }
            }
            Event::ConfigSeen(ConfigSet::Limited) => {
                if self.state.full_config_seen {
                    self.raised.push_back(Hint::ShrunkenConfig);
                }
            }
            Event::SettingsChanged(settings) => self.state.settings = *settings,
            Event::ConfigSeen(ConfigSet::Unreadable)
            | Event::VerifyRequested
            | Event::Hint(_)
            | Event::Answered { .. }
            | Event::KeyUnreadable(_)
            | Event::KeyReadable
            | Event::SignedOut
            | Event::SignedIn { .. }
            | Event::ContinueRequested
            | Event::StorageLost
            | Event::WipePush
            | Event::RestoreWithdrawn
            | Event::Committed { .. }
            | Event::CommitStale { .. }
            | Event::CommitFailed { .. }
            | Event::Stored { .. }
            | Event::StoreFailed { .. }
            | Event::TimerFired(_)
            | Event::Socket { .. } => {}
        }
    }

    /// Ends the step: nothing runs while suspended, what changed is stored, timers and the app are told.
    pub(super) fn finish(mut self) -> (State, Vec<Effect>) {
        if self.state.host == HostState::Suspended {
            self.withdraw_question();
            self.state.timers.clear();
        }
        self.store();
        let stopped = self.before.timers.keys().copied();
        for timer in stopped.filter(|timer| !self.state.timers.contains_key(timer)) {
            self.effects.push(Effect::StopTimer { timer });
        }
        for (&timer, &at) in &self.state.timers {
            if self.before.timers.get(&timer) != Some(&at) {
                self.effects.push(Effect::StartTimer { timer, at });
            }
        }
        if self.before.view() != self.state.view() {
            self.effects.push(Effect::Publish);
        }
        (self.state, self.effects)
    }

    pub(super) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    pub(super) fn ticket(&mut self) -> Ticket {
        self.state.last_ticket += 1;
        Ticket(self.state.last_ticket)
    }

    pub(super) fn socket_id(&mut self) -> SocketId {
        let id = SocketId(self.state.link_memory.next_socket);
        self.state.link_memory.next_socket += 1;
        id
    }

    pub(super) fn arm(&mut self, timer: Timer, at: BootMillis) {
        self.state.timers.insert(timer, at);
    }

    pub(super) fn arm_in(&mut self, timer: Timer, wait: Duration) {
        self.arm(timer, self.now.boot.after(wait));
    }

    pub(super) fn disarm(&mut self, timer: Timer) {
        self.state.timers.remove(&timer);
    }

    /// Running time as the pace wants it.
    pub(super) fn running(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.now.boot.0).unwrap_or(0))
    }

    /// Takes the standing and has it stored.
    pub(super) fn stand(&mut self, standing: Standing) {
        if self.state.standing != standing {
            self.state.standing = standing;
            self.dirty = true;
        }
    }

    pub(super) fn must_store(&mut self) {
        self.dirty = true;
    }

    pub(super) fn must_count(&mut self) {
        self.counts = true;
    }

    /// What is stored is current: it was written together with what led here.
    pub(super) fn is_stored(&mut self) {
        self.dirty = false;
        self.state.save = Save::Clean;
        self.disarm(Timer::StoreRetry);
    }

    pub(super) fn withdraw_question(&mut self) {
        if let Some(inquiry) = self.state.inquiry.take() {
            self.disarm(Timer::Answer);
            self.effects.push(Effect::Withdraw {
                ticket: inquiry.ticket,
            });
        }
    }

    /// The server asked to be left alone until then.
    pub(super) fn hold(&self) -> BootMillis {
        self.state
            .server_asked_until
            .map_or(self.now.boot, |until| until.max(self.now.boot))
    }

    pub(super) fn hold_for(&mut self, retry_after: Option<Duration>) {
        if let Some(asked) = retry_after {
            let until = self
                .now
                .boot
                .after(crate::pace::honour(asked, &mut self.dice));
            self.state.server_asked_until = self.state.server_asked_until.max(Some(until));
        }
    }

    /// The standing was not written; it is tried again, later each time.
    pub(super) fn store_failed(&mut self) {
        if let Save::Writing { failures, .. } = self.state.save {
            let failures = failures.saturating_add(1);
            self.state.save = Save::Owed { failures };
            if let Some(unreadable) = &mut self.state.unreadable {
                unreadable.written = false;
            }
            self.arm_in(Timer::StoreRetry, retry_wait(failures));
        }
    }

    fn store(&mut self) {
        let failures = match self.state.save {
            Save::Clean => 0,
            Save::Writing { failures, .. } | Save::Owed { failures } => failures,
        };
        let owed = matches!(self.state.save, Save::Owed { .. })
            && !self.state.timers.contains_key(&Timer::StoreRetry)
            && (self.state.host != HostState::Suspended
                || self.before.host != HostState::Suspended);
        if !self.dirty && !owed && !self.counts {
            return;
        }
        // A key store that is not readable now causes no write but that of how long it has been so; and what is written after a
        // transaction that is under way would undo it.
        let locked = matches!(self.state.standing, Standing::Locked { .. }) && !self.counts;
        let held_up = self.state.commit.is_some() && !(self.counts && self.sign_out_waits());
        if locked || held_up {
            self.state.save = Save::Owed { failures };
            return;
        }
        if let Some(unreadable) = &mut self.state.unreadable {
            unreadable.written = unreadable.counted;
        }
        let ticket = self.ticket();
        self.disarm(Timer::StoreRetry);
        self.state.save = Save::Writing { ticket, failures };
        self.effects.push(Effect::StoreStanding {
            ticket,
            epoch: self.state.epoch,
            stored: self.state.stored(self.now),
        });
    }

    /// A sign-out was refused, as by the key store, and is tried again later. If it is on disk all the same, it has raised the
    /// epoch there, so that nothing written meanwhile undoes it.
    fn sign_out_waits(&self) -> bool {
        self.state
            .commit
            .is_some_and(|commit| commit.kind == CommitKind::End(Reason::SignedOut))
            && self.state.timers.contains_key(&Timer::CommitRetry)
    }

    fn cover_if_strict(&mut self) {
        let limit = self.state.settings.cover_until_validated_after;
        let age = self.state.validated_at.map(|at| self.now.boot.since(at));
        let is_old = limit.is_some_and(|limit| age.is_none_or(|age| age >= limit));
        let was_offline_too_long = self
            .max_offline_ends()
            .is_some_and(|end| end <= self.now.boot);
        self.state.cover_until_valid |= (is_old || was_offline_too_long)
            && matches!(
                self.state.standing,
                Standing::Active | Standing::Locked { .. }
            );
    }

    /// The open question has had its time: silence is the answer.
    fn give_up_question(&mut self) -> Option<Event> {
        let inquiry = self.state.inquiry.take()?;
        let ticket = inquiry.ticket;
        self.effects.push(Effect::Withdraw { ticket });
        let answer = match inquiry.question {
            Question::UserMe => Answer::Validation(Validation::Unknown {
                why: UnknownWhy::Transport,
                retry_after: None,
            }),
            Question::Health => Answer::Health(Health::Silent),
            Question::Sessions => Answer::Sessions(SessionsRead::Other),
            Question::ConfigExperiment => Answer::Experiment(Experiment {
                with_token: ConfigSet::Unreadable,
                without_token: ConfigSet::Unreadable,
                same: false,
            }),
        };
        self.answered = Some(inquiry);
        Some(Event::Answered { ticket, answer })
    }
}

/// Whether an answer may be held against the session or the user, or lets another one be.
fn speaks_against(answer: &Answer) -> bool {
    match answer {
        Answer::Validation(
            Validation::Gone { .. }
            | Validation::MfaRequired
            | Validation::Refused
            | Validation::HeadersLost,
        )
        | Answer::Sessions(SessionsRead::MfaRequired)
        | Answer::Experiment(_)
        | Answer::Health(Health::Healthy | Health::Absent) => true,
        Answer::Validation(Validation::Valid { .. } | Validation::Unknown { .. })
        | Answer::Sessions(SessionsRead::Read | SessionsRead::Other)
        | Answer::Health(Health::Unhealthy | Health::Silent | Health::OtherServer) => false,
    }
}

/// The wait before a write that failed is tried again.
pub(super) fn retry_wait(failures: u32) -> Duration {
    crate::pace::doubled(
        policy::COMMIT_RETRY,
        policy::COMMIT_RETRY_CAP,
        failures.saturating_sub(1),
    )
}

fn answers(question: Question, answer: &Answer) -> bool {
    match (question, answer) {
        (Question::UserMe, Answer::Validation(_))
        | (Question::Health, Answer::Health(_))
        | (Question::Sessions, Answer::Sessions(_))
        | (Question::ConfigExperiment, Answer::Experiment(_)) => true,
        (
            Question::UserMe | Question::Health | Question::Sessions | Question::ConfigExperiment,
            Answer::Validation(_) | Answer::Health(_) | Answer::Sessions(_) | Answer::Experiment(_),
        ) => false,
    }
}
