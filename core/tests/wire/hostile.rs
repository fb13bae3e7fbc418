//! Answers that a client on the road meets: portals, gateways, boxes that break or rewrite what passes.

use std::sync::Arc;
use std::time::Duration;

use steadfast::secret::SecretText;
use steadfast::server::resolver::Resolving;
use steadfast::server::sign_in::Recognisable;
use steadfast::server::{
    ClearText, Credentials, DeviceNetwork, Dialler, Gateway, Health, Outcome, ProbeError,
    RequestParts, Resolve, ResolveError, Rest, ServerAddress, SignInOutcome, TransportErrorKind,
    UserQuery, probe_server,
};
use tokio::io::AsyncWriteExt;

use crate::support::{CANARY, Listener, answer, dialler, kind, read_request, token};

const JSON: &str = "Content-Type: application/json\r\n";
const USER: &str = r#"{"id":"abcdefghijklmnopqrstuvwxyz","username":"alice"}"#;

fn credentials() -> Credentials {
    Credentials {
        login_id: "alice".into(),
        password: SecretText::new(CANARY),
        mfa_code: None,
        ldap_only: false,
        device_id: None,
        recognisable: Recognisable::No,
    }
}

#[tokio::test]
async fn a_request_carries_what_it_should_and_nothing_else() {
    let server = Listener::answering(answer("200 OK", JSON, USER)).await;
    server.rest().users_me(&token(), "17").await.unwrap();
    let head = server.received()[0].head.to_ascii_lowercase();
    assert!(
        head.starts_with("get /api/v4/users/me?t=17 http/1.1\r\n"),
        "{head}"
    );
    for expected in [
        "accept-encoding: identity\r\n",
        "cache-control: no-cache\r\n",
        "user-agent: tests/1.0\r\n",
        &format!("authorization: bearer {CANARY}\r\n"),
    ] {
        assert!(head.contains(expected), "{head}");
    }
    for absent in ["cookie", "x-requested-with", "referer"] {
        assert!(!head.contains(absent), "{head}");
    }
}

/// Hazards A17, D12.
#[tokio::test]
async fn a_redirect_is_a_fact_and_never_followed() {
    let other = Listener::answering(answer("200 OK", JSON, USER)).await;
    for status in [
        "301 Moved",
        "302 Found",
        "303 See",
        "307 Temporary",
        "308 Permanent",
    ] {
        let location = format!("Location: {}/api/v4/users/me\r\n", other.address);
        let server = Listener::answering(answer(status, &location, "")).await;
        let rest = server.rest();
        let reply = rest.users_me(&token(), "1").await.unwrap();
        assert_eq!(reply.status.to_string(), status[..3]);
        assert!(reply.location.is_some() && reply.same_origin);
        let outcome = rest.sign_in(&credentials()).await.unwrap();
        assert!(
            matches!(outcome, SignInOutcome::NotMattermost { .. }),
            "{outcome:?}"
        );
    }
    assert!(other.received().is_empty(), "the other server was asked");
}

/// Hazards A36, E15.
#[tokio::test]
async fn cookies_and_tokens_of_answers_are_not_taken() {
    let headers = format!(
        "{JSON}Token: zzzzzzzzzzzzzzzzzzzzzzzzzz\r\nSet-Cookie: MMAUTHTOKEN=zzz; Path=/\r\n"
    );
    let server = Listener::answering(answer("200 OK", &headers, USER)).await;
    let rest = server.rest();
    let reply = rest.users_me(&token(), "1").await.unwrap();
    assert!(reply.headers.get("token").is_none() && reply.headers.get("set-cookie").is_none());
    rest.logout(&token()).await.unwrap();
    let second = server.received()[1].head.to_ascii_lowercase();
    assert!(
        !second.contains("cookie") && second.contains(CANARY),
        "{second}"
    );
}

