//! Starting, serving, restarting and stopping.

use crate::control::{self, Control};
use crate::push::proxy::PushProxy;
use crate::state::settings::{Flavour, Settings};
use crate::state::users::{Role, User};
use crate::state::{Life, Shared};
use crate::stream::ClientStream;
use crate::tls::Tls;
use crate::{api, push, websocket};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// What a server shall be like before it starts.
#[derive(Default)]
#[must_use]
pub struct Builder {
    tls: bool,
    port: u16,
    control_port: u16,
    flavour: Flavour,
    settings: Settings,
    users: Vec<(String, String, Role)>,
    bots: Vec<String>,
}

impl Builder {
    /// Serves HTTPS with a certificate authority of its own; default is HTTP.
    pub fn tls(mut self, tls: bool) -> Self {
        self.tls = tls;
        self
    }

    /// Listens on this port; 0, the default, takes any free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Port of the control interface; 0, the default, takes any free one.
    pub fn control_port(mut self, port: u16) -> Self {
        self.control_port = port;
        self
    }

    /// Adds an account, e-mail `<name>@example.com`, member of the team.
    pub fn user(mut self, name: &str, password: &str, role: Role) -> Self {
        self.users.push((name.into(), password.into(), role));
        self
    }

    /// Adds a bot account.
    pub fn bot(mut self, name: &str) -> Self {
        self.bots.push(name.into());
        self
    }

    /// Which generation of Mattermost to answer as.
    pub fn flavour(mut self, flavour: Flavour) -> Self {
        self.flavour = flavour;
        self
    }

    /// Changes the configuration the server starts with.
    pub fn settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Starts serving on the current tokio runtime.
    ///
    /// # Errors
    /// When no port can be had or no certificate be made.
    pub async fn start(self) -> io::Result<Server> {
        let tls = self.tls.then(Tls::generate).transpose()?;
        let place = Place::reserve(self.port)?;
        let control_listener = loopback_listener(self.control_port)?;
        let scheme = if self.tls { "https" } else { "http" };
        let url = format!("{scheme}://{}", place.address);
        let control_url = format!("http://{}", control_listener.local_addr()?);
        let push_listener = loopback_listener(0)?;
        let push_proxy = Arc::new(PushProxy::new(push_listener.local_addr()?));
        let shared = Arc::new(Shared::new(
            self.flavour,
            self.settings,
            url.clone(),
            push_proxy.clone(),
        ));
        {
            let now = shared.now();
            let mut world = shared.world();
            for (name, password, role) in &self.users {
                world.users.push(User::new(name, password, *role, now));
            }
            for name in &self.bots {
                world.users.push(User::bot(name, now));
            }
        }
        let listener = place.listen()?;
        let acceptor = tls.as_ref().map(|tls| tls.acceptor.clone());
        let task = || shared.tasks.subscribe();
        tokio::spawn(serve(shared.clone(), place, listener, acceptor, task()));
        tokio::spawn(control::http::serve(
            shared.clone(),
            control_listener,
            task(),
        ));
        tokio::spawn(websocket::sweep(shared.clone(), task()));
        tokio::spawn(push::proxy::serve(
            push_proxy,
            push_listener,
            shared.life.subscribe(),
            task(),
        ));
        tokio::spawn(push::expiry::schedule(shared.clone(), task()));
        tokio::spawn(push::send_wipes(shared.clone(), task()));
        Ok(Server {
            control: Control::new(shared.clone()),
            shared,
            url,
            control_url,
            tls,
        })
    }
}

/// A running server. Dropping it stops it as well, without waiting.
pub struct Server {
    shared: Arc<Shared>,
    control: Control,
    url: String,
    control_url: String,
    tls: Option<Tls>,
}

impl Server {
    /// Begins to describe a server.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Where clients find it, e.g. `https://127.0.0.1:40123`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the switches are, over HTTP.
    pub fn control_url(&self) -> &str {
        &self.control_url
    }

    /// The certificate authority in PEM; `None` without TLS.
    pub fn ca_pem(&self) -> Option<&str> {
        self.tls.as_ref().map(|tls| tls.ca_pem.as_str())
    }

    /// A file with the same, deleted with the server.
    pub fn ca_file(&self) -> Option<&Path> {
        self.tls.as_ref().map(|tls| tls.ca_file.path())
    }

    /// The switches.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Ends every connection and waits until all of the server is gone.
    pub async fn stop(self) {
        self.shared.life.send_replace(Life::Ended);
        self.shared.tasks.closed().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.life.send_replace(Life::Ended);
    }
}

/// A port held for a server's whole life: while nobody listens on it clients
/// are refused, and nobody else is given it.
struct Place {
    address: SocketAddr,
    _holder: TcpSocket,
}

impl Place {
    fn reserve(port: u16) -> io::Result<Self> {
        let holder = TcpSocket::new_v4()?;
        holder.set_reuseaddr(true)?;
        holder.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        Ok(Self {
            address: holder.local_addr()?,
            _holder: holder,
        })
    }

    fn listen(&self) -> io::Result<TcpListener> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(self.address)?;
        socket.listen(1024)
    }
}

fn loopback_listener(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    socket.listen(64)
}

async fn serve(
    shared: Arc<Shared>,
    place: Place,
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    _task: watch::Receiver<()>,
) {
    let mut life = shared.life.subscribe();
    let mut listener = Some(listener);
    loop {
        let now = *life.borrow_and_update();
        match now {
            Life::Ended => return,
            Life::Down => listener = None,
            Life::Up(_) if listener.is_none() => match place.listen() {
                Ok(again) => listener = Some(again),
                Err(error) => {
                    tracing::error!(%error, "the port is lost");
                    return;
                }
            },
            Life::Up(_) => {}
        }
        shared.listening.send_replace(listener.is_some());
        let Some(listening) = &listener else {
            if life.changed().await.is_err() {
                return;
            }
            continue;
        };
        tokio::select! {
            _ = life.changed() => {}
            accepted = listening.accept() => {
                if let Ok((stream, _)) = accepted {
                    let connection = serve_client(shared.clone(), stream, acceptor.clone());
                    spawn_for_this_life(&shared, now, connection);
                }
            }
        }
    }
}

/// Runs a task until it ends or the server's present life does.
pub(crate) fn spawn_for_this_life(
    shared: &Shared,
    born_in: Life,
    work: impl Future<Output = ()> + Send + 'static,
) {
    let mut life = shared.life.subscribe();
    let task = shared.tasks.subscribe();
    tokio::spawn(async move {
        tokio::select! {
            () = work => {}
            _ = life.wait_for(|life| *life != born_in) => {}
        }
        drop(task);
    });
}

async fn serve_client(shared: Arc<Shared>, stream: TcpStream, acceptor: Option<TlsAcceptor>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let stream = match acceptor {
        None => ClientStream::Plain(stream),
        Some(acceptor) => match acceptor.accept(stream).await {
            Ok(stream) => ClientStream::Tls(Box::new(stream)),
            Err(error) => {
                tracing::debug!(%error, "no TLS");
                return;
            }
        },
    };
    let service = service_fn(move |request| {
        let shared = shared.clone();
        async move { Ok::<_, std::convert::Infallible>(api::serve(shared, request).await) }
    });
    let connection = http1::Builder::new()
        .title_case_headers(true)
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    if let Err(error) = connection.await {
        tracing::debug!(%error, "connection");
    }
}
