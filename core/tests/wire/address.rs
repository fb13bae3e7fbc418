//! What a user types becomes one canonical address, or a typed refusal.

use proptest::prelude::*;
use steadfast::server::{AddressError, ClearText, ServerAddress};

fn canonical(typed: &str) -> Result<String, AddressError> {
    ServerAddress::parse(typed, ClearText::AllowedByApp).map(|address| address.as_str().to_owned())
}

/// Hazards D09, E14.
#[test]
fn the_same_server_has_one_address() {
    for (typed, expected) in [
        ("chat.example.com", "https://chat.example.com"),
        ("  chat.example.com  ", "https://chat.example.com"),
        ("Chat.Example.COM/", "https://chat.example.com"),
        ("chat.example.com.", "https://chat.example.com"),
        ("HTTPS://chat.example.com:443/", "https://chat.example.com"),
        ("https://chat.example.com:", "https://chat.example.com"),
        ("chat.example.com:8065", "https://chat.example.com:8065"),
        (
            "chat.example.com:8065/sub/",
            "https://chat.example.com:8065/sub",
        ),
        ("https://x/sub/path//", "https://x/sub/path"),
        ("https://x/Sub/./a/../path", "https://x/Sub/path"),
        ("http://chat.example.com:80", "http://chat.example.com"),
        ("http://127.0.0.1:8065", "http://127.0.0.1:8065"),
        ("[::1]:8065", "https://[::1]:8065"),
        ("https://[0:0:0:0:0:0:0:1]/", "https://[::1]"),
        ("bücher.example", "https://xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("ＣＨＡＴ.example", "https://chat.example"),
        ("\u{430}pple.example", "https://xn--pple-43d.example"),
    ] {
        assert_eq!(canonical(typed).as_deref(), Ok(expected), "{typed:?}");
    }
}

/// Hazard E13.
#[test]
fn what_is_no_address_is_refused_by_name() {
    use AddressError as E;
    let long = format!("https://x/{}", "a".repeat(1_024));
    for (typed, expected) in [
        ("", E::Empty),
        ("   ", E::Empty),
        (long.as_str(), E::TooLong),
        ("chat.example.com\n", E::ForbiddenCharacter),
        ("chat.exam\tple.com", E::ForbiddenCharacter),
        ("chat.example.com\0", E::ForbiddenCharacter),
        ("chat example.com", E::ForbiddenCharacter),
        ("https:\\\\chat.example.com", E::ForbiddenCharacter),
        ("https://good.example\\@evil.example", E::ForbiddenCharacter),
        ("ftp://chat.example.com", E::UnknownScheme),
        ("ws://chat.example.com", E::UnknownScheme),
        ("://chat.example.com", E::UnknownScheme),
        ("https://good@evil.example", E::HoldsUser),
        ("https://@evil.example", E::HoldsUser),
        ("https://name:word@evil.example", E::HoldsUser),
        ("good.example@evil.example", E::HoldsUser),
        ("https://chat.example.com?x=1", E::HoldsQuery),
        ("https://chat.example.com/#x", E::HoldsQuery),
        ("https://chat.example.com?", E::HoldsQuery),
        ("https://", E::NoHost),
        ("https:///path", E::NoHost),
        ("https://:8065", E::NoHost),
        ("/path", E::NoHost),
        ("https://chat.example.com:0", E::InvalidPort),
        ("https://chat.example.com:65536", E::InvalidPort),
        ("https://chat.example.com:port", E::InvalidPort),
        ("https://chat.example.com:80:80", E::InvalidPort),
        ("javascript:alert(1)", E::InvalidPort),
        ("https://ch%61t.example.com", E::InvalidHost),
        ("https://[::1", E::InvalidHost),
        ("https://256.1.1.1", E::InvalidHost),
        ("https://chat..example.com..", E::InvalidHost),
        ("https://a<b", E::InvalidHost),
        ("https://a&b", E::InvalidHost),
    ] {
        assert_eq!(canonical(typed), Err(expected), "{typed:?}");
    }
}

/// Hazard E04. Q17.
#[test]
fn clear_text_needs_the_apps_word() {
    let refused = ServerAddress::parse("http://chat.example.com", ClearText::Refused);
    assert_eq!(refused, Err(AddressError::ClearTextRefused));
    let refused = ServerAddress::parse("HTTP://127.0.0.1", ClearText::Refused);
    assert_eq!(refused, Err(AddressError::ClearTextRefused));
}

#[test]
fn urls_are_built_below_the_address() {
    let address = ServerAddress::parse("https://x:8065/sub", ClearText::Refused).unwrap();
    let url = address.rest("/api/v4/users/me").unwrap();
    assert_eq!(url.as_str(), "https://x:8065/sub/api/v4/users/me");
    assert_eq!(address.websocket(), "wss://x:8065/sub/api/v4/websocket");
    assert_eq!((address.host(), address.port()), ("x", 8065));
    let plain = ServerAddress::parse("http://[::1]", ClearText::AllowedByApp).unwrap();
    assert_eq!(plain.websocket(), "ws://[::1]/api/v4/websocket");
    assert_eq!((plain.host(), plain.port()), ("::1", 80));
}

/// Hazard E13.
#[test]
fn a_path_cannot_leave_the_server() {
    let address = ServerAddress::parse("https://x/sub", ClearText::Refused).unwrap();
    for path in [
        "",
        "api",
        "//evil.example/x",
        "/../x",
        "/a/../../x",
        "/a/%2e%2E/x",
        "/a/.%2e",
        "/./x",
        "\\\\evil.example",
        "/a\\..\\x",
        "/a?b",
        "/a#b",
        "/a b",
        "/a\r\nHost: evil.example",
        "@evil.example/",
        ".evil.example/",
        ":8080/",
    ] {
        assert!(address.rest(path).is_err(), "{path:?}");
    }
}

proptest! {
    // A failure prints its input; it then becomes a row of a table above.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Hazard E13.
    #[test]
    fn any_text_is_refused_or_canonical(typed in "\\PC{0,60}") {
        check(&typed)?;
    }

    #[test]
    fn address_like_text_is_refused_or_canonical(
        typed in "(https?://|HTTP://|//|)[a-zA-Z0-9.:@%\\[\\]\\-_ü]{0,24}(/[a-zA-Z0-9./%?#\\\\@:]{0,16})?"
    ) {
        check(&typed)?;
    }

    #[test]
    fn a_joined_path_stays_on_the_server(path in "/[a-zA-Z0-9./%\\\\@:ü?#-]{0,24}") {
        let address = ServerAddress::parse("https://chat.example/sub", ClearText::Refused).unwrap();
        if let Ok(url) = address.rest(&path) {
            prop_assert!(address.is_same_origin(&url));
            prop_assert!(url.path().starts_with("/sub/"), "{}", url);
            prop_assert!(url.username().is_empty() && url.query().is_none());
        }
    }
}

fn check(typed: &str) -> Result<(), TestCaseError> {
    let Ok(address) = ServerAddress::parse(typed, ClearText::AllowedByApp) else {
        return Ok(());
    };
    let text = address.as_str();
    let again = ServerAddress::parse(text, ClearText::AllowedByApp);
    prop_assert_eq!(again.as_ref(), Ok(&address), "not stable: {}", text);
    prop_assert!(text.starts_with("https://") || text.starts_with("http://"));
    prop_assert!(!text.ends_with('/'));
    prop_assert!(!text.contains(['?', '#', '\\', ' ']), "{}", text);
    let authority = text.split('/').nth(2).unwrap_or_default();
    prop_assert!(!authority.contains(['@', '%', '&']), "{}", text);
    prop_assert!(
        address
            .host()
            .bytes()
            .all(|b| b.is_ascii() && !b.is_ascii_uppercase())
    );
    prop_assert!(!address.host().is_empty() && address.port() != 0);
    Ok(())
}
