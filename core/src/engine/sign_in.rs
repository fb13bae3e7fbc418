//! Signing in and out.
//!
//! What can fail here is tried before the server is asked: a key store or a disk that cannot take the session must not cost
//! the user a session that nobody can use. If it fails afterwards all the same, the server is asked to end it again.

use crate::api::{SignIn, SignInAgain, SignInMethod};
use crate::engine::account::Account;
use crate::engine::commits::csrf_hash;
use crate::engine::problems;
use crate::engine::questions::facts;
use crate::engine::worker::Message;
use crate::engine::{Engine, Failure};
use crate::error::Error;
use crate::evidence;
use crate::secret::{Key, Token};
use crate::server::sessions::Health as PingFor;
use crate::server::sign_in::Recognisable;
use crate::server::{Credentials, Rest, ServerAddress, SignInOutcome, SignedIn};
use crate::session::{AccountId, Event, Health, KeyTrouble, State, StoredParts};
use crate::vault::{self, ExistingSession, OldToken, Outcome, PreparedSignIn, Setting, UserFacts};
use crate::vault::{Binding, Column, seal, unseal};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::oneshot;

/// A session that the server has begun, whichever way, and that nobody has stored yet.
pub(crate) struct NewSession {
    pub(crate) signed_in: SignedIn,
    pub(crate) method: SignInMethod,
    /// The device id that the sign-in itself attached.
    pub(crate) device_id: Option<String>,
}

impl Engine {
    pub(crate) async fn sign_in(
        self: &Arc<Self>,
        address: ServerAddress,
        request: SignIn,
    ) -> Result<AccountId, Error> {
        let rest = self.rest(address, &request.profile)?;
        self.at_the_form(rest.address()).await?;
        let credentials = Credentials {
            login_id: request.login_id.trim().to_owned(),
            password: request.password,
            mfa_code: request.mfa_code,
            ldap_only: request.ldap_only,
            device_id: self.own_device_id().await?,
            recognisable: Recognisable::ByCsrf,
        };
        let session = self.sign_in_with(&rest, credentials).await?;
        self.keep(&rest, session).await
    }

    /// Signs in again as the user of an account, and as nobody else. Without the device id: attaching it ends other sessions
    /// of the user who signs in, and only the answer tells who that is.
    pub(crate) async fn reauthenticate(
        self: &Arc<Self>,
        id: AccountId,
        request: SignInAgain,
    ) -> Result<(), Error> {
        let account = self.account(id)?;
        let sign_outs = account.sign_outs.load(Ordering::SeqCst);
        let address = account.rest.address().clone();
        self.at_the_form(&address).await?;
        let way = self.way_of(&account).await?;
        let rest = self.rest(address, way.profile())?;
        let login_id = match request.login_id {
            Some(login_id) => login_id.trim().to_owned(),
            None => self.snapshot(id).ok_or(Error::NoSuchAccount)?.username,
        };
        let credentials = Credentials {
            login_id,
            password: request.password,
            mfa_code: request.mfa_code,
            ldap_only: request.ldap_only,
            device_id: None,
            recognisable: Recognisable::ByCsrf,
        };
        let session = self.sign_in_with(&rest, credentials).await?;
        self.only_as(&rest, &session, Some(id)).await?;
        if account.sign_outs.load(Ordering::SeqCst) != sign_outs {
            // The user's last word counts.
            self.give_up(&rest, &session.signed_in.token).await;
            return Err(Error::Cancelled);
        }
        self.keep(&rest, session).await.map(|_| ())
    }

    /// Somebody is at a sign-in form of this server. What can fail afterwards at the cost of a session is tried now: the key
    /// store, which gives the outbox key, and a write.
    pub(crate) async fn at_the_form(&self, address: &ServerAddress) -> Result<Key, Error> {
        let key = self
            .keys
            .outbox_key()
            .await
            .map_err(|_| Error::KeyStoreUnavailable)?;
        let boot_id = self.boot_id.0.clone();
        self.vault(move |vault| vault.set_setting(Setting::BootId, &boot_id))
            .await?;
        self.withdraw_offers(address);
        Ok(key)
    }

    /// The id under which the platform delivers pushes to this device, if it has one.
    pub(crate) async fn own_device_id(&self) -> Result<Option<String>, Error> {
        let stored = self.vault(|vault| vault.setting(Setting::DeviceId)).await?;
        Ok(stored.filter(|id| !id.is_empty()))
    }

