//! The switches that tests turn while the server runs, and what they may see.

pub(crate) mod http;

use crate::push::expiry;
use crate::push::proxy::{PushAnswer, PushRecord};
use crate::state::requests::{RequestRecord, SocketRequest};
use crate::state::sessions::Session;
use crate::state::settings::{Database, HealthQuery, Settings};
use crate::state::single_use::DESKTOP_TOKEN;
use crate::state::users::{AccessToken, Role, User};
use crate::state::{Life, SecretKind, Shared, World, ids};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// Handle to a running server; cheap to clone, usable from any thread.
#[derive(Clone)]
pub struct Control {
    shared: Arc<Shared>,
}

/// A session row as tests may see it: everything but the token.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SessionInfo {
    /// Identifier.
    pub id: String,
    /// Push device id, empty when none is attached.
    pub device_id: String,
    /// Unix milliseconds.
    pub create_at: i64,
    /// Unix milliseconds; 0 or less: never.
    pub expires_at: i64,
    /// Unix milliseconds.
    pub last_activity_at: i64,
    /// Whether the device was told of the expiry.
    pub expired_notify: bool,
    /// `platform`, `os`, `browser`, `isMobile`, `csrf` and what else there is.
    pub props: std::collections::BTreeMap<String, String>,
}

impl From<&Session> for SessionInfo {
    fn from(session: &Session) -> Self {
        Self {
            id: session.id.clone(),
            device_id: session.device_id.clone(),
            create_at: session.create_at,
            expires_at: session.expires_at,
            last_activity_at: session.last_activity_at,
            expired_notify: session.expired_notify,
            props: session.props.clone(),
        }
    }
}

/// One open socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SocketInfo {
    /// Connection id as `hello` told it.
    pub connection_id: String,
    /// Name of the user; `None` before authentication.
    pub user: Option<String>,
    /// Whether it holds what it takes for a good session. A socket that was
    /// not asked since its session ended may still say so.
    pub authenticated: bool,
}

impl Control {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Sets the condition of the database.
    pub fn database(&self, database: Database) {
        self.shared.database.send_replace(database);
    }

    /// For this long after its creation a session is unknown to reads.
    pub fn replica_lag(&self, lag: Duration) {
        self.shared.world().replica_lag = lag;
    }

    /// Enforces a second factor: 403 for users without one, silent sockets.
    pub fn mfa_enforced(&self, enforced: bool) {
        self.settings(|settings| settings.enforce_multifactor_authentication = enforced);
    }

    /// Ends all connections, refuses new ones for a while, comes back with
    /// the sessions kept and everything held in memory by a node forgotten.
    /// Returns when the server listens again.
    pub async fn restart(&self, down_for: Duration) {
        self.restart_with(down_for, |_| {}).await;
    }

    /// Keeps a copy of what is stored: users and their sessions, access tokens, posts, files, sign-ins that are going on.
    /// It takes the place of an earlier copy. Settings and the other switches are not in it.
    pub fn back_up(&self) {
        self.shared.world().back_up();
    }

    /// Restarts, and comes back with what the last [`back_up`](Self::back_up) kept: whatever was made since is unknown, and
    /// what was revoked since is good again. Nobody is told. Returns when the server listens again.
    ///
    /// # Panics
    /// When no copy was kept.
    pub async fn put_back(&self, down_for: Duration) {
        assert!(self.has_backup(), "there is a backup");
        self.restart_with(down_for, World::put_back).await;
    }

    fn has_backup(&self) -> bool {
        self.shared.world().backup.is_some()
    }

    async fn restart_with(&self, down_for: Duration, change: impl FnOnce(&mut World)) {
        let Some(next) = self.go_down() else { return };
        self.until_listening(false).await;
        tokio::time::sleep(down_for).await;
        change(&mut self.shared.world());
        self.come_up(next);
        self.until_listening(true).await;
    }

    async fn until_listening(&self, wanted: bool) {
        let mut listening = self.shared.listening.subscribe();
        let mut life = self.shared.life.subscribe();
        tokio::select! {
            _ = listening.wait_for(|listening| *listening == wanted) => {}
            _ = life.wait_for(|life| *life == Life::Ended) => {}
        }
    }

    fn go_down(&self) -> Option<Life> {
        let before = *self.shared.life.borrow();
        let Life::Up(number) = before else {
            return None;
        };
        self.shared.life.send_replace(Life::Down);
        let mut world = self.shared.world();
        world.cache.clear();
        world.hub.clear();
        Some(Life::Up(number + 1))
    }

