//! How one account reaches its server: proxy, pre-auth secret, client certificate, pins.

use crate::core::Core;
use crate::error::{SteadfastError, invalid};
use crate::guard::{Cancellation, waits};
use crate::secret::SecretText;
use std::sync::Arc;
use steadfast::{AccountId, Pin, UnixMillis};

/// What a proxy is told.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct ProxyCredentials {
    /// User name, without a colon.
    pub user: String,
    /// Password.
    pub password: SecretText,
}

/// An HTTP proxy that is asked by CONNECT, for requests and the socket alike. To a server without TLS, which an app must
/// allow, requests go through it in absolute form.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct HttpProxy {
    /// Name or address, without a scheme.
    pub host: String,
    /// Port, 1 to 65535.
    pub port: i32,
    /// User and password for `Basic` authentication, if the proxy wants any.
    #[uniffi(default = None)]
    pub credentials: Option<ProxyCredentials>,
}

impl HttpProxy {
    pub(crate) fn into_core(self) -> Result<steadfast::HttpProxy, steadfast::Error> {
        let Self {
            host,
            port,
            credentials,
        } = self;
        let port = u16::try_from(port).map_err(|_| invalid("proxy"))?;
        let credentials =
            credentials.map(
                |ProxyCredentials { user, password }| steadfast::ProxyCredentials {
                    user,
                    password,
                },
            );
        Ok(steadfast::HttpProxy {
            host,
            port,
            credentials,
        })
    }
}

/// Which proxy is used.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Proxy {
    /// The one that the app handed over with `networkChanged`, or none.
    System,
    /// None, whatever the system says.
    Direct,
    /// This one, whatever the system says.
    Http {
        /// Which.
        proxy: HttpProxy,
    },
}

/// Public keys that a server is held to, until they are out of date. They are looked at beside everything else that a
/// certificate must fulfil, and after the end no more, so that a forgotten list locks nobody out for good.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Pins {
    /// Base64 of the SHA-256 of the `SubjectPublicKeyInfo` of the server's own certificate, with or without `sha256/` before
    /// it. At least two, one of them of a key that is kept in reserve.
    pub keys: Vec<String>,
    /// The last instant at which they count, by the device's clock: milliseconds since 1970, UTC.
    pub until_millis: i64,
}

impl Pins {
    fn into_core(self) -> Result<steadfast::Pins, steadfast::Error> {
        let Self { keys, until_millis } = self;
        let keys = keys
            .iter()
            .map(|key| Pin::parse(key).ok_or(invalid("pins")));
        Ok(steadfast::Pins {
            keys: keys.collect::<Result<_, _>>()?,
            until: UnixMillis(until_millis),
        })
    }
}

/// How one account reaches its server. Where none is given, the system's proxy is asked, if there is one, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct NetworkProfile {
    /// The proxy.
    pub proxy: Proxy,
    /// A secret that a gateway before the server wants with every request.
    #[uniffi(default = None)]
    pub pre_auth: Option<SecretText>,
    /// Name of the certificate that the device shows, as the app's `ClientCertificates` knows it.
    #[uniffi(default = None)]
    pub client_certificate: Option<String>,
    /// Keys that the server is held to.
    #[uniffi(default = None)]
    pub pins: Option<Pins>,
}

impl NetworkProfile {
    pub(crate) fn into_core(self) -> Result<steadfast::NetworkProfile, steadfast::Error> {
        let Self {
            proxy,
            pre_auth,
            client_certificate,
            pins,
        } = self;
        let proxy = match proxy {
            Proxy::System => steadfast::Proxy::System,
            Proxy::Direct => steadfast::Proxy::Direct,
            Proxy::Http { proxy } => steadfast::Proxy::Http(proxy.into_core()?),
        };
        Ok(steadfast::NetworkProfile {
            proxy,
            pre_auth,
            client_certificate,
            pins: pins.map(Pins::into_core).transpose()?,
        })
    }

    /// The core's profile of one that may be left out.
    pub(crate) fn or_default(
        profile: Option<Self>,
    ) -> Result<steadfast::NetworkProfile, steadfast::Error> {
        profile.map_or_else(|| Ok(steadfast::NetworkProfile::default()), Self::into_core)
    }
}

#[uniffi::export]
impl Core {
    /// Changes how an account reaches its server, at once and durably. What is owed to the server goes the new way too. Fails
    /// with `invalid_argument` and the name of what of the profile cannot be used; `no_such_account`;
    /// `key_store_unavailable` if its secrets cannot be sealed now; and as the store does. Then nothing was changed.
    #[uniffi::method(default(cancellation = None))]
    pub async fn set_network_profile(
        &self,
        account: i64,
        profile: NetworkProfile,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<(), SteadfastError> {
        waits(cancellation, async {
            let profile = profile.into_core()?;
            self.steadfast
                .set_network_profile(AccountId(account), profile)
                .await
        })
        .await
    }
}