    async fn sign_in_with(
        &self,
        rest: &Rest,
        credentials: Credentials,
    ) -> Result<NewSession, Error> {
        match rest
            .sign_in(&credentials)
            .await
            .map_err(problems::transport)?
        {
            SignInOutcome::SignedIn(signed_in) => Ok(NewSession {
                signed_in: *signed_in,
                method: SignInMethod::Password,
                device_id: credentials.device_id,
            }),
            refused => Err(self.refused_sign_in(rest, refused).await),
        }
    }

    /// Refuses a session of another user than the one who was to sign in again, if one was; the server is owed its end.
    pub(crate) async fn only_as(
        &self,
        rest: &Rest,
        session: &NewSession,
        expected: Option<AccountId>,
    ) -> Result<(), Error> {
        let Some(id) = expected else {
            return Ok(());
        };
        let refused = match self.account(id) {
            Ok(account) if account.user_id == session.signed_in.user.id => return Ok(()),
            Ok(_) => Error::AnotherUser,
            Err(error) => error,
        };
        self.give_up(rest, &session.signed_in.token).await;
        Err(refused)
    }

    /// Stores a new session and looks after it from here on.
    pub(crate) async fn keep(
        self: &Arc<Self>,
        rest: &Rest,
        session: NewSession,
    ) -> Result<AccountId, Error> {
        let _storing = self.storing.read().await;
        let _one_at_a_time = self.keeping.lock().await;
        let (token, method) = (session.signed_in.token.clone(), session.method);
        match self.store_sign_in(rest, session).await {
            Ok(account) => {
                // Again: a verdict may have come while the server was asked.
                self.withdraw_offers(rest.address());
                self.start_welcome(&account);
                Ok(account.id)
            }
            Err(failure) => {
                if method.begins_a_session() {
                    self.give_up(rest, &token).await;
                }
                Err(failure.into())
            }
        }
    }

    /// A session that has begun and that nobody will use: the server is owed its end. If that cannot be stored, it is told
    /// once.
    pub(crate) async fn give_up(&self, rest: &Rest, token: &Token) {
        if self.is_in_use(rest.address(), token).await {
            // A link that was opened again after it had signed somebody in.
            return;
        }
        if self.owe_stray(rest, token).await.is_ok() {
            self.outbox.kick();
        } else {
            // Nothing else can be done for it.
            let _ = rest.logout(token).await;
        }
    }

    async fn is_in_use(&self, address: &ServerAddress, token: &Token) -> bool {
        for account in self.every_account() {
            let id = account.id;
            if account.rest.address() == address
                && let Ok(Some(record)) = self.vault(move |vault| vault.account(id)).await
                && let Ok(held) = account.tokens.get(self, id, record.epoch).await
                && held == *token
            {
                return true;
            }
        }
        false
    }

    async fn owe_stray(&self, rest: &Rest, token: &Token) -> Result<(), Failure> {
        let key = self
            .keys
            .outbox_key()
            .await
            .map_err(|_| Failure::KeyStore)?;
        let (account, epoch) = vault::STRAY;
        let binding = Binding {
            account,
            epoch,
            column: Column::OutboxToken,
        };
        let sealed = seal(&key, binding, token).map_err(|_| Failure::NoRandomness)?;
        let profile = self.sealed_profile(rest).await?;
        let (url, at) = (rest.address().as_str().to_owned(), self.times.wall());
        self.vault(move |vault| vault.owe_stray(&url, &sealed, profile.as_deref(), at))
            .await
            .map(|_| ())
    }

    /// Somebody is at the sign-in form of this server: a token that was kept in case a verdict was wrong has to go.
    fn withdraw_offers(&self, address: &ServerAddress) {
        for account in self.every_account() {
            if account.rest.address() == address {
                account.event(Event::RestoreWithdrawn);
            }
        }
    }

    /// While the server's database is away it says "wrong password" to a right one, so its health is asked about first.
    pub(crate) async fn refused_sign_in(&self, rest: &Rest, outcome: SignInOutcome) -> Error {
        match outcome {
            SignInOutcome::SignedIn(_) => Error::ServerProblem,
            SignInOutcome::MfaNeeded => Error::MfaCodeRequired,
            SignInOutcome::MfaWrong => Error::MfaCodeWrong,
            SignInOutcome::Refused { .. } => self.refused_by(rest, Error::InvalidCredentials).await,
            SignInOutcome::Deactivated => Error::Deactivated,
            SignInOutcome::Locked => Error::LockedOut,
            SignInOutcome::NotVerified => Error::EmailNotVerified,
            SignInOutcome::Bot | SignInOutcome::RemoteUser => Error::SignInForbidden,
            SignInOutcome::BlankPassword => Error::BlankPassword,
            SignInOutcome::RateLimited { retry_after } => problems::rate_limited(retry_after),
            SignInOutcome::Server { status, .. } if status >= 500 => Error::ServerProblem,
            SignInOutcome::Server { status, id } => Error::Refused {
                status,
                id: Some(id),
            },
            SignInOutcome::Gateway(found) => problems::gateway(found),
            SignInOutcome::NotMattermost { status: 500.., .. } => Error::ServerProblem,
            SignInOutcome::NotMattermost {
                status: 300..=399, ..
            } => Error::Intercepted,
            SignInOutcome::NotMattermost { .. } => Error::NotMattermost,
        }
    }

