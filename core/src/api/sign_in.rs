//! Signing in and out.

use crate::api::{Destination, Steadfast};
use crate::engine::problems;
use crate::error::Error;
use crate::secret::SecretText;
use crate::server::{ClearText, NetworkProfile, Probe, ServerAddress, SignInMethods, probe_server};
use crate::session::AccountId;

/// What a user typed to sign in.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// The server's address as typed, such as `chat.example.com` or `https://example.com/chat`.
    pub server: String,
    /// User name, e-mail address or LDAP id.
    pub login_id: String,
    /// The password.
    pub password: SecretText,
    /// The one-time code, after [`Error::MfaCodeRequired`] asked for it.
    pub mfa_code: Option<SecretText>,
    /// Only the server's directory is to be asked, for a user who chose to sign in with it.
    pub ldap_only: bool,
    /// How the server is reached; stored with the account.
    pub profile: NetworkProfile,
}

impl SignIn {
    /// A sign-in without a one-time code.
    pub fn new(
        server: impl Into<String>,
        login_id: impl Into<String>,
        password: impl Into<SecretText>,
    ) -> Self {
        Self {
            server: server.into(),
            login_id: login_id.into(),
            password: password.into(),
            mfa_code: None,
            ldap_only: false,
            profile: NetworkProfile::default(),
        }
    }

    /// Reaches the server with this profile.
    #[must_use]
    pub fn with_profile(mut self, profile: NetworkProfile) -> Self {
        self.profile = profile;
        self
    }

    /// Adds the one-time code that the server asked for.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<SecretText>) -> Self {
        self.mfa_code = Some(code.into());
        self
    }
}

/// What a user typed to sign in again to an account that is known.
#[derive(Debug, Clone)]
pub struct SignInAgain {
    /// User name, e-mail address or LDAP id; `None` for the account's own user name.
    pub login_id: Option<String>,
    /// The password.
    pub password: SecretText,
    /// The one-time code, after [`Error::MfaCodeRequired`] asked for it.
    pub mfa_code: Option<SecretText>,
    /// Only the server's directory is to be asked.
    pub ldap_only: bool,
}

impl SignInAgain {
    /// With the account's own user name and without a one-time code.
    pub fn new(password: impl Into<SecretText>) -> Self {
        Self {
            login_id: None,
            password: password.into(),
            mfa_code: None,
            ldap_only: false,
        }
    }
}

/// How a user signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignInMethod {
    /// Name and password.
    Password,
    /// Through the browser.
    Sso,
    /// A personal access token. Ending its session does not end it: the server makes a new one when the token is used.
    AccessToken,
    /// A link that the server mailed to a guest.
    MagicLink,
    /// A session that began elsewhere and was handed over.
    Adopted,
}

codes!(pub SignInMethod {
    Password => "password",
    Sso => "sso",
    AccessToken => "access_token",
    MagicLink => "magic_link",
    Adopted => "adopted",
});

impl SignInMethod {
    /// Whether signing in this way makes the server begin a session, which is to be ended if nobody can use it.
    pub(crate) fn begins_a_session(self) -> bool {
        match self {
            Self::Password | Self::Sso | Self::MagicLink => true,
            Self::AccessToken | Self::Adopted => false,
        }
    }
}

/// What a server says of itself before anybody signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
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

impl From<Probe> for ServerInfo {
    fn from(probe: Probe) -> Self {
        Self {
            server_url: probe.address.as_str().to_owned(),
            version: probe.version,
            name: probe.site_name,
            methods: probe.methods,
        }
    }
}

/// Reads an address as the app's policy allows.
pub(crate) fn parse_address(typed: &str, clear_text: ClearText) -> Result<ServerAddress, Error> {
    ServerAddress::parse(typed, clear_text).map_err(problems::address)
}

