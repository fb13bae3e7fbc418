//! How one account reaches its server: proxy, pre-auth secret, client certificate, pins.
//!
//! What holds for the whole device (roots, resolver, the platform's certificates, the system's proxy) is
//! [`DeviceNetwork`](super::DeviceNetwork). A profile is stored with its account; its secrets are sealed first.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use sha2::{Digest, Sha256};

use super::wiped;
use crate::policy;
use crate::secret::SecretText;
use crate::session::UnixMillis;

/// An HTTP proxy that is asked by CONNECT, for requests and the socket alike. To a server without TLS, which an app must
/// allow, requests go through it in absolute form.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpProxy {
    /// Name or address, without a scheme.
    pub host: String,
    /// Port, 1 to 65535.
    pub port: u16,
    /// User and password for `Basic` authentication, if the proxy wants any.
    pub credentials: Option<ProxyCredentials>,
}

/// What a proxy is told.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyCredentials {
    /// User name, without a colon.
    pub user: String,
    /// Password.
    pub password: SecretText,
}

impl HttpProxy {
    /// A proxy that asks nobody who they are.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
            credentials: None,
        }
    }

    /// With user and password.
    #[must_use]
    pub fn with_credentials(
        mut self,
        user: impl Into<String>,
        password: impl Into<SecretText>,
    ) -> Self {
        self.credentials = Some(ProxyCredentials {
            user: user.into(),
            password: password.into(),
        });
        self
    }

    /// Whether it can be one.
    pub(crate) fn check(&self) -> Result<(), ProfileError> {
        let host = self.bare_host();
        let fits =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
        let host_fits = !host.is_empty()
            && host.len() <= policy::ADDRESS_LENGTH_LIMIT
            && host.bytes().all(fits)
            && (!host.contains(':') || host.parse::<std::net::Ipv6Addr>().is_ok());
        let credentials_fit = self.credentials.as_ref().is_none_or(|credentials| {
            !credentials.user.contains(':')
                && !credentials.user.chars().any(char::is_control)
                && !credentials.password.expose().chars().any(char::is_control)
        });
        if host_fits && credentials_fit && self.port != 0 {
            Ok(())
        } else {
            Err(ProfileError::Proxy)
        }
    }

    /// Host as a resolver takes it: without brackets.
    pub(super) fn bare_host(&self) -> &str {
        let inner = self.host.strip_prefix('[');
        inner
            .and_then(|inner| inner.strip_suffix(']'))
            .unwrap_or(&self.host)
    }

    /// `host:port`, an IPv6 address in brackets.
    pub(super) fn authority(&self) -> String {
        authority(self.bare_host(), self.port)
    }

    /// The header by which it knows the user.
    pub(super) fn authorization(&self) -> Option<HeaderValue> {
        let credentials = self.credentials.as_ref()?;
        let pair = zeroize::Zeroizing::new(format!(
            "{}:{}",
            credentials.user,
            credentials.password.expose()
        ));
        let encoded = zeroize::Zeroizing::new(STANDARD.encode(pair.as_bytes()));
        wiped::header(&["Basic ", &encoded])
    }
}

/// `host:port`, an IPv6 address in brackets.
pub(super) fn authority(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

impl std::fmt::Debug for HttpProxy {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "HttpProxy({})", self.authority())
    }
}

impl std::fmt::Debug for ProxyCredentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ProxyCredentials(…)")
    }
}

/// Which proxy is used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Proxy {
    /// The one that the platform handed over with [`network_changed`](crate::Steadfast::network_changed), or none.
    #[default]
    System,
    /// None, whatever the system says.
    Direct,
    /// This one, whatever the system says.
    Http(HttpProxy),
}

/// A public key that a server may have: SHA-256 of the `SubjectPublicKeyInfo` of its own certificate. Keys of authorities
/// are not looked at: what a server sends beside its certificate proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pin(pub [u8; 32]);

impl Pin {
    /// Reads the usual form: base64, with or without `sha256/` before it.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let bytes = STANDARD
            .decode(text.strip_prefix("sha256/").unwrap_or(text))
            .ok()?;
        Some(Self(bytes.try_into().ok()?))
    }

    /// The pin of a public key in DER.
    pub fn of(subject_public_key_info: &[u8]) -> Self {
        Self(Sha256::digest(subject_public_key_info).into())
    }
}

impl std::fmt::Display for Pin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "sha256/{}", STANDARD.encode(self.0))
    }
}

/// Keys that a server is held to, until they are out of date. They are looked at beside everything else that a certificate
/// must fulfil, and after `until` no more, so that a forgotten list locks nobody out for good.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pins {
    /// At least two, one of them of a key that is kept in reserve.
    pub keys: Vec<Pin>,
    /// The last instant at which they count, by the device's clock.
    pub until: UnixMillis,
}

