//! A key store that does not give a key for long: nothing happens by itself and nothing is lost, and after a day or five starts
//! before the user's eyes there is a way out that the user may take.

use crate::clocks::HOUR;
use crate::common::*;
use serde_json::Value;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use steadfast::keystore::testing::{Behaviour, FaultyKeyStore, MemoryKeyStore, ScriptedKeyStore};
use steadfast::keystore::{KeyAnswer, KeyStore, KeyStoreUnavailable};
use steadfast::policy::KEY_OFFER_STARTS;
use steadfast::secret::Key;
use steadfast::{
    AccountId, Error, HostState, Link, NetworkProfile, Reason, Shows, SignIn, SignInAgain,
    Snapshot, Standing, Steadfast,
};
use steadfast_testserver::Server;

/// A device with a key store that fails as it is told.
struct Phone {
    server: Server,
    folder: tempfile::TempDir,
    keys: Arc<MemoryKeyStore>,
    faults: FaultyKeyStore,
    alice: AccountId,
    /// The name of her key.
    key: String,
}

impl Phone {
    /// Alice is signed in, and the app is not running.
    async fn signed_in(seed: u64) -> Self {
        Self::signed_in_by(seed, NetworkProfile::default()).await
    }

    async fn signed_in_by(seed: u64, profile: NetworkProfile) -> Self {
        let server = server().await;
        let folder = tempfile::tempdir().unwrap();
        let keys = Arc::new(MemoryKeyStore::default());
        let faults = FaultyKeyStore::over(keys.clone(), seed);
        let core = open_with(folder.path(), &server, Arc::new(faults.clone()));
        let by_password = SignIn::new(server.url(), "alice", PASSWORD).with_profile(profile);
        let alice = core.sign_in(by_password).await.unwrap();
        until_live(&core, alice).await;
        core.close().await;
        let key = account_key(&keys, alice);
        Self {
            server,
            folder,
            keys,
            faults,
            alice,
            key,
        }
    }

    fn start_in(&self, host: HostState) -> Steadfast {
        let mut config = config(self.folder.path(), &self.server);
        config.host_state = host;
        Steadfast::open(config, Arc::new(self.faults.clone())).unwrap()
    }

    /// The app is started, and has asked for the key.
    async fn start(&self) -> (Steadfast, Snapshot) {
        let core = self.start_in(HostState::Focused);
        let asked = until(&core, self.alice, |snapshot| {
            snapshot.standing == Standing::Locked || snapshot.link == Link::Live
        });
        let snapshot = asked.await;
        (core, snapshot)
    }

    /// The key of Alice's account cannot be read any more, whatever is tried; all others can.
    fn withhold(&self) {
        self.faults.fail(100, &self.key);
    }

    /// So many starts with a key that cannot be read.
    async fn starts(&self, starts: u32) {
        for _ in 0..starts {
            let (core, snapshot) = self.start().await;
            assert_eq!(snapshot.standing, Standing::Locked);
            assert!(!snapshot.may_sign_in_again);
            core.close().await;
        }
    }

    /// A way out is offered.
    async fn offered(seed: u64) -> (Self, Steadfast) {
        let phone = Self::signed_in(seed).await;
        phone.withhold();
        phone.starts(KEY_OFFER_STARTS - 1).await;
        let (core, _) = phone.start().await;
        until(&core, phone.alice, |snapshot| snapshot.may_sign_in_again).await;
        (phone, core)
    }
}

fn account_key(keys: &MemoryKeyStore, account: AccountId) -> String {
    let prefix = format!("account-{}-", account.0);
    let mut names = keys.names().into_iter();
    names.find(|name| name.starts_with(&prefix)).unwrap()
}

/// Hazard B09.
#[tokio::test]
async fn what_was_sealed_can_be_read_again_once_the_faults_stop_as_long_as_nobody_chose() {
    for (seed, percent) in [(11, 1), (12, 50), (13, 100)] {
        let phone = Phone::signed_in(seed).await;
        let kept = phone.keys.names();
        let sessions = phone.server.control().sessions("alice");
        phone.faults.fail(percent, "");
        let mut locked = 0;
        for _ in 0..KEY_OFFER_STARTS + 2 {
            let (core, snapshot) = phone.start().await;
            locked += u32::from(snapshot.standing == Standing::Locked);
            assert_eq!(snapshot.shows(), Shows::Content, "{percent} %");
            core.close().await;
        }
        if percent == 100 {
            assert_eq!(locked, KEY_OFFER_STARTS + 2);
        }
        assert_eq!(
            phone.keys.names(),
            kept,
            "{percent} %: no key was made or deleted"
        );

        let (core, snapshot) = phone.start().await;
        assert!(
            snapshot.may_sign_in_again || percent < 100,
            "nobody chose, though"
        );
        phone.faults.fail(0, "");
        core.host_state(HostState::Suspended).await.unwrap();
        core.host_state(HostState::Focused).await.unwrap();
        let live = until_live(&core, phone.alice).await;
        assert_eq!(live.standing, Standing::Active);
        assert!(!live.may_sign_in_again);
        assert_eq!(core.notices(), []);
        core.close().await;

        // All is as before: the session, its key, and a count that begins anew.
        assert_eq!(
            phone.server.control().sessions("alice").len(),
            sessions.len()
        );
        assert_eq!(phone.keys.names(), kept);
        phone.withhold();
        phone.starts(KEY_OFFER_STARTS - 1).await;
    }
}

