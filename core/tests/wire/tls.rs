//! TLS: what is trusted, what is not, and that a failure says why.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use steadfast::server::{
    ClearText, DeviceNetwork, Dialler, ProbeError, RequestParts, Rest, Roots, ServerAddress,
    Socket, SocketEvent, TlsProfileError, TlsReason, TransportErrorKind, UpgradeError,
    probe_server,
};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls;

use crate::support::{accept_upgrade, answer, frame, kind, read_request, token};

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Issuer {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn config(
    issuer: &Issuer,
    names: &[&str],
    change: impl FnOnce(&mut CertificateParams),
) -> rustls::ServerConfig {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap()
}

/// Answers one request per connection, and refuses sockets.
async fn serve(config: rustls::ServerConfig) -> ServerAddress {
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let Some((head, _)) = read_request(&mut stream).await else {
                    return;
                };
                let bytes = if head.contains("websocket") {
                    answer("503 Busy", "", "")
                } else {
                    answer("200 OK", "Content-Type: application/json\r\n", "{}")
                };
                let _ = stream.write_all(&bytes).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    let address = format!("https://127.0.0.1:{port}");
    ServerAddress::parse(&address, ClearText::Refused).unwrap()
}

fn trusting(issuer: &Issuer) -> Dialler {
    Dialler::new(&DeviceNetwork {
        extra_authorities: vec![issuer.pem()],
        ..DeviceNetwork::default()
    })
    .unwrap()
}

async fn reason(dialler: &Dialler, address: &ServerAddress) -> TlsReason {
    let rest = Rest::new(address.clone(), dialler, "Tests/1.0").unwrap();
    let by_rest = kind(rest.send(RequestParts::get("/x").token(&token())).await);
    let socket = Socket::connect(dialler, address, "Tests/1.0", &token(), None).await;
    let Err(UpgradeError::Transport(by_socket)) = socket else {
        panic!("{socket:?}");
    };
    assert_eq!(by_rest, by_socket.kind, "REST and the socket see the same");
    assert!(!by_socket.may_have_been_received);
    match by_rest {
        TransportErrorKind::Tls(reason) => reason,
        other => panic!("{other:?}"),
    }
}

/// Hazard E07.
#[tokio::test]
async fn an_authority_of_the_profile_is_trusted() {
    let issuer = authority("Trusted");
    let address = serve(config(&issuer, &["127.0.0.1"], |_| {})).await;
    let rest = Rest::new(address.clone(), &trusting(&issuer), "Tests/1.0").unwrap();
    let reply = rest.send(RequestParts::get("/x")).await.unwrap();
    assert!(reply.tls && reply.same_origin && reply.status == 200);

    let platform = Dialler::new(&DeviceNetwork {
        roots: Roots::Platform(vec![issuer.der().to_vec(), b"not a certificate".to_vec()]),
        ..DeviceNetwork::default()
    })
    .unwrap();
    let refused = Socket::connect(&platform, &address, "Tests/1.0", &token(), None).await;
    assert!(
        matches!(refused, Err(UpgradeError::Refused { status: 503, .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_socket_over_tls_works_and_a_bare_end_is_the_end() {
    let issuer = authority("Trusted");
    let acceptor = TlsAcceptor::from(Arc::new(config(&issuer, &["127.0.0.1"], |_| {})));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    let address = ServerAddress::parse(&address, ClearText::Refused).unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = acceptor.accept(stream).await.unwrap();
        accept_upgrade(&mut stream).await;
        let event = br#"{"event":"posted","data":{},"seq":1}"#;
        stream.write_all(&frame(0x81, event)).await.unwrap();
        stream.flush().await.unwrap();
        // The end of TCP without the end of TLS, as a crashed server leaves it.
        let (mut tcp, _) = stream.into_inner();
        tcp.shutdown().await.unwrap();
    });
    let mut socket = Socket::connect(&trusting(&issuer), &address, "Tests/1.0", &token(), None)
        .await
        .unwrap();
    let mut events = Vec::new();
    while let Some(event) = socket.next().await {
        if event != SocketEvent::Bytes {
            events.push(format!("{event:?}"));
        }
    }
    assert_eq!(events, ["Event(1, posted)", "Ended(Eof)"]);
}

/// Hazards A09, A27.
#[tokio::test]
async fn every_bad_certificate_has_its_reason() {
    let issuer = authority("Trusted");
    let trusting = trusting(&issuer);
    let address = serve(config(&authority("Portal"), &["127.0.0.1"], |_| {})).await;
    assert_eq!(reason(&trusting, &address).await, TlsReason::UnknownIssuer);
    let address = serve(config(&issuer, &["elsewhere.example"], |_| {})).await;
    assert_eq!(reason(&trusting, &address).await, TlsReason::WrongName);
    let past = |params: &mut CertificateParams| {
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
        params.not_after = rcgen::date_time_ymd(2001, 1, 1);
    };
    let address = serve(config(&issuer, &["127.0.0.1"], past)).await;
    assert_eq!(reason(&trusting, &address).await, TlsReason::Expired);
    let future = |params: &mut CertificateParams| {
        params.not_before = rcgen::date_time_ymd(2100, 1, 1);
        params.not_after = rcgen::date_time_ymd(2101, 1, 1);
    };
    let address = serve(config(&issuer, &["127.0.0.1"], future)).await;
    assert_eq!(reason(&trusting, &address).await, TlsReason::NotValidYet);
    let probed = probe_server(&trusting, &address, "Tests/1.0").await;
    assert_eq!(probed, Err(ProbeError::Tls(TlsReason::NotValidYet)));
}

/// Hazard A09.
#[tokio::test]
async fn without_the_authority_nothing_is_trusted() {
    let address = serve(config(&authority("Portal"), &["127.0.0.1"], |_| {})).await;
    let dialler = Dialler::new(&DeviceNetwork::default()).unwrap();
    assert_eq!(reason(&dialler, &address).await, TlsReason::UnknownIssuer);
}

/// Hazard E04.
#[tokio::test]
async fn what_is_not_tls_gets_no_request() {
    let plain = crate::support::Listener::answering(answer("200 OK", "", "{}")).await;
    let address = plain.address.as_str().replace("http://", "https://");
    let address = ServerAddress::parse(&address, ClearText::Refused).unwrap();
    let talkative = crate::support::Listener::raw(|mut stream, _| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        std::future::pending::<()>().await;
    })
    .await;
    let dialler = Dialler::new(&DeviceNetwork::default()).unwrap();
    let https = talkative.address.as_str().replace("http://", "https://");
    let https = ServerAddress::parse(&https, ClearText::Refused).unwrap();
    assert_eq!(reason(&dialler, &https).await, TlsReason::NotTls);

    let request = RequestParts::get("/x")
        .token(&token())
        .deadline(std::time::Duration::from_millis(300));
    let rest = Rest::new(address, &dialler, "Tests/1.0").unwrap();
    assert_eq!(kind(rest.send(request).await), TransportErrorKind::Timeout);
    assert!(plain.received().is_empty());
}

#[test]
fn a_profile_that_cannot_be_read_is_refused() {
    let with = |extra: &str| {
        Dialler::new(&DeviceNetwork {
            extra_authorities: vec![extra.to_owned()],
            ..DeviceNetwork::default()
        })
        .map(|_| ())
    };
    assert_eq!(with(""), Err(TlsProfileError::UnreadableAuthority));
    assert_eq!(with("no PEM"), Err(TlsProfileError::UnreadableAuthority));
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert_eq!(with(broken), Err(TlsProfileError::UnreadableAuthority));
    let platform = DeviceNetwork {
        roots: Roots::Platform(vec![Vec::new()]),
        ..DeviceNetwork::default()
    };
    assert_eq!(
        Dialler::new(&platform).map(|_| ()).unwrap_err(),
        TlsProfileError::NoRoots
    );
}
