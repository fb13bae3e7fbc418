//! The engine: the only place where the machine's effects meet the world.
//!
//! One small runtime of its own; one worker per account; the vault and the key store each on a thread of their own; one task
//! that pays what is owed to servers. The public surface calls in here and nowhere deeper.

mod account;
mod adopt;
mod background;
pub(crate) mod clock;
mod commits;
mod desk;
pub(crate) mod events;
mod expiry;
mod hub;
mod installation;
mod keys;
mod legacy;
mod legacy_gateway;
mod life;
mod lifecycle;
mod link;
mod magic_link;
mod outbox;
pub(crate) mod problems;
mod push;
mod questions;
mod reading;
mod realtime;
mod requests;
mod server_facts;
mod sessions;
mod sign_in;
mod sso;
mod stored_profile;
mod supervisor;
mod token;
pub(crate) mod transfers;
mod way;
mod webview;
mod worker;

use crate::api::{Changes, Config, Revision, SignInMethod, Snapshot};
use crate::engine::account::Account;
use crate::engine::clock::{SystemClock, Times};
use crate::engine::desk::{Desk, NotDone};
use crate::engine::hub::Hub;
use crate::engine::keys::Keys;
use crate::engine::legacy::Legacy;
use crate::engine::outbox::Outbox;
use crate::engine::supervisor::Supervisor;
use crate::engine::webview::WebViews;
use crate::engine::worker::{Message, public_standing};
use crate::error::Error;
use crate::keystore::KeyStore;
use crate::policy;
use crate::server::{CallbackAddress, Dialler, ServerAddress};
use crate::session::{
    AccountId, BootId, Epoch, Event, HostState, NetworkPath, Now, Settings, State, StoredParts,
    View, step,
};
use crate::vault::{AccountRecord, Opened, Vault, VaultError};
use crate::webview::WebView;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{Notify, RwLock, oneshot, watch};
use tokio::task::JoinHandle;

/// Why a transaction of the engine did not happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The vault could not be written.
    Vault(VaultError),
    /// The key store could not be used now.
    KeyStore,
    /// The operating system gave no random numbers.
    NoRandomness,
    /// Something newer happened to the account in the meantime.
    Outdated,
    /// The core is closed.
    Closed,
    /// The core has a fault: what was to be done panicked.
    Panicked,
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Vault(error) => problems::vault(error),
            Failure::KeyStore | Failure::NoRandomness => Self::KeyStoreUnavailable,
            Failure::Outdated => Self::NotSignedIn,
            Failure::Closed => Self::Closed,
            Failure::Panicked => Self::Internal,
        }
    }
}

