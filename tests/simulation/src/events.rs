//! Everything that can happen, and every kind of state it can happen in.

use std::time::Duration;

use steadfast::session::{
    Answer, ConfigSet, Epoch, Event, Experiment, Health, Hint, HostState, KeyTrouble, NetworkPath,
    SessionsRead, Settings, SocketEnd, SocketEvent, Ticket, Timer, UnknownWhy, Validation,
};

use crate::machine::Machine;

/// `users/me` said 200.
pub const VALID: Answer = Answer::Validation(Validation::Valid { server_date: None });
/// `users/me` gave evidence of a gone session.
pub const GONE: Answer = Answer::Validation(Validation::Gone { server_date: None });
/// A 401 that is no evidence.
pub const REFUSED: Answer = Answer::Validation(Validation::Refused);
/// The config experiment speaks against the session.
pub const LIMITED: Answer = Answer::Experiment(Experiment {
    with_token: ConfigSet::Limited,
    without_token: ConfigSet::Limited,
    same: true,
});
const UNREADABLE: Answer = Answer::Experiment(Experiment {
    with_token: ConfigSet::Unreadable,
    without_token: ConfigSet::Unreadable,
    same: false,
});

/// Every answer.
pub fn answers() -> Vec<Answer> {
    let mut answers = vec![
        VALID,
        GONE,
        REFUSED,
        Answer::Validation(Validation::MfaRequired),
        Answer::Validation(Validation::HeadersLost),
        LIMITED,
        UNREADABLE,
    ];
    for why in [
        UnknownWhy::Offline,
        UnknownWhy::Transport,
        UnknownWhy::Tls,
        UnknownWhy::Portal,
        UnknownWhy::ServerTrouble,
        UnknownWhy::Other,
    ] {
        for retry_after in [None, Some(Duration::from_secs(60))] {
            answers.push(Answer::Validation(Validation::Unknown { why, retry_after }));
        }
    }
    for health in [
        Health::Healthy,
        Health::Unhealthy,
        Health::Absent,
        Health::Silent,
        Health::OtherServer,
    ] {
        answers.push(Answer::Health(health));
    }
    for read in [
        SessionsRead::Read,
        SessionsRead::MfaRequired,
        SessionsRead::Other,
    ] {
        answers.push(Answer::Sessions(read));
    }
    answers
}

/// Every socket event.
pub fn socket_events() -> Vec<SocketEvent> {
    vec![
        SocketEvent::Upgraded,
        SocketEvent::Hello {
            connection_id: Some("connection".to_owned()),
            resumed: false,
        },
        SocketEvent::PongOk,
        SocketEvent::Fail,
        SocketEvent::BytesArrived,
        SocketEvent::Ended(SocketEnd::ByServer),
        SocketEvent::Ended(SocketEnd::NetworkError),
        SocketEvent::Ended(SocketEnd::Local),
        SocketEvent::UpgradeRefused { retry_after: None },
        SocketEvent::DialFailed {
            why: UnknownWhy::Transport,
            retry_after: None,
        },
        SocketEvent::DialFailed {
            why: UnknownWhy::Portal,
            retry_after: None,
        },
    ]
}

/// Every event, told to this machine: answers carry the ticket of its question and a wrong one.
pub fn all(machine: &Machine) -> Vec<Event> {
    let mut events = vec![
        Event::Opened,
        Event::HostChanged(HostState::Focused),
        Event::HostChanged(HostState::Running),
        Event::HostChanged(HostState::Suspended),
        Event::HostChanged(HostState::Checking),
        Event::NetworkChanged(NetworkPath::Up),
        Event::NetworkChanged(NetworkPath::Down),
        Event::NetworkChanged(NetworkPath::Unknown),
        Event::VerifyRequested,
        Event::Hint(Hint::SocketFail),
        Event::Hint(Hint::SocketDroppedAfterHello),
        Event::Hint(Hint::NoHello),
        Event::Hint(Hint::Push),
        Event::Hint(Hint::ExpiryPassed),
        Event::Hint(Hint::Request401 {
            path: "/plugins/x".to_owned(),
        }),
        Event::Hint(Hint::MfaRequired),
        Event::Hint(Hint::WebView),
        Event::Hint(Hint::ShrunkenConfig),
        Event::ConfigSeen(ConfigSet::Full),
        Event::ConfigSeen(ConfigSet::Limited),
        Event::KeyUnreadable(KeyTrouble::Absent),
        Event::KeyUnreadable(KeyTrouble::Unavailable),
        Event::KeyUnreadable(KeyTrouble::Other),
        Event::KeyReadable,
        Event::SignedOut,
        Event::SignedIn {
            epoch: Epoch(6),
            server_date: None,
        },
        Event::SignedIn {
            epoch: Epoch(5),
            server_date: None,
        },
        Event::ContinueRequested,
        Event::StorageLost,
        Event::WipePush,
        Event::RestoreWithdrawn,
        Event::SettingsChanged(Settings::default()),
    ];
    let stale = Ticket(u64::MAX);
    for answer in answers() {
        if let Some((ticket, _)) = machine.asked {
            events.push(Event::Answered {
                ticket,
                answer: answer.clone(),
            });
        }
        events.push(Event::Answered {
            ticket: stale,
            answer,
        });
    }
    for ticket in machine.commit.into_iter().chain([stale]) {
        events.push(Event::Committed {
            ticket,
            epoch: machine.state.epoch(),
        });
        events.push(Event::CommitStale { ticket });
        events.push(Event::CommitFailed { ticket });
        events.push(Event::Stored { ticket });
        events.push(Event::StoreFailed { ticket });
    }
    for timer in Timer::ALL {
        events.push(Event::TimerFired(timer));
    }
    for event in socket_events() {
        events.push(Event::Socket {
            socket: machine.socket_or_stale(),
            event,
        });
    }
    events
}

