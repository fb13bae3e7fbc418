//! The way to the server of [`super::Proxy::http`]: ends the client's TLS and HTTP/1.1, answers
//! itself where the script says so, and relays everything else, upgrades included. Each client
//! connection has a server connection of its own, and when one ends, so does the other. Faults of
//! the wire are not made here but in `link.rs`, below TLS.

use std::{
    convert::Infallible,
    future::{pending, ready},
    io,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use ::http::{HeaderMap, Request, Response, StatusCode, Version, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{
    body::Incoming,
    client::conn::http1::SendRequest,
    server::conn::http1,
    service::service_fn,
    upgrade::{self, OnUpgrade},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy, copy_bidirectional, duplex, sink, split},
    net::TcpStream,
    sync::Notify,
    task::JoinSet,
};

use crate::{
    faults::{Cached, Speaks},
    tls::Acceptors,
};

use super::{
    link::{Fate, Link, carry},
    speech,
    upstream::Upstream,
};

/// Between the client's wire and the end of its TLS.
const PIPE: usize = 64 * 1024;

type Body = BoxBody<Bytes, hyper::Error>;

pub(super) struct Relay {
    upstream: Upstream,
    acceptors: Option<Acceptors>,
    own_authority: String,
}

impl Relay {
    pub(super) fn new(
        upstream: Upstream,
        acceptors: Option<Acceptors>,
        own_addr: SocketAddr,
    ) -> Self {
        Self {
            upstream,
            acceptors,
            own_authority: own_addr.to_string(),
        }
    }

    /// Makes the server believe that it was addressed by its own name.
    fn readdress(&self, headers: &mut HeaderMap) {
        headers.insert(header::HOST, self.upstream.authority());
        let ours = headers
            .get(header::ORIGIN)
            .and_then(|origin| origin.to_str().ok())
            .and_then(|origin| origin.split_once("://"))
            .is_some_and(|(_, authority)| authority == self.own_authority);
        if ours {
            headers.insert(header::ORIGIN, self.upstream.origin());
        }
    }
}

pub(super) async fn relay(link: &Arc<Link>, client: TcpStream, relay: &Arc<Relay>) {
    let (wire_end, tls_end) = duplex(PIPE);
    let terminated = async {
        let Some(acceptors) = &relay.acceptors else {
            return serve(tls_end, link, relay).await;
        };
        let speaks = link.shared().http(|script| script.speaks);
        let spoken = match speaks {
            Speaks::Http1 => match acceptors.http1.accept(tls_end).await {
                Ok(stream) => {
                    serve(stream, link, relay).await;
                    Ok(())
                }
                Err(error) => Err(error),
            },
            Speaks::OnlyHttp2 | Speaks::Http2AtOnce | Speaks::Http2InReply => {
                let acceptor = if speaks == Speaks::OnlyHttp2 {
                    &acceptors.http2
                } else {
                    &acceptors.silent
                };
                match acceptor.accept(tls_end).await {
                    Ok(stream) => speech::http2(stream, speaks).await,
                    Err(error) => Err(error),
                }
            }
            Speaks::Tls10 | Speaks::RefusesTls12 => speech::old_tls(tls_end, speaks).await,
        };
        if let Err(error) = spoken {
            tracing::debug!(%error, "the client's TLS failed");
        }
    };
    let terminated = async {
        terminated.await;
        // What has been said still has to be carried.
        pending::<Infallible>().await
    };
    tokio::select! {
        () = carry(link, client, ready(Ok(wire_end))) => {}
        never = terminated => match never {},
    }
}

/// One client connection and the server connection that belongs to it.
struct Session {
    link: Arc<Link>,
    relay: Arc<Relay>,
    sender: tokio::sync::Mutex<Option<SendRequest<Incoming>>>,
    /// Ends with the session.
    drivers: Mutex<JoinSet<()>>,
    server_left: Arc<Notify>,
    /// An upgrade takes the server's connection away from HTTP, which must not count as leaving.
    upgrading: Arc<AtomicBool>,
    /// Both ends of an upgraded connection, and whether the server is not to be heard on it.
    upgraded: Mutex<Option<(OnUpgrade, OnUpgrade, bool)>>,
}

async fn serve<IO>(client: IO, link: &Arc<Link>, relay: &Arc<Relay>)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let session = Arc::new(Session {
        link: Arc::clone(link),
        relay: Arc::clone(relay),
        sender: tokio::sync::Mutex::default(),
        drivers: Mutex::default(),
        server_left: Arc::default(),
        upgrading: Arc::default(),
        upgraded: Mutex::default(),
    });
    let service = service_fn(|request| {
        let session = Arc::clone(&session);
        async move { session.respond(request).await }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .preserve_header_case(true)
            .auto_date_header(false)
            .serve_connection(TokioIo::new(client), service)
            .with_upgrades()
    );
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = session.server_left.notified() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "the client's connection ended");
        return;
    }
    let upgraded = session
        .upgraded
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    if let Some((client, server, muted)) = upgraded
        && let (Ok(client), Ok(server)) = tokio::join!(client, server)
    {
        let mut client = TokioIo::new(client);
        let mut server = TokioIo::new(server);
        if muted {
            swallow_the_server(client, server).await;
            return;
        }
        if let Err(error) = copy_bidirectional(&mut client, &mut server).await {
            tracing::debug!(%error, "an upgraded connection broke");
            link.meet(Fate::Reset);
        }
    }
}