/// Before the offer nothing gives the session up, whoever asks for it.
///
/// Hazard B09.
#[tokio::test]
async fn until_a_way_out_is_offered_nobody_gives_the_session_up() {
    let phone = Phone::signed_in(21).await;
    phone.withhold();
    phone.starts(KEY_OFFER_STARTS - 2).await;
    let (core, _) = phone.start().await;
    let (server, alice) = (&phone.server, phone.alice);
    let (_, token) = server.control().create_access_token("alice");
    let refused = Error::KeyStoreUnavailable;
    let sign_in_again = SignIn::new(server.url(), "alice", PASSWORD);
    assert_eq!(core.sign_in(sign_in_again).await, Err(refused.clone()));
    let again = SignInAgain::new(PASSWORD);
    assert_eq!(
        core.reauthenticate(alice, again).await,
        Err(refused.clone())
    );
    let adopted = core.adopt_token(server.url(), token.as_str()).await;
    assert_eq!(adopted, Err(refused.clone()));
    assert_eq!(core.forget(alice).await, Err(refused));
    // Another user's account is a new one, as always, and is there at once.
    let bob = sign_in(&core, server, "bob").await;
    until_live(&core, bob).await;
    let locked = core.snapshot(alice).unwrap();
    assert_eq!(locked.standing, Standing::Locked);
    assert!(!locked.may_sign_in_again);
    assert!(phone.keys.names().contains(&phone.key));
    assert_eq!(core.sign_out(alice).await, Err(Error::KeyStoreUnavailable));
    assert!(phone.keys.names().contains(&phone.key));
    core.close().await;

    phone.faults.fail(0, "");
    let (core, _) = phone.start().await;
    until_live(&core, alice).await;
    core.close().await;
}

/// Takes the way out in each way there is to sign in as the same user: a new key, the same account, the same epoch's successor.
async fn signed_in_again(seed: u64, choice: impl AsyncFn(&Steadfast, &Phone)) {
    let (phone, core) = Phone::offered(seed).await;
    let before = core.snapshot(phone.alice).unwrap();
    assert_eq!(
        (before.standing, before.shows()),
        (Standing::Locked, Shows::Content)
    );
    choice(&core, &phone).await;
    let live = until_live(&core, phone.alice).await;
    assert_eq!(live.standing, Standing::Active);
    assert!(!live.may_sign_in_again);
    assert_eq!(core.accounts().len(), 1);
    core.close().await;

    // The new session is kept, and the old key goes as soon as the key store lets it.
    phone.faults.fail(0, "");
    let (core, _) = phone.start().await;
    until_live(&core, phone.alice).await;
    eventually(|| !phone.keys.names().contains(&phone.key)).await;
    assert_ne!(account_key(&phone.keys, phone.alice), phone.key);
    core.close().await;
}

/// Hazard B09.
#[tokio::test]
async fn the_user_may_sign_in_again_as_the_same_user() {
    signed_in_again(31, async |core, phone| {
        assert_eq!(sign_in(core, &phone.server, "alice").await, phone.alice);
    })
    .await;
    signed_in_again(32, async |core, phone| {
        let again = SignInAgain::new(PASSWORD);
        core.reauthenticate(phone.alice, again).await.unwrap();
    })
    .await;
    signed_in_again(33, async |core, phone| {
        let (_, token) = phone.server.control().create_access_token("alice");
        let adopted = core.adopt_token(phone.server.url(), token.as_str()).await;
        assert_eq!(adopted, Ok(phone.alice));
    })
    .await;
}

