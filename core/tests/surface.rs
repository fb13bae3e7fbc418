//! The surface over a real wire: one core, one embedded server.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test, what does not hold stops the test"
)]

use std::sync::Arc;
use std::time::Duration;
use steadfast::{
    AccountId, Config, Device, DeviceKind, FileKeyStore, Revision, Shows, SignIn, Snapshot,
    Steadfast, message,
};
use steadfast_testserver::{Role, Server};

const PASSWORD: &str = "Passw0rd!alice";

async fn server() -> Server {
    Server::builder()
        .tls(true)
        .user("sysadmin", "Sys@dmin-pass1", Role::Admin)
        .user("alice", PASSWORD, Role::User)
        .start()
        .await
        .unwrap()
}

fn open(folder: &tempfile::TempDir, server: &Server) -> Steadfast {
    let device = Device::new(DeviceKind::IPhone, "2.43.0", "799", "18.1", "iPhone15,4");
    let mut config = Config::new(folder.path().join("vault"), device);
    config.network.extra_authorities = vec![server.ca_pem().unwrap().to_owned()];
    let keys = FileKeyStore::open(folder.path().join("keys")).unwrap();
    Steadfast::open(config, Arc::new(keys)).unwrap()
}

async fn until(
    core: &Steadfast,
    account: AccountId,
    reached: impl Fn(&Snapshot) -> bool,
) -> Snapshot {
    let mut revision = Revision::START;
    let look = async {
        loop {
            let changes = core.changes(revision).await.unwrap();
            revision = changes.revision;
            if let Some(snapshot) = changes
                .accounts
                .into_iter()
                .find(|snapshot| snapshot.id == account)
                && reached(&snapshot)
            {
                return snapshot;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), look)
        .await
        .unwrap_or_else(|_| panic!("not reached; it stands at {:?}", core.snapshot(account)))
}

#[tokio::test]
async fn a_user_signs_in_is_live_and_a_revoked_one_is_out() {
    let _ = tracing_subscriber::fmt()
        .with_env_filter("steadfast=trace")
        .try_init();
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(&folder, &server);
    let account = core
        .sign_in(SignIn::new(server.url(), "alice", PASSWORD))
        .await
        .unwrap();
    let live = until(&core, account, |snapshot| {
        snapshot.link == steadfast::Link::Live
    })
    .await;
    assert_eq!(live.shows(), Shows::Content);
    assert_eq!(live.username, "alice");

    let sessions = core.active_sessions(account).await.unwrap();
    assert_eq!(sessions.len(), 1);
    assert!(sessions[0].current);

    server.control().clock_advance(Duration::from_secs(60));
    server.control().revoke_session(&sessions[0].id);
    let ended = until(&core, account, |snapshot| {
        matches!(snapshot.shows(), Shows::SignIn(_))
    })
    .await;
    assert_eq!(ended.shows(), Shows::SignIn(Some(message::SESSION_EXPIRED)));
    assert_eq!(core.notices().len(), 1);
    core.close().await;
}
