//! A world of one case: a server over TLS with its users, and the devices that the case starts in it.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use steadfast::{
    Config, Error, NetworkProfile, SecretText, SignIn, keystore::KeyStore, server::Resolve,
};
use steadfast_faults::Proxy;
use steadfast_lab::device::message::{Kind, Password, Setup};
use steadfast_testserver::{
    Control, Flavour, RequestRecord, Role, SecretKind, Server, SocketRequest,
};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use url::Url;

use crate::{
    canary::{Canary, Secret},
    device::{Device, PATIENCE},
};

/// Longer than a session counts as young by the server's clock.
const GROWN_UP: Duration = Duration::from_secs(60);

/// A user of the world.
#[derive(Clone, Debug)]
pub struct User {
    /// The user name.
    pub name: &'static str,
    /// The password, made for this world alone.
    pub password: Password,
}

impl User {
    fn new(name: &'static str) -> Self {
        let mut random = [0_u8; 12];
        getrandom::fill(&mut random).expect("randomness of the system");
        let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            name,
            password: Password(format!("Pw-{hex}-{name}")),
        }
    }

    /// What this user types at a server.
    pub fn types(&self, server: &str) -> SignIn {
        SignIn {
            server: server.to_owned(),
            login_id: self.name.to_owned(),
            password: SecretText::new(self.password.0.clone()),
            mfa_code: None,
            ldap_only: false,
            profile: NetworkProfile::default(),
        }
    }
}

/// What may be unusual about a device.
#[derive(Default)]
pub struct Options {
    /// Its app covers content on a resume until the server has answered, if the last answer is older than this.
    pub cover_until_validated_after: Option<Duration>,
    /// Its network is one in which answers can be replaced, so TLS ends there.
    pub meddling_network: bool,
    /// It uses the older server of the world, and is not connected to the other.
    pub older_server: bool,
    /// Its key store, in place of files beside the vault.
    pub key_store: Option<Arc<dyn KeyStore>>,
    /// Its resolver, in place of the system's.
    pub resolver: Option<Arc<dyn Resolve>>,
}

impl Options {
    /// An app that shows nothing on a resume before the server has answered.
    pub fn strict() -> Self {
        Self {
            cover_until_validated_after: Some(Duration::ZERO),
            ..Self::default()
        }
    }

    /// A network in which answers can be replaced.
    pub fn meddling() -> Self {
        Self {
            meddling_network: true,
            ..Self::default()
        }
    }

    /// A device of somebody whose server is of the time of the classic apps.
    pub fn older_server() -> Self {
        Self {
            older_server: true,
            ..Self::default()
        }
    }
}

fn is_heartbeat(request: &SocketRequest, user: &User) -> bool {
    request.action == "ping" && request.user.as_deref() == Some(user.name)
}

async fn start_server(users: &[User], flavour: Flavour) -> Server {
    let mut builder = Server::builder().tls(true).flavour(flavour);
    for user in users {
        let role = if user.name == "sysadmin" {
            Role::Admin
        } else {
            Role::User
        };
        builder = builder.user(user.name, &user.password.0, role);
    }
    builder.start().await.expect("a server")
}

/// What the canary calls a secret.
fn name_of(kind: SecretKind) -> &'static str {
    match kind {
        SecretKind::SessionToken => "a session token",
        SecretKind::Csrf => "a CSRF token",
        SecretKind::LoginCode => "a login code",
        SecretKind::CodeVerifier => "a code verifier",
        SecretKind::MagicLink => "a magic link",
        SecretKind::DesktopToken => "a desktop token",
        SecretKind::AccessToken => "an access token",
        SecretKind::SecondFactor => "an MFA secret",
    }
}

/// A server and everything around it.
pub struct World {
    /// The server.
    pub server: Server,
    /// An administrator.
    pub admin: User,
    /// A user.
    pub alice: User,
    /// Another user.
    pub bob: User,
    second: OnceCell<Server>,
    older: OnceCell<Server>,
    folder: TempDir,
    canary: Arc<Canary>,
    devices: AtomicU32,
}

