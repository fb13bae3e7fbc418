//! Links that come back from the browser: the right one, and all the others.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rusqlite::Connection;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use steadfast::{
    Error, HostState, KeyStore, Link, Shows, SignInMethod, SsoMethod, Standing, Steadfast,
};
use steadfast_testserver::Database;

use crate::support::*;

const EXCHANGE: &str = "POST /api/v4/users/login/sso/code-exchange";

/// A server that exchanges codes as it is told.
async fn exchanging(status: u16, id: &'static str) -> Scripted {
    Scripted::start(move |request| {
        (request.line == EXCHANGE).then(|| match status {
            200 => (
                200,
                json!({"token": SCRIPTED_TOKEN, "csrf": SCRIPTED_TOKEN}),
            ),
            _ => (status, json!({"id": id, "status_code": status})),
        })
    })
    .await
}

/// Hazard E10. MM-T3183.
#[tokio::test]
async fn a_code_is_exchanged_with_the_verifier_that_only_this_device_has() {
    let server = exchanging(200, "").await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path());
    core.set_device_id(Some("apple_rn-v2:device".to_owned()))
        .await
        .unwrap();
    let start = core.begin_sso(&server.url, SsoMethod::Saml).await.unwrap();
    assert_eq!(start.host, "127.0.0.1");
    let asked = parameters(&start);
    assert_eq!(server.lines(), [""; 0], "beginning sends nothing");

    let link = link(&[("login_code", "code"), ("srv", &server.url)]);
    let account = core.finish_sso(&link).await.unwrap();

    let exchange = server.until(EXCHANGE).await;
    let verifier = exchange.body["code_verifier"].as_str().unwrap();
    let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
    assert_eq!(asked["code_challenge"], digest);
    assert_eq!(asked["code_challenge_method"], "S256");
    assert_eq!(exchange.body["state"], asked["state"]);
    assert_eq!(exchange.body["login_code"], "code");
    assert!(!start.url.contains(verifier));
    let snapshot = core.snapshot(account).unwrap();
    assert_eq!(snapshot.user_id, SCRIPTED_USER);
    assert_eq!(snapshot.sign_in_method, Some(SignInMethod::Sso));
    let attached = server.until("PUT /api/v4/users/sessions/device").await;
    assert_eq!(attached.body["device_id"], "apple_rn-v2:device");
    core.close().await;
}

#[tokio::test]
async fn a_server_that_exchanges_no_codes_says_so_and_the_link_is_used_up() {
    for (status, id) in [
        (410, "api.user.login_sso_code_exchange.deprecated.app_error"),
        (400, "api.oauth.get_access_token.bad_request.app_error"),
    ] {
        let server = exchanging(status, id).await;
        let folder = tempfile::tempdir().unwrap();
        let core = open(folder.path());
        core.begin_sso(&server.url, SsoMethod::OpenId)
            .await
            .unwrap();
        let link = link(&[("login_code", "code"), ("srv", &server.url)]);
        let refused = Error::Refused {
            status,
            id: Some(id.to_owned()),
        };
        assert_eq!(core.finish_sso(&link).await, Err(refused));
        assert_eq!(core.finish_sso(&link).await, Err(Error::CallbackRefused));
        assert_eq!(server.lines(), [EXCHANGE]);
        assert!(core.accounts().is_empty());
        core.close().await;
    }
}

#[tokio::test]
async fn a_session_in_the_link_is_taken_live_and_recognised() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path());
    let start = core
        .begin_sso(server.url(), SsoMethod::GitLab)
        .await
        .unwrap();
    assert!(
        start
            .url
            .starts_with(&format!("{}/oauth/gitlab/mobile_login?", server.url()))
    );
    let session = session_of(&server, "alice", ALICE).await;
    let account = core
        .finish_sso(&token_link(server.url(), &session))
        .await
        .unwrap();
    let live = until(&core, account, |snapshot| snapshot.link == Link::Live).await;
    assert_eq!(live.shows(), Shows::Content);
    assert_eq!(live.username, "alice");
    assert_eq!(live.sign_in_method, Some(SignInMethod::Sso));
    let sessions = core.active_sessions(account).await.unwrap();
    assert_eq!(sessions.len(), 1);
    assert!(sessions[0].current);
    core.close().await;

    let core = open(folder.path());
    let known = core.snapshot(account).unwrap();
    assert_eq!(known.sign_in_method, Some(SignInMethod::Sso));
    core.close().await;
}

