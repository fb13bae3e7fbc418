//! Sessions that older apps left: storing them, asking the server about those of which nobody wrote down whose they are, and
//! saying what the host may erase.
//!
//! A session is never given up because the server could not be asked. Whose user is known is an account at once and is judged
//! like every other. Of the rest the token alone is kept until the server says whose it is, or says twice, on new connections
//! and with a healthy database, that it knows no such session.

use crate::api::SignInMethod;
use crate::engine::adopt::what_it_is;
use crate::engine::commits::csrf_hash;
use crate::engine::questions::facts;
use crate::engine::sign_in::NewSession;
use crate::engine::{Engine, Failure};
use crate::error::Error;
use crate::evidence::{self, Evidence, Expected, RequestIds};
use crate::legacy::{
    Candidate, LegacyEntry, LegacyEntryId, LegacyErasable, LegacyOutcome, LegacyReport,
    LegacySource, Plan, Planned, PreviousInstallation, behind, plan,
};
use crate::pace::{Dice, background_retry};
use crate::policy;
use crate::secret::{SecretText, Token};
use crate::server::{NetworkProfile, Rest, ServerAddress, SignedIn, wire};
use crate::session::{Epoch, HostState, KeyTrouble, State, StoredParts, UnixMillis};
use crate::vault::{
    self, Binding, Column, KeyName, LegacyRow, LegacyState, NewLegacyRow, Outcome, PRE_AUTH,
    ProfileSecret, ReadBack, seal_legacy, unseal, unseal_legacy, unseal_profile_secret,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// How the engine's other parts say that pending entries are worth another try.
#[derive(Default)]
pub(crate) struct Legacy {
    news: Notify,
}

impl Legacy {
    /// The way to the servers may have changed.
    pub(crate) fn kick(&self) {
        self.news.notify_one();
    }
}

/// What the server said about a token.
enum Heard {
    /// It is this user's.
    User(Box<SignedIn>),
    /// There is no such session.
    Gone,
    /// Nothing that counts. The server may have asked for a pause.
    Nothing(Option<Duration>),
}

impl Engine {
    pub(crate) async fn import_legacy(
        self: &Arc<Self>,
        entries: Vec<LegacyEntry>,
        previous: PreviousInstallation,
    ) -> Result<LegacyReport, Error> {
        let _storing = self.storing.read().await;
        let Plan {
            entries,
            mut candidates,
        } = plan(&entries, previous, self.config.clear_text);
        let stored = self.legacy_rows().await?;
        let pending: Vec<String> = stored
            .iter()
            .filter(|row| waits_for_the_server(row))
            .map(|row| row.row.entry.clone())
            .collect();
        // A secret that named no server and was taken for another server's stays that one's.
        for candidate in &mut candidates {
            let url = candidate.address.as_str();
            let is_of_another = |(entry, _): &mut (LegacyEntryId, SecretText)| {
                let mut rows = stored.iter().map(|row| &row.row);
                rows.any(|row| row.entry == entry.0 && row.server_url != url)
            };
            candidate.pre_auth.take_if(is_of_another);
        }
        let known: Vec<String> = stored.into_iter().map(entry_of).collect();
        let is_new = |id: &LegacyEntryId| !known.contains(&id.0);
        let mut rows: BTreeMap<String, Vec<NewLegacyRow>> = BTreeMap::new();
        for planned in entries.iter().filter(|one| is_new(&one.id)) {
            if !planned.outcome.is_left_alone() {
                let of_server = rows.entry(planned.server_url.clone()).or_default();
                of_server.push(new_row(planned));
            }
        }
        for candidate in candidates {
            let of_server = rows.remove(candidate.address.as_str()).unwrap_or_default();
            if is_new(&candidate.entry) {
                self.store_candidate(candidate, of_server).await?;
            } else {
                let mut of_server = of_server;
                if pending.contains(&candidate.entry.0) {
                    self.keep_pre_auth(&candidate, &mut of_server).await?;
                }
                self.add_legacy(of_server).await?;
            }
        }
        for of_server in rows.into_values() {
            self.add_legacy(of_server).await?;
        }
        self.confirm_legacy().await;
        self.legacy.kick();
        let stored = self.legacy_rows().await?;
        let outcome_of = |planned: &Planned| {
            let row = stored.iter().find(|row| row.row.entry == planned.id.0);
            row.map_or(planned.outcome, outcome)
        };
        Ok(LegacyReport {
            entries: entries
                .iter()
                .map(|planned| (planned.id.clone(), outcome_of(planned)))
                .collect(),
        })
    }

    /// What the host may erase: where a token lies first, then what only helped to read it.
    pub(crate) async fn legacy_erasable(&self) -> Result<Vec<LegacyErasable>, Error> {
        self.confirm_legacy().await;
        let held_by_web_view = |row: &LegacyRow, source: LegacySource| {
            // These are replaced by the account's own cookies, not erased.
            source.is_cookie() && row.row.account.is_some() && self.hands_out_cookies()
        };
        let mut erasable: Vec<(u8, LegacyErasable)> = self
            .legacy_rows()
            .await?
            .into_iter()
            .filter(|row| row.state == LegacyState::Durable)
            .filter_map(|row| {
                // What only a newer version takes over, only that version may have erased.
                let source = LegacySource::from_code(&row.row.source)?;
                let noted = outcome(&row) == LegacyOutcome::Noted;
                (!held_by_web_view(&row, source)).then(|| {
                    let erasable = LegacyErasable {
                        id: LegacyEntryId(row.row.entry),
                        source,
                        server_url: row.row.server_url,
                    };
                    (erase_order(source, noted), erasable)
                })
            })
            .collect();
        erasable.sort_by_key(|(order, _)| *order);
        Ok(erasable.into_iter().map(|(_, erasable)| erasable).collect())
    }

    pub(crate) async fn legacy_erased(&self, ids: Vec<LegacyEntryId>) -> Result<(), Error> {
        let entries: Vec<String> = ids.into_iter().map(|id| id.0).collect();
        Ok(self
            .vault(move |vault| vault.legacy_erased(&entries))
            .await?)
    }

    pub(super) async fn legacy_rows(&self) -> Result<Vec<LegacyRow>, Failure> {
        self.vault(|vault| vault.legacy()).await
    }

    async fn add_legacy(&self, rows: Vec<NewLegacyRow>) -> Result<(), Failure> {
        if rows.is_empty() {
            return Ok(());
        }
        let at = self.times.wall();
        self.vault(move |vault| vault.add_legacy(&rows, at)).await
    }

    async fn is_known_server(&self, url: &str) -> Result<bool, Failure> {
        let accounts = self.vault(|vault| vault.accounts()).await?;
        Ok(accounts.iter().any(|account| account.server_url == url))
    }

    /// Stores the session that counts for a server, with all entries of that server.
    async fn store_candidate(
        self: &Arc<Self>,
        candidate: Candidate,
        mut rows: Vec<NewLegacyRow>,
    ) -> Result<(), Failure> {
        if self.is_known_server(candidate.address.as_str()).await? {
            return self.add_legacy(rows).await;
        }
        if let Some(user_id) = candidate.user_id.clone() {
            if !self.adopt_unheard(&candidate, user_id, &rows).await? {
                self.add_legacy(rows).await?;
            }
            return Ok(());
        }
        let key = self
            .keys
            .outbox_key()
            .await
            .map_err(|_| Failure::KeyStore)?;
        let sealed = seal_legacy(&key, &candidate.entry.0, &candidate.token)
            .map_err(|_| Failure::NoRandomness)?;
        if let Some(row) = rows.iter_mut().find(|row| row.entry == candidate.entry.0) {
            row.outcome = LegacyOutcome::Pending.code().to_owned();
            row.sealed_token = Some(sealed);
            row.device_id = candidate.device_id.clone();
            row.csrf_hash = candidate.csrf.as_ref().map(|csrf| csrf_hash(csrf.expose()));
        }
        self.keep_pre_auth(&candidate, &mut rows).await?;
        self.add_legacy(rows).await
    }

    /// Makes an account of a session of which the older app wrote down whose it is. False if an account on that server came
    /// up in the meantime.
    async fn adopt_unheard(
        self: &Arc<Self>,
        candidate: &Candidate,
        user_id: String,
        rows: &[NewLegacyRow],
    ) -> Result<bool, Failure> {
        let session = NewSession {
            signed_in: SignedIn {
                token: candidate.token.clone(),
                csrf: candidate.csrf.clone(),
                user: wire::User {
                    id: user_id,
                    ..wire::User::default()
                },
                date: None,
                version_id: None,
            },
            method: SignInMethod::Adopted,
            device_id: candidate.device_id.clone(),
        };
        let entry = candidate.entry.0.clone();
        let rows = rows.to_vec();
        let profile = candidate
            .pre_auth
            .as_ref()
            .map_or_else(NetworkProfile::default, |(_, secret)| behind(secret));
        let rest = self
            .rest(candidate.address.clone(), &profile)
            .map_err(|_| Failure::Outdated)?;
        self.adopt_as(&rest, session, Validated::Never, move |vault, sign_in| {
            let account = sign_in.prepared.account;
            let rows: Vec<NewLegacyRow> = rows
                .iter()
                .cloned()
                .map(|mut row| {
                    if row.entry == entry {
                        row.outcome = LegacyOutcome::Adopted(account).code().to_owned();
                    }
                    // Cookies of the same session follow what becomes of it.
                    row.account = Some(account);
                    row
                })
                .collect();
            vault.adopt_legacy(sign_in, &rows)
        })
        .await
    }

    /// Stores a session under a new account, in the transaction that `commit` makes. False if it was stale.
    async fn adopt_as(
        self: &Arc<Self>,
        rest: &Rest,
        session: NewSession,
        validated: Validated,
        commit: impl FnOnce(
            &mut vault::Vault,
            &vault::SignIn,
        ) -> Result<Outcome<vault::SignedIn>, vault::VaultError>
        + Send
        + 'static,
    ) -> Result<bool, Failure> {
        let (url, user_id) = (
            rest.address().as_str().to_owned(),
            session.signed_in.user.id.clone(),
        );
        let prepared = self
            .vault(move |vault| vault.prepare_sign_in(&url, &user_id))
            .await?;
        let signed_in = self.state_of(&prepared, &session.signed_in);
        let (state, proved) = match validated {
            Validated::Now => (signed_in, true),
            Validated::Never => {
                let parts = StoredParts {
                    epoch: prepared.epoch,
                    standing: None,
                    boot_id: self.boot_id.clone(),
                    settings: self.settings,
                    host: *self.host.borrow(),
                };
                let unproved = State::restored(parts, self.times.now()).unwrap_or(signed_in);
                (unproved, false)
            }
        };
        let outcome = match self.sealed_sign_in(rest, &prepared, &state, &session).await {
            Ok(mut sign_in) => {
                sign_in.proved = proved;
                self.vault(move |vault| commit(vault, &sign_in)).await
            }
            Err(failure) => Err(failure),
        };
        match outcome {
            Ok(Outcome::Committed(stored)) => {
                self.sign_in_stored(stored).await;
                self.begin_session(rest, prepared.account, state, session.signed_in)
                    .await?;
                Ok(true)
            }
            Ok(Outcome::Stale) => {
                self.gave_up(prepared).await;
                Ok(false)
            }
            Err(failure) => {
                let account = prepared.account;
                if self.gave_up(prepared).await {
                    return Err(failure);
                }
                // A write that failed and yet came to light: the session is stored, and its key is in use.
                self.begin_session(rest, account, state, session.signed_in)
                    .await?;
                Ok(true)
            }
        }
    }

    /// Has the key of a sign-in deleted that was not stored. False if it was stored after all.
    async fn gave_up(self: &Arc<Self>, prepared: vault::PreparedSignIn) -> bool {
        let name = prepared.key_name.clone();
        match self
            .vault(move |vault| vault.abandon_sign_in(&prepared))
            .await
        {
            Ok(true) => {
                self.delete_keys(vec![name]);
                true
            }
            Ok(false) => false,
            // The next open finds the key by its name.
            Err(_) => true,
        }
    }

    /// Marks as durable what is: written back from the log, its key read from the key store, and opened as it was read
    /// through another connection. What is not yet is looked at again.
    async fn confirm_legacy(&self) {
        let scrubbed = self.vault(|vault| {
            if vault
                .legacy()?
                .iter()
                .any(|row| row.state == LegacyState::Copied)
            {
                return Ok(Some((vault.scrub()?, vault.read_back_legacy()?)));
            }
            Ok(None)
        });
        let Ok(Some((vault::Scrub::Done, copied))) = scrubbed.await else {
            return;
        };
        let mut durable = Vec::new();
        for entry in copied {
            if self.opens(&entry).await {
                durable.push(entry.entry);
            }
        }
        let _ = self
            .vault(move |vault| vault.legacy_durable(&durable))
            .await;
    }

    async fn opens(&self, entry: &ReadBack) -> bool {
        if let Some(sealed) = &entry.sealed_token {
            let Ok(key) = self.keys.load(&KeyName::outbox()).await else {
                return false;
            };
            if entry.source == PRE_AUTH {
                let which = ProfileSecret::PreAuth;
                return unseal_profile_secret(&key, &entry.server_url, which, sealed).is_ok();
            }
            return unseal_legacy(&key, &entry.entry, sealed).is_ok();
        }
        if entry.source == PRE_AUTH && !self.opens_profile(entry).await {
            return false;
        }
        if let Some((name, account, epoch, sealed)) = &entry.account {
            let Ok(key) = self.keys.load(name).await else {
                return false;
            };
            let binding = Binding {
                account: *account,
                epoch: *epoch,
                column: Column::AccountToken,
            };
            return unseal(&key, binding, sealed).is_ok();
        }
        true
    }

    pub(crate) fn start_legacy(self: &Arc<Self>) {
        let engine = self.clone();
        self.spawn(async move {
            let mut host = engine.host.subscribe();
            let mut everything = true;
            loop {
                if host
                    .wait_for(|state| *state != HostState::Suspended)
                    .await
                    .is_err()
                {
                    return;
                }
                engine.settle_legacy(everything).await;
                engine.confirm_legacy().await;
                let wait = engine.until_next_legacy().await;
                everything = engine.next_round(&engine.legacy.news, wait).await;
            }
        });
    }

    async fn until_next_legacy(&self) -> Option<Duration> {
        let now = self.times.wall();
        let rows = self.legacy_rows().await.unwrap_or_default();
        let pending = rows.iter().filter(|row| waits_for_the_server(row));
        let next = pending
            .map(|row| row.next_try_at.max(row.not_before).since(now))
            .min();
        let unconfirmed = rows
            .iter()
            .any(|row| row.state == LegacyState::Copied)
            .then_some(policy::BACKGROUND_RETRY_CAP);
        let next = next.into_iter().chain(unconfirmed).min()?;
        Some(next.clamp(policy::OUTBOX_SHORTEST_WAIT, policy::BACKGROUND_RETRY_CAP))
    }

    async fn settle_legacy(self: &Arc<Self>, everything: bool) {
        let now = self.times.wall();
        let longest = UnixMillis(now.0.saturating_add(millis(policy::BACKGROUND_RETRY_CAP)));
        // A time beyond any wait is of a clock that was set back.
        let due = |at: UnixMillis| at <= now || at > longest;
        let rows = self.legacy_rows().await.unwrap_or_default();
        let pending = rows.into_iter().filter(|row| {
            waits_for_the_server(row) && due(row.not_before) && (everything || due(row.next_try_at))
        });
        for row in pending {
            if let Err(failure) = self.settle_one(&row).await {
                // It stays pending as it was.
                tracing::debug!(?failure, "a session of an older app could not be settled");
            }
        }
    }

    async fn settle_one(self: &Arc<Self>, row: &LegacyRow) -> Result<(), Failure> {
        let entry = row.row.entry.clone();
        if self.is_known_server(&row.row.server_url).await? {
            return self.settle_as(entry, LegacyOutcome::Superseded).await;
        }
        let (Ok(address), Some(sealed)) = (
            ServerAddress::parse(&row.row.server_url, self.config.clear_text),
            &row.row.sealed_token,
        ) else {
            return self.ask_again(row, None).await;
        };
        let token = match self.keys.load(&KeyName::outbox()).await {
            Ok(key) => match unseal_legacy(&key, &entry, sealed) {
                Ok(token) => Some((token, self.way_of_pending(address.as_str(), &key).await?)),
                Err(_) => None,
            },
            Err(KeyTrouble::Absent) => None,
            Err(KeyTrouble::Unavailable | KeyTrouble::Other) => return Err(Failure::KeyStore),
        };
        let Some((token, profile)) = token else {
            return self.vault(move |vault| vault.drop_legacy(&entry)).await;
        };
        let Ok(rest) = self.rest(address, &profile) else {
            return self.ask_again(row, None).await;
        };
        match self.unless_suspended(self.hear(&rest, token)).await {
            Some(Heard::User(signed_in)) => self.adopt_heard(&rest, row, *signed_in).await,
            Some(Heard::Gone) => self.settle_as(entry, LegacyOutcome::Refused).await,
            Some(Heard::Nothing(pause)) => self.ask_again(row, pause).await,
            // It stays pending as it was.
            None => Ok(()),
        }
    }

    async fn ask_again(&self, row: &LegacyRow, pause: Option<Duration>) -> Result<(), Failure> {
        let now = self.times.now();
        let mut dice = Dice::new(now.entropy);
        let wait = background_retry(row.attempts, &mut dice);
        let at = |wait: Duration| UnixMillis(now.wall.0.saturating_add(millis(wait)));
        let (entry, next) = (row.row.entry.clone(), at(wait));
        let not_before = pause.map_or(UnixMillis(0), |pause| {
            let extra = pause * policy::RETRY_AFTER_JITTER_PERCENT / 100;
            at(pause + dice.up_to(extra))
        });
        self.vault(move |vault| vault.legacy_attempted(&entry, next, not_before))
            .await
    }

    async fn settle_as(&self, entry: String, outcome: LegacyOutcome) -> Result<(), Failure> {
        self.vault(move |vault| {
            vault.settle_legacy(&entry, outcome.code())?;
            // Blocked by a reader: the next scrub wipes it.
            let _ = vault.scrub()?;
            Ok(())
        })
        .await
    }

    async fn adopt_heard(
        self: &Arc<Self>,
        rest: &Rest,
        row: &LegacyRow,
        signed_in: SignedIn,
    ) -> Result<(), Failure> {
        let asking = self.unless_lost(what_it_is(rest, &signed_in.token));
        let Some(Some(method)) = self.unless_suspended(asking).await else {
            return Ok(());
        };
        let _storing = self.storing.read().await;
        let session = NewSession {
            signed_in,
            method,
            device_id: row.row.device_id.clone(),
        };
        let entry = row.row.entry.clone();
        let csrf_hash = row.row.csrf_hash.clone();
        let address = rest.address().clone();
        let adopted = self
            .adopt_as(rest, session, Validated::Now, move |vault, sign_in| {
                let mut sign_in = sign_in.clone();
                sign_in.csrf_hash = csrf_hash;
                vault.adopt_pending_legacy(&sign_in, &entry)
            })
            .await?;
        if adopted {
            let _ = self.vault(vault::Vault::scrub).await;
            let accounts = self.every_account();
            if let Some(account) = accounts
                .iter()
                .find(|account| account.rest.address() == &address)
            {
                self.start_welcome(account);
            }
        }
        Ok(())
    }

    /// Asks whose a token is. Only a second answer of the kind that ends sessions, on another connection, between two healthy
    /// answers about the server's database, says that it is nobody's.
    async fn hear(&self, rest: &Rest, token: Token) -> Heard {
        let mut seen = RequestIds::default();
        let first = self.look(rest, &token, &mut seen).await;
        if !matches!(first, Heard::Gone) {
            return first;
        }
        let mut dice = Dice::new(self.times.now().entropy);
        tokio::time::sleep(dice.within(&policy::SECOND_LOOK)).await;
        if !self.is_healthy(rest).await {
            return Heard::Nothing(None);
        }
        let second = self.look(rest, &token, &mut seen).await;
        if matches!(second, Heard::Gone) && !self.is_healthy(rest).await {
            return Heard::Nothing(None);
        }
        second
    }

    async fn look(&self, rest: &Rest, token: &Token, seen: &mut RequestIds) -> Heard {
        let nonce = self.times.wall().0.to_string();
        let asking = rest.users_me(token, &nonce);
        let Some(Ok(reply)) = self.unless_lost(asking).await else {
            return Heard::Nothing(None);
        };
        let user = reply
            .json::<wire::User>()
            .filter(|user| wire::is_id(&user.id));
        let expected = Expected {
            request_epoch: Epoch(1),
            current_epoch: Epoch(1),
            // Whoever it is: that is the question.
            user_id: user.as_ref().map_or("", |user| &user.id),
            seen,
            learned: None,
        };
        let evidence = evidence::judge(&facts(&reply, self.config.clear_text), &expected);
        if let Some(id) = &reply.request_id {
            seen.remember(id);
        }
        match (evidence, user) {
            (Evidence::Valid { .. }, Some(user)) => Heard::User(Box::new(SignedIn {
                token: token.clone(),
                csrf: None,
                user,
                date: reply.date,
                version_id: reply.version_id.clone(),
            })),
            (Evidence::Gone { .. }, _) => Heard::Gone,
            (Evidence::Unknown { retry_after, .. }, _) => Heard::Nothing(retry_after),
            (
                Evidence::Valid { .. }
                | Evidence::MfaRequired
                | Evidence::Refused
                | Evidence::HeadersLost,
                _,
            ) => Heard::Nothing(None),
        }
    }
}

/// Whether the server has confirmed a session that is being stored.
#[derive(Debug, Clone, Copy)]
enum Validated {
    Now,
    Never,
}

fn entry_of(row: LegacyRow) -> String {
    row.row.entry
}

fn outcome(row: &LegacyRow) -> LegacyOutcome {
    LegacyOutcome::from_code(&row.row.outcome, row.row.account)
}

fn new_row(planned: &Planned) -> NewLegacyRow {
    NewLegacyRow {
        entry: planned.id.0.clone(),
        source: planned.source.code().to_owned(),
        server_url: planned.server_url.clone(),
        outcome: planned.outcome.code().to_owned(),
        account: None,
        sealed_token: None,
        device_id: None,
        csrf_hash: None,
    }
}

/// Whether it is a token whose user is not known yet; the secret of a gateway waits with it, and is not asked about.
fn waits_for_the_server(row: &LegacyRow) -> bool {
    outcome(row) == LegacyOutcome::Pending && row.row.source != PRE_AUTH
}

/// Keychains first, then the copy in the preferences, then the jar; what is no secret last.
fn erase_order(source: LegacySource, noted: bool) -> u8 {
    match source {
        LegacySource::ReactNative2PreSharedSecret => 0,
        _ if noted => 3,
        LegacySource::ReactNative2
        | LegacySource::ReactNative1Internet
        | LegacySource::ReactNative1Generic => 0,
        LegacySource::ClassicIosDefaults | LegacySource::ClassicAndroidPreferences => 1,
        LegacySource::ClassicIosCookie | LegacySource::ClassicAndroidCookie => 2,
    }
}

fn millis(wait: Duration) -> i64 {
    i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)
}
