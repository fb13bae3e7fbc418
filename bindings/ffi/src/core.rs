//! The core as an object: opened, used from any thread, shut down.

use crate::config::Config;
use crate::error::SteadfastError;
use crate::guard::{at_once, waits};
use crate::host::{CertificatesOfHost, ClientCertificates, Resolver, ResolverOfHost};
use crate::key_store::{KeyStore, KeysOfHost};
use std::sync::Arc;

/// The core: accounts, their sessions, and the way to their servers. Open one for each vault and keep it as long as the app
/// runs. Every call may come from any thread; those that do not wait answer at once and touch neither disk nor network.
///
/// A call that waits may be abandoned at any point: whatever the server has done is stored, and asking again shows it.
#[derive(Debug, uniffi::Object)]
pub struct Core {
    pub(crate) steadfast: steadfast::Steadfast,
}

#[uniffi::export]
impl Core {
    /// Opens the vault and starts to look after its accounts. Reads the disk for some milliseconds, and touches neither
    /// network nor key store before it returns; afterwards every account that is signed in is validated and connected,
    /// unless the app is suspended. Without a resolver the operating system's is asked; without certificates, profiles
    /// cannot name any.
    ///
    /// Fails with `store_in_use` if the app has the same vault open already, in this process or another one; `store_newer` if
    /// a newer version wrote it; `disk_full`, `store_unavailable` if it cannot be opened now; `invalid_argument` if the
    /// configuration cannot be used.
    #[uniffi::constructor(default(resolver = None, certificates = None))]
    pub fn open(
        config: Config,
        key_store: Arc<dyn KeyStore>,
        resolver: Option<Arc<dyn Resolver>>,
        certificates: Option<Arc<dyn ClientCertificates>>,
    ) -> Result<Arc<Self>, SteadfastError> {
        at_once(|| {
            let mut config = config.into_core()?;
            if let Some(resolver) = resolver {
                config.network.resolver = Arc::new(ResolverOfHost::new(resolver));
            }
            config.network.certificates = certificates
                .map(|certificates| Arc::new(CertificatesOfHost::new(certificates)) as _);
            let keys = Arc::new(KeysOfHost::new(key_store));
            let steadfast = steadfast::Steadfast::open(config, keys)?;
            Ok(Arc::new(Self { steadfast }))
        })
    }

    /// Closes the core: sockets end, the vault is closed, whoever waits is told. Returns within about a second. Calls
    /// afterwards fail with `closed`; what is local and answers at once shows what stood last. Shutting down again is no
    /// error.
    pub async fn shut_down(&self) -> Result<(), SteadfastError> {
        waits(None, async {
            self.steadfast.close().await;
            Ok(())
        })
        .await
    }
}
