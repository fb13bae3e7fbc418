//! Signing in, in every way that servers offer.

use crate::core::Core;
use crate::enums::{from_core, to_core};
use crate::error::SteadfastError;
use crate::guard::{Cancellation, waits};
use crate::profile::NetworkProfile;
use crate::secret::SecretText;
use std::sync::Arc;
use steadfast::{AccountId, server};

/// A server, and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Destination {
    /// The server's address as typed, such as `chat.example.com` or `https://example.com/chat`.
    pub server: String,
    /// How it is reached, if not in the default way. A sign-in stores it with the account.
    #[uniffi(default = None)]
    pub profile: Option<NetworkProfile>,
}

impl Destination {
    pub(crate) fn into_core(self) -> Result<steadfast::Destination, steadfast::Error> {
        let Self { server, profile } = self;
        Ok(steadfast::Destination {
            server,
            profile: NetworkProfile::or_default(profile)?,
        })
    }
}

/// What a user typed to sign in.
#[derive(Debug, Clone, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct SignIn {
    /// The server's address as typed, such as `chat.example.com` or `https://example.com/chat`.
    pub server: String,
    /// User name, e-mail address or LDAP id.
    pub login_id: String,
    /// The password.
    pub password: SecretText,
    /// The one-time code, after `mfa_code_required` asked for it.
    #[uniffi(default = None)]
    pub mfa_code: Option<SecretText>,
    /// Only the server's directory is to be asked, for a user who chose to sign in with it.
    #[uniffi(default = false)]
    pub ldap_only: bool,
    /// How the server is reached, if not in the default way; stored with the account.
    #[uniffi(default = None)]
    pub profile: Option<NetworkProfile>,
}

/// What a user typed to sign in again to an account that is known.
#[derive(Debug, Clone, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct SignInAgain {
    /// The password.
    pub password: SecretText,
    /// User name, e-mail address or LDAP id; nothing for the account's own user name.
    #[uniffi(default = None)]
    pub login_id: Option<String>,
    /// The one-time code, after `mfa_code_required` asked for it.
    #[uniffi(default = None)]
    pub mfa_code: Option<SecretText>,
    /// Only the server's directory is to be asked.
    #[uniffi(default = false)]
    pub ldap_only: bool,
}

/// How a server lets people sign in.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct SignInMethods {
    /// Password with an e-mail address.
    pub email: bool,
    /// Password with a user name.
    pub username: bool,
    /// Password of an LDAP directory.
    pub ldap: bool,
    /// Web page of a SAML provider.
    pub saml: bool,
    /// Web page of GitLab.
    pub gitlab: bool,
    /// Web page of Google.
    pub google: bool,
    /// Web page of Microsoft Office 365.
    pub office365: bool,
    /// Web page of an OpenID Connect provider.
    pub openid: bool,
}

/// What a server says of itself before anybody signed in.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ServerInfo {
    /// Canonical address, to be used for the sign-in.
    pub server_url: String,
    /// Version, such as `11.6.0`.
    pub version: String,
    /// Name its administrator gave it.
    pub name: String,
    /// Ways to sign in.
    pub methods: SignInMethods,
}

impl From<steadfast::ServerInfo> for ServerInfo {
    fn from(info: steadfast::ServerInfo) -> Self {
        let steadfast::ServerInfo {
            server_url,
            version,
            name,
            methods,
        } = info;
        let server::SignInMethods {
            email,
            username,
            ldap,
            saml,
            gitlab,
            google,
            office365,
            openid,
        } = methods;
        Self {
            server_url,
            version,
            name,
            methods: SignInMethods {
                email,
                username,
                ldap,
                saml,
                gitlab,
                google,
                office365,
                openid,
            },
        }
    }
}

/// Who the server sends the user to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, uniffi::Enum)]
pub enum SsoMethod {
    /// GitLab.
    GitLab,
    /// Google.
    Google,
    /// Microsoft Office 365, or Entra ID.
    Office365,
    /// An OpenID Connect provider.
    OpenId,
    /// A SAML provider.
    Saml,
}