impl World {
    /// Starts the server.
    ///
    /// # Panics
    /// If it cannot be started.
    pub async fn start() -> Self {
        let users = ["sysadmin", "alice", "bob"].map(User::new);
        let server = start_server(&users, Flavour::V11).await;
        let [admin, alice, bob] = users;
        Self {
            server,
            admin,
            alice,
            bob,
            second: OnceCell::new(),
            older: OnceCell::new(),
            folder: tempfile::tempdir().expect("a folder"),
            canary: Arc::default(),
            devices: AtomicU32::new(0),
        }
    }

    /// Another server with the same users, started at the first call. Devices made from then on trust its authority too.
    pub async fn second_server(&self) -> &Server {
        let users = [&self.admin, &self.alice, &self.bob].map(User::clone);
        self.second
            .get_or_init(|| async move { start_server(&users, Flavour::V11).await })
            .await
    }

    /// A server of the time of the classic apps with the same users, started at the first call.
    pub async fn older_server(&self) -> &Server {
        let users = [&self.admin, &self.alice, &self.bob].map(User::clone);
        self.older
            .get_or_init(|| async move { start_server(&users, Flavour::V5).await })
            .await
    }

    /// The switches of the server.
    pub fn control(&self) -> &Control {
        self.server.control()
    }

    /// A device that is on, its app in front, nobody signed in.
    pub async fn device(&self, kind: Kind) -> Device {
        self.device_with(kind, Options::default()).await
    }

    /// The same with something unusual.
    ///
    /// # Panics
    /// If it cannot be started.
    pub async fn device_with(&self, kind: Kind, options: Options) -> Device {
        let folder = self.new_folder(kind);
        let (proxy, authorities) = self.network(&options).await;
        let mut config = Config::new(folder.join("vault"), kind.describe());
        config.network.extra_authorities.push(authorities);
        if let Some(second) = self.second.get().and_then(Server::ca_pem) {
            config.network.extra_authorities.push(second.to_owned());
        }
        if let Some(resolver) = options.resolver {
            config.network.resolver = resolver;
        }
        config.cover_until_validated_after = options.cover_until_validated_after;
        let canary = Arc::clone(&self.canary);
        Device::start(kind, folder, config, options.key_store, proxy, canary).await
    }

    /// A device with Alice signed in and its socket up, and her session no longer young.
    pub async fn signed_in(&self, kind: Kind) -> Device {
        self.signed_in_with(kind, Options::default()).await
    }

    /// The same with something unusual.
    pub async fn signed_in_with(&self, kind: Kind, options: Options) -> Device {
        let device = self.device_with(kind, options).await;
        device.sign_in_and_connect(&self.alice).await;
        self.sessions_grow_up();
        device
    }

    /// The server revokes every session of a user.
    ///
    /// # Panics
    /// If there is none.
    pub fn revoke(&self, user: &User) {
        let sessions = self.control().sessions(user.name);
        assert!(!sessions.is_empty(), "{} has no session", user.name);
        for session in sessions {
            assert!(self.control().revoke_session(&session.id));
        }
    }

    /// The setup of a device that is to be a process of its own, with its network.
    pub async fn process(&self, kind: Kind, options: Options) -> (Setup, Proxy) {
        let folder = self.new_folder(kind);
        let (proxy, authorities) = self.network(&options).await;
        let setup = Setup {
            kind,
            log: Some(folder.join("log")),
            folder,
            server: proxy.url("https"),
            authorities: Some(authorities),
            device_id: kind.new_device_id(),
            cover_until_validated_after_ms: options
                .cover_until_validated_after
                .map(|age| u64::try_from(age.as_millis()).expect("a short time")),
        };
        (setup, proxy)
    }

    fn new_folder(&self, kind: Kind) -> PathBuf {
        let number = self.devices.fetch_add(1, Ordering::Relaxed);
        self.folder
            .path()
            .join(format!("{number}-{}", kind.name().replace(' ', "-")))
    }

    async fn network(&self, options: &Options) -> (Proxy, String) {
        let server = if options.older_server {
            self.older_server().await
        } else {
            &self.server
        };
        let authority = server.ca_pem().expect("TLS").to_owned();
        if options.meddling_network {
            let proxy = Proxy::http(server.url())
                .tls()
                .upstream_ca(authority)
                .start()
                .await
                .expect("a proxy");
            let authority = proxy.ca_pem().expect("TLS").to_owned();
            return (proxy, authority);
        }
        let port = Url::parse(server.url())
            .ok()
            .and_then(|url| url.port())
            .expect("a port");
        let upstream = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let proxy = Proxy::tcp(upstream).start().await.expect("a proxy");
        (proxy, authority)
    }

