//! Names to addresses. A trait, so that a host platform or a test can answer in the system's place.

use crate::policy;
use futures_util::FutureExt;
use std::future::Future;
use std::net::{SocketAddr, ToSocketAddrs};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Semaphore;

/// The name has no address, or none was found. Carries no text: resolvers put names into theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("name not resolved")]
pub struct ResolveError;

/// The answer of a look-up that is under way.
pub type Resolving<'a> =
    Pin<Box<dyn Future<Output = Result<Vec<SocketAddr>, ResolveError>> + Send + 'a>>;

/// Finds the addresses of a host. Implementations keep nothing between calls: a stale or negative answer that is kept
/// outlives the network it came from.
pub trait Resolve: Send + Sync {
    /// The addresses of `host`, each with `port`, in order of preference. An empty list counts as a failure.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolving<'a>;
}

/// Asks a resolver. One that panics has found nothing: it is the host's code, and no fault of it may stop the core's.
pub(super) async fn ask(
    resolver: &dyn Resolve,
    host: &str,
    port: u16,
) -> Result<Vec<SocketAddr>, ResolveError> {
    let asking = async { resolver.resolve(host, port).await };
    let answer = AssertUnwindSafe(asking).catch_unwind().await;
    let addresses = answer.map_err(|_| ResolveError)??;
    (!addresses.is_empty())
        .then_some(addresses)
        .ok_or(ResolveError)
}

/// The resolver of the operating system.
#[derive(Debug, Clone)]
pub struct SystemResolver {
    permits: Arc<Semaphore>,
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(policy::LOOKUPS_AT_ONCE)),
        }
    }
}

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolving<'a> {
        Box::pin(async move {
            let permit = Arc::clone(&self.permits)
                .acquire_owned()
                .await
                .map_err(|_| ResolveError)?;
            let host = host.to_owned();
            // The permit goes into the thread: a caller that gives up does not free a thread that is still stuck.
            let addresses = tokio::task::spawn_blocking(move || {
                let _permit = permit;
                (host.as_str(), port)
                    .to_socket_addrs()
                    .map(Iterator::collect::<Vec<_>>)
            })
            .await
            .map_err(|_| ResolveError)?
            .map_err(|_| ResolveError)?;
            Ok(addresses)
        })
    }
}

/// The same resolver in the shape that the HTTP client asks for.
#[derive(Clone)]
pub(super) struct ForHttp(pub(super) Arc<dyn Resolve>);

impl reqwest::dns::Resolve for ForHttp {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let resolver = Arc::clone(&self.0);
        Box::pin(async move {
            // The HTTP client puts the port of the URL in place of 0.
            let addresses = ask(&*resolver, name.as_str(), 0).await?;
            Ok(Box::new(addresses.into_iter()) as reqwest::dns::Addrs)
        })
    }
}
