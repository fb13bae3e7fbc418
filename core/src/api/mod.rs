//! The public surface, a file per topic. Everything here is a thin layer over the engine.
//!
//! No call blocks its thread on the network or the key store. What a call has begun is finished even if its caller goes
//! away: once the server has acted, the result is stored.

mod accounts;
mod admin;
mod adopt;
mod config;
mod destination;
mod legacy;
mod lifecycle;
mod magic_link;
pub mod message;
mod notices;
mod push;
mod reader;
mod realtime;
mod requests;
mod sessions;
mod sign_in;
mod snapshot;
mod sso;
mod transfers;
mod webview;

pub use admin::{Confirmation, UserQuery, UserSummary};
pub use config::Config;
pub use destination::Destination;
pub use lifecycle::{HostState, Notifications};
pub use magic_link::MagicLink;
pub use notices::{EraseReason, Notice, NoticeId, NoticeKind, Obligation, ObligationId};
pub use push::{PushPayload, PushReceived, Reminder, ToShow};
pub use reader::Reader;
pub use requests::{Method, Request, Response};
pub use sessions::ActiveSession;
pub use sign_in::{ServerInfo, SignIn, SignInAgain, SignInMethod};
pub use snapshot::{Changes, Link, Revision, Shows, Snapshot, Standing};
pub use sso::SsoStart;
pub use transfers::{Download, Progress, Transfer, Upload};

use crate::engine::Engine;
use crate::error::Error;
use crate::keystore::KeyStore;
use std::sync::Arc;

/// The core. Cheap to clone; every clone is the same core, and the last one to be dropped closes it.
#[derive(Clone)]
pub struct Steadfast {
    owner: Arc<Owner>,
}

struct Owner {
    engine: Arc<Engine>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.engine.abandon();
    }
}

impl std::fmt::Debug for Steadfast {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Steadfast")
    }
}

impl Steadfast {
    /// Opens the vault and starts to look after its accounts. Touches neither network nor key store before it returns;
    /// afterwards every account that is signed in is validated and connected, unless the app is suspended.
    ///
    /// # Errors
    /// [`Error::StoreInUse`] if the app has the same vault open already, in this process or another one;
    /// [`Error::StoreNewer`] if a newer version wrote it; [`Error::DiskFull`] and [`Error::StoreUnavailable`] if it cannot be
    /// opened now; [`Error::InvalidArgument`] if the configuration cannot be used.
    pub fn open(config: Config, key_store: Arc<dyn KeyStore>) -> Result<Self, Error> {
        Ok(Self {
            owner: Arc::new(Owner {
                engine: Engine::open(config, key_store)?,
            }),
        })
    }

    /// Closes the core: sockets end, the vault is closed. Returns within about a second. Calls afterwards give
    /// [`Error::Closed`].
    pub async fn close(&self) {
        self.engine().close().await;
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.owner.engine
    }
}
