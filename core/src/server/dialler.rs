//! The way to a server: resolver, TCP and TLS, set up once for REST and the socket alike.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::address::ServerAddress;
use super::resolver::{self, ForHttp, Resolve, SystemResolver};
use super::tls::{self, Roots, TlsProfileError};
use super::transport::{TlsReason, TransportError, TransportErrorKind, classify, io_kind};
use crate::policy;

/// How the network of one account is used. The next settings of this kind (proxy, client certificate, pins) belong here.
#[derive(Clone)]
pub struct NetworkProfile {
    /// Trusted authorities.
    pub roots: Roots,
    /// Further authorities in PEM, each text with one certificate or more: a company's own, if the app opts in.
    pub extra_authorities: Vec<String>,
    /// Who resolves names.
    pub resolver: Arc<dyn Resolve>,
}

impl Default for NetworkProfile {
    fn default() -> Self {
        Self {
            roots: Roots::default(),
            extra_authorities: Vec::new(),
            resolver: Arc::new(SystemResolver::default()),
        }
    }
}

impl std::fmt::Debug for NetworkProfile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("NetworkProfile")
            .field("extra_authorities", &self.extra_authorities.len())
            .finish_non_exhaustive()
    }
}

/// A connection, with or without TLS.
pub trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// Makes connections as a [`NetworkProfile`] says. Cheap to clone; clones share the TLS configuration.
#[derive(Clone)]
pub struct Dialler {
    tls: Arc<ClientConfig>,
    resolver: Arc<dyn Resolve>,
}

impl std::fmt::Debug for Dialler {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Dialler")
    }
}

impl Dialler {
    /// Sets TLS up. Touches no network.
    pub fn new(profile: &NetworkProfile) -> Result<Self, TlsProfileError> {
        Ok(Self {
            tls: Arc::new(tls::client_config(
                &profile.roots,
                &profile.extra_authorities,
            )?),
            resolver: Arc::clone(&profile.resolver),
        })
    }

    /// Connects to the server within [`policy::CONNECT_TIMEOUT`], TLS included.
    pub async fn dial(
        &self,
        address: &ServerAddress,
    ) -> Result<Box<dyn Transport>, TransportError> {
        tokio::time::timeout(policy::CONNECT_TIMEOUT, self.connect(address))
            .await
            .unwrap_or(Err(TransportErrorKind::Timeout))
            .map_err(TransportError::before)
    }

    async fn connect(
        &self,
        address: &ServerAddress,
    ) -> Result<Box<dyn Transport>, TransportErrorKind> {
        let addresses = resolver::ask(&*self.resolver, address.host(), address.port())
            .await
            .map_err(|_| TransportErrorKind::Dns)?;
        let tcp = connect_first(interleave(addresses))
            .await
            .map_err(|error| io_kind(&error).unwrap_or(TransportErrorKind::Other))?;
        // A small frame that waits for an acknowledgement would delay every ping.
        let _ = tcp.set_nodelay(true);
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

    /// An HTTP client on the same resolver and TLS. It follows no redirect, keeps no cookie, asks no proxy of the
    /// environment and never retries.
    pub(super) fn http_client(
        &self,
        user_agent: &str,
        idle_connections: usize,
    ) -> Result<reqwest::Client, TransportError> {
        reqwest::Client::builder()
            .tls_backend_preconfigured(ClientConfig::clone(&self.tls))
            .dns_resolver(ForHttp(Arc::clone(&self.resolver)))
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .user_agent(user_agent)
            .tcp_nodelay(true)
            .connect_timeout(policy::CONNECT_TIMEOUT)
            .pool_max_idle_per_host(idle_connections)
            .build()
            .map_err(|error| TransportError::from_reqwest(&error))
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

    /// Hazard A31.
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