/// Hazard B09.
#[tokio::test]
async fn the_user_may_sign_out_or_have_the_account_forgotten() {
    let (phone, core) = Phone::offered(41).await;
    core.sign_out(phone.alice).await.unwrap();
    let out = core.snapshot(phone.alice).unwrap();
    assert_eq!(out.shows(), Shows::SignIn(None));
    assert!(!out.may_sign_in_again);
    assert_eq!(core.notices(), []);
    core.close().await;
    phone.faults.fail(0, "");
    let core = phone.start_in(HostState::Focused);
    assert_eq!(
        core.snapshot(phone.alice).unwrap().standing,
        Standing::Ended
    );
    eventually(|| phone.keys.names() == ["outbox"]).await;
    assert_eq!(
        phone.server.control().sessions("alice").len(),
        1,
        "the server could not be told"
    );
    core.close().await;

    let (phone, core) = Phone::offered(42).await;
    core.forget(phone.alice).await.unwrap();
    assert!(core.accounts().is_empty());
    assert_eq!(
        core.obligations().len(),
        1,
        "what the app stored is to be erased"
    );
    core.close().await;
    phone.faults.fail(0, "");
    let core = phone.start_in(HostState::Focused);
    assert!(core.accounts().is_empty());
    eventually(|| phone.keys.names() == ["outbox"]).await;
    core.close().await;
}

/// Who signs out as soon as the app is there takes the place of whoever would have asked for the key.
///
/// Hazard B09.
#[tokio::test]
async fn a_sign_out_before_the_key_stores_first_answer_counts_as_a_start_too() {
    let phone = Phone::signed_in(45).await;
    phone.withhold();
    let start_and_sign_out = async || {
        let keys = ScriptedKeyStore::over(phone.faults.clone());
        keys.set(Behaviour::Blocks);
        let core = open_with(phone.folder.path(), &phone.server, Arc::new(keys.clone()));
        let (signed_out, ()) = tokio::join!(core.sign_out(phone.alice), async {
            keys.set(Behaviour::Works);
        });
        (core, signed_out)
    };
    for started in 1..KEY_OFFER_STARTS {
        let (core, signed_out) = start_and_sign_out().await;
        assert_eq!(signed_out, Err(Error::KeyStoreUnavailable));
        let locked = until(&core, phone.alice, |one| one.standing == Standing::Locked).await;
        assert!(locked.cover && !locked.may_sign_in_again);
        core.close().await;
        let counted = &standing(phone.folder.path())["unreadable"]["starts"];
        assert_eq!(counted.as_u64(), Some(started.into()));
    }
    // What the user asked for is done as soon as it may be, which is at once if the key store's answer came first after all.
    let (core, signed_out) = start_and_sign_out().await;
    assert!(matches!(
        signed_out,
        Ok(()) | Err(Error::KeyStoreUnavailable)
    ));
    let out = until(&core, phone.alice, |one| one.standing == Standing::Ended).await;
    assert_eq!(out.reason, Some(Reason::SignedOut));
    core.close().await;
}

/// An account with a secret for its gateway, which is sealed with the key of what is owed to servers: as long as that cannot be
/// read nothing is sent with the token, and giving the token up would mend nothing.
///
/// Hazard B09.
#[tokio::test]
async fn no_way_out_is_offered_or_taken_where_the_accounts_own_key_is_given() {
    let behind_a_gateway = || NetworkProfile {
        pre_auth: Some("a secret".into()),
        ..NetworkProfile::default()
    };
    let phone = Phone::signed_in_by(71, behind_a_gateway()).await;
    phone.faults.fail(100, "outbox");
    phone.starts(KEY_OFFER_STARTS + 1).await;

    // Both were away until a way out was offered, and the account's own came back.
    phone.faults.fail(100, "");
    phone.starts(KEY_OFFER_STARTS - 1).await;
    let (core, _) = phone.start().await;
    let offered = until(&core, phone.alice, |snapshot| snapshot.may_sign_in_again);
    offered.await;
    phone.faults.fail(100, "outbox");
    let refused = Err(Error::KeyStoreUnavailable);
    assert_eq!(core.forget(phone.alice).await, refused);
    assert_eq!(core.accounts().len(), 1);
    assert_eq!(core.sign_out(phone.alice).await, refused);
    core.close().await;
    assert!(phone.keys.names().contains(&phone.key));

    phone.faults.fail(0, "");
    let (core, _) = phone.start().await;
    until_live(&core, phone.alice).await;
    core.close().await;
}

/// Works, but for a call about a key over which it is stuck: that waits until it is not.
struct Stuck {
    store: FaultyKeyStore,
    over: Mutex<Vec<String>>,
    /// The names of the calls that have begun.
    begun: Mutex<Vec<String>>,
}

impl Stuck {
    fn over(&self, prefixes: &[&str]) {
        *self.over.lock().unwrap() = prefixes.iter().map(|&prefix| prefix.to_owned()).collect();
    }

    fn has_begun(&self, prefix: &str) -> bool {
        let begun = self.begun.lock().unwrap();
        begun.iter().any(|name| name.starts_with(prefix))
    }

