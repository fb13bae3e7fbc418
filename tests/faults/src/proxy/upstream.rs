//! The server behind a terminating proxy: where it is, what it is called and how to speak HTTP/1.1
//! to it.

use std::io;

use ::http::{HeaderValue, uri::Authority};
use hyper::{
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use super::StartError;
use crate::tls;

pub(super) struct Upstream {
    host: String,
    port: u16,
    authority: HeaderValue,
    origin: HeaderValue,
    path: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Upstream {
    pub(super) fn parse(url: &str, authority_pem: Option<&str>) -> Result<Self, StartError> {
        let refuse = |reason: &str| StartError::Upstream(reason.to_owned());
        let url = Url::parse(url).map_err(|error| refuse(&error.to_string()))?;
        let host = match url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(addr)) => addr.to_string(),
            Some(Host::Ipv6(addr)) => addr.to_string(),
            None => return Err(refuse("no host")),
        };
        let tls = match url.scheme() {
            "http" => None,
            "https" => {
                let name = ServerName::try_from(host.clone())
                    .map_err(|_| refuse("a host that no certificate can be for"))?;
                let config = tls::client_config(authority_pem)?;
                Some((TlsConnector::from(config), name))
            }
            _ => return Err(refuse("neither http nor https")),
        };
        let port = url
            .port_or_known_default()
            .ok_or_else(|| refuse("no port"))?;
        let origin = url.origin().ascii_serialization();
        let authority = origin
            .split_once("://")
            .and_then(|(_, authority)| Authority::try_from(authority).ok())
            .ok_or_else(|| refuse("no authority"))?;
        let header = |value: &str| HeaderValue::try_from(value).map_err(|_| refuse("odd host"));
        Ok(Self {
            host,
            port,
            authority: header(authority.as_str())?,
            origin: header(&origin)?,
            path: url.path().trim_end_matches('/').to_owned(),
            tls,
        })
    }

    /// The value of `Host`.
    pub(super) fn authority(&self) -> HeaderValue {
        self.authority.clone()
    }

    /// The value of `Origin` for a page of the server itself.
    pub(super) fn origin(&self) -> HeaderValue {
        self.origin.clone()
    }

    /// The path below which the server lives, without a final slash.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Connects. The second part has to be run for the first to work; it ends with the connection.
    pub(super) async fn connect(
        &self,
    ) -> io::Result<(
        SendRequest<Incoming>,
        impl Future<Output = ()> + Send + 'static,
    )> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match &self.tls {
            Some((connector, name)) => Box::new(connector.connect(name.clone(), stream).await?),
            None => Box::new(stream),
        };
        let (sender, connection) = http1::Builder::new()
            .preserve_header_case(true)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        let driver = async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%error, "the server's connection ended");
            }
        };
        Ok((sender, driver))
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}