pub(crate) struct Engine {
    pub(crate) config: Config,
    pub(crate) user_agent: String,
    pub(crate) dialler: Dialler,
    callback: CallbackAddress,
    pub(crate) hub: Hub,
    times: Times,
    boot_id: BootId,
    settings: Settings,
    keys: Keys,
    vault: Mutex<Option<Desk<Vault>>>,
    handle: Handle,
    runtime: Mutex<Option<Runtime>>,
    accounts: Mutex<BTreeMap<AccountId, Arc<Account>>>,
    /// Accounts that are not looked after, and why.
    left_alone: Mutex<BTreeMap<AccountId, Error>>,
    host: watch::Sender<HostState>,
    /// What the platform last said of the network.
    path: Mutex<NetworkPath>,
    /// The number of the last call that told the host's state.
    host_turn: watch::Sender<u64>,
    /// How often the network has changed; wakes whoever waits for an answer on one that is not there any more.
    ways: watch::Sender<u64>,
    outbox: Outbox,
    legacy: Legacy,
    web_views: WebViews,
    closed: AtomicBool,
    /// The process that opened this. In one that was forked from it there are no threads of it, and nothing may touch SQLite.
    process: u32,
    /// Held while a data key is made, so that two callers get the same one.
    making_data_key: tokio::sync::Mutex<()>,
    /// Held while a sign-in is stored and its account taken up, so that two of the same user follow one another.
    keeping: tokio::sync::Mutex<()>,
    /// Whose turn it is at a file that is being fetched.
    targets: transfers::Targets,
    /// Held while the lists are read and shown, so that what was read earlier is never shown later.
    refreshing: tokio::sync::Mutex<()>,
    /// Held for reading while the result of something that the server has done is being stored; a suspension waits for it.
    storing: RwLock<()>,
    /// Held while something is asked that ends with the suspension.
    asking: RwLock<()>,
    /// Held while the host's state is carried to every account.
    hosting: tokio::sync::Mutex<()>,
    /// Held by a background check or a push that is being handled.
    checking: tokio::sync::Mutex<()>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    pub(crate) fn open(config: Config, key_store: Arc<dyn KeyStore>) -> Result<Arc<Self>, Error> {
        if config.restore_window > Duration::from_secs(60 * 60) {
            return Err(Error::InvalidArgument {
                argument: "restore_window",
            });
        }
        let host = HostState::from(config.host_state);
        let callback =
            CallbackAddress::parse(&config.sso_callback).ok_or(Error::InvalidArgument {
                argument: "sso_callback",
            })?;
        let dialler = Dialler::new(&config.network).map_err(problems::tls_profile)?;
        let Opened {
            mut vault,
            interrupted,
            accounts: mut records,
            mut lists,
            lost,
            ..
        } = Vault::open(&config.folder).map_err(problems::vault)?;
        let times = Times::new(Arc::new(SystemClock::new(config.boot_id.clone())));
        let boot_id = times.boot_id();
        let settings = Settings {
            restore_window: config.restore_window,
            cover_until_validated_after: config.cover_until_validated_after,
            max_offline: config.max_offline,
        };
        let parts = StoredParts {
            epoch: Epoch(1),
            standing: None,
            boot_id: boot_id.clone(),
            settings,
            host,
        };
        if !lost.is_empty() {
            commits::restore_lost(&mut vault, &lost, &parts, times.now())
                .map_err(problems::vault)?;
            records = vault.accounts().map_err(problems::vault)?;
            lists = vault.lists().map_err(problems::vault)?;
        }
        let lists = commits::shown(lists);
        let hints = match host {
            HostState::Suspended => Vec::new(),
            HostState::Focused | HostState::Running | HostState::Checking => vault.take_hints(),
        };
        if host == HostState::Suspended {
            // An app that was started in the background may be frozen at any moment.
            let _ = vault.close();
        }
        let resources = |_| Error::StoreUnavailable;
        let runtime = Builder::new_multi_thread()
            .worker_threads(policy::RUNTIME_THREADS)
            .thread_name("steadfast")
            .enable_all()
            .build()
            .map_err(resources)?;
        let (vault, _) =
            Desk::start("steadfast-vault", vault, Vault::distrust).map_err(resources)?;
        let first = Changes {
            revision: Revision::START,
            accounts: records.iter().map(first_snapshot).collect(),
            notices: lists.notices,
            withdrawn_notices: lists.withdrawn_notices,
            obligations: lists.obligations,
            cookies_due: if config.web_view == WebView::CookiesForAccounts {
                lists.cookies_due
            } else {
                Vec::new()
            },
            reminders: Vec::new(),
        };
        let engine = Arc::new(Self {
            user_agent: config.device.user_agent(),
            boot_id,
            settings,
            dialler,
            callback,
            hub: Hub::new(first),
            times,
            keys: Keys::new(key_store, runtime.handle().clone()),
            vault: Mutex::new(Some(vault)),
            handle: runtime.handle().clone(),
            runtime: Mutex::new(Some(runtime)),
            accounts: Mutex::new(BTreeMap::new()),
            left_alone: Mutex::new(BTreeMap::new()),
            host: watch::Sender::new(host),
            path: Mutex::new(NetworkPath::Up),
            host_turn: watch::Sender::new(0),
            ways: watch::Sender::new(0),
            outbox: Outbox::default(),
            legacy: Legacy::default(),
            web_views: WebViews::default(),
            closed: AtomicBool::new(false),
            process: std::process::id(),
            making_data_key: tokio::sync::Mutex::new(()),
            keeping: tokio::sync::Mutex::new(()),
            targets: transfers::Targets::default(),
            refreshing: tokio::sync::Mutex::new(()),
            storing: RwLock::new(()),
            asking: RwLock::new(()),
            hosting: tokio::sync::Mutex::default(),
            checking: tokio::sync::Mutex::default(),
            config,
        });
        for record in records {
            let id = record.id;
            if let Err(error) = engine.look_after(record) {
                // Its server was allowed to do without TLS when it was added, and no longer is; or its profile cannot be used
                // any more. No token goes there.
                tracing::warn!(
                    account = id.0,
                    code = error.code(),
                    "the account is left alone"
                );
                lock(&engine.left_alone).insert(id, error);
            }
        }
        engine.follow_hints(hints);
        engine.delete_keys(interrupted.orphan_keys);
        engine.start_outbox();
        engine.start_legacy();
        engine.start_erasing();
        Ok(engine)
    }

