//! Ways in beside the password and single sign-on, and accounts that may not
//! come in.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests"
)]

mod support;

use serde_json::{Value, json};
use std::time::Duration;
use steadfast_testserver::{Flavour, Role, Server};
use support::{PASSWORD, Reply, ask, me, server, try_sign_in};

const MASKED: (u16, &str) = (401, "api.user.login.invalid_credentials_email_username");

/// A server with a guest who is mailed links.
async fn with_guest() -> Server {
    let server = server().await;
    let control = server.control();
    control.create_user("guest", "Passw0rd!guest", Role::Guest);
    control.auth_service("guest", "magic_link");
    control.settings(|settings| {
        settings.enable_guest_accounts = true;
        settings.enable_guest_magic_link = true;
    });
    server
}

async fn login_type(server: &Server, name: &str) -> Reply {
    let body = json!({"login_id": name});
    ask(server, "POST", "users/login/type", "", body).await
}

async fn with_link(server: &Server, token: &str) -> Reply {
    let body = json!({"magic_link_token": token, "device_id": "apple_rn-v2:x"});
    ask(server, "POST", "users/login", "", body).await
}

#[tokio::test]
async fn a_guest_is_mailed_a_link_that_works_once_and_soon() {
    let server = with_guest().await;
    let control = server.control();
    let told = login_type(&server, "guest").await;
    let expected = json!({"auth_service": "magic_link", "is_deactivated": false});
    assert_eq!((told.status, told.body), (200, expected));
    for stranger in ["alice", "nobody"] {
        let told = login_type(&server, stranger).await;
        assert_eq!(told.body["auth_service"], "");
    }
    let links = control.mailed_links("guest");
    assert_eq!(links.len(), 1);
    let signed_in = with_link(&server, &links[0]).await;
    assert_eq!(signed_in.status, 200, "{}", signed_in.body);
    assert_eq!(signed_in.body["roles"], "system_guest");
    let token = signed_in.headers["token"].to_str().unwrap();
    assert_eq!(me(&server, token).await.status, 200);
    let session = control.sessions("guest").remove(0);
    assert_eq!(session.device_id, "apple_rn-v2:x");
    assert_eq!(session.props["is_guest"], "true");

    assert_eq!(with_link(&server, &links[0]).await.outcome(), MASKED);
    assert_eq!(with_link(&server, "never").await.outcome(), MASKED);
    login_type(&server, "guest").await;
    control.clock_advance(Duration::from_secs(301));
    let late = control.mailed_links("guest").pop().unwrap();
    assert_eq!(with_link(&server, &late).await.outcome(), MASKED);
    assert_eq!(
        try_sign_in(&server, "guest", "Passw0rd!guest")
            .await
            .outcome(),
        MASKED,
        "the password is not asked for"
    );
    server.stop().await;
}

#[tokio::test]
async fn links_that_are_off_are_a_bare_404_and_masked() {
    let server = with_guest().await;
    let control = server.control();
    login_type(&server, "guest").await;
    let link = control.mailed_links("guest").remove(0);
    control.settings(|settings| settings.enable_guest_magic_link = false);
    let off = login_type(&server, "guest").await;
    assert_eq!((off.status, off.body), (404, Value::Null));
    assert_eq!(with_link(&server, &link).await.outcome(), MASKED);

    control.settings(|settings| settings.enable_guest_magic_link = true);
    control.deactivate("guest", true);
    let gone = login_type(&server, "guest").await;
    assert_eq!(gone.body["is_deactivated"], true);
    assert_eq!(control.mailed_links("guest").len(), 1, "no further mail");
    assert_eq!(
        with_link(&server, &link).await.outcome(),
        (401, "api.user.login.inactive.app_error")
    );
    server.stop().await;

    let old = Server::builder()
        .flavour(Flavour::V5)
        .start()
        .await
        .unwrap();
    assert_eq!(
        with_link(&old, "any").await.outcome(),
        (400, "api.user.login.blank_pwd.app_error")
    );
    old.stop().await;
}

