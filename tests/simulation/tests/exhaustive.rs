//! Every kind of state times every event: what must hold whatever happens, and the diagram that follows from it.
// Test support may stop the test at once when its own assumptions do not hold.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use steadfast::session::{Effect, Event, HostState, Reason, Standing, Timer};
use steadfast_simulation::events::{all, situations};
use steadfast_simulation::golden;
use steadfast_simulation::machine::Machine;

/// Every state, every event, now and late.
fn sweep(mut visit: impl FnMut(&str, &Machine, &Event, &Machine)) {
    for (name, before) in situations() {
        for event in all(&before) {
            let mut after = before.clone();
            if let Event::TimerFired(timer) = event
                && before.state.timers().contains_key(&timer)
            {
                after.fire(timer);
            } else {
                after.feed(event.clone());
            }
            visit(name, &before, &event, &after);
        }
    }
}

fn ended(machine: &Machine) -> bool {
    matches!(machine.state.standing(), Standing::Ended(_))
}

#[test]
fn only_a_transaction_that_is_on_disk_ends_a_session() {
    sweep(|name, before, event, after| {
        if ended(after) && !ended(before) {
            assert!(matches!(event, Event::Committed { .. }), "{name}: {event}");
            assert!(before.state.is_ending(), "{name}: {event}");
        }
    });
}

#[test]
fn only_evidence_leads_to_the_verdict() {
    sweep(|name, before, event, after| {
        for effect in &after.effects {
            if let Effect::CommitEnd { reason, epoch, .. } = effect {
                assert_eq!(*epoch, before.state.epoch(), "{name}: {event}");
                let allowed = match reason {
                    Reason::SessionEnded => {
                        matches!(event.name(), "Answered(Gone)" | "Answered(Experiment)")
                    }
                    Reason::SignedOut => matches!(event, Event::SignedOut),
                    Reason::Wiped => {
                        matches!(event.name(), "Timer(Wipe)" | "WipePush" | "Answered(Gone)")
                    }
                    Reason::KeyLost => event.name() == "KeyUnreadable(Absent)",
                    Reason::StorageLost => matches!(event, Event::StorageLost),
                    Reason::Replaced => false,
                };
                let again = before.state.is_ending()
                    && matches!(event.name(), "Timer(CommitRetry)" | "Opened");
                assert!(allowed || again, "{name}: {event} asked to end: {reason:?}");
            }
        }
    });
}

#[test]
fn evidence_never_ends_a_session_in_one_step_from_active() {
    sweep(|name, before, event, after| {
        if matches!(
            before.state.standing(),
            Standing::Active | Standing::NeedsMfa
        ) && !before.state.is_ending()
            && matches!(event, Event::Answered { .. })
        {
            assert!(!after.state.is_ending(), "{name}: {event}");
        }
    });
}

/// Hazards B01, B14. Q15.
#[test]
fn while_suspended_nothing_happens_but_storing() {
    sweep(|name, before, event, after| {
        if after.state.host() != HostState::Suspended {
            return;
        }
        assert!(after.state.timers().is_empty(), "{name}: {event}");
        assert!(after.state.socket().is_none() && !after.state.is_asking());
        for effect in &after.effects {
            let leaving = before.state.host() != HostState::Suspended;
            let allowed = match effect {
                Effect::StoreStanding { .. }
                | Effect::CommitEnd { .. }
                | Effect::CommitMayContinue { .. }
                | Effect::CommitContinue { .. }
                | Effect::DestroyToken { .. }
                | Effect::Publish => true,
                Effect::Withdraw { .. }
                | Effect::StopTimer { .. }
                | Effect::CloseSocket { .. }
                | Effect::DropPooledConnections => leaving,
                Effect::Ask { .. }
                | Effect::ReadKey
                | Effect::StartTimer { .. }
                | Effect::Dial { .. }
                | Effect::SendPing { .. } => false,
            };
            assert!(allowed, "{name}: {event} → {effect}");
        }
    });
}

/// Hazard B04.
#[test]
fn a_background_check_asks_and_has_no_socket() {
    let mut asked = 0;
    sweep(|name, before, event, after| {
        if after.state.host() != HostState::Checking {
            return;
        }
        assert!(after.state.socket().is_none(), "{name}: {event}");
        let began = before.state.host() == HostState::Suspended;
        if began && *after.state.standing() == Standing::Active && after.state.is_asking() {
            asked += 1;
        }
    });
    assert!(asked > 0, "no check asked about a session");
}

#[test]
fn a_locked_account_is_written_only_to_count_that_the_user_was_there() {
    let mut counted = 0;
    sweep(|name, before, event, after| {
        if matches!(after.state.standing(), Standing::Locked { .. }) {
            let wrote = after
                .effects
                .iter()
                .any(|effect| matches!(effect, Effect::StoreStanding { .. }));
            let may = event.name() == "KeyUnreadable(Unavailable)"
                && matches!(after.state.host(), HostState::Focused | HostState::Running);
            assert!(!wrote || may, "{name}: {event}");
            let code = before.state.standing().standing_code();
            assert_eq!(after.state.standing().standing_code(), code, "{name}");
            counted += usize::from(wrote);
        }
    });
    assert!(counted > 0);
}

#[test]
fn nothing_is_written_beside_an_end_that_is_under_way() {
    let mut beside_one_that_waits = 0;
    sweep(|name, _, event, after| {
        let wrote = after
            .effects
            .iter()
            .any(|effect| matches!(effect, Effect::StoreStanding { .. }));
        if wrote && after.state.is_ending() {
            let waits = after.state.timers().contains_key(&Timer::CommitRetry);
            assert!(waits, "{name}: {event}");
            beside_one_that_waits += 1;
        }
    });
    assert!(beside_one_that_waits > 0);
}

