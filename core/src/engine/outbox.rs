//! What is owed to servers: sessions to be ended after a sign-out, device ids to be attached.
//!
//! A session that is owed its end counts as ended only when its own token is met with evidence of a gone session while the
//! server's database is healthy: during an outage a logout says 200 and the session lives on.

use crate::api::{Notifications, SignInMethod};
use crate::engine::questions::facts;
use crate::engine::reading::Due;
use crate::engine::{Engine, Failure, installation, stored_profile};
use crate::evidence::{self, Evidence, Expected, RequestIds};
use crate::pace::{Dice, background_retry};
use crate::policy;
use crate::secret::Token;
use crate::server::probe::major_minor;
use crate::server::sessions::{DeviceProperties, Health as PingFor};
use crate::server::{Outcome as Answered, Rest, ServerAddress};
use crate::session::{AccountId, Health, HostState, KeyTrouble, UnixMillis};
use crate::vault::{Binding, Column, unseal};
use crate::vault::{KeyName, OutboxEntry, OutboxKind, OutboxProof, Setting};
use futures_util::FutureExt;
use futures_util::future::join_all;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// How the engine's other parts say that something is owed, or that it is worth trying again.
#[derive(Default)]
pub(crate) struct Outbox {
    news: Notify,
    /// How often everything that was due has been tried.
    passes: watch::Sender<u64>,
}

impl Outbox {
    /// Try everything now, whatever waits were set: something is newly owed, or it may go well now.
    pub(crate) fn kick(&self) {
        self.news.notify_one();
    }

    /// Waits until everything that is due now has been tried once.
    pub(crate) fn pass(&self) -> impl Future<Output = ()> + use<> {
        let mut passes = self.passes.subscribe();
        let before = *passes.borrow();
        async move {
            let _ = passes.wait_for(|count| *count > before).await;
        }
    }
}

/// How a try went.
enum Tried {
    Done(OutboxProof),
    Again,
}

/// A session that is being ended at a server, and how many changes of the network had been when that was last asked which
/// installation it is.
struct Ending<'a> {
    rest: &'a Rest,
    entry: &'a OutboxEntry,
    token: &'a Token,
    asked: Option<u64>,
}

/// Which installation answers at the address that a session is owed to.
enum Led {
    /// Its own, or none that can be told from it.
    Home,
    /// Another one than that of this user.
    Elsewhere(String),
    /// Nobody has said so.
    Unheard,
}

