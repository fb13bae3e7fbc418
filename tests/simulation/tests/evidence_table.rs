//! What may end a session and what clears it: every status, body, header, origin and epoch, condensed to a table that a reader
//! can check.
// Test support may stop the test at once when its own assumptions do not hold.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use steadfast::evidence::{
    Body, Evidence, Expected, HeaderBehaviour, HeaderFacts, Origin, Reply, RequestIds, Tls, judge,
};
use steadfast::session::Epoch;
use steadfast_simulation::golden;

const USER: &str = "u5er1du5er1du5er1du5er1du5";
const REQUEST_ID: &str = "a1b2c3d4e5f6g7h8i9j0k1l2m3";
const SEEN_ID: &str = "zzzzzzzzzzzzzzzzzzzzzzzzzz";
const VERSION_ID: &str = "11.6.0.dev.0123456789abcdef.false";
const GONE_ID: &str = "api.context.session_expired.app_error";
const MFA_ID: &str = "api.context.mfa_required.app_error";
const JSON: &str = "application/json";

struct BodyKind {
    name: &'static str,
    content_type: &'static str,
    body: fn(u16, &str) -> Body,
}

fn error(id: &str, status: &str, request_id: &str) -> Body {
    Body::Bytes(
        format!(
            r#"{{"id":"{id}","message":"m","detailed_error":"","request_id":"{request_id}","status_code":{status}}}"#
        )
        .into_bytes(),
    )
}

fn text(text: &str) -> Body {
    Body::Bytes(text.as_bytes().to_vec())
}