impl Steadfast {
    /// Asks a server who it is and how one signs in there. Sends no credentials but those that the profile has for the way.
    ///
    /// # Errors
    /// [`Error::InvalidAddress`]; [`Error::InvalidArgument`] for a profile that cannot be used; [`Error::UnknownHost`],
    /// [`Error::Offline`], [`Error::Timeout`]; [`Error::InsecureConnection`], [`Error::OnlyClearText`];
    /// [`Error::NotMattermost`], [`Error::ServerTooOld`], [`Error::Moved`]; [`Error::Intercepted`],
    /// [`Error::PreAuthenticationNeeded`], [`Error::PreAuthenticationRefused`], [`Error::ClientCertificateNeeded`],
    /// [`Error::ClientCertificateUnavailable`], [`Error::ProxyCredentialsNeeded`]; [`Error::ServerProblem`], [`Error::RateLimited`].
    pub async fn probe_server(&self, at: impl Into<Destination>) -> Result<ServerInfo, Error> {
        let engine = self.engine().clone();
        let at = at.into();
        let address = parse_address(&at.server, engine.config.clear_text)?;
        self.engine()
            .run(async move {
                let dialler = engine.dialler.with_profile(&at.profile);
                let dialler = dialler.map_err(problems::profile)?;
                let probe = probe_server(&dialler, &address, &engine.user_agent).await;
                probe.map(ServerInfo::from).map_err(problems::probe)
            })
            .await
    }

    /// Signs in with name and password. The new session is stored before this returns. Signing in again as a user who is
    /// signed in replaces the old session, and the server is owed its end. While the key of that one cannot be read this fails
    /// with [`Error::KeyStoreUnavailable`], until [`Snapshot::may_sign_in_again`](crate::Snapshot::may_sign_in_again) offers it.
    ///
    /// # Errors
    /// [`Error::MfaCodeRequired`]: call again with the code. [`Error::ServerProblem`]: the server refused while its database
    /// was not healthy, which says nothing about the password. Else [`Error::InvalidCredentials`], [`Error::MfaCodeWrong`],
    /// [`Error::Deactivated`], [`Error::LockedOut`] and the like; those of the network; [`Error::KeyStoreUnavailable`] and
    /// [`Error::DiskFull`] before anything was sent.
    pub async fn sign_in(&self, request: SignIn) -> Result<AccountId, Error> {
        let address = parse_address(&request.server, self.engine().config.clear_text)?;
        if request.login_id.trim().is_empty() {
            return Err(Error::InvalidArgument {
                argument: "login_id",
            });
        }
        let engine = self.engine().clone();
        self.engine()
            .run(async move { engine.sign_in(address, request).await })
            .await
    }

    /// Signs in again as the user of an account, for example when its session ended or could not be verified. The new session
    /// replaces the old one; what the app stores of the account stays.
    ///
    /// # Errors
    /// [`Error::AnotherUser`] if what was typed is another user's: nothing changed here, and the server is owed the end of
    /// that user's new session. [`Error::Cancelled`] if the user signed out meanwhile and [`Error::NoSuchAccount`] if the
    /// account was forgotten: nothing changed here, and the server is owed the end of the new session. Else as [`sign_in`](Self::sign_in).
    pub async fn reauthenticate(&self, id: AccountId, request: SignInAgain) -> Result<(), Error> {
        let engine = self.engine().clone();
        self.engine()
            .run(async move { engine.reauthenticate(id, request).await })
            .await
    }

    /// Signs out: here first, at once and durably, then at the server. Offline the server's part is owed, and done when it
    /// can be reached. An account nobody is signed in to is no error. Nothing can be owed for a session whose key cannot be
    /// read: see [`Snapshot::may_sign_in_again`](crate::Snapshot::may_sign_in_again).
    ///
    /// # Errors
    /// [`Error::NoSuchAccount`]; [`Error::Suspended`], then nothing was done. [`Error::KeyStoreUnavailable`],
    /// [`Error::StoreUnavailable`] and [`Error::DiskFull`] if it could not be stored: content is covered from now on, and
    /// while the app runs it is tried again until it is. On a full disk the key is destroyed at once and the server's part is
    /// not guaranteed. For a session whose key cannot be read it is done as soon as that can be, or, without the server, as
    /// soon as [`Snapshot::may_sign_in_again`](crate::Snapshot::may_sign_in_again) offers it: the user has asked for it.
    pub async fn sign_out(&self, id: AccountId) -> Result<(), Error> {
        let engine = self.engine().clone();
        self.engine()
            .run(async move { engine.sign_out(id).await })
            .await
    }
}
