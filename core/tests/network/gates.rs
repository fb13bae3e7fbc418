//! What stands before a server and wants something of its own: a secret, a certificate; and keys that the app pins.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use steadfast::secret::SecretText;
use steadfast::{
    ClientCertificate, ClientCertificates, Destination, Error, NetworkProfile, Pin, Pins,
    SignInAgain, SignatureKind, SsoMethod, Standing, Steadfast, UnixMillis, WebCookie, WebView,
};

use crate::common::eventually;
use crate::support::{
    ALICE, Gate, Platform, Rules, alice_at, authority, config, holds, open, server,
    session_of_alice, until, until_live,
};

const SECRET: &str = "CANARYpreauth";

fn with_secret(secret: &str) -> NetworkProfile {
    NetworkProfile {
        pre_auth: Some(secret.into()),
        ..NetworkProfile::default()
    }
}

/// Somebody signed in on the server's own pages, behind a gateway.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_from_a_web_view_goes_through_the_gateway_and_keeps_its_way() {
    let (folder, server) = (tempfile::tempdir().unwrap(), server().await);
    let rules = Rules {
        pre_auth: Some(SECRET),
        ..Rules::default()
    };
    let gate = Gate::before(&server, rules).await;
    let mut config = config(folder.path(), &gate);
    config.web_view = WebView::CookiesForAccounts;
    let core = open(folder.path(), config.clone());
    let at = Destination::new(gate.url()).with_profile(with_secret(SECRET));
    let cookie = |name: &str, value: &str| WebCookie {
        name: name.to_owned(),
        value: SecretText::new(value),
        domain: None,
    };
    let session = session_of_alice(&server).await;
    let cookies = vec![cookie("MMAUTHTOKEN", session.token.expose())];
    let page = format!("{}/team/channels/town-square", gate.url());
    let id = core.webview_signed_in(at, &page, cookies).await.unwrap();
    until_live(&core, id).await;
    core.close().await;
    let core = open(folder.path(), config);
    until_live(&core, id).await;
    core.close().await;
}

/// Hazards A11.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_gets_its_secret_with_everything_and_nobody_else_does() {
    let (folder, server) = (tempfile::tempdir().unwrap(), server().await);
    let rules = Rules {
        pre_auth: Some(SECRET),
        ..Rules::default()
    };
    let gate = Gate::before(&server, rules).await;
    let core = open(folder.path(), config(folder.path(), &gate));
    let probed = core.probe_server(&gate.url()).await;
    assert_eq!(probed, Err(Error::PreAuthenticationNeeded));
    let wrong = Destination::new(gate.url()).with_profile(with_secret("wrong"));
    assert_eq!(
        core.probe_server(wrong).await,
        Err(Error::PreAuthenticationRefused)
    );
    let right = Destination::new(gate.url()).with_profile(with_secret(SECRET));
    core.probe_server(right.clone()).await.unwrap();
    assert!(!format!("{right:?}").contains("CANARY"));
    let before = gate.heads().len();

    let id = core
        .sign_in(alice_at(&gate.url()).with_profile(with_secret(SECRET)))
        .await
        .unwrap();
    until_live(&core, id).await;
    core.begin_sso(right, SsoMethod::GitLab).await.unwrap();
    let file = folder.path().join("vault");
    assert_eq!(holds(&file, SECRET), Vec::<String>::new());
    core.close().await;

    // After a restart as well, the first request included.
    let core = open(folder.path(), config(folder.path(), &gate));
    until_live(&core, id).await;
    assert_eq!(core.snapshot(id).unwrap().standing, Standing::Active);
    let heads = gate.heads();
    let header = format!("x-mattermost-preauth-secret: {SECRET}");
    for head in &heads[before..] {
        let carries = head.lines().any(|line| line.eq_ignore_ascii_case(&header));
        assert!(carries, "{}", head.lines().next().unwrap());
    }
    assert!(
        heads[before..]
            .iter()
            .any(|head| head.contains("/websocket"))
    );

    // The secret was changed: the session stays, and comes back with the new secret.
    core.set_network_profile(id, with_secret("outdated"))
        .await
        .unwrap();
    until(&core, id, |snapshot| snapshot.link != steadfast::Link::Live).await;
    let standing = core.verify(id, std::time::Duration::from_secs(5)).await;
    assert_ne!(standing, Ok(Standing::Ended));
    core.set_network_profile(id, with_secret(SECRET))
        .await
        .unwrap();
    until_live(&core, id).await;
    core.close().await;
    assert_eq!(holds(&file, SECRET), Vec::<String>::new());
}

