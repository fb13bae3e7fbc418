//! What tests of the surface share: a server, a core on it, and waiting for what a snapshot shows.
// Each test binary compiles its own copy and uses a part of it.
#![allow(dead_code, unreachable_pub)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use steadfast::keystore::KeyStore;
use steadfast::{
    AccountId, Changes, Config, Device, DeviceKind, FileKeyStore, Link, Revision, SignIn, Snapshot,
    Steadfast,
};
use steadfast_testserver::{Role, Server};

pub const PASSWORD: &str = "Passw0rd!alice";
/// A net for what has to happen, far longer than any interval that a test meets.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// A server over TLS with an administrator, Alice and Bob.
pub async fn server() -> Server {
    Server::builder()
        .tls(true)
        .user("sysadmin", "Sys@dmin-pass1", Role::Admin)
        .user("alice", PASSWORD, Role::User)
        .user("bob", PASSWORD, Role::User)
        .start()
        .await
        .unwrap()
}

pub fn config(folder: &Path, server: &Server) -> Config {
    let device = Device::new(DeviceKind::IPhone, "2.43.0", "799", "18.1", "iPhone15,4");
    let mut config = Config::new(folder.join("vault"), device);
    config.network.extra_authorities = vec![server.ca_pem().unwrap().to_owned()];
    config
}

/// A core with vault and keys in this folder.
pub fn open(folder: &Path, server: &Server) -> Steadfast {
    let keys = FileKeyStore::open(folder.join("keys")).unwrap();
    open_with(folder, server, Arc::new(keys))
}

pub fn open_with(folder: &Path, server: &Server, keys: Arc<dyn KeyStore>) -> Steadfast {
    Steadfast::open(config(folder, server), keys).unwrap()
}

pub async fn sign_in(core: &Steadfast, server: &Server, user: &str) -> AccountId {
    core.sign_in(SignIn::new(server.url(), user, PASSWORD))
        .await
        .unwrap()
}

/// A server, and alice signed in with a live socket.
pub async fn live() -> (Server, tempfile::TempDir, Steadfast, AccountId) {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path(), &server);
    let account = sign_in(&core, &server, "alice").await;
    until_live(&core, account).await;
    (server, folder, core, account)
}

/// Waits until what the core shows is like that.
pub async fn until_changes(core: &Steadfast, mut reached: impl FnMut(&Changes) -> bool) -> Changes {
    let mut revision = Revision::START;
    let look = async {
        loop {
            let changes = core.changes(revision).await.unwrap();
            revision = changes.revision;
            if reached(&changes) {
                return changes;
            }
        }
    };
    tokio::time::timeout(PATIENCE, look)
        .await
        .unwrap_or_else(|_| panic!("not reached; it stands at {:?}", core.accounts()))
}

/// Waits until an account looks like that.
pub async fn until(
    core: &Steadfast,
    account: AccountId,
    reached: impl Fn(&Snapshot) -> bool,
) -> Snapshot {
    let find = |changes: &Changes| {
        let mut accounts = changes.accounts.iter();
        accounts
            .find(|one| one.id == account && reached(one))
            .cloned()
    };
    find(&until_changes(core, |changes| find(changes).is_some()).await).unwrap()
}

pub async fn until_live(core: &Steadfast, account: AccountId) -> Snapshot {
    until(core, account, |snapshot| snapshot.link == Link::Live).await
}

/// Waits for something that a test cannot be told of, such as a file that goes: looked at with every change of the core.
pub async fn eventually(reached: impl Fn() -> bool) {
    let look = async {
        while !reached() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, look).await.unwrap();
}
