//! Golden entries of every source, and what the rules make of them.

use super::*;
use crate::session::AccountId;
use LegacySource::*;

const TOKEN_A: &str = "tokenatokenatokenatokenaaa";
const TOKEN_B: &str = "tokenbtokenbtokenbtokenbbb";
const USER: &str = "useruseruseruseruseruserus";
const SERVER: &str = "https://chat.example.com";

fn entry(source: LegacySource, server: &str, name: &str, value: &str) -> LegacyEntry {
    LegacyEntry::new(source, server, name, value)
}

fn planned(entries: &[LegacyEntry]) -> Plan {
    plan(entries, PreviousInstallation::Updated, ClearText::Refused)
}

/// Server, token, user, device, CSRF token of the one candidate.
type Seen = (
    String,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
);

fn only(entries: &[LegacyEntry]) -> Option<Seen> {
    let plan = planned(entries);
    assert!(plan.candidates.len() <= 1, "{plan:?}");
    plan.candidates.into_iter().next().map(|candidate| {
        (
            candidate.address.as_str().to_owned(),
            candidate.token.expose().to_owned(),
            candidate.user_id,
            candidate.device_id,
            candidate.csrf.map(|csrf| csrf.expose().to_owned()),
        )
    })
}

fn seen(user: Option<&str>, device: Option<&str>, csrf: Option<&str>) -> Option<Seen> {
    let text = |text: Option<&str>| text.map(str::to_owned);
    Some((
        SERVER.to_owned(),
        TOKEN_A.to_owned(),
        text(user),
        text(device),
        text(csrf),
    ))
}

fn outcomes(entries: &[LegacyEntry]) -> Vec<LegacyOutcome> {
    planned(entries)
        .entries
        .into_iter()
        .map(|entry| entry.outcome)
        .collect()
}

#[test]
fn every_shape_that_the_react_native_apps_wrote_is_read() {
    let name = format!("apple_rn:abc, {USER}");
    let v1 = seen(Some(USER), Some("apple_rn:abc"), None);
    let generic = format!("{TOKEN_A},https://Chat.Example.com:443/");
    assert_eq!(only(&[entry(ReactNative1Generic, "", &name, &generic)]), v1);
    assert_eq!(
        only(&[entry(ReactNative1Internet, SERVER, &name, TOKEN_A)]),
        v1
    );
    // On version 2 the name is the token, whatever it looks like.
    for name in [TOKEN_A, name.as_str()] {
        assert_eq!(
            only(&[entry(
                ReactNative2,
                "https://chat.example.com/",
                name,
                TOKEN_A
            )]),
            seen(None, None, None)
        );
    }
    // Some device ids were the word for nothing; the session is good all the same.
    let name = format!("undefined, {USER}");
    assert_eq!(
        only(&[entry(ReactNative1Internet, SERVER, &name, TOKEN_A)]),
        seen(Some(USER), None, None)
    );
    assert_eq!(
        only(&[entry(
            ReactNative1Internet,
            SERVER,
            "apple_rn:abc, undefined",
            TOKEN_A
        )]),
        seen(None, Some("apple_rn:abc"), None)
    );
}

#[test]
fn the_classic_apps_cookies_and_preferences_are_read_together() {
    assert_eq!(
        only(&[
            entry(ClassicIosCookie, SERVER, "MMCSRF", "csrf"),
            entry(ClassicIosCookie, SERVER, "MMAUTHTOKEN", TOKEN_A),
            entry(ClassicIosCookie, SERVER, "MMUSERID", USER),
            entry(ClassicIosDefaults, SERVER, "MMAUTHTOKEN", TOKEN_B),
            entry(ClassicIosDefaults, SERVER, "DeviceToken", "0a1b"),
            entry(ClassicIosDefaults, SERVER, "LastChannel", "town-square"),
        ]),
        seen(Some(USER), Some("apple:0a1b"), Some("csrf")),
        "the cookie is the live one"
    );
    assert_eq!(
        only(&[
            entry(ClassicAndroidPreferences, SERVER, "device_id", "gcm"),
            entry(ClassicAndroidCookie, SERVER, "MMAUTHTOKEN", TOKEN_A),
            entry(ClassicAndroidCookie, SERVER, "MMUSERID", USER),
        ]),
        seen(Some(USER), Some("android:gcm"), None)
    );
    assert_eq!(
        only(&[
            entry(ClassicIosDefaults, SERVER, "MMAUTHTOKEN", TOKEN_A),
            entry(ClassicIosCookie, SERVER, "MMUSERID", USER),
        ]),
        seen(None, None, None),
        "a cookie of a session that is no longer in the jar says nothing about the copy"
    );
}

