//! Taking over a token that was made elsewhere.

use crate::api::sign_in::parse_address;
use crate::api::{Destination, Steadfast};
use crate::error::Error;
use crate::secret::{SecretText, Token};
use crate::session::AccountId;

impl Steadfast {
    /// Signs in with a personal access token, or takes over a session that began elsewhere.
    /// [`Snapshot::sign_in_method`](crate::Snapshot::sign_in_method) says which it is. Signing out takes the session off the
    /// server's list; it does not revoke an access token.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a text that cannot be a token; [`Error::TokenRefused`]; [`Error::ServerProblem`] if the
    /// server refused it while its database was not healthy; [`Error::InvalidAddress`]; those of the network and the store.
    pub async fn adopt_token(
        &self,
        at: impl Into<Destination>,
        token: impl Into<SecretText>,
    ) -> Result<AccountId, Error> {
        let engine = self.engine().clone();
        let at = at.into();
        let address = parse_address(&at.server, engine.config.clear_text)?;
        let token = Token::new(token.into().expose().trim())
            .ok_or(Error::InvalidArgument { argument: "token" })?;
        self.engine()
            .run(async move { engine.adopt_token(address, &at.profile, token).await })
            .await
    }
}