/// Hazard D02.
#[tokio::test]
async fn a_session_that_only_the_primary_knows_yet_is_asked_about_again() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path());
    core.begin_sso(server.url(), SsoMethod::Google)
        .await
        .unwrap();
    server.control().replica_lag(Duration::from_secs(2));
    let session = session_of(&server, "alice", ALICE).await;
    let account = core
        .finish_sso(&token_link(server.url(), &session))
        .await
        .unwrap();
    assert_eq!(core.snapshot(account).unwrap().username, "alice");
    core.close().await;
}

/// Hazards E10, E12, E23.
#[tokio::test]
async fn every_link_that_nothing_waits_for_is_refused_alike_and_nothing_is_sent() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path());
    let session = session_of(&server, "alice", ALICE).await;
    let (token, csrf) = (session.0.as_str(), session.1.as_str());
    let right = token_link(server.url(), &session);
    let before = server.control().request_count();

    assert_eq!(
        core.finish_sso(&right).await,
        Err(Error::CallbackRefused),
        "nothing was begun"
    );
    let start = core
        .begin_sso(server.url(), SsoMethod::GitLab)
        .await
        .unwrap();
    let state = parameters(&start)["state"].clone();
    let elsewhere = format!("{}/below", server.url());
    let wrong = [
        String::new(),
        "no link".to_owned(),
        link(&[]),
        link(&[("srv", server.url())]),
        link(&[("MMAUTHTOKEN", ""), ("srv", server.url())]),
        link(&[("MMAUTHTOKEN", "two words"), ("srv", server.url())]),
        link(&[("MMAUTHTOKEN", token), ("srv", "https://chat.example.com")]),
        link(&[("MMAUTHTOKEN", token), ("srv", &elsewhere)]),
        link(&[("MMAUTHTOKEN", token), ("srv", "garbage")]),
        link(&[
            ("MMAUTHTOKEN", token),
            ("srv", server.url()),
            ("state", "guessed"),
        ]),
        link(&[
            ("login_code", "code"),
            ("srv", server.url()),
            ("state", "guessed"),
        ]),
        link(&[
            ("MMAUTHTOKEN", token),
            ("MMAUTHTOKEN", csrf),
            ("srv", server.url()),
        ]),
        right.replace("mmauth://", "mmauthbeta://"),
        right.replace("mmauth://callback", "https://callback"),
        right.replace("callback?", "callback.example?"),
        right.replace("callback?", "callback/further?"),
    ];
    for link in &wrong {
        let refused = core.finish_sso(link).await;
        assert_eq!(refused, Err(Error::CallbackRefused), "{link}");
    }
    assert_eq!(server.control().request_count(), before, "nothing was sent");

    let right = format!("{right}&state={state}");
    core.finish_sso(&right).await.unwrap();
    core.close().await;
}

/// Hazard E10.
#[tokio::test]
async fn a_link_works_once() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path());
    core.begin_sso(server.url(), SsoMethod::Office365)
        .await
        .unwrap();
    let session = session_of(&server, "alice", ALICE).await;
    let link = token_link(server.url(), &session);
    let both = tokio::join!(core.finish_sso(&link), core.finish_sso(&link));
    let outcomes = [both.0, both.1];
    assert_eq!(outcomes.iter().filter(|one| one.is_ok()).count(), 1);
    assert!(outcomes.contains(&Err(Error::CallbackRefused)));
    assert_eq!(core.finish_sso(&link).await, Err(Error::CallbackRefused));
    core.close().await;
}

#[tokio::test]
async fn a_link_that_was_opened_again_does_not_end_the_session_that_it_began() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path());
    let session = session_of(&server, "alice", ALICE).await;
    let link = token_link(server.url(), &session);
    core.begin_sso(server.url(), SsoMethod::GitLab)
        .await
        .unwrap();
    let account = core.finish_sso(&link).await.unwrap();
    // The browser still shows the page that jumps to the app, and loads it again.
    core.begin_sso(server.url(), SsoMethod::GitLab)
        .await
        .unwrap();
    assert_eq!(core.finish_sso(&link).await, Ok(account));
    let bob = session_of(&server, "bob", BOB).await;
    core.begin_sso(server.url(), SsoMethod::GitLab)
        .await
        .unwrap();
    let second = core
        .finish_sso(&token_link(server.url(), &bob))
        .await
        .unwrap();
    core.begin_sso_again(second, SsoMethod::GitLab)
        .await
        .unwrap();
    assert_eq!(core.finish_sso(&link).await, Err(Error::AnotherUser));
    until(&core, account, |snapshot| snapshot.link == Link::Live).await;
    let standing = core.verify(account, Duration::from_secs(30)).await.unwrap();
    assert_eq!(standing, Standing::Active);
    assert!(is_good(&server, &session.0).await);
    assert!(
        !server
            .control()
            .requests()
            .iter()
            .any(|record| record.path.ends_with("/logout"))
    );
    core.close().await;
}

