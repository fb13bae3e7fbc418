//! Single sign-on of mobile apps: the way through the browser, what comes
//! back, and every way in which it does not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests"
)]

mod support;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::time::Duration;
use steadfast_testserver::{Browser, CodeExchange, Database, NamedServer, Page, Server};
use support::{ask, get, me, server, try_sign_in};

const VERIFIER: &str = "verifierverifierverifierverifierverifierver";
const SERVICES: [&str; 5] = ["gitlab", "google", "office365", "openid", "saml"];

/// A server with all of it switched on.
async fn offering() -> Server {
    let server = server().await;
    let control = server.control();
    control.settings(|settings| settings.enable_single_sign_on(true));
    control.auth_service("alice", "gitlab");
    server
}

fn start(server: &Server, service: &str, redirect_to: &str) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let (path, action) = match service {
        "saml" => ("/login/sso/saml".to_owned(), "action=mobile&"),
        service => (format!("/oauth/{service}/mobile_login"), ""),
    };
    format!(
        "{}{path}?{action}redirect_to={redirect_to}&state=s&code_challenge={challenge}\
         &code_challenge_method=S256",
        server.url()
    )
}

async fn signed_in(server: &Server, service: &str) -> Page {
    let browser = Browser::new(None);
    let start = start(server, service, "mmauth://callback");
    browser.sign_in(&start, "alice").await.unwrap()
}

fn parameters(page: &Page) -> BTreeMap<String, String> {
    let link = page.app_link().unwrap_or_else(|| panic!("{}", page.html));
    assert!(link.starts_with("mmauth://callback?"), "{link}");
    let link = url::Url::parse(&link).unwrap();
    link.query_pairs().into_owned().collect()
}

#[tokio::test]
async fn each_kind_brings_a_mobile_session_without_a_device() {
    let server = offering().await;
    for service in SERVICES {
        server.control().auth_service("alice", service);
        let page = signed_in(&server, service).await;
        assert_eq!(page.status, 200);
        assert!(page.html.contains("setTimeout") && page.html.contains("http-equiv"));
        let found = parameters(&page);
        assert_eq!(found["srv"], server.url());
        let token = &found["MMAUTHTOKEN"];
        assert_eq!(me(&server, token).await.body["auth_service"], service);
        let session = server.control().sessions("alice").remove(0);
        assert_eq!(session.props["csrf"], found["MMCSRF"]);
        assert_eq!(session.device_id, "");
        let kinds = ["isMobile", "isOAuthUser", "isSaml"].map(|name| session.props[name].as_str());
        let expected = match service {
            "saml" => ["true", "false", "true"],
            _ => ["true", "true", "false"],
        };
        assert_eq!(kinds, expected);
        let lifetime = session.expires_at - session.create_at;
        assert_eq!(lifetime, 4320 * 3_600_000, "the mobile length");
        server.control().revoke_session(token);
    }
    server.stop().await;
}

#[tokio::test]
async fn links_name_the_server_or_another_or_none() {
    let server = offering().await;
    for (named, expected) in [
        (NamedServer::None, None),
        (
            NamedServer::Another("https://other.example".into()),
            Some("https://other.example"),
        ),
    ] {
        server
            .control()
            .settings(|settings| settings.named_server = named);
        let found = parameters(&signed_in(&server, "gitlab").await);
        assert_eq!(found.get("srv").map(String::as_str), expected);
    }
    server.stop().await;
}

