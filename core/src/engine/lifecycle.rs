//! What the platform tells the core, carried to every account.

use crate::api::Notifications;
use crate::device::DeviceId;
use crate::engine::events::EventBatch;
use crate::engine::worker::Message;
use crate::engine::{Engine, lock, problems};
use crate::error::Error;
use crate::policy;
use crate::server::HttpProxy;
use crate::session::{AccountId, Event, Hint, HostState, NetworkPath, UnixMillis};
use crate::vault::OutboxKind;
use crate::vault::{AccountRecord, Outcome, Setting, Vault, VaultError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

impl Engine {
    /// Numbers what the app says of itself, in the order in which it says it.
    pub(crate) fn next_host_turn(&self) -> u64 {
        let mut turn = 0;
        self.host_turn.send_modify(|last| {
            *last += 1;
            turn = *last;
        });
        turn
    }

    /// What was said last counts: whoever is overtaken while it waits changes nothing any more.
    pub(crate) async fn host_state(
        self: &Arc<Self>,
        state: HostState,
        turn: u64,
    ) -> Result<(), Error> {
        let _one_at_a_time = self.hosting.lock().await;
        if *self.host_turn.borrow() != turn {
            return Ok(());
        }
        self.move_host(state).await
    }

    /// One caller at a time.
    pub(crate) async fn move_host(self: &Arc<Self>, state: HostState) -> Result<(), Error> {
        let mut hints = Vec::new();
        if state != HostState::Suspended {
            let interrupted;
            (interrupted, hints) = self
                .vault(|vault| Ok((vault.reopen()?, vault.take_hints())))
                .await?;
            self.delete_keys(interrupted.orphan_keys);
        }
        self.host.send_replace(state);
        let mut waiting = Vec::new();
        for account in self.every_account() {
            let (done, told) = oneshot::channel();
            account.send(Message::Host(state, done));
            waiting.push(told);
        }
        let all_told = async {
            for told in waiting {
                let _ = told.await;
            }
        };
        if state != HostState::Suspended {
            all_told.await;
            self.follow_hints(hints);
            self.outbox.kick();
            self.legacy.kick();
            return Ok(());
        }
        let suspended = async {
            let _nothing_is_being_stored = self.storing.write().await;
            drop(self.asking.write().await);
            all_told.await;
            self.vault(Vault::close).await
        };
        match tokio::time::timeout(policy::SUSPEND_DEADLINE, suspended).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(failure)) => Err(failure.into()),
            // The close is in the vault's queue and follows whatever it is still writing.
            Err(_) => {
                tracing::warn!("the vault is still writing while the app is being suspended");
                self.close_vault_when_free();
                Err(Error::StoreUnavailable)
            }
        }
    }

    /// Asks about accounts of which another process of the app heard something.
    pub(crate) fn follow_hints(&self, hints: Vec<AccountId>) {
        for id in hints {
            if let Ok(account) = self.account(id) {
                account.event(Event::Hint(Hint::Push));
            }
        }
    }

    pub(crate) fn network_changed(
        &self,
        path: NetworkPath,
        proxy: Option<HttpProxy>,
    ) -> Result<(), Error> {
        if self.is_closed() {
            return Err(Error::Closed);
        }
        let (changed, refused) = match self.dialler.set_system_proxy(proxy) {
            Ok(changed) => (changed, None),
            Err(error) => (
                self.dialler.set_system_proxy(None).unwrap_or(true),
                Some(problems::profile(error)),
            ),
        };
        *lock(&self.path) = path;
        for account in self.every_account() {
            if changed {
                account.rest.drop_connections();
            }
            account.event(Event::NetworkChanged(path));
        }
        if path != NetworkPath::Down {
            self.way_changed();
            self.outbox.kick();
            self.legacy.kick();
        }
        refused.map_or(Ok(()), Err)
    }

    pub(crate) async fn verify(&self, id: AccountId, deadline: Duration) -> Result<(), Error> {
        let account = self.account(id)?;
        let (done, verified) = oneshot::channel();
        account.send(Message::Verify(done));
        let _ = tokio::time::timeout(deadline, verified).await;
        Ok(())
    }

    pub(crate) async fn set_device_id(
        self: &Arc<Self>,
        device_id: Option<DeviceId>,
    ) -> Result<(), Error> {
        let text = device_id
            .map(|id| id.as_str().to_owned())
            .unwrap_or_default();
        let at = self.times.wall();
        self.vault(move |vault| {
            vault.set_setting(Setting::DeviceId, &text)?;
            let owed = vault.outbox()?;
            for account in vault.accounts()? {
                let owed = owed.iter().any(|entry| {
                    entry.account == account.id && entry.kind == OutboxKind::AttachDevice
                });
                if text.is_empty() {
                    if owed {
                        vault.drop_owed_device(account.id)?;
                    }
                    continue;
                }
                // An id that is owed may be on its way already, and must not have the last word.
                let attached = account.device_id.as_deref() == Some(&text) && !owed;
                if account.sealed_token.is_some() && !attached {
                    // Stale cannot be: nobody else writes between the two.
                    let _: Outcome<_> = vault.owe_device(account.id, account.epoch, &text, at)?;
                }
            }
            Ok(())
        })
        .await?;
        self.outbox.kick();
        Ok(())
    }

    pub(crate) async fn set_notifications(
        self: &Arc<Self>,
        notifications: Notifications,
    ) -> Result<(), Error> {
        let at = self.times.wall();
        self.vault(move |vault| {
            let known = vault.setting(Setting::Notifications)?;
            if known.as_deref() == Some(notifications.code()) {
                return Ok(());
            }
            vault.set_setting(Setting::Notifications, notifications.code())?;
            let accounts = vault.accounts()?;
            accounts
                .iter()
                .try_for_each(|account| owe_own_device(vault, account, at))
        })
        .await?;
        self.outbox.kick();
        Ok(())
    }

    /// After a sign-in: what a server from 10.1 on is told beside the device id, which the sign-in itself may have attached.
    pub(crate) async fn owe_device_properties(&self, id: AccountId) {
        if !self.takes_device_properties(id) {
            return;
        }
        let at = self.times.wall();
        // What is not stored is owed again after the next sign-in or change.
        let _ = self
            .vault(move |vault| match vault.account(id)? {
                Some(account) => owe_own_device(vault, &account, at),
                None => Ok(()),
            })
            .await;
        self.outbox.kick();
    }

    /// Events were handed out; the app has learned of the gap in them, if there was one.
    pub(crate) fn resynced(&self, id: AccountId, batch: &EventBatch) {
        if let Ok(account) = self.account(id)
            && !batch.gap
        {
            let needs_resync = account.events.needs_resync();
            self.hub.change(|changes| {
                for snapshot in changes
                    .accounts
                    .iter_mut()
                    .filter(|snapshot| snapshot.id == id)
                {
                    snapshot.needs_resync = needs_resync;
                }
            });
        }
    }
}

/// Owes the server this device's id and what goes with it, if there is an id and a session.
fn owe_own_device(
    vault: &mut Vault,
    account: &AccountRecord,
    at: UnixMillis,
) -> Result<(), VaultError> {
    let own = vault.setting(Setting::DeviceId)?;
    if let (Some(own), true) = (
        own.filter(|own| !own.is_empty()),
        account.sealed_token.is_some() && account.ended_at.is_none(),
    ) {
        // Stale cannot be: nobody else writes between the two.
        let _: Outcome<_> = vault.owe_device(account.id, account.epoch, &own, at)?;
    }
    Ok(())
}
