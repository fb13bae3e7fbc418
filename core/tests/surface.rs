//! The surface over a real wire: one core, one embedded server.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test, what does not hold stops the test"
)]

mod common;

use common::{PASSWORD, server, until, until_live};
use std::task::{Context, Waker};
use std::time::Duration;
use steadfast::{HostState, Revision, Shows, SignIn, Steadfast, message};
use steadfast_testserver::Server;

fn open(folder: &tempfile::TempDir, server: &Server) -> Steadfast {
    common::open(folder.path(), server)
}

#[tokio::test]
async fn a_user_signs_in_is_live_and_a_revoked_one_is_out() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(&folder, &server);
    let account = core
        .sign_in(SignIn::new(server.url(), "alice", PASSWORD))
        .await
        .unwrap();
    let live = until_live(&core, account).await;
    assert_eq!(live.shows(), Shows::Content);
    assert_eq!(live.username, "alice");

    let sessions = core.active_sessions(account).await.unwrap();
    assert_eq!(sessions.len(), 1);
    assert!(sessions[0].current);

    server.control().clock_advance(Duration::from_secs(60));
    server.control().revoke_session(&sessions[0].id);
    let ended = until(&core, account, |snapshot| {
        matches!(snapshot.shows(), Shows::SignIn(_))
    })
    .await;
    assert_eq!(ended.shows(), Shows::SignIn(Some(message::SESSION_EXPIRED)));
    assert_eq!(core.notices().len(), 1);
    core.close().await;
}

/// Hazard C06.
#[tokio::test]
async fn closing_wakes_those_who_wait_and_later_calls_are_told() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(&folder, &server);
    let account = core
        .sign_in(SignIn::new(server.url(), "alice", PASSWORD))
        .await
        .unwrap();
    until_live(&core, account).await;
    let first = core.events(account, 0).await.unwrap();
    assert!(first.gap, "the first connection is news to the app");
    let revision = core.changes(Revision::START).await.unwrap().revision;

    let events = tokio::spawn({
        let core = core.clone();
        async move { core.events(account, first.last_seq).await }
    });
    let changes = tokio::spawn({
        let core = core.clone();
        async move {
            let mut revision = revision;
            loop {
                revision = core.changes(revision).await?.revision;
            }
            #[allow(unreachable_code, reason = "gives the block its type")]
            Ok::<(), steadfast::Error>(())
        }
    });
    core.close().await;
    assert_eq!(events.await.unwrap(), Err(steadfast::Error::Closed));
    assert_eq!(changes.await.unwrap(), Err(steadfast::Error::Closed));
    assert_eq!(core.sign_out(account).await, Err(steadfast::Error::Closed));
    core.close().await;
}

#[tokio::test]
async fn events_arrive_in_order_and_what_was_not_taken_survives_a_lost_network() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(&folder, &server);
    let account = core
        .sign_in(SignIn::new(server.url(), "alice", PASSWORD))
        .await
        .unwrap();
    until_live(&core, account).await;
    let start = core.events(account, 0).await.unwrap().last_seq;

    let posted = async |after: i64, count: usize| {
        let mut messages = Vec::new();
        let mut seen = after;
        while messages.len() < count {
            let batch = core.events(account, seen).await.unwrap();
            assert!(!batch.gap, "nothing was lost");
            seen = batch.last_seq;
            messages.extend(
                batch
                    .events
                    .into_iter()
                    .filter(|event| event.name == "posted")
                    .map(|event| {
                        let post = event.member("data")["post"]
                            .as_str()
                            .unwrap_or_default()
                            .to_owned();
                        serde_json::from_str::<serde_json::Value>(&post).unwrap()["message"]
                            .as_str()
                            .unwrap()
                            .to_owned()
                    }),
            );
        }
        (messages, seen)
    };
    server.control().post("sysadmin", "one");
    server.control().post("sysadmin", "two");
    let (messages, seen) = posted(start, 2).await;
    assert_eq!(messages, ["one", "two"]);

    core.network_changed(steadfast::NetworkPath::Down, None)
        .unwrap();
    until(&core, account, |snapshot| {
        snapshot.link == steadfast::Link::Offline
    })
    .await;
    server.control().post("sysadmin", "three");
    core.network_changed(steadfast::NetworkPath::Up, None)
        .unwrap();
    let (messages, _) = posted(seen, 1).await;
    assert_eq!(messages, ["three"]);
    core.close().await;
}