#[tokio::test]
async fn a_server_of_before_links_named_their_server_is_believed_if_only_it_is_waited_for() {
    let server = server().await;
    let other = Scripted::start(|_| None).await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path());
    let (token, csrf) = session_of(&server, "alice", ALICE).await;
    let link = link(&[("MMAUTHTOKEN", &token), ("MMCSRF", &csrf)]);
    core.begin_sso(server.url(), SsoMethod::GitLab)
        .await
        .unwrap();
    core.begin_sso(&other.url, SsoMethod::GitLab).await.unwrap();
    assert_eq!(core.finish_sso(&link).await, Err(Error::CallbackRefused));
    assert_eq!(other.lines(), [""; 0], "the token went nowhere");
    core.close().await;

    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path());
    core.begin_sso(server.url(), SsoMethod::GitLab)
        .await
        .unwrap();
    core.finish_sso(&link).await.unwrap();
    core.close().await;
}

/// Hazard E11.
#[tokio::test]
async fn a_server_that_relays_the_sign_in_of_another_one_gets_nothing() {
    let honest = server().await;
    let evil = exchanging(200, "").await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path());
    // The user begins at the evil server, which sends the browser on to the honest one with the same challenge.
    let start = core.begin_sso(&evil.url, SsoMethod::GitLab).await.unwrap();
    let state = parameters(&start)["state"].clone();
    let session = session_of(&honest, "alice", ALICE).await;
    let before = honest.control().request_count();
    for stolen in [
        token_link(honest.url(), &session),
        link(&[("login_code", "code"), ("srv", honest.url())]),
        link(&[
            ("login_code", "code"),
            ("srv", honest.url()),
            ("state", &state),
        ]),
    ] {
        assert_eq!(core.finish_sso(&stolen).await, Err(Error::CallbackRefused));
    }
    assert_eq!(evil.lines(), [""; 0]);
    assert_eq!(honest.control().request_count(), before);

    // Even while a sign-in at the honest server waits, its code goes to it, with its own verifier.
    core.begin_sso(honest.url(), SsoMethod::GitLab)
        .await
        .unwrap();
    let code = link(&[("login_code", "code"), ("srv", honest.url())]);
    assert!(core.finish_sso(&code).await.is_err());
    assert_eq!(evil.lines(), [""; 0]);
    core.close().await;
}

/// Ages what waits in the vault.
fn age(folder: &Path, by: Duration) {
    let vault = Connection::open(folder.join("vault/vault.sqlite3")).unwrap();
    let by = i64::try_from(by.as_millis()).unwrap();
    let changed = vault
        .execute(
            "UPDATE pending_sign_ins SET begun_wall = begun_wall - ?1, begun_boot = begun_boot - ?1",
            [by],
        )
        .unwrap();
    assert_eq!(changed, 1);
}

/// Hazard E10.
#[tokio::test]
async fn a_sign_in_waits_ten_minutes() {
    let server = server().await;
    for (aged, in_time) in [(500, true), (601, false)] {
        let folder = tempfile::tempdir().unwrap();
        let core = open(folder.path());
        core.begin_sso(server.url(), SsoMethod::GitLab)
            .await
            .unwrap();
        core.close().await;
        age(folder.path(), Duration::from_secs(aged));
        let session = session_of(&server, "alice", ALICE).await;
        let before = server.control().request_count();
        // The clock counts on meanwhile; what is left is enough.
        let core = open(folder.path());
        let finished = core.finish_sso(&token_link(server.url(), &session)).await;
        if in_time {
            finished.unwrap();
        } else {
            assert_eq!(finished, Err(Error::CallbackRefused));
            assert_eq!(server.control().request_count(), before);
        }
        core.close().await;
    }
}

