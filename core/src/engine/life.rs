//! An account after its sign-in: taken up again, forgotten, its data key, and the erasing that is due long after an end.

use crate::api::EraseReason;
use crate::engine::account::Account;
use crate::engine::worker::Message;
use crate::engine::{Engine, lock};
use crate::error::Error;
use crate::policy;
use crate::secret::Key;
use crate::server::sessions::Health as PingFor;
use crate::session::{AccountId, HostState, KeyTrouble, UnixMillis};
use crate::vault::{self, AccountRecord, OldToken, Outcome, Vault, VaultError};
use std::sync::Arc;
use tokio::sync::oneshot;

impl Engine {
    pub(crate) async fn continue_session(&self, id: AccountId) -> Result<(), Error> {
        let account = self.account(id)?;
        self.not_suspended()?;
        let (done, continued) = oneshot::channel();
        account.send(Message::Continue(done));
        continued.await.map_err(|_| self.unanswered(id))?
    }

    pub(crate) async fn forget(self: &Arc<Self>, id: AccountId) -> Result<(), Error> {
        self.not_suspended()?;
        let known = lock(&self.accounts).get(&id).cloned();
        let Some(account) = known else {
            // One whose server may not be used: nothing can be owed to it.
            self.snapshot(id).ok_or(Error::NoSuchAccount)?;
            self.commit_forget(id, None).await?;
            return Ok(());
        };
        let (done, forgotten) = oneshot::channel();
        account.send(Message::Forget(done));
        // A worker that is gone had forgotten it already.
        forgotten.await.unwrap_or(Err(Error::NoSuchAccount))
    }

    /// Removes an account in one transaction. Only its worker calls this, or nobody has one; so no other end of its session
    /// is under way.
    pub(crate) async fn commit_forget(
        self: &Arc<Self>,
        id: AccountId,
        account: Option<&Account>,
    ) -> Result<(), Error> {
        loop {
            let Some(record) = self.vault(move |vault| vault.account(id)).await? else {
                // Whoever read it just before it was forgotten may have listed it again.
                self.unlist(id, account).await;
                return Err(Error::NoSuchAccount);
            };
            let epoch = record.epoch;
            let old_token = match account {
                Some(account) => self.token_owed(account, epoch).await?,
                None if record.sealed_token.is_some() => OldToken::Dropped,
                None => OldToken::None,
            };
            let forget = vault::Forget {
                account: id,
                epoch,
                old_token,
                reason: EraseReason::Forgotten.code().to_owned(),
                at: self.times.wall(),
            };
            let outcome = match self.vault(move |vault| vault.forget(&forget)).await {
                Err(crate::engine::Failure::Vault(VaultError::DiskFull)) => {
                    if let Some(account) = account {
                        self.sign_out_on_a_full_disk(account, epoch).await;
                    }
                    return Err(Error::DiskFull);
                }
                outcome => outcome?,
            };
            let Outcome::Committed(forgotten) = outcome else {
                // A sign-in of the same user came first; it is forgotten with the rest.
                continue;
            };
            self.unlist(id, account).await;
            self.destroy(forgotten.retired_key).await;
            self.delete_doomed_keys().await;
            self.refresh_lists().await;
            self.outbox.kick();
            return Ok(());
        }
    }

    async fn unlist(&self, id: AccountId, account: Option<&Account>) {
        if let Some(account) = account {
            account.tokens.forget().await;
        }
        lock(&self.accounts).remove(&id);
        // Whoever waits for events looks why there are none, and finds it gone.
        if let Some(account) = account {
            account.events.close();
        }
        self.hub
            .change(|changes| changes.accounts.retain(|snapshot| snapshot.id != id));
    }

    /// Deletes every key that the vault has doomed. What a locked key store keeps is deleted after the next open.
    pub(crate) async fn delete_doomed_keys(self: &Arc<Self>) {
        if let Ok(names) = self.vault(Vault::orphan_keys).await {
            self.delete_keys(names);
        }
    }

