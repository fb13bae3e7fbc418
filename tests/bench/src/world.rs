//! The world in which figures are taken: an embedded server over TLS, a network that can be slowed and cut, and devices on
//! the real core, each with a vault of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;
use steadfast::{
    AccountId, Config, Device, DeviceKind, FileKeyStore, Link, Revision, SignIn, Snapshot,
    Steadfast,
};
use steadfast_faults::{Control as Network, Proxy};
use steadfast_testserver::{Role, Server};
use tempfile::TempDir;

/// The password of everybody.
pub(crate) const PASSWORD: &str = "Passw0rd!bench";
/// Who does by hand what the core does.
pub(crate) const BY_HAND: &str = "by-hand";
/// Longer than any figure takes when it is taken at all.
const PATIENCE: Duration = Duration::from_secs(120);
/// Older than this no session counts as young.
const SESSION_AGE: Duration = Duration::from_secs(60);

/// An embedded server and the network in front of it.
pub(crate) struct World {
    pub(crate) server: Server,
    proxy: Proxy,
}

impl World {
    /// Starts a server that knows these users and [`BY_HAND`].
    pub(crate) async fn start(users: &[String]) -> Self {
        let mut builder = Server::builder()
            .tls(true)
            .user(BY_HAND, PASSWORD, Role::User);
        for user in users {
            builder = builder.user(user, PASSWORD, Role::User);
        }
        let server = builder.start().await.expect("a server");
        let proxy = Proxy::tcp(address(&server)).start().await.expect("a proxy");
        Self { server, proxy }
    }

    /// The server's address through the network.
    pub(crate) fn url(&self) -> String {
        self.proxy.url("https")
    }

    /// The same as a socket address.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.proxy.addr()
    }

    /// The server itself, past the network.
    pub(crate) fn server_addr(&self) -> SocketAddr {
        address(&self.server)
    }

    pub(crate) fn ca_pem(&self) -> &str {
        self.server.ca_pem().expect("TLS")
    }

    /// The switches of the network.
    pub(crate) fn network(&self) -> Network {
        self.proxy.control()
    }

    /// Slows the network to a round trip of this length.
    pub(crate) fn round_trip(&self, length: Duration) {
        self.network().latency(length / 2, Duration::ZERO);
    }

    /// Signs a user in on a new device, and waits until its socket is live.
    pub(crate) async fn device(&self, user: &str) -> Phone {
        let folder = tempfile::tempdir().expect("a folder");
        let core = open(&folder, self.ca_pem());
        let account = core
            .sign_in(SignIn::new(self.url(), user, PASSWORD))
            .await
            .expect("a sign-in");
        let phone = Phone {
            core,
            account,
            _folder: folder,
        };
        phone.until(|snapshot| snapshot.link == Link::Live).await;
        phone
    }

    /// Lets the sessions grow old enough for evidence to count at once.
    pub(crate) fn age_sessions(&self) {
        self.server.control().clock_advance(SESSION_AGE);
    }

    /// Revokes every session of a user, as the server itself does.
    pub(crate) fn revoke(&self, user: &str) {
        let control = self.server.control();
        for session in control.sessions(user) {
            assert!(control.revoke_session(&session.id), "a session to revoke");
        }
    }
}

fn address(server: &Server) -> SocketAddr {
    let address = server.url().trim_start_matches("https://");
    address.parse().expect("an address")
}

/// The configuration of a phone with its vault in this folder.
pub(crate) fn config(folder: &TempDir, ca_pem: &str) -> Config {
    let device = Device::new(DeviceKind::IPhone, "2.43.0", "799", "18.1", "iPhone15,4");
    let mut config = Config::new(folder.path().join("vault"), device);
    config.network.extra_authorities = vec![ca_pem.to_owned()];
    config
}

/// The key store in this folder.
pub(crate) fn keys(folder: &TempDir) -> Arc<FileKeyStore> {
    Arc::new(FileKeyStore::open(folder.path().join("keys")).expect("a key store"))
}

/// Opens the core with vault and keys in this folder.
pub(crate) fn open(folder: &TempDir, ca_pem: &str) -> Steadfast {
    Steadfast::open(config(folder, ca_pem), keys(folder)).expect("a core")
}

/// A device with one account.
pub(crate) struct Phone {
    pub(crate) core: Steadfast,
    pub(crate) account: AccountId,
    _folder: TempDir,
}

impl Phone {
    /// When the account first stood like that, from now on.
    pub(crate) async fn until(&self, reached: impl Fn(&Snapshot) -> bool) -> Instant {
        let watch = async {
            let mut revision = Revision::START;
            loop {
                let changes = self.core.changes(revision).await.expect("an open core");
                let seen = Instant::now();
                revision = changes.revision;
                let account = changes
                    .accounts
                    .iter()
                    .find(|snapshot| snapshot.id == self.account);
                if account.is_some_and(&reached) {
                    return seen;
                }
            }
        };
        tokio::time::timeout(PATIENCE, watch)
            .await
            .unwrap_or_else(|_| {
                panic!(
                    "not reached; it stands at {:?}",
                    self.core.snapshot(self.account)
                )
            })
    }
}

/// A random part of this time.
pub(crate) fn random_part(of: Duration) -> Duration {
    let share = getrandom::u32().expect("random numbers");
    of.mul_f64(f64::from(share) / f64::from(u32::MAX))
}

/// Says how far a figure has got.
pub(crate) fn progress(figure: &str, done: usize, runs: usize) {
    eprintln!("{figure}: {done} of {runs}");
}
