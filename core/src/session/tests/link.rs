//! The socket: dial, hello, heartbeat, end, and when to dial again, to the millisecond where policy names one.

use std::time::Duration;

use super::rig::*;
use crate::policy;
use crate::session::*;

fn dialled() -> Rig {
    let mut rig = Rig::well();
    rig.socket(SocketEvent::Ended(SocketEnd::NetworkError));
    rig.at(Timer::Dial);
    rig.take();
    rig
}

fn fresh_dialled() -> Rig {
    let mut rig = Rig::opened(State::signed_in(
        parts(HostState::Focused),
        None,
        now(START - 3_600_000),
    ));
    rig.answer(valid());
    rig.at(Timer::Dial);
    rig.take();
    rig
}

/// Hazard A23.
#[test]
fn a_ping_goes_out_at_every_heartbeat_from_a_random_phase() {
    for (host, interval) in [
        (HostState::Focused, policy::HEARTBEAT_FOCUSED),
        (HostState::Running, policy::HEARTBEAT_RUNNING),
    ] {
        let mut rig = Rig::well();
        rig.feed(Event::HostChanged(host));
        assert!(rig.due_in(Timer::Heartbeat).unwrap() <= interval);
        for _ in 0..3 {
            rig.take();
            rig.at(Timer::Heartbeat);
            assert_eq!(rig.names(), ["SendPing"]);
            rig.socket(SocketEvent::PongOk);
            assert_eq!(rig.due_in(Timer::Heartbeat), Some(interval));
        }
    }
}

/// Hazard A02.
#[test]
fn a_link_is_dead_ten_seconds_after_an_unanswered_ping_without_a_byte() {
    let mut rig = Rig::well();
    rig.answers_pings = false;
    rig.at(Timer::Heartbeat);
    assert_eq!(rig.due_in(Timer::PongDue), Some(seconds(10)));
    rig.take();
    rig.advance(Duration::from_millis(9_999));
    assert_eq!(rig.state.link().name(), "Live");
    rig.advance(Duration::from_millis(1));
    assert_eq!(rig.state.link().name(), "Waiting");
    assert!(rig.names().contains(&"CloseSocket"));
    rig.at(Timer::Dial);
    assert!(rig.names().contains(&"Dial(resume)"));
}

/// Hazard A02.
#[test]
fn bytes_keep_a_link_alive_but_not_for_ever_without_an_answer() {
    let mut rig = Rig::well();
    rig.answers_pings = false;
    rig.at(Timer::Heartbeat);
    let sent = rig.now.boot;
    rig.advance(seconds(9)).socket(SocketEvent::BytesArrived);
    rig.advance(seconds(9));
    assert_eq!(rig.state.link().name(), "Live");
    while rig.state.link().name() == "Live" {
        rig.socket(SocketEvent::BytesArrived);
        rig.advance(seconds(1));
    }
    assert_eq!(rig.now.boot.since(sent), policy::PONG_LIMIT);
}

/// Hazard A29.
#[test]
fn a_timer_that_was_held_up_does_not_prove_a_dead_link() {
    let mut rig = Rig::well();
    rig.at(Timer::Heartbeat);
    rig.take();
    rig.freeze(seconds(30)).at(Timer::PongDue);
    assert_eq!(rig.state.link().name(), "Live");
    assert_eq!(rig.names(), ["SendPing"]);
    assert_eq!(rig.due_in(Timer::PongDue), Some(policy::DEAD_LINK));
}

#[test]
fn no_hello_is_a_hint_and_forbids_the_resume() {
    let mut rig = fresh_dialled();
    rig.socket(SocketEvent::Upgraded);
    assert_eq!(rig.due_in(Timer::HelloDue), Some(seconds(10)));
    rig.take();
    rig.at(Timer::HelloDue);
    assert_eq!(rig.names(), ["CloseSocket", "Ask(UserMe)"]);

    let mut rig = fresh_dialled();
    rig.socket(SocketEvent::Upgraded);
    rig.advance(seconds(5));
    rig.take();
    rig.socket(SocketEvent::Ended(SocketEnd::ByServer));
    assert_eq!(rig.names(), ["Ask(UserMe)"]);
}

#[test]
fn a_resumed_connection_says_no_hello_and_is_live_with_the_first_pong() {
    let mut rig = dialled();
    rig.socket(SocketEvent::Upgraded);
    assert_eq!(rig.names(), ["SendPing"]);
    rig.socket(SocketEvent::PongOk);
    assert_eq!(rig.state.link().name(), "Live");
}

