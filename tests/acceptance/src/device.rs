//! A device in this process: the core with a vault of its own behind a network of its own, and a host that does what a good
//! app does: follows the core, tells the user of each notice once, acknowledges it.

use std::{
    collections::HashSet,
    future::Future,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use steadfast::{
    AccountId, Changes, Config, Error, HostState, Key, Link, NetworkPath, Notice, Reason, Request,
    Response, Revision, Shows, Snapshot, Standing, Steadfast,
    keystore::{FileKeyStore, KeyStore},
};
use steadfast_faults::{Control, Proxy};
use steadfast_lab::device::message::Kind;
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    canary::{Canary, KEY_STORE, Secret},
    world::User,
};

/// How long a case waits for something that has to happen: longer than any interval of the product that a case meets. It is
/// a net, no measure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(100);

/// The text on the sign-in page after somebody else ended the session.
pub const EXPIRED: &str = "Your session has expired. Please log in again.";

/// What a device shows of an account, with its texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The content.
    Content,
    /// The cover.
    Cover,
    /// The sign-in page, with the text on it.
    SignIn(Option<&'static str>),
}

impl Shown {
    /// The sign-in page that says that the session has expired.
    pub const EXPIRED: Self = Self::SignIn(Some(EXPIRED));

    /// What a snapshot has the app show.
    pub fn of(snapshot: &Snapshot) -> Self {
        match snapshot.shows() {
            Shows::Content => Self::Content,
            Shows::Cover(_) => Self::Cover,
            Shows::SignIn(message) => Self::SignIn(message.map(|message| message.text)),
            other => unreachable!("the core shows something new: {other:?}"),
        }
    }
}

/// What the host of a device has seen and done.
#[derive(Default)]
struct Record {
    shown: Mutex<Vec<(Instant, AccountId, Shown)>>,
    links: Mutex<Vec<(AccountId, Link)>>,
    told: Mutex<Vec<Notice>>,
    erased: Mutex<Vec<(Instant, AccountId)>>,
    /// Of what was drawn last; what is older is not drawn any more.
    drawn: Mutex<Option<Revision>>,
    news: watch::Sender<u64>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Record {
    fn draw(&self, snapshot: &Snapshot) {
        let now = Shown::of(snapshot);
        let mut shown = lock(&self.shown);
        let before = shown.iter().rev().find(|(_, id, _)| *id == snapshot.id);
        if before.is_none_or(|(_, _, before)| *before != now) {
            shown.push((Instant::now(), snapshot.id, now));
        }
        drop(shown);
        let mut links = lock(&self.links);
        let before = links.iter().rev().find(|(id, _)| *id == snapshot.id);
        if before.is_none_or(|(_, before)| *before != snapshot.link) {
            links.push((snapshot.id, snapshot.link));
        }
    }

    /// Draws everything as it stood then, after `first`, unless something newer was drawn; says whether it did.
    fn draw_at(&self, revision: Revision, accounts: &[Snapshot], first: impl FnOnce()) -> bool {
        let mut drawn = lock(&self.drawn);
        let newest = drawn.is_none_or(|drawn| revision >= drawn);
        if newest {
            *drawn = Some(revision);
            first();
            accounts.iter().for_each(|snapshot| self.draw(snapshot));
        }
        newest
    }

    async fn follow(self: Arc<Self>, core: Steadfast, canary: Arc<Canary>) {
        let mut seen = Revision::START;
        let mut told = HashSet::new();
        while let Ok(changes) = core.changes(seen).await {
            canary.note(&format!("{changes:?}"));
            let Changes {
                revision,
                accounts,
                notices,
                obligations,
                ..
            } = changes;
            seen = revision;
            self.draw_at(revision, &accounts, || {});
            for notice in notices {
                if told.insert(notice.id) {
                    lock(&self.told).push(notice.clone());
                }
                // A notice that cannot be acknowledged now comes again.
                let _ = core.acknowledge_notice(notice.id).await;
            }
            for obligation in obligations {
                lock(&self.erased).push((Instant::now(), obligation.account));
                // One that cannot be acknowledged now comes again.
                let _ = core.acknowledge_obligation(obligation.id).await;
            }
            self.news.send_modify(|count| *count += 1);
        }
    }
}

struct Running {
    core: Steadfast,
    host: JoinHandle<()>,
}

/// A device of a case. Cases play its user and its system.
pub struct Device {
    /// Which app it runs.
    pub kind: Kind,
    /// Its network.
    pub network: Control,
    config: Config,
    key_store: Arc<dyn KeyStore>,
    running: Option<Running>,
    record: Arc<Record>,
    canary: Arc<Canary>,
    proxy: Proxy,
}

impl Device {
    pub(crate) async fn start(
        kind: Kind,
        folder: PathBuf,
        config: Config,
        key_store: Option<Arc<dyn KeyStore>>,
        proxy: Proxy,
        canary: Arc<Canary>,
    ) -> Self {
        let key_store = key_store.unwrap_or_else(|| {
            Arc::new(FileKeyStore::open(folder.join(KEY_STORE)).expect("a key store"))
        });
        let mut device = Self {
            kind,
            network: proxy.control(),
            config,
            key_store,
            running: None,
            record: Arc::default(),
            canary,
            proxy,
        };
        device.switch_on();
        if let Some(device_id) = kind.new_device_id() {
            let set = device.core().set_device_id(Some(device_id)).await;
            set.expect("the device id taken");
        }
        device
    }