to_core!(SsoMethod => steadfast::SsoMethod { GitLab, Google, Office365, OpenId, Saml });

/// A sign-in through the browser that has begun.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct SsoStart {
    /// What the system's browser is to open. Not a web view: nothing on the device should see what the user types there.
    pub url: String,
    /// The server's host, to be shown before the browser opens. Always in ASCII, so that look-alike letters show.
    pub host: String,
}

impl std::fmt::Debug for SsoStart {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("SsoStart")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

impl From<steadfast::SsoStart> for SsoStart {
    fn from(start: steadfast::SsoStart) -> Self {
        let steadfast::SsoStart { url, host } = start;
        Self { url, host }
    }
}

/// How a user of a server with magic links signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, uniffi::Enum)]
pub enum MagicLink {
    /// A link is on its way to the user's mailbox.
    Mailed,
    /// This user signs in another way. The server says the same of one that it does not know.
    OtherWay,
}

from_core!(steadfast::MagicLink => MagicLink { Mailed, OtherWay } otherwise OtherWay);

#[uniffi::export]
impl Core {
    /// Asks a server who it is and how one signs in there. Sends no credentials but those that the profile has for the way.
    /// Fails with `invalid_address`; `invalid_argument` for a profile that cannot be used; `unknown_host`, `offline`,
    /// `timeout`; `insecure_connection`, `only_clear_text`; `not_mattermost`, `server_too_old`, `moved`; `intercepted`,
    /// `pre_authentication_needed`, `pre_authentication_refused`, `client_certificate_needed`,
    /// `client_certificate_unavailable`, `proxy_credentials_needed`;
    /// `server_problem`, `rate_limited`.
    #[uniffi::method(default(cancellation = None))]
    pub async fn probe_server(
        &self,
        at: Destination,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<ServerInfo, SteadfastError> {
        waits(cancellation, async {
            Ok(self.steadfast.probe_server(at.into_core()?).await?.into())
        })
        .await
    }

    /// Signs in with name and password, and gives the account's number. The new session is stored before this returns. Signing
    /// in again as a user who is signed in replaces the old session, and the server is owed its end. Fails with
    /// `mfa_code_required`: call again with the code. `server_problem`: the server refused while its database was not healthy,
    /// which says nothing about the password. Else `invalid_credentials`, `mfa_code_wrong`, `deactivated`, `locked_out` and the
    /// like; as the network does; `key_store_unavailable` and `disk_full` before anything was sent.
    #[uniffi::method(default(cancellation = None))]
    pub async fn sign_in(
        &self,
        request: SignIn,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<i64, SteadfastError> {
        waits(cancellation, async {
            let SignIn {
                server,
                login_id,
                password,
                mfa_code,
                ldap_only,
                profile,
            } = request;
            let request = steadfast::SignIn {
                server,
                login_id,
                password,
                mfa_code,
                ldap_only,
                profile: NetworkProfile::or_default(profile)?,
            };
            Ok(self.steadfast.sign_in(request).await?.0)
        })
        .await
    }

    /// Signs in again as the user of an account, for example when its session ended or could not be verified. The new session
    /// replaces the old one; what the app stores of the account stays. Fails with `another_user` if what was typed is another
    /// user's: nothing changed here, and the server is owed the end of that user's new session; `no_such_account`; else as
    /// `signIn`.
    #[uniffi::method(default(cancellation = None))]
    pub async fn reauthenticate(
        &self,
        account: i64,
        request: SignInAgain,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<(), SteadfastError> {
        let SignInAgain {
            password,
            login_id,
            mfa_code,
            ldap_only,
        } = request;
        let request = steadfast::SignInAgain {
            login_id,
            password,
            mfa_code,
            ldap_only,
        };
        waits(
            cancellation,
            self.steadfast.reauthenticate(AccountId(account), request),
        )
        .await
    }

    /// Signs in with a personal access token, or takes over a session that began elsewhere, and gives the account's number. The
    /// snapshot's `signInMethod` says which it is. Signing out takes the session off the server's list; it does not revoke
    /// an access token. Fails with `invalid_argument` for a text that cannot be a token; `token_refused`; `server_problem` if
    /// the server refused it while its database was not healthy; `invalid_address`; and as the network and the store do.
    #[uniffi::method(default(cancellation = None))]
    pub async fn adopt_token(
        &self,
        at: Destination,
        token: SecretText,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<i64, SteadfastError> {
        waits(cancellation, async {
            Ok(self.steadfast.adopt_token(at.into_core()?, token).await?.0)
        })
        .await
    }

    /// Begins a sign-in through the browser. Stores it and gives the page to open; sends nothing. It can be finished within ten
    /// minutes, once, also by another process of this app. Beginning another one at the same server replaces it. Fails with
    /// `invalid_address`; `key_store_unavailable`, `disk_full`, `suspended`; and as the store does.
    #[uniffi::method(default(cancellation = None))]
    pub async fn begin_sso(
        &self,
        at: Destination,
        method: SsoMethod,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<SsoStart, SteadfastError> {
        waits(cancellation, async {
            let at = at.into_core()?;
            Ok(self.steadfast.begin_sso(at, method.into()).await?.into())
        })
        .await
    }

    /// As `beginSso`, for the user of an account and nobody else: finishing it as another user fails with `another_user` and
    /// changes nothing here. Fails with `no_such_account`; else as `beginSso`.
    #[uniffi::method(default(cancellation = None))]
    pub async fn begin_sso_again(
        &self,
        account: i64,
        method: SsoMethod,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<SsoStart, SteadfastError> {
        waits(cancellation, async {
            let account = AccountId(account);
            let begun = self.steadfast.begin_sso_again(account, method.into());
            Ok(begun.await?.into())
        })
        .await
    }

    /// Finishes a sign-in with the link by which the browser came back, whole, and gives the account's number. Call it once the
    /// core knows that the app is in front again. The new session is stored before this returns. Fails with `callback_refused`
    /// for a link that no sign-in waits for, whatever is wrong with it: nothing was sent. Afterwards the link is used up.
    /// `refused` with status 410 or 400 if the server does not exchange the code; `token_refused`; `another_user`;
    /// `server_problem`; and as the network and the store do.
    #[uniffi::method(default(cancellation = None))]
    pub async fn finish_sso(
        &self,
        link: SecretText,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<i64, SteadfastError> {
        waits(cancellation, async {
            Ok(self.steadfast.finish_sso(link.expose()).await?.0)
        })
        .await
    }

    /// Asks a server to mail a magic link to a guest. Fails with `not_offered` if the server has no magic links; `deactivated`;
    /// `invalid_address`; `invalid_argument`; and as the network and the server do.
    #[uniffi::method(default(cancellation = None))]
    pub async fn request_magic_link(
        &self,
        at: Destination,
        login_id: String,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<MagicLink, SteadfastError> {
        waits(cancellation, async {
            let at = at.into_core()?;
            let answer = self.steadfast.request_magic_link(at, &login_id).await?;
            Ok(answer.into())
        })
        .await
    }

    /// Signs a guest in with the token of a magic link, and gives the account's number. Such a link works once and for a short
    /// time. Fails with `token_refused` for a token that is used up, expired or wrong, and on 11.x also if the server has no
    /// magic links, since it masks that answer; an older server without them gives `not_offered`; else as `signIn`.
    #[uniffi::method(default(cancellation = None))]
    pub async fn sign_in_with_magic_link(
        &self,
        at: Destination,
        link_token: SecretText,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<i64, SteadfastError> {
        waits(cancellation, async {
            let at = at.into_core()?;
            let signed_in = self.steadfast.sign_in_with_magic_link(at, link_token);
            Ok(signed_in.await?.0)
        })
        .await
    }
}
