//! Ten thousand random stories, told to the machine and to the plain model beside it.
// Test support may stop the test at once when its own assumptions do not hold.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use steadfast::policy;
use steadfast::session::{
    Answer, ConfigSet, Effect, Epoch, Event, Health, Hint, HostState, KeyTrouble, Link,
    NetworkPath, Question, SessionsRead, Standing, Ticket, Timer, Validation,
};
use steadfast_simulation::events::{GONE, LIMITED, REFUSED, VALID, answers, socket_events};
use steadfast_simulation::machine::Machine;
use steadfast_simulation::reference::{Belief, End, Reference};

/// One thing that happens, told by two bytes so that a failing story shrinks well.
#[derive(Debug, Clone, Copy)]
struct Move {
    what: u8,
    which: u8,
}

fn story() -> impl Strategy<Value = (u64, Vec<Move>)> {
    let a_move = (any::<u8>(), any::<u8>()).prop_map(|(what, which)| Move { what, which });
    (any::<u64>(), prop::collection::vec(a_move, 1..80))
}

/// A story that is all about a suspicion: looks, answers that keep it alive, and now and then something else.
fn doubtful_story() -> impl Strategy<Value = (u64, Vec<Move>)> {
    let kind = prop_oneof![
        12 => 0_u8..110,
        8 => 110_u8..160,
        1 => 160_u8..212,
    ];
    let a_move = (kind, any::<u8>()).prop_map(|(what, which)| Move { what, which });
    (any::<u64>(), prop::collection::vec(a_move, 40..120))
}

struct Pair {
    machine: Machine,
    model: Reference,
    /// Most answers keep a suspicion alive.
    doubtful: bool,
    /// The question that was open when the network last changed.
    over_the_last: Option<Ticket>,
    /// The look that the open question goes on with, if it does not begin one.
    look: Option<Look>,
}

/// What has been in a look before its last question.
#[derive(Clone, Copy)]
struct Look {
    question: Ticket,
    /// The server has said how it is.
    health: bool,
    /// It was begun anew because the network had changed.
    anew: bool,
}

impl Pair {
    fn play(&mut self, a_move: Move) {
        let which = usize::from(a_move.which);
        match a_move.what {
            // Most of what happens is that the question is answered, and that time passes.
            0..=109 => self.answer(a_move),
            110..=159 => self.next_timer(),
            160..=169 => {
                let waits = [1, 500, 3_000, 20_000, 130_000, 650_000];
                let wait = Duration::from_millis(waits[which % waits.len()]);
                self.machine.pass(wait);
            }
            170..=179 => {
                let socket = self.machine.socket_or_stale();
                let events = socket_events();
                let event = events[which % events.len()].clone();
                self.feed(Event::Socket { socket, event });
            }
            180..=189 => {
                let hosts = [
                    HostState::Focused,
                    HostState::Running,
                    HostState::Suspended,
                    HostState::Checking,
                ];
                self.feed(Event::HostChanged(hosts[which % hosts.len()]));
            }
            190..=197 => {
                let paths = [NetworkPath::Up, NetworkPath::Down, NetworkPath::Unknown];
                let path = paths[which % 3];
                if let Some((ticket, _)) = self.machine.asked
                    && path != NetworkPath::Down
                {
                    self.over_the_last = Some(ticket);
                }
                self.feed(Event::NetworkChanged(path));
            }
            198..=205 => self.feed(Event::VerifyRequested),
            206..=211 => self.feed(Event::Hint(Hint::Push)),
            212..=214 => {
                let troubles = [KeyTrouble::Unavailable, KeyTrouble::Other];
                self.feed(Event::KeyUnreadable(troubles[which % 2]));
                self.model.locked |= self.model.belief != Belief::Over;
            }
            215..=219 => {
                self.feed(Event::KeyReadable);
                self.model.locked = false;
            }
            220 => {
                self.feed(Event::KeyUnreadable(KeyTrouble::Absent));
                self.end(End::KeyLost);
            }
            221 => {
                self.feed(Event::StorageLost);
                self.end(End::StorageLost);
            }
            222..=223 => {
                self.feed(Event::SignedOut);
                self.end(End::SignedOut);
            }
            224..=226 => {
                let epoch = Epoch(self.machine.state.epoch().0 + 1);
                self.feed(Event::SignedIn {
                    epoch,
                    server_date: None,
                });
                self.model.signed_in(self.machine.now.boot.0);
            }
            227..=229 => {
                self.feed(Event::WipePush);
                if self.model.belief == Belief::Over {
                    self.end(End::Wiped);
                } else {
                    self.model.wipe = true;
                }
            }
            230..=245 => self.commit(),
            246..=248 => {
                if let Some(ticket) = self.machine.commit {
                    self.feed(Event::CommitFailed { ticket });
                }
            }
            249..=250 => self.feed(Event::RestoreWithdrawn),
            251..=253 => self.feed(Event::ContinueRequested),
            254..=255 => self.feed(Event::StoreFailed {
                ticket: Ticket(u64::from(a_move.which)),
            }),
        }
    }

