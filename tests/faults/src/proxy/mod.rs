//! The proxy: builders, the accept loop and the end of both. What happens to one connection is in
//! `link.rs` (bytes), `tcp.rs` and `http.rs` (the two ways to reach the server).

mod door;
mod http;
mod link;
mod speech;
mod tcp;
mod upstream;

use std::{future::poll_fn, io, net::SocketAddr, sync::Arc, time::Duration};

use self::upstream::Upstream;
pub(crate) use self::{
    door::Door,
    link::{Fate, Link},
};
use crate::{
    control::Control,
    state::Shared,
    tls::{Acceptors, Authority, TlsError},
};
use tokio::{
    sync::oneshot,
    task::{JoinHandle, JoinSet},
};

/// A running proxy on a loopback port. Dropping it closes the port and every connection.
#[derive(Debug)]
pub struct Proxy {
    control: Control,
    shared: Arc<Shared>,
    addr: SocketAddr,
    path: String,
    authority_pem: Option<String>,
    accepting: JoinHandle<()>,
    stop: Option<oneshot::Sender<()>>,
}

/// Why a proxy could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port could not be had.
    #[error("listen: {0}")]
    Listen(#[from] io::Error),
    /// The server's URL cannot be used.
    #[error("server URL: {0}")]
    Upstream(String),
    /// Certificates or keys cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Proxy {
    /// A proxy that passes bytes to `upstream`, TLS included.
    pub fn tcp(upstream: SocketAddr) -> TcpBuilder {
        TcpBuilder { upstream, port: 0 }
    }

    /// A proxy that ends HTTP itself and speaks to the server at `upstream` (`http` or `https`)
    /// anew, with the server's own name in `Host`. Paths stay as they are.
    pub fn http(upstream: impl Into<String>) -> HttpBuilder {
        HttpBuilder {
            upstream: upstream.into(),
            upstream_authority: None,
            listen: Listen::Plain,
            port: 0,
        }
    }

    /// The handle that switches faults.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// The address it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The URL of the server through this proxy, with this scheme, without a final slash.
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}{}", self.addr, self.path)
    }

    /// The certificate a client has to trust, if the proxy ends TLS.
    pub fn ca_pem(&self) -> Option<&str> {
        self.authority_pem.as_deref()
    }

    /// Closes everything and waits until it is closed.
    pub async fn stop(mut self) {
        self.shared.door.lock_up();
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        let _ = (&mut self.accepting).await;
    }

    fn start(
        shared: Arc<Shared>,
        path: String,
        authority_pem: Option<String>,
        reach: Reach,
    ) -> Self {
        let addr = shared.door.addr();
        let (stop, stopped) = oneshot::channel();
        let accepting = tokio::spawn(accept(Arc::clone(&shared), Arc::new(reach), stopped));
        Self {
            control: Control::new(Arc::clone(&shared)),
            shared,
            addr,
            path,
            authority_pem,
            accepting,
            stop: Some(stop),
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.door.lock_up();
        self.accepting.abort();
    }
}

/// How connections reach the server.
enum Reach {
    Tcp(SocketAddr),
    Http(Arc<http::Relay>),
}

/// Accepts until told to stop; every connection's task ends with this one.
async fn accept(shared: Arc<Shared>, reach: Arc<Reach>, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = poll_fn(|context| shared.door.poll_accept(context, || shared.admit())) => accepted,
            Some(_) = connections.join_next() => continue,
            _ = &mut stopped => break,
        };
        let (client, link) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Such as too many open files: others may be closed meanwhile.
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if let Err(error) = client.set_nodelay(true) {
            tracing::debug!(%error, "the client left at once");
        }
        let reach = Arc::clone(&reach);
        let leads_to = shared.leads_to();
        connections.spawn(async move {
            let _registered = link::Registered(&link);
            match &*reach {
                Reach::Tcp(upstream) => {
                    tcp::pass(&link, client, leads_to.unwrap_or(*upstream)).await;
                }
                Reach::Http(relay) => http::relay(&link, client, relay).await,
            }
        });
    }
    connections.shutdown().await;
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Settings of a [`Proxy::tcp`].
#[derive(Debug)]
pub struct TcpBuilder {
    upstream: SocketAddr,
    port: u16,
}

impl TcpBuilder {
    /// Listens on this port instead of one that the system chooses.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Starts it; to be called within a tokio runtime.
    ///
    /// # Errors
    /// If the port cannot be had.
    pub async fn start(self) -> Result<Proxy, StartError> {
        let shared = Shared::new(Door::new(self.port)?);
        let reach = Reach::Tcp(self.upstream);
        Ok(Proxy::start(shared, String::new(), None, reach))
    }
}

/// How clients speak to a terminating proxy.
#[derive(Debug)]
enum Listen {
    Plain,
    TlsOwn,
    Tls { certificate: String, key: String },
}

/// Settings of a [`Proxy::http`]; without any it listens in plain HTTP and trusts the public
/// authorities upstream.
pub struct HttpBuilder {
    upstream: String,
    upstream_authority: Option<String>,
    listen: Listen,
    port: u16,
}

impl std::fmt::Debug for HttpBuilder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("HttpBuilder")
            .finish_non_exhaustive()
    }
}

impl HttpBuilder {
    /// Listens on this port instead of one that the system chooses.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Speaks TLS to clients, with a certificate for `127.0.0.1` and `localhost` from a new
    /// authority; see [`Proxy::ca_pem`].
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.listen = Listen::TlsOwn;
        self
    }

    /// Speaks TLS to clients, with a certificate from the authority with this certificate and
    /// PKCS#8 key, both PEM.
    #[must_use]
    pub fn tls_from(mut self, certificate: impl Into<String>, key: impl Into<String>) -> Self {
        self.listen = Listen::Tls {
            certificate: certificate.into(),
            key: key.into(),
        };
        self
    }

    /// Trusts this authority (PEM) upstream, in place of the public ones.
    #[must_use]
    pub fn upstream_ca(mut self, certificate: impl Into<String>) -> Self {
        self.upstream_authority = Some(certificate.into());
        self
    }

    /// Starts it; to be called within a tokio runtime.
    ///
    /// # Errors
    /// If the port cannot be had, or the URL, a certificate or a key cannot be used.
    pub async fn start(self) -> Result<Proxy, StartError> {
        let upstream = Upstream::parse(&self.upstream, self.upstream_authority.as_deref())?;
        let shared = Shared::new(Door::new(self.port)?);
        let authority = match &self.listen {
            Listen::Plain => None,
            Listen::TlsOwn => Some(Authority::generate()?),
            Listen::Tls { certificate, key } => Some(Authority::from_pem(certificate, key)?),
        };
        let acceptors = match &authority {
            Some(authority) => Some(Acceptors::new(authority, Arc::clone(&shared))?),
            None => None,
        };
        let path = upstream.path().to_owned();
        let relay = http::Relay::new(upstream, acceptors, shared.door.addr());
        let authority_pem = authority.map(|authority| authority.certificate_pem().to_owned());
        Ok(Proxy::start(
            shared,
            path,
            authority_pem,
            Reach::Http(Arc::new(relay)),
        ))
    }
}
