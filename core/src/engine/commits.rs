//! What the machine wants stored, as transactions of the vault, and what goes with each: keys deleted, bytes wiped, lists
//! read again.

use crate::api::{EraseReason, Notice, NoticeId, NoticeKind, Obligation, ObligationId};
use crate::engine::account::Account;
use crate::engine::token::NoToken;
use crate::engine::worker::{Committed, Message};
use crate::engine::{Engine, Failure};
use crate::error::Error;
use crate::server::wire;
use crate::session::{
    AccountId, Effect, Epoch, Event, KeyTrouble, Notice as MachineNotice, Now, State, StoredParts,
    StoredStanding, TokenFate, UnixMillis, step,
};
use crate::vault::{self, KeyName, OldToken, Outcome, Stamp, UserFacts, Vault, VaultError};
use crate::vault::{Binding, Column, seal};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// What the app is told and what it owes, as the vault has it.
pub(crate) struct Lists {
    pub(crate) notices: Vec<Notice>,
    pub(crate) withdrawn_notices: Vec<NoticeId>,
    pub(crate) obligations: Vec<Obligation>,
    /// Whose cookies a web view is to be given, if the app shows web pages at all.
    pub(crate) cookies_due: Vec<AccountId>,
}

impl Lists {
    /// Whether an account waits for the erasing of somebody else's data.
    pub(crate) fn blocks(&self, account: AccountId) -> bool {
        self.obligations
            .iter()
            .any(|obligation| obligation.blocks.contains(&account))
    }
}

fn new_notice(kind: NoticeKind) -> vault::NewNotice {
    vault::NewNotice {
        kind: kind.code().to_owned(),
        payload: "{}".to_owned(),
    }
}

fn stored(standing: StoredStanding) -> vault::StoredStanding {
    vault::StoredStanding {
        code: standing.code.to_owned(),
        detail: standing.text,
    }
}

/// Reads what the app is told and what it owes.
pub(crate) fn read_lists(vault: &mut Vault) -> Result<Lists, VaultError> {
    vault.lists().map(shown)
}

/// What the vault holds, as the app knows it.
pub(crate) fn shown(lists: vault::Lists) -> Lists {
    let notices = lists.notices.into_iter().filter_map(|notice| {
        // A kind that only a newer version knows is kept for it.
        let kind = NoticeKind::from_code(&notice.kind)?;
        Some(Notice {
            id: NoticeId(notice.id.0),
            account: notice.account,
            kind,
            created_at: notice.created_at,
        })
    });
    let notices = notices.collect();
    let obligations = lists.obligations.into_iter().map(|obligation| Obligation {
        id: ObligationId(obligation.id.0),
        account: obligation.account,
        server_url: obligation.server_url,
        user_id: obligation.user_id,
        // The work is owed for whatever reason.
        reason: EraseReason::from_code(&obligation.reason).unwrap_or(EraseReason::Other),
        blocks: obligation.blocks,
        created_at: obligation.created_at,
    });
    let obligations = obligations.collect();
    let withdrawn = lists.withdrawn_notices.into_iter();
    Lists {
        notices,
        withdrawn_notices: withdrawn.map(|id| NoticeId(id.0)).collect(),
        obligations,
        cookies_due: lists.cookies_due,
    }
}

/// Makes accounts again of what is known of a vault that had to be set aside: ended, and told.
pub(crate) fn restore_lost(
    vault: &mut Vault,
    lost: &[vault::LostAccount],
    parts: &StoredParts,
    now: Now,
) -> Result<(), VaultError> {
    for account in lost {
        let before = State::signed_in(parts.clone(), None, now);
        let (_, effects) = step(&before, Event::StorageLost, now);
        let standing = effects.into_iter().find_map(|effect| match effect {
            Effect::CommitEnd { stored, .. } => Some(stored),
            _ => None,
        });
        let Some(standing) = standing else { continue };
        let notice = new_notice(NoticeKind::SessionEnded);
        // Stale: another process did it.
        let _ = vault.restore_lost(account, &stored(standing), Some(&notice), now.wall)?;
    }
    Ok(())
}