    /// Starts the app, with what an earlier run left behind.
    ///
    /// # Panics
    /// If the core cannot be opened, or runs already.
    pub fn switch_on(&mut self) {
        assert!(self.running.is_none(), "the device is on");
        let core = Steadfast::open(self.config.clone(), Arc::clone(&self.key_store));
        let core = core.expect("the core opened");
        *lock(&self.record.drawn) = None;
        core.accounts()
            .iter()
            .for_each(|snapshot| self.record.draw(snapshot));
        let record = Arc::clone(&self.record);
        let host = tokio::spawn(record.follow(core.clone(), Arc::clone(&self.canary)));
        self.running = Some(Running { core, host });
    }

    /// Ends the app in an orderly way.
    pub async fn switch_off(&mut self) {
        if let Some(Running { core, host }) = self.running.take() {
            core.close().await;
            host.abort();
            // What it was just drawing does not come after what the next start draws.
            let _ = host.await;
        }
    }

    /// Ends the app and starts it again.
    pub async fn restart(&mut self) {
        self.switch_off().await;
        self.switch_on();
    }

    /// The host no longer follows the core, as an app that hangs; until the next start.
    pub async fn stop_listening(&mut self) {
        if let Some(Running { host, .. }) = &mut self.running {
            host.abort();
            // Whoever ends the app awaits a host as well.
            let _ = std::mem::replace(host, tokio::spawn(async {})).await;
        }
    }

    /// The core.
    ///
    /// # Panics
    /// If the device is off.
    pub fn core(&self) -> &Steadfast {
        &self.running.as_ref().expect("the device is on").core
    }

    /// The folder of the core's files.
    pub fn vault(&self) -> &Path {
        &self.config.folder
    }

    /// The server's address as this device reaches it.
    pub fn server(&self) -> String {
        self.proxy.url("https")
    }

    /// The account of the device.
    ///
    /// # Panics
    /// If it has none, or more than one.
    pub fn account(&self) -> AccountId {
        match self.core().accounts().as_slice() {
            [account] => account.id,
            accounts => panic!("{} has {} accounts", self.kind.name(), accounts.len()),
        }
    }

    /// The account as it stands.
    pub fn snapshot(&self) -> Snapshot {
        self.core().snapshot(self.account()).expect("an account")
    }

    /// What the device shows now.
    pub fn shows(&self) -> Shown {
        Shown::of(&self.snapshot())
    }

    /// Everything it has shown of its accounts, in order and each change once.
    pub fn shown(&self) -> Vec<Shown> {
        let shown = lock(&self.record.shown);
        shown.iter().map(|(_, _, shown)| shown.clone()).collect()
    }

    /// Forgets what it has shown before now, and begins again with what it shows. A host that lags behind does not draw what
    /// is older.
    ///
    /// # Panics
    /// If the core is closed.
    pub async fn forget_shown(&self) {
        let forget = || lock(&self.record.shown).clear();
        loop {
            let now = self.core().changes(Revision::START).await;
            let now = now.expect("everything as it stands");
            if self.record.draw_at(now.revision, &now.accounts, forget) {
                return;
            }
        }
    }

    /// The ways to the server that it has shown, in order and each change once. Changes in quick succession may be shown as
    /// one.
    pub fn links(&self) -> Vec<Link> {
        let links = lock(&self.record.links);
        links.iter().map(|(_, link)| *link).collect()
    }