    /// What a refusal of something right or wrong means: nothing, while the server's database is away.
    pub(crate) async fn refused_by(&self, rest: &Rest, otherwise: Error) -> Error {
        match rest.ping(PingFor::Database).await {
            Ok((reply, _))
                if evidence::health(&facts(&reply, self.config.clear_text))
                    == Health::Unhealthy =>
            {
                Error::ServerProblem
            }
            Ok(_) => otherwise,
            // A health query that hangs is the mark of a frozen database.
            Err(_) => Error::ServerProblem,
        }
    }

    async fn store_sign_in(
        self: &Arc<Self>,
        rest: &Rest,
        session: NewSession,
    ) -> Result<Arc<Account>, Failure> {
        let mut tries = 0;
        loop {
            let (url, user_id) = (
                rest.address().as_str().to_owned(),
                session.signed_in.user.id.clone(),
            );
            let prepared = self
                .vault(move |vault| vault.prepare_sign_in(&url, &user_id))
                .await?;
            let state = self.state_of(&prepared, &session.signed_in);
            match self.commit_sign_in(rest, &prepared, &state, &session).await {
                Ok(()) => {
                    return self
                        .begin_session(rest, prepared.account, state, session.signed_in)
                        .await;
                }
                // Somebody signed in as the same user in the meantime, or the app was suspended; what was set aside is void.
                Err(Failure::Outdated) if tries == 0 => tries += 1,
                Err(failure) => {
                    let name = prepared.key_name.clone();
                    let account = prepared.account;
                    let abandoned = self
                        .vault(move |vault| vault.abandon_sign_in(&prepared))
                        .await;
                    match abandoned {
                        // A write that failed and yet came to light: the session is stored, and its key is in use.
                        Ok(false) => {
                            return self
                                .begin_session(rest, account, state, session.signed_in)
                                .await;
                        }
                        Ok(true) => self.delete_keys(vec![name]),
                        // The next open finds the key by its name.
                        Err(_) => {}
                    }
                    return Err(failure);
                }
            }
        }
    }

    pub(super) fn state_of(&self, prepared: &PreparedSignIn, signed_in: &SignedIn) -> State {
        let parts = StoredParts {
            epoch: prepared.epoch,
            standing: None,
            boot_id: self.boot_id.clone(),
            settings: self.settings,
            host: *self.host.borrow(),
        };
        State::signed_in(parts, signed_in.date, self.times.now())
    }

    async fn commit_sign_in(
        self: &Arc<Self>,
        rest: &Rest,
        prepared: &PreparedSignIn,
        state: &State,
        session: &NewSession,
    ) -> Result<(), Failure> {
        let sign_in = self.sealed_sign_in(rest, prepared, state, session).await?;
        let outcome = self
            .vault(move |vault| vault.commit_sign_in(&sign_in))
            .await?;
        let Outcome::Committed(stored) = outcome else {
            return Err(Failure::Outdated);
        };
        self.sign_in_stored(stored).await;
        Ok(())
    }

    /// Makes the key of a prepared sign-in and puts together what is to be stored.
    pub(super) async fn sealed_sign_in(
        &self,
        rest: &Rest,
        prepared: &PreparedSignIn,
        state: &State,
        session: &NewSession,
    ) -> Result<vault::SignIn, Failure> {
        let signed_in = &session.signed_in;
        let key = self
            .keys
            .make(&prepared.key_name)
            .await
            .map_err(|_| Failure::KeyStore)?;
        let binding = Binding {
            account: prepared.account,
            epoch: prepared.epoch,
            column: Column::AccountToken,
        };
        let sealed_token =
            seal(&key, binding, &signed_in.token).map_err(|_| Failure::NoRandomness)?;
        let old_token = self
            .owe(
                prepared.account,
                prepared.existing.as_ref(),
                &signed_in.token,
            )
            .await?;
        let standing = state.stored(self.times.now());
        Ok(vault::SignIn {
            prepared: prepared.clone(),
            sealed_token,
            old_token,
            standing: vault::StoredStanding {
                code: standing.code.to_owned(),
                detail: standing.text,
            },
            user: UserFacts {
                username: signed_in.user.username.clone(),
                roles: signed_in.user.roles.clone(),
                locale: signed_in.user.locale.clone(),
            },
            server_version: version_number(signed_in.version_id.as_deref()),
            method: session.method.code().to_owned(),
            csrf_hash: signed_in.csrf.as_ref().map(|csrf| csrf_hash(csrf.expose())),
            device_id: session.device_id.clone(),
            server_date: signed_in.date,
            network_profile: self.sealed_profile(rest).await?,
            at: self.stamp(),
            proved: true,
        })
    }

