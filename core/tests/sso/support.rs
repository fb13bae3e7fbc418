//! One core, servers that a test decides, and what comes back from a browser.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use steadfast::secret::Token;
use steadfast::server::sign_in::{Credentials, Recognisable};
use steadfast::server::{Dialler, Rest, ServerAddress, SignInOutcome};
use steadfast::{
    ClearText, Config, Device, DeviceKind, DeviceNetwork, FileKeyStore, KeyStore, SsoStart,
    Steadfast,
};
use steadfast_testserver::{Role, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::common::eventually;
pub(crate) use crate::common::until;

pub(crate) const ALICE: &str = "Passw0rd!alice";
pub(crate) const BOB: &str = "Passw0rd!bob";

/// The embedded server, with two users.
pub(crate) async fn server() -> Server {
    Server::builder()
        .user("alice", ALICE, Role::User)
        .user("bob", BOB, Role::User)
        .start()
        .await
        .unwrap()
}

pub(crate) fn config(folder: &Path) -> Config {
    let device = Device::new(DeviceKind::IPhone, "2.43.0", "799", "18.1", "iPhone15,4");
    let mut config = Config::new(folder.join("vault"), device);
    config.clear_text = ClearText::AllowedByApp;
    config
}

pub(crate) fn keys(folder: &Path) -> Arc<dyn KeyStore> {
    Arc::new(FileKeyStore::open(folder.join("keys")).unwrap())
}

pub(crate) fn open(folder: &Path) -> Steadfast {
    Steadfast::open(config(folder), keys(folder)).unwrap()
}

/// A session that the server began for a user in a browser: its token and its CSRF token.
pub(crate) async fn session_of(server: &Server, name: &str, password: &str) -> (String, String) {
    let address = ServerAddress::parse(server.url(), ClearText::AllowedByApp).unwrap();
    let dialler = Dialler::new(&DeviceNetwork::default()).unwrap();
    let rest = Rest::new(address, &dialler, "Browser/1.0").unwrap();
    let credentials = Credentials {
        login_id: name.to_owned(),
        password: password.into(),
        mfa_code: None,
        ldap_only: false,
        device_id: None,
        recognisable: Recognisable::ByCsrf,
    };
    match rest.sign_in(&credentials).await.unwrap() {
        SignInOutcome::SignedIn(signed_in) => (
            signed_in.token.expose().to_owned(),
            signed_in.csrf.unwrap().expose().to_owned(),
        ),
        refused => panic!("{refused:?}"),
    }
}

/// Whether a token is good at that server.
pub(crate) async fn is_good(server: &Server, token: &str) -> bool {
    let address = ServerAddress::parse(server.url(), ClearText::AllowedByApp).unwrap();
    let dialler = Dialler::new(&DeviceNetwork::default()).unwrap();
    let rest = Rest::new(address, &dialler, "Browser/1.0").unwrap();
    let token = Token::new(token).unwrap();
    rest.users_me(&token, "1").await.unwrap().status == 200
}

/// The link by which a browser comes back.
pub(crate) fn link(parameters: &[(&str, &str)]) -> String {
    let mut url = url::Url::parse("mmauth://callback").unwrap();
    url.query_pairs_mut().extend_pairs(parameters);
    url.into()
}

/// A link with a session in it, as today's servers send it.
pub(crate) fn token_link(server: &str, (token, csrf): &(String, String)) -> String {
    link(&[("MMAUTHTOKEN", token), ("MMCSRF", csrf), ("srv", server)])
}

/// The parameters of the page that the browser opens.
pub(crate) fn parameters(start: &SsoStart) -> BTreeMap<String, String> {
    let url = url::Url::parse(&start.url).unwrap();
    url.query_pairs().into_owned().collect()
}

/// Waits until what is owed to the server has been paid, or whatever else the server shows.
pub(crate) async fn until_server(server: &Server, reached: impl Fn(&Server) -> bool) {
    eventually(|| reached(server)).await;
}

/// Waits until the outbox is empty. Nothing tells when that is, so the vault is looked at again and again.
pub(crate) async fn until_nothing_is_owed(folder: &Path) {
    let vault = rusqlite::Connection::open(folder.join("vault/vault.sqlite3")).unwrap();
    let owed = || -> i64 {
        vault
            .query_row("SELECT count(*) FROM outbox", [], |row| row.get(0))
            .unwrap()
    };
    let look = async {
        while owed() > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), look)
        .await
        .unwrap_or_else(|_| panic!("{} still owed", owed()));
}

pub(crate) const SCRIPTED_TOKEN: &str = "scriptedscriptedscriptedsc";
pub(crate) const SCRIPTED_USER: &str = "useruseruseruseruseruserus";
const REQUEST_ID: &str = "requestrequestrequestreque";

/// A request as it came over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// Method and path, without the query.
    pub(crate) line: String,
    pub(crate) authorized: bool,
    pub(crate) body: serde_json::Value,
}

/// A server of a few routes whose answers a test writes: status, and JSON or nothing. What no route answers gets what
/// Mattermost answers for a user who is signed in, or a 404.
pub(crate) struct Scripted {
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Received>>>,
    changed: watch::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Answer = Option<(u16, serde_json::Value)>;

impl Scripted {
    pub(crate) async fn start(route: impl Fn(&Received) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let changed = watch::Sender::new(());
        let (log, tell, route) = (received.clone(), changed.clone(), Arc::new(route));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, log.clone(), tell.clone(), route.clone()));
            }
        });
        Self {
            url,
            received,
            changed,
            task,
        }
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let received = self.received();
        received.into_iter().map(|one| one.line).collect()
    }

    pub(crate) async fn until(&self, line: &str) -> Received {
        let mut changes = self.changed.subscribe();
        let look = async {
            loop {
                changes.borrow_and_update();
                if let Some(found) = self.received().into_iter().find(|one| one.line == line) {
                    return found;
                }
                changes.changed().await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(60), look)
            .await
            .unwrap_or_else(|_| panic!("no {line} in {:?}", self.lines()))
    }
}

async fn serve(
    mut stream: TcpStream,
    log: Arc<Mutex<Vec<Received>>>,
    changed: watch::Sender<()>,
    route: Arc<impl Fn(&Received) -> Answer>,
) {
    while let Some(request) = read_request(&mut stream).await {
        let (status, body) = route(&request).unwrap_or_else(|| usual(&request));
        log.lock().unwrap().push(request);
        changed.send_replace(());
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let answer = format!(
            "HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\nX-Request-Id: {REQUEST_ID}\r\n\
             X-Version-Id: 11.6.0.1.hash.false\r\nToken: {SCRIPTED_TOKEN}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn usual(request: &Received) -> (u16, serde_json::Value) {
    use serde_json::json;
    match request.line.as_str() {
        "GET /api/v4/users/me" if request.authorized => {
            (200, json!({"id": SCRIPTED_USER, "username": "guest"}))
        }
        "GET /api/v4/users/me/sessions" if request.authorized => (200, json!([])),
        "GET /api/v4/system/ping" => (200, json!({"status": "OK", "database_status": "OK"})),
        "PUT /api/v4/users/sessions/device" => (200, json!({"status": "OK"})),
        _ => (404, serde_json::Value::Null),
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(bytes).unwrap();
    let header = |name: &str| {
        head.lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
    };
    let length = header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let mut words = head.split([' ', '?']);
    Some(Received {
        line: format!("{} {}", words.next()?, words.next()?),
        authorized: header("authorization") == Some(format!("Bearer {SCRIPTED_TOKEN}")),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    })
}
