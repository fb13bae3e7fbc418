//! The way to a server: resolver, proxy, TCP and TLS, set up once for REST and the socket alike.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::HeaderValue;
use rustls::ClientConfig;
use rustls::client::WebPkiServerVerifier;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::address::ServerAddress;
use super::certificates::{ClientCertificates, Named};
use super::profile::{HttpProxy, NetworkProfile, Pins, ProfileError, Proxy};
use super::proxy;
use super::resolver::{self, ForHttp, Resolve, SystemResolver};
use super::tls::{self, Roots, TlsProfileError};
use super::transport::{TlsReason, TransportError, TransportErrorKind, classify, io_kind};
use crate::policy;

/// What the network of the whole device is like. How one account uses it says its [`NetworkProfile`].
#[derive(Clone)]
pub struct DeviceNetwork {
    /// Trusted authorities.
    pub roots: Roots,
    /// Further authorities in PEM, each text with one certificate or more: a company's own, if the app opts in.
    pub extra_authorities: Vec<String>,
    /// Who resolves names.
    pub resolver: Arc<dyn Resolve>,
    /// Who knows the client certificates that profiles name; `None` if the app has none.
    pub certificates: Option<Arc<dyn ClientCertificates>>,
}

impl Default for DeviceNetwork {
    fn default() -> Self {
        Self {
            roots: Roots::default(),
            extra_authorities: Vec::new(),
            resolver: Arc::new(SystemResolver::default()),
            certificates: None,
        }
    }
}

impl std::fmt::Debug for DeviceNetwork {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("DeviceNetwork")
            .field("extra_authorities", &self.extra_authorities.len())
            .field("certificates", &self.certificates.is_some())
            .finish_non_exhaustive()
    }
}

/// A connection, with or without TLS.
pub trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// What of a profile TLS depends on. Those who have it in common share one configuration, and its sessions.
#[derive(Clone, PartialEq, Eq, Hash)]
struct TlsKey {
    certificate: Option<String>,
    pins: Option<Pins>,
}

/// What every account's connections have in common.
struct Device {
    verifier: Arc<WebPkiServerVerifier>,
    resolver: Arc<dyn Resolve>,
    certificates: Option<Arc<dyn ClientCertificates>>,
    /// The proxy that the platform says is the system's.
    system_proxy: ArcSwapOption<HttpProxy>,
    configurations: Mutex<HashMap<TlsKey, Weak<ClientConfig>>>,
}

impl Device {
    /// The configuration for this key: the one in use, if one is.
    fn tls(&self, key: TlsKey) -> Result<Arc<ClientConfig>, ProfileError> {
        let mut known = self
            .configurations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = known.get(&key).and_then(Weak::upgrade) {
            return Ok(config);
        }
        let named = match &key.certificate {
            None => None,
            Some(name) => Some(Named {
                platform: self
                    .certificates
                    .clone()
                    .ok_or(ProfileError::ClientCertificate)?,
                name: name.as_str().into(),
            }),
        };
        let config = tls::client_config(&self.verifier, named, key.pins.clone())
            .map_err(|_| ProfileError::Unsupported)?;
        let config = Arc::new(config);
        known.retain(|_, config| config.strong_count() > 0);
        known.insert(key, Arc::downgrade(&config));
        Ok(config)
    }
}

/// Makes connections as the device and a profile say. Cheap to clone; clones share the TLS configuration.
#[derive(Clone)]
pub struct Dialler {
    device: Arc<Device>,
    profile: Arc<NetworkProfile>,
    pre_auth: Option<HeaderValue>,
    tls: Arc<ClientConfig>,
}

impl std::fmt::Debug for Dialler {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Dialler")
    }
}

impl Dialler {
    /// Sets TLS up, with the default profile. Touches no network.
    pub fn new(network: &DeviceNetwork) -> Result<Self, TlsProfileError> {
        let device = Arc::new(Device {
            verifier: tls::verifier(&network.roots, &network.extra_authorities)?,
            resolver: Arc::clone(&network.resolver),
            certificates: network.certificates.clone(),
            system_proxy: ArcSwapOption::empty(),
            configurations: Mutex::default(),
        });
        let key = TlsKey {
            certificate: None,
            pins: None,
        };
        let tls = device.tls(key).map_err(|_| TlsProfileError::Unsupported)?;
        Ok(Self {
            device,
            profile: Arc::default(),
            pre_auth: None,
            tls,
        })
    }