/// How one account reaches its server. The default asks the system's proxy, if there is one, and nothing else.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct NetworkProfile {
    /// The proxy.
    pub proxy: Proxy,
    /// A secret that a gateway before the server wants with every request.
    pub pre_auth: Option<SecretText>,
    /// Name of the certificate that the device shows, as the platform knows it; see
    /// [`ClientCertificates`](super::ClientCertificates).
    pub client_certificate: Option<String>,
    /// Keys that the server is held to.
    pub pins: Option<Pins>,
}

impl std::fmt::Debug for NetworkProfile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("NetworkProfile")
            .field("proxy", &self.proxy)
            .field("pre_auth", &self.pre_auth.is_some())
            .field("client_certificate", &self.client_certificate)
            .field("pins", &self.pins)
            .finish()
    }
}

/// What is wrong with a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// Host, port or credentials of the proxy.
    #[error("the proxy is not valid")]
    Proxy,
    /// A pre-auth secret that no header could carry, or an empty one.
    #[error("the pre-auth secret is not valid")]
    PreAuth,
    /// A name of a certificate, and the app handed nobody over who knows certificates; or an empty one.
    #[error("the client certificate cannot be asked for")]
    ClientCertificate,
    /// Fewer than two pins.
    #[error("at least two pins are needed")]
    Pins,
    /// The TLS library refused its settings.
    #[error("TLS cannot be set up")]
    Unsupported,
}

impl NetworkProfile {
    /// Whether it can be used at all, as far as the profile itself tells.
    pub(crate) fn check(&self) -> Result<(), ProfileError> {
        if let Proxy::Http(proxy) = &self.proxy {
            proxy.check()?;
        }
        self.pre_auth_header()?;
        if self.client_certificate.as_deref() == Some("") {
            return Err(ProfileError::ClientCertificate);
        }
        let distinct = |pins: &Pins| {
            let keys: std::collections::BTreeSet<_> = pins.keys.iter().collect();
            keys.len()
        };
        match &self.pins {
            Some(pins) if distinct(pins) < policy::PINS_AT_LEAST => Err(ProfileError::Pins),
            _ => Ok(()),
        }
    }

    pub(super) fn pre_auth_header(&self) -> Result<Option<HeaderValue>, ProfileError> {
        let Some(secret) = &self.pre_auth else {
            return Ok(None);
        };
        let value = wiped::header(&[secret.expose()]).filter(|value| !value.is_empty());
        value.map(Some).ok_or(ProfileError::PreAuth)
    }
}

/// A profile with everything that one may hold.
#[cfg(test)]
pub(crate) fn full_profile() -> NetworkProfile {
    NetworkProfile {
        proxy: Proxy::Http(HttpProxy::new("proxy.example", 3128).with_credentials("u", "CANARY1")),
        pre_auth: Some("CANARY2".into()),
        client_certificate: Some("work".to_owned()),
        pins: Some(Pins {
            keys: vec![Pin([1; 32]), Pin([2; 32])],
            until: UnixMillis(9),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_shows_no_secret() {
        let text = format!("{:?}", full_profile());
        assert!(!text.contains("CANARY"), "{text}");
        assert!(text.contains("proxy.example:3128"), "{text}");
    }

    #[test]
    fn a_profile_that_cannot_be_used_is_refused() {
        let check = |change: fn(&mut NetworkProfile)| {
            let mut profile = full_profile();
            change(&mut profile);
            profile.check()
        };
        assert_eq!(check(|_| {}), Ok(()));
        assert_eq!(
            check(|profile| profile.pre_auth = Some("".into())),
            Err(ProfileError::PreAuth)
        );
        assert_eq!(
            check(|profile| profile.pre_auth = Some("two\nlines".into())),
            Err(ProfileError::PreAuth)
        );
        assert_eq!(
            check(|profile| profile.pins = Some(Pins {
                keys: vec![Pin([1; 32]); 2],
                until: UnixMillis(9)
            })),
            Err(ProfileError::Pins)
        );
        for host in ["", "a b", "http://a", "a/b", "a:b", "a@b", "[::1", "::1]"] {
            let mut profile = full_profile();
            profile.proxy = Proxy::Http(HttpProxy::new(host, 1));
            assert_eq!(profile.check(), Err(ProfileError::Proxy), "{host}");
        }
        for host in ["::1", "[::1]", "10.0.0.1", "proxy.example"] {
            assert_eq!(HttpProxy::new(host, 8080).check(), Ok(()), "{host}");
        }
    }
}