    /// Waits until what [`links`](Self::links) lists is so, and gives it.
    pub async fn until_links(&self, what: &str, fits: impl Fn(&[Link]) -> bool) -> Vec<Link> {
        let mut news = self.record.news.subscribe();
        let waiting = async {
            loop {
                news.mark_unchanged();
                let links = self.links();
                if fits(&links) {
                    return links;
                }
                news.changed().await.expect("the record");
            }
        };
        self.patiently(what, waiting).await
    }

    /// Waits until this is the last thing that it has shown, and gives everything that it has.
    pub async fn until_shown(&self, last: Shown) -> Vec<Shown> {
        let mut news = self.record.news.subscribe();
        let waiting = async {
            loop {
                news.mark_unchanged();
                let shown = self.shown();
                if shown.last() == Some(&last) {
                    return shown;
                }
                news.changed().await.expect("the record");
            }
        };
        self.patiently("what it shows last", waiting).await
    }

    /// When the app erased what it had stored of this account, for the first time.
    pub fn erased(&self, account: AccountId) -> Option<Instant> {
        let erased = lock(&self.record.erased);
        let found = erased.iter().find(|(_, of)| *of == account);
        found.map(|(at, _)| *at)
    }

    /// When it first showed this of that account.
    pub fn first_shown(&self, account: AccountId, what: &Shown) -> Option<Instant> {
        let shown = lock(&self.record.shown);
        let found = shown
            .iter()
            .find(|(_, of, shown)| *of == account && shown == what);
        found.map(|(at, ..)| *at)
    }

    /// The notices that the user was told of.
    pub fn told(&self) -> Vec<Notice> {
        lock(&self.record.told).clone()
    }

    /// Somebody signs in and sees the content.
    ///
    /// # Panics
    /// If the sign-in fails.
    pub async fn sign_in(&self, user: &User) -> AccountId {
        let id = self.core().sign_in(user.types(&self.server())).await;
        let id = id.expect("signed in");
        self.until_account(id, "content after the sign-in", |snapshot| {
            Shown::of(snapshot) == Shown::Content
        })
        .await;
        id
    }

    /// The same, and the socket is up.
    pub async fn sign_in_and_connect(&self, user: &User) -> AccountId {
        let id = self.sign_in(user).await;
        self.until_live_account(id).await;
        id
    }

    /// Waits until the socket of the device's account is up.
    pub async fn until_live(&self) -> Snapshot {
        self.until_live_account(self.account()).await
    }

    /// Waits until the socket of that account is up.
    pub async fn until_live_account(&self, id: AccountId) -> Snapshot {
        let live = |snapshot: &Snapshot| snapshot.link == Link::Live;
        self.until_account(id, "a live link", live).await
    }

    /// Waits until the device's account is so.
    pub async fn until(&self, what: &str, fits: impl Fn(&Snapshot) -> bool) -> Snapshot {
        self.until_account(self.account(), what, fits).await
    }

    /// Waits until that account is so.
    ///
    /// # Panics
    /// If it does not come to that.
    pub async fn until_account(
        &self,
        id: AccountId,
        what: &str,
        fits: impl Fn(&Snapshot) -> bool,
    ) -> Snapshot {
        let waiting = async {
            let mut seen = Revision::START;
            loop {
                let changes = self.core().changes(seen).await.expect("changes");
                let found = changes
                    .accounts
                    .into_iter()
                    .find(|snapshot| snapshot.id == id);
                if let Some(snapshot) = found.filter(&fits) {
                    return snapshot;
                }
                seen = changes.revision;
            }
        };
        self.patiently(what, waiting).await
    }

    /// Waits until the device shows this.
    pub async fn until_shows(&self, wanted: Shown) -> Snapshot {
        let what = format!("{wanted:?}");
        self.until(&what, |snapshot| Shown::of(snapshot) == wanted)
            .await
    }

    /// Waits until it shows the sign-in page with the text that the session has expired, and answers how long that took.
    pub async fn until_expired(&self) -> Duration {
        let started = Instant::now();
        let snapshot = self.until_shows(Shown::EXPIRED).await;
        assert_eq!(snapshot.standing, Standing::Ended);
        assert_eq!(snapshot.reason, Some(Reason::SessionEnded));
        started.elapsed()
    }

    /// Waits until the host has told the user of so many notices.
    pub async fn until_told(&self, count: usize) -> Vec<Notice> {
        let mut news = self.record.news.subscribe();
        let waiting = async {
            loop {
                news.mark_unchanged();
                let told = self.told();
                if told.len() >= count {
                    return told;
                }
                news.changed().await.expect("the record");
            }
        };
        self.patiently("a notice", waiting).await
    }