/// Carries what the client says, and nothing of what the server says.
async fn swallow_the_server(
    client: impl AsyncRead + AsyncWrite,
    server: impl AsyncRead + AsyncWrite,
) {
    let (mut client, _kept_open) = split(client);
    let (mut from_server, mut to_server) = split(server);
    let carried = async {
        let _ = copy(&mut client, &mut to_server).await;
        let _ = to_server.shutdown().await;
    };
    let mut nowhere = sink();
    let _ = tokio::join!(carried, copy(&mut from_server, &mut nowhere));
}

/// A body that is there as a whole.
fn whole(body: Bytes) -> Body {
    Full::new(body).map_err(|never| match never {}).boxed()
}

impl Session {
    async fn respond(&self, mut request: Request<Incoming>) -> io::Result<Response<Body>> {
        let shared = self.link.shared();
        let upgrade = request.headers().contains_key(header::UPGRADE);
        let seen = shared.saw(
            request.method().as_str(),
            request.uri().path(),
            request.uri().query(),
            upgrade,
        );
        if let Some(answer) = shared.http(|script| script.take_answer(&seen)) {
            tokio::time::sleep(answer.delay()).await;
            let mut response = answer.response();
            shared.http(|script| script.add(response.headers_mut()));
            return Ok(response.map(whole));
        }
        let cached = shared.http(|script| script.cached(&seen));
        if let Cached::Kept(mut response) = cached {
            shared.http(|script| script.add(response.headers_mut()));
            return Ok(response.map(whole));
        }
        let client = upgrade.then(|| upgrade::on(&mut request));
        self.upgrading.store(upgrade, Ordering::Relaxed);
        let mut response = self.forward(request).await?;
        *response.version_mut() = Version::HTTP_11;
        shared.http(|script| {
            script.rewrite(response.headers_mut());
            script.strip(response.headers_mut());
            script.add(response.headers_mut());
        });
        if response.status() == StatusCode::SWITCHING_PROTOCOLS
            && let Some(client) = client
        {
            let server = upgrade::on(&mut response);
            let muted = shared.http(|script| script.mutes_upgraded);
            *self.upgraded.lock().unwrap_or_else(PoisonError::into_inner) =
                Some((client, server, muted));
        }
        let replaced =
            shared.http(|script| script.replaced_bodies.get(&response.status()).cloned());
        if let Some((content_type, body)) = replaced {
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, content_type);
            headers.remove(header::CONTENT_ENCODING);
            headers.insert(header::CONTENT_LENGTH, body.len().into());
            return Ok(response.map(|_| whole(body)));
        }
        if matches!(cached, Cached::ToBeKept) {
            let (parts, body) = response.into_parts();
            let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
            let response = Response::from_parts(parts, body);
            shared.http(|script| script.keep(&seen, &response));
            return Ok(response.map(whole));
        }
        Ok(response.map(BodyExt::boxed))
    }

    /// Asks the server; when it cannot be reached, the client's connection is reset.
    async fn forward(&self, mut request: Request<Incoming>) -> io::Result<Response<Incoming>> {
        self.relay.readdress(request.headers_mut());
        *request.version_mut() = Version::HTTP_11;
        let target = request.uri().path_and_query().cloned();
        *request.uri_mut() = target.map_or_else(Default::default, Into::into);
        let mut sender = self.sender.lock().await;
        loop {
            let usable = match sender.as_mut() {
                Some(sender) => sender.ready().await.is_ok(),
                None => false,
            };
            if !usable {
                *sender = Some(self.connect().await.inspect_err(|error| {
                    tracing::debug!(%error, "the server cannot be reached");
                    self.link.meet(Fate::Reset);
                })?);
                continue;
            }
            let Some(ready) = sender.as_mut() else {
                continue;
            };
            match ready.try_send_request(request).await {
                Ok(response) => return Ok(response),
                Err(mut error) => match error.take_message() {
                    // The server closed an idle connection just now and has not seen the request.
                    Some(unsent) => {
                        request = unsent;
                        *sender = None;
                    }
                    None => return Err(io::Error::other(error.into_error())),
                },
            }
        }
    }

    async fn connect(&self) -> io::Result<SendRequest<Incoming>> {
        let (sender, driver) = self.relay.upstream.connect().await?;
        let server_left = Arc::clone(&self.server_left);
        let upgrading = Arc::clone(&self.upgrading);
        self.drivers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .spawn(async move {
                driver.await;
                if !upgrading.load(Ordering::Relaxed) {
                    server_left.notify_one();
                }
            });
        Ok(sender)
    }
}
