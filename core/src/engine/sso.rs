//! Sign-in through the browser: what is stored before it opens, and what a link that comes back must match.
//!
//! A link is believed only if a sign-in waits for it, and every link that is not is refused in the same way, before anything
//! is sent. What waits is taken before anything is done with it, so that no link works twice, whatever happens.

use crate::api::{SignInMethod, SsoStart};
use crate::engine::sign_in::NewSession;
use crate::engine::{Engine, problems, stored_profile};
use crate::error::Error;
use crate::policy;
use crate::secret::{SecretText, Token};
use crate::server::sso::{Callback, Challenge, Grant, start_url};
use crate::server::{NetworkProfile, Rest, ServerAddress, SignedIn, SsoMethod};
use crate::session::AccountId;
use crate::vault::{NewPendingSignIn, PendingSignIn, seal_verifier, unseal_verifier};
use std::sync::Arc;

impl Engine {
    /// Begins a sign-in at a server; for an account if it is known who is to sign in.
    pub(crate) async fn begin_sso(
        &self,
        address: ServerAddress,
        profile: &NetworkProfile,
        method: SsoMethod,
        account: Option<AccountId>,
    ) -> Result<SsoStart, Error> {
        self.dialler
            .with_profile(profile)
            .map_err(problems::profile)?;
        let key = self.at_the_form(&address).await?;
        let challenge = Challenge::generate().ok_or(Error::KeyStoreUnavailable)?;
        let url = start_url(&address, method, &self.callback, &challenge).ok_or(
            Error::InvalidAddress {
                reason: "no page can be below it",
            },
        )?;
        let server_url = address.as_str().to_owned();
        let sealed_verifier =
            seal_verifier(&key, &server_url, &challenge.state, &challenge.verifier)
                .map_err(|_| Error::KeyStoreUnavailable)?;
        let network_profile = stored_profile::write(profile, &server_url, &key)
            .map_err(|_| Error::KeyStoreUnavailable)?;
        let pending = NewPendingSignIn {
            server_url,
            account,
            state: challenge.state,
            sealed_verifier,
            network_profile,
            begun: self.stamp(),
        };
        self.vault(move |vault| vault.begin_pending_sign_in(&pending))
            .await?;
        Ok(SsoStart {
            url: url.into(),
            host: address.host().to_owned(),
        })
    }

    pub(crate) async fn begin_sso_again(
        &self,
        id: AccountId,
        method: SsoMethod,
    ) -> Result<SsoStart, Error> {
        let account = self.account(id)?;
        let way = self.way_of(&account).await?;
        self.begin_sso(
            account.rest.address().clone(),
            way.profile(),
            method,
            Some(id),
        )
        .await
    }

    pub(crate) async fn finish_sso(self: &Arc<Self>, link: String) -> Result<AccountId, Error> {
        let callback = Callback::parse(&link, &self.callback).ok_or(Error::CallbackRefused)?;
        let pending = self.awaited(&callback).await?;
        let begun = pending.begun;
        let address = ServerAddress::parse(&begun.server_url, self.config.clear_text)
            .map_err(|_| Error::CallbackRefused)?;
        let key = self.at_the_form(&address).await?;
        let (id, now) = (pending.id, self.stamp());
        let taken = self
            .vault(move |vault| vault.take_pending_sign_in(id, &now))
            .await?;
        if !taken {
            return Err(Error::CallbackRefused);
        }
        let verifier = unseal_verifier(
            &key,
            &begun.server_url,
            &begun.state,
            &begun.sealed_verifier,
        )
        .map_err(|_| Error::CallbackRefused)?;
        // A profile that cannot be read any more: whoever began this begins it again.
        let profile = stored_profile::read(begun.network_profile.as_deref())
            .and_then(|stored| stored.opened(&begun.server_url, Some(&key)))
            .ok_or(Error::CallbackRefused)?;
        let rest = self.rest(address, &profile)?;
        let (token, csrf) = match callback.grant {
            Grant::Token { token, csrf } => (token, csrf),
            Grant::Code(code) => {
                let answer = rest
                    .exchange_login_code(&code, &verifier, &begun.state)
                    .await
                    .map_err(problems::transport)?;
                let exchanged = problems::value(answer)?;
                (exchanged.token, exchanged.csrf)
            }
        };
        let signed_in = match self.whose_is_new(&rest, &token, csrf).await {
            Ok(signed_in) => signed_in,
            Err(Error::TokenRefused) => return Err(Error::TokenRefused),
            Err(error) => {
                // The server may have begun a session that nobody will know of.
                self.give_up(&rest, &token).await;
                return Err(error);
            }
        };
        let session = NewSession {
            signed_in,
            method: SignInMethod::Sso,
            device_id: None,
        };
        self.only_as(&rest, &session, begun.account).await?;
        self.keep(&rest, session).await
    }

    /// Whose a session is that has just begun. The answer may come from a replica that does not know the session yet, so a
    /// refusal counts only once the session cannot be young any more.
    async fn whose_is_new(
        &self,
        rest: &Rest,
        token: &Token,
        csrf: Option<SecretText>,
    ) -> Result<SignedIn, Error> {
        for wait in policy::NEW_TOKEN_WAITS {
            match self.whose(rest, token.clone(), csrf.clone()).await {
                Err(Error::TokenRefused) => tokio::time::sleep(wait).await,
                told => return told,
            }
        }
        self.whose(rest, token.clone(), csrf).await
    }

    /// The sign-in that waits for this link. A link that names no server fits only if a single one waits: else it could
    /// carry the token of one server to another.
    async fn awaited(&self, callback: &Callback) -> Result<PendingSignIn, Error> {
        let now = self.stamp();
        let mut waiting = self.vault(|vault| vault.pending_sign_ins()).await?;
        waiting.retain(|pending| {
            pending.is_open(&now) && callback.may_come_from(&pending.begun.server_url)
        });
        let [_] = waiting.as_slice() else {
            return Err(Error::CallbackRefused);
        };
        let pending = waiting.pop().ok_or(Error::CallbackRefused)?;
        match &callback.state {
            Some(state) if *state != pending.begun.state => Err(Error::CallbackRefused),
            _ => Ok(pending),
        }
    }
}