    /// Waits until no notice is left to be acknowledged.
    pub async fn until_acknowledged(&self) {
        let waiting = async {
            let mut seen = Revision::START;
            loop {
                let changes = self.core().changes(seen).await.expect("changes");
                if changes.notices.is_empty() {
                    return;
                }
                seen = changes.revision;
            }
        };
        self.patiently("every notice acknowledged", waiting).await;
    }

    /// Waits for something that has to happen on this device.
    ///
    /// # Panics
    /// If it does not happen.
    pub async fn patiently<T>(&self, what: &str, waiting: impl Future<Output = T>) -> T {
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(value) => value,
            Err(_) => panic!(
                "{} did not come to: {what}. Accounts: {:#?}; shown: {:?}",
                self.kind.name(),
                self.core().accounts(),
                self.shown()
            ),
        }
    }

    /// Brings the app to the front.
    ///
    /// # Panics
    /// If the core refuses.
    pub async fn open(&self) {
        self.enter(HostState::Focused).await;
    }

    /// Takes the focus away; the app goes on running.
    pub async fn leave(&self) {
        self.enter(HostState::Running).await;
    }

    /// The system suspends the app.
    pub async fn suspend(&self) {
        self.enter(HostState::Suspended).await;
    }

    async fn enter(&self, state: HostState) {
        let entered = self.core().host_state(state).await;
        entered.unwrap_or_else(|error| panic!("{state:?} on {}: {error}", self.kind.name()));
    }

    /// Airplane mode: the network is gone, and the system says so.
    pub fn airplane_on(&self) {
        self.network.cut();
        self.say_network(NetworkPath::Down);
    }

    /// The end of airplane mode.
    pub fn airplane_off(&self) {
        self.network.restore();
        self.say_network(NetworkPath::Up);
    }

    /// The system says this of the network, whatever is true.
    ///
    /// # Panics
    /// If the core refuses to hear it.
    pub fn say_network(&self, path: NetworkPath) {
        if let Some(Running { core, .. }) = &self.running {
            core.network_changed(path, None).expect("the network noted");
        }
    }

    /// The key with which the app encrypts what it stores of the account; kept for the canary.
    ///
    /// # Panics
    /// If the core refuses.
    pub async fn data_key(&self) -> Key {
        let key = self.core().data_key(self.account()).await;
        let key = key.expect("a data key");
        self.canary.keep(Secret::key(key.expose()));
        self.canary.note(&format!("{key:?}"));
        key
    }

    /// The administrator on this device asks for the end of everyone's sessions, and confirms it.
    ///
    /// # Panics
    /// If the core refuses.
    pub async fn end_everyone(&self) {
        let confirmation = self.core().prepare_end_everyone(self.account()).await;
        let confirmation = confirmation.expect("asked");
        let ended = self.core().confirm_end_everyone(confirmation).await;
        ended.expect("everyone's sessions ended");
    }

    /// One of the app's own requests for the account.
    ///
    /// # Errors
    /// Those of the core.
    pub async fn request(&self, request: Request) -> Result<Response, Error> {
        self.core().request(self.account(), request).await
    }

    /// Asks the server now.
    ///
    /// # Panics
    /// If the core refuses to ask.
    pub async fn verify(&self) -> Standing {
        let verified = self.core().verify(self.account(), PATIENCE).await;
        verified.expect("asked")
    }

    /// Somebody looks, and again if need be, until the device shows this. A look may be lost with the trouble that is just
    /// over, and by itself the device may wait minutes for its next.
    ///
    /// # Panics
    /// If the core refuses to ask, or it does not come to that.
    pub async fn look_until(&self, wanted: Shown) {
        let looking = async {
            while self.shows() != wanted {
                self.verify().await;
            }
        };
        self.patiently(&format!("{wanted:?}"), looking).await;
    }

    /// The id of this device's own session.
    ///
    /// # Panics
    /// If the list does not mark exactly one.
    pub async fn own_session(&self) -> String {
        let sessions = self.core().active_sessions(self.account()).await;
        let sessions = sessions.expect("the list");
        let own: Vec<_> = sessions.iter().filter(|session| session.current).collect();
        match own.as_slice() {
            [own] => own.id.clone(),
            own => panic!("{} rows of its own", own.len()),
        }
    }
}