#[test]
fn a_socket_closed_right_after_hello_twice_is_a_hint() {
    let mut rig = Rig::well();
    rig.advance(Duration::from_millis(100));
    rig.socket(SocketEvent::Ended(SocketEnd::ByServer));
    assert_eq!(rig.question(), None);
    rig.at(Timer::Dial);
    rig.socket(SocketEvent::Upgraded).socket(hello("c2"));
    rig.socket(SocketEvent::Ended(SocketEnd::ByServer));
    assert_eq!(rig.question(), Some(Question::UserMe));
    rig.take();
    rig.at(Timer::Dial);
    assert!(rig.names().contains(&"Dial(fresh)"));
}

/// Hazard A24.
#[test]
fn after_the_server_ended_a_live_socket_the_first_try_is_spread() {
    let mut longest = Duration::ZERO;
    for entropy in 0..200 {
        let mut rig = Rig::well();
        rig.advance(seconds(31));
        rig.now.entropy = entropy * 0x1234_5678_9abc;
        rig.socket(SocketEvent::Ended(SocketEnd::ByServer));
        let due = rig.due_in(Timer::Dial).unwrap();
        assert!(due <= policy::FIRST_RETRY_SPREAD);
        longest = longest.max(due);
    }
    assert!(longest > seconds(14), "{longest:?}");
}

#[test]
fn the_pace_is_forgotten_only_after_thirty_seconds_live() {
    let mut rig = dialled();
    for _ in 0..6 {
        rig.socket(SocketEvent::DialFailed {
            why: UnknownWhy::Transport,
            retry_after: None,
        });
        rig.at(Timer::Dial);
    }
    let running = rig.state.last_step.since(BootMillis(0));
    assert_eq!(rig.state.link_memory.pace.ceiling(running), seconds(30));
    rig.socket(SocketEvent::Upgraded).socket(hello("c2"));
    rig.advance(Duration::from_millis(29_999));
    let running = rig.now.boot.since(BootMillis(0));
    assert_eq!(rig.state.link_memory.pace.ceiling(running), seconds(30));
    rig.advance(Duration::from_millis(1));
    assert_eq!(rig.state.link_memory.pace.ceiling(running), seconds(2));
}

/// Hazards A19, A35.
#[test]
fn at_most_ten_dials_are_made_in_a_minute() {
    let mut rig = Rig::well();
    let mut dials = 0;
    for _ in 0..40 {
        rig.feed(Event::NetworkChanged(NetworkPath::Up));
        rig.advance(seconds(1));
        dials += rig
            .take()
            .iter()
            .filter(|effect| matches!(effect, Effect::Dial { .. }))
            .count();
    }
    // One was made before the story began.
    assert_eq!(dials, 9);
    assert!(matches!(
        rig.state.link(),
        Link::Waiting {
            cause: WaitCause::Allowance,
            ..
        }
    ));
}

/// Hazard A12.
#[test]
fn retry_after_holds_the_dial() {
    let mut rig = dialled();
    rig.socket(SocketEvent::DialFailed {
        why: UnknownWhy::ServerTrouble,
        retry_after: Some(seconds(60)),
    });
    let due = rig.due_in(Timer::Dial).unwrap();
    assert!(due >= seconds(60) && due <= seconds(72), "{due:?}");
    assert!(matches!(
        rig.state.link(),
        Link::Waiting {
            cause: WaitCause::ServerAsked,
            ..
        }
    ));
}

/// Hazard A20.
#[test]
fn three_refused_upgrades_while_https_works_lead_to_polling() {
    let mut rig = dialled();
    let refuse = |rig: &mut Rig| {
        rig.socket(SocketEvent::UpgradeRefused { retry_after: None });
    };
    refuse(&mut rig);
    rig.at(Timer::Dial);
    refuse(&mut rig);
    rig.at(Timer::Dial);
    refuse(&mut rig);
    assert_eq!(rig.state.link().name(), "Waiting");
    assert_eq!(rig.question(), Some(Question::UserMe), "does HTTPS work?");
    rig.answer(valid());
    assert_eq!(rig.state.link().name(), "Polling");
    rig.answer(Answer::Sessions(SessionsRead::Read));
    let due = rig.due_in(Timer::Poll).unwrap();
    assert!(due >= seconds(20) && due <= seconds(25), "{due:?}");
    rig.take();
    rig.at(Timer::Poll);
    assert_eq!(rig.question(), Some(Question::UserMe));
    rig.answer(valid());
    assert!(rig.due_in(Timer::Poll).is_some());
    rig.feed(Event::HostChanged(HostState::Running));
    assert_eq!(rig.due_in(Timer::Poll), None);
    rig.feed(Event::HostChanged(HostState::Focused));
    rig.at(Timer::Dial);
    assert!(rig.state.socket().is_some());
    assert_eq!(rig.state.link().name(), "Polling");
    rig.socket(SocketEvent::Upgraded).socket(hello("c9"));
    assert_eq!(rig.state.link().name(), "Live");
    assert_eq!(rig.due_in(Timer::Poll), None);
}

