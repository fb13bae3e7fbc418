//! Where a sign-in goes and how: a server as it was typed, and the profile by which it is reached.

use crate::api::Steadfast;
use crate::error::Error;
use crate::server::NetworkProfile;
use crate::session::AccountId;

/// A server, and how it is reached. A text is one that is reached with the default profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The server's address as typed, such as `chat.example.com` or `https://example.com/chat`.
    pub server: String,
    /// Proxy, pre-auth secret, client certificate, pins.
    pub profile: NetworkProfile,
}

impl Destination {
    /// A server that is reached with the default profile.
    pub fn new(server: impl Into<String>) -> Self {
        Self {
            server: server.into(),
            profile: NetworkProfile::default(),
        }
    }

    /// Reached with this profile instead. A sign-in stores it with the account.
    #[must_use]
    pub fn with_profile(mut self, profile: NetworkProfile) -> Self {
        self.profile = profile;
        self
    }
}

impl From<&str> for Destination {
    fn from(server: &str) -> Self {
        Self::new(server)
    }
}

impl From<&String> for Destination {
    fn from(server: &String) -> Self {
        Self::new(server)
    }
}

impl From<String> for Destination {
    fn from(server: String) -> Self {
        Self::new(server)
    }
}

impl Steadfast {
    /// Changes how an account reaches its server, at once and durably. What is owed to the server goes the new way too.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] names what of the profile cannot be used; [`Error::NoSuchAccount`];
    /// [`Error::KeyStoreUnavailable`] if its secrets cannot be sealed now; those of the store. Then nothing was changed.
    pub async fn set_network_profile(
        &self,
        id: AccountId,
        profile: NetworkProfile,
    ) -> Result<(), Error> {
        let engine = self.engine().clone();
        self.engine()
            .run(async move { engine.set_network_profile(id, profile).await })
            .await
    }
}
