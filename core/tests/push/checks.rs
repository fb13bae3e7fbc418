//! Background checks.

use crate::common;
use crate::support::{open_files, own_session, phone, questions, server, suspend, upgrades};
use std::time::{Duration, Instant};
use steadfast::{HostState, NoticeKind, Standing};
use steadfast_testserver::Database;

const QUARTER_MINUTE: Duration = Duration::from_secs(15);

/// Hazards B03, B14.
#[tokio::test]
async fn a_check_finds_a_revoked_session_tells_it_once_and_leaves_the_core_suspended() {
    let server = server().await;
    server
        .control()
        .settings(|settings| settings.mobile_ephemeral_mode = false);
    let folder = tempfile::tempdir().unwrap();
    let (core, account) = phone(folder.path(), &server).await;
    suspend(&core).await;
    let dialled = upgrades(&server);
    assert_eq!(core.background_check(QUARTER_MINUTE).await.unwrap(), []);
    assert_eq!(open_files(folder.path()), 0);

    server.control().revoke_session(&own_session(&server));
    // A busy machine may need a second one: what the first has found is kept.
    let mut told = core.background_check(QUARTER_MINUTE).await.unwrap();
    if told.is_empty() {
        told = core.background_check(QUARTER_MINUTE).await.unwrap();
    }
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].kind, NoticeKind::SessionEnded);
    assert_eq!(core.snapshot(account).unwrap().standing, Standing::Ended);
    assert_eq!(open_files(folder.path()), 0);
    assert_eq!(upgrades(&server), dialled, "no socket");

    core.host_state(HostState::Focused).await.unwrap();
    core.acknowledge_notice(told[0].id).await.unwrap();
    suspend(&core).await;
    assert_eq!(core.background_check(QUARTER_MINUTE).await.unwrap(), []);
    core.close().await;
}

/// The time is over while the server is silent. Hazards B03.
#[tokio::test]
async fn a_check_whose_time_is_over_closes_and_changes_nothing() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let (core, account) = phone(folder.path(), &server).await;
    suspend(&core).await;
    server.control().database(Database::Frozen);
    server.control().clear_token_cache();

    let before = core.snapshot(account).unwrap();
    assert_eq!(
        core.background_check(Duration::from_secs(2)).await.unwrap(),
        []
    );
    assert_eq!(open_files(folder.path()), 0);
    let after = core.snapshot(account).unwrap();
    assert_eq!(
        (after.standing, after.cover),
        (before.standing, before.cover)
    );

    server.control().database(Database::Healthy);
    core.host_state(HostState::Focused).await.unwrap();
    common::until_live(&core, account).await;
    core.close().await;
}

/// The system ends the check early: the app says so, and a moment later nothing is open. Hazards B03.
#[tokio::test]
async fn a_check_that_is_called_off_closes_at_once() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let (core, account) = phone(folder.path(), &server).await;
    suspend(&core).await;
    server.control().database(Database::Frozen);
    server.control().clear_token_cache();
    let from = questions(&server);
    let check = tokio::spawn({
        let core = core.clone();
        async move { core.background_check(QUARTER_MINUTE).await }
    });
    common::eventually(|| questions(&server) > from).await;

    let called_off = Instant::now();
    suspend(&core).await;
    assert_eq!(open_files(folder.path()), 0);
    assert_eq!(check.await.unwrap().unwrap(), []);
    let took = called_off.elapsed();
    // Well before the check's own time is over.
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(core.snapshot(account).unwrap().standing, Standing::Active);
    core.close().await;
}

#[tokio::test]
async fn a_check_pays_what_is_owed() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let (core, account) = phone(folder.path(), &server).await;
    server.control().database(Database::Stopped);
    core.sign_out(account).await.unwrap();
    suspend(&core).await;
    server.control().database(Database::Healthy);
    assert_eq!(server.control().sessions("alice").len(), 1);
    core.background_check(QUARTER_MINUTE).await.unwrap();
    assert!(server.control().sessions("alice").is_empty());
    assert_eq!(open_files(folder.path()), 0);
    core.close().await;
}

#[tokio::test]
async fn a_check_in_an_app_that_is_in_front_leaves_it_there() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let (core, account) = phone(folder.path(), &server).await;
    core.background_check(QUARTER_MINUTE).await.unwrap();
    let snapshot = core.snapshot(account).unwrap();
    assert_eq!(snapshot.link, steadfast::Link::Live);
    core.close().await;
}

/// The app comes to the front while a check runs.
#[tokio::test]
async fn an_app_that_comes_to_the_front_during_a_check_stays_there() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let (core, account) = phone(folder.path(), &server).await;
    suspend(&core).await;
    let from = questions(&server);
    let check = tokio::spawn({
        let core = core.clone();
        async move { core.background_check(QUARTER_MINUTE).await }
    });
    common::eventually(|| questions(&server) > from).await;
    core.host_state(HostState::Focused).await.unwrap();
    check.await.unwrap().unwrap();
    common::until_live(&core, account).await;
    assert!(open_files(folder.path()) > 0);
    core.close().await;
}

/// It must hold after a restart, without a network.
#[tokio::test]
async fn what_the_server_says_of_itself_and_allows_offline_is_kept() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let (core, account) = phone(folder.path(), &server).await;
    core.close().await;
    let known = {
        let mut vault = steadfast::vault::Vault::open(&folder.path().join("vault"))
            .unwrap()
            .vault;
        vault.account(account).unwrap().unwrap().server
    };
    let policy = steadfast::server::server_policy::ServerPolicy::from_json(&known.policy.unwrap());
    assert_eq!(
        policy.max_offline(),
        Some(Duration::from_secs(24 * 3_600 + 60))
    );
    assert!(known.signing_key.is_some() && known.diagnostic_id.is_some());
}