/// Hazard A15.
#[tokio::test]
async fn a_body_over_the_limit_is_not_read_to_its_end() {
    let server = Listener::answering(answer("200 OK", JSON, &"x".repeat(70 * 1024))).await;
    let error = kind(server.rest().users_me(&token(), "1").await);
    assert_eq!(error, TransportErrorKind::TooLarge);

    let endless = Listener::raw(|mut stream, _| async move {
        read_request(&mut stream).await;
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let _ = stream.write_all(head).await;
        let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
        while stream.write_all(chunk.as_bytes()).await.is_ok() {}
    })
    .await;
    let error = kind(endless.rest().send(RequestParts::get("/x")).await);
    assert_eq!(error, TransportErrorKind::TooLarge);
}

/// Hazard A14.
#[tokio::test]
async fn a_body_that_drips_ends_at_the_deadline() {
    let server = Listener::raw(|mut stream, _| async move {
        read_request(&mut stream).await;
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
        let _ = stream.write_all(head).await;
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    // Long enough for the request to be sent, on a busy machine too.
    let request = RequestParts::get("/x").deadline(Duration::from_secs(3));
    let error = server.rest().send(request).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Timeout);
    assert!(error.may_have_been_received);
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    let server = Listener::raw(|stream, _| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let request = RequestParts::get("/x").deadline(Duration::from_millis(200));
    assert_eq!(
        kind(server.rest().send(request).await),
        TransportErrorKind::Timeout
    );
}

#[tokio::test]
async fn compressed_bodies_are_left_as_they_came() {
    let bytes = "\u{1f}not really gzip";
    let headers = format!("{JSON}Content-Encoding: gzip\r\n");
    let server = Listener::answering(answer("200 OK", &headers, bytes)).await;
    let reply = server.rest().users_me(&token(), "1").await.unwrap();
    assert_eq!(reply.body, bytes.as_bytes());
    assert!(reply.json::<serde_json::Value>().is_none());
}

/// Hazard A08.
#[tokio::test]
async fn a_page_with_status_200_is_unreadable_whatever_it_calls_itself() {
    for content_type in [
        "text/html",
        "application/json",
        "application/json; charset=utf-8",
    ] {
        let headers = format!("Content-Type: {content_type}\r\n");
        let server = Listener::answering(answer("200 OK", &headers, "<html>Welcome</html>")).await;
        let rest = server.rest();
        let answer = rest.sessions(&token(), "me").await.unwrap();
        assert_eq!(answer.outcome, Outcome::Unreadable);
        let answer = rest.revoke_all_of_user(&token(), "me").await.unwrap();
        assert_eq!(answer.outcome, Outcome::Unreadable);
        assert!(matches!(
            rest.sign_in(&credentials()).await.unwrap(),
            SignInOutcome::NotMattermost { status: 200, .. }
        ));
    }
}

/// Hazard A15.
#[tokio::test]
async fn an_array_is_not_taken_for_an_object() {
    for body in [
        "[]",
        r#"["api.context.session_expired.app_error",401,"x"]"#,
        r#" ["OK"]"#,
    ] {
        let server = Listener::answering(answer("200 OK", JSON, body)).await;
        let rest = server.rest();
        let answer = rest.revoke_all_of_user(&token(), "me").await.unwrap();
        assert_eq!(answer.outcome, Outcome::Unreadable, "{body}");
        assert!(answer.reply.error_body().is_none(), "{body}");
        let (_, ping) = rest.ping(Health::Database).await.unwrap();
        assert!(ping.is_none(), "{body}");
    }
}

#[tokio::test]
async fn a_sign_in_without_a_token_or_a_user_is_none() {
    let token = format!("Token: {CANARY}\r\n");
    for (headers, body, signed_in) in [
        (format!("{JSON}{token}"), USER, true),
        (JSON.to_owned(), USER, false),
        (format!("{JSON}{token}"), "{}", false),
        (format!("{JSON}{token}Token: another\r\n"), USER, false),
        (token.clone(), USER, false),
    ] {
        let server = Listener::answering(answer("200 OK", &headers, body)).await;
        let outcome = server.rest().sign_in(&credentials()).await.unwrap();
        let is_signed_in = matches!(outcome, SignInOutcome::SignedIn(_));
        assert_eq!(is_signed_in, signed_in, "{headers} {body}");
        assert!(!format!("{outcome:?}").contains(CANARY));
        let received = server.received();
        assert!(
            !received[0]
                .head
                .to_ascii_lowercase()
                .contains("x-requested-with")
        );
        assert!(received[0].body.contains(r#""login_id":"alice""#));
    }
}

/// Hazard D11.
#[tokio::test]
async fn sign_in_errors_are_told_apart() {
    let outcome = |status: &'static str, id: &'static str, code: Option<&'static str>| async move {
        let body = format!(r#"{{"id":"{id}","message":"{CANARY}","status_code":401}}"#);
        let server = Listener::answering(answer(status, JSON, &body)).await;
        let mut credentials = credentials();
        credentials.mfa_code = code.map(SecretText::new);
        let outcome = server.rest().sign_in(&credentials).await.unwrap();
        let text = format!("{outcome:?}");
        assert!(!text.contains(CANARY), "{text}");
        text
    };
    let mfa = "mfa.validate_token.authenticate.app_error";
    assert_eq!(outcome("401 X", mfa, None).await, "MfaNeeded");
    assert_eq!(outcome("401 X", mfa, Some("")).await, "MfaNeeded");
    assert_eq!(outcome("401 X", mfa, Some("12")).await, "MfaWrong");
    for (id, expected) in [
        ("api.user.check_user_mfa.bad_code.app_error", "MfaWrong"),
        ("api.user.login.inactive.app_error", "Deactivated"),
        (
            "api.user.check_user_login_attempts.too_many.app_error",
            "Locked",
        ),
        (
            "api.user.check_user_login_attempts.too_many_ldap.app_error",
            "Locked",
        ),
        ("api.user.login.not_verified.app_error", "NotVerified"),
        ("api.user.login.bot_login_forbidden.app_error", "Bot"),
        ("api.user.login.remote_users.login.error", "RemoteUser"),
        ("api.user.login.blank_pwd.app_error", "BlankPassword"),
        (
            "api.user.login.invalid_credentials_email_username",
            "Refused { id: \"api.user.login.invalid_credentials_email_username\" }",
        ),
        (
            "api.something.new.app_error",
            "Server { status: 401, id: \"api.something.new.app_error\" }",
        ),
    ] {
        assert_eq!(outcome("401 X", id, Some("1")).await, expected);
    }
    let limited = answer(
        "429 Too Many",
        "Content-Type: text/plain\r\nRetry-After: 7\r\n",
        "limit exceeded\n",
    );
    let server = Listener::answering(limited).await;
    let found = server.rest().sign_in(&credentials()).await.unwrap();
    assert!(matches!(
        found,
        SignInOutcome::RateLimited { retry_after: Some(wait) } if wait == Duration::from_secs(7)
    ));
}

#[tokio::test]
async fn only_a_sign_in_that_asks_gets_the_csrf_token() {
    let headers = format!(
        "{JSON}Token: abcdefghijklmnopqrstuvwxyz\r\nSet-Cookie: MMAUTHTOKEN=abcdefghijklmnopqrstuvwxyz; Path=/\r\n\
         Set-Cookie: MMCSRF=cccccccccccccccccccccccccc; Path=/\r\n"
    );
    let server = Listener::answering(answer("200 OK", &headers, USER)).await;
    let mut credentials = credentials();
    credentials.recognisable = Recognisable::ByCsrf;
    let SignInOutcome::SignedIn(signed_in) = server.rest().sign_in(&credentials).await.unwrap()
    else {
        panic!("not signed in");
    };
    assert_eq!(
        signed_in.csrf.as_ref().unwrap().expose(),
        "cccccccccccccccccccccccccc"
    );
    let head = server.received()[0].head.to_ascii_lowercase();
    assert!(head.contains("x-requested-with: xmlhttprequest"), "{head}");
}

/// Hazard A04.
#[tokio::test]
async fn a_fresh_connection_is_fresh_and_a_dropped_pool_is_empty() {
    let server = Listener::answering(answer("200 OK", JSON, "{}")).await;
    let rest = server.rest();
    for _ in 0..2 {
        rest.send(RequestParts::get("/pooled")).await.unwrap();
    }
    for _ in 0..2 {
        rest.send(RequestParts::get("/fresh").fresh())
            .await
            .unwrap();
    }
    rest.drop_connections();
    rest.send(RequestParts::get("/pooled")).await.unwrap();
    let connections: Vec<_> = server.received().iter().map(|r| r.connection).collect();
    assert_eq!(connections, [0, 0, 1, 2, 3]);
}

#[tokio::test]
async fn a_request_is_sent_once_even_if_its_connection_dies() {
    let served = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&served);
    let server = Listener::raw(move |mut stream, _| {
        let count = std::sync::Arc::clone(&count);
        async move {
            read_request(&mut stream).await;
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    })
    .await;
    let error = server
        .rest()
        .send(RequestParts::post("/x"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Reset);
    assert!(error.may_have_been_received);
    assert_eq!(served.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_is_not_http_is_a_protocol_error() {
    let server = Listener::answering("SSH-2.0-OpenSSH_9.2\r\n\r\n").await;
    let error = kind(server.rest().send(RequestParts::get("/x")).await);
    assert_eq!(error, TransportErrorKind::Protocol);
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_refused() {
    let server = Listener::answering("").await;
    let address = server.address.clone();
    drop(server);
    tokio::task::yield_now().await;
    let rest = Rest::new(address, &dialler(), "Tests/1.0").unwrap();
    let error = rest.users_me(&token(), "1").await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Refused);
    assert!(!error.may_have_been_received);
    assert_eq!(format!("{error}"), "no answer: connection refused");
    assert!(!format!("{error:?}").contains(CANARY));
}

struct NoName;

impl Resolve for NoName {
    fn resolve<'a>(&'a self, _: &'a str, _: u16) -> steadfast::server::resolver::Resolving<'a> {
        Box::pin(async { Err(ResolveError) })
    }
}

struct Stuck;

impl Resolve for Stuck {
    fn resolve<'a>(&'a self, _: &'a str, _: u16) -> steadfast::server::resolver::Resolving<'a> {
        Box::pin(std::future::pending())
    }
}

fn resolved_by(resolver: impl Resolve + 'static) -> Rest {
    let profile = DeviceNetwork {
        resolver: std::sync::Arc::new(resolver),
        ..DeviceNetwork::default()
    };
    let address = "https://chat.example".parse_address();
    Rest::new(address, &Dialler::new(&profile).unwrap(), "Tests/1.0").unwrap()
}

trait ParseAddress {
    fn parse_address(&self) -> steadfast::server::ServerAddress;
}

impl ParseAddress for str {
    fn parse_address(&self) -> steadfast::server::ServerAddress {
        steadfast::server::ServerAddress::parse(self, steadfast::server::ClearText::Refused)
            .unwrap()
    }
}

/// Hazard A06.
#[tokio::test]
async fn a_name_that_is_not_resolved_is_not_sent_to() {
    let error = resolved_by(NoName)
        .ping(Health::Reachable)
        .await
        .unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Dns);
    assert!(!error.may_have_been_received);
}

/// Hazard A07.
#[tokio::test]
async fn a_resolver_that_hangs_does_not_outlast_the_deadline() {
    let request = RequestParts::get("/x").deadline(Duration::from_millis(200));
    let error = resolved_by(Stuck).send(request).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Timeout);
}

/// Hazard E13.
#[tokio::test]
async fn headers_of_the_core_and_paths_off_the_server_are_refused_unsent() {
    let server = Listener::answering(answer("200 OK", JSON, "{}")).await;
    let rest = server.rest();
    let requests = [
        RequestParts::get("/x").header("Authorization", "Bearer other"),
        RequestParts::get("/x").header("cookie", "a=b"),
        RequestParts::get("/x").header("Host", "evil.example"),
        RequestParts::get("/x").header("X-Requested-With", "XMLHttpRequest"),
        RequestParts::get("/x").header("x", "a\r\nb: c"),
        RequestParts::get("/x").header("x y", "a"),
        RequestParts::get("//evil.example/x"),
        RequestParts::get("/../x"),
        RequestParts::post("/x").body("a\r\nb", "x"),
    ];
    for request in requests {
        assert!(request.check(rest.address()).is_err(), "{request:?}");
        assert_eq!(
            kind(rest.send(request).await),
            TransportErrorKind::InvalidRequest
        );
    }
    let error = kind(rest.sessions(&token(), "../../x").await);
    assert_eq!(error, TransportErrorKind::InvalidRequest);
    let error = kind(rest.revoke_session(&token(), "me", "x/y").await);
    assert_eq!(error, TransportErrorKind::InvalidRequest);
    assert!(server.received().is_empty());
}

/// Hazard E18.
#[tokio::test]
async fn server_texts_with_a_token_in_them_are_not_kept_in_errors() {
    let body = format!(
        r#"{{"id":"api.context.permissions.app_error","message":"{CANARY}","detailed_error":"token={CANARY}","status_code":403}}"#
    );
    let server = Listener::answering(answer("403 Forbidden", JSON, &body)).await;
    let answer = server
        .rest()
        .users(
            &token(),
            &UserQuery::Page {
                page: 0,
                per_page: 60,
            },
        )
        .await
        .unwrap();
    assert!(matches!(&answer.outcome, Outcome::Refused(refusal)
        if refusal.status == 403 && refusal.id == "api.context.permissions.app_error"));
    assert!(!format!("{answer:?} {:?}", answer.reply.error_body()).contains(CANARY));
}

#[tokio::test]
async fn the_database_status_is_read_from_an_error_as_well() {
    let body = r#"{"status":"UNHEALTHY","database_status":"UNHEALTHY"}"#;
    let server = Listener::answering(answer("500 Error", JSON, body)).await;
    let (reply, ping) = server.rest().ping(Health::Database).await.unwrap();
    assert_eq!(reply.status, 500);
    assert_eq!(ping.unwrap().database_status.as_deref(), Some("UNHEALTHY"));
    let head = server.received()[0].head.clone();
    assert!(
        head.starts_with("GET /api/v4/system/ping?get_server_status=true&use_rest_semantics=true ")
    );
    assert!(!head.to_ascii_lowercase().contains("authorization"));
}

/// Hazards A11, A33.
#[tokio::test]
async fn facts_that_betray_an_intermediary_are_reported() {
    let headers = format!(
        "{JSON}WWW-Authenticate: Basic\r\nAge: 3\r\nX-Request-Id: a\r\nX-Request-Id: b\r\nX-Version-Id: 11.6.0.dev.h.false\r\n\
         Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: 120\r\n"
    );
    let server = Listener::answering(answer("401 Unauthorized", &headers, "{}")).await;
    let reply = server.rest().users_me(&token(), "1").await.unwrap();
    assert!(reply.has_www_authenticate && reply.same_origin && !reply.tls);
    assert_eq!(reply.age_seconds, Some(3));
    assert_eq!(reply.request_id, None);
    assert_eq!(reply.version_id.as_deref(), Some("11.6.0.dev.h.false"));
    assert_eq!(reply.date.unwrap().0, 784_111_777_000);
    assert_eq!(reply.retry_after, Some(Duration::from_secs(120)));
}

/// Hazard A08.
#[tokio::test]
async fn a_probe_says_what_is_in_the_way() {
    let probe = |bytes: Vec<u8>| async move {
        let server = Listener::answering(bytes).await;
        probe_server(&dialler(), &server.address, "Tests/1.0").await
    };
    let found = probe(answer(
        "200 OK",
        JSON,
        r#"{"Version":"11.6.0","SiteName":"Crew","EnableSignInWithEmail":"true","EnableSaml":"false","EnableSignUpWithGitLab":"true","EnableMultifactorAuthentication":"true","DiagnosticId":"d"}"#,
    ))
    .await
    .unwrap();
    assert_eq!(
        (found.version.as_str(), found.site_name.as_str()),
        ("11.6.0", "Crew")
    );
    assert!(found.methods.email && found.methods.gitlab && !found.methods.saml);
    assert_eq!(found.diagnostic_id, "d");

    let html = "Content-Type: text/html\r\n";
    let moved = "Location: https://chat.example/mm/api/v4/config/client?format=old\r\n";
    for (bytes, expected) in [
        (
            answer("200 OK", JSON, r#"{"Version":"4.10.0"}"#),
            ProbeError::TooOld {
                version: "4.10.0".into(),
            },
        ),
        (
            answer("200 OK", JSON, r#"{"Version":"next"}"#),
            ProbeError::NotMattermost,
        ),
        (
            answer("200 OK", JSON, r#"{"hello":"world"}"#),
            ProbeError::NotMattermost,
        ),
        (
            answer("404 Not Found", html, "<html>"),
            ProbeError::NotMattermost,
        ),
        (
            answer("200 OK", html, "<html>Welcome to the hotel"),
            ProbeError::Gateway(Gateway::Portal),
        ),
        (
            answer("302 Found", "Location: http://portal.example/\r\n", ""),
            ProbeError::Gateway(Gateway::Portal),
        ),
        (
            answer("511 Required", html, "<html>"),
            ProbeError::Gateway(Gateway::Portal),
        ),
        (
            answer("301 Moved", moved, ""),
            ProbeError::Moved {
                to: "https://chat.example/mm".parse_address(),
            },
        ),
        (
            answer("403 Forbidden", "X-Reject-Reason: pre-auth\r\n", ""),
            ProbeError::Gateway(Gateway::PreAuthenticationNeeded),
        ),
        (
            answer("503 Busy", "Retry-After: 5\r\n", ""),
            ProbeError::Unavailable {
                status: 503,
                retry_after: Some(Duration::from_secs(5)),
            },
        ),
        (b"SSH-2.0\r\n\r\n".to_vec(), ProbeError::NotMattermost),
    ] {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert_eq!(probe(bytes).await, Err(expected), "{text}");
    }
}

/// What such a peer says comes before the request, with it, or is lost with the connection that carried it.
///
/// Hazard A05.
#[tokio::test(flavor = "multi_thread")]
async fn a_probe_finds_out_who_speaks_http2_unasked() {
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let patient = Listener::raw(|mut stream, _| async move {
        let _ = stream.write_all(&SETTINGS).await;
        while read_request(&mut stream).await.is_some() {}
    });
    let hasty = Listener::raw(|mut stream, number| async move {
        if number % 2 == 1 {
            let _ = stream.write_all(&SETTINGS).await;
        }
        read_request(&mut stream).await;
        stream.set_zero_linger().unwrap();
    });
    for listener in [patient.await, hasty.await] {
        for _ in 0..50 {
            let probed = probe_server(&dialler(), &listener.address, "Tests/1.0").await;
            assert_eq!(probed, Err(ProbeError::NotMattermost));
        }
    }
}

/// Hazard A18.
#[tokio::test]
async fn a_server_with_an_ipv6_address_only_is_reached_by_address_and_by_name() {
    let listener = tokio::net::TcpListener::bind("[::1]:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream).await.unwrap();
            stream
                .write_all(&answer("200 OK", JSON, "{}"))
                .await
                .unwrap();
        }
    });
    // A resolver that knows no other family, as in such a network.
    let network = DeviceNetwork {
        resolver: Arc::new(OnlyIpv6),
        ..DeviceNetwork::default()
    };
    let dialler = Dialler::new(&network).unwrap();
    for host in ["[::1]", "chat.example.com"] {
        let address = format!("http://{host}:{port}");
        let address = ServerAddress::parse(&address, ClearText::AllowedByApp).unwrap();
        let rest = Rest::new(address, &dialler, "Tests/1.0").unwrap();
        let reply = rest.users_me(&token(), "1").await.unwrap();
        assert_eq!(reply.status, 200, "{host}");
    }
    serving.await.unwrap();
}

struct OnlyIpv6;

impl Resolve for OnlyIpv6 {
    fn resolve<'a>(&'a self, _host: &'a str, port: u16) -> Resolving<'a> {
        Box::pin(async move { Ok(vec![(std::net::Ipv6Addr::LOCALHOST, port).into()]) })
    }
}
