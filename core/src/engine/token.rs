//! The account's token: read from the vault, opened with the key from the key store, kept in memory while it is current.

use crate::engine::Engine;
use crate::engine::keys::account_key_name;
use crate::keystore::KeyAnswer;
use crate::secret::Token;
use crate::session::{AccountId, Epoch, KeyTrouble};
use std::sync::Arc;
use tokio::sync::Mutex;

/// Why there is no token to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoToken {
    /// What the key store said.
    Key(KeyTrouble),
    /// The vault has none under this epoch: the question is outdated.
    Outdated,
    /// The vault cannot be read now.
    Store,
}

/// One account's token. Cheap to clone; the key store is asked by one caller at a time, and only until it has answered.
#[derive(Clone)]
pub(crate) struct TokenSource {
    engine: Arc<Engine>,
    account: AccountId,
    cached: Arc<Mutex<Option<(Epoch, Token)>>>,
}

impl TokenSource {
    pub(crate) fn new(engine: Arc<Engine>, account: AccountId) -> Self {
        Self { engine, account, cached: Arc::default() }
    }

    /// The token of this epoch.
    pub(crate) async fn get(&self, epoch: Epoch) -> Result<Token, NoToken> {
        let mut cached = self.cached.lock().await;
        if let Some((of, token)) = &*cached
            && *of == epoch
        {
            return Ok(token.clone());
        }
        let token = self.read(epoch).await?;
        *cached = Some((epoch, token.clone()));
        Ok(token)
    }

    /// The token of this epoch, if it is in memory already.
    pub(crate) async fn in_memory(&self, epoch: Epoch) -> Option<Token> {
        let cached = self.cached.lock().await;
        cached.as_ref().filter(|(of, _)| *of == epoch).map(|(_, token)| token.clone())
    }

    /// Forgets what is in memory.
    pub(crate) async fn forget(&self) {
        *self.cached.lock().await = None;
    }

    async fn read(&self, epoch: Epoch) -> Result<Token, NoToken> {
        let account = self.account;
        let sealed = self.engine.vault(move |vault| vault.sealed_token(account, epoch)).await;
        let sealed = sealed.map_err(|_| NoToken::Store)?.ok_or(NoToken::Outdated)?;
        let key = match self.engine.keys.load(account_key_name(account)).await {
            KeyAnswer::Value(key) => key,
            KeyAnswer::Absent => return Err(NoToken::Key(KeyTrouble::Absent)),
            KeyAnswer::Unavailable => return Err(NoToken::Key(KeyTrouble::Unavailable)),
        };
        // A key that does not open what it sealed is not this device's key any more: a restored backup.
        sealed.open(&key, account, epoch).map_err(|_| NoToken::Key(KeyTrouble::Absent))
    }
}