/// Hazard C05.
#[tokio::test]
async fn a_sign_in_that_its_caller_abandons_is_stored_or_was_never_sent() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(&folder, &server);
    // Polled once, so that it has begun, and dropped.
    let mut sign_in = Box::pin(core.sign_in(SignIn::new(server.url(), "alice", PASSWORD)));
    let mut nobody = Context::from_waker(Waker::noop());
    assert!(sign_in.as_mut().poll(&mut nobody).is_pending());
    drop(sign_in);
    let mut revision = Revision::START;
    let account = loop {
        let changes = core.changes(revision).await.unwrap();
        revision = changes.revision;
        if let Some(snapshot) = changes.accounts.first() {
            break snapshot.id;
        }
    };
    until_live(&core, account).await;
    assert_eq!(server.control().sessions("alice").len(), 1);
    core.close().await;
}

#[tokio::test]
async fn two_sign_ins_at_once_leave_one_session_and_the_other_is_owed_its_end() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(&folder, &server);
    let sign_in = || core.sign_in(SignIn::new(server.url(), "alice", PASSWORD));
    let (first, second) = tokio::join!(sign_in(), sign_in());
    let account = first.unwrap();
    assert_eq!(second.unwrap(), account);
    until_live(&core, account).await;
    common::eventually(|| server.control().sessions("alice").len() == 1).await;
    let left = core.active_sessions(account).await.unwrap();
    assert_eq!(left.len(), 1);
    assert!(left[0].current);
    core.close().await;
}

/// Hazard B02.
#[tokio::test]
async fn twenty_suspensions_lose_nothing_and_leave_no_file_open() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(&folder, &server);
    let account = core
        .sign_in(SignIn::new(server.url(), "alice", PASSWORD))
        .await
        .unwrap();
    let vault = folder.path().join("vault");
    for _ in 0..20 {
        core.host_state(HostState::Suspended).await.unwrap();
        assert_eq!(
            core.snapshot(account).unwrap().link,
            steadfast::Link::Paused
        );
        let open_files: Vec<_> = std::fs::read_dir("/proc/self/fd")
            .unwrap()
            .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
            .filter(|target| target.starts_with(&vault))
            .collect();
        assert!(open_files.is_empty(), "{open_files:?}");
        assert_eq!(
            core.sign_out(account).await,
            Err(steadfast::Error::Suspended)
        );
        core.host_state(HostState::Focused).await.unwrap();
        let standing = core.snapshot(account).unwrap().standing;
        assert_eq!(standing, steadfast::Standing::Active);
    }
    until_live(&core, account).await;
    core.close().await;
}

/// A server that takes a connection up again greets nobody, and its greeting is what makes a core ask.
#[tokio::test]
async fn what_a_server_says_of_itself_is_asked_again_after_a_suspension_that_cut_it_short() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(&folder, &server);
    let control = server.control();
    control.hold_back(Some("/api/v4/users/me/sessions"));
    let sign_in = SignIn::new(server.url(), "alice", PASSWORD);
    let account = core.sign_in(sign_in).await.unwrap();
    core.close().await;

    let config = "/api/v4/config/client";
    control.hold_back(Some(config));
    let from = control.request_count();
    let core = open(&folder, &server);
    until_live(&core, account).await;
    let asked = control.wait_from(from, |record| record.path == config);
    tokio::time::timeout(Duration::from_secs(60), asked)
        .await
        .unwrap();
    core.host_state(HostState::Suspended).await.unwrap();
    assert_eq!(core.snapshot(account).unwrap().server_name, "");
    control.hold_back(None);
    let dialled = control.request_count();
    core.host_state(HostState::Focused).await.unwrap();
    until(&core, account, |seen| !seen.server_name.is_empty()).await;
    let sockets = control.requests().split_off(dialled);
    let resumed = sockets
        .iter()
        .filter(|record| record.path.ends_with("/websocket"))
        .all(|record| record.query.contains("connection_id="));
    assert!(resumed, "{sockets:?}");
    // So is which session is ours, which the first start did not come to.
    until(&core, account, |seen| seen.expires_at.is_some()).await;
    core.close().await;
}

/// A request that was under way when the network changed has no answer for half a minute, and the link is long live by then.
#[tokio::test]
async fn what_a_server_says_of_itself_is_asked_again_where_the_question_was_lost_with_its_network()
{
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(&folder, &server);
    let control = server.control();
    let config = "/api/v4/config/client";
    control.hold_back(Some(config));
    let asked_from = async |from: usize| {
        let asked = control.wait_from(from, |record| record.path == config);
        tokio::time::timeout(Duration::from_secs(60), asked)
            .await
            .unwrap();
    };
    let sign_in = SignIn::new(server.url(), "alice", PASSWORD);
    let account = core.sign_in(sign_in).await.unwrap();
    until_live(&core, account).await;
    asked_from(0).await;
    let from = control.request_count();
    core.network_changed(steadfast::NetworkPath::Up, None)
        .unwrap();
    asked_from(from).await;
    assert_eq!(core.snapshot(account).unwrap().server_name, "");
    control.hold_back(None);
    until(&core, account, |seen| !seen.server_name.is_empty()).await;
    core.close().await;
}
