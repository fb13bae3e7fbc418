//! Ten thousand devices whose sessions an administrator ends at one moment. Each is the real machine; it finds out by its own
//! heartbeat, asks, looks at the server's health, and asks once more. None of that may come in step.
// Test support may stop the test at once when its own assumptions do not hold.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use steadfast::session::{
    Answer, Effect, Event, Health, Question, SocketEvent, SocketId, Standing, Ticket, Timer,
};
use steadfast_simulation::events::{GONE, VALID};
use steadfast_simulation::machine::{Machine, START};

const DEVICES: usize = 10_000;
/// When the sessions are ended, by running time: all machines have been live for a while.
const REVOKED: i64 = START + 60_000;
/// How long an answer takes.
const ANSWER: i64 = 100;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Timer(Timer),
    PingRefused(SocketId),
    Answered(Ticket, bool),
}

#[derive(Default)]
struct Story {
    due: BinaryHeap<Reverse<(i64, usize, Due)>>,
    /// Seconds since the revocation → what was asked in it.
    validations: Vec<usize>,
    health: Vec<usize>,
    ended: Vec<i64>,
}

impl Story {
    fn follow(&mut self, number: usize, machine: &mut Machine) {
        let at = machine.now.boot.0;
        let second = usize::try_from((at - REVOKED) / 1_000).unwrap();
        let mut effects = machine.effects.clone();
        while let Some(effect) = effects.pop() {
            match effect {
                Effect::StartTimer { timer, at } => {
                    self.due.push(Reverse((at.0, number, Due::Timer(timer))));
                }
                Effect::SendPing { socket } => {
                    let refused = Due::PingRefused(socket);
                    self.due.push(Reverse((at + ANSWER, number, refused)));
                }
                Effect::Ask {
                    ticket, question, ..
                } => {
                    let health = matches!(question, Question::Health);
                    let counts = if health {
                        &mut self.health
                    } else {
                        &mut self.validations
                    };
                    counts.resize(counts.len().max(second + 1), 0);
                    counts[second] += 1;
                    let answered = Due::Answered(ticket, health);
                    self.due.push(Reverse((at + ANSWER, number, answered)));
                }
                Effect::CommitEnd { .. } => {
                    machine.committed();
                    effects.extend(machine.effects.clone());
                    if matches!(machine.state.standing(), Standing::Ended { .. }) {
                        self.ended.push(at - REVOKED);
                    }
                }
                _ => {}
            }
        }
    }
}

/// Hazard A25.
#[test]
fn a_fleet_that_is_revoked_at_once_does_not_ask_in_step() {
    let mut devices = Vec::with_capacity(DEVICES);
    let mut story = Story::default();
    for number in 0..DEVICES {
        let mut machine = Machine::opened((number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        machine.answer(VALID);
        machine.fire(Timer::Dial);
        machine.socket(SocketEvent::Upgraded);
        machine.socket(SocketEvent::Hello {
            connection_id: None,
            resumed: false,
        });
        while let Some((timer, at)) = machine.next_timer() {
            if at.0 >= REVOKED {
                break;
            }
            machine.fire(timer);
            if machine
                .effects
                .iter()
                .any(|effect| matches!(effect, Effect::SendPing { .. }))
            {
                machine.socket(SocketEvent::PongOk);
            }
        }
        machine.pass(Duration::from_millis(
            u64::try_from(REVOKED - machine.now.boot.0).unwrap(),
        ));
        for (timer, at) in machine.state.timers() {
            story.due.push(Reverse((at.0, number, Due::Timer(*timer))));
        }
        devices.push(machine);
    }
    while story.ended.len() < DEVICES {
        let Reverse((at, number, due)) = story.due.pop().expect("everybody learns of it");
        assert!(at < REVOKED + 300_000, "not everybody learned of it");
        let machine = &mut devices[number];
        let event = match due {
            Due::Timer(timer) => {
                let armed = machine.state.timers().get(&timer).copied();
                if armed.map(|armed| armed.0) != Some(at) {
                    continue;
                }
                Event::TimerFired(timer)
            }
            Due::PingRefused(socket) => Event::Socket {
                socket,
                event: SocketEvent::Fail,
            },
            Due::Answered(ticket, health) => {
                let answer = if health {
                    Answer::Health(Health::Healthy)
                } else {
                    GONE
                };
                Event::Answered { ticket, answer }
            }
        };
        let by = at - machine.now.boot.0;
        machine.pass(Duration::from_millis(u64::try_from(by).unwrap()));
        machine.feed(event);
        story.follow(number, machine);
    }
    let validations: usize = story.validations.iter().sum();
    let health: usize = story.health.iter().sum();
    let peak = *story.validations.iter().max().unwrap();
    let health_peak = *story.health.iter().max().unwrap();
    let last = story.ended.iter().max().unwrap() / 1_000;
    println!(
        "revoked at once: {validations} validations, at most {peak} in a second; {health} questions about health, at most \
         {health_peak} in a second; the last device is out after {last} s"
    );
    // Two looks and one question about the server's health each, and no more.
    assert_eq!(validations, 2 * DEVICES);
    assert_eq!(health, DEVICES);
    // In step it would be ten thousand in one second.
    assert!(peak < DEVICES / 3, "{:?}", story.validations);
    assert!(health_peak < DEVICES / 5, "{:?}", story.health);
    assert!(last < 35, "{last}");
}