/// A text by which a CSRF token can be recognised and that is worth nothing else.
pub(crate) fn csrf_hash(csrf: &str) -> String {
    Sha256::digest(csrf.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

impl Engine {
    pub(crate) fn stamp(&self) -> Stamp {
        let now = self.times.now();
        Stamp {
            wall: now.wall,
            boot: now.boot,
            boot_id: self.boot_id.clone(),
        }
    }

    pub(crate) async fn store_standing(
        &self,
        account: AccountId,
        epoch: Epoch,
        standing: StoredStanding,
    ) -> Result<(), Failure> {
        let standing = stored(standing);
        // Stale: the account has moved on, and the newer epoch stores its own.
        self.vault(move |vault| vault.store_standing(account, epoch, &standing))
            .await
            .map(|_| ())
    }

    /// Ends a session for any reason but the user's own sign-out.
    pub(crate) async fn commit_end(
        self: &Arc<Self>,
        account: &Account,
        epoch: Epoch,
        notice: Option<MachineNotice>,
        token: TokenFate,
        standing: StoredStanding,
    ) -> Result<Committed, Failure> {
        let token = match token {
            TokenFate::Keep => {
                let mut until = self.stamp();
                until.boot = until.boot.after(self.config.restore_window);
                let window =
                    i64::try_from(self.config.restore_window.as_millis()).unwrap_or(i64::MAX);
                until.wall = UnixMillis(until.wall.0.saturating_add(window));
                vault::TokenFate::KeptUntil(until)
            }
            TokenFate::Destroy => vault::TokenFate::Destroyed,
            TokenFate::Owe => match self.token_owed(account, epoch).await? {
                OldToken::Owed(sealed) => vault::TokenFate::Owed(sealed),
                OldToken::Dropped | OldToken::None => vault::TokenFate::Destroyed,
            },
        };
        let taken = !matches!(token, vault::TokenFate::KeptUntil(_));
        let wiped = notice == Some(MachineNotice::Wiped);
        let end = vault::End {
            account: account.id,
            epoch,
            standing: stored(standing),
            notice: notice.map(|notice| {
                new_notice(match notice {
                    MachineNotice::SessionEnded
                    | MachineNotice::Wiped
                    | MachineNotice::KeyLost
                    | MachineNotice::StorageLost => NoticeKind::SessionEnded,
                })
            }),
            token,
            erase: match notice {
                Some(MachineNotice::Wiped) => Some(EraseReason::Wiped.code().to_owned()),
                _ => None,
            },
            at: self.times.wall(),
        };
        let outcome = self.vault(move |vault| vault.commit_end(&end)).await?;
        let Outcome::Committed(ended) = outcome else {
            return Ok(Committed::Stale);
        };
        if taken {
            account.tokens.forget().await;
            self.destroy(ended.retired_key).await;
        }
        if ended.owed.is_some() {
            self.outbox.kick();
        }
        if wiped {
            self.delete_doomed_keys().await;
        }
        self.refresh_lists().await;
        Ok(Committed::Under(epoch))
    }

    /// Signs out: the end, and what is owed to the server, in one transaction.
    pub(crate) async fn commit_sign_out(
        self: &Arc<Self>,
        account: &Account,
        epoch: Epoch,
        standing: StoredStanding,
    ) -> Result<Committed, Failure> {
        let old_token = self.token_owed(account, epoch).await?;
        let sign_out = vault::SignOut {
            account: account.id,
            epoch,
            standing: stored(standing),
            old_token,
            at: self.times.wall(),
        };
        let outcome = match self.vault(move |vault| vault.sign_out(&sign_out)).await {
            Err(Failure::Vault(VaultError::DiskFull)) => {
                self.sign_out_on_a_full_disk(account, epoch).await;
                return Err(Failure::Vault(VaultError::DiskFull));
            }
            outcome => outcome?,
        };
        let Outcome::Committed(signed_out) = outcome else {
            return Ok(Committed::Stale);
        };
        account.tokens.forget().await;
        account.events.forget_connection();
        self.destroy(signed_out.retired_key).await;
        self.refresh_lists().await;
        self.outbox.kick();
        Ok(Committed::Under(signed_out.epoch))
    }

    /// The token of a session that is over here, sealed for the outbox.
    pub(crate) async fn token_owed(
        &self,
        account: &Account,
        epoch: Epoch,
    ) -> Result<OldToken, Failure> {
        Ok(match account.tokens.get(self, account.id, epoch).await {
            Ok(token) => {
                let key = self
                    .keys
                    .outbox_key()
                    .await
                    .map_err(|_| Failure::KeyStore)?;
                let binding = Binding {
                    account: account.id,
                    epoch,
                    column: Column::OutboxToken,
                };
                OldToken::Owed(seal(&key, binding, &token).map_err(|_| Failure::NoRandomness)?)
            }
            Err(NoToken::Outdated) => OldToken::None,
            Err(NoToken::Key(KeyTrouble::Absent)) => OldToken::Dropped,
            Err(NoToken::Key(KeyTrouble::Unavailable)) if self.may_give_up_token(account.id) => {
                OldToken::Dropped
            }
            Err(NoToken::Key(trouble @ (KeyTrouble::Unavailable | KeyTrouble::Other))) => {
                // Nobody else may have read the key yet.
                let event = Some(Event::KeyUnreadable(trouble));
                account.send(Message::Key { epoch, event });
                return Err(Failure::KeyStore);
            }
            Err(NoToken::Store(failure)) => return Err(failure),
        })
    }

    /// Nothing can be written, so what makes the token worthless here is destroying its key; and the server is told once,
    /// while the token is still in memory.
    pub(crate) async fn sign_out_on_a_full_disk(self: &Arc<Self>, account: &Account, epoch: Epoch) {
        let id = account.id;
        if let Ok(token) = account.tokens.get(self, id, epoch).await {
            // Best effort, as the caller is told.
            let _ = account.rest.logout(&token).await;
        }
        if let Ok(Some(record)) = self.vault(move |vault| vault.account(id)).await
            && let Some(name) = record.key_name
        {
            let _ = self.keys.delete(&name).await;
        }
        account.tokens.forget().await;
    }

    pub(crate) async fn commit_may_continue(
        self: &Arc<Self>,
        account: AccountId,
        epoch: Epoch,
        standing: StoredStanding,
    ) -> Result<Committed, Failure> {
        let (standing, at) = (stored(standing), self.times.wall());
        let offer = new_notice(NoticeKind::MayContinue);
        let outcome = self
            .vault(move |vault| vault.offer_continue(account, epoch, &standing, &offer, at))
            .await?;
        self.refresh_lists().await;
        Ok(committed(outcome, epoch))
    }

    pub(crate) async fn commit_continue(
        self: &Arc<Self>,
        account: AccountId,
        epoch: Epoch,
        standing: StoredStanding,
    ) -> Result<Committed, Failure> {
        let standing = stored(standing);
        let outcome = self
            .vault(move |vault| vault.continue_session(account, epoch, &standing))
            .await?;
        self.refresh_lists().await;
        Ok(committed(outcome, epoch))
    }

    pub(crate) async fn destroy_token(
        self: &Arc<Self>,
        account: &Account,
        epoch: Epoch,
        standing: StoredStanding,
    ) -> Result<Committed, Failure> {
        let (id, standing) = (account.id, stored(standing));
        let outcome = self
            .vault(move |vault| {
                vault.destroy_token(id, epoch, &standing, NoticeKind::MayContinue.code())
            })
            .await?;
        let Outcome::Committed(retired) = outcome else {
            return Ok(Committed::Stale);
        };
        account.tokens.forget().await;
        self.destroy(retired).await;
        self.refresh_lists().await;
        Ok(Committed::Under(epoch))
    }

    /// Deletes the key of a token that was taken out of the vault, then wipes what the deletion left in its files. What a
    /// kill or a locked key store prevents is done at the next open.
    pub(crate) async fn destroy(self: &Arc<Self>, retired: Option<KeyName>) {
        if let Some(name) = retired {
            self.delete_key(&name).await;
        }
        match self.vault(Vault::scrub).await {
            Ok(vault::Scrub::Done) => {}
            Ok(vault::Scrub::Blocked) => {
                tracing::warn!("the vault could not be wiped yet: a reader holds its log")
            }
            Err(failure) => tracing::warn!(?failure, "the vault could not be wiped yet"),
        }
    }

    async fn delete_key(&self, name: &KeyName) {
        if self.keys.delete(name).await.is_ok() {
            let name = name.clone();
            // If this is not stored, the next open deletes a key that is not there, which is no error.
            let _ = self.vault(move |vault| vault.key_deleted(&name)).await;
        }
    }

    /// Deletes keys that a kill left behind, in the background.
    pub(crate) fn delete_keys(self: &Arc<Self>, names: Vec<KeyName>) {
        if names.is_empty() {
            return;
        }
        let engine = self.clone();
        self.spawn(async move {
            for name in names {
                engine.delete_key(&name).await;
            }
        });
    }

    /// Shows the app what it is told and what it owes, as the vault now has it.
    pub(crate) async fn refresh_lists(&self) {
        let _in_order = self.refreshing.lock().await;
        if let Ok(lists) = self.vault(read_lists).await {
            self.show_lists(lists);
        }
    }

    pub(crate) fn show_lists(&self, lists: Lists) {
        let mut freed = Vec::new();
        self.hub.change(|changes| {
            for snapshot in &mut changes.accounts {
                let waits = lists.blocks(snapshot.id);
                if snapshot.waits_for_erasing && !waits {
                    freed.push(snapshot.id);
                }
                snapshot.waits_for_erasing = waits;
                snapshot.cover |= waits;
            }
            changes.notices = lists.notices;
            changes.withdrawn_notices = lists.withdrawn_notices;
            changes.obligations = lists.obligations;
            if self.hands_out_cookies() {
                changes.cookies_due = lists.cookies_due;
            }
        });
        // Whether such an account is still covered is its machine's to say.
        for account in freed.into_iter().filter_map(|id| self.account(id).ok()) {
            account.send(Message::Publish);
        }
    }

    pub(crate) async fn acknowledge_notice(&self, id: NoticeId) -> Result<(), Error> {
        self.note(move |vault| vault.acknowledge_notice(vault::NoticeId(id.0)))
            .await
    }

    pub(crate) async fn acknowledge_obligation(&self, id: ObligationId) -> Result<(), Error> {
        self.note(move |vault| vault.acknowledge_obligation(vault::ObligationId(id.0)))
            .await
    }

    pub(crate) async fn store_header_habits(
        &self,
        account: AccountId,
        epoch: Epoch,
        habits: &'static str,
    ) {
        let _ = self
            .vault(move |vault| vault.set_header_habits(account, epoch, habits))
            .await;
    }

    /// Stores and shows what the server says of the user, if it is news.
    pub(crate) async fn learn_user(&self, account: AccountId, epoch: Epoch, user: &wire::User) {
        let facts = UserFacts {
            username: user.username.clone(),
            roles: user.roles.clone(),
            locale: user.locale.clone(),
        };
        let known = self.hub.read().accounts.iter().any(|snapshot| {
            snapshot.id == account
                && snapshot.username == facts.username
                && snapshot.roles == facts.roles
                && snapshot.locale == facts.locale
        });
        if known {
            return;
        }
        let validated = vault::Validated {
            at: self.stamp(),
            user: facts.clone(),
        };
        if let Ok(Outcome::Committed(())) = self
            .vault(move |vault| vault.record_validated(account, epoch, &validated))
            .await
        {
            self.hub.change(|changes| {
                for snapshot in changes
                    .accounts
                    .iter_mut()
                    .filter(|snapshot| snapshot.id == account)
                {
                    snapshot.username.clone_from(&facts.username);
                    snapshot.roles.clone_from(&facts.roles);
                    snapshot.locale.clone_from(&facts.locale);
                }
            });
        }
    }
}

fn committed<T>(outcome: Outcome<T>, epoch: Epoch) -> Committed {
    match outcome {
        Outcome::Committed(_) => Committed::Under(epoch),
        Outcome::Stale => Committed::Stale,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_a_newer_version_knows_is_kept_for_it_and_what_is_owed_is_shown_all_the_same() {
        let notice = |kind: &str| vault::Notice {
            id: vault::NoticeId(1),
            account: AccountId(1),
            epoch: Epoch(1),
            kind: kind.to_owned(),
            payload: "{}".to_owned(),
            created_at: UnixMillis(1),
        };
        let obligation = |reason: &str| vault::Obligation {
            id: vault::ObligationId(1),
            account: AccountId(1),
            server_url: "https://chat.example".to_owned(),
            user_id: "user".to_owned(),
            reason: reason.to_owned(),
            blocks: Vec::new(),
            created_at: UnixMillis(1),
        };
        let lists = shown(vault::Lists {
            notices: vec![notice("of tomorrow"), notice("session_ended")],
            withdrawn_notices: Vec::new(),
            obligations: vec![obligation("of tomorrow"), obligation("wiped")],
            cookies_due: Vec::new(),
        });
        let kinds: Vec<_> = lists.notices.iter().map(|notice| notice.kind).collect();
        assert_eq!(kinds, [NoticeKind::SessionEnded]);
        let reasons: Vec<_> = lists.obligations.iter().map(|one| one.reason).collect();
        assert_eq!(reasons, [EraseReason::Other, EraseReason::Wiped]);
    }
}