    /// One for the same device and another profile. Touches neither network nor platform.
    pub fn with_profile(&self, profile: &NetworkProfile) -> Result<Self, ProfileError> {
        profile.check()?;
        let tls = self.device.tls(TlsKey {
            certificate: profile.client_certificate.clone(),
            pins: profile.pins.clone(),
        })?;
        Ok(Self {
            device: self.device.clone(),
            pre_auth: profile.pre_auth_header()?,
            profile: Arc::new(profile.clone()),
            tls,
        })
    }

    /// The profile.
    pub fn profile(&self) -> &NetworkProfile {
        &self.profile
    }

    /// Takes note of the system's proxy, for every profile that asks for it. Whether it is another one than before; then
    /// connections that are open still go the old way.
    pub fn set_system_proxy(&self, proxy: Option<HttpProxy>) -> Result<bool, ProfileError> {
        if let Some(proxy) = &proxy {
            proxy.check()?;
        }
        let proxy = proxy.map(Arc::new);
        let before = self.device.system_proxy.swap(proxy.clone());
        Ok(before != proxy)
    }

    /// The proxy to be used now.
    fn proxy(&self) -> Option<Arc<HttpProxy>> {
        match &self.profile.proxy {
            Proxy::System => self.device.system_proxy.load_full(),
            Proxy::Direct => None,
            Proxy::Http(proxy) => Some(Arc::new(proxy.clone())),
        }
    }

    /// The header that a gateway before the server wants.
    pub(super) fn pre_auth(&self) -> Option<&HeaderValue> {
        self.pre_auth.as_ref()
    }

    /// How long a connection may take until it is up, TLS included.
    fn connect_timeout(&self) -> Duration {
        match self.profile.client_certificate {
            Some(_) => policy::CONNECT_TIMEOUT + policy::CERTIFICATE_DEADLINE,
            None => policy::CONNECT_TIMEOUT,
        }
    }

    /// Connects to the server, TLS included, within the time that a connection may take.
    pub async fn dial(
        &self,
        address: &ServerAddress,
    ) -> Result<Box<dyn Transport>, TransportError> {
        tokio::time::timeout(self.connect_timeout(), self.connect(address))
            .await
            .unwrap_or(Err(TransportErrorKind::Timeout))
            .map_err(TransportError::before)
    }

    async fn connect(
        &self,
        address: &ServerAddress,
    ) -> Result<Box<dyn Transport>, TransportErrorKind> {
        let tcp = match self.proxy() {
            None => self.reach(address.host(), address.port()).await?,
            Some(way) => {
                let mut tcp = self.reach(way.bare_host(), way.port).await?;
                proxy::connect(&mut tcp, &way, address.host(), address.port())
                    .await
                    .map_err(proxy::ProxyError::kind)?;
                tcp
            }
        };
        if !address.is_tls() {
            return Ok(Box::new(tcp));
        }
        let name = ServerName::try_from(address.host().to_owned())
            .map_err(|_| TransportErrorKind::Tls(TlsReason::WrongName))?;
        let stream = TlsConnector::from(Arc::clone(&self.tls))
            .connect(name, tcp)
            .await
            .map_err(|error| classify(&error).unwrap_or(TransportErrorKind::Other))?;
        Ok(Box::new(stream))
    }

    async fn reach(&self, host: &str, port: u16) -> Result<TcpStream, TransportErrorKind> {
        let addresses = resolver::ask(&*self.device.resolver, host, port)
            .await
            .map_err(|_| TransportErrorKind::Dns)?;
        let tcp = connect_first(interleave(addresses))
            .await
            .map_err(|error| io_kind(&error).unwrap_or(TransportErrorKind::Other))?;
        // A small frame that waits for an acknowledgement would delay every ping.
        let _ = tcp.set_nodelay(true);
        Ok(tcp)
    }

