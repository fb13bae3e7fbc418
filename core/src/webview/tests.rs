//! What stands in the lines, and which cookies are taken for the server's own.

use super::*;
use crate::server::ClearText;

fn address(text: &str) -> ServerAddress {
    ServerAddress::parse(text, ClearText::AllowedByApp).unwrap()
}

fn shown(lines: Vec<SecretText>) -> Vec<String> {
    lines.iter().map(|line| line.expose().to_owned()).collect()
}

fn contents<'a>(token: &'a Token, csrf: Option<&'a SecretText>) -> Contents<'a> {
    Contents {
        token,
        user_id: "user",
        csrf,
        lives_for: Duration::from_secs(60),
    }
}

#[test]
fn lines_carry_path_domain_and_protection() {
    let (token, csrf) = (Token::new("token").unwrap(), SecretText::new("csrf"));
    let with_csrf = contents(&token, Some(&csrf));
    assert_eq!(
        shown(lines(
            &address("https://chat.example.com"),
            None,
            &with_csrf
        )),
        [
            "MMAUTHTOKEN=token; Path=/; Max-Age=60; Secure; HttpOnly",
            "MMUSERID=user; Path=/; Max-Age=60; Secure",
            "MMCSRF=csrf; Path=/; Max-Age=60; Secure",
        ]
    );
    let sub_path = address("http://chat.example.com/team/chat");
    assert_eq!(
        shown(lines(
            &sub_path,
            Some("example.com"),
            &contents(&token, None)
        )),
        [
            "MMAUTHTOKEN=token; Path=/team/chat; Max-Age=60; Domain=example.com; HttpOnly",
            "MMUSERID=user; Path=/team/chat; Max-Age=60; Domain=example.com",
        ]
    );
    let hostile = SecretText::new("x; Domain=evil.example.com");
    assert_eq!(
        lines(&sub_path, None, &contents(&token, Some(&hostile))).len(),
        2
    );
}

#[test]
fn the_end_takes_every_name_from_every_place() {
    let plain = shown(expiry_lines(&address("https://chat.example.com"), None));
    assert_eq!(plain.len(), 3);
    let all = shown(expiry_lines(
        &address("https://chat.example.com/sub"),
        Some("example.com"),
    ));
    assert_eq!(all.len(), 12);
    for name in ["MMAUTHTOKEN", "MMUSERID", "MMCSRF"] {
        for path in ["/", "/sub"] {
            for domain in ["", "; Domain=example.com"] {
                let line = format!(
                    "{name}=; Path={path}; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT{domain}; Secure"
                );
                assert!(all.contains(&line), "{line}");
            }
        }
    }
}

#[test]
fn a_session_is_read_only_from_the_servers_own_cookies() {
    let server = address("https://chat.example.com");
    let cookie = |name: &str, domain: Option<&str>| WebCookie {
        name: name.to_owned(),
        value: "value".into(),
        domain: domain.map(str::to_owned),
    };
    for (domain, shared) in [
        (None, None),
        (Some("chat.example.com"), None),
        (Some(".example.com"), Some("example.com")),
    ] {
        let found = read(&server, &[cookie(CSRF, None), cookie(TOKEN, domain)]).unwrap();
        assert_eq!(found.domain.as_deref(), shared);
        assert!(found.csrf.is_some());
    }
    for domain in [
        "com",
        ".com",
        "evil.example.com",
        "ample.com",
        "chat.example.com.evil.com",
        "",
    ] {
        assert!(
            read(&server, &[cookie(TOKEN, Some(domain))]).is_none(),
            "{domain}"
        );
    }
    assert!(read(&server, &[cookie(CSRF, None)]).is_none());
    assert!(
        read(
            &address("http://127.0.0.1:8065"),
            &[cookie(TOKEN, Some("0.0.1"))]
        )
        .is_none()
    );
}

#[test]
fn a_lifetime_is_the_sessions_where_that_is_known() {
    let now = UnixMillis(1_000);
    assert_eq!(
        lifetime(Some(UnixMillis(61_000)), now),
        Duration::from_secs(60)
    );
    assert_eq!(
        lifetime(Some(UnixMillis(1)), now),
        policy::WEB_COOKIE_LIFETIME
    );
    assert_eq!(lifetime(None, now), policy::WEB_COOKIE_LIFETIME);
}
