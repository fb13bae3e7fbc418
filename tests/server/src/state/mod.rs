//! Everything a server knows: accounts, sessions, sockets, and the switches
//! that make it misbehave. Nothing is stored; it ends with the server.
//!
//! [`World`] is the data under one lock, [`Shared`] adds what is waited on.

pub(crate) mod backup;
pub(crate) mod clock;
pub(crate) mod ids;
pub(crate) mod rate_limit;
pub(crate) mod requests;
pub(crate) mod sessions;
pub(crate) mod settings;
pub(crate) mod single_use;
pub(crate) mod sso;
pub(crate) mod teams;
pub(crate) mod user_agent;
pub(crate) mod users;

use crate::push::proxy::PushProxy;
use crate::push::signature::SigningKey;
use crate::websocket::hub::Hub;
use backup::Backup;
use clock::Clock;
use rate_limit::RateLimits;
use requests::RequestLog;
use sessions::{Lookup, Session, SessionCache};
use settings::{Database, Flavour, HealthQuery, Settings};
use single_use::SingleUse;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use teams::{Channel, Post, Team};
use tokio::sync::{Notify, watch};
use users::{AccessToken, User};

/// What a secret is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SecretKind {
    /// The token of a session.
    SessionToken,
    /// What goes with a session in a cookie against forged requests.
    Csrf,
    /// What the browser brings back to the app, worth a session with the verifier.
    LoginCode,
    /// What the app redeems a login code with, told by the app.
    CodeVerifier,
    /// What is in a mailed link.
    MagicLink,
    /// What a desktop app signs in with, once.
    DesktopToken,
    /// A personal access token.
    AccessToken,
    /// What the codes of an authenticator are made from, in base32.
    SecondFactor,
}

/// Whether the server is up, and which life it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// Serving; the number grows with each restart.
    Up(u64),
    /// Down for a restart.
    Down,
    /// Gone for good.
    Ended,
}

pub(crate) struct World {
    pub(crate) flavour: Flavour,
    pub(crate) settings: Settings,
    pub(crate) users: Vec<User>,
    pub(crate) access_tokens: Vec<AccessToken>,
    pub(crate) sessions: Vec<Session>,
    /// Every secret ever made here or told by a client, for tests that look for leaks.
    pub(crate) secrets: Vec<(SecretKind, String)>,
    pub(crate) cache: SessionCache,
    pub(crate) team: Team,
    pub(crate) channels: Vec<Channel>,
    pub(crate) posts: Vec<Post>,
    pub(crate) files: BTreeMap<String, Arc<Vec<u8>>>,
    pub(crate) hub: Hub,
    pub(crate) replica_lag: Duration,
    pub(crate) stripped_headers: Vec<String>,
    /// Status with which a proxy in front answers everything, if it does.
    pub(crate) maintenance: Option<u16>,
    pub(crate) rate_limits: RateLimits,
    /// Revoked sessions whose devices are still to be told to wipe.
    pub(crate) wipes: Vec<Session>,
    pub(crate) wipes_waiting: Arc<Notify>,
    pub(crate) sso: sso::SignIns,
    /// Ids of guests, by what is in the links they were mailed.
    pub(crate) magic_links: SingleUse<String>,
    /// Ids of guests and what they were mailed, oldest first.
    pub(crate) mailbox: Vec<(String, String)>,
    /// Ids of users, by desktop token.
    pub(crate) desktop_tokens: SingleUse<String>,
    /// What an administrator has kept of all this, if anything.
    pub(crate) backup: Option<Backup>,
}

pub(crate) struct Shared {
    world: Mutex<World>,
    pub(crate) clock: Clock,
    pub(crate) database: watch::Sender<Database>,
    pub(crate) health_query: watch::Sender<HealthQuery>,
    /// Path whose answers are made and not yet given.
    pub(crate) held_back: watch::Sender<Option<String>>,
    pub(crate) life: watch::Sender<Life>,
    /// Whether clients can connect; follows the life at a short distance.
    pub(crate) listening: watch::Sender<bool>,
    /// Each task of the server holds a receiver, so that its end can be awaited.
    pub(crate) tasks: watch::Sender<()>,
    pub(crate) requests: RequestLog,
    pub(crate) push_proxy: Arc<PushProxy>,
    pub(crate) signing_key: SigningKey,
    pub(crate) flavour: Flavour,
    pub(crate) diagnostic_id: String,
    pub(crate) version_id: String,
    pub(crate) base_url: String,
    pub(crate) is_tls: bool,
}

/// Version, build, hash of the client configuration and licence. The hash is
/// SHA-256 on 11.6 and as long as an MD5 on 5.37.
fn version_id(flavour: Flavour, diagnostic_id: &str) -> String {
    let mut hash = ids::sha256_hex(diagnostic_id);
    if flavour.is_classic() {
        hash.truncate(32);
    }
    format!("{}.dev.{hash}.false", flavour.version())
}

/// The database did not answer.
#[derive(Debug)]
pub(crate) struct DatabaseDown;

