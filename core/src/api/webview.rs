//! Cookies of accounts for apps that show the server's web pages. Needs
//! [`Config::web_view`](crate::Config::web_view); without it every call here is [`Error::InvalidArgument`] with `web_view`.

use crate::api::sign_in::parse_address;
use crate::api::{Destination, Steadfast};
use crate::error::Error;
use crate::session::AccountId;
use crate::webview::{WebCookie, WebCookies, read};

impl Steadfast {
    /// The cookies that a web view is to be given for an account, or the lines that take them away if nobody is signed in to
    /// it any more, also of an account that is gone. Whose are due, [`Changes::cookies_due`](crate::Changes::cookies_due)
    /// says. Asks the server for the session's CSRF token, which is not stored; the lines that take away need no server.
    ///
    /// # Errors
    /// [`Error::NoSuchAccount`]; [`Error::KeyStoreUnavailable`]; those of the network and the store.
    pub async fn webview_cookies(&self, id: AccountId) -> Result<WebCookies, Error> {
        let engine = self.engine().clone();
        self.engine()
            .run(async move { engine.webview_cookies(id).await })
            .await
    }

    /// The web view has them: every line is set and its jar is on the disk. Something that changed meanwhile stays due.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn webview_cookies_written(
        &self,
        id: AccountId,
        generation: i64,
    ) -> Result<(), Error> {
        let engine = self.engine().clone();
        self.engine()
            .run(async move { engine.webview_cookies_written(id, generation).await })
            .await
    }

    /// Takes over the session of somebody who signed in inside a web view. `page` is the page that the web view showed when
    /// the cookies were read from its jar. The profile is stored with the account, as with every sign-in.
    ///
    /// # Errors
    /// [`Error::ForeignOrigin`] if the page is not of this server, [`Error::InvalidArgument`] with `cookies` if none of them
    /// is a session of this server; else as [`adopt_token`](Self::adopt_token).
    pub async fn webview_signed_in(
        &self,
        at: impl Into<Destination>,
        page: &str,
        cookies: Vec<WebCookie>,
    ) -> Result<AccountId, Error> {
        let engine = self.engine().clone();
        engine.needs_web_view()?;
        let at = at.into();
        let address = parse_address(&at.server, engine.config.clear_text)?;
        let page = url::Url::parse(page).map_err(|_| Error::ForeignOrigin)?;
        if !address.is_same_origin(&page) {
            return Err(Error::ForeignOrigin);
        }
        let found = read(&address, &cookies).ok_or(Error::InvalidArgument {
            argument: "cookies",
        })?;
        self.engine()
            .run(async move { engine.webview_signed_in(address, &at.profile, found).await })
            .await
    }

    /// The web view met a 401 or the sign-in page, or lost its cookies. Proves nothing (a refused CSRF token looks the same):
    /// the session is asked about, and if it is good its cookies are due again, at most once a minute.
    ///
    /// # Errors
    /// [`Error::NoSuchAccount`]; those of the store.
    pub async fn webview_saw_401(&self, id: AccountId) -> Result<(), Error> {
        let engine = self.engine().clone();
        self.engine()
            .run(async move { engine.webview_saw_401(id).await })
            .await
    }
}
