//! The first contact with the server of a session that an older app left: only the server's own verdict refuses it.

use std::time::{Duration, Instant};
use steadfast::{HostState, LegacyOutcome, NetworkPath, Reason, Shows, Standing};
use steadfast_faults::{Answer, Match};
use steadfast_testserver::Database;

use crate::common::eventually;
use crate::support::*;

const GONE: &str = "api.context.session_expired.app_error";

/// Q18.
#[tokio::test]
async fn offline_it_can_be_used_at_once_and_is_confirmed_when_the_way_is_back() {
    let world = World::new().await;
    world.faults().refuse(true);
    let core = world.open();
    core.network_changed(NetworkPath::Down, None).unwrap();
    let account = adopted(&import(&core, &[world.known()]).await);
    let snapshot = core.snapshot(account).unwrap();
    assert_eq!(snapshot.shows(), Shows::Content);
    assert_eq!(snapshot.user_id, world.session.user_id);
    assert_eq!(snapshot.validated_at, None, "the app can tell");
    core.close().await;

    let core = world.open();
    assert_eq!(core.snapshot(account).unwrap().validated_at, None);
    world.faults().refuse(false);
    way_back(&core);
    let heard = until_heard(&core, account).await;
    assert_eq!(heard.standing, Standing::Active);
    core.close().await;
}

/// A question to a server that does not answer is given up with the suspension, and its socket with it.
#[tokio::test]
async fn a_question_under_way_ends_with_the_suspension() {
    let world = World::new().await;
    let faults = world.faults();
    let never = Answer::new(200).after(Duration::from_secs(3600));
    faults.answer(never.on(Match::path("/api/v4/users/me")));
    let core = world.open();
    assert_eq!(
        import(&core, &[world.unknown()]).await,
        [LegacyOutcome::Pending]
    );
    faults.wait_for_open(1).await;
    core.host_state(HostState::Suspended).await.unwrap();
    // Well before a request is given up for want of an answer.
    tokio::time::timeout(Duration::from_secs(20), faults.wait_for_open(0))
        .await
        .unwrap();
    core.close().await;
}

/// An answer that was lost with the last network is not waited for on the next one. Q18.
#[tokio::test]
async fn what_was_asked_on_the_last_network_is_asked_again_on_the_next() {
    let world = World::new().await;
    let control = world.server.control();
    let path = "/api/v4/users/me";
    control.hold_back(Some(path));
    let core = world.open();
    let pending = world.unknown();
    let from = control.request_count();
    let first = import(&core, std::slice::from_ref(&pending)).await;
    assert_eq!(first, [LegacyOutcome::Pending]);
    control
        .wait_from(from, |request| request.path == path)
        .await;
    world.faults().half_open();
    control.hold_back(None);

    let back = Instant::now();
    way_back(&core);
    until_changes(&core, |changes| !changes.accounts.is_empty()).await;
    // A request is given up for want of an answer after thirty.
    assert!(back.elapsed() < Duration::from_secs(20));
    core.close().await;
}

/// Answers that say nothing about a session, each for every request.
fn useless() -> Vec<(&'static str, Answer)> {
    vec![
        ("500", Answer::error(500, "app.any.app_error")),
        ("503", Answer::new(503).html("<html>maintenance</html>")),
        ("429", Answer::new(429).header("Retry-After", "1")),
        ("portal", Answer::new(200).html("<html>sign in here</html>")),
        (
            "redirect",
            Answer::new(302).header("Location", "http://127.0.0.1:9/portal"),
        ),
        ("a stranger's 401", Answer::error(401, GONE)),
        (
            "403",
            Answer::error(403, "api.context.permissions.app_error"),
        ),
    ]
}

