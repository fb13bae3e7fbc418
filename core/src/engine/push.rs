//! Pushes. Each is at most a reason to ask the server: what a push claims ends no session, and one that orders a wipe counts
//! only if the server's own signature, an acknowledgement id never met before and this device's id say so.

use crate::api::{PushPayload, PushReceived, Standing, ToShow, message};
use crate::engine::Engine;
use crate::engine::account::Account;
use crate::engine::lock;
use crate::engine::worker::Message;
use crate::error::Error;
use crate::policy;
use crate::server::push_signature::is_signed;
use crate::session::{Event, Hint};
use futures_util::future::join_all;
use std::sync::Arc;
use tokio::sync::oneshot;

impl Engine {
    pub(crate) async fn push_received(
        self: &Arc<Self>,
        push: PushPayload,
    ) -> Result<PushReceived, Error> {
        let accounts = self.meant(&push);
        match push.get("type") {
            "session" => {
                let to_show = self.session_push(push, accounts).await?;
                Ok(PushReceived {
                    handled: true,
                    to_show,
                })
            }
            "message" => Ok(PushReceived {
                handled: false,
                to_show: self.shown(&push, &accounts),
            }),
            _ => Ok(PushReceived {
                handled: false,
                to_show: ToShow::AsGiven,
            }),
        }
    }

    /// The accounts that a push may be about. It names the installation and no user; where a server's id is not known, it
    /// may be that one.
    fn meant(&self, push: &PushPayload) -> Vec<Arc<Account>> {
        let accounts = self.every_account();
        let server = push.get("server_id");
        if server.is_empty() {
            return accounts;
        }
        let (named, rest): (Vec<_>, Vec<_>) = accounts
            .into_iter()
            .partition(|account| lock(&account.server).diagnostic_id.as_deref() == Some(server));
        if !named.is_empty() {
            return named;
        }
        rest.into_iter()
            .filter(|account| lock(&account.server).diagnostic_id.is_none())
            .collect()
    }

    /// What a message may show: nothing of content that is covered, and nothing where nobody is signed in.
    fn shown(&self, push: &PushPayload, accounts: &[Arc<Account>]) -> ToShow {
        let snapshots: Vec<_> = accounts
            .iter()
            .filter_map(|account| self.snapshot(account.id))
            .filter(|snapshot| snapshot.standing != Standing::Ended)
            .collect();
        if snapshots.is_empty() {
            ToShow::Nothing
        } else if snapshots.iter().any(|snapshot| !snapshot.cover) {
            ToShow::AsGiven
        } else if push.get("message").is_empty() {
            ToShow::Nothing
        } else {
            ToShow::Instead(message::NEW_MESSAGE)
        }
    }

    async fn session_push(
        self: &Arc<Self>,
        push: PushPayload,
        accounts: Vec<Arc<Account>>,
    ) -> Result<ToShow, Error> {
        let ids: Vec<_> = accounts.iter().map(|account| account.id).collect();
        if ids.is_empty() {
            return Ok(ToShow::Nothing);
        }
        let engine = self.clone();
        self.awake(policy::BACKGROUND_CHECK, |until| async move {
            // An expiry notice has a text; an order to wipe is silent.
            let order = push.get("message").is_empty();
            let mut looks = Vec::new();
            let mut ordered = false;
            for account in &accounts {
                let (done, looked) = oneshot::channel();
                let event = if order && engine.is_order(&push, account).await {
                    ordered = true;
                    Event::WipePush
                } else {
                    Event::Hint(Hint::Push)
                };
                account.send(Message::Pushed { event, done });
                looks.push(looked);
            }
            let looks = async {
                let _ = join_all(looks).await;
                for account in &accounts {
                    engine.refresh_passed_expiry(account).await;
                }
            };
            if ordered {
                // Not before the workers have stored what was ordered: an order that a kill swallowed must count again.
                engine.remember_push(&push, &accounts).await;
            }
            let _ = tokio::time::timeout_at(until - policy::CHECK_STORES, looks).await;
            if !order {
                for account in &accounts {
                    engine.tell_passed_expiry(account).await;
                }
            }
        })
        .await?;
        let notices: Vec<_> = self
            .hub
            .read()
            .notices
            .iter()
            .filter(|notice| ids.contains(&notice.account))
            .cloned()
            .collect();
        Ok(if notices.is_empty() {
            ToShow::Nothing
        } else {
            ToShow::Notices(notices)
        })
    }

    /// Whether the account's own server orders the wiping of this device, for the first time.
    async fn is_order(&self, push: &PushPayload, account: &Account) -> bool {
        let key = lock(&account.server).signing_key.clone();
        let (Some(key), Ok(Some(device_id))) = (key, self.own_device_id().await) else {
            return false;
        };
        let ack_id = push.get("ack_id").to_owned();
        let signed = is_signed(&key, push.get("signature"), &ack_id, &device_id);
        if !signed {
            return false;
        }
        let seen = self.vault(move |vault| vault.has_seen_push(&ack_id)).await;
        matches!(seen, Ok(false))
    }

    async fn remember_push(&self, push: &PushPayload, accounts: &[Arc<Account>]) {
        for account in accounts {
            let (done, stored) = oneshot::channel();
            account.send(Message::Settled(done));
            let _ = stored.await;
        }
        let (ack_id, at) = (push.get("ack_id").to_owned(), self.times.wall());
        if let Err(failure) = self.vault(move |vault| vault.push_seen(&ack_id, at)).await {
            // It may count once more, and will be asked about once more.
            tracing::debug!(?failure, "a push could not be remembered");
        }
    }
}
