//! Cookies for apps that show the server's web pages.
//!
//! The vault is the truth, the web view's cookie jar a copy of it: the host writes there what it is told, and what it reads
//! there never overrules the core. This is the one place where a token leaves the core, so an app has to ask for it:
//! [`Config::web_view`](crate::Config::web_view). The core itself never sends a cookie and keeps none that a server sends.
//!
//! A line is a `Set-Cookie` header, which Android's `CookieManager.setCookie` and Apple's
//! `HTTPCookie.cookies(withResponseHeaderFields:for:)` take as it is. The server's own cookies are these three, with the
//! sub-path for a path, and a domain only where the server's settings share them with sub-domains
//! (`server/channels/app/login.go` in mattermost/mattermost). It takes back only one of them, and that without a domain, so
//! the end of a session has lines of its own.

use std::time::Duration;

use crate::policy;
use crate::secret::{SecretText, Token};
use crate::server::ServerAddress;
use crate::server::cookies::{CSRF, TOKEN, USER_ID};
use crate::session::UnixMillis;

/// Whether the app shows web pages of its servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WebView {
    /// It does not, and no token leaves the core.
    #[default]
    Off,
    /// It does, and gets the cookies of each account.
    CookiesForAccounts,
}

/// A cookie that a web view holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebCookie {
    /// Name.
    pub name: String,
    /// Value.
    pub value: SecretText,
    /// Domain, if the jar tells one; Android's does not.
    pub domain: Option<String>,
}

/// What a web view is to be given for an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebCookies {
    /// The address for which the lines are to be set.
    pub server_url: String,
    /// Which version of the account's cookies these are, for
    /// [`webview_cookies_written`](crate::Steadfast::webview_cookies_written).
    pub generation: i64,
    /// Whether the lines take the cookies away, because nobody is signed in to the account any more.
    pub over: bool,
    /// `Set-Cookie` lines, to be written in this order.
    pub lines: Vec<SecretText>,
}

/// The cookies of a session.
pub(crate) struct Contents<'a> {
    pub(crate) token: &'a Token,
    pub(crate) user_id: &'a str,
    /// Without it, the web app's writes pass only where the server is not strict.
    pub(crate) csrf: Option<&'a SecretText>,
    pub(crate) lives_for: Duration,
}

/// How long the cookies of a session live. One that has passed by this device's clock is the server's to end.
pub(crate) fn lifetime(expires_at: Option<UnixMillis>, now: UnixMillis) -> Duration {
    match expires_at {
        Some(at) if at > now => at.since(now),
        _ => policy::WEB_COOKIE_LIFETIME,
    }
}

/// The lines that give a web view a session.
pub(crate) fn lines(
    address: &ServerAddress,
    domain: Option<&str>,
    contents: &Contents<'_>,
) -> Vec<SecretText> {
    let path = address.path();
    let secure = if address.is_tls() { "; Secure" } else { "" };
    let domain = domain.map_or(String::new(), |domain| format!("; Domain={domain}"));
    let seconds = contents.lives_for.as_secs();
    let line = |name: &str, value: &str, scripts: &str| {
        SecretText::new(format!(
            "{name}={value}; Path={path}; Max-Age={seconds}{domain}{secure}{scripts}"
        ))
    };
    let mut lines = vec![
        line(TOKEN, contents.token.expose(), "; HttpOnly"),
        line(USER_ID, contents.user_id, ""),
    ];
    if let Some(csrf) = contents.csrf.filter(|csrf| is_value(csrf.expose())) {
        lines.push(line(CSRF, csrf.expose(), ""));
    }
    lines
}

/// The lines that take every cookie of a session away, wherever the server or an older app may have put it.
pub(crate) fn expiry_lines(address: &ServerAddress, domain: Option<&str>) -> Vec<SecretText> {
    let mut paths = vec![address.path()];
    if paths != ["/"] {
        paths.push("/");
    }
    let mut lines = Vec::new();
    for name in [TOKEN, USER_ID, CSRF] {
        for path in &paths {
            for domain in [None, domain] {
                let domain = domain.map_or(String::new(), |domain| format!("; Domain={domain}"));
                let secure = if address.is_tls() { "; Secure" } else { "" };
                let line = SecretText::new(format!(
                    "{name}=; Path={path}; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT{domain}{secure}"
                ));
                if !lines.contains(&line) {
                    lines.push(line);
                }
            }
        }
    }
    lines
}

/// A session that began in a web view.
#[derive(Debug)]
pub(crate) struct FromWebView {
    pub(crate) token: Token,
    pub(crate) csrf: Option<SecretText>,
    /// The domain under which the server shares its cookies, if it does.
    pub(crate) domain: Option<String>,
}

/// Reads the cookies that a web view holds after a sign-in there. `None` if there is no session among those that the
/// server's own host could have set.
pub(crate) fn read(address: &ServerAddress, cookies: &[WebCookie]) -> Option<FromWebView> {
    let own = |name: &str| {
        cookies.iter().find(|cookie| {
            let domain = cookie.domain.as_deref();
            cookie.name == name && domain.is_none_or(|domain| covers(domain, address.host()))
        })
    };
    let token = own(TOKEN)?;
    let shared = token
        .domain
        .as_deref()
        .map(bare)
        // Apple's jar names the host itself where the cookie has no domain.
        .filter(|domain| !domain.eq_ignore_ascii_case(address.host()));
    Some(FromWebView {
        domain: shared.map(str::to_ascii_lowercase),
        csrf: own(CSRF).map(|cookie| cookie.value.clone()),
        token: Token::new(token.value.expose())?,
    })
}

/// RFC 6265, 5.1.3: the host itself, or a domain that it lies in. An address of numbers lies in none.
fn covers(domain: &str, host: &str) -> bool {
    let domain = bare(domain).to_ascii_lowercase();
    let host = host.to_ascii_lowercase();
    if domain == host {
        return true;
    }
    let is_name = host.parse::<std::net::IpAddr>().is_err();
    is_name
        && is_domain(&domain)
        && host
            .strip_suffix(&domain)
            .is_some_and(|front| front.ends_with('.'))
}

fn bare(domain: &str) -> &str {
    domain.strip_prefix('.').unwrap_or(domain)
}

/// Whether a text is a domain of two parts at least, so that it can stand in a line.
fn is_domain(text: &str) -> bool {
    text.contains('.')
        && text.split('.').all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        })
}

/// Whether a text may stand for a cookie's value (RFC 6265, 4.1.1).
fn is_value(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\'))
}

#[cfg(test)]
mod tests;
