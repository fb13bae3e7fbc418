//! Magic links for guests: having one mailed, and signing in with what is in it.

use crate::api::{MagicLink, SignInMethod};
use crate::engine::Engine;
use crate::engine::problems;
use crate::engine::sign_in::NewSession;
use crate::error::Error;
use crate::secret::SecretText;
use crate::server::{NetworkProfile, Outcome, ServerAddress, SignInOutcome};
use crate::session::AccountId;
use std::sync::Arc;

/// What a guest's account is said to sign in with.
const MAGIC_LINK: &str = "magic_link";

impl Engine {
    pub(crate) async fn request_magic_link(
        &self,
        address: ServerAddress,
        profile: &NetworkProfile,
        login_id: String,
    ) -> Result<MagicLink, Error> {
        let rest = self.rest(address, profile)?;
        let answer = rest
            .login_type(&login_id)
            .await
            .map_err(problems::transport)?;
        match answer.outcome {
            Outcome::Done(told) if told.is_deactivated => Err(Error::Deactivated),
            Outcome::Done(told) if told.auth_service == MAGIC_LINK => Ok(MagicLink::Mailed),
            Outcome::Done(_) => Ok(MagicLink::OtherWay),
            // An old server names the missing route, a newer one that has it switched off sends an empty 404.
            Outcome::Refused(_) | Outcome::Unreadable if answer.reply.status == 404 => {
                Err(Error::NotOffered)
            }
            Outcome::Refused(refusal) => Err(problems::unwanted(&answer.reply, Some(refusal))),
            Outcome::Unreadable => Err(problems::unwanted(&answer.reply, None)),
        }
    }

    pub(crate) async fn sign_in_with_magic_link(
        self: &Arc<Self>,
        address: ServerAddress,
        profile: &NetworkProfile,
        link_token: SecretText,
    ) -> Result<AccountId, Error> {
        let rest = self.rest(address, profile)?;
        self.at_the_form(rest.address()).await?;
        let device_id = self.own_device_id().await?;
        let outcome = rest
            .sign_in_with_magic_link(&link_token, device_id.as_deref())
            .await
            .map_err(problems::transport)?;
        match outcome {
            SignInOutcome::SignedIn(signed_in) => {
                let session = NewSession {
                    signed_in: *signed_in,
                    method: SignInMethod::MagicLink,
                    device_id,
                };
                self.keep(&rest, session).await
            }
            // A server that does not know magic links misses a password.
            SignInOutcome::BlankPassword => Err(Error::NotOffered),
            SignInOutcome::Server { id, .. } if id.contains("guest_magic_link.disabled") => {
                Err(Error::NotOffered)
            }
            SignInOutcome::Refused { .. } => Err(self.refused_by(&rest, Error::TokenRefused).await),
            SignInOutcome::Server { status: 401, id } if id.contains("guest_magic_link") => {
                Err(self.refused_by(&rest, Error::TokenRefused).await)
            }
            refused => Err(self.refused_sign_in(&rest, refused).await),
        }
    }
}
