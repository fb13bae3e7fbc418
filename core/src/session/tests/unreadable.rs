//! A key that is not given for long: what is counted, when a way out is offered, and that nothing else follows.

use super::rig::*;
use crate::policy;
use crate::session::*;

const WITHHELD: Event = Event::KeyUnreadable(KeyTrouble::Unavailable);
const HOUR: i64 = 3_600_000;

/// The app is started anew by what is stored, wherever it is.
fn start(rig: &Rig, host: HostState, now: Now) -> Rig {
    let mut rig = rig.restarted(parts(host), now);
    rig.take();
    rig
}

fn after(rig: &Rig, milliseconds: i64) -> Now {
    Now {
        boot: BootMillis(rig.now.boot.0 + milliseconds),
        wall: UnixMillis(rig.now.wall.0 + milliseconds),
        ..rig.now
    }
}

fn offered(rig: &Rig) -> bool {
    rig.state.view().may_sign_in_again
}

fn writes(rig: &mut Rig) -> Vec<Ticket> {
    let effects = rig.take();
    let end = effects.iter().find(|effect| {
        effect.name().starts_with("Commit") || matches!(effect, Effect::DestroyToken { .. })
    });
    assert_eq!(end, None, "nothing may end by itself");
    let written = effects.iter().filter_map(|effect| match effect {
        Effect::StoreStanding { ticket, stored, .. } => {
            assert_eq!(stored.code, "active", "what is beneath stays as it was");
            Some(*ticket)
        }
        _ => None,
    });
    written.collect()
}

/// Hazard B09.
#[test]
fn the_fifth_start_before_the_user_offers_a_way_out_and_nothing_happens_by_itself() {
    let mut rig = Rig::well();
    for number in 1..=policy::KEY_OFFER_STARTS {
        rig = start(&rig, HostState::Focused, after(&rig, 60_000));
        assert!(!offered(&rig), "the key was not asked for yet");
        rig.feed(WITHHELD);
        assert!(rig.is("Locked") && !rig.state.cover());
        assert_eq!(offered(&rig), number == policy::KEY_OFFER_STARTS);
        assert_eq!(writes(&mut rig).len(), 1, "each start counts once");
        rig.feed(WITHHELD).feed(WITHHELD);
        assert_eq!(writes(&mut rig).len(), 0);
    }
    rig.advance(minutes(60));
    let asked = rig.take();
    let asked = asked.iter().filter(|effect| **effect == Effect::ReadKey);
    assert!(asked.count() >= 100, "the key store is asked on and on");
    assert!(rig.is("Locked") && offered(&rig) && !rig.state.is_ending());

    // It comes back before the user chose: all is as before, and what was counted is void.
    rig.feed(Event::KeyReadable);
    assert!(rig.is("Active") && !offered(&rig));
    assert_eq!(writes(&mut rig).len(), 1);
    let mut rig = start(&rig, HostState::Focused, after(&rig, 60_000));
    rig.feed(WITHHELD);
    assert!(rig.is("Locked") && !offered(&rig));
}

/// The way out gives up a token whose key is lost, so it is not for a token whose key is there.
///
/// Hazard B09.
#[test]
fn what_is_not_this_keys_trouble_locks_and_counts_for_nothing() {
    let mut rig = Rig::well();
    for _ in 0..2 * policy::KEY_OFFER_STARTS {
        rig = start(&rig, HostState::Focused, after(&rig, 5 * HOUR));
        for _ in 0..3 {
            rig.feed(Event::KeyUnreadable(KeyTrouble::Other));
            assert!(rig.is("Locked") && !rig.state.cover() && !offered(&rig));
            assert_eq!(writes(&mut rig).len(), 0);
        }
        rig.advance(minutes(2));
        assert!(rig.take().contains(&Effect::ReadKey), "it is asked on");
    }
    rig.feed(Event::KeyReadable);
    assert!(rig.is("Active"));
}

/// Hazards B04, B09.
#[test]
fn starts_in_the_background_count_for_nothing() {
    let mut rig = Rig::well();
    for number in 0..20 {
        let host = [HostState::Suspended, HostState::Checking][number % 2];
        rig = start(&rig, host, after(&rig, 5 * HOUR));
        rig.feed(WITHHELD);
        assert!(rig.is("Locked") && !offered(&rig));
        assert_eq!(
            writes(&mut rig).len(),
            0,
            "nothing is written before the first unlock"
        );
    }
    // The device is unlocked, and the user is there; this start counts as the first.
    rig.feed(Event::HostChanged(HostState::Focused))
        .feed(WITHHELD);
    assert!(!offered(&rig));
    assert_eq!(writes(&mut rig).len(), 1);
}

/// Hazards B09, A30.
#[test]
fn a_day_without_the_key_offers_a_way_out_whatever_the_wall_clock_says() {
    for shift in [0, 400 * 24 * HOUR, -400 * 24 * HOUR] {
        let mut rig = Rig::well();
        rig.feed(WITHHELD);
        rig = start(&rig, HostState::Running, after(&rig, 23 * HOUR));
        rig.now.wall.0 += shift;
        rig.feed(WITHHELD);
        assert!(!offered(&rig), "{shift}");
        let mut later = start(&rig, HostState::Focused, after(&rig, HOUR));
        assert!(!offered(&later), "{shift}: the key was not asked for yet");
        later.feed(WITHHELD);
        assert!(offered(&later), "{shift}");

        // In one start too, with the answer that follows the day.
        rig.advance(minutes(59));
        rig.feed(WITHHELD);
        assert!(!offered(&rig), "{shift}");
        rig.advance(minutes(1)).feed(WITHHELD);
        assert!(offered(&rig), "{shift}");
    }
}

