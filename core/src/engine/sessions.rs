//! Lists of sessions and users, and ending sessions: the user's own and, for an administrator, those of others.
//!
//! The server says "done" and "already gone" too easily while its database is away, so nothing here is done before the list
//! says so.

use crate::api::{ActiveSession, Confirmation, UserQuery, UserSummary};
use crate::device::{is_listed, label};
use crate::engine::Engine;
use crate::engine::account::{Account, ListNumber};
use crate::engine::commits::csrf_hash;
use crate::engine::problems;
use crate::error::Error;
use crate::policy;
use crate::secret::Token;
use crate::server::wire::Session;
use crate::server::{self, Answer, TransportError};
use crate::session::{AccountId, Epoch, Event, UnixMillis};
use std::sync::Arc;

/// Rows of this kind come back by themselves when their access token is used, and the web app does not list them.
const ACCESS_TOKEN: &str = "UserAccessToken";

impl Engine {
    /// The value of a call made with the account's session. A 401 makes the core look at the session.
    async fn checked<T>(
        &self,
        account: &Arc<Account>,
        path: &str,
        sent: Result<Answer<T>, TransportError>,
    ) -> Result<T, Error> {
        let answer = sent.map_err(problems::transport)?;
        if answer.reply.status == 401 {
            self.met_401(account, path.to_owned()).await?;
        }
        problems::value(answer)
    }

    async fn list(
        &self,
        account: &Arc<Account>,
        token: &Token,
        user: &str,
    ) -> Result<(Vec<Session>, UnixMillis), Error> {
        let sent = account.rest.sessions(token, user).await;
        let server_now = sent.as_ref().ok().and_then(|answer| answer.reply.date);
        account.note_server_clock(server_now, self.times.wall());
        let sessions = self
            .checked(account, "/api/v4/users/me/sessions", sent)
            .await?;
        Ok((sessions, server_now.unwrap_or_else(|| self.times.wall())))
    }

    pub(crate) async fn active_sessions(&self, id: AccountId) -> Result<Vec<ActiveSession>, Error> {
        let (account, epoch, token) = self.signed_in(id).await?;
        let list = account.next_list();
        let (sessions, server_now) = self.list(&account, &token, "me").await?;
        let current = self
            .learn_own_session(&account, epoch, list, &sessions)
            .await;
        let listed = sessions
            .iter()
            .filter(|session| is_listed(session, server_now));
        Ok(listed
            .map(|session| active_session(session, current.as_deref()))
            .collect())
    }

    pub(crate) async fn end_session(
        self: &Arc<Self>,
        id: AccountId,
        session: String,
    ) -> Result<(), Error> {
        let (account, epoch, token) = self.signed_in(id).await?;
        let list = account.next_list();
        let (before, _) = self.list(&account, &token, "me").await?;
        if !before.iter().any(|row| row.id == session) {
            return Err(Error::NoSuchSession);
        }
        if self
            .learn_own_session(&account, epoch, list, &before)
            .await
            .as_deref()
            == Some(&session)
        {
            return self.sign_out(id).await;
        }
        let sent = account.rest.revoke_session(&token, "me", &session).await;
        let refused = self
            .checked(&account, "/api/v4/users/me/sessions/revoke", sent)
            .await
            .err();
        let (after, _) = self.list(&account, &token, "me").await?;
        if after.iter().any(|row| row.id == session) {
            return Err(not_done(refused));
        }
        Ok(())
    }

    pub(crate) async fn end_all_my_sessions(self: &Arc<Self>, id: AccountId) -> Result<(), Error> {
        let (account, _, token) = self.signed_in(id).await?;
        let sent = account.rest.revoke_all_of_user(&token, "me").await;
        self.checked(&account, "/api/v4/users/me/sessions/revoke/all", sent)
            .await?;
        // The list cannot be asked with a token that is gone; that it is gone is what the outbox now proves.
        self.sign_out(id).await
    }

    pub(crate) async fn users(
        &self,
        id: AccountId,
        query: UserQuery,
    ) -> Result<Vec<UserSummary>, Error> {
        let size = u32::try_from(query.per_page)
            .ok()
            .filter(|size| (1..=200).contains(size));
        let size = size.ok_or(Error::InvalidArgument {
            argument: "per_page",
        })?;
        let page =
            u32::try_from(query.page).map_err(|_| Error::InvalidArgument { argument: "page" })?;
        let (account, _, token) = self.signed_in(id).await?;
        let query = match query.term.filter(|term| !term.trim().is_empty()) {
            Some(term) => server::UserQuery::Search {
                term: term.trim().to_owned(),
                limit: size,
            },
            None => server::UserQuery::Page {
                page,
                per_page: size,
            },
        };
        let sent = account.rest.users(&token, &query).await;
        let users = self.checked(&account, "/api/v4/users", sent).await?;
        Ok(users.into_iter().map(UserSummary::from).collect())
    }