    /// What follows a sign-in that is on the disk.
    pub(super) async fn sign_in_stored(self: &Arc<Self>, stored: vault::SignedIn) {
        self.destroy(stored.retired_key).await;
        if !stored.erase_first.is_empty() {
            self.delete_doomed_keys().await;
        }
        self.refresh_server_list();
        self.refresh_lists().await;
        self.outbox.kick();
    }

    /// Lets the worker of the account know of its new session, or starts one.
    pub(super) async fn begin_session(
        self: &Arc<Self>,
        rest: &Rest,
        id: AccountId,
        state: State,
        signed_in: SignedIn,
    ) -> Result<Arc<Account>, Failure> {
        let epoch = state.epoch();
        let record = self
            .vault(move |vault| vault.account(id))
            .await?
            .ok_or(Failure::Outdated)?;
        let waits_for_erasing = record.waits_for_erasing;
        let account = match self.account(id) {
            Ok(account) => {
                account.take_way(&rest.dialler()).await;
                account.tokens.keep(epoch, signed_in.token).await;
                self.show_record(&record);
                let (done, seen) = oneshot::channel();
                account.send(Message::SignedIn {
                    epoch,
                    server_date: signed_in.date,
                    done,
                });
                let _ = seen.await;
                account
            }
            Err(_) => {
                let account = self.start(record, state).map_err(|_| Failure::Closed)?;
                account.take_way(&rest.dialler()).await;
                account.tokens.keep(epoch, signed_in.token).await;
                account
            }
        };
        if waits_for_erasing {
            // It may have been acknowledged while the account was being taken up.
            self.refresh_lists().await;
        }
        Ok(account)
    }

    /// What becomes of the token that a sign-in replaces: the server is owed its end, unless the new session is the same one,
    /// handed over once more.
    async fn owe(
        &self,
        account: AccountId,
        existing: Option<&ExistingSession>,
        new: &Token,
    ) -> Result<OldToken, Failure> {
        let Some(ExistingSession {
            epoch,
            key_name: Some(name),
            sealed_token: Some(sealed),
        }) = existing
        else {
            return Ok(OldToken::None);
        };
        let key = match self.keys.load(name).await {
            Ok(key) => key,
            Err(KeyTrouble::Absent) => return Ok(OldToken::Dropped),
            Err(KeyTrouble::Unavailable) if self.may_give_up_token(account) => {
                return Ok(OldToken::Dropped);
            }
            Err(KeyTrouble::Unavailable | KeyTrouble::Other) => return Err(Failure::KeyStore),
        };
        let stored = Binding {
            account,
            epoch: *epoch,
            column: Column::AccountToken,
        };
        let Ok(token): Result<Token, _> = unseal(&key, stored, sealed) else {
            return Ok(OldToken::Dropped);
        };
        if token == *new {
            return Ok(OldToken::Dropped);
        }
        let outbox_key = self
            .keys
            .outbox_key()
            .await
            .map_err(|_| Failure::KeyStore)?;
        let owed = Binding {
            account,
            epoch: *epoch,
            column: Column::OutboxToken,
        };
        Ok(OldToken::Owed(
            seal(&outbox_key, owed, &token).map_err(|_| Failure::NoRandomness)?,
        ))
    }

    pub(crate) async fn sign_out(self: &Arc<Self>, id: AccountId) -> Result<(), Error> {
        let account = self.account(id)?;
        // What was answered with an error must not happen later.
        self.not_suspended()?;
        account.sign_outs.fetch_add(1, Ordering::SeqCst);
        let (done, signed_out) = oneshot::channel();
        account.send(Message::SignOut(done));
        signed_out
            .await
            .map_err(|_| self.unanswered(id))?
            .map_err(Error::from)
    }
}

/// `11.6.0` of `11.6.0.dev.<hash>.false`.
pub(crate) fn version_number(version_id: Option<&str>) -> Option<String> {
    let (major, minor, patch) = evidence::version(version_id?)?;
    Some(format!("{major}.{minor}.{patch}"))
}