#[test]
fn a_jar_that_outlived_the_users_leaving_is_not_adopted() {
    let cookie = entry(ClassicIosCookie, SERVER, "MMAUTHTOKEN", TOKEN_A);
    for defaults in [
        vec![],
        vec![entry(ClassicIosDefaults, SERVER, "MMAUTHTOKEN", "")],
        vec![entry(
            ClassicIosDefaults,
            "https://other.example.com",
            "MMAUTHTOKEN",
            TOKEN_B,
        )],
    ] {
        let entries = [vec![cookie.clone()], defaults].concat();
        assert_eq!(outcomes(&entries)[0], LegacyOutcome::LeftServer);
        assert!(
            planned(&entries)
                .candidates
                .iter()
                .all(|one| one.address.as_str() != SERVER)
        );
    }
}

#[test]
fn the_better_source_counts_and_servers_do_not_mix() {
    let all = [
        entry(ClassicAndroidCookie, SERVER, "MMAUTHTOKEN", "t6"),
        entry(ClassicIosDefaults, SERVER, "MMAUTHTOKEN", "t7"),
        entry(ClassicIosCookie, SERVER, "MMAUTHTOKEN", "t5"),
        entry(ReactNative1Generic, "", "d, u", &format!("t3,{SERVER}")),
        entry(ReactNative1Internet, SERVER, "d, u", "t2"),
        entry(ReactNative2, SERVER, "t1", "t1"),
        entry(ReactNative2, "https://chat.example.com/sub", "t8", "t8"),
    ];
    // The preferences are a copy, so they come last.
    for (without, best) in [(0, "t1"), (1, "t2"), (2, "t3"), (3, "t5"), (4, "t6")] {
        let mut left = all.to_vec();
        left.truncate(6 - without);
        let plan = planned(&left);
        assert_eq!(plan.candidates[0].token.expose(), best);
        assert_eq!(plan.candidates.len(), 1);
    }
    assert_eq!(planned(&all).candidates.len(), 2);
}

#[test]
fn what_is_malformed_is_left_where_it_is() {
    let long = "t".repeat(51);
    for value in [
        "",
        " ",
        "undefined",
        "null",
        "two words",
        "tök",
        long.as_str(),
        "\u{0}",
    ] {
        assert_eq!(
            outcomes(&[entry(ReactNative2, SERVER, "x", value)]),
            [LegacyOutcome::Unreadable],
            "{value:?}"
        );
        assert!(LegacyOutcome::Unreadable.is_left_alone());
    }
    for server in [
        "",
        "undefined://x",
        "https://",
        "https://a@b",
        "https://x/?q",
        "ftp://x",
    ] {
        assert_eq!(
            outcomes(&[entry(ReactNative2, server, TOKEN_A, TOKEN_A)]),
            [LegacyOutcome::Unreadable],
            "{server:?}"
        );
    }
    for value in [
        TOKEN_A.to_owned(),
        format!("{TOKEN_A},"),
        format!(",{SERVER}"),
    ] {
        assert_eq!(
            outcomes(&[entry(ReactNative1Generic, "", "d, u", &value)]),
            [LegacyOutcome::Unreadable],
            "{value:?}"
        );
    }
    assert_eq!(
        outcomes(&[
            entry(ReactNative2, "http://chat.example.com", TOKEN_A, TOKEN_A),
            entry(
                ReactNative2PreSharedSecret,
                SERVER,
                "preshared_secret",
                "secret"
            ),
            entry(ClassicIosCookie, SERVER, "IDP_SESSION", "x"),
            entry(ClassicAndroidCookie, SERVER, "MMTOKEN", TOKEN_A),
        ]),
        [
            LegacyOutcome::Insecure,
            LegacyOutcome::Unsupported,
            LegacyOutcome::Unreadable,
            LegacyOutcome::OldServer,
        ]
    );
}