    fn enter(&self, name: &str) {
        self.begun.lock().unwrap().push(name.to_owned());
        let stuck = || {
            let over = self.over.lock().unwrap();
            over.iter().any(|prefix| name.starts_with(prefix))
        };
        while stuck() {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl KeyStore for Stuck {
    fn load(&self, name: &str) -> KeyAnswer {
        self.enter(name);
        self.store.load(name)
    }

    fn store(&self, name: &str, key: &Key) -> Result<(), KeyStoreUnavailable> {
        self.enter(name);
        self.store.store(name, key)
    }

    fn delete(&self, name: &str) -> Result<(), KeyStoreUnavailable> {
        self.enter(name);
        self.store.delete(name)
    }
}

/// The key store hangs over another key, and has not come to this one within what time that leaves: it may be well. The deadline
/// of the call that hangs is why this test takes a quarter of a minute.
///
/// Hazard B09.
#[tokio::test]
async fn a_session_is_not_given_up_while_the_key_store_hangs_over_another_key() {
    let phone = Phone::signed_in(72).await;
    phone.withhold();
    phone.starts(KEY_OFFER_STARTS - 1).await;
    let keys = Arc::new(Stuck {
        store: phone.faults.clone(),
        over: Mutex::default(),
        begun: Mutex::default(),
    });
    let core = open_with(phone.folder.path(), &phone.server, keys.clone());
    until(&core, phone.alice, |snapshot| snapshot.may_sign_in_again).await;

    // The other key comes first: the core itself asks for this one now and then, and would have the whole deadline.
    keys.over(&["data-"]);
    let other = tokio::spawn({
        let (core, alice) = (core.clone(), phone.alice);
        async move { core.data_key(alice).await }
    });
    eventually(|| keys.has_begun("data-")).await;
    keys.over(&["data-", &phone.key]);
    phone.faults.fail(0, "");
    let refused = Error::KeyStoreUnavailable;
    assert_eq!(other.await.unwrap(), Err(refused.clone()));
    let again = SignIn::new(phone.server.url(), "alice", PASSWORD);
    assert_eq!(core.sign_in(again).await, Err(refused.clone()));
    assert_eq!(core.forget(phone.alice).await, Err(refused));
    assert!(core.snapshot(phone.alice).unwrap().may_sign_in_again);
    assert!(phone.keys.names().contains(&phone.key));

    core.close().await;

    keys.over(&[]);
    let (core, _) = phone.start().await;
    until_live(&core, phone.alice).await;
    core.close().await;
}

/// Pushes before the first unlock after a start: each wakes the app for a moment, and the key cannot be read.
///
/// Hazards B04, B09.
#[tokio::test]
async fn starts_before_the_first_unlock_never_offer_a_way_out() {
    let phone = Phone::signed_in(51).await;
    phone.withhold();
    for _ in 0..KEY_OFFER_STARTS + 1 {
        let core = phone.start_in(HostState::Suspended);
        core.background_check(PATIENCE).await.unwrap();
        let snapshot = core.snapshot(phone.alice).unwrap();
        assert_eq!(snapshot.standing, Standing::Locked);
        assert!(!snapshot.may_sign_in_again);
        core.close().await;
    }
    assert!(
        !standing(phone.folder.path())
            .to_string()
            .contains("unreadable")
    );
    phone.starts(KEY_OFFER_STARTS - 1).await;
}

fn standing(folder: &Path) -> Value {
    let vault = rusqlite::Connection::open(folder.join("vault/vault.sqlite3")).unwrap();
    let detail: String = vault
        .query_row("SELECT standing_detail FROM accounts", [], |row| row.get(0))
        .unwrap();
    serde_json::from_str(&detail).unwrap()
}

/// Has the device have run for so much longer since the key could first not be read.
fn run_on(folder: &Path, by: i64) {
    let mut standing = standing(folder);
    let boot = &mut standing["unreadable"]["boot"];
    *boot = (boot.as_i64().unwrap() - by).into();
    let vault = rusqlite::Connection::open(folder.join("vault/vault.sqlite3")).unwrap();
    vault
        .execute(
            "UPDATE accounts SET standing_detail = ?1",
            [standing.to_string()],
        )
        .unwrap();
}

/// Hazard B09.
#[tokio::test]
async fn a_day_without_the_key_offers_a_way_out() {
    let phone = Phone::signed_in(61).await;
    phone.withhold();
    phone.starts(1).await;
    run_on(phone.folder.path(), 23 * HOUR);
    phone.starts(1).await;
    run_on(phone.folder.path(), HOUR);
    let (core, _) = phone.start().await;
    until(&core, phone.alice, |snapshot| snapshot.may_sign_in_again).await;
    core.close().await;
}