    /// An HTTP client on the same resolver, proxy and TLS. It follows no redirect, keeps no cookie, asks no proxy of the
    /// environment and never retries.
    pub(super) fn http_client(
        &self,
        user_agent: &str,
        idle_connections: usize,
    ) -> Result<reqwest::Client, TransportError> {
        let failed = |error: reqwest::Error| TransportError::from_reqwest(&error);
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(ClientConfig::clone(&self.tls))
            .dns_resolver(ForHttp(Arc::clone(&self.device.resolver)))
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .user_agent(user_agent)
            .tcp_nodelay(true)
            .connect_timeout(self.connect_timeout())
            .pool_max_idle_per_host(idle_connections);
        if let Some(way) = self.proxy() {
            let mut proxy =
                reqwest::Proxy::all(format!("http://{}", way.authority())).map_err(failed)?;
            if let Some(value) = way.authorization() {
                proxy = proxy.custom_http_auth(value);
            }
            builder = builder.proxy(proxy);
        }
        builder.build().map_err(failed)
    }
}

/// Alternates the address families, the family of the first address first.
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addresses.first() else {
        return addresses;
    };
    let first_is_v6 = first.is_ipv6();
    let (preferred, other): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == first_is_v6);
    let mut preferred = preferred.into_iter();
    let mut other = other.into_iter();
    let mut ordered = Vec::new();
    loop {
        let (one, two) = (preferred.next(), other.next());
        if one.is_none() && two.is_none() {
            return ordered;
        }
        ordered.extend(one);
        ordered.extend(two);
    }
}

/// Tries the addresses one after the other, each [`policy::HAPPY_EYEBALLS_STAGGER`] after the one before or as soon as that one failed; the first
/// connection wins.
async fn connect_first(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut waiting = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        match waiting.next() {
            Some(address) => attempts.push(TcpStream::connect(address)),
            None if attempts.is_empty() => return Err(failure),
            None => {}
        }
        let more = waiting.len() > 0;
        tokio::select! {
            Some(attempt) = attempts.next() => match attempt {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = error,
            },
            () = tokio::time::sleep(policy::HAPPY_EYEBALLS_STAGGER), if more => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_tls_configuration_serves_all_whose_profiles_agree_on_what_tls_needs() {
        use crate::server::Pin;
        use crate::session::UnixMillis;
        let device = Dialler::new(&DeviceNetwork::default()).unwrap();
        let with = |change: fn(&mut NetworkProfile)| {
            let mut profile = NetworkProfile::default();
            change(&mut profile);
            device.with_profile(&profile).unwrap()
        };
        let behind_a_gate = with(|profile| profile.pre_auth = Some("secret".into()));
        let through_a_proxy =
            with(|profile| profile.proxy = Proxy::Http(HttpProxy::new("proxy.example", 1)));
        assert!(Arc::ptr_eq(&device.tls, &behind_a_gate.tls));
        assert!(Arc::ptr_eq(&device.tls, &through_a_proxy.tls));
        let pinned = || {
            with(|profile| {
                profile.pins = Some(Pins {
                    keys: vec![Pin([1; 32]), Pin([2; 32])],
                    until: UnixMillis(9),
                });
            })
        };
        let first = pinned();
        assert!(!Arc::ptr_eq(&device.tls, &first.tls));
        assert!(Arc::ptr_eq(&first.tls, &pinned().tls));
    }

    #[test]
    fn families_alternate_and_keep_their_order() {
        let ordered = interleave(vec![
            address("[::1]:1"),
            address("[::2]:1"),
            address("1.1.1.1:1"),
            address("[::3]:1"),
        ]);
        let expected: Vec<_> = ["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"]
            .map(address)
            .into();
        assert_eq!(ordered, expected);
    }

    #[tokio::test]
    async fn a_refused_address_gives_way_to_the_next_one() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let nobody = closed.local_addr().unwrap();
        drop(closed);
        let stream = connect_first(vec![nobody, listener.local_addr().unwrap()])
            .await
            .unwrap();
        assert_eq!(stream.peer_addr().unwrap(), listener.local_addr().unwrap());
    }
}
