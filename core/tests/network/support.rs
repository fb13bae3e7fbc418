//! One core, the embedded server, and what may stand between them: a gate that ends TLS, a proxy, a resolver.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, PublicKeyData,
};
use steadfast::server::sign_in::{Credentials, Recognisable};
use steadfast::server::{
    Dialler, Resolve, ResolveError, Rest, ServerAddress, SignInOutcome, SignedIn,
};
use steadfast::{
    ClearText, ClientCertificate, ClientCertificates, Config, Device, DeviceKind, DeviceNetwork,
    FileKeyStore, Pin, SignIn, SignatureKind, Steadfast,
};
use steadfast_testserver::{Role, Server};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{self, HandshakeKind, RootCertStore, server::WebPkiClientVerifier};

pub(crate) use crate::common::{until, until_live};

pub(crate) const ALICE: &str = "Passw0rd!alice";
/// The name under which the gate is reached; only the resolver of a test knows it.
pub(crate) const NAME: &str = "chat.test";

pub(crate) async fn server() -> Server {
    Server::builder()
        .user("alice", ALICE, Role::User)
        .start()
        .await
        .unwrap()
}

pub(crate) type Issuer = CertifiedIssuer<'static, KeyPair>;

pub(crate) fn authority(name: &str) -> Issuer {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// What a gate wants and does.
#[derive(Default)]
pub(crate) struct Rules {
    /// Only those with a certificate of this authority.
    pub(crate) clients_of: Option<Vec<u8>>,
    /// TLS 1.2 at most, whose alerts come within the handshake.
    pub(crate) old_tls: bool,
    /// Only with this header.
    pub(crate) pre_auth: Option<&'static str>,
    /// The server stands below this path.
    pub(crate) below: &'static str,
    /// The address of another server, which has what is not below that path.
    pub(crate) beside: Option<String>,
    /// Answers requests whose head contains the first text with the second.
    pub(crate) instead: Vec<(&'static str, &'static str)>,
}

#[derive(Default)]
pub(crate) struct Seen {
    /// The head of each request that came.
    pub(crate) heads: Vec<String>,
    pub(crate) full_handshakes: usize,
    pub(crate) resumed_handshakes: usize,
}

/// A reverse proxy that ends TLS, one request per connection.
pub(crate) struct Gate {
    pub(crate) address: SocketAddr,
    pub(crate) issuer_pem: String,
    pub(crate) pin: Pin,
    pub(crate) seen: Arc<Mutex<Seen>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Gate {
    pub(crate) async fn before(server: &Server, rules: Rules) -> Self {
        let upstream = server.url().strip_prefix("http://").unwrap().to_owned();
        Self::at("127.0.0.1:0", &upstream, rules).await
    }

    pub(crate) async fn at(listen: &str, upstream: &str, rules: Rules) -> Self {
        // Authorities of one name and different keys would be told apart by a broken signature.
        static GATES: AtomicUsize = AtomicUsize::new(0);
        let issuer = authority(&format!("Gate {}", GATES.fetch_add(1, Ordering::SeqCst)));
        let names = [NAME, "127.0.0.1", "::1"].map(str::to_owned);
        let params = CertificateParams::new(names).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions: &[_] = if rules.old_tls {
            &[&rustls::version::TLS12]
        } else {
            rustls::ALL_VERSIONS
        };
        let builder = rustls::ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(versions)
            .unwrap();
        let builder = match &rules.clients_of {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.clone().into()).unwrap();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                        .build()
                        .unwrap();
                builder.with_client_cert_verifier(verifier)
            }
        };
        let config = builder
            .with_single_cert(
                vec![certificate.der().clone()],
                rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(listen).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let (log, rules, upstream) = (seen.clone(), Arc::new(rules), upstream.to_owned());
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, log) = (acceptor.clone(), log.clone());
                let (rules, upstream) = (rules.clone(), upstream.clone());
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    {
                        let mut seen = log.lock().unwrap();
                        match stream.get_ref().1.handshake_kind() {
                            Some(HandshakeKind::Resumed) => seen.resumed_handshakes += 1,
                            _ => seen.full_handshakes += 1,
                        }
                    }
                    let Some((head, body)) = read_request(&mut stream).await else {
                        return;
                    };
                    log.lock().unwrap().heads.push(head.clone());
                    pass_on(stream, &head, &body, &rules, &upstream).await;
                });
            }
        });
        Self {
            address,
            issuer_pem: issuer.pem(),
            pin: Pin::of(&key.subject_public_key_info()),
            seen,
            task,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    pub(crate) fn heads(&self) -> Vec<String> {
        self.seen.lock().unwrap().heads.clone()
    }
}

