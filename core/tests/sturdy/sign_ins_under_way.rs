//! A sign-in is on its way, its answer not here yet, and the session or the account ends meanwhile.

use crate::common::*;
use std::future::Future;
use std::time::Duration;
use steadfast::{
    AccountId, Error, Link, Reason, Shows, SignIn, SignInAgain, Snapshot, Standing, Steadfast,
    message,
};
use steadfast_testserver::Server;
use tokio::task::JoinHandle;

/// Begins a sign-in and waits until the server has made a session and said so to nobody.
async fn answer_held_back<T: Send + 'static>(
    server: &Server,
    sign_in: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    let control = server.control();
    let before = control.request_count();
    control.hold_back(Some("/api/v4/users/login"));
    let waiting = tokio::spawn(sign_in);
    let answered = control.wait_from(before, |request| {
        request.path.ends_with("/users/login") && request.status == Some(200)
    });
    tokio::time::timeout(PATIENCE, answered).await.unwrap();
    assert!(!waiting.is_finished());
    waiting
}

fn again(core: &Steadfast, id: AccountId) -> impl Future<Output = Result<(), Error>> + use<> {
    let core = core.clone();
    let request = SignInAgain::new(PASSWORD);
    async move { core.reauthenticate(id, request).await }
}

fn anew(
    core: &Steadfast,
    server: &Server,
) -> impl Future<Output = Result<AccountId, Error>> + use<> {
    let core = core.clone();
    let request = SignIn::new(server.url(), "alice", PASSWORD);
    async move { core.sign_in(request).await }
}

fn is_signed_out(snapshot: &Snapshot) {
    assert_eq!(snapshot.standing, Standing::Ended);
    assert_eq!(snapshot.reason, Some(Reason::SignedOut));
    assert_eq!(snapshot.shows(), Shows::SignIn(None));
}

async fn until_the_server_knows_of_none(server: &Server) {
    eventually(|| server.control().sessions("alice").is_empty()).await;
}

/// Hazard D07.
#[tokio::test]
async fn signing_out_calls_off_the_signing_in_again_that_is_under_way() {
    let (server, _folder, core, alice) = live().await;
    let under_way = answer_held_back(&server, again(&core, alice)).await;
    assert_eq!(server.control().sessions("alice").len(), 2);
    core.sign_out(alice).await.unwrap();
    is_signed_out(&core.snapshot(alice).unwrap());

    server.control().hold_back(None);
    assert_eq!(under_way.await.unwrap(), Err(Error::Cancelled));
    is_signed_out(&core.snapshot(alice).unwrap());
    until_the_server_knows_of_none(&server).await;
    is_signed_out(&core.snapshot(alice).unwrap());
    assert_eq!(core.notices(), []);
    core.close().await;
}

/// Hazard D07.
#[tokio::test]
async fn an_account_that_is_forgotten_is_not_brought_back_by_the_sign_in_that_is_under_way() {
    let (server, _folder, core, alice) = live().await;
    let under_way = answer_held_back(&server, again(&core, alice)).await;
    core.forget(alice).await.unwrap();

    server.control().hold_back(None);
    assert_eq!(under_way.await.unwrap(), Err(Error::NoSuchAccount));
    assert_eq!(core.accounts(), []);
    until_the_server_knows_of_none(&server).await;
    assert_eq!(core.accounts(), []);
    core.close().await;
}

/// At a sign-in page nobody has named an account, so the sign-out of one is not meant for it.
///
/// Hazard D07.
#[tokio::test]
async fn a_sign_in_of_its_own_is_carried_through_and_only_the_session_that_was_signed_out_goes() {
    let (server, _folder, core, alice) = live().await;
    let old = server.control().sessions("alice")[0].id.clone();
    let under_way = answer_held_back(&server, anew(&core, &server)).await;
    core.sign_out(alice).await.unwrap();
    is_signed_out(&core.snapshot(alice).unwrap());

    server.control().hold_back(None);
    assert_eq!(under_way.await.unwrap(), Ok(alice));
    until_live(&core, alice).await;
    eventually(|| server.control().sessions("alice").len() == 1).await;
    assert_ne!(server.control().sessions("alice")[0].id, old);
    assert_eq!(core.snapshot(alice).unwrap().shows(), Shows::Content);
    core.close().await;
}

/// The answer is of a session that is gone when it arrives.
///
/// Hazard D07.
#[tokio::test]
async fn a_session_that_is_revoked_before_its_sign_in_is_answered_is_found_out() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path(), &server);
    let under_way = answer_held_back(&server, anew(&core, &server)).await;
    let control = server.control();
    let begun = control.sessions("alice");
    assert_eq!(begun.len(), 1);
    assert!(control.revoke_session(&begun[0].id));
    control.clock_advance(Duration::from_secs(60));

    control.hold_back(None);
    let alice = under_way.await.unwrap().unwrap();
    let ended = until(&core, alice, |snapshot| {
        assert_ne!(snapshot.link, Link::Live);
        snapshot.standing == Standing::Ended
    })
    .await;
    assert_eq!(ended.reason, Some(Reason::SessionEnded));
    assert_eq!(ended.shows(), Shows::SignIn(Some(message::SESSION_EXPIRED)));
    assert!(control.sessions("alice").is_empty());

    // The next sign-in is as any other.
    assert_eq!(sign_in(&core, &server, "alice").await, alice);
    until_live(&core, alice).await;
    assert_eq!(control.sessions("alice").len(), 1);
    core.close().await;
}
