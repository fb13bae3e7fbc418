//! Sign-in with name and password, and multi-factor authentication (`POST /api/v4/users/login`).

use std::time::Duration;

use http::header::{CACHE_CONTROL, HeaderName, HeaderValue};

use super::gateway::Gateway;
use super::reply::{Reply, Secrets};
use super::rest::{RequestParts, Rest};
use super::transport::TransportError;
use super::wire::{User, is_error_id, is_id};
use crate::policy;
use crate::secret::{SecretText, Token};
use crate::session::UnixMillis;

pub(super) const REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");

/// What a user typed to sign in.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// User name, e-mail address or LDAP id.
    pub login_id: String,
    /// The password.
    pub password: SecretText,
    /// The one-time code, once the server asked for it.
    pub mfa_code: Option<SecretText>,
    /// Whether only the directory is to be asked. For a login id that a directory and the server itself both know.
    pub ldap_only: bool,
    /// The device id to attach at once. The server ends this user's other sessions that have the same one.
    pub device_id: Option<String>,
    /// Whether to ask for the CSRF token of the new session, which is the only thing by which the session can be
    /// recognised in the list while it has no device id. Costs three cookies in the answer, which are not kept.
    pub recognisable: Recognisable,
}

/// Whether a new session must be recognisable in the list of sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recognisable {
    /// Ask for its CSRF token.
    ByCsrf,
    /// Do not: its device id will do.
    No,
}

/// A new session.
#[derive(Clone)]
pub struct SignedIn {
    /// Its token.
    pub token: Token,
    /// Its CSRF token, if asked for and sent.
    pub csrf: Option<SecretText>,
    /// Who signed in.
    pub user: User,
    /// The server's clock when it answered, from which the age of the session is counted.
    pub date: Option<UnixMillis>,
    /// The server's version and licence (`X-Version-Id`).
    pub version_id: Option<String>,
}

impl std::fmt::Debug for SignedIn {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("SignedIn")
            .field("user", &self.user.id)
            .finish_non_exhaustive()
    }
}

/// How a sign-in went. During a database outage the server answers a right password with `Refused`, so the caller asks for
/// the server's health before it blames the user.
#[derive(Debug, Clone)]
pub enum SignInOutcome {
    /// Signed in.
    SignedIn(Box<SignedIn>),
    /// The password is right; a one-time code is needed. Asking cost no failed attempt.
    MfaNeeded,
    /// The one-time code is wrong, malformed or was used before. Counts as a failed attempt.
    MfaWrong,
    /// Wrong name or password, or one of the many things the server masks as that. `id` tells which kinds of name it takes.
    Refused {
        /// One of `api.user.login.invalid_credentials_*`.
        id: String,
    },
    /// The account is deactivated.
    Deactivated,
    /// Too many failed attempts.
    Locked,
    /// The e-mail address was not verified.
    NotVerified,
    /// A bot cannot sign in.
    Bot,
    /// A user of another, connected server cannot sign in here.
    RemoteUser,
    /// The password is empty.
    BlankPassword,
    /// Too many requests.
    RateLimited {
        /// How long to wait, if the server said so.
        retry_after: Option<Duration>,
    },
    /// The server named another error.
    Server {
        /// HTTP status.
        status: u16,
        /// Its id.
        id: String,
    },
    /// Something before the server answered in its place, and says what it wants.
    Gateway(Gateway),
    /// The answer is not Mattermost's: a portal, a gateway, a redirect.
    NotMattermost {
        /// HTTP status.
        status: u16,
        /// How long to wait, if something on the way said so.
        retry_after: Option<Duration>,
    },
}

impl Rest {
    /// Signs in. One attempt; a failed one counts towards the server's lock-out.
    pub async fn sign_in(
        &self,
        credentials: &Credentials,
    ) -> Result<SignInOutcome, TransportError> {
        let mut body = vec![
            ("login_id", credentials.login_id.as_str()),
            ("password", credentials.password.expose()),
        ];
        let code = credentials
            .mfa_code
            .as_ref()
            .filter(|code| !code.is_empty());
        if let Some(code) = code {
            body.push(("token", code.expose()));
        }
        if let Some(device_id) = &credentials.device_id {
            body.push(("device_id", device_id));
        }
        if credentials.ldap_only {
            // A text: the server decodes a map of texts.
            body.push(("ldap_only", "true"));
        }
        let mut request = RequestParts::post("/api/v4/users/login")
            .secret_json(&body)
            .fresh()
            .body_limit(policy::VERDICT_BODY_LIMIT)
            .own_header(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if credentials.recognisable == Recognisable::ByCsrf {
            request =
                request.own_header(REQUESTED_WITH, HeaderValue::from_static("XMLHttpRequest"));
        }
        let reply = self.exchange(request, Secrets::Kept).await?;
        Ok(read(reply, code.is_some()))
    }
}

pub(super) fn read(mut reply: Reply, with_code: bool) -> SignInOutcome {
    let not_mattermost = SignInOutcome::NotMattermost {
        status: reply.status,
        retry_after: reply.retry_after,
    };
    if !reply.same_origin {
        return not_mattermost;
    }
    if let Some(gateway) = reply.gateway {
        return SignInOutcome::Gateway(gateway);
    }
    // The specification says 201; no server sends it.
    if reply.status == 200 || reply.status == 201 {
        let user = reply.json::<User>().filter(|user| is_id(&user.id));
        return match (reply.take_token(), user) {
            (Some(token), Some(user)) => SignInOutcome::SignedIn(Box::new(SignedIn {
                token,
                csrf: reply.take_csrf(),
                user,
                date: reply.date,
                version_id: reply.version_id,
            })),
            _ => not_mattermost,
        };
    }
    if reply.status == 429 {
        return SignInOutcome::RateLimited {
            retry_after: reply.retry_after,
        };
    }
    let Some(error) = reply.error_body().filter(|error| is_error_id(&error.id)) else {
        return not_mattermost;
    };
    match error.id.as_str() {
        "mfa.validate_token.authenticate.app_error" if with_code => SignInOutcome::MfaWrong,
        "mfa.validate_token.authenticate.app_error" => SignInOutcome::MfaNeeded,
        "api.user.check_user_mfa.bad_code.app_error" => SignInOutcome::MfaWrong,
        "api.user.login.inactive.app_error" => SignInOutcome::Deactivated,
        "api.user.check_user_login_attempts.too_many.app_error"
        | "api.user.check_user_login_attempts.too_many_ldap.app_error" => SignInOutcome::Locked,
        "api.user.login.not_verified.app_error" => SignInOutcome::NotVerified,
        "api.user.login.bot_login_forbidden.app_error" => SignInOutcome::Bot,
        "api.user.login.remote_users.login.error" => SignInOutcome::RemoteUser,
        "api.user.login.blank_pwd.app_error" => SignInOutcome::BlankPassword,
        id if id.starts_with("api.user.login.invalid_credentials") => {
            SignInOutcome::Refused { id: error.id }
        }
        _ => SignInOutcome::Server {
            status: reply.status,
            id: error.id,
        },
    }
}