    fn feed(&mut self, event: Event) {
        self.machine.feed(event);
    }

    /// After the end only what the machine kept can be ended again; the model believes what it asked the vault for.
    fn end(&mut self, end: End) {
        if self.model.belief != Belief::Over || self.asked_to_end() {
            self.model.end(end);
        }
    }

    fn asked_to_end(&self) -> bool {
        let asked = |effect: &Effect| matches!(effect, Effect::CommitEnd { .. });
        self.machine.effects.iter().any(asked)
    }

    fn next_timer(&mut self) {
        if let Some((timer, at)) = self.machine.next_timer() {
            self.machine.pass(at.since(self.machine.now.boot));
            let asked = self.machine.asked;
            let slept = self.machine.now.boot.since(at) > policy::FOCUS_VALIDATES_AFTER;
            self.feed(Event::TimerFired(timer));
            match timer {
                // Sleep is no silence of the server's: it is asked first.
                Timer::Wipe if slept => {}
                Timer::Wipe => self.end(End::Wiped),
                Timer::Answer => {
                    if let Some((ticket, question)) = asked {
                        self.go_on(ticket, question);
                    }
                    match asked.map(|(_, question)| question) {
                        Some(Question::Health) => self.model.health(Health::Silent),
                        Some(
                            Question::UserMe | Question::Sessions | Question::ConfigExperiment,
                        )
                        | None => self.model.in_vain(),
                    }
                }
                _ => {}
            }
        }
    }

    fn answer(&mut self, a_move: Move) {
        let Some((ticket, question)) = self.machine.asked else {
            return;
        };
        let fitting: Vec<Answer> = match question {
            Question::UserMe => {
                // Evidence is what the stories are about.
                let mut fitting = vec![GONE, GONE, GONE, GONE, VALID, REFUSED, REFUSED];
                fitting.extend(answers());
                fitting.retain(|answer| matches!(answer, Answer::Validation(_)));
                fitting
            }
            Question::Health => [
                Health::Healthy,
                Health::Absent,
                Health::Absent,
                Health::Unhealthy,
                Health::Silent,
                Health::OtherServer,
            ]
            .map(Answer::Health)
            .to_vec(),
            Question::Sessions => [
                SessionsRead::Read,
                SessionsRead::MfaRequired,
                SessionsRead::Other,
            ]
            .map(Answer::Sessions)
            .to_vec(),
            Question::ConfigExperiment => answers()
                .into_iter()
                .filter(|answer| matches!(answer, Answer::Experiment(_)))
                .collect(),
        };
        let usual = match question {
            Question::UserMe if a_move.which < 200 => GONE,
            Question::UserMe => REFUSED,
            Question::Health if a_move.which < 190 => Answer::Health(Health::Absent),
            Question::Health if a_move.which < 210 => Answer::Health(Health::OtherServer),
            Question::Health => Answer::Health(Health::Unhealthy),
            Question::Sessions => Answer::Sessions(SessionsRead::Read),
            Question::ConfigExperiment => LIMITED,
        };
        let answer = if self.doubtful && a_move.which < 230 {
            usual
        } else {
            fitting[usize::from(a_move.which) % fitting.len()].clone()
        };
        let over = self.model.belief == Belief::Over;
        let now = self.machine.now.boot.0;
        self.machine.answer(answer.clone());
        let look = self.look.filter(|look| look.question == ticket);
        let anew = look.is_some_and(|look| look.anew);
        if self.over_the_last == Some(ticket) && !anew && speaks_against(&answer) {
            // Whoever said it may not have been the server, nor may whoever said before how that was.
            let (ticket, asked) = self.machine.asked.expect("asked once more");
            if look.is_some_and(|look| look.health) {
                assert_eq!(asked, Question::Health);
                self.model.in_vain();
                ANEW.fetch_add(1, Ordering::Relaxed);
            } else {
                assert_eq!(asked, question);
            }
            self.look = Some(Look {
                question: ticket,
                health: false,
                anew: true,
            });
            return;
        }
        self.go_on(ticket, question);
        if over {
            return;
        }
        if answer == VALID {
            self.model.valid();
        } else if answer == GONE {
            self.model.evidence(now, true);
        } else if answer == LIMITED {
            self.experiment(now);
        } else {
            match answer {
                Answer::Health(health) => self.model.health(health),
                Answer::Sessions(SessionsRead::Read) => self.model.sessions_read(),
                Answer::Sessions(SessionsRead::MfaRequired) => self.model.mfa(),
                Answer::Sessions(SessionsRead::Other) => {}
                Answer::Validation(Validation::MfaRequired) => self.model.mfa(),
                // A refusal may be followed by the experiment of the same look.
                Answer::Validation(_) if self.machine.asked.is_some() => {}
                Answer::Validation(_) | Answer::Experiment(_) => self.model.in_vain(),
            }
        }
    }

