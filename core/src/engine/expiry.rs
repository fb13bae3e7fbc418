//! When sessions expire: read again when it may have moved, planned as a reminder, and told once. A passed expiry is a reason
//! to ask and never an end.

use crate::api::{Changes, Reminder, Standing};
use crate::engine::Engine;
use crate::engine::account::Account;
use crate::engine::reading::{Unsaid, said};
use crate::error::Error;
use crate::policy;
use crate::server::Outcome as Answered;
use crate::session::{AccountId, Epoch, UnixMillis};
use crate::vault::Outcome;
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Account {
    /// Takes the server's clock from an answer. A difference within the way's own delay is none.
    pub(crate) fn note_server_clock(&self, server: Option<UnixMillis>, here: UnixMillis) {
        if let Some(server) = server {
            let ahead = server.0.saturating_sub(here.0);
            let tolerance = i64::try_from(policy::CLOCK_TOLERANCE.as_millis()).unwrap_or(i64::MAX);
            let ahead = if ahead.abs() < tolerance { 0 } else { ahead };
            let before = self.server_clock_ahead.load(Ordering::Relaxed);
            // A second's difference is no reason to move a reminder either.
            if ahead == 0 || (ahead - before).abs() >= tolerance {
                self.server_clock_ahead.store(ahead, Ordering::Relaxed);
            }
        }
    }

    /// A time of the server's clock by the device's.
    pub(crate) fn here(&self, server: UnixMillis) -> UnixMillis {
        let ahead = self.server_clock_ahead.load(Ordering::Relaxed);
        UnixMillis(server.0.saturating_sub(ahead))
    }
}

impl Engine {
    /// The expiry that the account's snapshot shows, by the device's clock, if it has passed.
    pub(crate) fn passed_expiry(&self, account: &Account) -> Option<UnixMillis> {
        let expires_at = self.snapshot(account.id)?.expires_at?;
        (account.here(expires_at) <= self.times.wall()).then_some(expires_at)
    }

    /// Reads the expiry again in the background: the server may have moved it.
    pub(crate) fn start_refreshing_expiry(self: &Arc<Self>, account: &Arc<Account>) {
        let (engine, account) = (self.clone(), account.clone());
        self.spawn(async move {
            tokio::select! {
                () = engine.refresh_expiry(&account) => {}
                () = engine.suspension() => {}
            }
        });
    }

    /// Reads the expiry again if it has passed and the session lives.
    pub(crate) async fn refresh_passed_expiry(&self, account: &Arc<Account>) {
        let lives = self
            .snapshot(account.id)
            .is_some_and(|snapshot| snapshot.standing == Standing::Active);
        if lives && self.passed_expiry(account).is_some() {
            self.refresh_expiry(account).await;
        }
    }

    /// Reads the expiry from the list of sessions, at most once a minute.
    pub(crate) async fn refresh_expiry(&self, account: &Arc<Account>) {
        let mut last = account.expiry_read.lock().await;
        let now = self.times.boot();
        if last.is_some_and(|last| now.since(last) < policy::EXPIRY_READS) {
            return;
        }
        // Also where nobody answers.
        *last = Some(now);
        let _ = self.read_expiry(account).await;
    }

    /// Reads the expiry from the list of sessions, however lately it was read. Gives whether the server has said what there is
    /// to say.
    pub(crate) async fn read_expiry(&self, account: &Arc<Account>) -> Result<(), Unsaid> {
        let Ok((account, epoch, token)) = self.signed_in(account.id).await else {
            return Err(Unsaid::default());
        };
        let list = account.next_list();
        let Ok(answer) = account.rest.sessions(&token, "me").await else {
            return Err(Unsaid::default());
        };
        account.note_server_clock(answer.reply.date, self.times.wall());
        let said = said(&answer);
        if let Answered::Done(sessions) = answer.outcome {
            self.learn_own_session(&account, epoch, list, &sessions)
                .await;
        }
        said
    }

    pub(crate) async fn reminder_set(
        &self,
        id: AccountId,
        epoch: Epoch,
        at: UnixMillis,
    ) -> Result<(), Error> {
        // Stale: that session is over, and with it the reminder's meaning.
        self.note(move |vault| vault.set_reminder(id, epoch, at))
            .await
    }

    /// The expiry has passed and nobody could say what became of the session: the user is told that it may have expired,
    /// unless the reminder has told it.
    pub(crate) async fn tell_passed_expiry(&self, account: &Account) {
        let unknown = self.snapshot(account.id).is_some_and(|snapshot| {
            let asked_since = snapshot
                .expires_at
                .is_some_and(|at| snapshot.validated_at >= Some(account.here(at)));
            matches!(
                snapshot.standing,
                Standing::Active | Standing::Suspect | Standing::Locked
            ) && !asked_since
        });
        let Some(expires_at) = self.passed_expiry(account).filter(|_| unknown) else {
            return;
        };
        let (id, at) = (account.id, self.times.wall());
        let told = self
            .vault(move |vault| {
                let Some(record) = vault.account(id)? else {
                    return Ok(Outcome::Stale);
                };
                if record.expires_at != Some(expires_at) {
                    return Ok(Outcome::Stale);
                }
                vault.tell_may_have_expired(id, record.epoch, at)
            })
            .await;
        if let Ok(Outcome::Committed(Some(_))) = told {
            self.refresh_lists().await;
        }
    }

    /// Brings the account's reminder into line with what is known of its session.
    pub(crate) fn plan_reminder(&self, changes: &mut Changes, account: &Account, epoch: Epoch) {
        changes
            .reminders
            .retain(|reminder| reminder.account != account.id);
        let snapshot = changes.accounts.iter().find(|known| known.id == account.id);
        let Some(snapshot) = snapshot else { return };
        let Some(expires_at) = snapshot.expires_at else {
            return;
        };
        let at = account.here(expires_at);
        if snapshot.standing != Standing::Ended && at > self.times.wall() {
            changes.reminders.push(Reminder::new(account.id, epoch, at));
            changes.reminders.sort_by_key(|reminder| reminder.account);
        }
    }
}
