//! Session rows, the node's session cache and the rules by which a token is
//! good: what `server/channels/app/session.go` and
//! `server/channels/app/platform/session.go` do in mattermost/mattermost.
//!
//! Nothing here speaks HTTP. The condition of the database is the caller's
//! business: [`World::cached`] works without it, everything else needs it.

use super::ids::new_id;
use super::{SecretKind, World};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

/// Longest device id that fits the column.
pub(crate) const DEVICE_ID_COLUMN: usize = 512;
/// `last_activity_at` moves at most this often.
const ACTIVITY_STEP_MS: i64 = 5 * 60 * 1000;
const HOUR_MS: i64 = 3_600_000;
const ACCESS_TOKEN_LIFETIME_MS: i64 = 100 * 365 * 24 * HOUR_MS;

/// A session row. Times are Unix milliseconds by the server's clock.
#[derive(Clone)]
pub struct Session {
    /// Identifier, 26 characters.
    pub id: String,
    /// The bearer token. Never log it.
    pub token: String,
    /// When it was made.
    pub create_at: i64,
    /// When it ends; 0 or less: never.
    pub expires_at: i64,
    /// When it was last seen active.
    pub last_activity_at: i64,
    /// Whose it is.
    pub user_id: String,
    /// Push device id, empty when none is attached.
    pub device_id: String,
    /// Roles of the user when it was made.
    pub roles: String,
    /// Whether the expiry push has been sent.
    pub expired_notify: bool,
    /// Properties, all of them strings.
    pub props: BTreeMap<String, String>,
    pub(crate) written: Instant,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Session")
            .field("id", &self.id)
            .field("user_id", &self.user_id)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Whether its time is over.
    pub fn is_expired(&self, now: i64) -> bool {
        self.expires_at > 0 && now > self.expires_at
    }

    /// Whether it belongs to a mobile app, by device id or user agent.
    pub fn is_mobile(&self) -> bool {
        !self.device_id.is_empty() || self.prop("isMobile") == "true"
    }

    pub(crate) fn is_access_token(&self) -> bool {
        self.prop("type") == "UserAccessToken"
    }

    pub(crate) fn prop(&self, name: &str) -> &str {
        self.props.get(name).map_or("", String::as_str)
    }

    /// The JSON object with the token blanked, as every answer has it.
    pub(crate) fn json(&self, team_id: &str) -> Value {
        json!({
            "id": self.id,
            "token": "",
            "create_at": self.create_at,
            "expires_at": self.expires_at,
            "last_activity_at": self.last_activity_at,
            "user_id": self.user_id,
            "device_id": self.device_id,
            "roles": self.roles,
            "is_oauth": false,
            "expired_notify": self.expired_notify,
            "props": self.props,
            "team_members": [{
                "team_id": team_id,
                "user_id": self.user_id,
                "roles": "team_user",
                "delete_at": 0,
                "scheme_guest": false,
                "scheme_user": true,
                "scheme_admin": false,
                "explicit_roles": "",
            }],
            "local": false,
        })
    }
}

/// What became of a token.
pub(crate) enum Lookup {
    /// A live session.
    Found(Box<Session>),
    /// Unknown, expired, revoked, idle too long: nobody is told which.
    Invalid,
    /// An access token on a server that has switched them off.
    AccessTokensOff,
}

/// Why a session could not be saved.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Sessions that the node has read lately, by token.
#[derive(Default)]
pub(crate) struct SessionCache {
    entries: HashMap<String, (Session, i64)>,
}

impl SessionCache {
    fn get(&mut self, token: &str, now: i64, lifetime_ms: i64) -> Option<Session> {
        let (session, read_at) = self.entries.get(token)?;
        if now - read_at >= lifetime_ms {
            self.entries.remove(token);
            return None;
        }
        Some(session.clone())
    }

    fn put(&mut self, session: &Session, now: i64) {
        self.entries
            .insert(session.token.clone(), (session.clone(), now));
    }

