//! Signing in and out.

use crate::api::Steadfast;
use crate::engine::problems;
use crate::error::Error;
use crate::secret::SecretText;
use crate::server::{ClearText, Probe, ServerAddress, SignInMethods, probe_server};
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
        }
    }

    /// Adds the one-time code that the server asked for.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<SecretText>) -> Self {
        self.mfa_code = Some(code.into());
        self
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
    /// Asks a server who it is and how one signs in there. Sends no credentials.
    ///
    /// # Errors
    /// [`Error::InvalidAddress`], [`Error::NotMattermost`], [`Error::ServerTooOld`], [`Error::InsecureConnection`],
    /// [`Error::Intercepted`], [`Error::Offline`], [`Error::Timeout`].
    pub async fn probe_server(&self, server: &str) -> Result<ServerInfo, Error> {
        let engine = self.engine().clone();
        let address = parse_address(server, engine.config.clear_text)?;
        self.engine()
            .run(async move {
                let probe = probe_server(&engine.dialler, &address, &engine.user_agent).await;
                probe.map(ServerInfo::from).map_err(problems::probe)
            })
            .await
    }

    /// Signs in with name and password. The new session is stored before this returns. Signing in again as a user who is
    /// signed in replaces the old session, and the server is owed its end.
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

    /// Signs out: here first, at once and durably, then at the server. Offline the server's part is owed, and done when it can
    /// be reached. An account nobody is signed in to is no error.
    ///
    /// # Errors
    /// [`Error::NoSuchAccount`]; [`Error::KeyStoreUnavailable`] if the key store cannot be read now, then nothing was done;
    /// [`Error::DiskFull`] if the sign-out could be made effective here but the server's part cannot be guaranteed.
    pub async fn sign_out(&self, id: AccountId) -> Result<(), Error> {
        let engine = self.engine().clone();
        self.engine()
            .run(async move { engine.sign_out(id).await })
            .await
    }
}