#[tokio::test]
async fn only_the_exact_way_back_of_a_known_scheme_is_honoured() {
    let server = offering().await;
    let browser = Browser::new(None);
    for service in ["gitlab", "saml"] {
        server.control().auth_service("alice", service);
        let refused = browser
            .open(&start(&server, service, "evil://callback"))
            .await
            .unwrap();
        assert_eq!(refused.status, 200);
        assert_eq!(
            refused.error().as_deref(),
            Some("api.invalid_custom_url_scheme")
        );
        assert_eq!(refused.app_link(), None);
        for inexact in [
            "mmauth://callback/x",
            "mmauth://other",
            "mmauth://callback?a",
        ] {
            let page = browser
                .sign_in(&start(&server, service, inexact), "alice")
                .await
                .unwrap();
            assert_eq!(page.app_link(), None, "{inexact}: {}", page.html);
        }
        let beta = start(&server, service, "mmauthbeta://callback");
        let page = browser.sign_in(&beta, "alice").await.unwrap();
        assert!(
            page.app_link()
                .unwrap()
                .starts_with("mmauthbeta://callback?")
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn what_goes_wrong_is_a_page_without_a_session() {
    let server = offering().await;
    let control = server.control();
    let expect = async |service: &str, user: &str, id: &str| {
        let browser = Browser::new(None);
        let start = start(&server, service, "mmauth://callback");
        let page = browser.sign_in(&start, user).await.unwrap();
        assert_eq!((page.status, page.error().as_deref()), (200, Some(id)));
        assert_eq!(page.app_link().as_deref(), Some("mmauth://callback"));
    };
    let attached = "api.user.create_oauth_user.already_attached.app_error";
    expect("gitlab", "bob", attached).await;
    expect("google", "alice", attached).await;
    let unknown = "api.user.create_oauth_user.create.app_error";
    expect("gitlab", "nobody", unknown).await;
    control.deactivate("alice", true);
    expect("gitlab", "alice", "api.user.login.inactive.app_error").await;
    control.deactivate("alice", false);
    control.database(Database::Stopped);
    expect("gitlab", "alice", "app.user.get.app_error").await;
    control.database(Database::Healthy);
    for service in ["gitlab", "saml"] {
        let browser = Browser::new(None);
        let start = start(&server, service, "mmauth://callback");
        let page = browser.open(&start).await.unwrap();
        let page = browser.press(&page, "deny", "true").await.unwrap();
        assert!(page.error().is_some());
        assert_eq!(page.app_link().as_deref(), Some("mmauth://callback"));
    }
    assert!(control.sessions("alice").is_empty());
    server.stop().await;
}

#[tokio::test]
async fn a_sign_in_is_bound_to_its_browser_and_ends_once() {
    let server = offering().await;
    let browser = Browser::new(None);
    let begun = browser
        .open(&start(&server, "gitlab", "mmauth://callback"))
        .await
        .unwrap();
    let another = Browser::new(None);
    let page = another.press(&begun, "user", "alice").await.unwrap();
    assert_eq!(
        page.error().as_deref(),
        Some("api.user.authorize_oauth_user.invalid_state.app_error")
    );
    let page = browser.press(&begun, "user", "alice").await.unwrap();
    assert_eq!(
        page.error().as_deref(),
        Some("api.oauth.invalid_state_token.app_error"),
        "the state is used up"
    );
    let late = browser
        .open(&start(&server, "gitlab", "mmauth://callback"))
        .await
        .unwrap();
    server.control().clock_advance(Duration::from_secs(31 * 60));
    let page = browser.press(&late, "user", "alice").await.unwrap();
    assert!(page.error().is_some());
    assert!(server.control().sessions("alice").is_empty());
    server.stop().await;
}

#[tokio::test]
async fn other_paths_of_the_return_and_old_web_views_work() {
    let server = offering().await;
    for path in ["login", "oauth"] {
        let browser = Browser::new(None);
        let begun = browser
            .open(&start(&server, "gitlab", "mmauth://callback"))
            .await
            .unwrap();
        let mut elsewhere = begun.clone();
        elsewhere.html = begun.html.replace("/signup/", &format!("/{path}/"));
        let page = browser.press(&elsewhere, "user", "alice").await.unwrap();
        assert!(parameters(&page).contains_key("MMAUTHTOKEN"));
    }
    let web_view = Browser::new(None);
    let start = format!("{}/oauth/gitlab/mobile_login", server.url());
    let page = web_view.sign_in(&start, "alice").await.unwrap();
    assert_eq!(page.html, r#"{"status":"OK"}"#);
    server.stop().await;
}

#[tokio::test]
async fn what_is_off_says_so_and_masks_passwords_differently() {
    let server = server().await;
    let browser = Browser::new(None);
    let off = browser
        .open(&start(&server, "openid", "mmauth://callback"))
        .await
        .unwrap();
    assert_eq!(off.status, 501);
    let off = browser
        .open(&start(&server, "saml", "mmauth://callback"))
        .await
        .unwrap();
    assert_eq!(off.url.path(), "/error");
    server
        .control()
        .settings(|settings| settings.enable_openid = true);
    let refused = try_sign_in(&server, "alice", "wrong").await;
    assert_eq!(
        refused.outcome(),
        (401, "api.user.login.invalid_credentials_sso")
    );
    let config = get(&server, "config/client?format=old", "").await.body;
    assert_eq!(config["EnableSignUpWithOpenId"], "true");
    assert_eq!(config["EnableSaml"], "false");
    server.stop().await;
}

#[tokio::test]
async fn a_code_is_exchanged_once_by_who_began() {
    let server = offering().await;
    server
        .control()
        .settings(|settings| settings.code_exchange = CodeExchange::On);
    let exchange = async |code: &str, verifier: &str, state: &str| {
        let body = json!({"login_code": code, "code_verifier": verifier, "state": state});
        let path = "users/login/sso/code-exchange";
        ask(&server, "POST", path, "", body).await
    };
    let fresh = async || {
        let found = parameters(&signed_in(&server, "gitlab").await);
        assert!(!found.contains_key("MMAUTHTOKEN"));
        assert_eq!(found["srv"], server.url());
        found["login_code"].clone()
    };
    let refused = (400, "api.oauth.get_access_token.bad_request.app_error");
    let code = fresh().await;
    assert!(server.control().sessions("alice").is_empty());
    for (verifier, state) in [("guessed", "s"), (VERIFIER, "another")] {
        let code = fresh().await;
        assert_eq!(exchange(&code, verifier, state).await.outcome(), refused);
        let again = exchange(&code, VERIFIER, "s").await;
        assert_eq!(again.outcome(), refused, "used up");
    }
    assert_eq!(
        exchange(&code, "", "s").await.outcome(),
        (400, "api.context.invalid_body_param.app_error")
    );
    let done = exchange(&code, VERIFIER, "s").await;
    assert_eq!(done.status, 200, "{}", done.body);
    assert_eq!(done.headers["deprecation"], "true");
    assert_eq!(done.headers.get_all("set-cookie").iter().count(), 3);
    let token = done.body["token"].as_str().unwrap();
    assert_eq!(done.headers["token"], token);
    assert_eq!(me(&server, token).await.body["username"], "alice");
    let session = server.control().sessions("alice").remove(0);
    assert_eq!(session.props["isSaml"], "true");
    assert_eq!(session.props["csrf"], done.body["csrf"]);
    assert_eq!(session.props["isMobile"], "false", "by the user agent");
    assert_eq!(session.expires_at - session.create_at, 720 * 3_600_000);
    assert_eq!(exchange(&code, VERIFIER, "s").await.outcome(), refused);

    let late = fresh().await;
    server.control().clock_advance(Duration::from_secs(301));
    assert_eq!(exchange(&late, VERIFIER, "s").await.outcome(), refused);
    server.stop().await;
}

#[tokio::test]
async fn a_plain_challenge_is_refused_and_none_brings_the_session() {
    let server = offering().await;
    server
        .control()
        .settings(|settings| settings.code_exchange = CodeExchange::On);
    let browser = Browser::new(None);
    let plain = format!(
        "{}/oauth/gitlab/mobile_login?redirect_to=mmauth://callback&state=s\
         &code_challenge={VERIFIER}&code_challenge_method=plain",
        server.url()
    );
    let page = browser.sign_in(&plain, "alice").await.unwrap();
    let code = parameters(&page)["login_code"].clone();
    let body = json!({"login_code": code, "code_verifier": VERIFIER, "state": "s"});
    let path = "users/login/sso/code-exchange";
    let refused = ask(&server, "POST", path, "", body).await;
    assert_eq!(refused.status, 400);
    let old_app = format!(
        "{}/oauth/gitlab/mobile_login?redirect_to=mmauth://callback",
        server.url()
    );
    let page = browser.sign_in(&old_app, "alice").await.unwrap();
    assert!(parameters(&page).contains_key("MMAUTHTOKEN"));
    server.stop().await;
}

#[tokio::test]
async fn without_the_exchange_links_hold_sessions_and_codes_are_refused() {
    let server = offering().await;
    for (exchange, status, id) in [
        (
            CodeExchange::Off,
            410,
            "api.user.login_sso_code_exchange.deprecated.app_error",
        ),
        (
            CodeExchange::OffWith400,
            400,
            "api.oauth.get_access_token.bad_request.app_error",
        ),
    ] {
        server
            .control()
            .settings(|settings| settings.code_exchange = exchange);
        let found = parameters(&signed_in(&server, "gitlab").await);
        assert!(!found.contains_key("login_code"));
        let body = json!({"login_code": "c", "code_verifier": VERIFIER, "state": "s"});
        let path = "users/login/sso/code-exchange";
        let refused = ask(&server, "POST", path, "", body).await;
        assert_eq!(refused.outcome(), (status, id));
        assert_eq!(refused.headers["deprecation"], "true");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_restart_in_between_loses_nothing() {
    let server = offering().await;
    let browser = Browser::new(None);
    let begun = browser
        .open(&start(&server, "gitlab", "mmauth://callback"))
        .await
        .unwrap();
    server.control().restart(Duration::from_millis(10)).await;
    let page = browser.press(&begun, "user", "alice").await.unwrap();
    let token = parameters(&page)["MMAUTHTOKEN"].clone();
    assert_eq!(me(&server, &token).await.status, 200);
    let out = ask(&server, "POST", "users/logout", &token, Value::Null).await;
    assert_eq!(out.status, 200);
    server.stop().await;
}
