//! Cookies of accounts for apps that show the server's web pages. The configuration's `webView` has to be on.

use crate::core::Core;
use crate::error::SteadfastError;
use crate::guard::{Cancellation, waits};
use crate::secret::SecretText;
use crate::sign_in::Destination;
use std::sync::Arc;
use steadfast::AccountId;

/// A cookie that a web view holds.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct WebCookie {
    /// Name.
    pub name: String,
    /// Value.
    pub value: SecretText,
    /// Domain, if the jar tells one; Android's does not.
    #[uniffi(default = None)]
    pub domain: Option<String>,
}

/// What a web view is to be given for an account.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct WebCookies {
    /// The address for which the lines are to be set.
    pub server_url: String,
    /// Which version of the account's cookies these are, for `webviewCookiesWritten`.
    pub generation: i64,
    /// Whether the lines take the cookies away, because nobody is signed in to the account any more.
    pub over: bool,
    /// `Set-Cookie` lines, to be written in this order.
    pub lines: Vec<SecretText>,
}

impl From<steadfast::WebCookies> for WebCookies {
    fn from(cookies: steadfast::WebCookies) -> Self {
        let steadfast::WebCookies {
            server_url,
            generation,
            over,
            lines,
        } = cookies;
        Self {
            server_url,
            generation,
            over,
            lines,
        }
    }
}

#[uniffi::export]
impl Core {
    /// The cookies that a web view is to be given for an account, or the lines that take them away if nobody is signed in to
    /// it any more, also of an account that is gone. Whose are due, `cookiesDue` of `changes` says. Asks the server for the
    /// session's CSRF token, which is not stored; the lines that take away need no server. Fails with `invalid_argument` and
    /// `web_view` if that is off, as every call for web views does; `no_such_account`; `key_store_unavailable`; and as the
    /// network and the store do.
    #[uniffi::method(default(cancellation = None))]
    pub async fn webview_cookies(
        &self,
        account: i64,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<WebCookies, SteadfastError> {
        waits(cancellation, async {
            let cookies = self.steadfast.webview_cookies(AccountId(account)).await?;
            Ok(cookies.into())
        })
        .await
    }

    /// The web view has them: every line is set and its jar is on the disk. Something that changed meanwhile stays due. Fails
    /// as the store does.
    pub async fn webview_cookies_written(
        &self,
        account: i64,
        generation: i64,
    ) -> Result<(), SteadfastError> {
        let account = AccountId(account);
        waits(
            None,
            self.steadfast.webview_cookies_written(account, generation),
        )
        .await
    }

    /// Takes over the session of somebody who signed in inside a web view, and gives the account's number. `page` is the page
    /// that the web view showed when the cookies were read from its jar. The profile is stored with the account, as with every
    /// sign-in. Fails with `foreign_origin` if the page is not of this server, `invalid_argument` with `cookies` if none of
    /// them is a session of this server; else as `adoptToken`.
    #[uniffi::method(default(cancellation = None))]
    pub async fn webview_signed_in(
        &self,
        at: Destination,
        page: String,
        cookies: Vec<WebCookie>,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<i64, SteadfastError> {
        waits(cancellation, async {
            let at = at.into_core()?;
            let cookie = |cookie| {
                let WebCookie {
                    name,
                    value,
                    domain,
                } = cookie;
                steadfast::WebCookie {
                    name,
                    value,
                    domain,
                }
            };
            let cookies = cookies.into_iter().map(cookie).collect();
            let signed_in = self.steadfast.webview_signed_in(at, &page, cookies);
            Ok(signed_in.await?.0)
        })
        .await
    }

    /// The web view met a 401 or the sign-in page, or lost its cookies. Proves nothing (a refused CSRF token looks the same):
    /// the session is asked about, and if it is good its cookies are due again, at most once a minute. Fails with
    /// `no_such_account`, and as the store does.
    pub async fn webview_saw_401(&self, account: i64) -> Result<(), SteadfastError> {
        waits(None, self.steadfast.webview_saw_401(AccountId(account))).await
    }
}