/// How each way to sign in ends at a server.
async fn every_way_in(core: &Steadfast, at: &Destination, token: &str) -> Vec<(String, Error)> {
    let mut ends = Vec::new();
    let mut end = |way: &str, refused: Option<Error>| {
        ends.push((way.to_owned(), refused.expect(way)));
    };
    end("probe", core.probe_server(at.clone()).await.err());
    let typed = alice_at(&at.server).with_profile(at.profile.clone());
    end("password", core.sign_in(typed).await.err());
    let adopted = core.adopt_token(at.clone(), token).await;
    end("token", adopted.err());
    let mailed = core.request_magic_link(at.clone(), "guest").await;
    end("request of a link", mailed.err());
    let link = core.sign_in_with_magic_link(at.clone(), "linktoken").await;
    end("link", link.err());
    for parameter in ["login_code", "MMAUTHTOKEN"] {
        let start = core.begin_sso(at.clone(), SsoMethod::GitLab).await.unwrap();
        let page = url::Url::parse(&start.url).unwrap();
        let (_, state) = page
            .query_pairs()
            .find(|(name, _)| name == "state")
            .unwrap();
        let mut back = url::Url::parse("mmauth://callback").unwrap();
        back.query_pairs_mut()
            .append_pair(parameter, token)
            .append_pair("state", &state)
            .append_pair("srv", &at.server);
        end(parameter, core.finish_sso(back.as_str()).await.err());
    }
    let cookie = WebCookie {
        name: "MMAUTHTOKEN".to_owned(),
        value: SecretText::new(token),
        domain: None,
    };
    let page = format!("{}/team", at.server);
    let from_page = core.webview_signed_in(at.clone(), &page, vec![cookie]);
    end("web view", from_page.await.err());
    ends
}

/// Hazards A10, A11.
#[tokio::test(flavor = "multi_thread")]
async fn what_stands_before_a_server_is_named_whichever_way_one_signs_in() {
    const NO_CERTIFICATE: &str =
        "HTTP/1.1 496 SSL Certificate Required\r\nContent-Length: 0\r\n\r\n";
    const BAD_CERTIFICATE: &str = "HTTP/1.1 495 SSL Certificate Error\r\nContent-Length: 0\r\n\r\n";
    // What nginx really sends: its own numbers stay in its log.
    const NGINX: &str = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: 49\r\n\r\n\
        <center>No required SSL certificate was sent</cen";
    const PORTAL: &str =
        "HTTP/1.1 511 Network Authentication Required\r\nContent-Length: 0\r\n\r\n";
    let (folder, server) = (tempfile::tempdir().unwrap(), server().await);
    let token = session_of_alice(&server).await.token.expose().to_owned();
    let with = |pre_auth, answer: Option<&'static str>| Rules {
        pre_auth,
        instead: answer
            .map(|answer| ("/api/v4/", answer))
            .into_iter()
            .collect(),
        ..Rules::default()
    };
    let needed = Error::ClientCertificateNeeded;
    let cases = [
        (
            with(Some(SECRET), None),
            None,
            Error::PreAuthenticationNeeded,
        ),
        (
            with(Some(SECRET), None),
            Some("wrong"),
            Error::PreAuthenticationRefused,
        ),
        (with(None, Some(NO_CERTIFICATE)), None, needed.clone()),
        (with(None, Some(BAD_CERTIFICATE)), None, needed.clone()),
        (with(None, Some(NGINX)), None, needed),
        (with(None, Some(PORTAL)), None, Error::Intercepted),
    ];
    for (number, (rules, secret, expected)) in cases.into_iter().enumerate() {
        let folder = folder.path().join(number.to_string());
        std::fs::create_dir_all(&folder).unwrap();
        let gate = Gate::before(&server, rules).await;
        let mut config = config(&folder, &gate);
        config.web_view = WebView::CookiesForAccounts;
        let core = open(&folder, config);
        let profile = secret.map_or_else(NetworkProfile::default, with_secret);
        let at = Destination::new(gate.url()).with_profile(profile);
        for (way, error) in every_way_in(&core, &at, &token).await {
            assert_eq!(error, expected, "{way} in case {number}");
        }
        core.close().await;
    }
}

/// Hazards A11.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_is_named_to_somebody_who_signs_in_again() {
    let (folder, server) = (tempfile::tempdir().unwrap(), server().await);
    let rules = Rules {
        pre_auth: Some(SECRET),
        ..Rules::default()
    };
    let gate = Gate::before(&server, rules).await;
    let core = open(folder.path(), config(folder.path(), &gate));
    let id = core
        .sign_in(alice_at(&gate.url()).with_profile(with_secret(SECRET)))
        .await
        .unwrap();
    for (profile, expected) in [
        (with_secret("outdated"), Error::PreAuthenticationRefused),
        (NetworkProfile::default(), Error::PreAuthenticationNeeded),
    ] {
        core.set_network_profile(id, profile).await.unwrap();
        let again = core.reauthenticate(id, SignInAgain::new(ALICE)).await;
        assert_eq!(again, Err(expected.clone()));
        assert_eq!(core.active_sessions(id).await.err(), Some(expected));
    }
    core.close().await;
}