fn body_kinds() -> Vec<BodyKind> {
    let json = |name, body| BodyKind {
        name,
        content_type: JSON,
        body,
    };
    vec![
        json("the account's user", |_, _| {
            text(&format!(r#"{{"id":"{USER}","username":"alice"}}"#))
        }),
        json("another user", |_, _| {
            text(r#"{"id":"0ther","username":"bob"}"#)
        }),
        json("a user with two ids", |_, _| {
            text(&format!(r#"{{"id":"0ther","id":"{USER}"}}"#))
        }),
        json("a user in an array", |_, _| text(&format!(r#"["{USER}"]"#))),
        BodyKind {
            name: "the account's user as HTML",
            content_type: "text/html",
            body: |_, _| text(&format!(r#"{{"id":"{USER}"}}"#)),
        },
        json("session expired", |status, id| {
            error(GONE_ID, &status.to_string(), id)
        }),
        json("session expired, status_code 500", |_, id| {
            error(GONE_ID, "500", id)
        }),
        json("session expired, status_code a string", |status, id| {
            error(GONE_ID, &format!("\"{status}\""), id)
        }),
        json("session expired, two ids", |status, id| {
            text(&format!(
                r#"{{"id":"{GONE_ID}","id":"{GONE_ID}","request_id":"{id}","status_code":{status}}}"#
            ))
        }),
        json("session expired, another request_id", |status, _| {
            error(GONE_ID, &status.to_string(), "b1b2c3d4e5f6g7h8i9j0k1l2m3")
        }),
        BodyKind {
            name: "session expired as text",
            content_type: "text/plain",
            body: |status, id| error(GONE_ID, &status.to_string(), id),
        },
        json("another error", |status, id| {
            error(
                "api.context.token_provided.app_error",
                &status.to_string(),
                id,
            )
        }),
        json("MFA required", |status, id| {
            error(MFA_ID, &status.to_string(), id)
        }),
        BodyKind {
            name: "an HTML page",
            content_type: "text/html",
            body: |_, _| text("<html><body>Sign in to the network</body></html>"),
        },
        json("broken JSON", |_, _| text(r#"{"id":"#)),
        json("nothing", |_, _| text("")),
        json("more than 64 KiB", |_, _| Body::TooLarge),
    ]
}

struct HeaderKind {
    name: &'static str,
    facts: fn(&mut HeaderFacts),
}

fn header_kinds() -> Vec<HeaderKind> {
    let kind = |name, facts| HeaderKind { name, facts };
    vec![
        kind("genuine", |_| {}),
        kind("Age: 0", |facts| facts.age = Some("0".to_owned())),
        kind("Age: 1", |facts| facts.age = Some("1".to_owned())),
        kind("Age: x", |facts| facts.age = Some("x".to_owned())),
        kind("no X-Request-Id", |facts| facts.x_request_id = None),
        kind("X-Request-Id seen", |facts| {
            facts.x_request_id = Some(SEEN_ID.to_owned());
        }),
        kind("X-Request-Id a UUID", |facts| {
            facts.x_request_id = Some("3f2504e0-4f89-11d3-9a0c-0305e82c3301".to_owned());
        }),
        kind("no X-Version-Id", |facts| facts.x_version_id = None),
        kind("X-Version-Id not one", |facts| {
            facts.x_version_id = Some("nginx".to_owned());
        }),
        kind("WWW-Authenticate", |facts| {
            facts.www_authenticate = Some("Basic".to_owned());
        }),
    ]
}

const ORIGINS: [(&str, Origin, Tls); 5] = [
    ("own, TLS verified", Origin::Own, Tls::Verified),
    (
        "own, clear text allowed by the app",
        Origin::Own,
        Tls::ClearTextAllowedByApp,
    ),
    ("own, TLS not verified", Origin::Own, Tls::No),
    ("after a redirect", Origin::Redirected, Tls::Verified),
    ("another origin", Origin::Foreign, Tls::Verified),
];

fn outcome(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::Valid { .. } => "VALID",
        Evidence::Gone { .. } => "GONE",
        Evidence::MfaRequired => "mfa",
        Evidence::Refused => "refused",
        Evidence::HeadersLost => "headers lost",
        Evidence::Unknown { .. } => "-",
    }
}

fn one(
    status: u16,
    body: &BodyKind,
    headers: &HeaderKind,
    (origin, tls): (Origin, Tls),
    old_epoch: bool,
    learned: Option<HeaderBehaviour>,
) -> &'static str {
    let mut facts = HeaderFacts {
        x_request_id: Some(REQUEST_ID.to_owned()),
        x_version_id: Some(VERSION_ID.to_owned()),
        ..HeaderFacts::default()
    };
    (headers.facts)(&mut facts);
    let request_id = facts
        .x_request_id
        .clone()
        .unwrap_or_else(|| REQUEST_ID.to_owned());
    let reply = Reply {
        status,
        origin,
        tls,
        content_type: Some(body.content_type.to_owned()),
        headers: facts,
        body: (body.body)(status, &request_id),
    };
    let mut seen = RequestIds::default();
    seen.remember(SEEN_ID);
    outcome(judge(
        &reply,
        &Expected {
            request_epoch: Epoch(if old_epoch { 1 } else { 2 }),
            current_epoch: Epoch(2),
            user_id: USER,
            seen: &seen,
            learned,
        },
    ))
}

/// Hazards A08, A10, A11, A15, A33. Q4.
#[test]
fn exactly_one_kind_of_cell_ends_and_exactly_one_clears() {
    let bodies = body_kinds();
    let headers = header_kinds();
    let mut text = String::from(
        "What one answer to GET users/me proves. Statuses 100 to 599, every body, header, origin and epoch.\n\
         Generated and compared by tests/simulation/tests/evidence_table.rs.\n\
         A cell lists the statuses that prove something; every other status of the cell proves nothing.\n",
    );
    let mut ends = BTreeSet::new();
    let mut clears = BTreeSet::new();
    let mut proofs: BTreeMap<(u16, &str, &str), BTreeSet<&str>> = BTreeMap::new();
    let mut cells = 0_u32;
    for (origin_name, origin, tls) in ORIGINS {
        for old_epoch in [false, true] {
            let epoch = if old_epoch {
                "older epoch"
            } else {
                "current epoch"
            };
            let mut rows: BTreeMap<(usize, String), Vec<&str>> = BTreeMap::new();
            for (number, body) in bodies.iter().enumerate() {
                for header in &headers {
                    let mut proves = Vec::new();
                    for status in 100..=599 {
                        cells += 1;
                        let found = one(status, body, header, (origin, tls), old_epoch, None);
                        if found != "-" {
                            proves.push(format!("{status} {found}"));
                        }
                        if matches!(found, "VALID" | "GONE" | "mfa") {
                            proofs
                                .entry((status, body.name, found))
                                .or_default()
                                .insert(header.name);
                        }
                        if found == "GONE" {
                            ends.insert((
                                status,
                                body.name,
                                header.name,
                                tls == Tls::No,
                                old_epoch,
                            ));
                        }
                        if found == "VALID" {
                            clears.insert((status, body.name));
                            assert!(!matches!(header.name, "Age: 1" | "Age: x"));
                        }
                    }
                    rows.entry((number, proves.join(", ")))
                        .or_default()
                        .push(header.name);
                }
            }
            writeln!(text, "\n== {origin_name}, {epoch}").unwrap();
            if rows.keys().all(|(_, proves)| proves.is_empty()) {
                writeln!(text, "nothing proves anything").unwrap();
                continue;
            }
            for ((number, proves), headers_of) in rows {
                let headers_of = if headers_of.len() == headers.len() {
                    "any headers".to_owned()
                } else {
                    headers_of.join(" | ")
                };
                let proves = if proves.is_empty() {
                    "nothing"
                } else {
                    &proves
                };
                writeln!(
                    text,
                    "{:<38} {:<28} {headers_of}",
                    bodies[number].name, proves
                )
                .unwrap();
            }
        }
    }
    writeln!(text, "\n{cells} answers were judged.").unwrap();
    println!("{text}");
    golden::compare("docs/evidence-table.txt", &text);
    golden::compare_part(
        "docs/when-a-user-is-signed-out.md",
        "evidence",
        &condensed(&proofs, headers.len(), cells),
    );

    let ends_of: Vec<(u16, &str, &str)> = ends
        .iter()
        .map(|(status, body, header, ..)| (*status, *body, *header))
        .collect();
    assert_eq!(
        ends_of,
        [
            (401, "session expired", "Age: 0"),
            (401, "session expired", "genuine")
        ],
        "an Age of zero is no cache's, so the two are one kind"
    );
    assert_eq!(
        clears.into_iter().collect::<Vec<_>>(),
        [(200, "the account's user")]
    );
}

/// The table of the page for readers: what proves something, and how much does not.
fn condensed(
    proofs: &BTreeMap<(u16, &str, &str), BTreeSet<&str>>,
    header_kinds: usize,
    cells: u32,
) -> String {
    let mut text = String::from("| status | body | proves | only if |\n|---|---|---|---|\n");
    for ((status, body, found), headers) in proofs {
        let proves = match *found {
            "VALID" => "the session is **valid**",
            "GONE" => "**evidence** that the session is gone",
            _ => "the session lives and **needs MFA** first",
        };
        assert!(!headers.contains("Age: 1") && !headers.contains("Age: x"));
        let only_if = if headers.len() == header_kinds - 2 {
            "no cache answered (`Age` absent or 0)"
        } else {
            assert_eq!(*headers, BTreeSet::from(["genuine", "Age: 0"]));
            "no cache answered, no `WWW-Authenticate`, `X-Version-Id` parses, `X-Request-Id` is new and equals the body's"
        };
        writeln!(text, "| {status} | {body} | {proves} | {only_if} |").unwrap();
    }
    writeln!(text, "| any other of {cells} combinations | | nothing | |").unwrap();
    text
}

/// Hazard D25.
#[test]
fn headers_that_never_arrive_are_told_from_an_intermediary() {
    let bodies = body_kinds();
    let expired = bodies
        .iter()
        .find(|body| body.name == "session expired")
        .unwrap();
    let page = bodies
        .iter()
        .find(|body| body.name == "an HTML page")
        .unwrap();
    let headers = header_kinds();
    let lost = headers
        .iter()
        .find(|header| header.name == "no X-Version-Id")
        .unwrap();
    let own = (Origin::Own, Tls::Verified);
    let judged = |body, learned| one(401, body, lost, own, false, learned);
    assert_eq!(
        judged(expired, Some(HeaderBehaviour::Absent)),
        "headers lost"
    );
    assert_eq!(
        judged(expired, Some(HeaderBehaviour::Rewritten)),
        "headers lost"
    );
    assert_eq!(judged(expired, Some(HeaderBehaviour::Present)), "refused");
    assert_eq!(judged(expired, None), "refused");
    assert_eq!(judged(page, Some(HeaderBehaviour::Absent)), "refused");
}