    fn come_up(&self, next: Life) {
        self.shared.life.send_if_modified(|life| {
            let was_down = *life == Life::Down;
            if was_down {
                *life = next;
            }
            was_down
        });
    }

    /// Moves the server's clock forward.
    pub fn clock_advance(&self, by: Duration) {
        self.shared.clock.advance(by);
    }

    /// Sets the server's clock, in Unix milliseconds.
    pub fn clock_set(&self, now_ms: i64) {
        self.shared.clock.set(now_ms);
    }

    /// The server's clock, in Unix milliseconds.
    pub fn now_ms(&self) -> i64 {
        self.shared.now()
    }

    /// Sets what becomes of the ping that asks for the server's status.
    pub fn health_query(&self, health_query: HealthQuery) {
        self.shared.health_query.send_replace(health_query);
    }

    /// Leaves these headers out of every answer; an empty list ends that.
    pub fn strip_headers(&self, names: impl IntoIterator<Item = impl Into<String>>) {
        let names = names
            .into_iter()
            .map(|name| name.into().to_lowercase())
            .collect();
        self.shared.world().stripped_headers = names;
    }

    /// Has a proxy in front answer everything with a page of its own and this
    /// status, until it is told `None`. Open sockets stay.
    pub fn maintenance(&self, status: Option<u16>) {
        self.shared.world().maintenance = status;
    }

    /// Holds back the answers to requests of this path, until it is told another or `None`. What was asked for is done all
    /// the same, and its record shows the status.
    pub fn hold_back(&self, path: Option<&str>) {
        let path = path.map(str::to_owned);
        self.shared.held_back.send_replace(path);
    }

    /// Has every resume find that events were lost: `hello` under a new id.
    pub fn lose_resumes(&self, lose: bool) {
        self.shared.world().hub.lose_resumes = lose;
    }

    /// Makes the node forget the sessions it has read, so that the next look
    /// at each token needs the database.
    pub fn clear_token_cache(&self) {
        self.shared.world().cache.clear();
    }