/// Hazards E09.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_is_shown_and_its_key_stays_with_the_platform() {
    let (folder, server) = (tempfile::tempdir().unwrap(), server().await);
    let issuer = authority("Company");
    let platform = Platform::with_certificate_of(&issuer);
    for old_tls in [false, true] {
        let rules = Rules {
            clients_of: Some(issuer.der().to_vec()),
            old_tls,
            ..Rules::default()
        };
        let gate = Gate::before(&server, rules).await;
        let mut config = config(&folder.path().join(old_tls.to_string()), &gate);
        config.network.certificates = Some(platform.clone());
        std::fs::create_dir_all(folder.path().join(old_tls.to_string())).unwrap();
        let core = open(&folder.path().join(old_tls.to_string()), config);
        let certificate = |name: &str| NetworkProfile {
            client_certificate: Some(name.to_owned()),
            ..NetworkProfile::default()
        };
        if !old_tls {
            // An old handshake ends with an alert that says nothing of certificates.
            let without = core.probe_server(&gate.url()).await;
            assert_eq!(without, Err(Error::ClientCertificateNeeded));
            let unknown = Destination::new(gate.url()).with_profile(certificate("other"));
            assert_eq!(
                core.probe_server(unknown).await,
                Err(Error::ClientCertificateNeeded)
            );
        }
        assert!(gate.heads().is_empty());

        let id = core
            .sign_in(alice_at(&gate.url()).with_profile(certificate("work")))
            .await
            .unwrap();
        until_live(&core, id).await;
        // One configuration serves requests and the socket, so what the first handshake agreed on serves the others: most
        // are short, and the platform signs for the few long ones alone. Those that come at once may all be long.
        for _ in 0..10 {
            core.active_sessions(id).await.unwrap();
        }
        let signed = platform.signatures.load(Ordering::SeqCst);
        let counted = || {
            let seen = gate.seen.lock().unwrap();
            (seen.full_handshakes, seen.resumed_handshakes)
        };
        // The gate counts a handshake a moment after the platform has signed for it.
        eventually(|| counted().0 >= signed).await;
        let (full, resumed) = counted();
        assert!(resumed > full, "{full} full, {resumed} resumed");
        assert!(signed > 0);
        core.close().await;
        platform.signatures.store(0, Ordering::SeqCst);
    }
}

/// How far a platform comes whose key cannot be used now.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Locked {
    /// It does not sign: the user said no.
    DoesNotSign,
    /// It waits for the user, who does not come.
    SignsNever,
    /// It does not even get to the certificate.
    TellsNothing,
}

struct LockedPlatform(Arc<Platform>, Locked);

fn wait_for_the_user() -> ! {
    loop {
        std::thread::park();
    }
}

impl ClientCertificates for LockedPlatform {
    fn certificate(&self, name: &str) -> Option<ClientCertificate> {
        if self.1 == Locked::TellsNothing {
            wait_for_the_user();
        }
        self.0.certificate(name)
    }

    fn sign(&self, _: &str, _: SignatureKind, _: &[u8]) -> Option<Vec<u8>> {
        if self.1 == Locked::SignsNever {
            wait_for_the_user();
        }
        None
    }
}

