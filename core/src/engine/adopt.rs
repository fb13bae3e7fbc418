//! Tokens that were made elsewhere: whose they are, what they are, and taking them over.

use crate::api::SignInMethod;
use crate::engine::Engine;
use crate::engine::problems;
use crate::engine::sign_in::NewSession;
use crate::error::Error;
use crate::secret::{SecretText, Token};
use crate::server::wire::{self, is_error_id, is_id};
use crate::server::{NetworkProfile, Outcome, Refusal, Rest, ServerAddress, SignedIn};
use crate::session::AccountId;
use std::sync::Arc;

/// The type of a session that an access token made.
const ACCESS_TOKEN: &str = "UserAccessToken";

impl Engine {
    pub(crate) async fn adopt_token(
        self: &Arc<Self>,
        address: ServerAddress,
        profile: &NetworkProfile,
        token: Token,
    ) -> Result<AccountId, Error> {
        let rest = self.rest(address, profile)?;
        self.at_the_form(rest.address()).await?;
        let signed_in = self.whose(&rest, token, None).await?;
        let method = what_it_is(&rest, &signed_in.token).await;
        let session = NewSession {
            signed_in,
            method,
            device_id: None,
        };
        self.keep(&rest, session).await
    }

    /// Asks the server whose a token is. Only that server: a token goes nowhere but to where it came from.
    pub(crate) async fn whose(
        &self,
        rest: &Rest,
        token: Token,
        csrf: Option<SecretText>,
    ) -> Result<SignedIn, Error> {
        let nonce = self.times.wall().0.to_string();
        let reply = rest
            .users_me(&token, &nonce)
            .await
            .map_err(problems::transport)?;
        let cached = reply.age_seconds.is_some_and(|age| age > 0);
        if !reply.same_origin || cached {
            return Err(Error::Intercepted);
        }
        if reply.status == 200 {
            let user = reply
                .json::<wire::User>()
                .filter(|user| is_id(&user.id))
                .ok_or(Error::NotMattermost)?;
            return Ok(SignedIn {
                token,
                csrf,
                user,
                date: reply.date,
                version_id: reply.version_id,
            });
        }
        let refusal = reply.error_body().filter(|error| is_error_id(&error.id));
        match refusal {
            Some(_) if reply.status == 401 => Err(self.refused_by(rest, Error::TokenRefused).await),
            refusal => Err(problems::unwanted(
                &reply,
                refusal.map(|error| Refusal {
                    status: reply.status,
                    id: error.id,
                }),
            )),
        }
    }
}

/// Whether a token is a personal access token. The server does not say it of a token, but it lists a session of that type
/// for each that is in use, and this one is. A user who has one and hands over another session is taken for its holder:
/// that costs only how the session is shown and how its end is proved.
pub(super) async fn what_it_is(rest: &Rest, token: &Token) -> SignInMethod {
    match rest
        .sessions(token, "me")
        .await
        .map(|answer| answer.outcome)
    {
        Ok(Outcome::Done(sessions))
            if !sessions
                .iter()
                .any(|session| session.property("type") == ACCESS_TOKEN) =>
        {
            SignInMethod::Adopted
        }
        _ => SignInMethod::AccessToken,
    }
}