impl Shared {
    pub(crate) fn new(
        flavour: Flavour,
        settings: Settings,
        base_url: String,
        push_proxy: Arc<PushProxy>,
    ) -> Self {
        let clock = Clock::default();
        let now = clock.now_ms();
        let diagnostic_id = ids::new_id();
        // 5.37 makes its bot when it first has something to say.
        let users = match flavour {
            Flavour::V11 => vec![User::system_bot(now)],
            Flavour::V5 => Vec::new(),
        };
        Self {
            world: Mutex::new(World {
                flavour,
                settings,
                users,
                access_tokens: Vec::new(),
                sessions: Vec::new(),
                secrets: Vec::new(),
                cache: SessionCache::default(),
                team: Team::new(now),
                channels: vec![
                    Channel::new("town-square", "Town Square", now),
                    Channel::new("off-topic", "Off-Topic", now),
                ],
                posts: Vec::new(),
                files: BTreeMap::new(),
                hub: Hub::new(flavour),
                replica_lag: Duration::ZERO,
                stripped_headers: Vec::new(),
                maintenance: None,
                rate_limits: RateLimits::default(),
                wipes: Vec::new(),
                wipes_waiting: Arc::default(),
                sso: sso::SignIns::default(),
                magic_links: SingleUse::default(),
                mailbox: Vec::new(),
                desktop_tokens: SingleUse::default(),
                backup: None,
            }),
            clock,
            database: watch::Sender::new(Database::Healthy),
            health_query: watch::Sender::new(HealthQuery::Answered),
            held_back: watch::Sender::new(None),
            life: watch::Sender::new(Life::Up(0)),
            listening: watch::Sender::new(true),
            tasks: watch::Sender::new(()),
            requests: RequestLog::new(),
            push_proxy,
            signing_key: SigningKey::generate(),
            flavour,
            version_id: version_id(flavour, &diagnostic_id),
            diagnostic_id,
            is_tls: base_url.starts_with("https:"),
            base_url,
        }
    }

    /// The data, locked. Never held across an await.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(crate) fn now(&self) -> i64 {
        self.clock.now_ms()
    }

    pub(crate) fn database_is_healthy(&self) -> bool {
        *self.database.borrow() == Database::Healthy
    }

    /// Spends the time that `attempts` operations in a row take, and tells
    /// whether the database answered. A thaw ends the wait early.
    pub(crate) async fn reach_database(&self, attempts: u32) -> Result<(), DatabaseDown> {
        let mut condition = self.database.subscribe();
        let timeout = self.world().settings.database_connect_timeout_ms;
        let deadline =
            tokio::time::Instant::now() + Duration::from_millis(timeout * u64::from(attempts));
        loop {
            match *condition.borrow_and_update() {
                Database::Healthy => return Ok(()),
                Database::Stopped => return Err(DatabaseDown),
                Database::Frozen => {}
            }
            tokio::select! {
                () = tokio::time::sleep_until(deadline) => return Err(DatabaseDown),
                _ = condition.changed() => {}
            }
        }
    }

    /// The session of a token, as a request or a socket gets it.
    ///
    /// A database that does not answer makes a good token that is not in the
    /// node's cache look exactly like a revoked one.
    pub(crate) async fn session_of(&self, token: &str) -> Lookup {
        if let Some(found) = self.world().cached(token, self.now()) {
            return found;
        }
        if self.reach_database(2).await.is_err() {
            return Lookup::Invalid;
        }
        self.world().look_up(token, self.now())
    }
}

impl World {
    pub(crate) fn user(&self, id: &str) -> Option<&User> {
        self.users.iter().find(|user| user.id == id)
    }

    pub(crate) fn user_mut(&mut self, id: &str) -> Option<&mut User> {
        self.users.iter_mut().find(|user| user.id == id)
    }

    /// A user by name, for the control interface; ids work as well.
    pub(crate) fn user_named(&mut self, name_or_id: &str) -> Option<&mut User> {
        self.users
            .iter_mut()
            .find(|user| user.username == name_or_id || user.id == name_or_id)
    }

    pub(crate) fn channel(&self, id: &str) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.id == id)
    }

    /// Whether the user still has to enrol a second factor. Bots never have to,
    /// nor has who signs in elsewhere, nor a guest.
    pub(crate) fn must_enrol(&self, session: &Session) -> bool {
        self.settings.enable_multifactor_authentication
            && self.settings.enforce_multifactor_authentication
            && self.user(&session.user_id).is_some_and(|user| {
                let exempt = user.is_bot || user.uses_single_sign_on() || user.is_guest();
                !exempt && !user.second_factor.active
            })
    }

    /// Deactivates or activates an account: sessions first, news afterwards.
    pub(crate) fn set_deactivated(
        &mut self,
        user_id: &str,
        deactivated: bool,
        now: i64,
        healthy: bool,
    ) {
        let Some(user) = self.user_mut(user_id) else {
            return;
        };
        user.delete_at = if deactivated { now } else { 0 };
        user.update_at = now;
        let profile = self
            .user(user_id)
            .map(|user| user.json(users::View::Administrator, self.flavour));
        let profile = profile.unwrap_or_default();
        if deactivated {
            self.revoke_all_of(user_id);
            self.hub.invalidate(user_id);
        }
        self.publish_user_updated(user_id, profile, now, healthy);
        self.publish_activation_change(now, healthy);
    }

    pub(crate) fn set_password(&mut self, user_id: &str, password: &str, now: i64) {
        if let Some(user) = self.user_mut(user_id) {
            user.password = password.to_owned();
            user.last_password_update = now;
            user.update_at = now;
            user.failed_attempts = 0;
        }
    }
}
