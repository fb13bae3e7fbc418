//! What a server says of itself, read with the account's session: its name and version, by which key it signs pushes, and
//! what its administrators decide about sessions.

use crate::engine::account::Account;
use crate::engine::questions::facts;
use crate::engine::reading::{Due, Unsaid, said};
use crate::engine::sign_in::version_number;
use crate::engine::{Engine, lock};
use crate::evidence;
use crate::policy;
use crate::server::SocketEvent;
use crate::server::server_policy::ServerPolicy;
use crate::server::wire::ClientConfig;
use crate::server::{Outcome as Answered, ServerAddress};
use crate::session::{AccountId, ConfigSet, Epoch, Event, Settings};
use crate::vault::{Outcome, ServerFacts};
use std::sync::Arc;
use std::time::Duration;

impl Engine {
    /// What host and server together decide about an account: the stricter of the two.
    pub(crate) fn settings_of(&self, policy: Option<&str>) -> Settings {
        let server = policy.map(ServerPolicy::from_json).unwrap_or_default();
        let limits = [self.settings.max_offline, server.max_offline()];
        Settings {
            max_offline: limits.into_iter().flatten().min(),
            ..self.settings
        }
    }

    /// How long after its end an account's data may be kept, by this policy of its server.
    pub(crate) fn erase_after(policy: Option<&str>) -> Duration {
        let server = policy.map(ServerPolicy::from_json).unwrap_or_default();
        let limit = server.erase_after().unwrap_or(policy::ERASE_AFTER);
        limit.min(policy::ERASE_AFTER)
    }

    /// Reads the client configuration again, in the background: the server was upgraded, or its configuration changed.
    pub(crate) fn reread_config(self: &Arc<Self>, account: &Arc<Account>, spread: Duration) {
        self.read_soon(account, Due::CONFIG, spread);
    }

    /// A socket brought something: a server that was upgraded says so in its hello, one that was configured in an event.
    pub(crate) fn notice_server(self: &Arc<Self>, account: &Arc<Account>, event: &SocketEvent) {
        match event {
            SocketEvent::Hello { server_version, .. } => {
                let Some(said) = version_number(server_version.as_deref()) else {
                    return;
                };
                let known = self.snapshot(account.id);
                let upgraded = known.is_some_and(|snapshot| snapshot.server_version != said);
                if upgraded || lock(&account.server).policy.is_none() {
                    self.reread_config(account, Duration::ZERO);
                }
            }
            SocketEvent::Event { event, .. }
                if matches!(event.as_str(), "config_changed" | "license_changed") =>
            {
                self.reread_config(account, policy::FIRST_RETRY_SPREAD);
            }
            SocketEvent::Event { .. }
            | SocketEvent::Reply { .. }
            | SocketEvent::Bytes
            | SocketEvent::Ended(_) => {}
        }
    }

    /// Reads the client configuration and stores what it says. Only the full set says anything: a dead session gets the
    /// limited one, and something in between may give any. Gives whether the server has said what there is to say.
    pub(crate) async fn learn_config(&self, id: AccountId) -> Result<(), Unsaid> {
        let Ok((account, epoch, token)) = self.signed_in(id).await else {
            return Err(Unsaid::default());
        };
        let Ok(answer) = account.rest.config(Some(&token)).await else {
            return Err(Unsaid::default());
        };
        let set = evidence::config_set(&facts(&answer.reply, self.config.clear_text));
        account.note_server_clock(answer.reply.date, self.times.wall());
        account.event(Event::ConfigSeen(set));
        let own = answer.reply.same_origin && is_secure(account.rest.address(), answer.reply.tls);
        let said = said(&answer);
        if let (Answered::Done(config), ConfigSet::Full, true) = (answer.outcome, set, own) {
            self.learn_server(&account, epoch, &config).await;
        }
        said
    }

    /// Stores and shows what the server says of itself.
    async fn learn_server(&self, account: &Account, epoch: Epoch, config: &ClientConfig) {
        let some = |key: &str| Some(config.get(key).to_owned()).filter(|text| !text.is_empty());
        let facts = ServerFacts {
            name: some("SiteName"),
            version: some("Version"),
            diagnostic_id: some("DiagnosticId"),
            signing_key: some("AsymmetricSigningPublicKey"),
            policy: Some(ServerPolicy::of(config).to_json()),
            websocket_url: some("WebsocketURL"),
        };
        let (id, stored) = (account.id, facts.clone());
        if let Ok(Outcome::Committed(())) = self
            .vault(move |vault| vault.set_server_facts(id, epoch, &stored))
            .await
        {
            *lock(&account.server) = facts.clone();
            account.event(Event::SettingsChanged(
                self.settings_of(facts.policy.as_deref()),
            ));
            self.hub.change(|changes| {
                let shown = changes.accounts.iter_mut().find(|known| known.id == id);
                if let Some(snapshot) = shown {
                    snapshot.server_name = facts.name.clone().unwrap_or_default();
                    snapshot.server_version = facts.version.clone().unwrap_or_default();
                }
            });
        }
    }
}

/// A key that arrives unprotected could be anybody's.
fn is_secure(address: &ServerAddress, tls: bool) -> bool {
    tls || !address.is_tls()
}