    pub(crate) fn forget_user(&mut self, user_id: &str) {
        self.entries
            .retain(|_, (session, _)| session.user_id != user_id);
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}

impl World {
    /// The session the node remembers for a token, if any. Needs no database.
    pub(crate) fn cached(&mut self, token: &str, now: i64) -> Option<Lookup> {
        let lifetime = self.settings.session_cache_minutes * 60_000;
        let session = self.cache.get(token, now, lifetime)?;
        Some(self.admit(session, now))
    }

    /// Looks a token up the whole way, with a database that answers.
    pub(crate) fn look_up(&mut self, token: &str, now: i64) -> Lookup {
        if let Some(found) = self.cached(token, now) {
            return found;
        }
        let row = self.sessions.iter().find(|row| row.token == token).cloned();
        let session = match row {
            Some(row) => row,
            None => match self.session_of_access_token(token, now) {
                Ok(session) => session,
                Err(refusal) => return refusal,
            },
        };
        if self.is_behind(&session) {
            return Lookup::Invalid;
        }
        self.cache.put(&session, now);
        self.admit(session, now)
    }

    fn admit(&mut self, session: Session, now: i64) -> Lookup {
        if self.is_behind(&session) || session.is_expired(now) {
            return Lookup::Invalid;
        }
        let idle_limit = self.settings.session_idle_timeout_minutes * 60_000;
        if idle_limit > 0
            && !self.settings.extend_session_length_with_activity
            && !session.is_mobile()
            && !session.is_access_token()
            && now - session.last_activity_at > idle_limit
        {
            self.revoke(&session.id);
            return Lookup::Invalid;
        }
        Lookup::Found(Box::new(session))
    }

    /// Whether a row is still unknown to the replica that reads are sent to.
    fn is_behind(&self, session: &Session) -> bool {
        session.written.elapsed() < self.replica_lag
    }

    fn session_of_access_token(&mut self, token: &str, now: i64) -> Result<Session, Lookup> {
        let access_token = self
            .access_tokens
            .iter()
            .find(|candidate| candidate.token == token && candidate.is_active)
            .cloned()
            .ok_or(Lookup::Invalid)?;
        let user = self
            .user(&access_token.user_id)
            .filter(|user| user.delete_at == 0)
            .cloned()
            .ok_or(Lookup::Invalid)?;
        if !self.settings.enable_user_access_tokens && !user.is_bot {
            return Err(Lookup::AccessTokensOff);
        }
        let mut props = BTreeMap::from([
            ("is_guest".to_owned(), user.is_guest().to_string()),
            ("type".to_owned(), "UserAccessToken".to_owned()),
            ("user_access_token_id".to_owned(), access_token.id),
        ]);
        if user.is_bot {
            props.insert("is_bot".into(), "true".into());
        }
        let session = Session {
            id: new_id(),
            token: token.to_owned(),
            create_at: now,
            expires_at: now + ACCESS_TOKEN_LIFETIME_MS,
            last_activity_at: now,
            user_id: user.id,
            device_id: String::new(),
            roles: user.roles,
            expired_notify: false,
            props,
            written: Instant::now(),
        };
        self.sessions.push(session.clone());
        Ok(session)
    }

    /// Makes a session as a login does: same device signed out elsewhere,
    /// room made below the maximum, row and cache written.
    pub(crate) fn create_session(
        &mut self,
        user_id: &str,
        device_id: &str,
        mut props: BTreeMap<String, String>,
        now: i64,
    ) -> Result<Session, TooLong> {
        if device_id.chars().count() > DEVICE_ID_COLUMN {
            return Err(TooLong);
        }
        if !device_id.is_empty() {
            self.revoke_others_with_device(user_id, device_id, None);
        }
        self.make_room(user_id);
        let (roles, is_guest) = self.user(user_id).map_or_else(Default::default, |user| {
            (user.roles.clone(), user.is_guest())
        });
        let csrf = new_id();
        self.secrets.push((SecretKind::Csrf, csrf.clone()));
        props.insert("csrf".into(), csrf);
        props.insert("is_guest".into(), is_guest.to_string());
        let mut session = Session {
            id: new_id(),
            token: new_id(),
            create_at: now,
            expires_at: 0,
            last_activity_at: now,
            user_id: user_id.to_owned(),
            device_id: device_id.to_owned(),
            roles,
            expired_notify: false,
            props,
            written: Instant::now(),
        };
        session.expires_at = now + self.length_ms(&session);
        let token = session.token.clone();
        self.secrets.push((SecretKind::SessionToken, token));
        self.sessions.push(session.clone());
        self.cache.put(&session, now);
        Ok(session)
    }