/// Machines in every kind of state, each with what it shows.
pub fn situations() -> Vec<(&'static str, Machine)> {
    let healthy = || Answer::Health(Health::Healthy);
    let mut found = Vec::new();
    let mut keep = |name, machine: &Machine| found.push((name, machine.clone()));

    let mut machine = Machine::opened(1);
    keep("opened, asking", &machine);
    machine.answer(VALID);
    keep("active, waiting to dial", &machine);
    let active = machine.clone();
    machine.fire(Timer::Dial);
    keep("connecting", &machine);
    machine.socket(SocketEvent::Upgraded);
    keep("connecting, upgraded", &machine);
    machine.socket(socket_events()[1].clone());
    keep("live", &machine);
    let live = machine.clone();
    machine.fire(Timer::Heartbeat);
    keep("live, ping unanswered", &machine);
    machine.socket(SocketEvent::Fail);
    keep("asking because of a socket fail", &machine);
    machine.answer(VALID);
    keep("reading the sessions", &machine);

    let mut machine = live.clone();
    machine.feed(Event::HostChanged(HostState::Suspended));
    keep("active, suspended", &machine);
    let mut machine = live.clone();
    machine.feed(Event::NetworkChanged(NetworkPath::Down));
    keep("active, offline", &machine);
    let mut machine = live.clone();
    machine.feed(Event::HostChanged(HostState::Running));
    keep("live without focus", &machine);
    let mut machine = live.clone();
    machine.feed(Event::WipePush);
    keep("wipe pushed, asking", &machine);

    let mut machine = active.clone();
    for _ in 0..3 {
        machine.fire(Timer::Dial);
        machine.socket(SocketEvent::UpgradeRefused { retry_after: None });
    }
    machine.answer(VALID);
    keep("polling, reading the sessions", &machine);
    machine.answer(Answer::Sessions(SessionsRead::Read));
    keep("polling", &machine);
    machine.fire(Timer::Dial);
    keep("polling, trying a socket", &machine);
    let mut machine = active.clone();
    machine.fire(Timer::Dial);
    machine.socket(SocketEvent::DialFailed {
        why: UnknownWhy::Portal,
        retry_after: None,
    });
    keep("portal", &machine);

    let mut machine = live.clone();
    machine.feed(Event::ConfigSeen(ConfigSet::Full));
    machine.feed(Event::VerifyRequested).answer(REFUSED);
    machine.fire(Timer::Ask).answer(REFUSED);
    machine.fire(Timer::Ask);
    keep("refused twice, asking", &machine);
    machine.answer(REFUSED);
    keep("making the experiment", &machine);
    machine.answer(LIMITED);
    keep("suspect by experiment", &machine);

    let mut machine = live.clone();
    machine.feed(Event::VerifyRequested).answer(GONE);
    keep("suspect", &machine);
    let suspect = machine.clone();
    machine.fire(Timer::Look);
    keep("suspect, asking health", &machine);
    for (name, health) in [
        ("suspect, asking, healthy", Health::Healthy),
        ("suspect, asking, unhealthy", Health::Unhealthy),
        ("suspect, asking, health absent", Health::Absent),
        ("suspect, asking, health silent", Health::Silent),
        ("suspect, asking, another server", Health::OtherServer),
    ] {
        let mut machine = machine.clone();
        machine.answer(Answer::Health(health));
        keep(name, &machine);
    }
    let mut machine = suspect.clone();
    machine.feed(Event::HostChanged(HostState::Suspended));
    keep("suspect, suspended", &machine);

    let mut machine = suspect.clone();
    machine.fire(Timer::Look);
    machine.answer(healthy()).answer(GONE);
    keep("ending", &machine);
    let ending = machine.clone();
    let ticket = machine.commit.unwrap();
    machine.feed(Event::CommitFailed { ticket });
    keep("ending failed", &machine);
    let mut machine = ending;
    machine.committed();
    keep("ended, token kept", &machine);
    machine.fire(Timer::RestoreLook);
    keep("ended, asking about the kept token", &machine);
    let ended = machine.clone();
    machine.answer(VALID);
    keep("ended, offering", &machine);
    machine.committed();
    keep("ended, offered", &machine);
    machine.feed(Event::ContinueRequested);
    keep("ended, continuing", &machine);
    let mut machine = ended;
    machine.feed(Event::RestoreWithdrawn);
    keep("ended, destroying the token", &machine);
    machine.committed();
    keep("ended, token destroyed", &machine);
    let mut machine = live.clone();
    machine.feed(Event::SignedOut);
    keep("signing out", &machine);
    let mut refused = machine.clone();
    let ticket = refused.commit.unwrap();
    refused.feed(Event::CommitFailed { ticket });
    keep("signing out, refused", &refused);
    refused.feed(Event::KeyUnreadable(KeyTrouble::Unavailable));
    keep("signing out, refused, locked", &refused);
    machine.committed();
    keep("signed out", &machine);

    let mut machine = live.clone();
    machine
        .feed(Event::VerifyRequested)
        .answer(Answer::Validation(Validation::MfaRequired));
    keep("needs MFA", &machine);
    machine.feed(Event::VerifyRequested);
    keep("needs MFA, asking", &machine);
    let mut asking = machine.clone();
    asking.answer(GONE);
    keep("suspect out of needs MFA", &asking);
    asking.fire(Timer::Look).answer(healthy());
    keep("suspect out of needs MFA, asking", &asking);
    machine.answer(VALID);
    keep("needs MFA, reading the sessions", &machine);

    let mut resuming = live.clone();
    resuming.socket(SocketEvent::Ended(SocketEnd::NetworkError));
    resuming.fire(Timer::Dial);
    resuming.socket(SocketEvent::Upgraded);
    keep("resuming, upgraded", &resuming);

    let mut needs_mfa = live.clone();
    needs_mfa
        .feed(Event::VerifyRequested)
        .answer(Answer::Validation(Validation::MfaRequired));
    for (name, beneath) in [
        ("locked", &live),
        ("locked, suspect", &suspect),
        ("locked, needs MFA", &needs_mfa),
    ] {
        let mut machine = beneath.clone();
        machine.feed(Event::KeyUnreadable(KeyTrouble::Unavailable));
        keep(name, &machine);
    }
    let mut machine = live.clone();
    machine.feed(Event::KeyUnreadable(KeyTrouble::Unavailable));
    machine.pass(Duration::from_secs(24 * 60 * 60));
    keep("locked for a day", &machine);
    machine.feed(Event::KeyUnreadable(KeyTrouble::Unavailable));
    keep("locked for a day, a way out offered", &machine);

    let mut machine = suspect.clone();
    while machine.now.boot.0 - suspect.now.boot.0 < 3_600_000 {
        machine.fire(Timer::Look);
        machine
            .answer(Answer::Health(Health::Unhealthy))
            .answer(GONE);
        if machine.now.boot.0 - suspect.now.boot.0 > 2_700_000 {
            break;
        }
    }
    machine.fire(Timer::Look);
    machine.answer(Answer::Health(Health::Unhealthy));
    keep("suspect for almost an hour, asking, unhealthy", &machine);

    let mut machine = live;
    machine.feed(Event::SettingsChanged(Settings {
        max_offline: Some(Duration::from_secs(60)),
        ..Settings::default()
    }));
    keep("live, max_offline set", &machine);
    machine.fire(Timer::MaxOffline);
    keep("unverifiable", &machine);
    machine.fire(Timer::Look);
    keep("unverifiable, asking", &machine);
    machine.answer(GONE);
    keep("unverifiable with a piece", &machine);
    machine.fire(Timer::Look).answer(healthy());
    keep("unverifiable, asking, healthy", &machine);
    machine.feed(Event::KeyUnreadable(KeyTrouble::Unavailable));
    keep("locked, unverifiable", &machine);
    found
}
