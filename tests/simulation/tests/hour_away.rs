//! A server that is away for an hour, in five of the ways in which servers are away. Each device is the real machine; only the
//! clock and the network are simulated.
// Test support may stop the test at once when its own assumptions do not hold.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::time::Duration;

use steadfast::policy;
use steadfast::session::{
    Answer, Effect, Event, Link, SocketEnd, SocketEvent, SocketId, Ticket, Timer, UnknownWhy,
    Validation,
};
use steadfast_simulation::events::VALID;
use steadfast_simulation::machine::Machine;

const DEVICES: u64 = 200;
const HOUR: i64 = 3_600_000;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Timer(Timer),
    DialFailed(SocketId),
    Hello(SocketId),
    Answered(Ticket),
}

/// When it dialled, in milliseconds since the server went away, and when it was live again.
fn an_hour(seed: u64, why: UnknownWhy, fails_after: Duration) -> (Vec<i64>, i64) {
    let fails_after = i64::try_from(fails_after.as_millis()).unwrap();
    let mut machine = Machine::opened(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    machine.answer(VALID);
    machine.fire(Timer::Dial);
    machine.socket(SocketEvent::Upgraded);
    machine.socket(hello());
    machine.fire(Timer::PaceReset);
    let away = machine.now.boot.0;
    let mut due = BinaryHeap::new();
    let mut dials = Vec::new();
    machine.socket(SocketEvent::Ended(SocketEnd::NetworkError));
    loop {
        let now = machine.now.boot.0;
        let back = now >= away + HOUR;
        if let Link::Live { .. } = machine.state.link() {
            return (dials, now - away);
        }
        assert!(now < away + 2 * HOUR, "it did not come back");
        for effect in machine.effects.clone() {
            match effect {
                Effect::StartTimer { timer, at } => due.push(Reverse((at.0, Due::Timer(timer)))),
                Effect::Dial { socket, .. } => {
                    dials.push(now - away);
                    due.push(Reverse(if back {
                        (now + 100, Due::Hello(socket))
                    } else {
                        (now + fails_after, Due::DialFailed(socket))
                    }));
                }
                Effect::Ask { ticket, .. } => {
                    let wait = if back { 100 } else { fails_after };
                    due.push(Reverse((now + wait, Due::Answered(ticket))));
                }
                _ => {}
            }
        }
        let Reverse((at, what)) = due.pop().expect("something is always due");
        machine.pass(Duration::from_millis(u64::try_from(at - now).unwrap()));
        let event = match what {
            Due::Timer(timer) => {
                if machine.state.timers().get(&timer).map(|armed| armed.0) != Some(at) {
                    machine.effects.clear();
                    continue;
                }
                Event::TimerFired(timer)
            }
            Due::DialFailed(socket) => Event::Socket {
                socket,
                event: SocketEvent::DialFailed {
                    why,
                    retry_after: None,
                },
            },
            Due::Hello(socket) => {
                machine.feed(Event::Socket {
                    socket,
                    event: SocketEvent::Upgraded,
                });
                Event::Socket {
                    socket,
                    event: hello(),
                }
            }
            Due::Answered(ticket) => Event::Answered {
                ticket,
                answer: if at >= away + HOUR {
                    VALID
                } else {
                    Answer::Validation(Validation::Unknown {
                        why,
                        retry_after: None,
                    })
                },
            },
        };
        machine.feed(event);
    }
}

fn hello() -> SocketEvent {
    SocketEvent::Hello {
        connection_id: None,
        resumed: false,
    }
}

/// Q6.
#[test]
fn after_an_hour_away_everybody_is_back_and_nobody_hammered() {
    for (way, why, fails_after) in [
        ("refused", UnknownWhy::Transport, Duration::from_millis(1)),
        (
            "not resolved",
            UnknownWhy::Offline,
            Duration::from_millis(20),
        ),
        ("silent", UnknownWhy::Transport, policy::CONNECT_TIMEOUT),
        ("502", UnknownWhy::ServerTrouble, Duration::from_millis(50)),
        (
            "another certificate",
            UnknownWhy::Tls,
            Duration::from_millis(50),
        ),
    ] {
        let mut most = 0;
        let mut fewest = usize::MAX;
        let mut latest = 0;
        let mut thirtieth = BTreeSet::new();
        for seed in 0..DEVICES {
            let (dials, live) = an_hour(seed, why, fails_after);
            let minute = dials.windows(policy::DIALS_PER_MINUTE as usize + 1);
            let hammered = minute
                .clone()
                .any(|dials| dials[dials.len() - 1] - dials[0] < 60_000);
            assert!(!hammered, "{way}: {dials:?}");
            most = most.max(dials.len());
            fewest = fewest.min(dials.len());
            latest = latest.max(live - HOUR);
            thirtieth.insert(dials[29] / 1_000);
        }
        println!(
            "{way}: from {fewest} to {most} dials in an hour; the last of {DEVICES} is back {} s after the server",
            latest / 1_000
        );
        // Waits end at 30 s, and at 60 s after ten minutes; jitter makes most of them shorter.
        assert!(most <= 200, "{way}: {most}");
        assert!(fewest >= 50, "{way}: {fewest}");
        assert!(latest <= 75_000, "{way}: {latest}");
        // The thirtieth dial of two hundred devices falls into many different seconds.
        assert!(thirtieth.len() > 60, "{way}: {thirtieth:?}");
    }
}