    fn make_room(&mut self, user_id: &str) {
        let mut own: Vec<(i64, String)> = self
            .sessions
            .iter()
            .filter(|row| row.user_id == user_id)
            .map(|row| (row.last_activity_at, row.id.clone()))
            .collect();
        own.sort();
        let surplus = (own.len() + 1).saturating_sub(self.settings.maximum_sessions_per_user);
        for (_, id) in own.into_iter().take(surplus) {
            self.revoke(&id);
        }
    }

    /// How long a session of this kind lasts.
    pub(crate) fn length_ms(&self, session: &Session) -> i64 {
        let hours = if session.is_mobile() {
            self.settings.session_length_mobile_hours
        } else if session.prop("isOAuthUser") == "true" || session.prop("isSaml") == "true" {
            self.settings.session_length_sso_hours
        } else {
            self.settings.session_length_web_hours
        };
        hours * HOUR_MS
    }

    /// A row by its id or its token, as the revoke route looks it up.
    pub(crate) fn session_row(&mut self, id_or_token: &str) -> Option<&mut Session> {
        self.sessions
            .iter_mut()
            .find(|row| row.id == id_or_token || row.token == id_or_token)
    }

    /// Rows of a user, most recently active first; expired ones included.
    pub(crate) fn sessions_of(&self, user_id: &str) -> Vec<Session> {
        let mut rows: Vec<Session> = self
            .sessions
            .iter()
            .rev()
            .filter(|row| row.user_id == user_id && !self.is_behind(row))
            .cloned()
            .collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.last_activity_at));
        rows
    }

    /// Deletes a row, forgets the user's cached sessions and makes the user's
    /// sockets read theirs again. Nothing is sent and nothing is closed.
    pub(crate) fn revoke(&mut self, session_id: &str) -> bool {
        let Some(position) = self.sessions.iter().position(|row| row.id == session_id) else {
            return false;
        };
        let session = self.sessions.remove(position);
        self.forget_cached(&session.user_id);
        self.wipe_devices_of(vec![session]);
        true
    }

    pub(crate) fn revoke_all_of(&mut self, user_id: &str) {
        let revoked = self.take_sessions(|row| row.user_id == user_id);
        self.forget_cached(user_id);
        self.wipe_devices_of(revoked);
    }

    /// Queues the message to wipe, where the server sends one, for every
    /// session with a device that is not known to be gone.
    fn wipe_devices_of(&mut self, revoked: Vec<Session>) {
        if !self.settings.mobile_ephemeral_mode || !self.settings.push_notifications {
            return;
        }
        let reachable = |row: &Session| {
            !row.device_id.is_empty() && row.device_id != row.prop("last_removed_device_id")
        };
        self.wipes.extend(revoked.into_iter().filter(reachable));
        self.wipes_waiting.notify_one();
    }

    fn take_sessions(&mut self, wanted: impl Fn(&Session) -> bool) -> Vec<Session> {
        let (taken, kept) = std::mem::take(&mut self.sessions)
            .into_iter()
            .partition(|row| wanted(row));
        self.sessions = kept;
        taken
    }

    /// Deletes every row of the server. Sockets keep what they remember:
    /// 11.6 does not tell them, later servers do.
    pub(crate) fn revoke_everyone(&mut self) {
        let revoked = self.take_sessions(|_| true);
        self.cache.clear();
        if self.settings.revoking_everyone_silences_sockets {
            for key in self.hub.registered_keys() {
                self.hub.silence(key);
            }
        }
        self.wipe_devices_of(revoked);
    }

    pub(crate) fn revoke_others_of(&mut self, user_id: &str, kept: &str) {
        let revoked = self.take_sessions(|row| row.user_id == user_id && row.id != kept);
        self.forget_cached(user_id);
        self.wipe_devices_of(revoked);
    }

    fn revoke_others_with_device(&mut self, user_id: &str, device_id: &str, kept: Option<&str>) {
        // The device goes on with another session, so it is not wiped.
        let revoked = self.take_sessions(|row| {
            row.user_id == user_id && row.device_id == device_id && Some(row.id.as_str()) != kept
        });
        if !revoked.is_empty() {
            self.cache.forget_user(user_id);
            self.hub.invalidate(user_id);
        }
    }

    /// Forgets what the node and its sockets remember of a user's sessions.
    /// On 5.37 the sockets keep their copies: they go on receiving events
    /// (seen on a running server).
    pub(crate) fn forget_cached(&mut self, user_id: &str) {
        self.cache.forget_user(user_id);
        if !self.flavour.is_classic() && !self.settings.sockets_outlive_revokes {
            self.hub.invalidate(user_id);
        }
    }

    /// Attaches a push device id to a session and gives it the mobile length.
    pub(crate) fn attach_device(
        &mut self,
        session_id: &str,
        device_id: &str,
        now: i64,
    ) -> Result<(), TooLong> {
        let Some(user_id) = self.session_row(session_id).map(|row| row.user_id.clone()) else {
            return Ok(());
        };
        self.revoke_others_with_device(&user_id, device_id, Some(session_id));
        self.cache.forget_user(&user_id);
        if device_id.chars().count() > DEVICE_ID_COLUMN {
            return Err(TooLong);
        }
        let length = self.settings.session_length_mobile_hours * HOUR_MS;
        let from_now = self.settings.extend_session_length_with_activity;
        if let Some(row) = self.session_row(session_id) {
            row.device_id = device_id.to_owned();
            row.expires_at = if from_now { now } else { row.create_at } + length;
            row.expired_notify = false;
        }
        Ok(())
    }

    pub(crate) fn set_session_props(&mut self, session_id: &str, props: &[(&str, &str)]) {
        let Some(row) = self.session_row(session_id) else {
            return;
        };
        for (name, value) in props {
            row.props.insert((*name).to_owned(), (*value).to_owned());
        }
        let user_id = row.user_id.clone();
        self.cache.forget_user(&user_id);
    }

    /// Notes that a session was active, at most once in five minutes.
    pub(crate) fn note_activity(&mut self, session: &Session, now: i64) {
        self.hub.note_activity(&session.user_id);
        if now - session.last_activity_at < ACTIVITY_STEP_MS {
            return;
        }
        if let Some(row) = self.session_row(&session.id) {
            row.last_activity_at = now;
            let row = row.clone();
            self.cache.put(&row, now);
        }
    }

    /// Prolongs a session by activity, if the server does that and enough
    /// time has passed; tells whether it did.
    pub(crate) fn extend(&mut self, session: &Session, now: i64) -> bool {
        if !self.settings.extend_session_length_with_activity || session.is_expired(now) {
            return false;
        }
        let length = self.length_ms(session);
        let elapsed = length - (session.expires_at - now);
        let threshold = (length / 100).clamp(ACTIVITY_STEP_MS, 24 * HOUR_MS);
        if elapsed < threshold {
            return false;
        }
        let Some(row) = self.session_row(&session.id) else {
            return false;
        };
        row.expires_at = now + length;
        row.expired_notify = false;
        let row = row.clone();
        self.cache.put(&row, now);
        true
    }
}