    /// Starts to look after an account that the vault holds.
    fn look_after(self: &Arc<Self>, record: AccountRecord) -> Result<Arc<Account>, Error> {
        let state = self.stored_state(&record);
        self.start(record, state)
    }

    /// The machine's state of an account as the vault holds it.
    fn stored_state(&self, record: &AccountRecord) -> State {
        let now = self.times.now();
        match State::restored(self.parts(record), now) {
            Ok(state) => state,
            Err(error) => {
                // A standing that cannot be read is no reason to believe anything about the session: it is asked about.
                tracing::warn!(account = record.id.0, %error, "the stored standing is not used");
                State::signed_in(self.parts(record), record.signed_in_server_date, now)
            }
        }
    }

    fn start(self: &Arc<Self>, record: AccountRecord, state: State) -> Result<Arc<Account>, Error> {
        let address = ServerAddress::parse(&record.server_url, self.config.clear_text)
            .map_err(problems::address)?;
        let (rest, lacks_secrets) = self.first_way(&record, address)?;
        let (account, inbox) = Account::new(&record, rest, lacks_secrets);
        let account = Arc::new(account);
        lock(&self.left_alone).remove(&record.id);
        lock(&self.accounts).insert(record.id, account.clone());
        let now = self.times.now();
        // What the first step will show is shown from the start: content that has to be covered is never seen before that.
        let (opened, _) = step(&state, Event::Opened, now);
        let mut snapshot = first_snapshot(&record);
        show(&mut snapshot, &opened.view(), now);
        self.hub.change(|changes| {
            match changes
                .accounts
                .iter_mut()
                .find(|known| known.id == record.id)
            {
                Some(known) => *known = snapshot,
                None => changes.accounts.push(snapshot),
            }
            self.plan_reminder(changes, &account, record.epoch);
        });
        Supervisor::start(self, account.clone(), state, inbox);
        Ok(account)
    }

    fn parts(&self, record: &AccountRecord) -> StoredParts {
        StoredParts {
            epoch: record.epoch,
            standing: Some(record.standing.detail.clone()),
            boot_id: self.boot_id.clone(),
            settings: self.settings_of(record.server.policy.as_deref()),
            host: *self.host.borrow(),
        }
    }

    /// The way to an account.
    pub(crate) fn account(&self, id: AccountId) -> Result<Arc<Account>, Error> {
        if self.is_closed() {
            return Err(Error::Closed);
        }
        let account = lock(&self.accounts).get(&id).cloned();
        account.ok_or_else(|| {
            let known = self
                .hub
                .read()
                .accounts
                .iter()
                .any(|snapshot| snapshot.id == id);
            match lock(&self.left_alone).get(&id) {
                Some(error) if known => error.clone(),
                _ => Error::NoSuchAccount,
            }
        })
    }

    /// An account as the app sees it.
    pub(crate) fn snapshot(&self, id: AccountId) -> Option<Snapshot> {
        let current = self.hub.read();
        let found = current.accounts.iter().find(|snapshot| snapshot.id == id);
        found.cloned()
    }

    fn every_account(&self) -> Vec<Arc<Account>> {
        lock(&self.accounts).values().cloned().collect()
    }

    fn spawn<F>(&self, work: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(work)
    }

    /// Waits until the app is suspended, or the core is gone.
    pub(crate) async fn suspension(&self) {
        let mut host = self.host.subscribe();
        let _ = host.wait_for(|state| *state == HostState::Suspended).await;
    }

    /// What cannot be stored must not be promised.
    pub(crate) fn not_suspended(&self) -> Result<(), Error> {
        if *self.host.borrow() == HostState::Suspended {
            return Err(Error::Suspended);
        }
        Ok(())
    }

    /// Asks a server something; `None` if the app is suspended first. Whoever suspends waits until this has let go of its
    /// socket. Touches no vault meanwhile.
    pub(crate) async fn unless_suspended<T>(&self, asking: impl Future<Output = T>) -> Option<T> {
        let _under_way = self.asking.read().await;
        tokio::select! {
            biased;
            () = self.suspension() => None,
            answer = asking => Some(answer),
        }
    }

    /// Between two rounds of work in the background: waits for news, for the next time that something is due (none: nothing
    /// wakes the device), or for the suspension, which no timer outlives. Whether there was news.
    async fn next_round(&self, news: &Notify, wait: Option<Duration>) -> bool {
        let due = async {
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = news.notified() => true,
            () = due => false,
            () = self.suspension() => false,
        }
    }

