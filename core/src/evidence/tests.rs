//! The readings beside the verdict; the verdict itself is tested as a whole table in `tests/simulation`.

use super::*;
use crate::session::{ConfigSet, Health, SessionsRead};

fn reply(status: u16, body: &str) -> Reply {
    Reply {
        status,
        origin: Origin::Own,
        tls: Tls::Verified,
        content_type: Some("application/json; charset=utf-8".to_owned()),
        headers: HeaderFacts {
            x_request_id: Some("a1b2c3d4e5f6g7h8i9j0k1l2m3".to_owned()),
            x_version_id: Some("5.37.0.dev.0123.true".to_owned()),
            ..HeaderFacts::default()
        },
        body: Body::Bytes(body.as_bytes().to_vec()),
    }
}

#[test]
fn health_is_read_from_the_database_status_alone() {
    let table = [
        (
            200,
            r#"{"status":"OK","database_status":"OK"}"#,
            Health::Healthy,
        ),
        (
            500,
            r#"{"status":"UNHEALTHY","database_status":"OK","filestore_status":"UNHEALTHY"}"#,
            Health::Healthy,
        ),
        (
            500,
            r#"{"status":"UNHEALTHY","database_status":"UNHEALTHY"}"#,
            Health::Unhealthy,
        ),
        (
            200,
            r#"{"status":"UNHEALTHY","database_status":"UNHEALTHY"}"#,
            Health::Unhealthy,
        ),
        (200, r#"{"status":"OK"}"#, Health::Absent),
        (200, r#"{"database_status":true}"#, Health::Absent),
        (
            200,
            r#"{"database_status":"OK","database_status":"OK"}"#,
            Health::Absent,
        ),
        (200, "<html>", Health::Absent),
        (403, "{}", Health::Absent),
        (404, "{}", Health::Absent),
        (500, "{}", Health::Unhealthy),
        (502, "<html>", Health::Unhealthy),
        (503, r#"{"database_status":"OK"}"#, Health::Unhealthy),
    ];
    for (status, body, expected) in table {
        assert_eq!(health(&reply(status, body)), expected, "{status} {body}");
    }
    let mut foreign = reply(200, r#"{"database_status":"OK"}"#);
    foreign.origin = Origin::Redirected;
    assert_eq!(health(&foreign), Health::Absent);
    let mut cached = reply(200, r#"{"database_status":"OK"}"#);
    cached.headers.age = Some("3".to_owned());
    assert_eq!(health(&cached), Health::Absent);
}

/// Hazard D13.
#[test]
fn an_installation_is_known_by_a_well_formed_id_alone() {
    let id = "a1b2c3d4e5f6g7h8i9j0k1l2m3";
    let config = format!(r#"{{"Version":"11.6.0","DiagnosticId":"{id}"}}"#);
    assert_eq!(installation(&reply(200, &config)).as_deref(), Some(id));
    for (status, body) in [
        (200, r#"{"Version":"11.6.0"}"#),
        (200, r#"{"Version":"11.6.0","DiagnosticId":""}"#),
        (200, r#"{"Version":"11.6.0","DiagnosticId":"short"}"#),
        (200, r#"{"DiagnosticId":7}"#),
        (200, "<html>"),
        (403, &config),
    ] {
        assert_eq!(installation(&reply(status, body)), None, "{status} {body}");
    }
    let mut foreign = reply(200, &config);
    foreign.origin = Origin::Redirected;
    assert_eq!(installation(&foreign), None);
    let mut cached = reply(200, &config);
    cached.headers.age = Some("3".to_owned());
    assert_eq!(installation(&cached), None);
}

#[test]
fn the_experiment_tells_the_sets_apart() {
    let limited = reply(200, r#"{"Version":"11.6.0","SiteName":"x"}"#);
    let other = reply(200, r#"{"Version":"11.6.0","SiteName":"y"}"#);
    let full = reply(
        200,
        r#"{"Version":"11.6.0","SiteName":"x","EnableUserAccessTokens":"true"}"#,
    );
    let page = reply(200, "<html>");
    let found = experiment(&limited, &limited);
    assert_eq!(found.with_token, ConfigSet::Limited);
    assert!(found.same);
    assert!(!experiment(&limited, &other).same);
    assert_eq!(experiment(&full, &limited).with_token, ConfigSet::Full);
    let found = experiment(&page, &page);
    assert_eq!(found.with_token, ConfigSet::Unreadable);
    assert!(!found.same);
    assert_eq!(config_set(&full), ConfigSet::Full);
}

#[test]
fn sessions_tell_whether_mfa_is_wanted() {
    let seen = RequestIds::default();
    let expected = Expected {
        request_epoch: Epoch(1),
        current_epoch: Epoch(1),
        user_id: "u",
        seen: &seen,
        learned: None,
    };
    assert_eq!(
        sessions_read(&reply(200, "[]"), &expected),
        SessionsRead::Read
    );
    assert_eq!(
        sessions_read(&reply(200, "{}"), &expected),
        SessionsRead::Other
    );
    let mfa = r#"{"id":"api.context.mfa_required.app_error","request_id":"a1b2c3d4e5f6g7h8i9j0k1l2m3","status_code":403}"#;
    assert_eq!(
        sessions_read(&reply(403, mfa), &expected),
        SessionsRead::MfaRequired
    );
    let mut stripped = reply(403, mfa);
    stripped.headers.x_version_id = None;
    assert_eq!(sessions_read(&stripped, &expected), SessionsRead::Other);
}

#[test]
fn socket_replies_are_told_by_their_content() {
    let table = [
        (
            r#"{"status":"OK","data":{"text":"pong"},"seq_reply":7}"#,
            SocketReply::Pong { seq_reply: 7 },
        ),
        (
            r#"{"status":"OK","seq_reply":2}"#,
            SocketReply::Ok { seq_reply: 2 },
        ),
        (
            r#"{"status":"FAIL","error":{"id":"api.web_socket_router.not_authenticated.app_error"},"seq_reply":2}"#,
            SocketReply::NotAuthenticated,
        ),
        (
            r#"{"status":"FAIL","error":{"id":"api.context.invalid_token.error"},"seq_reply":2}"#,
            SocketReply::NotAuthenticated,
        ),
        (
            r#"{"status":"FAIL","error":{"id":"api.web_socket_router.bad_seq.app_error"}}"#,
            SocketReply::Failed { seq_reply: None },
        ),
        (
            r#"{"event":"posted","data":{},"broadcast":{},"seq":4}"#,
            SocketReply::NotAReply,
        ),
        (r#"{"event":"custom","status":4}"#, SocketReply::NotAReply),
        ("[]", SocketReply::NotAReply),
        ("", SocketReply::NotAReply),
    ];
    for (text, expected) in table {
        assert_eq!(socket_reply(text), expected, "{text}");
    }
}

#[test]
fn version_ids_parse_by_their_fixed_parts() {
    assert_eq!(version("11.6.0.dev.0123.false"), Some((11, 6, 0)));
    assert_eq!(version("10.11.24.10.11.24.abc.true"), Some((10, 11, 24)));
    for text in [
        "",
        "11.6.0",
        "11.6.0.false",
        "a.6.0.dev.x.true",
        "11.6.0.dev.x.maybe",
        "11.6.0..x.true",
        "nginx",
    ] {
        assert_eq!(version(text), None, "{text}");
    }
}

#[test]
fn the_last_64_request_ids_are_remembered() {
    let mut ids = RequestIds::default();
    let id = |number: usize| format!("{number:026}");
    for number in 0..65 {
        ids.remember(&id(number));
    }
    assert!(!ids.contains(&id(0)));
    assert!(ids.contains(&id(1)) && ids.contains(&id(64)));
    ids.remember("not an id");
    assert!(!ids.contains("not an id"));
}

#[test]
fn the_date_is_read_as_milliseconds() {
    let mut reply = reply(200, "{}");
    assert_eq!(server_date(&reply), None);
    reply.headers.date = Some("Tue, 24 Nov 2026 02:22:37 GMT".to_owned());
    assert_eq!(server_date(&reply), Some(UnixMillis(1_795_486_957_000)));
}

/// Hazards E01, E18.
#[test]
fn a_body_never_shows_in_debug() {
    let reply = reply(401, "the token");
    assert!(!format!("{reply:?}").contains("the token"));
}