    /// After the answer to a question: the next one may belong to the same look.
    fn go_on(&mut self, answered: Ticket, question: Question) {
        let look = self.look.filter(|look| look.question == answered);
        self.look = self.machine.asked.and_then(|(next, asked)| {
            let same = match asked {
                Question::UserMe => question == Question::Health,
                Question::Sessions | Question::ConfigExperiment => true,
                Question::Health => false,
            };
            same.then_some(Look {
                question: next,
                // The sessions are read after a 200, which ends every doubt.
                health: asked != Question::Sessions
                    && (question == Question::Health || look.is_some_and(|look| look.health)),
                anew: look.is_some_and(|look| look.anew),
            })
        });
    }

    /// The experiment's piece is not weighed at all while the database is unwell.
    fn experiment(&mut self, now: i64) {
        if self.model.is_unwell() {
            self.model.in_vain();
        } else {
            self.model.evidence(now, false);
        }
    }

    fn commit(&mut self) {
        let before = self.machine.state.standing().name();
        if self.machine.commit.is_none() {
            return;
        }
        self.machine.committed();
        if self.model.ending.is_some() {
            self.model.ended();
        } else if before == "Ended" && *self.machine.state.standing() == Standing::Active {
            // The user took the offer.
            let signed_in = self.machine.now.boot.0 - 3_600_000;
            self.model.signed_in(signed_in);
        }
        self.machine.commit = None;
    }

    fn compare(&self) {
        let state = &self.machine.state;
        let standing = state.standing();
        let beneath = match standing {
            Standing::Locked { beneath } => {
                assert!(self.model.locked);
                beneath
            }
            other => {
                assert!(!self.model.locked, "{other}");
                other
            }
        };
        let fits = match self.model.belief {
            Belief::Active => *beneath == Standing::Active,
            Belief::Doubt { .. } => {
                matches!(beneath, Standing::Suspect(_) | Standing::Unverifiable(_))
            }
            Belief::Mfa => *beneath == Standing::NeedsMfa,
            Belief::Over => matches!(beneath, Standing::Ended(_)),
        };
        assert!(fits, "{standing} but {:?}", self.model);
        assert_eq!(
            state.is_ending(),
            self.model.ending.is_some(),
            "{:?}",
            self.model
        );
        assert_eq!(
            state.cover(),
            self.model.covered(),
            "{standing} {:?}",
            self.model
        );
        if let Link::Live { .. } | Link::Connecting { .. } = state.link() {
            assert!(
                state.host() != HostState::Suspended
                    && state.host() != HostState::Checking
                    && state.path() != NetworkPath::Down
            );
        }
    }
}

fn speaks_against(answer: &Answer) -> bool {
    match answer {
        Answer::Validation(validation) => !matches!(
            validation,
            Validation::Valid { .. } | Validation::Unknown { .. }
        ),
        Answer::Sessions(read) => *read == SessionsRead::MfaRequired,
        Answer::Experiment(_) => true,
        // It lets what is said next end the session.
        Answer::Health(health) => matches!(health, Health::Healthy | Health::Absent),
    }
}

fn tell(entropy: u64, moves: Vec<Move>, doubtful: bool) -> Pair {
    let mut machine = Machine::opened(entropy);
    machine.feed(Event::ConfigSeen(ConfigSet::Full));
    let model = Reference::new(machine.now.boot.0 - 7_200_000);
    let mut pair = Pair {
        machine,
        model,
        doubtful,
        over_the_last: None,
        look: None,
    };
    for a_move in moves {
        pair.play(a_move);
        pair.compare();
    }
    pair
}

// What the stories reached, so that a change of theirs cannot make the test empty.
static VERDICTS: AtomicU32 = AtomicU32::new(0);
static SLOW_VERDICTS: AtomicU32 = AtomicU32::new(0);
static ANEW: AtomicU32 = AtomicU32::new(0);

/// 10,000 stories, or as many as the long run asks for.
fn stories() -> u32 {
    let asked = std::env::var("STEADFAST_STORIES").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(10_000)
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: stories(),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

#[test]
fn the_machine_believes_what_the_plain_model_believes() {
    proptest!(config(), |((entropy, moves) in story())| {
        tell(entropy, moves, false);
    });
}

#[test]
fn a_suspicion_becomes_a_verdict_when_the_plain_model_says_so() {
    proptest!(config(), |((entropy, moves) in doubtful_story())| {
        let pair = tell(entropy, moves, true);
        if pair.model.ending == Some(End::Gone) {
            VERDICTS.fetch_add(1, Ordering::Relaxed);
            if pair.model.was_slow() {
                SLOW_VERDICTS.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let ends = VERDICTS.load(Ordering::Relaxed);
    let slow = SLOW_VERDICTS.load(Ordering::Relaxed);
    let anew = ANEW.load(Ordering::Relaxed);
    println!("{ends} stories came to a verdict, {slow} of them on the long ladder");
    println!("{anew} looks were begun anew over another network");
    assert!(ends > 1_000 && slow > 100 && anew > 100);
}