    /// Runs an operation to its end on the engine's runtime, whether or not its caller stays to hear of it.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        if self.is_closed() {
            return Err(Error::Closed);
        }
        self.spawn(work).await.unwrap_or_else(|_| Err(self.gone()))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire) || self.is_forked()
    }

    fn is_forked(&self) -> bool {
        self.process != std::process::id()
    }

    /// What it means that whoever was to answer is gone: the core was closed, or it has a fault.
    pub(crate) fn gone(&self) -> Error {
        if self.is_closed() {
            Error::Closed
        } else {
            Error::Internal
        }
    }

    /// What it means that the worker of an account did not answer: the account was forgotten first; else as
    /// [`gone`](Self::gone).
    pub(crate) fn unanswered(&self, id: AccountId) -> Error {
        self.account(id).err().unwrap_or_else(|| self.gone())
    }

    /// A job for the vault.
    async fn vault<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Vault) -> Result<R, VaultError> + Send + 'static,
    ) -> Result<R, Failure> {
        let desk = lock(&self.vault).clone();
        match desk {
            Some(desk) => desk
                .hand_in(job)
                .await
                .map_err(|not_done| match not_done {
                    NotDone::Closed => Failure::Closed,
                    NotDone::Panicked => Failure::Panicked,
                })?
                .map_err(Failure::Vault),
            None => Err(Failure::Closed),
        }
    }

    /// Has the list written that names the accounts should the vault be damaged; nobody waits for it.
    fn refresh_server_list(&self) {
        if let Some(desk) = lock(&self.vault).as_ref() {
            drop(desk.hand_in(Vault::refresh_server_list));
        }
    }

    /// Puts the closing of the vault behind whatever it is still writing.
    fn close_vault_when_free(&self) {
        if let Some(desk) = lock(&self.vault).as_ref() {
            drop(desk.hand_in(Vault::close));
        }
    }

    /// Waits for something newer than `since`. Runs on the caller's executor: it only waits.
    pub(crate) async fn changes(&self, since: Revision) -> Result<Changes, Error> {
        let mut revisions = self.hub.subscribe();
        loop {
            if self.is_closed() {
                return Err(Error::Closed);
            }
            let current = self.hub.read();
            if current.revision > since {
                return Ok(Changes::clone(&current));
            }
            if revisions.changed().await.is_err() {
                return Err(Error::Closed);
            }
        }
    }

    /// Shows what the vault holds of an account whose session has just begun; what is believed of it follows.
    fn show_record(&self, record: &AccountRecord) {
        self.hub.change(|changes| {
            if let Some(known) = changes
                .accounts
                .iter_mut()
                .find(|known| known.id == record.id)
            {
                let fresh = first_snapshot(record);
                *known = Snapshot {
                    standing: known.standing,
                    reason: known.reason,
                    cover: known.cover || fresh.waits_for_erasing,
                    link: known.link,
                    ..fresh
                };
            }
        });
    }

    /// Whether an account is covered until the app has erased what it stored of somebody else.
    fn waits_for_erasing(&self, id: AccountId) -> bool {
        let current = self.hub.read();
        current
            .accounts
            .iter()
            .any(|snapshot| snapshot.id == id && snapshot.waits_for_erasing)
    }

    /// Makes an account's state visible.
    fn publish(&self, account: &Account, epoch: Epoch, view: &View, now: Now) {
        let needs_resync = account.events.needs_resync();
        self.hub.change(|changes| {
            if let Some(snapshot) = changes
                .accounts
                .iter_mut()
                .find(|snapshot| snapshot.id == account.id)
            {
                show(snapshot, view, now);
                snapshot.needs_resync = needs_resync;
            }
            self.plan_reminder(changes, account, epoch);
        });
    }

    /// Closes: no new work, workers and sockets ended, the vault closed.
    pub(crate) async fn close(self: &Arc<Self>) {
        if self.is_forked() {
            return;
        }
        if self.closed.swap(true, Ordering::AcqRel) {
            return;
        }
        let engine = self.clone();
        // On the engine's own runtime and clock, so that any executor may call this.
        let _ = self
            .spawn(
                async move { tokio::time::timeout(policy::CLOSE_DEADLINE, engine.wind_up()).await },
            )
            .await;
        self.shut_down();
    }

    async fn wind_up(&self) {
        for account in self.every_account() {
            let (stopped, done) = oneshot::channel();
            account.send(Message::Stop(stopped));
            let _ = done.await;
        }
        let desk = lock(&self.vault).take();
        if let Some(desk) = desk {
            let _ = desk.hand_in(Vault::close).await;
        }
    }

    /// What dropping the last handle does: everything that [`close`](Self::close) does, without waiting.
    pub(crate) fn abandon(&self) {
        if self.is_forked() {
            // Threads to be told are not there.
            if let Some(runtime) = lock(&self.runtime).take() {
                std::mem::forget(runtime);
            }
            return;
        }
        self.closed.store(true, Ordering::Release);
        self.shut_down();
    }

    fn shut_down(&self) {
        // A vault that is still busy finishes what it does and is closed behind that.
        if let Some(desk) = lock(&self.vault).take() {
            drop(desk.hand_in(Vault::close));
        }
        for account in std::mem::take(&mut *lock(&self.accounts)).into_values() {
            account.events.close();
        }
        self.hub.wake();
        // A plain drop would wait for blocking work, and panics inside another runtime.
        if let Some(runtime) = lock(&self.runtime).take() {
            runtime.shutdown_background();
        }
    }
}

