//! The run-time switches: what each makes of a server, and that turning it
//! back leaves nothing behind.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests"
)]

mod support;

use serde_json::{Value, json};
use std::time::Duration;
use steadfast_testserver::{Database, HealthQuery, Role, Server};
use support::{
    PASSWORD, SESSION_EXPIRED, admin, alice, ask, get, http_client, me, newest_session, server,
    sign_in, try_sign_in,
};

async fn outage_answers(server: &Server, database: Database) {
    let control = server.control();
    let cold = alice(server).await;
    let doomed = newest_session(server, "alice");
    let root = admin(server).await;
    control.clear_token_cache();
    let warm = alice(server).await;
    assert_eq!(me(server, &root).await.status, 200);
    control.database(database);

    let cold_me = me(server, &cold).await;
    assert_eq!(cold_me.outcome(), (401, SESSION_EXPIRED));
    assert!(cold_me.headers.contains_key("set-cookie"));
    assert_eq!(
        me(server, &warm).await.outcome(),
        (500, "app.user_terms_of_service.get_by_user.app_error")
    );
    assert_eq!(
        get(server, "users/me/sessions", &warm).await.outcome(),
        (500, "app.session.get_sessions.app_error")
    );
    let body = json!({"session_id": doomed});
    assert_eq!(
        ask(server, "POST", "users/me/sessions/revoke", &warm, body)
            .await
            .outcome(),
        (400, "app.session.get.app_error")
    );
    let path = format!(
        "users/{}/sessions/revoke/all",
        control.user_id("bob").unwrap()
    );
    assert_eq!(
        ask(server, "POST", &path, &root, Value::Null)
            .await
            .outcome(),
        (500, "app.session.get_sessions.app_error")
    );
    let device = json!({"device_id": "apple_rn-v2:x"});
    assert_eq!(
        ask(server, "PUT", "users/sessions/device", &warm, device)
            .await
            .outcome(),
        (500, "app.session.get_sessions.app_error")
    );
    assert_eq!(
        try_sign_in(server, "alice", PASSWORD).await.outcome(),
        (401, "api.user.login.invalid_credentials_email_username")
    );
    let post = json!({"channel_id": control.channel_id(), "message": "x"});
    assert_eq!(
        ask(server, "POST", "posts", &warm, post).await.outcome(),
        (403, "api.context.permissions.app_error")
    );
    assert_eq!(
        ask(server, "POST", "users/logout", &cold, Value::Null)
            .await
            .status,
        200
    );
    let limited = get(server, "config/client?format=old", &cold).await;
    assert_eq!(limited.status, 200);
    assert!(
        limited
            .body
            .get("ExtendSessionLengthWithActivity")
            .is_none()
    );
    assert_eq!(get(server, "system/ping", "").await.body["status"], "OK");

    control.database(Database::Healthy);
    assert_eq!(me(server, &cold).await.status, 200, "nothing was deleted");
    assert_eq!(me(server, &warm).await.status, 200);
}

#[tokio::test]
async fn a_stopped_database_looks_like_a_revoke() {
    let server = server().await;
    outage_answers(&server, Database::Stopped).await;
    server.control().database(Database::Stopped);
    let health = get(&server, "system/ping?get_server_status=true", "").await;
    assert_eq!(
        (health.status, &health.body["database_status"]),
        (500, &json!("UNHEALTHY"))
    );
    let path = "system/ping?get_server_status=true&use_rest_semantics=true";
    let health = get(&server, path, "").await;
    assert_eq!(
        (health.status, &health.body["database_status"]),
        (200, &json!("UNHEALTHY"))
    );
    server.stop().await;
}

#[tokio::test]
async fn a_frozen_database_looks_the_same_after_a_while() {
    let server = server().await;
    outage_answers(&server, Database::Frozen).await;
    server.stop().await;
}

