//! How a session ends, what becomes of the token, and how a wrong verdict heals.

use super::rig::*;
use crate::policy;
use crate::session::*;

fn ending() -> Rig {
    let mut rig = Rig::well();
    rig.feed(Event::VerifyRequested).answer(gone());
    rig.second_look(Health::Healthy, gone());
    rig.take();
    rig
}

fn ended() -> Rig {
    let mut rig = ending();
    rig.commit();
    rig.take();
    rig
}

/// Hazard D03.
#[test]
fn a_stale_epoch_ends_nothing() {
    let mut rig = ending();
    let ticket = rig.commit_ticket();
    rig.feed(Event::CommitStale { ticket });
    assert!(rig.is("Suspect") && !rig.state.is_ending());
    assert!(rig.due_in(Timer::Look).is_some());
}

#[test]
fn a_failed_transaction_is_tried_again_until_it_is_on_disk() {
    let mut rig = ending();
    for wait in [1, 2, 4, 8, 16, 32, 60, 60] {
        let ticket = rig.commit_ticket();
        rig.feed(Event::CommitFailed { ticket });
        assert!(rig.is("Suspect") && rig.state.cover());
        assert_eq!(rig.due_in(Timer::CommitRetry), Some(seconds(wait)));
        rig.at(Timer::CommitRetry);
        assert!(rig.names().contains(&"CommitEnd(SessionEnded)"));
    }
    rig.commit();
    assert_eq!(rig.ended(), Some(Reason::SessionEnded));
}

#[test]
fn a_standing_that_could_not_be_stored_is_stored_later() {
    let mut rig = Rig::well();
    rig.feed(Event::VerifyRequested).answer(gone());
    let ticket = rig
        .take()
        .iter()
        .find_map(|effect| match effect {
            Effect::StoreStanding { ticket, .. } => Some(*ticket),
            _ => None,
        })
        .unwrap();
    rig.feed(Event::StoreFailed { ticket });
    rig.at(Timer::StoreRetry);
    assert_eq!(rig.names(), ["StoreStanding"]);
}

#[test]
fn the_users_own_sign_out_is_committed_at_once_and_owed_to_the_server() {
    let mut rig = Rig::well();
    rig.feed(Event::NetworkChanged(NetworkPath::Down));
    rig.take();
    rig.feed(Event::SignedOut);
    let end = rig.take();
    assert!(end.iter().any(|effect| matches!(
        effect,
        Effect::CommitEnd {
            reason: Reason::SignedOut,
            notice: None,
            token: TokenFate::Owe,
            epoch: Epoch(3),
            ..
        }
    )));
    assert!(rig.state.cover());
    let ticket = rig.commit_ticket();
    rig.feed(Event::Committed {
        ticket,
        epoch: Epoch(4),
    });
    assert_eq!(rig.ended(), Some(Reason::SignedOut));
    assert_eq!(rig.state.epoch(), Epoch(4));
    assert!(rig.state.timers().is_empty());
}

#[test]
fn the_users_sign_out_takes_the_place_of_a_verdict_that_is_not_on_disk() {
    let mut rig = ending();
    let verdict = rig.commit_ticket();
    rig.feed(Event::SignedOut);
    rig.feed(Event::Committed {
        ticket: verdict,
        epoch: Epoch(3),
    });
    assert_eq!(rig.ended(), None);
    rig.commit();
    assert_eq!(rig.ended(), Some(Reason::SignedOut));
}

/// Hazards B07, B10.
#[test]
fn a_lost_key_and_a_lost_vault_end_with_their_reason() {
    for (event, reason) in [
        (Event::KeyUnreadable(KeyTrouble::Absent), Reason::KeyLost),
        (Event::StorageLost, Reason::StorageLost),
    ] {
        let mut rig = Rig::well();
        rig.feed(event).commit();
        assert_eq!(rig.ended(), Some(reason));
    }
}

#[test]
fn a_kept_token_is_asked_about_four_times_within_the_window_and_then_destroyed() {
    let mut rig = ended();
    let begun = rig.now.boot;
    let mut looks = Vec::new();
    while rig.due_in(Timer::RestoreLook).is_some() {
        rig.at(Timer::RestoreLook);
        looks.push(rig.now.boot.since(begun));
        rig.answer(gone());
    }
    let bounds = [(21, 39), (84, 156), (210, 390), (630, 870)];
    assert_eq!(looks.len(), bounds.len());
    for (look, (from, to)) in looks.iter().zip(bounds) {
        assert!(*look >= seconds(from) && *look <= seconds(to), "{looks:?}");
    }
    rig.take();
    rig.at(Timer::RestoreEnd);
    assert_eq!(rig.now.boot.since(begun), policy::RESTORE_WINDOW);
    assert_eq!(rig.names(), ["DestroyToken"]);
    rig.commit();
    assert!(rig.state.timers().is_empty());
}

#[test]
fn a_wrong_verdict_heals_by_an_offer_that_the_user_takes() {
    let mut rig = ended();
    rig.at(Timer::RestoreLook).answer(valid());
    assert_eq!(
        rig.names(),
        ["Ask(UserMe)", "StoreStanding", "CommitMayContinue"]
    );
    assert_eq!(
        rig.state.view().standing,
        StandingView::Ended {
            reason: Reason::SessionEnded,
            may_continue: false
        }
    );
    rig.commit();
    assert_eq!(
        rig.state.view().standing,
        StandingView::Ended {
            reason: Reason::SessionEnded,
            may_continue: true
        }
    );
    assert!(
        rig.state.cover(),
        "content comes back only when the user takes the offer"
    );
    rig.take();
    rig.feed(Event::ContinueRequested);
    assert_eq!(rig.names(), ["CommitContinue"]);
    rig.commit();
    assert!(rig.is("Active") && !rig.state.cover());
    assert_eq!(rig.question(), Some(Question::UserMe));
    assert!(rig.due_in(Timer::Dial).is_some());
}

