//! The stored form: pinned texts, and what a restart makes of them.

use super::rig::*;
use crate::session::*;

fn suspect() -> Rig {
    let mut rig = Rig::well();
    rig.feed(Event::VerifyRequested).answer(gone());
    rig
}

fn restart(rig: &Rig, boot_id: &str, now: Now) -> Rig {
    let parts = StoredParts {
        boot_id: BootId(boot_id.to_owned()),
        ..parts(HostState::Focused)
    };
    rig.restarted(parts, now)
}

fn later(rig: &Rig, milliseconds: i64) -> Now {
    Now {
        boot: BootMillis(rig.now.boot.0 + milliseconds),
        wall: UnixMillis(rig.now.wall.0 + milliseconds),
        entropy: 3,
    }
}

/// After a restart of the device: running time begins again.
fn rebooted(rig: &Rig, wall: i64) -> Now {
    Now {
        boot: BootMillis(20_000),
        wall: UnixMillis(rig.now.wall.0 + wall),
        entropy: 3,
    }
}

#[test]
fn a_suspicion_survives_a_restart_and_needs_the_spacing() {
    let rig = suspect();
    let mut again = restart(&rig, "first", later(&rig, 500));
    assert!(again.is("Suspect") && again.state.cover());
    assert_eq!(again.question(), None);
    let due = again.due_in(Timer::Look).unwrap();
    assert!(due >= std::time::Duration::from_millis(1_500), "{due:?}");
    again.second_look(Health::Healthy, gone());
    assert!(again.state.is_ending(), "the stored piece counts");
}

/// Hazard D13.
#[test]
fn that_another_server_answered_survives_a_restart() {
    let mut rig = suspect();
    rig.second_look(Health::OtherServer, gone());
    let mut again = restart(&rig, "first", later(&rig, 5_000));
    again.answer(Answer::Health(Health::Healthy)).answer(gone());
    assert!(again.is("Suspect") && !again.state.is_ending());
    again.second_look(Health::Healthy, gone());
    assert!(again.state.is_ending());
}

/// Hazard A30.
#[test]
fn after_a_restart_of_the_device_the_wall_clock_decides_and_never_counts_backwards() {
    let rig = suspect();
    let again = restart(&rig, "second", rebooted(&rig, 60_000));
    assert_eq!(again.question(), Some(Question::Health));
    let again = restart(&rig, "second", rebooted(&rig, -86_400_000));
    assert_eq!(again.question(), None);
    assert!(again.due_in(Timer::Look).unwrap() >= seconds(2));
}

/// Hazards A27, A30.
#[test]
fn a_kept_token_is_destroyed_unless_a_clock_proves_that_its_window_is_open() {
    let mut rig = suspect();
    rig.second_look(Health::Healthy, gone()).commit();
    let minute = 60_000;
    let table = [
        ("first", later(&rig, 10 * minute), false),
        ("first", later(&rig, 16 * minute), true),
        ("second", rebooted(&rig, 10 * minute), false),
        ("second", rebooted(&rig, 16 * minute), true),
        ("second", rebooted(&rig, -minute), true),
    ];
    for (boot_id, now, destroyed) in table {
        let mut again = restart(&rig, boot_id, now);
        assert_eq!(again.ended(), Some(Reason::SessionEnded));
        assert_eq!(
            again.names().contains(&"DestroyToken"),
            destroyed,
            "{boot_id} {now:?}"
        );
    }
}

#[test]
fn every_standing_reads_back_as_it_was_written() {
    let mut rigs = vec![Rig::well(), suspect()];
    let mut ended = suspect();
    ended.second_look(Health::Healthy, gone()).commit();
    rigs.push(ended);
    let mut needs_mfa = Rig::well();
    needs_mfa
        .feed(Event::VerifyRequested)
        .answer(Answer::Validation(Validation::MfaRequired));
    rigs.push(needs_mfa);
    for rig in rigs {
        let text = rig.stored();
        let state = State::restored(
            StoredParts {
                standing: Some(text.text.clone()),
                ..parts(HostState::Focused)
            },
            rig.now,
        )
        .unwrap();
        assert_eq!(state.stored(rig.now), text);
        assert_eq!(state.standing().name(), rig.state.standing().name());
    }
}

#[test]
fn the_stored_texts_are_pinned() {
    let active = Rig::well().stored();
    assert_eq!(active.code, "active");
    assert_eq!(active.text, ACTIVE);
    let mut rig = suspect();
    assert_eq!(rig.stored().code, "suspect");
    assert_eq!(rig.stored().text, SUSPECT);
    rig.second_look(Health::Healthy, gone()).commit();
    assert_eq!(rig.stored().code, "ended");
    assert_eq!(rig.stored().text, ENDED);
}

#[test]
fn a_newer_text_is_refused_and_a_broken_one_too() {
    let read = |text: &str| {
        State::restored(
            StoredParts {
                standing: Some(text.to_owned()),
                ..parts(HostState::Focused)
            },
            now(START),
        )
        .err()
    };
    assert_eq!(
        read(r#"{"version":2,"whatever":1}"#),
        Some(StoredError::Newer)
    );
    assert_eq!(read(r#"{"version":1}"#), Some(StoredError::Unreadable));
    assert_eq!(read(""), Some(StoredError::Unreadable));
    for text in [ACTIVE, SUSPECT, ENDED] {
        assert_eq!(read(text), None, "texts of version 1 are read for ever");
    }
}

const ACTIVE: &str = r#"{"version":1,"standing":{"is":"active"},"full_config_seen":false,"signed_in":{"boot_id":"first","boot":0,"wall":1795496400000},"signed_in_server":1795500000000,"validated":{"boot_id":"first","boot":3600000,"wall":1795500000000},"validated_server":1795500000000,"unusable_answers":0,"unusable_online":53,"refused":0}"#;
const SUSPECT: &str = r#"{"version":1,"standing":{"is":"suspect","pieces":[{"at":{"boot_id":"first","boot":3600053,"wall":1795500000053},"kind":"genuine"}],"answers":1,"health_absent":0,"ladder_step":0,"long_ladder":false,"from_mfa":false,"online":0},"full_config_seen":false,"signed_in":{"boot_id":"first","boot":0,"wall":1795496400000},"signed_in_server":1795500000000,"validated":{"boot_id":"first","boot":3600000,"wall":1795500000000},"validated_server":1795500000000,"unusable_answers":0,"unusable_online":0,"refused":0}"#;
const ENDED: &str = r#"{"version":1,"standing":{"is":"ended","reason":"session_ended","since":{"boot_id":"first","boot":3602884,"wall":1795500002884},"restore":{"looking":{"looks":0}}},"full_config_seen":false,"signed_in":{"boot_id":"first","boot":0,"wall":1795496400000},"signed_in_server":1795500000000,"validated":{"boot_id":"first","boot":3600000,"wall":1795500000000},"validated_server":1795500000000,"unusable_answers":0,"unusable_online":0,"refused":0}"#;
