//! Guest magic links: the server mails a link, and what is in it signs the guest in. Servers before version 11, and those
//! that have it switched off, know nothing of it.
//!
//! Facts: `getLoginType` and `login` in `server/channels/api4/user.go` of mattermost/mattermost.

use http::header::{CACHE_CONTROL, HeaderValue};
use serde::Deserialize;
use serde_json::json;

use super::reply::{Answer, Secrets};
use super::rest::{RequestParts, Rest};
use super::sign_in::{self, REQUESTED_WITH, SignInOutcome};
use super::transport::TransportError;
use crate::policy;
use crate::secret::SecretText;

/// How a user signs in, as far as the server tells a stranger.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct LoginType {
    /// `magic_link` for a guest to whom a link was mailed just now; else empty.
    #[serde(default)]
    pub auth_service: String,
    /// The user's account is deactivated.
    #[serde(default)]
    pub is_deactivated: bool,
}

impl Rest {
    /// Asks how a user signs in. For a guest with magic links the server mails one.
    pub async fn login_type(&self, login_id: &str) -> Result<Answer<LoginType>, TransportError> {
        let request = RequestParts::post("/api/v4/users/login/type")
            .json(&json!({ "login_id": login_id }))
            .fresh()
            .body_limit(policy::VERDICT_BODY_LIMIT)
            .own_header(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let reply = self.send(request).await?;
        Ok(Answer::read(reply, |reply| {
            // A page without these fields would read as "no magic link".
            let names = reply.json::<serde_json::Value>()?;
            names.get("auth_service")?;
            reply.json::<LoginType>().filter(|_| reply.same_origin)
        }))
    }

    /// Signs in with what was in a magic link. A server that does not know them misses a password.
    pub async fn sign_in_with_magic_link(
        &self,
        link_token: &SecretText,
        device_id: Option<&str>,
    ) -> Result<SignInOutcome, TransportError> {
        let mut body = vec![("magic_link_token", link_token.expose())];
        if let Some(device_id) = device_id {
            body.push(("device_id", device_id));
        }
        let request = RequestParts::post("/api/v4/users/login")
            .secret_json(&body)
            .fresh()
            .body_limit(policy::VERDICT_BODY_LIMIT)
            .own_header(CACHE_CONTROL, HeaderValue::from_static("no-store"))
            .own_header(REQUESTED_WITH, HeaderValue::from_static("XMLHttpRequest"));
        let reply = self.exchange(request, Secrets::Kept).await?;
        Ok(sign_in::read(reply, false))
    }
}