#[test]
fn nothing_is_asked_about_a_kept_token_while_nobody_looks() {
    let mut rig = ended();
    rig.feed(Event::HostChanged(HostState::Suspended));
    rig.take();
    rig.freeze(minutes(4));
    rig.feed(Event::HostChanged(HostState::Focused));
    rig.advance(seconds(1));
    assert_eq!(
        rig.question(),
        Some(Question::UserMe),
        "the looks that passed are one look"
    );
    rig.answer(gone());
    assert!(rig.due_in(Timer::RestoreLook).unwrap() <= seconds(390));
    rig.feed(Event::HostChanged(HostState::Suspended));
    rig.take();
    rig.freeze(minutes(20));
    rig.feed(Event::HostChanged(HostState::Focused));
    assert_eq!(rig.names(), ["DestroyToken"]);
}

#[test]
fn touching_a_sign_in_form_destroys_the_kept_token() {
    let mut rig = ended();
    rig.feed(Event::RestoreWithdrawn);
    assert_eq!(rig.names(), ["DestroyToken"]);
    let ticket = rig.commit_ticket();
    rig.feed(Event::CommitFailed { ticket });
    rig.at(Timer::CommitRetry);
    assert_eq!(rig.names(), ["DestroyToken"]);
    rig.commit();
    rig.feed(Event::ContinueRequested);
    assert!(rig.names().is_empty());
}

#[test]
fn a_window_of_zero_destroys_the_token_with_the_verdict() {
    let mut rig = Rig::with_settings(Settings {
        restore_window: seconds(0),
        ..Settings::default()
    });
    rig.feed(Event::VerifyRequested).answer(gone());
    rig.second_look(Health::Healthy, gone());
    assert!(rig.take().iter().any(|effect| matches!(
        effect,
        Effect::CommitEnd {
            token: TokenFate::Destroy,
            notice: Some(Notice::SessionEnded),
            ..
        }
    )));
    rig.commit();
    assert!(rig.state.timers().is_empty());
}

/// Hazard D17.
#[test]
fn a_wipe_push_covers_and_a_200_makes_it_void() {
    let mut rig = Rig::well();
    rig.feed(Event::WipePush);
    assert!(rig.state.cover());
    assert_eq!(rig.question(), Some(Question::UserMe));
    rig.answer(valid());
    assert!(!rig.state.cover());
    rig.advance(minutes(20));
    assert!(rig.is("Active") && !rig.state.is_ending());
}

#[test]
fn a_wipe_push_with_a_verdict_wipes() {
    let mut rig = Rig::well();
    rig.feed(Event::WipePush).answer(gone());
    rig.second_look(Health::Healthy, gone()).commit();
    assert_eq!(rig.ended(), Some(Reason::Wiped));
}

#[test]
fn a_wipe_push_without_a_usable_answer_for_ten_minutes_wipes() {
    let mut rig = Rig::well();
    rig.feed(Event::NetworkChanged(NetworkPath::Down));
    rig.feed(Event::WipePush);
    rig.advance(seconds(599));
    assert!(!rig.state.is_ending());
    rig.advance(seconds(1)).commit();
    assert_eq!(rig.ended(), Some(Reason::Wiped));
}

#[test]
fn a_wipe_push_that_waited_through_a_suspension_is_asked_about_first() {
    let mut rig = Rig::well();
    rig.feed(Event::HostChanged(HostState::Suspended));
    rig.feed(Event::WipePush);
    rig.freeze(minutes(60));
    rig.feed(Event::HostChanged(HostState::Focused));
    assert!(!rig.state.is_ending() && rig.state.cover());
    rig.answer(valid());
    assert!(!rig.state.cover());
}

#[test]
fn a_wipe_push_after_the_end_wipes_what_was_kept() {
    let mut rig = ended();
    rig.feed(Event::WipePush).commit();
    assert_eq!(rig.ended(), Some(Reason::Wiped));
}

#[test]
fn a_new_sign_in_replaces_whatever_was() {
    for mut rig in [Rig::well(), ending(), ended()] {
        rig.feed(Event::SignedIn {
            epoch: Epoch(9),
            server_date: None,
        });
        assert!(rig.is("Active") && !rig.state.cover());
        assert!(rig.due_in(Timer::Dial).is_some());
        rig.take();
        rig.at(Timer::Dial);
        assert_eq!(rig.names(), ["Dial(fresh)"]);
    }
}

/// Hazards B01, B14.
#[test]
fn nothing_but_storing_happens_while_suspended() {
    let mut rig = Rig::well();
    rig.feed(Event::HostChanged(HostState::Suspended));
    rig.take();
    for event in [
        Event::Hint(Hint::Push),
        Event::VerifyRequested,
        Event::NetworkChanged(NetworkPath::Up),
        Event::WipePush,
    ] {
        rig.feed(event);
        assert!(rig.state.timers().is_empty() && rig.question().is_none());
    }
    let names = rig.names();
    assert_eq!(names, ["StoreStanding"]);
}
