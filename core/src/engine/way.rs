//! The ways to servers: what a profile makes of the device's network, for an account and for whoever is about to have one.
//!
//! An open touches no key store, so an account begins with a way that lacks the secrets of its profile; they are there
//! before its token is, and nothing is asked without that.

use crate::engine::account::Account;
use crate::engine::{Engine, Failure, lock, problems, stored_profile};
use crate::error::Error;
use crate::policy;
use crate::server::{Dialler, NetworkProfile, Rest, ServerAddress};
use crate::session::{AccountId, Event, KeyTrouble};
use crate::vault::{AccountRecord, KeyName};
use std::sync::Arc;

impl Engine {
    /// Clients for one server.
    pub(crate) fn rest(
        &self,
        address: ServerAddress,
        profile: &NetworkProfile,
    ) -> Result<Rest, Error> {
        let dialler = self
            .dialler
            .with_profile(profile)
            .map_err(problems::profile)?;
        Rest::new(address, &dialler, &self.user_agent).map_err(problems::transport)
    }

    /// The way of an account that the vault holds, and whether it still lacks secrets. Touches no key store.
    pub(super) fn first_way(
        &self,
        record: &AccountRecord,
        address: ServerAddress,
    ) -> Result<(Rest, bool), Error> {
        let unusable = Error::InvalidArgument {
            argument: "profile",
        };
        let stored = stored_profile::read(record.network_profile.as_deref());
        let stored = stored.ok_or_else(|| unusable.clone())?;
        let lacks_secrets = stored.has_secrets();
        let profile = stored.opened(&record.server_url, None).ok_or(unusable)?;
        Ok((self.rest(address, &profile)?, lacks_secrets))
    }

    /// Adds the secrets of the profile to an account's way, if it still lacks them. Secrets whose key is lost stay missing:
    /// then the gateway or the proxy says so, and the app sets the profile anew.
    pub(crate) async fn complete_way(&self, account: &Account) -> Result<(), Failure> {
        let mut lacks_secrets = account.way_lacks_secrets.lock().await;
        if !*lacks_secrets {
            return Ok(());
        }
        let key = match self.keys.load(&KeyName::outbox()).await {
            Ok(key) => Some(key),
            Err(KeyTrouble::Absent) => None,
            Err(KeyTrouble::Unavailable | KeyTrouble::Other) => return Err(Failure::KeyStore),
        };
        let id = account.id;
        let record = self.vault(move |vault| vault.account(id)).await?;
        let profile = record.and_then(|record| {
            stored_profile::read(record.network_profile.as_deref())?
                .opened(&record.server_url, key.as_ref())
        });
        let dialler = profile.and_then(|profile| self.dialler.with_profile(&profile).ok());
        if let Some(dialler) = dialler {
            *lacks_secrets = account.rest.use_dialler(&dialler).is_err();
        }
        Ok(())
    }

    /// The whole way of an account.
    pub(crate) async fn way_of(&self, account: &Account) -> Result<Dialler, Error> {
        self.complete_way(account).await?;
        Ok(account.rest.dialler())
    }

    /// The network changed: what was asked on the last one may never be answered, and must hold nothing up; and whoever
    /// answered there says nothing of who answers here.
    pub(super) fn way_changed(&self) {
        self.ways.send_modify(|count| *count += 1);
    }

    /// How often the network has changed.
    pub(super) fn way(&self) -> u64 {
        *self.ways.borrow()
    }

    /// Asks a server something for a round of work in the background; `None` if the question seems lost with its network.
    pub(super) async fn unless_lost<T>(&self, asking: impl Future<Output = T>) -> Option<T> {
        let mut ways = self.ways.subscribe();
        let patience = tokio::time::sleep(policy::LOST_WITH_ITS_NETWORK);
        // Both, so that a network that flaps cuts short nothing that would be answered.
        let lost = async { tokio::join!(ways.changed(), patience) };
        tokio::select! {
            answer = asking => Some(answer),
            _ = lost => None,
        }
    }

    /// What is stored of the profile by which a server is reached.
    pub(crate) async fn sealed_profile(&self, rest: &Rest) -> Result<Option<String>, Failure> {
        self.sealed(rest.dialler().profile(), rest.address().as_str())
            .await
    }

    async fn sealed(
        &self,
        profile: &NetworkProfile,
        server_url: &str,
    ) -> Result<Option<String>, Failure> {
        if *profile == NetworkProfile::default() {
            return Ok(None);
        }
        let key = self
            .keys
            .outbox_key()
            .await
            .map_err(|_| Failure::KeyStore)?;
        stored_profile::write(profile, server_url, &key).map_err(|_| Failure::NoRandomness)
    }

    pub(crate) async fn set_network_profile(
        self: &Arc<Self>,
        id: AccountId,
        profile: NetworkProfile,
    ) -> Result<(), Error> {
        let dialler = self
            .dialler
            .with_profile(&profile)
            .map_err(problems::profile)?;
        let record = self.vault(move |vault| vault.account(id)).await?;
        let record = record.ok_or(Error::NoSuchAccount)?;
        let stored = self.sealed(&profile, &record.server_url).await?;
        let account = lock(&self.accounts).get(&id).cloned();
        // Held over both, so that nobody completes the old way in between.
        let mut changing = match &account {
            Some(account) => Some(account.way_lacks_secrets.lock().await),
            None => None,
        };
        let there = self
            .vault(move |vault| vault.set_network_profile(id, stored.as_deref()))
            .await?;
        if !there {
            return Err(Error::NoSuchAccount);
        }
        match (&account, &mut changing) {
            (Some(account), Some(lacks_secrets)) => {
                account
                    .rest
                    .use_dialler(&dialler)
                    .map_err(problems::transport)?;
                **lacks_secrets = false;
                account.event(Event::NetworkChanged(*lock(&self.path)));
            }
            _ => {
                let record = self.vault(move |vault| vault.account(id)).await?;
                self.look_after(record.ok_or(Error::NoSuchAccount)?)?;
            }
        }
        self.outbox.kick();
        Ok(())
    }
}