#[tokio::test]
async fn a_desktop_token_brings_cookies_and_too_much_of_the_account() {
    let server = server().await;
    let token = server.control().create_desktop_token("alice");
    let with = async |token: &str| {
        let body = json!({"token": token});
        ask(&server, "POST", "users/login/desktop_token", "", body).await
    };
    let signed_in = with(&token).await;
    assert_eq!(signed_in.status, 200);
    assert_eq!(signed_in.headers.get_all("set-cookie").iter().count(), 3);
    assert!(signed_in.headers.contains_key("token"));
    assert!(signed_in.body.get("password").is_some());
    let invalid = (401, "app.desktop_token.validate.invalid");
    assert_eq!(with(&token).await.outcome(), invalid, "used up");
    assert_eq!(with("").await.status, 400);
    let late = server.control().create_desktop_token("alice");
    server.control().clock_advance(Duration::from_secs(181));
    assert_eq!(with(&late).await.outcome(), invalid);

    server
        .control()
        .settings(|settings| settings.rate_limit_per_second = 1000);
    let statuses = [with("x").await.status, with("x").await.status];
    assert_eq!(statuses, [401, 401], "a burst of one");
    let limited = with("x").await;
    assert_eq!(limited.status, 429);
    let limits: Vec<_> = limited
        .headers
        .get_all("x-ratelimit-limit")
        .iter()
        .collect();
    assert_eq!(limits, ["101", "2"], "a set of headers for each layer");
    server.stop().await;
}

#[tokio::test]
async fn users_of_the_directory_sign_in_and_lock_with_words_of_their_own() {
    let server = server().await;
    let control = server.control();
    control.auth_service("alice", "ldap");
    let body = json!({"login_id": "alice", "password": PASSWORD, "ldap_only": "true"});
    let off = ask(&server, "POST", "users/login", "", body.clone()).await;
    assert_eq!(off.outcome(), MASKED);
    control.settings(|settings| settings.enable_ldap = true);
    let signed_in = ask(&server, "POST", "users/login", "", body.clone()).await;
    assert_eq!(signed_in.status, 200);
    assert_eq!(signed_in.body["auth_service"], "ldap");
    for _ in 0..10 {
        assert_eq!(
            try_sign_in(&server, "alice", "wrong").await.outcome(),
            MASKED
        );
    }
    assert_eq!(
        ask(&server, "POST", "users/login", "", body)
            .await
            .outcome(),
        (
            401,
            "api.user.check_user_login_attempts.too_many_ldap.app_error"
        )
    );
    server.stop().await;
}

#[tokio::test]
async fn who_may_not_come_in_is_told_why_or_not() {
    let server = server().await;
    let control = server.control();
    let bob = async || try_sign_in(&server, "bob", "Passw0rd!bob").await;
    control.settings(|settings| settings.require_email_verification = true);
    control.email_verified("bob", false);
    assert_eq!(
        bob().await.outcome(),
        (401, "api.user.login.not_verified.app_error")
    );
    assert_eq!(
        try_sign_in(&server, "bob", "wrong").await.outcome(),
        MASKED,
        "only who has the password is told"
    );
    control.email_verified("bob", true);
    control.remote("bob", true);
    assert_eq!(
        bob().await.outcome(),
        (401, "api.user.login.remote_users.login.error")
    );
    control.remote("bob", false);
    control.auth_service("bob", "gitlab");
    assert_eq!(bob().await.outcome(), MASKED, "single sign-on only");
    control.auth_service("bob", "");
    assert_eq!(bob().await.status, 200);
    control.create_bot("robot");
    assert_eq!(
        try_sign_in(&server, "robot", "any").await.outcome(),
        (401, "api.user.login.bot_login_forbidden.app_error")
    );

    control.create_user("visitor", "Passw0rd!visitor", Role::Guest);
    let visitor = async || try_sign_in(&server, "visitor", "Passw0rd!visitor").await;
    assert_eq!(visitor().await.outcome(), MASKED, "guests are off");
    control.settings(|settings| {
        settings.enable_guest_accounts = true;
        settings.guest_accounts_licensed = false;
    });
    assert_eq!(visitor().await.outcome(), MASKED, "no licence for guests");
    control.settings(|settings| settings.guest_accounts_licensed = true);
    assert_eq!(visitor().await.status, 200);
    server.stop().await;
}