/// Hazard A08. Q5.
#[test]
fn a_portal_is_shown_as_one() {
    let mut rig = dialled();
    rig.socket(SocketEvent::DialFailed {
        why: UnknownWhy::Portal,
        retry_after: None,
    });
    assert_eq!(rig.state.link().name(), "Portal");
    rig.at(Timer::Dial);
    assert_eq!(rig.state.link().name(), "Connecting");
}

/// Hazard A01.
#[test]
fn no_network_means_no_dial() {
    let mut rig = Rig::well();
    rig.feed(Event::NetworkChanged(NetworkPath::Down));
    assert_eq!(rig.names(), ["DropPooledConnections", "CloseSocket"]);
    rig.advance(minutes(60));
    assert!(rig.names().is_empty());
    rig.feed(Event::NetworkChanged(NetworkPath::Unknown));
    assert!(rig.due_in(Timer::Dial).unwrap() <= policy::DIAL_NOW_JITTER);
}

/// Hazards A04, A19.
#[test]
fn a_change_of_network_drops_connections_and_dials_at_once() {
    let mut rig = Rig::well();
    rig.feed(Event::NetworkChanged(NetworkPath::Up));
    assert_eq!(rig.names(), ["DropPooledConnections", "CloseSocket"]);
    rig.advance(policy::DIAL_NOW_JITTER);
    assert_eq!(rig.names(), ["Dial(resume)"]);
}

/// An answer that was under way when the tunnel came up may be another server's: it is asked for once more, the new way.
///
/// Hazard A32.
#[test]
fn an_answer_from_before_a_change_of_network_ends_nobody() {
    let mut rig = Rig::well();
    rig.feed(Event::VerifyRequested);
    rig.feed(Event::NetworkChanged(NetworkPath::Up));
    assert!(rig.names().contains(&"DropPooledConnections"));
    rig.answer(gone());
    // Asked over the new network before it counts; nothing is covered for it.
    assert!(rig.is("Active") && !rig.state.cover());
    assert_eq!(rig.question(), Some(Question::UserMe));
    rig.answer(valid());
    assert!(rig.is("Active") && rig.question().is_none());
    assert_eq!(rig.ended(), None);
}

/// The question is asked once more and not oftener, and one that clears is taken from whatever network.
///
/// Hazard A32.
#[test]
fn a_network_that_flaps_keeps_no_revoked_session() {
    let mut rig = Rig::well();
    rig.feed(Event::VerifyRequested);
    rig.feed(Event::NetworkChanged(NetworkPath::Up));
    rig.answer(gone());
    rig.feed(Event::NetworkChanged(NetworkPath::Up));
    rig.answer(gone());
    assert!(rig.is("Suspect"));
    // The look that follows is begun anew once, whatever of it the network changes under.
    rig.at(Timer::Look);
    for answer in [
        Answer::Health(Health::Healthy),
        Answer::Health(Health::Healthy),
        gone(),
    ] {
        assert!(!rig.state.is_ending());
        rig.feed(Event::NetworkChanged(NetworkPath::Up));
        rig.answer(answer);
    }
    assert!(rig.state.is_ending());

    let mut rig = Rig::well();
    rig.feed(Event::VerifyRequested);
    rig.feed(Event::NetworkChanged(NetworkPath::Up));
    rig.answer(valid());
    assert!(rig.is("Active") && rig.question().is_none());
}

/// The database that was well over the last network is not the one behind what is said over this one.
///
/// Hazard A32.
#[test]
fn a_look_over_two_networks_ends_nobody() {
    for changed_while_asked_how_it_is in [true, false] {
        let mut rig = Rig::well();
        rig.feed(Event::VerifyRequested).answer(gone());
        rig.at(Timer::Look);
        assert_eq!(rig.question(), Some(Question::Health));
        if changed_while_asked_how_it_is {
            rig.feed(Event::NetworkChanged(NetworkPath::Up));
            rig.answer(Answer::Health(Health::Healthy));
        } else {
            rig.answer(Answer::Health(Health::Healthy));
            rig.feed(Event::NetworkChanged(NetworkPath::Up));
            rig.answer(gone());
        }
        assert_eq!(rig.question(), Some(Question::Health));
        rig.answer(Answer::Health(Health::Unhealthy)).answer(gone());
        assert!(rig.is("Suspect") && !rig.state.is_ending());
        rig.second_look(Health::Healthy, gone());
        assert!(rig.state.is_ending());
    }
}