#[test]
fn the_secret_of_a_gateway_goes_with_the_session_of_its_server_and_with_no_other() {
    let other = "https://other.example.com";
    let secret = |server, value| {
        entry(
            ReactNative2PreSharedSecret,
            server,
            "preshared_secret",
            value,
        )
    };
    let session = |server| entry(ReactNative2, server, TOKEN_A, TOKEN_A);
    let secrets = |entries: &[LegacyEntry]| -> Vec<Option<String>> {
        let of = |one: &Candidate| Some(one.pre_auth.as_ref()?.1.expose().to_owned());
        planned(entries).candidates.iter().map(of).collect()
    };
    let mine = Some("mine".to_owned());
    let both = [secret(SERVER, " mine"), session(SERVER), session(other)];
    assert_eq!(secrets(&both), [mine.clone(), None]);
    assert_eq!(outcomes(&both)[0], LegacyOutcome::Noted);
    // The older app's own slot had no server.
    let nameless = [secret("", "mine"), session(SERVER)];
    assert_eq!(secrets(&nameless), std::slice::from_ref(&mine));
    assert_eq!(planned(&nameless).entries[0].server_url, SERVER);
    let ambiguous = [secret("", "mine"), session(SERVER), session(other)];
    assert_eq!(secrets(&ambiguous), [None, None]);
    assert_eq!(outcomes(&ambiguous)[0], LegacyOutcome::Unsupported);
    let strange = [secret(other, "mine"), session(SERVER)];
    assert_eq!(secrets(&strange), [None]);
    assert_eq!(outcomes(&strange)[0], LegacyOutcome::Unsupported);
    let twice = [
        secret(SERVER, "mine"),
        secret(SERVER, "later"),
        session(SERVER),
    ];
    assert_eq!(secrets(&twice), [mine]);
    assert_eq!(outcomes(&twice)[1], LegacyOutcome::Superseded);
    for value in ["", "undefined", "two\nlines"] {
        let entries = [secret(SERVER, value), session(SERVER)];
        assert_eq!(
            outcomes(&entries)[0],
            LegacyOutcome::Unreadable,
            "{value:?}"
        );
    }
}

/// Hazards B06.
#[test]
fn a_keychain_that_outlived_another_installation_is_not_adopted() {
    let entries = [
        entry(ReactNative2, SERVER, TOKEN_A, TOKEN_A),
        entry(ClassicAndroidCookie, SERVER, "MMAUTHTOKEN", TOKEN_B),
    ];
    let plan = plan(&entries, PreviousInstallation::Gone, ClearText::Refused);
    assert_eq!(plan.entries[0].outcome, LegacyOutcome::OtherInstallation);
    assert_eq!(plan.candidates.len(), 1);
    assert_eq!(plan.candidates[0].token.expose(), TOKEN_B);
}

#[test]
fn an_id_tells_entries_apart_and_shows_nothing() {
    let one = entry(ReactNative2, SERVER, "ab", "c");
    assert_eq!(one.id(), one.clone().id());
    for other in [
        entry(ReactNative2, SERVER, "a", "bc"),
        entry(ReactNative2, SERVER, "ab", "d"),
        entry(ReactNative1Internet, SERVER, "ab", "c"),
        entry(ReactNative2, "https://other.example.com", "ab", "c"),
    ] {
        assert_ne!(one.id(), other.id());
    }
    let shown = format!("{:?}", entry(ReactNative2, SERVER, TOKEN_A, TOKEN_A));
    assert!(!shown.contains(TOKEN_A));
}

#[test]
fn every_outcome_is_read_back_and_an_unknown_one_is_of_a_newer_version() {
    let account = AccountId(7);
    for outcome in [
        LegacyOutcome::Adopted(account),
        LegacyOutcome::Pending,
        LegacyOutcome::Superseded,
        LegacyOutcome::Refused,
        LegacyOutcome::Noted,
        LegacyOutcome::LeftServer,
        LegacyOutcome::OldServer,
        LegacyOutcome::OtherInstallation,
        LegacyOutcome::Unreadable,
        LegacyOutcome::Insecure,
        LegacyOutcome::Unsupported,
        LegacyOutcome::Other,
    ] {
        let read = LegacyOutcome::from_code(outcome.code(), Some(account));
        assert_eq!(read, outcome);
    }
    for (code, account) in [("of tomorrow", Some(account)), ("adopted", None)] {
        let read = LegacyOutcome::from_code(code, account);
        assert_eq!(read, LegacyOutcome::Other, "{code}");
    }
}
