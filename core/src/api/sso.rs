//! Signing in through the system's browser.

use crate::api::sign_in::parse_address;
use crate::api::{Destination, Steadfast};
use crate::error::Error;
use crate::server::SsoMethod;
use crate::session::AccountId;

/// A sign-in that has begun.
#[derive(Clone, PartialEq, Eq)]
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

impl Steadfast {
    /// Begins a sign-in through the browser. Stores it and gives the page to open; sends nothing. It can be finished within
    /// ten minutes, once, also by another process of this app. Beginning another one at the same server replaces it.
    ///
    /// # Errors
    /// [`Error::InvalidAddress`]; [`Error::KeyStoreUnavailable`], [`Error::DiskFull`], [`Error::Suspended`] and others of
    /// the store.
    pub async fn begin_sso(
        &self,
        at: impl Into<Destination>,
        method: SsoMethod,
    ) -> Result<SsoStart, Error> {
        let engine = self.engine().clone();
        let at = at.into();
        let address = parse_address(&at.server, engine.config.clear_text)?;
        self.engine()
            .run(async move { engine.begin_sso(address, &at.profile, method, None).await })
            .await
    }

    /// As [`begin_sso`](Self::begin_sso), for the user of an account and nobody else: finishing it as another user gives
    /// [`Error::AnotherUser`] and changes nothing here.
    ///
    /// # Errors
    /// [`Error::NoSuchAccount`]; else as [`begin_sso`](Self::begin_sso).
    pub async fn begin_sso_again(
        &self,
        id: AccountId,
        method: SsoMethod,
    ) -> Result<SsoStart, Error> {
        let engine = self.engine().clone();
        self.engine()
            .run(async move { engine.begin_sso_again(id, method).await })
            .await
    }

    /// Finishes a sign-in with the link by which the browser came back, whole. Call it once the core knows that the app is
    /// in front again. The new session is stored before this returns.
    ///
    /// # Errors
    /// [`Error::CallbackRefused`] for a link that no sign-in waits for, whatever is wrong with it: nothing was sent. Afterwards
    /// the link is used up. [`Error::Refused`] with status 410 or 400 if the server does not exchange the code;
    /// [`Error::TokenRefused`]; [`Error::AnotherUser`]; [`Error::ServerProblem`]; those of the network and the store.
    pub async fn finish_sso(&self, link: &str) -> Result<AccountId, Error> {
        let (engine, link) = (self.engine().clone(), link.to_owned());
        self.engine()
            .run(async move { engine.finish_sso(link).await })
            .await
    }
}