    pub(crate) async fn end_user_sessions(
        self: &Arc<Self>,
        id: AccountId,
        user: String,
    ) -> Result<(), Error> {
        let (account, _, token) = self.signed_in(id).await?;
        if user == account.user_id {
            return self.end_all_my_sessions(id).await;
        }
        let (before, _) = self.list(&account, &token, &user).await?;
        let sent = account.rest.revoke_all_of_user(&token, &user).await;
        self.checked(&account, "/api/v4/users/sessions/revoke/all", sent)
            .await?;
        let (after, _) = self.list(&account, &token, &user).await?;
        let survived = |row: &Session| {
            row.property("type") != ACCESS_TOKEN
                && before.iter().any(|earlier| earlier.id == row.id)
        };
        if after.iter().any(survived) {
            return Err(Error::ServerProblem);
        }
        Ok(())
    }

    pub(crate) async fn prepare_end_everyone(&self, id: AccountId) -> Result<Confirmation, Error> {
        let (_, epoch, _) = self.signed_in(id).await?;
        let current = self.hub.read();
        let snapshot = current
            .accounts
            .iter()
            .find(|snapshot| snapshot.id == id)
            .ok_or(Error::NoSuchAccount)?;
        if !snapshot.roles.split(' ').any(|role| role == "system_admin") {
            return Err(Error::Forbidden);
        }
        Ok(Confirmation {
            account: id,
            epoch,
            prepared: self.times.boot(),
        })
    }

    pub(crate) async fn confirm_end_everyone(
        &self,
        confirmation: Confirmation,
    ) -> Result<(), Error> {
        let (account, epoch, token) = self.signed_in(confirmation.account).await?;
        let age = self.times.boot().since(confirmation.prepared);
        if epoch != confirmation.epoch || age > policy::CONFIRMATION_LIFETIME {
            return Err(Error::ConfirmationExpired);
        }
        let sent = account.rest.revoke_everyone(&token).await;
        self.checked(&account, "/api/v4/users/sessions/revoke/all", sent)
            .await?;
        for other in self.every_account() {
            if other.rest.address() == account.rest.address() {
                other.event(Event::VerifyRequested);
            }
        }
        Ok(())
    }

    /// Which row is this device's own session: the one whose id is known; else the one with the CSRF token of the sign-in;
    /// else the only one with the device id that is attached to it. Otherwise nobody knows, and nobody guesses.
    /// What is found is stored, with the session's expiry, unless a list that was asked for later has been.
    pub(crate) async fn learn_own_session(
        &self,
        account: &Arc<Account>,
        epoch: Epoch,
        list: ListNumber,
        sessions: &[Session],
    ) -> Option<String> {
        let id = account.id;
        // One after the other: what one of them stores, the next finds stored and shown.
        let mut learned = account.learned_list.lock().await;
        let record = self.vault(move |vault| vault.account(id)).await.ok()??;
        if record.epoch != epoch {
            return None;
        }
        let by_id = || {
            let known = record.session_id.as_deref()?;
            sessions.iter().find(|row| row.id == known)
        };
        let by_csrf = || {
            let known = record.csrf_hash.as_deref()?;
            sessions.iter().find(|row| {
                !row.property("csrf").is_empty() && csrf_hash(row.property("csrf")) == known
            })
        };
        let by_device = || {
            let known = record.device_id.as_deref().filter(|id| !id.is_empty())?;
            let mut rows = sessions.iter().filter(|row| row.device_id == known);
            rows.next().filter(|_| rows.next().is_none())
        };
        let own = by_id().or_else(by_csrf).or_else(by_device)?;
        if record.session_id.as_deref() != Some(&own.id) {
            let session_id = own.id.clone();
            // What is not stored is found again from the next list.
            let _ = self
                .vault(move |vault| vault.set_session_id(id, epoch, &session_id))
                .await;
        }
        if *learned > list {
            return Some(own.id.clone());
        }
        *learned = list;
        let expires_at = (own.expires_at > 0).then_some(UnixMillis(own.expires_at));
        let is_stored = record.expires_at == expires_at;
        if !is_stored {
            let at = self.times.wall();
            let stored = self
                .vault(move |vault| vault.set_expiry(id, epoch, expires_at, at))
                .await;
            if stored.is_ok() {
                // What was told of the old expiry may be void.
                self.refresh_lists().await;
            }
        }
        // Whoever stored it may have gone before showing it.
        let shown = self.snapshot(id).map(|snapshot| snapshot.expires_at);
        if !is_stored || shown != Some(expires_at) {
            self.hub.change(|changes| {
                for snapshot in changes
                    .accounts
                    .iter_mut()
                    .filter(|snapshot| snapshot.id == id)
                {
                    snapshot.expires_at = expires_at;
                }
                self.plan_reminder(changes, account, epoch);
            });
            self.refresh_cookies_due().await;
        }
        Some(own.id.clone())
    }
}

fn not_done(refused: Option<Error>) -> Error {
    match refused {
        // "Already gone", while the list still holds it: the server's database was away.
        Some(Error::Refused { status: 400, .. }) | None => Error::ServerProblem,
        Some(error) => error,
    }
}

fn active_session(session: &Session, current: Option<&str>) -> ActiveSession {
    let label = label(session);
    ActiveSession {
        id: session.id.clone(),
        label: label.text,
        icon: label.icon,
        current: current == Some(session.id.as_str()),
        last_activity_at: UnixMillis(session.last_activity_at),
        first_active_at: UnixMillis(session.create_at),
        os: session.property("os").to_owned(),
        browser: session.property("browser").to_owned(),
        expires_at: (session.expires_at > 0).then_some(UnixMillis(session.expires_at)),
    }
}
