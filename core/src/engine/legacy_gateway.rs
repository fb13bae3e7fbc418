//! The secret of a gateway before a server, as an older app left it: kept beside a pending token, and read back with the
//! account that it came into.

use crate::engine::{Engine, Failure, stored_profile};
use crate::legacy::{Candidate, LegacyOutcome, behind};
use crate::secret::Key;
use crate::server::NetworkProfile;
use crate::vault::{
    KeyName, NewLegacyRow, PRE_AUTH, ProfileSecret, ReadBack, seal_profile_secret,
    unseal_profile_secret,
};

impl Engine {
    /// Keeps the secret of the gateway in the row of its own entry, for as long as the token that it goes with is pending.
    pub(super) async fn keep_pre_auth(
        &self,
        candidate: &Candidate,
        rows: &mut [NewLegacyRow],
    ) -> Result<(), Failure> {
        let Some((entry, secret)) = &candidate.pre_auth else {
            return Ok(());
        };
        let Some(row) = rows.iter_mut().find(|row| row.entry == entry.0) else {
            return Ok(());
        };
        let key = self
            .keys
            .outbox_key()
            .await
            .map_err(|_| Failure::KeyStore)?;
        let which = ProfileSecret::PreAuth;
        let sealed = seal_profile_secret(&key, &row.server_url, which, secret)
            .map_err(|_| Failure::NoRandomness)?;
        row.outcome = LegacyOutcome::Pending.code().to_owned();
        row.sealed_token = Some(sealed);
        Ok(())
    }

    /// The way to the server of a pending entry. A secret that does not open is missing: then the gateway says so.
    pub(super) async fn way_of_pending(
        &self,
        server_url: &str,
        key: &Key,
    ) -> Result<NetworkProfile, Failure> {
        let rows = self.legacy_rows().await?;
        let secret = rows.into_iter().find_map(|row| {
            let is_its = row.row.source == PRE_AUTH && row.row.server_url == server_url;
            let sealed = row.row.sealed_token.filter(|_| is_its)?;
            unseal_profile_secret(key, server_url, ProfileSecret::PreAuth, &sealed).ok()
        });
        Ok(secret.map_or_else(NetworkProfile::default, |secret| behind(&secret)))
    }

    /// Whether the network profile of the account that an entry became has its secrets.
    pub(super) async fn opens_profile(&self, entry: &ReadBack) -> bool {
        let Some(stored) = &entry.profile else {
            // The app has told another way since, or there is no account.
            return true;
        };
        let Ok(key) = self.keys.load(&KeyName::outbox()).await else {
            return false;
        };
        stored_profile::read(Some(stored))
            .is_some_and(|stored| stored.opens(&entry.server_url, &key))
    }
}