    pub(crate) async fn data_key(self: &Arc<Self>, id: AccountId) -> Result<Key, Error> {
        self.account(id)?;
        self.standing_allows(id)?;
        let _one_at_a_time = self.making_data_key.lock().await;
        let Some(name) = self.vault(move |vault| vault.data_key_name(id)).await? else {
            return self.make_data_key(id).await;
        };
        match self.keys.load(&name).await {
            Ok(key) => Ok(key),
            Err(KeyTrouble::Unavailable | KeyTrouble::Other) => Err(Error::KeyStoreUnavailable),
            Err(KeyTrouble::Absent) => Err(Error::DataKeyLost),
        }
    }

    pub(crate) async fn renew_data_key(self: &Arc<Self>, id: AccountId) -> Result<Key, Error> {
        self.account(id)?;
        self.standing_allows(id)?;
        let _one_at_a_time = self.making_data_key.lock().await;
        self.make_data_key(id).await
    }

    async fn make_data_key(self: &Arc<Self>, id: AccountId) -> Result<Key, Error> {
        for _ in 0..2 {
            let name = self.vault(move |vault| vault.prepare_data_key(id)).await?;
            let made = self.keys.make(&name).await;
            let Ok(key) = made else {
                // Written down as prepared: the next open deletes what may have been made.
                return Err(Error::KeyStoreUnavailable);
            };
            let outcome = self
                .vault(move |vault| vault.commit_data_key(id, &name))
                .await?;
            self.delete_doomed_keys().await;
            if let Outcome::Committed(()) = outcome {
                return Ok(key);
            }
            // The account was forgotten; or a suspension in between made void what was set aside.
            self.account(id)?;
            self.standing_allows(id)?;
        }
        Err(Error::StoreUnavailable)
    }

    /// Asks, now and then, whether a session ended so long ago that what the app stored of it is to be erased.
    pub(crate) fn start_erasing(self: &Arc<Self>) {
        let engine = self.clone();
        self.spawn(async move {
            let mut host = engine.host.subscribe();
            loop {
                if host
                    .wait_for(|state| *state != HostState::Suspended)
                    .await
                    .is_err()
                {
                    return;
                }
                engine.erase_what_ended_long_ago().await;
                tokio::select! {
                    changed = host.changed() => if changed.is_err() { return },
                    () = tokio::time::sleep(policy::ERASE_LOOK) => {}
                }
            }
        });
    }

    async fn erase_what_ended_long_ago(self: &Arc<Self>) {
        let records = self.vault(Vault::accounts).await.unwrap_or_default();
        let owed = self.hub.read().obligations.clone();
        for record in records {
            let asked_for = owed
                .iter()
                .any(|obligation| obligation.account == record.id);
            if !asked_for && self.ended_long_ago(&record).await {
                let (id, epoch, at) = (record.id, record.epoch, self.times.wall());
                let reason = EraseReason::EndedLongAgo.code();
                // Stale: somebody signed in meanwhile, and nothing is to be erased.
                let raised = self
                    .vault(move |vault| vault.raise_erase(id, epoch, reason, at))
                    .await;
                if let Ok(Outcome::Committed(Some(_))) = raised {
                    self.delete_doomed_keys().await;
                    self.refresh_lists().await;
                }
            }
        }
    }

    /// The device's clock says so, and the server's does too: one that was set wrong must not cost anybody their drafts.
    async fn ended_long_ago(&self, record: &AccountRecord) -> bool {
        let Some(ended_at) = record.ended_at else {
            return false;
        };
        let limit = Self::erase_after(record.server.policy.as_deref());
        let past = |now: UnixMillis| now.since(ended_at) >= limit;
        if !past(self.times.wall()) {
            return false;
        }
        let Ok(account) = self.account(record.id) else {
            return false;
        };
        let asking = account.rest.ping(PingFor::Reachable);
        match self.unless_suspended(asking).await {
            Some(Ok((reply, Some(_)))) => reply.same_origin && reply.date.is_some_and(past),
            Some(Ok((_, None)) | Err(_)) | None => false,
        }
    }
}
