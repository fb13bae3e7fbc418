//! Signing guests in with a link that the server mails.

use crate::api::sign_in::parse_address;
use crate::api::{Destination, Steadfast};
use crate::error::Error;
use crate::secret::SecretText;
use crate::session::AccountId;

/// How a user of a server with magic links signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MagicLink {
    /// A link is on its way to the user's mailbox.
    Mailed,
    /// This user signs in another way. The server says the same of one that it does not know.
    OtherWay,
}

impl Steadfast {
    /// Asks a server to mail a magic link to a guest.
    ///
    /// # Errors
    /// [`Error::NotOffered`] if the server has no magic links; [`Error::Deactivated`]; [`Error::InvalidAddress`];
    /// [`Error::InvalidArgument`]; those of the network and the server.
    pub async fn request_magic_link(
        &self,
        at: impl Into<Destination>,
        login_id: &str,
    ) -> Result<MagicLink, Error> {
        let engine = self.engine().clone();
        let at = at.into();
        let address = parse_address(&at.server, engine.config.clear_text)?;
        let login_id = login_id.trim().to_owned();
        if login_id.is_empty() {
            return Err(Error::InvalidArgument {
                argument: "login_id",
            });
        }
        self.engine()
            .run(async move {
                engine
                    .request_magic_link(address, &at.profile, login_id)
                    .await
            })
            .await
    }

    /// Signs a guest in with the token of a magic link. Such a link works once and for a short time.
    ///
    /// # Errors
    /// [`Error::TokenRefused`] for a token that is used up, expired or wrong, and on 11.x also if the server has no magic
    /// links, since it masks that answer; an older server without them gives [`Error::NotOffered`]; else as
    /// [`sign_in`](Self::sign_in).
    pub async fn sign_in_with_magic_link(
        &self,
        at: impl Into<Destination>,
        link_token: impl Into<SecretText>,
    ) -> Result<AccountId, Error> {
        let engine = self.engine().clone();
        let at = at.into();
        let address = parse_address(&at.server, engine.config.clear_text)?;
        let link_token = link_token.into();
        if link_token.is_empty() {
            return Err(Error::InvalidArgument {
                argument: "link_token",
            });
        }
        self.engine()
            .run(async move {
                engine
                    .sign_in_with_magic_link(address, &at.profile, link_token)
                    .await
            })
            .await
    }
}
