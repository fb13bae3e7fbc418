//! A core, a server behind a proxy that a test can cut, and entries as older apps wrote them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use steadfast::server::sign_in::{Credentials, Recognisable};
use steadfast::server::{Dialler, Rest, ServerAddress, SignInOutcome};
use steadfast::{
    AccountId, ClearText, Config, Device, DeviceKind, DeviceNetwork, FileKeyStore, LegacyEntry,
    LegacyOutcome, LegacySource, NetworkPath, PreviousInstallation, Snapshot, Steadfast,
};
use steadfast_faults::{Control, Proxy};
use steadfast_testserver::{Role, Server};

pub(crate) use crate::common::{PATIENCE, until, until_changes};

pub(crate) const ALICE: &str = "Passw0rd!alice";

pub(crate) fn config(folder: &Path) -> Config {
    let device = Device::new(DeviceKind::IPhone, "2.43.0", "799", "18.1", "iPhone15,4");
    let mut config = Config::new(folder.join("vault"), device);
    config.clear_text = ClearText::AllowedByApp;
    config
}

pub(crate) fn open(folder: &Path) -> Steadfast {
    open_with(config(folder), folder)
}

pub(crate) fn open_with(config: Config, folder: &Path) -> Steadfast {
    let keys = FileKeyStore::open(folder.join("keys")).unwrap();
    Steadfast::open(config, Arc::new(keys)).unwrap()
}

/// A session that an older app had.
pub(crate) struct Session {
    pub(crate) token: String,
    pub(crate) csrf: String,
    pub(crate) user_id: String,
}

pub(crate) async fn server() -> Server {
    Server::builder()
        .user("alice", ALICE, Role::User)
        .start()
        .await
        .unwrap()
}

/// Signs in as an older app did.
pub(crate) async fn session_of(server: &Server, device_id: Option<&str>) -> Session {
    let address = ServerAddress::parse(server.url(), ClearText::AllowedByApp).unwrap();
    let dialler = Dialler::new(&DeviceNetwork::default()).unwrap();
    let rest = Rest::new(address, &dialler, "Mattermost Mobile/1.55.1+434").unwrap();
    let credentials = Credentials {
        login_id: "alice".to_owned(),
        password: ALICE.into(),
        mfa_code: None,
        ldap_only: false,
        device_id: device_id.map(str::to_owned),
        recognisable: Recognisable::ByCsrf,
    };
    match rest.sign_in(&credentials).await.unwrap() {
        SignInOutcome::SignedIn(signed_in) => Session {
            token: signed_in.token.expose().to_owned(),
            csrf: signed_in.csrf.unwrap().expose().to_owned(),
            user_id: signed_in.user.id.clone(),
        },
        refused => panic!("{refused:?}"),
    }
}

/// The server behind a proxy, with a session that an older app had there.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) proxy: Proxy,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) session: Session,
}

impl World {
    pub(crate) async fn new() -> Self {
        let server = server().await;
        let proxy = Proxy::http(server.url()).start().await.unwrap();
        Self {
            session: session_of(&server, None).await,
            server,
            proxy,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn faults(&self) -> Control {
        self.proxy.control().clone()
    }

    pub(crate) fn url(&self) -> String {
        self.proxy.url("http")
    }

    pub(crate) fn open(&self) -> Steadfast {
        open(self.folder.path())
    }

    /// React Native 1: the user is known.
    pub(crate) fn known(&self) -> LegacyEntry {
        let name = format!("apple_rn:old, {}", self.session.user_id);
        entry(
            LegacySource::ReactNative1Internet,
            &self.url(),
            &name,
            &self.session.token,
        )
    }

    /// React Native 2: whose it is, nobody wrote down.
    pub(crate) fn unknown(&self) -> LegacyEntry {
        let token = &self.session.token;
        entry(LegacySource::ReactNative2, &self.url(), token, token)
    }
}

pub(crate) fn entry(source: LegacySource, server: &str, name: &str, value: &str) -> LegacyEntry {
    LegacyEntry::new(source, server, name, value)
}

/// Imports after an update in place.
pub(crate) async fn import(core: &Steadfast, entries: &[LegacyEntry]) -> Vec<LegacyOutcome> {
    let report = core
        .import_legacy(entries.to_vec(), PreviousInstallation::Updated)
        .await
        .unwrap();
    report
        .entries
        .into_iter()
        .map(|(_, outcome)| outcome)
        .collect()
}

/// The account of the one entry that was adopted.
pub(crate) fn adopted(outcomes: &[LegacyOutcome]) -> AccountId {
    let found = outcomes.iter().find_map(|outcome| match outcome {
        LegacyOutcome::Adopted(account) => Some(*account),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("nothing adopted: {outcomes:?}"))
}

/// Waits for a session to be confirmed by its server.
pub(crate) async fn until_heard(core: &Steadfast, account: AccountId) -> Snapshot {
    until(core, account, |snapshot| {
        snapshot.validated_at.is_some() && snapshot.username == "alice"
    })
    .await
}

/// Waits for what an entry becomes. Nothing tells an app of a refusal but asking, so this asks.
pub(crate) async fn until_outcome(
    core: &Steadfast,
    entry: &LegacyEntry,
    reached: impl Fn(LegacyOutcome) -> bool,
) -> LegacyOutcome {
    let look = async {
        loop {
            let outcome = import(core, std::slice::from_ref(entry)).await[0];
            if reached(outcome) {
                return outcome;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, look).await.unwrap()
}

pub(crate) fn way_back(core: &Steadfast) {
    core.network_changed(NetworkPath::Up, None).unwrap();
}

/// How often a text occurs in the files of the vault.
pub(crate) fn occurrences(folder: &Path, needle: &str) -> usize {
    let files = std::fs::read_dir(folder.join("vault")).unwrap();
    files
        .filter_map(|entry| std::fs::read(entry.unwrap().path()).ok())
        .map(|bytes| {
            let windows = bytes.windows(needle.len());
            windows
                .filter(|window| *window == needle.as_bytes())
                .count()
        })
        .sum()
}