impl Engine {
    pub(crate) fn start_outbox(self: &Arc<Self>) {
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
                let entries = engine.owed(everything).await;
                // What is cut short stays owed.
                tokio::select! {
                    _ = join_all(entries.iter().map(|entry| engine.pay(entry))) => {
                        engine.outbox.passes.send_modify(|count| *count += 1);
                    }
                    () = engine.suspension() => continue,
                }
                let wait = engine.until_next().await;
                everything = engine.next_round(&engine.outbox.news, wait).await;
            }
        });
    }

    async fn owed(&self, everything: bool) -> Vec<OutboxEntry> {
        let now = self.times.wall();
        let entries = self
            .vault(move |vault| {
                if everything {
                    vault.outbox()
                } else {
                    vault.outbox_due(now)
                }
            })
            .await;
        entries.unwrap_or_default()
    }

    /// How long until something is due; `None` where nothing is owed, so that nothing wakes the device.
    async fn until_next(&self) -> Option<Duration> {
        let now = self.times.wall();
        let Ok(entries) = self.vault(|vault| vault.outbox()).await else {
            return Some(policy::BACKGROUND_RETRY_CAP);
        };
        let next = entries
            .iter()
            .map(|entry| entry.next_try_at.since(now))
            .min()?;
        Some(next.clamp(policy::OUTBOX_SHORTEST_WAIT, policy::BACKGROUND_RETRY_CAP))
    }

    async fn pay(self: &Arc<Self>, entry: &OutboxEntry) {
        let trying = async {
            match entry.kind {
                OutboxKind::RevokeToken => self.revoke(entry).await,
                OutboxKind::AttachDevice => self.attach(entry).await,
            }
        };
        // What panics is owed as before, and holds up nothing else that is owed.
        let tried = AssertUnwindSafe(trying).catch_unwind().await;
        let tried = tried.unwrap_or(Tried::Again);
        let id = entry.id;
        let stored: Result<bool, Failure> = match tried {
            Tried::Done(proof) => {
                tracing::debug!(entry = id.0, ?proof, "paid what was owed");
                self.vault(move |vault| vault.outbox_done(id, proof)).await
            }
            Tried::Again => {
                let mut dice = Dice::new(self.times.now().entropy);
                let wait = background_retry(entry.attempts, &mut dice);
                let wait = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
                let next = UnixMillis(self.times.wall().0.saturating_add(wait));
                self.vault(move |vault| vault.outbox_attempted(id, next))
                    .await
            }
        };
        if let Err(failure) = stored {
            // It stays owed as it was and is tried again.
            tracing::debug!(entry = id.0, ?failure, "the outbox could not be written");
        }
    }

    async fn revoke(&self, entry: &OutboxEntry) -> Tried {
        let Some(sealed) = &entry.sealed_token else {
            return Tried::Done(OutboxProof::KeyLost);
        };
        let key = match self.keys.load(&KeyName::outbox()).await {
            Ok(key) => key,
            Err(KeyTrouble::Absent) => return Tried::Done(OutboxProof::KeyLost),
            Err(KeyTrouble::Unavailable | KeyTrouble::Other) => return Tried::Again,
        };
        let binding = Binding {
            account: entry.account,
            epoch: entry.epoch,
            column: Column::OutboxToken,
        };
        let Ok(token) = unseal(&key, binding, sealed) else {
            return Tried::Done(OutboxProof::KeyLost);
        };
        let Ok(address) = ServerAddress::parse(&entry.server_url, self.config.clear_text) else {
            return Tried::Again;
        };
        // A profile that this version cannot read is no leave to go another way.
        let profile = stored_profile::read(entry.network_profile.as_deref())
            .and_then(|stored| stored.opened(&entry.server_url, Some(&key)));
        let Some(rest) = profile.and_then(|profile| self.rest(address, &profile).ok()) else {
            return Tried::Again;
        };
        let mut ending = Ending {
            rest: &rest,
            entry,
            token: &token,
            asked: None,
        };
        match SignInMethod::from_code(&entry.payload) {
            Some(SignInMethod::AccessToken) => return self.remove_row(&mut ending).await,
            Some(
                SignInMethod::Password
                | SignInMethod::Sso
                | SignInMethod::MagicLink
                | SignInMethod::Adopted,
            ) => {}
            // A stray, or a way that only a newer version knows: proved like any session.
            None => {}
        }
        // Whoever answers after a change of the network is asked who it is before it sees the token, and before its word
        // strikes anything out.
        let gone = self.has_heard(&mut ending).await
            && self.is_gone(&mut ending).await
            && self.answers_for(&mut ending).await;
        if gone {
            Tried::Done(OutboxProof::SessionGone)
        } else {
            Tried::Again
        }
    }

    /// Whether the installation that a session is owed to is the one that answers. Another one knows nothing of the session,
    /// would say so, and has no business with the token. Asked once for each network and not until none changes any more, so
    /// that one that flaps keeps nothing owed.
    async fn answers_for(&self, ending: &mut Ending<'_>) -> bool {
        let way = self.way();
        if ending.asked == Some(way) {
            return true;
        }
        let own = match self.led(ending.rest, ending.entry).await {
            Led::Home => true,
            Led::Elsewhere(user_id) => self.is_own_after_all(ending, &user_id).await,
            Led::Unheard => false,
        };
        ending.asked = own.then_some(way);
        own
    }

    async fn led(&self, rest: &Rest, entry: &OutboxEntry) -> Led {
        let id = entry.account;
        let record = match self.vault(move |vault| vault.account(id)).await {
            Ok(Some(record)) => record,
            // Where the account was removed, what was known of its server went with it.
            Ok(None) => return Led::Home,
            Err(_) => return Led::Unheard,
        };
        let Some(own) = installation::of(&record.server) else {
            return Led::Home;
        };
        match self.unless_lost(installation::config(rest)).await {
            Some(Ok(config))
                if installation::is_other(Some(&own), &config, self.config.clear_text) =>
            {
                Led::Elsewhere(record.user_id)
            }
            Some(Ok(_)) => Led::Home,
            // Silence for so long is that of a server that hides its id.
            Some(Err(_)) if self.is_owed_long(entry) => Led::Home,
            Some(Err(_)) | None => Led::Unheard,
        }
    }

    /// Whether the server under another id knows the session: then it is the own one, which was given a new id after the
    /// sign-out, when nobody was left to learn it. Asked only when a name that leads elsewhere by mistake would have been put
    /// right, because the question carries the token.
    async fn is_own_after_all(&self, ending: &Ending<'_>, user_id: &str) -> bool {
        self.is_owed_long(ending.entry)
            && matches!(
                self.judged(ending, user_id).await,
                Some(Evidence::Valid { .. })
            )
    }

    fn is_owed_long(&self, entry: &OutboxEntry) -> bool {
        let owed_for = self.times.wall().0.saturating_sub(entry.created_at.0);
        u64::try_from(owed_for)
            .is_ok_and(|millis| Duration::from_millis(millis) >= policy::OWED_ELSEWHERE)
    }

    /// Whether the server answered a logout, whatever it said.
    async fn has_heard(&self, ending: &mut Ending<'_>) -> bool {
        self.answers_for(ending).await
            && matches!(
                self.unless_lost(ending.rest.logout(ending.token)).await,
                Some(Ok(_))
            )
    }

    /// Takes the row of an access token's session off the server's list, so that no push goes to this device any more. The
    /// token stays good, and asking with it would make a new row.
    async fn remove_row(&self, ending: &mut Ending<'_>) -> Tried {
        let removed = self.is_healthy(ending.rest).await
            && self.answers_for(ending).await
            && matches!(
                self.unless_lost(ending.rest.logout(ending.token)).await,
                Some(Ok(answer)) if answer.outcome == Answered::Done(())
            )
            && self.is_healthy(ending.rest).await
            && self.answers_for(ending).await;
        if removed {
            Tried::Done(OutboxProof::LoggedOut)
        } else {
            Tried::Again
        }
    }

    /// Whether the token is met with evidence of a gone session, between two healthy answers about the database.
    async fn is_gone(&self, ending: &mut Ending<'_>) -> bool {
        if !self.is_healthy(ending.rest).await || !self.answers_for(ending).await {
            return false;
        }
        let evidence = self.judged(ending, "").await;
        matches!(evidence, Some(Evidence::Gone { .. })) && self.is_healthy(ending.rest).await
    }

    /// What the server says of the token; `None` without an answer.
    async fn judged(&self, ending: &Ending<'_>, user_id: &str) -> Option<Evidence> {
        let nonce = self.times.wall().0.to_string();
        let asking = ending.rest.users_me(ending.token, &nonce);
        let reply = self.unless_lost(asking).await?.ok()?;
        let seen = RequestIds::default();
        let expected = Expected {
            request_epoch: ending.entry.epoch,
            current_epoch: ending.entry.epoch,
            user_id,
            seen: &seen,
            learned: None,
        };
        Some(evidence::judge(
            &facts(&reply, self.config.clear_text),
            &expected,
        ))
    }

    pub(super) async fn is_healthy(&self, rest: &Rest) -> bool {
        match self.unless_lost(rest.ping(PingFor::Database)).await {
            Some(Ok((reply, _))) => {
                evidence::health(&facts(&reply, self.config.clear_text)) == Health::Healthy
            }
            Some(Err(_)) | None => false,
        }
    }

    /// Servers before 10.1 know nothing but the id.
    pub(crate) fn takes_device_properties(&self, id: AccountId) -> bool {
        let version = self.snapshot(id).map(|snapshot| snapshot.server_version);
        let version = version.and_then(|text| major_minor(&text));
        version.is_some_and(|version| version >= policy::TAKES_DEVICE_PROPERTIES)
    }

    /// What goes with a device id.
    async fn device_properties(&self, device_id: String, id: AccountId) -> DeviceProperties {
        if !self.takes_device_properties(id) {
            return DeviceProperties {
                device_id: Some(device_id),
                ..DeviceProperties::default()
            };
        }
        let stored = self.vault(|vault| vault.setting(Setting::Notifications));
        let permission = stored.await.ok().flatten();
        let app_version = &self.config.device.app_version;
        DeviceProperties {
            device_id: Some(device_id),
            notifications_disabled: permission
                .and_then(|code| Notifications::from_code(&code))
                .map(|permission| permission == Notifications::Forbidden),
            // The server refuses the whole request for a version that is not strictly of this form.
            app_version: is_strict_version(app_version).then(|| app_version.clone()),
        }
    }

    async fn attach(self: &Arc<Self>, entry: &OutboxEntry) -> Tried {
        let id = entry.account;
        match self.vault(move |vault| vault.account(id)).await {
            Ok(Some(record)) if record.epoch == entry.epoch => {}
            // The session that it was for is over.
            Ok(_) => return Tried::Done(OutboxProof::DeviceAttached),
            Err(_) => return Tried::Again,
        }
        let Ok((account, epoch, token)) = self.signed_in(entry.account).await else {
            return Tried::Again;
        };
        let properties = self
            .device_properties(entry.payload.clone(), account.id)
            .await;
        let attaching = account.rest.attach_device(&token, &properties);
        match self.unless_lost(attaching).await {
            Some(Ok(answer)) => match answer.outcome {
                Answered::Done(()) => {
                    let (id, device_id) = (entry.account, entry.payload.clone());
                    let _ = self
                        .vault(move |vault| vault.set_attached_device(id, epoch, &device_id))
                        .await;
                    self.refresh_cookies_due().await;
                    if answer.reply.renewed {
                        // The session is a phone's from now on, and the server gave it the length of those.
                        self.read_once_in_touch(&account, Due::SESSION);
                    }
                    Tried::Done(OutboxProof::DeviceAttached)
                }
                Answered::Refused(_) | Answered::Unreadable => Tried::Again,
            },
            Some(Err(_)) | None => Tried::Again,
        }
    }
}

/// `major.minor.patch`, in digits without leading zeros.
fn is_strict_version(text: &str) -> bool {
    let parts: Vec<_> = text.split('.').collect();
    parts.len() == 3
        && parts.iter().all(|part| {
            part.bytes().all(|byte| byte.is_ascii_digit())
                && !part.is_empty()
                && (part.len() == 1 || !part.starts_with('0'))
        })
}

#[cfg(test)]
mod tests {
    use super::is_strict_version;

    #[test]
    fn only_strict_versions_are_sent() {
        assert!(is_strict_version("2.43.0") && is_strict_version("0.0.10"));
        for text in [
            "", "2.43", "v2.43.0", "02.43.0", "2.43.0.1", "2.43.", "2.43.x",
        ] {
            assert!(!is_strict_version(text), "{text}");
        }
    }
}
