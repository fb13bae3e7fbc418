//! The address of a server: what a user typed, brought into one canonical form.
//!
//! The canonical form is half of an account's identity, so that the same server typed twice is the same account. Anything
//! that could smuggle a credential, another host or another scheme into it is refused, never repaired.

use crate::policy;
use url::Url;

/// Whether an address without TLS is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClearText {
    /// `http://` is refused. The right value for every shipped app.
    Refused,
    /// The app vouches for this one server, for example on a laboratory's own network.
    AllowedByApp,
}

/// Why a text is not the address of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing was typed.
    #[error("the address is empty")]
    Empty,
    /// More than 1,024 bytes.
    #[error("the address is too long")]
    TooLong,
    /// It holds a control character, white space or a backslash.
    #[error("the address holds a character that no address has")]
    ForbiddenCharacter,
    /// A scheme other than `https` or `http`.
    #[error("the scheme of the address is not https")]
    UnknownScheme,
    /// `http://`, and the app did not allow it.
    #[error("the address asks for a connection without TLS")]
    ClearTextRefused,
    /// `name@` or `name:password@` before the host.
    #[error("the address holds a user name")]
    HoldsUser,
    /// `?` or `#`.
    #[error("the address holds a query or a fragment")]
    HoldsQuery,
    /// No host.
    #[error("the address has no host")]
    NoHost,
    /// A host that cannot be a name or an IP address.
    #[error("the host of the address is not valid")]
    InvalidHost,
    /// Port 0, or not a port.
    #[error("the port of the address is not valid")]
    InvalidPort,
}

/// A path that must not be joined to the address of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the path does not stay below the address of the server")]
pub struct InvalidPath;

/// A server, in canonical form: lower-case ASCII host, default port dropped, sub-path kept, no slash at the end.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerAddress {
    canonical: String,
    url: Url,
}

impl ServerAddress {
    /// Reads what a user typed, or a canonical form that was stored. Without a scheme, `https` is meant.
    pub fn parse(typed: &str, clear_text: ClearText) -> Result<Self, AddressError> {
        let typed = typed.trim_matches(' ');
        if typed.is_empty() {
            return Err(AddressError::Empty);
        }
        if typed.len() > policy::ADDRESS_LENGTH_LIMIT {
            return Err(AddressError::TooLong);
        }
        if typed
            .chars()
            .any(|c| c.is_control() || c.is_whitespace() || c == '\\')
        {
            return Err(AddressError::ForbiddenCharacter);
        }
        if typed.contains(['?', '#']) {
            return Err(AddressError::HoldsQuery);
        }
        let (scheme, rest) = typed.split_once("://").unwrap_or(("https", typed));
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "https" => "https",
            "http" if clear_text == ClearText::AllowedByApp => "http",
            "http" => return Err(AddressError::ClearTextRefused),
            _ => return Err(AddressError::UnknownScheme),
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        // The URL standard repairs these silently: it decodes, drops an empty user and skips extra slashes before a host.
        if authority.contains('@') {
            return Err(AddressError::HoldsUser);
        }
        if authority.is_empty() || authority.starts_with(':') {
            return Err(AddressError::NoHost);
        }
        if authority.contains('%') {
            return Err(AddressError::InvalidHost);
        }
        let mut url =
            Url::parse(&format!("{scheme}://{authority}{path}")).map_err(|error| match error {
                url::ParseError::InvalidPort => AddressError::InvalidPort,
                url::ParseError::EmptyHost => AddressError::NoHost,
                _ => AddressError::InvalidHost,
            })?;
        if url.port() == Some(0) {
            return Err(AddressError::InvalidPort);
        }
        let host = url.host_str().ok_or(AddressError::NoHost)?.to_owned();
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if !host.starts_with('[') && !host.bytes().all(is_name) {
            return Err(AddressError::InvalidHost);
        }
        if let Some(relative) = host.strip_suffix('.') {
            if relative.is_empty() || relative.ends_with('.') {
                return Err(AddressError::InvalidHost);
            }
            url.set_host(Some(relative))
                .map_err(|_| AddressError::InvalidHost)?;
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        let canonical = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { canonical, url })
    }

    /// The canonical form, for storage, comparison and display.
    pub fn as_str(&self) -> &str {
        &self.canonical
    }

    /// Host name or IP address, ASCII, without the brackets of an IPv6 address.
    pub fn host(&self) -> &str {
        let host = self.url.host_str().unwrap_or_default();
        host.strip_prefix('[')
            .and_then(|inner| inner.strip_suffix(']'))
            .unwrap_or(host)
    }

    /// The port, also when it is the default one.
    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(443)
    }

    /// The path below which the server is, percent-encoded: `/` for the whole host, else without a slash at its end.
    pub fn path(&self) -> &str {
        self.url.path()
    }

    /// Whether connections use TLS.
    pub fn is_tls(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether `other` has the scheme, host and port of this server.
    pub fn is_same_origin(&self, other: &Url) -> bool {
        self.url.origin() == other.origin()
    }

    /// The URL of `path` below this server. The path starts with one slash and is already percent-encoded; one that could
    /// lead elsewhere is refused.
    pub fn rest(&self, path: &str) -> Result<Url, InvalidPath> {
        let forbidden =
            |c: char| c.is_control() || c.is_whitespace() || matches!(c, '\\' | '?' | '#');
        if !path.starts_with('/') || path.starts_with("//") || path.contains(forbidden) {
            return Err(InvalidPath);
        }
        let is_dots = |segment: &str| {
            let plain = segment.to_ascii_lowercase().replace("%2e", ".");
            plain == "." || plain == ".."
        };
        if path.split('/').any(is_dots) {
            return Err(InvalidPath);
        }
        let url = Url::parse(&format!("{}{path}", self.canonical)).map_err(|_| InvalidPath)?;
        if self.is_same_origin(&url) {
            Ok(url)
        } else {
            Err(InvalidPath)
        }
    }

    /// The address below which the server says that its realtime socket is (`WebsocketURL` of its client configuration).
    /// `None` for one that cannot be used: of another scheme than `wss`, or `ws` where the server itself does without TLS;
    /// with a user, a query or a fragment.
    pub fn socket_at(&self, websocket_url: &str) -> Option<Self> {
        let (scheme, rest) = websocket_url.trim().split_once("://")?;
        let (scheme, clear_text) = match scheme.to_ascii_lowercase().as_str() {
            "wss" => ("https", ClearText::Refused),
            "ws" if !self.is_tls() => ("http", ClearText::AllowedByApp),
            _ => return None,
        };
        Self::parse(&format!("{scheme}://{rest}"), clear_text).ok()
    }

    /// The URL of the realtime socket (`ws` or `wss`), without a query.
    pub fn websocket(&self) -> String {
        let rest = self
            .canonical
            .strip_prefix("http")
            .unwrap_or(&self.canonical);
        format!("ws{rest}/api/v4/websocket")
    }
}

impl std::fmt::Display for ServerAddress {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.canonical)
    }
}

impl std::fmt::Debug for ServerAddress {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "ServerAddress({})", self.canonical)
    }
}