/// An account as another process sees it: what is stored of it, with nothing in motion.
pub(crate) fn stored_snapshot(record: &AccountRecord) -> Snapshot {
    let times = Times::new(Arc::new(SystemClock::new(None)));
    let now = times.now();
    let parts = StoredParts {
        epoch: record.epoch,
        standing: Some(record.standing.detail.clone()),
        boot_id: times.boot_id(),
        settings: Settings {
            restore_window: policy::RESTORE_WINDOW,
            cover_until_validated_after: None,
            max_offline: None,
        },
        host: HostState::Suspended,
    };
    let mut snapshot = first_snapshot(record);
    snapshot.waits_for_erasing = record.waits_for_erasing;
    // A standing that cannot be read leaves the account covered.
    if let Ok(state) = State::restored(parts, now) {
        show(&mut snapshot, &state.view(), now);
    }
    snapshot.link = crate::api::Link::Paused;
    // Only the app can carry such an offer out.
    snapshot.may_continue = false;
    snapshot
}

fn first_snapshot(record: &AccountRecord) -> Snapshot {
    Snapshot {
        id: record.id,
        server_url: record.server_url.clone(),
        user_id: record.user_id.clone(),
        username: record.user.username.clone(),
        roles: record.user.roles.clone(),
        locale: record.user.locale.clone(),
        server_name: record.server.name.clone().unwrap_or_default(),
        server_version: record.server.version.clone().unwrap_or_default(),
        sign_in_method: SignInMethod::from_code(&record.sign_in_method),
        standing: crate::api::Standing::Active,
        reason: None,
        cover: true,
        may_continue: false,
        may_sign_in_again: false,
        waits_for_erasing: record.waits_for_erasing,
        link: crate::api::Link::Paused,
        expires_at: record.expires_at,
        validated_at: record.validated_at.as_ref().map(|stamp| stamp.wall),
        needs_resync: true,
    }
}

/// Writes what the machine believes into a snapshot.
fn show(snapshot: &mut Snapshot, view: &View, now: Now) {
    use crate::api::Link as Public;
    use crate::session::Link;
    (snapshot.standing, snapshot.reason) = public_standing(view.standing);
    snapshot.cover = view.cover || snapshot.waits_for_erasing;
    snapshot.may_continue = view.standing.may_continue();
    snapshot.may_sign_in_again = view.may_sign_in_again;
    snapshot.validated_at = view.validated_at.or(snapshot.validated_at);
    let wall = |until: crate::session::BootMillis| {
        let wait = i64::try_from(until.since(now.boot).as_millis()).unwrap_or(i64::MAX);
        crate::session::UnixMillis(now.wall.0.saturating_add(wait))
    };
    snapshot.link = match view.link {
        Link::Paused => Public::Paused,
        Link::Offline => Public::Offline,
        Link::Portal { .. } => Public::Portal,
        Link::Connecting { .. } => Public::Connecting,
        Link::Live { .. } => Public::Live,
        Link::Polling { .. } => Public::Polling,
        Link::Waiting { until, .. } => match snapshot.link {
            // The wall clock is read anew at each publication; the same wait must not look like another one.
            Public::Waiting { until: shown } if (shown.0 - wall(until).0).abs() < 1_000 => {
                Public::Waiting { until: shown }
            }
            _ => Public::Waiting { until: wall(until) },
        },
    };
}