async fn pass_on(
    mut client: tokio_rustls::server::TlsStream<TcpStream>,
    head: &str,
    body: &[u8],
    rules: &Rules,
    upstream: &str,
) {
    let wanted = rules
        .pre_auth
        .map(|secret| format!("x-mattermost-preauth-secret: {secret}"));
    let passes = wanted.is_none_or(|line| head.lines().any(|one| one.eq_ignore_ascii_case(&line)));
    let instead = rules.instead.iter().find(|(part, _)| head.contains(part));
    let refusal =
        "HTTP/1.1 403 Forbidden\r\nX-Reject-Reason: pre-auth\r\nContent-Length: 0\r\n\r\n";
    let answer = match instead {
        _ if !passes => Some(refusal),
        Some((_, answer)) => Some(*answer),
        None => None,
    };
    if let Some(answer) = answer {
        let answer = answer.replacen("\r\n", "\r\nConnection: close\r\n", 1);
        let _ = client.write_all(answer.as_bytes()).await;
        let _ = client.shutdown().await;
        return;
    }
    let Some(path) = head.split(' ').nth(1) else {
        return;
    };
    let (inner, upstream) = match (path.strip_prefix(rules.below), &rules.beside) {
        (Some(inner), _) => (inner, upstream),
        (None, Some(beside)) => (path, beside.as_str()),
        (None, None) => {
            let _ = client
                .write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                .await;
            let _ = client.shutdown().await;
            return;
        }
    };
    let mut head = head.replacen(path, inner, 1);
    let is_upgrade = head.to_ascii_lowercase().contains("upgrade: websocket");
    if !is_upgrade {
        head = head.replacen("\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1);
    }
    let Ok(mut server) = TcpStream::connect(upstream).await else {
        return;
    };
    if server.write_all(head.as_bytes()).await.is_err() || server.write_all(body).await.is_err() {
        return;
    }
    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
}

/// Reads a request with its body; `None` at the end of the connection.
pub(crate) async fn read_request<S: AsyncRead + Unpin>(
    stream: &mut S,
) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(bytes).unwrap();
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, body))
}

/// A proxy that makes ways by CONNECT, all of them to one place.
pub(crate) struct ConnectProxy {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    tunnels: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for ConnectProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl ConnectProxy {
    /// Leads to `to`; with credentials only those who have them.
    pub(crate) async fn to(to: SocketAddr, credentials: Option<(&str, &str)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let tunnels: Arc<AtomicUsize> = Arc::default();
        let wanted = credentials.map(|(user, password)| {
            let pair = STANDARD.encode(format!("{user}:{password}"));
            format!("proxy-authorization: basic {pair}")
        });
        let (log, count) = (asked.clone(), tunnels.clone());
        let task = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (log, count, wanted) = (log.clone(), count.clone(), wanted.clone());
                tokio::spawn(async move {
                    let Some((head, _)) = read_request(&mut stream).await else {
                        return;
                    };
                    log.lock()
                        .unwrap()
                        .push(head.lines().next().unwrap().to_owned());
                    let known = wanted
                        .is_none_or(|line| head.lines().any(|one| one.eq_ignore_ascii_case(&line)));
                    if !known {
                        let answer = b"HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\
                                       Content-Length: 0\r\n\r\n";
                        let _ = stream.write_all(answer).await;
                        return;
                    }
                    let mut server = TcpStream::connect(to).await.unwrap();
                    let _ = stream.write_all(b"HTTP/1.1 200 Go ahead\r\n\r\n").await;
                    count.fetch_add(1, Ordering::SeqCst);
                    let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
                });
            }
        });
        Self {
            address,
            asked,
            tunnels,
            task,
        }
    }

    /// The first line of each request.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn tunnels(&self) -> usize {
        self.tunnels.load(Ordering::SeqCst)
    }
}

/// What a resolver does with a name.
#[derive(Clone)]
pub(crate) enum Answer {
    At(SocketAddr),
    Nothing,
    Never,
}

