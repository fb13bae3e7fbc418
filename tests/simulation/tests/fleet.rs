//! Ten thousand devices whose server goes away for 45 seconds and then accepts 500 of them a second. Each device is the real
//! machine; only the network between is simulated.
// Test support may stop the test at once when its own assumptions do not hold.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use steadfast::session::{
    Effect, Event, Link, SocketEnd, SocketEvent, SocketId, Timer, UnknownWhy,
};
use steadfast_simulation::events::VALID;
use steadfast_simulation::machine::{Machine, START};

const DEVICES: usize = 10_000;
const ACCEPTED_PER_SECOND: usize = 500;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Timer(Timer),
    Hello(SocketId),
    Pong(SocketId),
    Failed(SocketId),
}

struct Fleet {
    devices: Vec<Machine>,
    /// Milliseconds since the start, device, what.
    due: BinaryHeap<Reverse<(i64, usize, Due)>>,
    back_at: i64,
    /// Seconds of the story → upgrades accepted and tried in it.
    accepted: Vec<usize>,
    tried: Vec<usize>,
    live_at: Vec<Option<i64>>,
}

struct Outcome {
    half: i64,
    most: i64,
    all: i64,
    peak: usize,
    tries: f64,
}

impl Fleet {
    fn run(away: Duration) -> Outcome {
        let away = i64::try_from(away.as_millis()).unwrap();
        let mut devices = Vec::with_capacity(DEVICES);
        for number in 0..DEVICES {
            let mut machine = Machine::opened((number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
            machine.answer(VALID);
            machine.fire(Timer::Dial);
            machine.socket(SocketEvent::Upgraded);
            machine.socket(hello());
            // Long enough for the pace to be forgotten; all pings answered.
            machine.pass(Duration::from_secs(40));
            machine.feed(Event::TimerFired(Timer::PaceReset));
            machine.now.boot.0 = START + 60_000;
            devices.push(machine);
        }
        let mut fleet = Self {
            devices,
            due: BinaryHeap::new(),
            back_at: away,
            accepted: vec![0; 4_000],
            tried: vec![0; 4_000],
            live_at: vec![None; DEVICES],
        };
        for number in 0..DEVICES {
            let socket = fleet.devices[number].state.socket().unwrap();
            fleet.tell(
                number,
                0,
                Event::Socket {
                    socket,
                    event: SocketEvent::Ended(SocketEnd::ByServer),
                },
            );
        }
        while fleet.live_at.iter().any(Option::is_none) {
            let Reverse((at, number, due)) = fleet.due.pop().unwrap();
            assert!(at < 1_000_000, "not everybody came back");
            let event = match due {
                Due::Timer(timer) => {
                    let armed = fleet.devices[number].state.timers().get(&timer).copied();
                    if armed.map(|armed| armed.0 - START - 60_000) != Some(at) {
                        continue;
                    }
                    Event::TimerFired(timer)
                }
                Due::Hello(socket) => {
                    fleet.tell(
                        number,
                        at,
                        Event::Socket {
                            socket,
                            event: SocketEvent::Upgraded,
                        },
                    );
                    Event::Socket {
                        socket,
                        event: hello(),
                    }
                }
                Due::Pong(socket) => Event::Socket {
                    socket,
                    event: SocketEvent::PongOk,
                },
                Due::Failed(socket) => Event::Socket {
                    socket,
                    event: SocketEvent::DialFailed {
                        why: UnknownWhy::Transport,
                        retry_after: None,
                    },
                },
            };
            fleet.tell(number, at, event);
        }
        fleet.outcome()
    }

    fn tell(&mut self, number: usize, at: i64, event: Event) {
        let machine = &mut self.devices[number];
        machine.now.boot.0 = START + 60_000 + at;
        machine.feed(event);
        if matches!(machine.state.link(), Link::Live { .. }) && self.live_at[number].is_none() {
            self.live_at[number] = Some(at);
        }
        for effect in machine.effects.clone() {
            match effect {
                Effect::StartTimer { timer, at } => {
                    let at = at.0 - START - 60_000;
                    self.due.push(Reverse((at, number, Due::Timer(timer))));
                }
                Effect::Dial { socket, .. } => {
                    let due = self.dialled(at, socket);
                    self.due.push(Reverse((at + 100, number, due)));
                }
                Effect::SendPing { socket } => {
                    self.due
                        .push(Reverse((at + 100, number, Due::Pong(socket))));
                }
                _ => {}
            }
        }
    }

    /// The server's side of a dial: away, full, or welcome.
    fn dialled(&mut self, at: i64, socket: SocketId) -> Due {
        let second = usize::try_from(at / 1_000).unwrap();
        self.tried[second] += 1;
        if at >= self.back_at && self.accepted[second] < ACCEPTED_PER_SECOND {
            self.accepted[second] += 1;
            Due::Hello(socket)
        } else {
            Due::Failed(socket)
        }
    }

    fn outcome(&self) -> Outcome {
        let mut back: Vec<i64> = self
            .live_at
            .iter()
            .map(|at| at.unwrap() - self.back_at)
            .collect();
        back.sort_unstable();
        let from = usize::try_from(self.back_at / 1_000).unwrap();
        Outcome {
            half: back[DEVICES / 2] / 1_000,
            most: back[DEVICES * 99 / 100] / 1_000,
            all: back[DEVICES - 1] / 1_000,
            peak: *self.tried[from..].iter().max().unwrap(),
            tries: self.tried.iter().sum::<usize>() as f64 / DEVICES as f64,
        }
    }
}

fn hello() -> SocketEvent {
    SocketEvent::Hello {
        connection_id: None,
        resumed: false,
    }
}

fn report(name: &str, outcome: &Outcome) {
    println!(
        "{name}: 50 % back after {} s, 99 % after {} s, all after {} s; at most {} tries in a second, {:.1} tries a device",
        outcome.half, outcome.most, outcome.all, outcome.peak, outcome.tries
    );
}

/// Hazard A24. Q7.
#[test]
fn a_fleet_comes_back_from_an_outage_without_a_stampede() {
    let outcome = Fleet::run(Duration::from_secs(45));
    report("server away for 45 s", &outcome);
    // At 500 a second nobody can do better than 20 s for all.
    assert!(outcome.half <= 12, "{}", outcome.half);
    assert!(outcome.most <= 33, "{}", outcome.most);
    assert!(outcome.peak < 1_000, "{}", outcome.peak);
}

/// Hazard A24. Q7.
#[test]
fn a_fleet_comes_back_from_a_restart_without_a_stampede() {
    let outcome = Fleet::run(Duration::ZERO);
    report("server only blinks", &outcome);
    // Without the spread of the first try all ten thousand come within two seconds.
    assert!(outcome.peak < 2_000, "{}", outcome.peak);
    assert!(outcome.most <= 40, "{}", outcome.most);
}