    /// Changes the configuration.
    pub fn settings(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.shared.world().settings);
    }

    /// Deletes a session row, found by id or token, behind the server's back:
    /// caches and sockets are not told.
    pub fn delete_session(&self, id_or_token: &str) -> bool {
        let mut world = self.shared.world();
        let before = world.sessions.len();
        world
            .sessions
            .retain(|row| row.id != id_or_token && row.token != id_or_token);
        world.sessions.len() < before
    }

    /// Lets a session, found by id or token, expire as if its time had come:
    /// row, caches and sockets agree that it ended a moment ago.
    pub fn expire_session(&self, id_or_token: &str) -> bool {
        let ended = self.shared.now() - 1;
        let mut world = self.shared.world();
        let Some(row) = world.session_row(id_or_token) else {
            return false;
        };
        row.expires_at = ended;
        let user_id = row.user_id.clone();
        world.forget_cached(&user_id);
        true
    }

    /// Changes a session row, found by id or token, behind the server's back:
    /// caches and sockets are not told.
    pub fn edit_session(&self, id_or_token: &str, change: impl FnOnce(&mut Session)) -> bool {
        let mut world = self.shared.world();
        let row = world.session_row(id_or_token);
        let found = row.is_some();
        if let Some(row) = row {
            change(row);
        }
        found
    }

    /// Revokes a session, found by id or token, as the server itself does.
    pub fn revoke_session(&self, id_or_token: &str) -> bool {
        let mut world = self.shared.world();
        let Some(id) = world.session_row(id_or_token).map(|row| row.id.clone()) else {
            return false;
        };
        world.revoke(&id)
    }

    /// Deactivates or activates an account, as an administrator does.
    pub fn deactivate(&self, user: &str, deactivated: bool) {
        let healthy = self.shared.database_is_healthy();
        let now = self.shared.now();
        let mut world = self.shared.world();
        if let Some(id) = world.user_named(user).map(|user| user.id.clone()) {
            world.set_deactivated(&id, deactivated, now, healthy);
        }
    }

    /// Sets up a second factor for a user and returns its base32 secret.
    ///
    /// # Panics
    /// When there is no such user.
    pub fn enable_mfa(&self, user: &str) -> String {
        let mut world = self.shared.world();
        let factor = &mut world.user_named(user).expect("a known user").second_factor;
        let secret = factor.generate();
        factor.active = true;
        let minted = (SecretKind::SecondFactor, secret.clone());
        world.secrets.push(minted);
        secret
    }

    /// The one-time code that the user's authenticator shows now.
    ///
    /// # Panics
    /// When the user is unknown or has no second factor.
    pub fn totp(&self, user: &str) -> String {
        let now = self.shared.now();
        let mut world = self.shared.world();
        let user = world.user_named(user).expect("a known user");
        user.second_factor.code_at(now).expect("a second factor")
    }

    /// Forgets the failed sign-ins of a user.
    pub fn unlock(&self, user: &str) {
        if let Some(user) = self.shared.world().user_named(user) {
            user.failed_attempts = 0;
        }
    }

    /// Adds an account while the server runs; returns its id.
    pub fn create_user(&self, name: &str, password: &str, role: Role) -> String {
        let user = User::new(name, password, role, self.shared.now());
        let id = user.id.clone();
        self.shared.world().users.push(user);
        id
    }

    /// Adds a bot account; returns its id.
    pub fn create_bot(&self, name: &str) -> String {
        let user = User::bot(name, self.shared.now());
        let id = user.id.clone();
        self.shared.world().users.push(user);
        id
    }

    /// Says who vouches for a user: `gitlab`, `google`, `office365`, `openid`,
    /// `saml`, `ldap`, `magic_link`, or the password (empty).
    pub fn auth_service(&self, user: &str, service: &str) {
        self.edit_user(user, |user| user.auth_service = service.to_owned());
    }

    /// Says whether a user's e-mail address was verified.
    pub fn email_verified(&self, user: &str, verified: bool) {
        self.edit_user(user, |user| user.email_verified = verified);
    }

    /// Says whether a user is at home on another server.
    pub fn remote(&self, user: &str, remote: bool) {
        let remote_id = if remote { ids::new_id() } else { String::new() };
        self.edit_user(user, |user| user.remote_id = remote_id);
    }

    fn edit_user(&self, user: &str, change: impl FnOnce(&mut User)) {
        if let Some(user) = self.shared.world().user_named(user) {
            change(user);
        }
    }

    /// What was in the links that a guest was mailed, oldest first.
    pub fn mailed_links(&self, user: &str) -> Vec<String> {
        let id = self.user_id(user);
        let world = self.shared.world();
        let own = world
            .mailbox
            .iter()
            .filter(|(to, _)| Some(to) == id.as_ref());
        own.map(|(_, token)| token.clone()).collect()
    }

    /// Makes a token that a desktop app signs in with, once and soon.
    ///
    /// # Panics
    /// When there is no such user.
    pub fn create_desktop_token(&self, user: &str) -> String {
        let now = self.shared.now();
        let id = self.user_id(user).expect("a known user");
        let mut world = self.shared.world();
        let token = world.desktop_tokens.hand_out(id, now, DESKTOP_TOKEN);
        let minted = (SecretKind::DesktopToken, token.clone());
        world.secrets.push(minted);
        token
    }

    /// Makes a personal access token; returns its id and the token.
    ///
    /// # Panics
    /// When there is no such user.
    pub fn create_access_token(&self, user: &str) -> (String, String) {
        let mut world = self.shared.world();
        let user_id = world.user_named(user).expect("a known user").id.clone();
        let made = AccessToken {
            id: ids::new_id(),
            token: ids::new_id(),
            user_id,
            description: "test".into(),
            is_active: true,
        };
        let answer = (made.id.clone(), made.token.clone());
        let minted = (SecretKind::AccessToken, made.token.clone());
        world.secrets.push(minted);
        world.access_tokens.push(made);
        answer
    }

    /// Posts a message to town-square in a user's name, events included;
    /// returns the post's id.
    ///
    /// # Panics
    /// When there is no such user.
    pub fn post(&self, user: &str, message: &str) -> String {
        let healthy = self.shared.database_is_healthy();
        let now = self.shared.now();
        let mut world = self.shared.world();
        let user_id = world.user_named(user).expect("a known user").id.clone();
        let channel_id = world.channels[0].id.clone();
        world
            .create_post(&user_id, &channel_id, message, "", now, healthy)
            .id
    }

    /// Puts a file on the server; returns its id.
    pub fn put_file(&self, bytes: Vec<u8>) -> String {
        let id = ids::new_id();
        self.replace_file(&id, bytes);
        id
    }

    /// Puts other bytes in the place of a file's.
    pub fn replace_file(&self, id: &str, bytes: Vec<u8>) {
        let mut world = self.shared.world();
        world.files.insert(id.to_owned(), Arc::new(bytes));
    }

    /// The bytes of a file.
    pub fn file(&self, id: &str) -> Option<Arc<Vec<u8>>> {
        self.shared.world().files.get(id).cloned()
    }

    /// Id of a user.
    pub fn user_id(&self, user: &str) -> Option<String> {
        self.shared
            .world()
            .user_named(user)
            .map(|user| user.id.clone())
    }

    /// Id of the team that everybody is in.
    pub fn team_id(&self) -> String {
        self.shared.world().team.id.clone()
    }

    /// Id of the team's town-square.
    pub fn channel_id(&self) -> String {
        self.shared.world().channels[0].id.clone()
    }

    /// Every message that the push proxy was sent, in order of arrival.
    pub fn pushes(&self) -> Vec<PushRecord> {
        self.shared.push_proxy.all()
    }

    /// Waits for a message to the push proxy, early ones included.
    pub async fn wait_for_push(&self, predicate: impl Fn(&PushRecord) -> bool) -> PushRecord {
        self.shared.push_proxy.wait_for(predicate).await
    }

    /// Sets how the push proxy answers from now on.
    pub fn push_answer(&self, answer: PushAnswer) {
        self.shared.push_proxy.answer.send_replace(answer);
    }

    /// Runs the job that tells devices of expired sessions now, whether or
    /// not it is due or switched on; returns how many sessions it found. By
    /// itself it runs every ten minutes of the server's clock, where push
    /// messages and the extension by activity are on.
    pub async fn run_expiry_job(&self) -> usize {
        expiry::run(&self.shared, self.shared.now()).await
    }

    /// Session rows of a user, most recently active first, whatever the
    /// condition of the database.
    pub fn sessions(&self, user: &str) -> Vec<SessionInfo> {
        let mut world = self.shared.world();
        let Some(id) = world.user_named(user).map(|user| user.id.clone()) else {
            return Vec::new();
        };
        let mut rows: Vec<SessionInfo> = world
            .sessions
            .iter()
            .rev()
            .filter(|row| row.user_id == id)
            .map(SessionInfo::from)
            .collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.last_activity_at));
        rows
    }

    /// Every secret that the server ever made, spent and ended ones included, and
    /// those that clients made and told it, so that a test can look for them where
    /// they must not be. Passwords are not among them: whoever sets one knows it.
    pub fn secrets(&self) -> Vec<(SecretKind, String)> {
        self.shared.world().secrets.clone()
    }

    /// Every request so far, in order of arrival.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.shared.requests.all()
    }

    /// Waits for a request that arrives after this call is made, or one that
    /// is still unanswered now, and satisfies the predicate. Records are shown
    /// on arrival (without a status) and again when they are answered.
    pub async fn wait_for(&self, predicate: impl Fn(&RequestRecord) -> bool) -> RequestRecord {
        let requests = self.shared.requests.all();
        let first = requests
            .iter()
            .position(|record| record.status.is_none())
            .unwrap_or(requests.len());
        self.wait_from(first, predicate).await
    }

    /// Waits for a request with at least this number that satisfies the
    /// predicate; take the number from [`Control::request_count`] beforehand.
    pub async fn wait_from(
        &self,
        first: usize,
        predicate: impl Fn(&RequestRecord) -> bool,
    ) -> RequestRecord {
        self.shared.requests.wait_from(first, predicate).await
    }

    /// How many requests have arrived so far.
    pub fn request_count(&self) -> usize {
        self.shared.requests.count()
    }

    /// Every request over a socket so far, in order of arrival.
    pub fn socket_requests(&self) -> Vec<SocketRequest> {
        self.shared.requests.over_sockets()
    }

    /// Waits for a request over a socket that satisfies the predicate, with at least this position among
    /// [`Control::socket_requests`]; answers its position.
    pub async fn wait_for_socket_request(
        &self,
        first: usize,
        predicate: impl Fn(&SocketRequest) -> bool,
    ) -> usize {
        let requests = &self.shared.requests;
        requests.wait_over_sockets_from(first, predicate).await
    }

    /// The sockets that are open now.
    pub fn live_sockets(&self) -> Vec<SocketInfo> {
        self.shared.world().live_sockets(self.shared.now())
    }

    /// Waits until the open sockets satisfy the predicate.
    pub async fn wait_for_sockets(
        &self,
        predicate: impl Fn(&[SocketInfo]) -> bool,
    ) -> Vec<SocketInfo> {
        let mut changes = self.shared.world().hub.changes();
        loop {
            changes.borrow_and_update();
            let sockets = self.live_sockets();
            if predicate(&sockets) {
                return sockets;
            }
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