#[tokio::test]
async fn a_frozen_database_leaves_the_health_query_open_until_it_thaws() {
    let server = server().await;
    let control = server.control().clone();
    control.database(Database::Frozen);
    let thaw = async {
        control
            .wait_for(|request| request.query.contains("get_server_status"))
            .await;
        assert_eq!(control.requests().last().unwrap().status, None);
        control.database(Database::Healthy);
    };
    let query = get(&server, "system/ping?get_server_status=true", "");
    let (health, ()) = tokio::join!(query, thaw);
    assert_eq!(health.body["database_status"], "OK");
    server.stop().await;
}

#[tokio::test]
async fn the_health_query_can_be_absent_or_unanswered() {
    let server = server().await;
    let control = server.control().clone();
    control.health_query(HealthQuery::Absent);
    let health = get(&server, "system/ping?get_server_status=true", "").await;
    assert_eq!(health.status, 200);
    assert!(health.body.get("database_status").is_none());

    control.health_query(HealthQuery::NotAnswered);
    let answer = async {
        control
            .wait_for(|request| request.query.contains("get_server_status"))
            .await;
        control.health_query(HealthQuery::Answered);
    };
    let query = get(&server, "system/ping?get_server_status=true", "");
    let (health, ()) = tokio::join!(query, answer);
    assert_eq!(health.body["database_status"], "OK");
    server.stop().await;
}

