//! What is done while the system lets the app run for a moment: sessions asked about, debts paid, no socket, and everything
//! closed again in time.

use crate::api::Notice;
use crate::engine::Engine;
use crate::engine::account::Account;
use crate::engine::commits::read_lists;
use crate::engine::worker::Message;
use crate::error::Error;
use crate::policy;
use crate::session::HostState;
use crate::vault::{Vault, VaultError};
use futures_util::future::join_all;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

impl Engine {
    pub(crate) async fn background_check(
        self: &Arc<Self>,
        deadline: Duration,
    ) -> Result<Vec<Notice>, Error> {
        let deadline = deadline.min(policy::BACKGROUND_CHECK);
        let engine = self.clone();
        self.awake(deadline, |until| async move {
            let paid = engine.outbox.pass();
            engine.outbox.kick();
            let accounts = engine.every_account();
            let looks = accounts.iter().map(|account| engine.look_at(account));
            let looks = async {
                tokio::join!(join_all(looks), paid);
                // Also what that has brought up: nobody may come back before the reminder of an old expiry.
                join_all(accounts.iter().map(|account| engine.read_due(account))).await
            };
            let _ = tokio::time::timeout_at(until - policy::CHECK_STORES, looks).await;
            for account in &accounts {
                engine.tell_passed_expiry(account).await;
            }
        })
        .await?;
        Ok(self.hub.read().notices.clone())
    }

    /// Waits until a session has been asked about, and its expiry read if it has passed.
    async fn look_at(&self, account: &Arc<Account>) {
        let (done, looked) = oneshot::channel();
        account.send(Message::Look(done));
        let _ = looked.await;
        self.refresh_passed_expiry(account).await;
    }

    /// Does something while the core is awake, and has it suspended again within the time, if it was. `None` if the time
    /// was over first, or the app was suspended meanwhile. What is begun here must bear being dropped at any await.
    pub(crate) async fn awake<T, F>(
        self: &Arc<Self>,
        deadline: Duration,
        work: impl FnOnce(Instant) -> F,
    ) -> Result<Option<T>, Error>
    where
        F: Future<Output = T>,
    {
        let until = Instant::now() + deadline.saturating_sub(policy::CHECK_WINDS_UP);
        let Ok(_one_at_a_time) = tokio::time::timeout_at(until, self.checking.lock()).await else {
            return Ok(None);
        };
        let woken = self.wake().await?;
        let done = tokio::select! {
            done = tokio::time::timeout_at(until, work(until)) => done.ok(),
            () = self.suspension() => None,
        };
        if woken {
            self.sleep_again().await?;
        }
        Ok(done)
    }

    /// Stores what the app has done about something that it was told. It may do so while it is suspended, after a background
    /// check or a push: then the vault is opened for this alone.
    pub(crate) async fn note<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Vault) -> Result<R, VaultError> + Send + 'static,
    ) -> Result<(), Error> {
        let _not_meanwhile = self.hosting.lock().await;
        let suspended = *self.host.borrow() == HostState::Suspended;
        let _in_order = self.refreshing.lock().await;
        let lists = self
            .vault(move |vault| {
                if !suspended {
                    job(vault)?;
                    return read_lists(vault);
                }
                vault.reopen()?;
                let lists = job(vault).and_then(|_| read_lists(vault));
                // A log that a reader holds is wiped by the next close.
                let _ = vault.close()?;
                lists
            })
            .await?;
        self.show_lists(lists);
        Ok(())
    }

    async fn wake(self: &Arc<Self>) -> Result<bool, Error> {
        let _one_at_a_time = self.hosting.lock().await;
        let suspended = *self.host.borrow() == HostState::Suspended;
        if suspended {
            self.move_host(HostState::Checking).await?;
        }
        Ok(suspended)
    }

    async fn sleep_again(self: &Arc<Self>) -> Result<(), Error> {
        let _one_at_a_time = self.hosting.lock().await;
        // The app may have come to the front, or have been suspended, meanwhile.
        let checking = *self.host.borrow() == HostState::Checking;
        if checking {
            self.move_host(HostState::Suspended).await?;
        }
        Ok(())
    }
}
