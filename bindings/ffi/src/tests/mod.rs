//! The border, over the real core and an embedded server. Where it matters what crosses it, the other side is played: the same
//! C functions are called in the same order as generated Kotlin does ([`foreign`], [`hosts`]).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test, what does not hold stops the test"
)]

mod abandoned;
mod callbacks;
mod closing;
mod foreign;
mod hosts;
mod log;
mod panics;
mod secrets;
mod story;
mod strings;
mod surface;

use crate::{
    Changes, Config, Core, Device, DeviceKind, HttpProxy, KeyStore, Link, SignIn, Snapshot,
    SteadfastError, default_config, file_key_store,
};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use steadfast_testserver::{Role, Server};
use tempfile::TempDir;

const PASSWORD: &str = "Passw0rd!alice";
/// A net for what has to happen, far longer than any interval that a test meets.
const PATIENCE: Duration = Duration::from_secs(90);

/// A server over TLS, and a folder for a core.
struct World {
    server: Server,
    folder: TempDir,
}

impl World {
    async fn new() -> Self {
        let server = Server::builder()
            .tls(true)
            .user("sysadmin", "Sys@dmin-pass1", Role::Admin)
            .user("alice", PASSWORD, Role::User)
            .start()
            .await
            .unwrap();
        Self {
            server,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn config(&self) -> Config {
        let mut config = config(self.folder.path());
        config.extra_authorities = vec![self.server.ca_pem().unwrap().to_owned()];
        config
    }

    fn keys(&self) -> Arc<dyn KeyStore> {
        file_key_store(self.folder.path().join("keys").to_str().unwrap().to_owned()).unwrap()
    }

    fn open(&self) -> Arc<Core> {
        Core::open(self.config(), self.keys(), None, None).unwrap()
    }

    fn alice(&self) -> SignIn {
        sign_in_at(self.server.url(), PASSWORD)
    }

    fn logins(&self) -> usize {
        let requests = self.server.control().requests();
        let logins = requests.iter().filter(|request| is_login(&request.path));
        logins.count()
    }
}

fn is_login(path: &str) -> bool {
    path.ends_with("/users/login")
}

fn config(folder: &Path) -> Config {
    let device = Device {
        kind: DeviceKind::Android,
        app_version: "2.43.0".to_owned(),
        app_build: "799".to_owned(),
        system_version: "15".to_owned(),
        model: "Pixel 9".to_owned(),
    };
    default_config(folder.join("vault").to_str().unwrap().to_owned(), device)
}

fn sign_in_at(server: &str, password: &str) -> SignIn {
    SignIn {
        server: server.to_owned(),
        login_id: "alice".to_owned(),
        password: password.into(),
        mfa_code: None,
        ldap_only: false,
        profile: None,
    }
}

fn proxy(host: &str, port: i32) -> HttpProxy {
    HttpProxy {
        host: host.to_owned(),
        port,
        credentials: None,
    }
}

/// Waits until what the core shows is like that.
async fn until_changes(core: &Core, reached: impl Fn(&Changes) -> bool) -> Changes {
    let look = async {
        let mut revision = 0;
        loop {
            let changes = core.changes(revision, None).await.unwrap();
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

async fn until_live(core: &Core, account: i64) -> Snapshot {
    let live = |one: &Snapshot| one.account == account && one.link == Link::Live;
    let changes = until_changes(core, |changes| changes.accounts.iter().any(live)).await;
    changes.accounts.into_iter().find(live).unwrap()
}

/// Waits for something that nobody tells of, such as the release of what another thread holds.
async fn eventually(reached: impl Fn() -> bool) {
    let look = async {
        while !reached() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, look).await.unwrap();
}

fn code<T: std::fmt::Debug>(result: Result<T, SteadfastError>) -> String {
    result.unwrap_err().code()
}