/// Hazard B09.
#[test]
fn an_offer_to_sign_in_again_is_made_of_nothing_but_a_key_that_is_not_given() {
    sweep(|name, before, event, after| {
        let (was, is) = (before.state.view(), after.state.view());
        if is.may_sign_in_again && !was.may_sign_in_again {
            assert_eq!(event.name(), "KeyUnreadable(Unavailable)", "{name}");
        }
        if is.may_sign_in_again {
            assert!(
                matches!(after.state.standing(), Standing::Locked { .. }),
                "{name}: {event}"
            );
        }
    });
}

#[test]
fn doubt_is_covered_and_only_an_active_account_dials() {
    sweep(|name, before, event, after| {
        let covered = match after.state.standing() {
            Standing::Active | Standing::Locked { .. } => true,
            Standing::Suspect(_)
            | Standing::Ended(_)
            | Standing::NeedsMfa
            | Standing::Unverifiable(_) => after.state.cover(),
        };
        assert!(covered, "{name}: {event}");
        let dials = after
            .effects
            .iter()
            .filter(|effect| matches!(effect, Effect::Dial { .. }))
            .count();
        assert!(dials <= 1, "{name}: {event}");
        if dials == 1 {
            assert_eq!(*after.state.standing(), Standing::Active, "{name}: {event}");
            assert_ne!(before.state.host(), HostState::Suspended);
            assert_ne!(after.state.host(), HostState::Checking, "{name}: {event}");
        }
    });
}

#[test]
fn at_most_one_question_is_asked_in_a_step_and_none_beside_an_open_one() {
    sweep(|name, before, event, after| {
        let asked = after
            .effects
            .iter()
            .filter(|effect| matches!(effect, Effect::Ask { .. }))
            .count();
        assert!(asked <= 1, "{name}: {event}");
        let closed = matches!(
            event,
            Event::Answered { .. } | Event::TimerFired(Timer::Answer)
        ) || after
            .effects
            .iter()
            .any(|effect| matches!(effect, Effect::Withdraw { .. }));
        if before.state.is_asking() && !closed {
            assert_eq!(asked, 0, "{name}: {event}");
        }
    });
}

#[test]
fn the_users_sign_out_is_always_taken() {
    sweep(|name, before, event, after| {
        if matches!(event, Event::SignedOut) && !ended(before) {
            assert!(after.state.is_ending(), "{name}");
        }
    });
}

#[test]
fn a_question_an_answer_or_a_stale_thing_never_leaves_a_suspicion_without_a_next_look() {
    sweep(|name, _, event, after| {
        if matches!(
            after.state.standing(),
            Standing::Suspect(_) | Standing::Unverifiable(_)
        ) && after.state.host() != HostState::Suspended
            && after.state.path() != steadfast::session::NetworkPath::Down
            && !after.state.is_ending()
        {
            assert!(
                after.state.is_asking() || after.state.timers().contains_key(&Timer::Look),
                "{name}: {event}"
            );
        }
    });
}

#[test]
fn the_diagram_is_what_the_machine_does() {
    let mut standings: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    let mut ends: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut links: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    sweep(|_, before, event, after| {
        let from = before.state.standing().name().to_owned();
        let to = after.state.standing().name().to_owned();
        if from != to {
            standings
                .entry((from.clone(), to))
                .or_default()
                .insert(event.name().to_owned());
        }
        for effect in &after.effects {
            if matches!(effect, Effect::CommitEnd { .. }) {
                ends.entry(from.clone())
                    .or_default()
                    .insert(format!("{event} → {effect}"));
            }
        }
        let from = before.state.link().name().to_owned();
        let to = after.state.link().name().to_owned();
        if from != to {
            links
                .entry((from, to))
                .or_default()
                .insert(event.name().to_owned());
        }
    });
    let mut text = String::from(
        "# The session machine\n\nGenerated by `tests/simulation/tests/exhaustive.rs` from the machine itself, every kind of state times every event, and\n\
         compared with it by that test. To write it anew: `STEADFAST_REGENERATE=1 cargo test -p steadfast-simulation --test exhaustive`.\n\n\
         ## Standing\n\n`Ended` is entered by `Committed` alone: first the vault has to write the end under the same epoch. What asks for that\n\
         transaction is listed below the diagram.\n\n",
    );
    diagram(&mut text, &standings);
    text.push_str("\n### What asks the vault to end a session\n\n");
    for (from, causes) in &ends {
        writeln!(text, "- in `{from}`: {}", list(causes)).unwrap();
    }
    text.push_str("\n## Link\n\n");
    diagram(&mut text, &links);
    golden::compare("docs/session-machine.md", &text);
    let mut page = String::new();
    diagram(&mut page, &standings);
    golden::compare_part("docs/when-a-user-is-signed-out.md", "diagram", &page);
}

fn diagram(text: &mut String, edges: &BTreeMap<(String, String), BTreeSet<String>>) {
    text.push_str("```mermaid\nstateDiagram-v2\n");
    for ((from, to), causes) in edges {
        let causes: Vec<&str> = causes.iter().map(String::as_str).collect();
        writeln!(text, "    {from} --> {to}: {}", causes.join(", ")).unwrap();
    }
    text.push_str("```\n");
}

fn list(causes: &BTreeSet<String>) -> String {
    let causes: Vec<String> = causes.iter().map(|cause| format!("`{cause}`")).collect();
    causes.join(", ")
}