/// Ten seconds are what a platform gets. Hazards E09.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_whose_key_cannot_be_used_now_is_neither_missing_nor_an_insecure_connection()
{
    let (folder, server) = (tempfile::tempdir().unwrap(), server().await);
    let issuer = authority("Company");
    let platform = Platform::with_certificate_of(&issuer);
    let cases = [
        (Locked::DoesNotSign, false),
        (Locked::DoesNotSign, true),
        (Locked::SignsNever, false),
        (Locked::TellsNothing, false),
        (Locked::TellsNothing, true),
    ];
    let ask = async |(locked, old_tls): (Locked, bool)| {
        let rules = Rules {
            clients_of: Some(issuer.der().to_vec()),
            old_tls,
            ..Rules::default()
        };
        let gate = Gate::before(&server, rules).await;
        let folder = folder.path().join(format!("{locked:?}{old_tls}"));
        std::fs::create_dir_all(&folder).unwrap();
        let mut config = config(&folder, &gate);
        config.network.certificates = Some(Arc::new(LockedPlatform(platform.clone(), locked)));
        let core = open(&folder, config);
        let profile = NetworkProfile {
            client_certificate: Some("work".to_owned()),
            ..NetworkProfile::default()
        };
        let at = Destination::new(gate.url()).with_profile(profile.clone());
        let typed = alice_at(&gate.url()).with_profile(profile);
        let (probed, signed_in) = tokio::join!(core.probe_server(at), core.sign_in(typed));
        for refused in [probed.err(), signed_in.err()] {
            let code = refused.as_ref().map(Error::code);
            assert_eq!(
                code,
                Some("client_certificate_unavailable"),
                "{locked:?}, old TLS {old_tls}: {refused:?}"
            );
            assert!(refused.unwrap().is_retryable());
        }
        assert!(gate.heads().is_empty());
        core.close().await;
    };
    futures_util::future::join_all(cases.map(ask)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_whose_certificate_nobody_knows_any_more_is_left_alone_until_it_is_told_another_way()
 {
    let (folder, server) = (tempfile::tempdir().unwrap(), server().await);
    let platform = Platform::with_certificate_of(&authority("Company"));
    let gate = Gate::before(&server, Rules::default()).await;
    let mut known = config(folder.path(), &gate);
    known.network.certificates = Some(platform);
    let profile = NetworkProfile {
        client_certificate: Some("work".to_owned()),
        ..NetworkProfile::default()
    };
    let core = open(folder.path(), known);
    let id = core
        .sign_in(alice_at(&gate.url()).with_profile(profile))
        .await
        .unwrap();
    core.close().await;

    let core = open(folder.path(), config(folder.path(), &gate));
    let unusable = Error::InvalidArgument {
        argument: "client_certificate",
    };
    assert_eq!(core.active_sessions(id).await.err(), Some(unusable));
    core.set_network_profile(id, NetworkProfile::default())
        .await
        .unwrap();
    until_live(&core, id).await;
}

fn pinned(keys: [Pin; 2], until: UnixMillis) -> NetworkProfile {
    NetworkProfile {
        pins: Some(Pins {
            keys: keys.to_vec(),
            until,
        }),
        ..NetworkProfile::default()
    }
}

/// Hazards E08.
#[tokio::test(flavor = "multi_thread")]
async fn a_pinned_key_is_held_to_until_its_end() {
    let (folder, server) = (tempfile::tempdir().unwrap(), server().await);
    let gate = Gate::before(&server, Rules::default()).await;
    let core = open(folder.path(), config(folder.path(), &gate));
    let (never, long_ago) = (UnixMillis(i64::MAX), UnixMillis(1_000_000_000_000));
    let (reserve, other) = (Pin([1; 32]), Pin([2; 32]));
    let probe = async |profile| {
        let at = Destination::new(gate.url()).with_profile(profile);
        core.probe_server(at).await.map(|_| ())
    };
    let refused = Error::InsecureConnection {
        reason: "not the pinned key",
    };
    assert_eq!(probe(pinned([gate.pin, reserve], never)).await, Ok(()));
    assert_eq!(probe(pinned([reserve, gate.pin], never)).await, Ok(()));
    assert_eq!(
        probe(pinned([reserve, other], never)).await,
        Err(refused.clone())
    );
    assert_eq!(probe(pinned([reserve, other], long_ago)).await, Ok(()));
    let single = probe(pinned([reserve, reserve], never)).await;
    assert_eq!(single, Err(Error::InvalidArgument { argument: "pins" }));
    let heads = gate.heads().len();

    // A pin takes nothing away from what a certificate must fulfil besides.
    let stranger = Gate::before(&server, Rules::default()).await;
    let at = Destination::new(stranger.url()).with_profile(pinned([stranger.pin, reserve], never));
    let untrusted = Error::InsecureConnection {
        reason: "unknown issuer",
    };
    assert_eq!(core.probe_server(at).await.err(), Some(untrusted));

    let id = core
        .sign_in(alice_at(&gate.url()).with_profile(pinned([gate.pin, reserve], never)))
        .await
        .unwrap();
    until_live(&core, id).await;
    assert!(gate.heads().len() > heads);
    core.set_network_profile(id, pinned([other, reserve], never))
        .await
        .unwrap();
    until(&core, id, |snapshot| snapshot.link != steadfast::Link::Live).await;
    assert_eq!(core.active_sessions(id).await.err(), Some(refused));
    let standing = core.verify(id, std::time::Duration::from_secs(5)).await;
    assert_ne!(standing, Ok(Standing::Ended));
    core.set_network_profile(id, pinned([other, reserve], long_ago))
        .await
        .unwrap();
    until_live(&core, id).await;
}