#[tokio::test]
async fn a_sign_in_waits_through_a_restart_of_the_device() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let started = |boot_id: &str| {
        let mut config = config(folder.path());
        config.boot_id = Some(boot_id.to_owned());
        Steadfast::open(config, keys(folder.path())).unwrap()
    };
    let core = started("first");
    core.begin_sso(server.url(), SsoMethod::GitLab)
        .await
        .unwrap();
    core.close().await;
    let core = started("second");
    let session = session_of(&server, "alice", ALICE).await;
    core.finish_sso(&token_link(server.url(), &session))
        .await
        .unwrap();
    core.close().await;
}

#[tokio::test]
async fn what_cannot_be_used_now_is_not_used_up() {
    struct Lockable {
        inner: Arc<dyn KeyStore>,
        locked: AtomicBool,
    }
    impl KeyStore for Lockable {
        fn load(&self, name: &str) -> steadfast::keystore::KeyAnswer {
            if self.locked.load(Ordering::Acquire) {
                return steadfast::keystore::KeyAnswer::Unavailable;
            }
            self.inner.load(name)
        }
        fn store(
            &self,
            name: &str,
            key: &steadfast::secret::Key,
        ) -> Result<(), steadfast::keystore::KeyStoreUnavailable> {
            self.inner.store(name, key)
        }
        fn delete(&self, name: &str) -> Result<(), steadfast::keystore::KeyStoreUnavailable> {
            self.inner.delete(name)
        }
    }
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Lockable {
        inner: keys(folder.path()),
        locked: AtomicBool::new(false),
    });
    let core = Steadfast::open(config(folder.path()), store.clone()).unwrap();
    core.begin_sso(server.url(), SsoMethod::GitLab)
        .await
        .unwrap();
    let session = session_of(&server, "alice", ALICE).await;
    let link = token_link(server.url(), &session);

    // The browser was in front; the link arrives before the app is told that it is again.
    core.host_state(HostState::Suspended).await.unwrap();
    assert_eq!(core.finish_sso(&link).await, Err(Error::Suspended));
    core.host_state(HostState::Focused).await.unwrap();
    store.locked.store(true, Ordering::Release);
    assert_eq!(
        core.finish_sso(&link).await,
        Err(Error::KeyStoreUnavailable)
    );
    store.locked.store(false, Ordering::Release);
    core.finish_sso(&link).await.unwrap();
    core.close().await;
}

#[tokio::test]
async fn a_token_that_the_server_does_not_know_signs_nobody_in() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path());
    core.begin_sso(server.url(), SsoMethod::GitLab)
        .await
        .unwrap();
    let unknown = ("unknownunknownunknownunkno".to_owned(), String::new());
    assert_eq!(
        core.finish_sso(&token_link(server.url(), &unknown)).await,
        Err(Error::TokenRefused)
    );
    assert!(core.accounts().is_empty());
    core.close().await;
}

#[tokio::test]
async fn a_session_that_began_during_an_outage_is_ended_after_it() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path());
    core.begin_sso(server.url(), SsoMethod::GitLab)
        .await
        .unwrap();
    let session = session_of(&server, "alice", ALICE).await;
    server.control().clear_token_cache();
    server.control().database(Database::Stopped);
    assert_eq!(
        core.finish_sso(&token_link(server.url(), &session)).await,
        Err(Error::ServerProblem)
    );
    assert!(core.accounts().is_empty());
    server.control().database(Database::Healthy);
    until_server(&server, |server| {
        server.control().sessions("alice").is_empty()
    })
    .await;
    core.close().await;
}

#[tokio::test]
async fn only_a_callback_that_servers_honour_can_be_configured() {
    let folder = tempfile::tempdir().unwrap();
    let with = |callback: &str| {
        let mut config = config(folder.path());
        config.sso_callback = callback.to_owned();
        Steadfast::open(config, keys(folder.path()))
    };
    for wrong in [
        "",
        "https://callback",
        "mmauth://callback/",
        "mmauth://home",
    ] {
        assert_eq!(
            with(wrong).unwrap_err(),
            Error::InvalidArgument {
                argument: "sso_callback"
            }
        );
    }
    let core = with("mmauthbeta://callback").unwrap();
    let start = core
        .begin_sso("http://127.0.0.1:9", SsoMethod::Saml)
        .await
        .unwrap();
    assert_eq!(parameters(&start)["redirect_to"], "mmauthbeta://callback");
    assert_eq!(
        format!("{start:?}"),
        r#"SsoStart { host: "127.0.0.1", .. }"#
    );
    core.close().await;
}