/// Q18.
#[tokio::test]
async fn no_answer_but_the_servers_own_verdict_gives_it_up() {
    for (what, answer) in useless() {
        let world = World::new().await;
        world.faults().answer(answer.on(Match::any()));
        let core = world.open();
        let pending = world.unknown();
        let first = import(&core, std::slice::from_ref(&pending)).await;
        assert_eq!(first, [LegacyOutcome::Pending]);
        world
            .faults()
            .wait_for_request(|request| request.path == "/api/v4/users/me")
            .await;
        // A restart keeps it, and so does being asked again.
        core.close().await;
        let core = world.open();
        let again = import(&core, std::slice::from_ref(&pending)).await;
        assert_eq!(again, [LegacyOutcome::Pending], "{what}");
        assert!(core.accounts().is_empty(), "{what}");

        world.faults().clear_answers();
        way_back(&core);
        until_outcome(&core, &pending, |outcome| {
            matches!(outcome, LegacyOutcome::Adopted(_))
        })
        .await;
        let is_alice = || {
            core.accounts()
                .iter()
                .any(|known| known.username == "alice")
        };
        eventually(is_alice).await;
        core.close().await;
    }
}

/// Q18.
#[tokio::test]
async fn an_outage_that_answers_like_a_revocation_costs_nothing() {
    let world = World::new().await;
    world.server.control().clear_token_cache();
    world.server.control().database(Database::Stopped);
    let core = world.open();
    let pending = world.unknown();
    let from = world.server.control().request_count();
    let first = import(&core, std::slice::from_ref(&pending)).await;
    assert_eq!(first, [LegacyOutcome::Pending]);
    // The 401, then the second look's question about the database.
    world
        .server
        .control()
        .wait_from(from, |record| {
            record.path == "/api/v4/users/me" && record.status == Some(401)
        })
        .await;
    world
        .server
        .control()
        .wait_from(from, |record| {
            record.path == "/api/v4/system/ping" && record.status.is_some()
        })
        .await;
    assert_eq!(
        import(&core, std::slice::from_ref(&pending)).await,
        [LegacyOutcome::Pending]
    );
    world.server.control().database(Database::Healthy);
    way_back(&core);
    until_outcome(&core, &pending, |outcome| {
        matches!(outcome, LegacyOutcome::Adopted(_))
    })
    .await;
    core.close().await;
}

#[tokio::test]
async fn a_session_that_is_really_gone_is_refused_after_a_second_look() {
    let world = World::new().await;
    assert!(world.server.control().revoke_session(&world.session.token));
    let core = world.open();
    let pending = world.unknown();
    let from = world.server.control().request_count();
    assert_eq!(
        import(&core, std::slice::from_ref(&pending)).await,
        [LegacyOutcome::Pending]
    );
    until_outcome(&core, &pending, |outcome| outcome == LegacyOutcome::Refused).await;
    let looks = world.server.control().requests()[from..]
        .iter()
        .filter(|record| record.path == "/api/v4/users/me")
        .count();
    assert_eq!(looks, 2);
    assert!(core.accounts().is_empty());
    core.close().await;
}

#[tokio::test]
async fn one_whose_user_is_known_ends_like_any_other_session() {
    let world = World::new().await;
    world.faults().refuse(true);
    let core = world.open();
    let account = adopted(&import(&core, &[world.known()]).await);
    world.server.control().revoke_session(&world.session.token);
    world.faults().refuse(false);
    way_back(&core);
    let ended = until(&core, account, |one| one.standing == Standing::Ended).await;
    assert_eq!(ended.reason, Some(Reason::SessionEnded));
    assert_eq!(ended.validated_at, None);
    core.close().await;
}

#[tokio::test]
async fn one_whose_user_is_known_outlives_an_outage() {
    let world = World::new().await;
    world.server.control().clear_token_cache();
    world.server.control().database(Database::Stopped);
    let core = world.open();
    let account = adopted(&import(&core, &[world.known()]).await);
    until(&core, account, |one| one.standing == Standing::Suspect).await;
    world.server.control().database(Database::Healthy);
    core.verify(account, Duration::from_secs(60)).await.unwrap();
    until_heard(&core, account).await;
    core.close().await;
}
