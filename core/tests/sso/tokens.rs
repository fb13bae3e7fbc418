//! Tokens that were made elsewhere, the directory, and links that the server mails to guests.

use serde_json::{Value, json};
use std::time::Duration;
use steadfast::{Error, Link, MagicLink, SignIn, SignInMethod, Standing};
use steadfast_testserver::{Flavour, Server};

use crate::support::*;

const LOGIN: &str = "POST /api/v4/users/login";
const LOGIN_TYPE: &str = "POST /api/v4/users/login/type";

#[tokio::test]
async fn an_access_token_is_shown_as_what_it_is_and_outlives_its_session() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path());
    let (_, token) = server.control().create_access_token("alice");
    core.set_device_id(Some("apple_rn-v2:device".to_owned()))
        .await
        .unwrap();
    let account = core
        .adopt_token(server.url(), token.as_str())
        .await
        .unwrap();
    let live = until(&core, account, |snapshot| snapshot.link == Link::Live).await;
    assert_eq!(live.username, "alice");
    assert_eq!(live.sign_in_method, Some(SignInMethod::AccessToken));
    until_server(&server, |server| {
        let sessions = server.control().sessions("alice");
        sessions.len() == 1 && sessions[0].device_id == "apple_rn-v2:device"
    })
    .await;

    let session = server.control().sessions("alice")[0].id.clone();
    server.control().revoke_session(&session);
    let standing = core.verify(account, Duration::from_secs(30)).await.unwrap();
    assert_eq!(standing, Standing::Active);

    core.sign_out(account).await.unwrap();
    until_nothing_is_owed(folder.path()).await;
    assert_eq!(server.control().sessions("alice").len(), 0);
    assert!(is_good(&server, &token).await, "only its session went");
    core.close().await;
}

#[tokio::test]
async fn a_session_that_began_elsewhere_can_be_handed_over_and_over() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path());
    let (token, _) = session_of(&server, "alice", ALICE).await;
    let account = core
        .adopt_token(server.url(), token.as_str())
        .await
        .unwrap();
    let again = core
        .adopt_token(server.url(), token.as_str())
        .await
        .unwrap();
    assert_eq!(account, again);
    let snapshot = until(&core, account, |snapshot| snapshot.link == Link::Live).await;
    assert_eq!(snapshot.sign_in_method, Some(SignInMethod::Adopted));
    let standing = core.verify(account, Duration::from_secs(30)).await.unwrap();
    assert_eq!(standing, Standing::Active);
    assert!(is_good(&server, &token).await);
    core.sign_out(account).await.unwrap();
    until_server(&server, |server| {
        server.control().sessions("alice").is_empty()
    })
    .await;
    core.close().await;
}

#[tokio::test]
async fn a_token_that_is_not_good_is_refused() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path());
    for (token, refused) in [
        ("unknownunknownunknownunkno", Error::TokenRefused),
        ("two words", Error::InvalidArgument { argument: "token" }),
        ("", Error::InvalidArgument { argument: "token" }),
    ] {
        assert_eq!(core.adopt_token(server.url(), token).await, Err(refused));
    }
    assert!(core.accounts().is_empty());
    core.close().await;
}

#[tokio::test]
async fn the_directory_is_asked_for_only_where_the_user_chose_it() {
    let server = Scripted::start(|request| {
        (request.line == LOGIN).then(|| (200, json!({"id": SCRIPTED_USER, "username": "alice"})))
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path());
    let mut sign_in = SignIn::new(&server.url, "alice", ALICE);
    core.sign_in(sign_in.clone()).await.unwrap();
    sign_in.ldap_only = true;
    core.sign_in(sign_in).await.unwrap();
    let asked: Vec<_> = server
        .received()
        .into_iter()
        .filter(|request| request.line == LOGIN)
        .map(|request| request.body["ldap_only"].clone())
        .collect();
    assert_eq!(asked, [Value::Null, json!("true")]);
    core.close().await;
}

/// A server with magic links, for a guest of one name.
async fn with_magic_links() -> Scripted {
    Scripted::start(|request| match request.line.as_str() {
        LOGIN_TYPE => Some(match request.body["login_id"].as_str() {
            Some("guest") => (200, json!({"auth_service": "magic_link", "is_deactivated": false})),
            Some("gone") => (200, json!({"auth_service": "magic_link", "is_deactivated": true})),
            _ => (200, json!({"auth_service": "", "is_deactivated": false})),
        }),
        LOGIN => Some(match request.body["magic_link_token"].as_str() {
            Some("good") => (200, json!({"id": SCRIPTED_USER, "username": "guest"})),
            Some("disabled") => (
                401,
                json!({"id": "api.user.login.guest_magic_link.disabled.error", "status_code": 401}),
            ),
            Some("expired") => (
                401,
                json!({"id": "api.user.guest_magic_link.expired_token.app_error", "status_code": 401}),
            ),
            _ => (
                401,
                json!({"id": "api.user.login.invalid_credentials_email_username", "status_code": 401}),
            ),
        }),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn a_guest_signs_in_with_a_mailed_link() {
    let server = with_magic_links().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path());
    core.set_device_id(Some("apple_rn-v2:device".to_owned()))
        .await
        .unwrap();
    for (login_id, told) in [
        ("guest", Ok(MagicLink::Mailed)),
        ("somebody", Ok(MagicLink::OtherWay)),
        ("gone", Err(Error::Deactivated)),
        (
            " ",
            Err(Error::InvalidArgument {
                argument: "login_id",
            }),
        ),
    ] {
        assert_eq!(core.request_magic_link(&server.url, login_id).await, told);
    }
    for (token, refused) in [
        ("used", Error::TokenRefused),
        ("expired", Error::TokenRefused),
        ("disabled", Error::NotOffered),
    ] {
        assert_eq!(
            core.sign_in_with_magic_link(&server.url, token).await,
            Err(refused)
        );
    }
    let account = core
        .sign_in_with_magic_link(&server.url, "good")
        .await
        .unwrap();
    let snapshot = core.snapshot(account).unwrap();
    assert_eq!(snapshot.sign_in_method, Some(SignInMethod::MagicLink));
    let logins = server.received();
    let login = logins.iter().rfind(|one| one.line == LOGIN).unwrap();
    assert_eq!(login.body["device_id"], "apple_rn-v2:device");
    core.close().await;
}

#[tokio::test]
async fn a_server_without_magic_links_is_told_apart_from_a_wrong_one() {
    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path());
    // A newer server masks what is wrong with a link, be it that it has them switched off.
    for (flavour, refused) in [
        (Flavour::V11, Error::TokenRefused),
        (Flavour::V5, Error::NotOffered),
    ] {
        let server = Server::builder().flavour(flavour).start().await.unwrap();
        assert_eq!(
            core.request_magic_link(server.url(), "alice").await,
            Err(Error::NotOffered)
        );
        assert_eq!(
            core.sign_in_with_magic_link(server.url(), "token").await,
            Err(refused)
        );
    }
    core.close().await;
}
