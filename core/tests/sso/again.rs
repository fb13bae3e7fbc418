//! Signing in again as the user of an account.

use std::time::Duration;
use steadfast::{Error, Link, SignIn, SignInAgain, SignInMethod, SsoMethod, Standing};

use crate::support::*;

/// Hazard D06.
#[tokio::test]
async fn the_same_user_signs_in_again_and_the_old_session_is_ended() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path());
    let account = core
        .sign_in(SignIn::new(server.url(), "alice", ALICE))
        .await
        .unwrap();
    let before = server.control().sessions("alice")[0].id.clone();
    core.reauthenticate(account, SignInAgain::new(ALICE))
        .await
        .unwrap();
    until_server(&server, |server| {
        let sessions = server.control().sessions("alice");
        sessions.len() == 1 && sessions[0].id != before
    })
    .await;
    assert_eq!(core.accounts().len(), 1);
    let live = until(&core, account, |snapshot| snapshot.link == Link::Live).await;
    assert_eq!(live.sign_in_method, Some(SignInMethod::Password));
    core.close().await;
}

#[tokio::test]
async fn another_user_is_refused_and_neither_session_is_harmed() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path());
    core.set_device_id(Some("apple_rn-v2:device".to_owned()))
        .await
        .unwrap();
    let alice = core
        .sign_in(SignIn::new(server.url(), "alice", ALICE))
        .await
        .unwrap();
    let bob = core
        .sign_in(SignIn::new(server.url(), "bob", BOB))
        .await
        .unwrap();
    let of_alice = server.control().sessions("alice")[0].id.clone();
    let of_bob = server.control().sessions("bob")[0].id.clone();

    let mut wrong = SignInAgain::new(BOB);
    wrong.login_id = Some("bob".to_owned());
    assert_eq!(
        core.reauthenticate(alice, wrong).await,
        Err(Error::AnotherUser)
    );
    core.begin_sso_again(alice, SsoMethod::GitLab)
        .await
        .unwrap();
    let in_the_browser = session_of(&server, "bob", BOB).await;
    assert_eq!(
        core.finish_sso(&token_link(server.url(), &in_the_browser))
            .await,
        Err(Error::AnotherUser)
    );

    until_server(&server, |server| {
        server.control().sessions("bob").len() == 1
    })
    .await;
    assert_eq!(server.control().sessions("bob")[0].id, of_bob);
    assert_eq!(server.control().sessions("alice")[0].id, of_alice);
    for account in [alice, bob] {
        let standing = core.verify(account, Duration::from_secs(30)).await.unwrap();
        assert_eq!(standing, Standing::Active);
    }
    core.close().await;
}

#[tokio::test]
async fn a_wrong_password_changes_nothing() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path());
    let account = core
        .sign_in(SignIn::new(server.url(), "alice", ALICE))
        .await
        .unwrap();
    assert_eq!(
        core.reauthenticate(account, SignInAgain::new("guessed"))
            .await,
        Err(Error::InvalidCredentials)
    );
    let standing = core.verify(account, Duration::from_secs(30)).await.unwrap();
    assert_eq!(standing, Standing::Active);
    core.close().await;
}

#[tokio::test]
async fn the_same_user_signs_in_again_through_the_browser() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path());
    let account = core
        .sign_in(SignIn::new(server.url(), "alice", ALICE))
        .await
        .unwrap();
    let before = server.control().sessions("alice")[0].id.clone();
    core.begin_sso_again(account, SsoMethod::Saml)
        .await
        .unwrap();
    let session = session_of(&server, "alice", ALICE).await;
    let link = token_link(server.url(), &session);
    assert_eq!(core.finish_sso(&link).await, Ok(account));
    until_server(&server, |server| {
        let sessions = server.control().sessions("alice");
        sessions.len() == 1 && sessions[0].id != before
    })
    .await;
    let snapshot = core.snapshot(account).unwrap();
    assert_eq!(snapshot.sign_in_method, Some(SignInMethod::Sso));
    core.close().await;
}
