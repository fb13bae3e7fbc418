//! The account's token: read from the vault, opened with the key from the key store, kept in memory while it is current.

use crate::engine::worker::Message;
use crate::engine::{Engine, Failure};
use crate::secret::Token;
use crate::session::{AccountId, Epoch, Event, KeyTrouble};
use crate::vault::{Binding, Column, unseal};
use tokio::sync::Mutex;

/// Why there is no token to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoToken {
    /// What the key store said of the account's key, or of the one that its way needs.
    Key(KeyTrouble),
    /// The vault has none under this epoch: the question is outdated.
    Outdated,
    /// The vault cannot be read now.
    Store(Failure),
}

/// One account's token. The key store is asked by one caller at a time, and only until it has answered.
#[derive(Default)]
pub(crate) struct TokenCache {
    cached: Mutex<Option<(Epoch, Token)>>,
}

impl TokenCache {
    /// The token of this epoch.
    pub(crate) async fn get(
        &self,
        engine: &Engine,
        account: AccountId,
        epoch: Epoch,
    ) -> Result<Token, NoToken> {
        let mut cached = self.cached.lock().await;
        if let Some((of, token)) = &*cached
            && *of == epoch
        {
            return Ok(token.clone());
        }
        let token = read(engine, account, epoch).await?;
        if let Ok(account) = engine.account(account) {
            let event = Some(Event::KeyReadable);
            account.send(Message::Key { epoch, event });
        }
        *cached = Some((epoch, token.clone()));
        Ok(token)
    }

    /// The token in memory with its epoch, if there is one. Whatever ends an epoch empties this, so it is the current one.
    pub(crate) async fn in_memory(&self) -> Option<(Epoch, Token)> {
        self.cached.lock().await.clone()
    }

    /// Keeps the token of a session that was just stored.
    pub(crate) async fn keep(&self, epoch: Epoch, token: Token) {
        *self.cached.lock().await = Some((epoch, token));
    }

    /// Forgets what is in memory.
    pub(crate) async fn forget(&self) {
        *self.cached.lock().await = None;
    }
}

impl Engine {
    /// Whether a token that cannot be opened may be given up, because the user now does what was offered after so long. Nothing
    /// can be owed to the server for it, which learns nothing.
    pub(crate) fn may_give_up_token(&self, id: AccountId) -> bool {
        let offered = self
            .snapshot(id)
            .is_some_and(|snapshot| snapshot.may_sign_in_again);
        if offered {
            tracing::warn!(
                account = id.0,
                "a session whose key cannot be read is given up here; at the server it ends when it expires, or in Active \
                 Sessions elsewhere"
            );
        }
        offered
    }
}

async fn read(engine: &Engine, account: AccountId, epoch: Epoch) -> Result<Token, NoToken> {
    let record = engine.vault(move |vault| vault.account(account)).await;
    let record = record.map_err(NoToken::Store)?.ok_or(NoToken::Outdated)?;
    let (Some(name), Some(sealed)) = (record.key_name, record.sealed_token) else {
        return Err(NoToken::Outdated);
    };
    if record.epoch != epoch {
        return Err(NoToken::Outdated);
    }
    let key = engine.keys.load(&name).await.map_err(NoToken::Key)?;
    // No request with the token goes out before the way is the whole one.
    if let Ok(account) = engine.account(account) {
        engine
            .complete_way(&account)
            .await
            .map_err(|error| match error {
                Failure::KeyStore => NoToken::Key(KeyTrouble::Other),
                failure => NoToken::Store(failure),
            })?;
    }
    let binding = Binding {
        account,
        epoch,
        column: Column::AccountToken,
    };
    // A key that does not open what it sealed is not this device's key any more: a restored backup.
    unseal(&key, binding, &sealed).map_err(|_| NoToken::Key(KeyTrouble::Absent))
}