#[tokio::test]
async fn a_lagging_replica_does_not_know_a_fresh_session() {
    let server = server().await;
    let old = alice(&server).await;
    server.control().replica_lag(Duration::from_secs(3600));
    let fresh = alice(&server).await;
    assert_eq!(me(&server, &fresh).await.outcome(), (401, SESSION_EXPIRED));
    server.control().replica_lag(Duration::ZERO);
    assert_eq!(me(&server, &fresh).await.status, 200);
    assert_eq!(me(&server, &old).await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn an_enforced_second_factor_is_asked_for_except_on_the_own_account() {
    let server = server().await;
    let token = alice(&server).await;
    server.control().mfa_enforced(true);
    assert_eq!(me(&server, &token).await.status, 200);
    assert_eq!(
        get(&server, "users/me/sessions", &token).await.outcome(),
        (403, "api.context.mfa_required.app_error")
    );
    let generated = ask(
        &server,
        "POST",
        "users/me/mfa/generate",
        &token,
        Value::Null,
    )
    .await;
    assert_eq!(generated.status, 200);
    let body = json!({"activate": true, "code": server.control().totp("alice")});
    let enrolled = ask(&server, "PUT", "users/me/mfa", &token, body).await;
    assert_eq!(enrolled.status, 200, "{}", enrolled.body);
    assert_eq!(get(&server, "users/me/sessions", &token).await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn enforcement_leaves_guests_and_single_sign_on_alone() {
    let server = server().await;
    let control = server.control();
    control.create_user("visitor", "Passw0rd!visitor", Role::Guest);
    control.settings(|settings| settings.enable_guest_accounts = true);
    let visitor = sign_in(&server, "visitor", "Passw0rd!visitor").await;
    let token = alice(&server).await;
    control.mfa_enforced(true);
    assert_eq!(
        get(&server, "users/me/sessions", &visitor).await.status,
        200
    );
    assert_eq!(get(&server, "users/me/sessions", &token).await.status, 403);
    control.auth_service("alice", "saml");
    assert_eq!(get(&server, "users/me/sessions", &token).await.status, 200);
    control.auth_service("alice", "ldap");
    assert_eq!(get(&server, "users/me/sessions", &token).await.status, 403);
    server.stop().await;
}

#[tokio::test]
async fn limits_by_user_count_each_session_and_each_user_for_themselves() {
    let server = server().await;
    let (first, second) = (alice(&server).await, alice(&server).await);
    let bob = sign_in(&server, "bob", "Passw0rd!bob").await;
    server.control().settings(|settings| {
        settings.rate_limit_per_second = 1;
        settings.rate_limit_burst = 60;
        settings.rate_limit_vary_by_user = true;
    });
    let by_session = me(&server, &first).await;
    let limits = by_session.headers.get_all("x-ratelimit-limit");
    assert_eq!(
        limits.iter().collect::<Vec<_>>(),
        ["61", "61"],
        "two layers"
    );
    // Both sessions are within their own limits when their user is not.
    let mut limited = None;
    for _ in 0..60 {
        for token in [&first, &second] {
            let reply = me(&server, token).await;
            if reply.status == 429 {
                limited.get_or_insert(reply);
            }
        }
    }
    let limited = limited.expect("the user's limit");
    assert!(
        limited.headers.contains_key("x-request-id"),
        "not the bare one"
    );
    assert!(limited.headers.contains_key("retry-after"));
    assert_eq!(me(&server, &bob).await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_second_factor_is_asked_for_after_the_password_and_works_once() {
    let server = server().await;
    let control = server.control();
    control.enable_mfa("alice");
    assert_eq!(
        try_sign_in(&server, "alice", PASSWORD).await.outcome(),
        (401, "mfa.validate_token.authenticate.app_error")
    );
    let code = control.totp("alice");
    let body = json!({"login_id": "alice", "password": PASSWORD, "token": code});
    assert_eq!(
        ask(&server, "POST", "users/login", "", body.clone())
            .await
            .status,
        200
    );
    assert_eq!(
        ask(&server, "POST", "users/login", "", body)
            .await
            .outcome(),
        (401, "api.user.check_user_mfa.bad_code.app_error")
    );
    control.clock_advance(Duration::from_secs(30));
    let body = json!({"login_id": "alice", "password": PASSWORD, "token": control.totp("alice")});
    assert_eq!(
        ask(&server, "POST", "users/login", "", body).await.status,
        200
    );
    server.stop().await;
}

#[tokio::test]
async fn an_account_locks_after_ten_failures_and_a_deactivated_one_says_so() {
    let server = server().await;
    for _ in 0..10 {
        assert_eq!(
            try_sign_in(&server, "bob", "wrong").await.outcome(),
            (401, "api.user.login.invalid_credentials_email_username")
        );
    }
    let locked = "api.user.check_user_login_attempts.too_many.app_error";
    assert_eq!(
        try_sign_in(&server, "bob", "Passw0rd!bob").await.outcome(),
        (401, locked)
    );
    server.control().unlock("bob");
    let token = sign_in(&server, "bob", "Passw0rd!bob").await;
    server.control().deactivate("bob", true);
    assert_eq!(
        try_sign_in(&server, "bob", "wrong").await.outcome(),
        (401, "api.user.login.inactive.app_error")
    );
    server.control().deactivate("bob", false);
    assert_eq!(me(&server, &token).await.outcome(), (401, SESSION_EXPIRED));
    server.stop().await;
}

#[tokio::test]
async fn a_restart_refuses_for_a_while_and_keeps_sessions() {
    let server = server().await;
    let token = alice(&server).await;
    let url = format!("{}/api/v4/system/ping", server.url());
    let client = http_client();
    // A machine that stalls for so long as the server is down sees it down the next time.
    let mut refused = false;
    for _ in 0..10 {
        let control = server.control().clone();
        let down_for = Duration::from_millis(500);
        let restart = tokio::spawn(async move { control.restart(down_for).await });
        while !restart.is_finished() {
            if let Err(error) = client.get(&url).send().await {
                refused |= error.is_connect();
            }
        }
        restart.await.unwrap();
        if refused {
            break;
        }
    }
    assert!(refused, "nobody was refused");
    assert_eq!(me(&server, &token).await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn the_clock_moves_dates_and_expiry() {
    let server = server().await;
    let token = alice(&server).await;
    let control = server.control();
    control.clock_advance(Duration::from_secs(4319 * 3600));
    assert_eq!(me(&server, &token).await.status, 401, "idle for too long");

    control.settings(|settings| settings.session_idle_timeout_minutes = 0);
    let token = alice(&server).await;
    control.clock_advance(Duration::from_secs(4319 * 3600));
    assert_eq!(me(&server, &token).await.status, 200);
    control.clock_advance(Duration::from_secs(2 * 3600));
    assert_eq!(me(&server, &token).await.outcome(), (401, SESSION_EXPIRED));
    let list = control.sessions("alice");
    assert!(
        list.iter()
            .any(|session| session.expires_at < control.now_ms())
    );

    control.clock_set(1_000_000_000_000);
    let ping = get(&server, "system/ping", "").await;
    let date = ping.headers["date"].to_str().unwrap();
    // The clock goes on, so on a slow machine it is some seconds later.
    assert!(date.starts_with("Sun, 09 Sep 2001 01:4"), "{date}");
    server.stop().await;
}

#[tokio::test]
async fn rows_changed_behind_the_server_s_back_are_noticed_late() {
    let server = server().await;
    let token = alice(&server).await;
    let control = server.control();
    assert!(control.delete_session(&token));
    assert_eq!(me(&server, &token).await.status, 200, "still in the cache");
    control.clear_token_cache();
    assert_eq!(me(&server, &token).await.status, 401);

    let token = alice(&server).await;
    assert!(control.expire_session(&newest_session(&server, "alice")));
    assert_eq!(me(&server, &token).await.status, 401);
    server.stop().await;
}

#[tokio::test]
async fn revoking_ends_what_it_names() {
    let server = server().await;
    let first = alice(&server).await;
    let first_id = newest_session(&server, "alice");
    let root = admin(&server).await;
    let second = alice(&server).await;
    let bob = sign_in(&server, "bob", "Passw0rd!bob").await;
    let body = json!({"session_id": first_id});
    let path = "users/me/sessions/revoke";
    assert_eq!(
        ask(&server, "POST", path, &second, body.clone())
            .await
            .status,
        200
    );
    assert_eq!(ask(&server, "POST", path, &second, body).await.status, 400);
    assert_eq!(me(&server, &first).await.status, 401);
    assert_eq!(me(&server, &second).await.status, 200);
    let all = "users/sessions/revoke/all";
    assert_eq!(
        ask(&server, "POST", all, &second, Value::Null).await.status,
        403
    );
    let all_mine = "users/me/sessions/revoke/all";
    assert_eq!(
        ask(&server, "POST", all_mine, &second, Value::Null)
            .await
            .status,
        200
    );
    assert_eq!(me(&server, &second).await.status, 401);
    assert_eq!(me(&server, &bob).await.status, 200);
    assert_eq!(
        ask(&server, "POST", all, &root, Value::Null).await.status,
        200
    );
    assert_eq!(me(&server, &bob).await.status, 401);
    assert_eq!(me(&server, &root).await.status, 401);
    server.stop().await;
}

#[tokio::test]
async fn an_administrator_pages_through_the_accounts() {
    let server = server().await;
    let root = admin(&server).await;
    let page = get(&server, "users?page=1&per_page=2", &root).await;
    let names: Vec<&str> = page
        .body
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["username"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["sysadmin", "system-bot"]);
    let found = ask(
        &server,
        "POST",
        "users/search",
        &root,
        json!({"term": "ali"}),
    )
    .await;
    assert_eq!(found.body[0]["username"], "alice");
    server.stop().await;
}

#[tokio::test]
async fn activity_prolongs_a_session_where_that_is_on() {
    let server = server().await;
    let token = alice(&server).await;
    let control = server.control();
    control.settings(|settings| settings.extend_session_length_with_activity = true);
    control.clock_advance(Duration::from_secs(48 * 3600));
    let before = control.sessions("alice")[0].expires_at;
    assert_eq!(me(&server, &token).await.status, 200);
    assert_eq!(control.sessions("alice")[0].expires_at, before);
    let body = json!({"channel_id": control.channel_id()});
    let path = "channels/members/me/view";
    let viewed = ask(&server, "POST", path, &token, body.clone()).await;
    assert_eq!(viewed.headers.get_all("set-cookie").iter().count(), 3);
    assert!(control.sessions("alice")[0].expires_at - before >= 48 * 3_600_000);
    let again = ask(&server, "POST", path, &token, body).await;
    assert!(!again.headers.contains_key("set-cookie"));
    server.stop().await;
}

#[tokio::test]
async fn an_access_token_s_session_comes_back() {
    let server = server().await;
    let control = server.control();
    let (_, token) = control.create_access_token("alice");
    assert_eq!(me(&server, &token).await.status, 200);
    assert!(control.revoke_session(&token));
    assert_eq!(me(&server, &token).await.status, 200);
    control.settings(|settings| settings.enable_user_access_tokens = false);
    assert!(control.revoke_session(&token));
    let refused = me(&server, &token).await;
    assert_eq!(refused.outcome(), (401, SESSION_EXPIRED));
    assert!(!refused.headers.contains_key("set-cookie"));
    server.stop().await;
}

#[tokio::test]
async fn a_backup_that_is_put_back_forgets_what_came_later_and_undoes_what_was_ended() {
    let server = server().await;
    let control = server.control();
    let (older, ended) = (alice(&server).await, alice(&server).await);
    let kept = control.put_file(b"kept".to_vec());
    let older_post = control.post("alice", "before");
    control.back_up();

    let newer = alice(&server).await;
    assert!(control.revoke_session(&ended));
    let passwords = json!({"current_password": PASSWORD, "new_password": "Another?Passw0rd"});
    let changed = ask(&server, "PUT", "users/me/password", &older, passwords).await;
    assert_eq!(changed.status, 200);
    control.create_user("carol", "Passw0rd!carol", Role::User);
    let carol = sign_in(&server, "carol", "Passw0rd!carol").await;
    let (_, access) = control.create_access_token("alice");
    let lost = control.put_file(b"lost".to_vec());
    let newer_post = control.post("alice", "after");
    let secrets = control.secrets().len();
    let mut socket = support::Socket::open(&server, &older, "").await;

    for _ in 0..2 {
        control.put_back(Duration::ZERO).await;
        assert_eq!(me(&server, &older).await.status, 200);
        assert_eq!(me(&server, &ended).await.status, 200, "revoked afterwards");
        for unknown in [&newer, &carol, &access] {
            let refused = me(&server, unknown).await;
            assert_eq!(refused.outcome(), (401, SESSION_EXPIRED));
        }
        assert_eq!(control.user_id("carol"), None);
        let old_password = try_sign_in(&server, "alice", PASSWORD).await;
        assert_eq!(old_password.status, 200);
        assert_eq!(control.file(&kept).as_deref(), Some(&b"kept".to_vec()));
        assert_eq!(control.file(&lost), None);
        let posts = get(&server, &format!("posts/{older_post}"), &older).await;
        assert_eq!(posts.status, 200);
        let posts = get(&server, &format!("posts/{newer_post}"), &older).await;
        assert_eq!(posts.status, 404);
    }
    assert_eq!(socket.ending().await, support::Ending::Cut);
    assert!(
        control.secrets().len() > secrets,
        "what was told stays told"
    );
    server.stop().await;
}

#[tokio::test]
async fn switches_turn_over_http_as_well() {
    let server = server().await;
    let token = alice(&server).await;
    let turn = async |name: &str, body: Value| {
        let url = format!("{}/{name}", server.control_url());
        let request = http_client().post(url).body(body.to_string());
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str::<Value>(&text).unwrap())
    };
    assert_eq!(turn("database", json!({"state": "stopped"})).await.0, 200);
    assert_eq!(turn("clear_token_cache", json!({})).await.0, 200);
    assert_eq!(me(&server, &token).await.status, 401);
    assert_eq!(turn("database", json!({"state": "healthy"})).await.0, 200);
    assert_eq!(me(&server, &token).await.status, 200);
    let (status, _) = turn("settings", json!({"session_cache_minutes": 3})).await;
    assert_eq!(status, 200);
    assert_eq!(turn("settings", json!({"nonsense": 3})).await.0, 400);
    assert_eq!(turn("no_such_switch", json!({})).await.0, 400);
    let put_back = json!({"down_for": 0});
    assert_eq!(turn("put_back", put_back.clone()).await.0, 400);
    assert_eq!(turn("back_up", json!({})).await.0, 200);
    let newer = alice(&server).await;
    assert_eq!(turn("put_back", put_back).await.0, 200);
    assert_eq!(me(&server, &newer).await.status, 401);
    assert_eq!(me(&server, &token).await.status, 200);
    let url = format!("{}/state", server.control_url());
    let state = http_client()
        .get(url)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let state: Value = serde_json::from_str(&state).unwrap();
    assert_eq!(state["settings"]["session_cache_minutes"], 3);
    assert_eq!(
        state["users"]["alice"]["sessions"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert!(!state.to_string().contains(&token), "a token is shown");
    server.stop().await;
}

#[tokio::test]
async fn many_servers_run_side_by_side_with_tls_and_stop() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut servers = Vec::new();
    for _ in 0..5 {
        let builder = Server::builder()
            .tls(true)
            .user("alice", PASSWORD, Role::User);
        servers.push(builder.start().await.unwrap());
    }
    for server in servers {
        let authority = std::fs::read(server.ca_file().unwrap()).unwrap();
        assert_eq!(authority, server.ca_pem().unwrap().as_bytes());
        let authority = reqwest::Certificate::from_pem(&authority).unwrap();
        let client = reqwest::Client::builder()
            .tls_certs_only([authority])
            .build()
            .unwrap();
        let url = format!("{}/api/v4/users/login", server.url());
        let body = json!({"login_id": "alice@example.com", "password": PASSWORD}).to_string();
        let reply = client.post(&url).body(body).send().await.unwrap();
        assert_eq!(reply.status(), 200);
        server.stop().await;
        assert!(client.get(&url).send().await.is_err(), "it still answers");
    }
}

#[tokio::test]
async fn stopping_does_not_wait_for_anybody() {
    let server = server().await;
    let token = alice(&server).await;
    let control = server.control().clone();
    control.health_query(HealthQuery::NotAnswered);
    let mut socket = support::Socket::open(&server, &token, "").await;
    let url = format!("{}/api/v4/system/ping?get_server_status=true", server.url());
    let unanswered = tokio::spawn(http_client().get(url).send());
    control
        .wait_for(|request| request.query.contains("get_server_status"))
        .await;
    server.stop().await;
    assert!(unanswered.await.unwrap().is_err());
    assert_eq!(socket.ending().await, support::Ending::Cut);
}

#[tokio::test]
async fn an_answer_that_is_held_back_is_made_and_not_given() {
    let server = server().await;
    let control = server.control();
    control.hold_back(Some("/api/v4/users/login"));
    let signing_in = async {
        let token = alice(&server).await;
        (control.request_count(), me(&server, &token).await.status)
    };
    let letting_go = async {
        let made = control.wait_from(0, |request| {
            request.path.ends_with("/login") && request.status == Some(200)
        });
        made.await;
        assert_eq!(control.sessions("alice").len(), 1);
        // What is not held back is answered meanwhile.
        assert_eq!(get(&server, "system/ping", "").await.status, 200);
        let asked = control.request_count();
        control.hold_back(None);
        asked
    };
    let ((when_signed_in, status), when_let_go) = tokio::join!(signing_in, letting_go);
    assert_eq!((when_signed_in, status), (when_let_go, 200));
    server.stop().await;
}