/// Time in which the device was off does not count, nor does time that nobody can prove.
#[test]
fn a_restart_of_the_device_makes_the_offer_later_and_never_earlier() {
    let at = |hours: i64| Now {
        boot: BootMillis(hours * HOUR + 1_000),
        wall: UnixMillis(WALL + 400 * 24 * HOUR),
        entropy: 7,
    };
    let mut rig = Rig::well();
    rig.now.boot = BootMillis(HOUR + 1_000);
    rig.feed(WITHHELD);
    let rig = {
        let mut rig = start(&rig, HostState::Focused, after(&rig, 20 * HOUR));
        rig.feed(WITHHELD);
        rig
    };
    assert_eq!(rig.now.boot, BootMillis(21 * HOUR + 1_000));
    // 20 hours were counted; of a start that has run for less, all its time has passed since.
    for (boot, expected) in [(3, false), (4, true), (20, true), (22, false), (25, true)] {
        let mut again = start(&rig, HostState::Focused, at(boot));
        again.feed(WITHHELD);
        assert_eq!(offered(&again), expected, "after {boot} hours of running");
    }
}

#[test]
fn a_count_that_could_not_be_written_is_written_with_the_next_answer() {
    let mut rig = Rig::well();
    rig.feed(WITHHELD);
    for _ in 0..3 {
        let written = writes(&mut rig);
        let [ticket] = written[..] else {
            panic!("{written:?}");
        };
        rig.feed(Event::StoreFailed { ticket });
        rig.advance(seconds(5));
        assert_eq!(
            writes(&mut rig),
            [],
            "nothing else has a locked account written"
        );
        rig.feed(WITHHELD);
    }
    assert!(rig.stored().text.contains(r#""unreadable":{"starts":1,"#));
}

/// Hazard B09.
#[test]
fn whoever_signs_in_or_out_has_chosen_and_nothing_is_counted_of_it() {
    let mut rig = Rig::well();
    rig.advance(minutes(1)).feed(WITHHELD);
    let epoch = rig.state.epoch().next();
    let mut anew = Rig {
        state: rig.state.clone(),
        now: rig.now,
        effects: Vec::new(),
        answers_pings: true,
    };
    anew.feed(Event::SignedIn {
        epoch,
        server_date: None,
    });
    assert!(anew.is("Active") && !anew.stored().text.contains("unreadable"));
    rig.feed(Event::SignedOut).commit();
    assert_eq!(rig.ended(), Some(Reason::SignedOut));
    assert!(!rig.stored().text.contains("unreadable"));
}

#[test]
fn the_stored_count_is_pinned() {
    let mut rig = Rig::well();
    rig.feed(WITHHELD);
    let text = rig.stored().text;
    let pinned = r#""unreadable":{"starts":1,"millis":0,"boot":3600053}"#;
    assert!(text.contains(pinned), "{text}");
}

/// Who signs out as soon as the app has started does so before the key store's first answer, which comes to the sign-out.
///
/// Hazard B09.
#[test]
fn a_start_counts_although_the_user_signs_out_first() {
    let mut rig = Rig::well();
    for number in 1..=policy::KEY_OFFER_STARTS {
        rig = start(&rig, HostState::Focused, after(&rig, 60_000));
        rig.feed(Event::SignedOut);
        let ticket = rig.commit_ticket();
        rig.feed(Event::CommitFailed { ticket });
        rig.take();
        rig.feed(WITHHELD);
        assert!(rig.is("Locked") && rig.state.cover() && rig.state.is_ending());
        assert_eq!(offered(&rig), number == policy::KEY_OFFER_STARTS);
        assert_eq!(writes(&mut rig).len(), 1, "each start counts once");
        rig.feed(WITHHELD).feed(WITHHELD);
        assert_eq!(writes(&mut rig).len(), 0);
        let text = rig.stored().text;
        assert!(text.contains(&format!(r#""unreadable":{{"starts":{number},"#)));
    }
    // It is tried on, and done as soon as the vault says so.
    rig.at(Timer::CommitRetry);
    rig.take();
    rig.commit();
    assert_eq!(rig.ended(), Some(Reason::SignedOut));
    assert!(!rig.stored().text.contains("unreadable"));
}

#[test]
fn nothing_is_counted_while_the_vault_is_being_asked_to_end_the_session() {
    let mut rig = Rig::well();
    rig.feed(Event::SignedOut);
    rig.take();
    rig.feed(WITHHELD);
    assert_eq!(writes(&mut rig).len(), 0, "it could undo the end");
    let ticket = rig.commit_ticket();
    rig.feed(Event::CommitFailed { ticket }).feed(WITHHELD);
    assert_eq!(writes(&mut rig).len(), 1);
}