/// What makes nothing end is believed over whatever network.
#[test]
fn an_unhealthy_answer_from_before_a_change_of_network_is_not_asked_for_again() {
    for health in [Health::Unhealthy, Health::Silent, Health::OtherServer] {
        let mut rig = Rig::well();
        rig.feed(Event::VerifyRequested).answer(gone());
        rig.at(Timer::Look);
        rig.feed(Event::NetworkChanged(NetworkPath::Up));
        rig.answer(Answer::Health(health));
        assert_eq!(rig.question(), Some(Question::UserMe));
        rig.answer(gone());
        assert!(rig.is("Suspect") && !rig.state.is_ending());
    }
}

#[test]
fn an_mfa_order_from_before_a_change_of_network_is_asked_for_once_more_after_a_look_too() {
    let mut rig = Rig::well();
    rig.feed(Event::VerifyRequested);
    rig.answer(Answer::Validation(Validation::MfaRequired));
    rig.feed(Event::VerifyRequested).answer(gone());
    rig.second_look(Health::Healthy, valid());
    assert!(rig.is("NeedsMfa"));
    rig.feed(Event::NetworkChanged(NetworkPath::Up));
    rig.answer(Answer::Sessions(SessionsRead::MfaRequired));
    assert_eq!(rig.question(), Some(Question::Sessions));
    rig.answer(Answer::Sessions(SessionsRead::Read));
    assert!(rig.is("Active"));
}

#[test]
fn events_of_an_older_socket_are_ignored() {
    let mut rig = Rig::well();
    let old = rig.socket_id();
    rig.feed(Event::NetworkChanged(NetworkPath::Up));
    rig.at(Timer::Dial);
    let before = rig.state.link();
    rig.feed(Event::Socket {
        socket: old,
        event: SocketEvent::Fail,
    });
    assert_eq!(rig.state.link(), before);
    assert_eq!(rig.question(), None);
}

#[test]
fn while_suspect_a_live_socket_stays_and_none_is_dialled() {
    let mut rig = Rig::well();
    rig.feed(Event::VerifyRequested).answer(gone());
    assert_eq!(rig.state.link().name(), "Live");
    rig.take();
    rig.socket(SocketEvent::Fail);
    assert_eq!(rig.state.link(), Link::Paused);
    rig.second_look(Health::Healthy, valid());
    assert!(rig.due_in(Timer::Dial).is_some());
    rig.take();
    rig.at(Timer::Dial);
    assert_eq!(rig.names(), ["Dial(fresh)"]);
}

#[test]
fn a_timer_that_fires_early_is_set_again_and_a_stopped_one_is_ignored() {
    let mut rig = Rig::well();
    let at = rig.state.timers()[&Timer::Heartbeat];
    if rig.now.boot < at {
        rig.feed(Event::TimerFired(Timer::Heartbeat));
        assert_eq!(
            rig.take(),
            [Effect::StartTimer {
                timer: Timer::Heartbeat,
                at
            }]
        );
    }
    let before = rig.state.clone();
    rig.feed(Event::TimerFired(Timer::RestoreEnd));
    assert_eq!(rig.state, before);
}

#[test]
fn somebody_who_comes_back_to_look_does_not_wait_out_the_pace() {
    let mut rig = dialled();
    rig.feed(Event::HostChanged(HostState::Running));
    for _ in 0..8 {
        rig.socket(SocketEvent::DialFailed {
            why: UnknownWhy::Transport,
            retry_after: None,
        });
        rig.at(Timer::Dial);
    }
    rig.socket(SocketEvent::DialFailed {
        why: UnknownWhy::Transport,
        retry_after: None,
    });
    rig.freeze(minutes(2));
    rig.feed(Event::HostChanged(HostState::Focused));
    assert!(rig.due_in(Timer::Dial).unwrap() <= policy::DIAL_NOW_JITTER);
}

#[test]
fn a_200_does_not_lift_what_the_server_asked_of_the_socket() {
    let mut rig = dialled();
    rig.socket(SocketEvent::DialFailed {
        why: UnknownWhy::ServerTrouble,
        retry_after: Some(seconds(100)),
    });
    rig.feed(Event::VerifyRequested).answer(valid());
    rig.feed(Event::NetworkChanged(NetworkPath::Up));
    assert!(rig.due_in(Timer::Dial).unwrap() >= seconds(100));
}