    /// Time passes at the server, so that no session is so young that its end does not count at the first look.
    pub fn sessions_grow_up(&self) {
        self.control().clock_advance(GROWN_UP);
    }

    /// Waits until a device of this user's has just sent its heartbeat, so that its next is a whole interval away. Gives its
    /// place among the [requests over sockets](Control::socket_requests).
    ///
    /// # Panics
    /// If none comes.
    pub async fn until_heartbeat(&self, user: &User) -> usize {
        let from = self.control().socket_requests().len();
        let is_one = |request: &SocketRequest| is_heartbeat(request, user);
        let heartbeat = self.control().wait_for_socket_request(from, is_one);
        let heartbeat = tokio::time::timeout(PATIENCE, heartbeat).await;
        heartbeat.unwrap_or_else(|_| panic!("no heartbeat of {}", user.name))
    }

    /// Waits for a question about a session after so many requests. Says whether it reached the server before the heartbeat
    /// of this user's that comes after the one with that place.
    ///
    /// # Panics
    /// If nobody asks.
    pub async fn asked_before_a_heartbeat(
        &self,
        user: &User,
        heartbeat: usize,
        from: usize,
    ) -> bool {
        let asked = self.control().wait_from(from, |record| {
            record.method == "GET" && record.path == "/api/v4/users/me"
        });
        let asked = tokio::time::timeout(PATIENCE, asked).await;
        let asked = asked.expect("a question about a session");
        let over_sockets = self.control().socket_requests();
        let mut later = over_sockets.iter().skip(heartbeat + 1);
        !later.any(|request| is_heartbeat(request, user) && request.after <= asked.number)
    }

    /// Waits until the server knows so many sessions of a user.
    ///
    /// # Panics
    /// If it does not come to that.
    pub async fn until_sessions(&self, user: &User, count: usize) {
        let so_many = |control: &Control| control.sessions(user.name).len() == count;
        let became_so = self.until_server(so_many).await;
        let sessions = self.control().sessions(user.name);
        assert!(became_so, "{count} sessions expected: {sessions:?}");
    }

    /// Waits until this is so at the server, with one of its answers or already. Says whether it came to that.
    pub async fn until_server(&self, so: impl Fn(&Control) -> bool) -> bool {
        let control = self.control();
        let become_so = async {
            loop {
                // Taken first: what is answered while it is looked whether it is so has it looked at again.
                let before = control.requests();
                if so(control) {
                    return;
                }
                let answered = |record: &RequestRecord| record.status.is_some();
                let anew = control.wait_from(0, |record| {
                    answered(record) && !before.get(record.number).is_some_and(answered)
                });
                anew.await;
            }
        };
        tokio::time::timeout(PATIENCE, become_so).await.is_ok()
    }

    /// Keeps the texts of an error for the canary, and gives it back.
    pub fn expect_error<T: std::fmt::Debug>(&self, result: Result<T, Error>) -> Error {
        let error = result.expect_err("an error");
        self.canary.note(&format!("{error} {error:?}"));
        error
    }

    /// Keeps a text that the core gave out, for the canary.
    pub fn note(&self, text: &str) {
        self.canary.note(text);
    }

    /// Where the devices keep their files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Everything that must not be found: what the servers made or were told, the passwords, what the devices kept. One-time
    /// codes of six digits are not among it: that many digits stand in any log.
    fn secrets(&self) -> Vec<Secret> {
        let mut secrets = self.control().secrets();
        for other in [&self.second, &self.older]
            .into_iter()
            .filter_map(OnceCell::get)
        {
            secrets.extend(other.control().secrets());
        }
        let passwords =
            [&self.admin, &self.alice, &self.bob].map(|user| Secret::password(&user.password.0));
        secrets
            .iter()
            .map(|(kind, value)| Secret::random(name_of(*kind), value))
            .chain(passwords)
            .collect()
    }

    /// Looks for secrets everywhere, then takes everything down.
    pub(crate) async fn finish(self) {
        let leaks = self.canary.inspect(self.secrets(), self.folder.path());
        assert!(leaks.is_empty(), "{}", leaks.join("\n"));
        self.server.stop().await;
        for other in [self.second, self.older] {
            if let Some(other) = other.into_inner() {
                other.stop().await;
            }
        }
    }
}
