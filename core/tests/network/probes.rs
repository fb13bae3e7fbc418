//! What a first look at a server says, one answer for each thing that can be there.

use std::sync::{Arc, Mutex};

use steadfast::{Destination, Error, NetworkProfile};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::support::{Answer, Gate, NAME, Names, Rules, config, open, read_request, server};

async fn probed_with(instead: Vec<(&'static str, &'static str)>) -> Error {
    let (folder, server) = (tempfile::tempdir().unwrap(), server().await);
    let rules = Rules {
        instead,
        ..Rules::default()
    };
    let gate = Gate::before(&server, rules).await;
    let core = open(folder.path(), config(folder.path(), &gate));
    core.probe_server(&gate.url()).await.unwrap_err()
}

const NOT_FOUND: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

/// Hazards A08, D12.
#[tokio::test(flavor = "multi_thread")]
async fn each_thing_that_is_not_a_server_has_an_answer_of_its_own() {
    let config = "/api/v4/config/client";
    let cases: Vec<(&str, Error)> = vec![
        (
            "HTTP/1.1 302 Found\r\nLocation: http://portal.example/login\r\nContent-Length: 0\r\n\r\n",
            Error::Intercepted,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\n<html",
            Error::Intercepted,
        ),
        (
            "HTTP/1.1 511 Network Authentication Required\r\nContent-Length: 0\r\n\r\n",
            Error::Intercepted,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
            Error::NotMattermost,
        ),
        (NOT_FOUND, Error::NotMattermost),
        (
            "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
            Error::ClientCertificateNeeded,
        ),
        (
            "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n",
            Error::Intercepted,
        ),
        (
            "HTTP/1.1 496 SSL Certificate Required\r\nContent-Length: 0\r\n\r\n",
            Error::ClientCertificateNeeded,
        ),
        (
            "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
            Error::ServerProblem,
        ),
        (
            "HTTP/1.1 301 Moved\r\nLocation: https://new.example/chat/api/v4/config/client?format=old\r\n\
             Content-Length: 0\r\n\r\n",
            Error::Moved {
                to: "https://new.example/chat".to_owned(),
            },
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 21\r\n\r\n{\"Version\": \"5.15.0\"}",
            Error::ServerTooOld,
        ),
    ];
    for (answer, expected) in cases {
        let found = probed_with(vec![(config, answer)]).await;
        assert_eq!(found, expected, "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_before_version_four_is_too_old() {
    let body = r#"{"node_id":"","server_time":"1","version":"3.10.0"}"#;
    let ping: &'static str = Box::leak(
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_boxed_str(),
    );
    let found = probed_with(vec![
        ("/api/v4/", NOT_FOUND),
        ("/api/v3/general/ping", ping),
    ])
    .await;
    assert_eq!(found, Error::ServerTooOld);
}

/// Q17.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_recognised_and_told_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heads: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = heads.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let log = log.clone();
            tokio::spawn(async move {
                let mut first = [0];
                stream.peek(&mut first).await.unwrap();
                if first == [0x16] {
                    // What a web server says to a TLS handshake on its plain port.
                    let answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
                    let _ = stream.write_all(answer).await;
                    return;
                }
                let (head, _) = read_request(&mut stream).await.unwrap();
                log.lock().unwrap().push(head);
                let answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
                    X-Version-Id: 11.6.0.1.hash.false\r\nContent-Length: 2\r\n\r\n{}";
                let _ = stream.write_all(answer).await;
            });
        }
    });
    let (folder, server) = (tempfile::tempdir().unwrap(), server().await);
    let gate = Gate::before(&server, Rules::default()).await;
    let mut config = config(folder.path(), &gate);
    config.network.resolver = Names::of(NAME, &[Answer::At(address)]);
    let core = open(folder.path(), config);
    let profile = NetworkProfile {
        pre_auth: Some("CANARYsecret".into()),
        ..NetworkProfile::default()
    };
    for typed in [
        address.to_string(),
        format!("https://{address}"),
        NAME.to_owned(),
    ] {
        let at = Destination::new(&typed).with_profile(profile.clone());
        assert_eq!(
            core.probe_server(at).await,
            Err(Error::OnlyClearText),
            "{typed}"
        );
        let sign_in = crate::support::alice_at(&typed).with_profile(profile.clone());
        assert!(core.sign_in(sign_in).await.is_err());
    }
    let plain = core.probe_server(format!("http://{address}")).await;
    assert!(
        matches!(plain, Err(Error::InvalidAddress { .. })),
        "{plain:?}"
    );
    let heads = heads.lock().unwrap();
    assert_eq!(heads.len(), 3, "one look for each probe, and no sign-in");
    for head in heads.iter() {
        assert!(
            head.starts_with("GET /api/v4/system/ping HTTP/1.1"),
            "{head}"
        );
        let lower = head.to_ascii_lowercase();
        assert!(!lower.contains("canary") && !lower.contains("authorization"));
    }
}

/// Hazards A09.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_has_its_reason() {
    let (folder, server) = (tempfile::tempdir().unwrap(), server().await);
    let gate = Gate::before(&server, Rules::default()).await;
    let stranger = Gate::before(&server, Rules::default()).await;
    let mut config = config(folder.path(), &gate);
    config.network.resolver = Names::of("other.test", &[Answer::At(gate.address)]);
    let core = open(folder.path(), config);
    assert_eq!(
        core.probe_server("nowhere.test").await,
        Err(Error::UnknownHost)
    );
    let insecure = |reason| Err(Error::InsecureConnection { reason });
    assert_eq!(
        core.probe_server(&stranger.url()).await,
        insecure("unknown issuer")
    );
    assert_eq!(
        core.probe_server("other.test").await,
        insecure("wrong name")
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    let refused = core.probe_server(format!("https://{closed}")).await;
    assert_eq!(refused, Err(Error::Offline));
}
