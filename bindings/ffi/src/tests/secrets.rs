//! Nothing that the border's types print of themselves holds a secret.

use crate::{
    Destination, HttpProxy, KeyAnswer, LegacyEntry, LegacySource, NetworkProfile, Pins, Proxy,
    ProxyCredentials, SecretText, SignIn, SignInAgain, SsoStart, SteadfastError, WebCookie,
    WebCookies,
};

use super::foreign::{call, lift, lower};

fn secret(number: u8) -> SecretText {
    SecretText::new(format!("CANARY{number}"))
}

fn profile() -> NetworkProfile {
    NetworkProfile {
        proxy: Proxy::Http {
            proxy: HttpProxy {
                host: "proxy.example.com".to_owned(),
                port: 3128,
                credentials: Some(ProxyCredentials {
                    user: "user".to_owned(),
                    password: secret(1),
                }),
            },
        },
        pre_auth: Some(secret(2)),
        client_certificate: Some("work".to_owned()),
        pins: Some(Pins {
            keys: Vec::new(),
            until_millis: 0,
        }),
    }
}

fn sign_in() -> SignIn {
    SignIn {
        server: "chat.example.com".to_owned(),
        login_id: "alice".to_owned(),
        password: secret(3),
        mfa_code: Some(secret(4)),
        ldap_only: false,
        profile: Some(profile()),
    }
}

fn cookie() -> WebCookie {
    WebCookie {
        name: "MMAUTHTOKEN".to_owned(),
        value: secret(5),
        domain: None,
    }
}

#[test]
fn what_is_printed_holds_no_secret() {
    let again = SignInAgain {
        password: secret(6),
        login_id: None,
        mfa_code: Some(secret(7)),
        ldap_only: false,
    };
    let entry = LegacyEntry {
        source: LegacySource::ReactNative2,
        server: "https://chat.example.com".to_owned(),
        name: secret(8),
        value: secret(9),
    };
    let cookies = WebCookies {
        server_url: "https://chat.example.com".to_owned(),
        generation: 1,
        over: false,
        lines: vec![secret(10)],
    };
    let start = SsoStart {
        url: "https://chat.example.com/oauth/gitlab/mobile_login?state=CANARY11".to_owned(),
        host: "chat.example.com".to_owned(),
    };
    let key = KeyAnswer::Value {
        key: b"CANARY12".to_vec(),
    };
    let at = Destination {
        server: "chat.example.com".to_owned(),
        profile: Some(profile()),
    };
    let printed = [
        format!("{:?}", sign_in()),
        format!("{again:?}"),
        format!("{entry:?}"),
        format!("{:?}", cookie()),
        format!("{cookies:?}"),
        format!("{start:?}"),
        format!("{key:?} {:?}", b"CANARY12"),
        format!("{at:?}"),
    ];
    for text in printed {
        // The bytes of a key, as a list prints them.
        let text = text.replace(&format!("{:?}", b"CANARY12"), "");
        assert!(
            !text.contains("CANARY") && !text.contains("67, 65"),
            "{text}"
        );
        assert!(text.contains('…') || text.contains("host"), "{text}");
    }
}

/// What `toString` of Kotlin's records gives is this.
#[test]
fn what_the_other_side_prints_comes_from_here() {
    let printed = call(|status| {
        crate::sign_in::uniffi_steadfast_ffi_fn_method_signin_uniffi_trait_debug(
            lower(sign_in()),
            status,
        )
    });
    let text: String = lift(printed.unwrap());
    assert!(text.contains("alice") && !text.contains("CANARY"), "{text}");
    let printed = call(|status| {
        crate::webview::uniffi_steadfast_ffi_fn_method_webcookie_uniffi_trait_debug(
            lower(cookie()),
            status,
        )
    });
    let text: String = lift(printed.unwrap());
    assert!(
        text.contains("MMAUTHTOKEN") && !text.contains("CANARY"),
        "{text}"
    );
}

#[test]
fn an_error_says_its_code_and_what_happened() {
    let error = SteadfastError::from(steadfast::Error::Offline);
    assert_eq!(error.to_string(), "offline: the server cannot be reached");
}