/// A resolver that a test writes: what it says of a name in turn, the last answer for ever. An address is what it is; of other
/// names it knows nothing.
#[derive(Default)]
pub(crate) struct Names {
    pub(crate) answers: HashMap<String, Vec<Answer>>,
    pub(crate) asked: Mutex<Vec<String>>,
}

impl Names {
    pub(crate) fn of(name: &str, answers: &[Answer]) -> Arc<Self> {
        Arc::new(Self {
            answers: [(name.to_owned(), answers.to_vec())].into(),
            asked: Mutex::default(),
        })
    }

    pub(crate) fn times_asked(&self, name: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|one| *one == name).count()
    }
}

impl Resolve for Names {
    fn resolve<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> steadfast::server::resolver::Resolving<'a> {
        let turn = self.times_asked(host);
        self.asked.lock().unwrap().push(host.to_owned());
        let answers = self.answers.get(host);
        let answer = answers
            .and_then(|answers| answers.get(turn).or(answers.last()).cloned())
            .or_else(|| Some(Answer::At(SocketAddr::new(host.parse().ok()?, port))));
        Box::pin(async move {
            match answer {
                Some(Answer::At(address)) => Ok(vec![address]),
                Some(Answer::Never) => std::future::pending().await,
                Some(Answer::Nothing) | None => Err(ResolveError),
            }
        })
    }
}

/// A platform that has one certificate, called `work`, and counts how often it signs.
pub(crate) struct Platform {
    certificate: Vec<u8>,
    key: KeyPair,
    pub(crate) signatures: AtomicUsize,
}

impl Platform {
    pub(crate) fn with_certificate_of(issuer: &Issuer) -> Arc<Self> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "Device");
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, issuer).unwrap();
        Arc::new(Self {
            certificate: certificate.der().to_vec(),
            key,
            signatures: AtomicUsize::new(0),
        })
    }
}

impl ClientCertificates for Platform {
    fn certificate(&self, name: &str) -> Option<ClientCertificate> {
        (name == "work").then(|| ClientCertificate {
            chain: vec![self.certificate.clone()],
            signs: vec![SignatureKind::EcdsaP256Sha256],
        })
    }

    fn sign(&self, name: &str, kind: SignatureKind, message: &[u8]) -> Option<Vec<u8>> {
        use rcgen::SigningKey;
        assert_eq!((name, kind), ("work", SignatureKind::EcdsaP256Sha256));
        self.signatures.fetch_add(1, Ordering::SeqCst);
        self.key.sign(message).ok()
    }
}

pub(crate) fn config(folder: &Path, gate: &Gate) -> Config {
    let device = Device::new(DeviceKind::IPhone, "2.43.0", "799", "18.1", "iPhone15,4");
    let mut config = Config::new(folder.join("vault"), device);
    config.network.extra_authorities = vec![gate.issuer_pem.clone()];
    config
}

pub(crate) fn open(folder: &Path, config: Config) -> Steadfast {
    let keys = FileKeyStore::open(folder.join("keys")).unwrap();
    Steadfast::open(config, Arc::new(keys)).unwrap()
}

pub(crate) fn alice_at(url: &str) -> SignIn {
    SignIn::new(url, "alice", ALICE)
}

/// A session that Alice has from elsewhere.
pub(crate) async fn session_of_alice(server: &Server) -> SignedIn {
    let address = ServerAddress::parse(server.url(), ClearText::AllowedByApp).unwrap();
    let dialler = Dialler::new(&DeviceNetwork::default()).unwrap();
    let rest = Rest::new(address, &dialler, "Mattermost Mobile/2.0.0+1").unwrap();
    let credentials = Credentials {
        login_id: "alice".to_owned(),
        password: ALICE.into(),
        mfa_code: None,
        ldap_only: false,
        device_id: None,
        recognisable: Recognisable::ByCsrf,
    };
    match rest.sign_in(&credentials).await.unwrap() {
        SignInOutcome::SignedIn(session) => *session,
        refused => panic!("{refused:?}"),
    }
}

/// Every file below a folder, for a look whether a secret is in it.
pub(crate) fn holds(folder: &Path, secret: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holds(&path, secret));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            if bytes
                .windows(secret.len())
                .any(|part| part == secret.as_bytes())
            {
                found.push(path.display().to_string());
            }
        }
    }
    found
}
