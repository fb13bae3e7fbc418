//! What the platform tells the core about the app and the network.

use crate::api::{Standing, Steadfast};
use crate::device::DeviceId;
use crate::error::Error;
use crate::server::HttpProxy;
use crate::session::{self, AccountId, NetworkPath};
use std::time::Duration;

/// Whether the system lets the app show notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Notifications {
    /// It does.
    Allowed,
    /// The user has switched them off.
    Forbidden,
}

codes!(pub(crate) Notifications {
    Allowed => "allowed",
    Forbidden => "forbidden",
});

/// What the platform says of the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostState {
    /// On screen, with the user's attention.
    Focused,
    /// Visible without focus, a desktop window, or Android not yet frozen.
    Running,
    /// About to be frozen or killed: no socket, no timer.
    Suspended,
}

impl From<HostState> for session::HostState {
    fn from(state: HostState) -> Self {
        match state {
            HostState::Focused => Self::Focused,
            HostState::Running => Self::Running,
            HostState::Suspended => Self::Suspended,
        }
    }
}

impl Steadfast {
    /// The app came to the front, lost the focus, or is about to be suspended. With `Suspended` it returns when sockets and
    /// vault are closed, within 3 seconds: the system kills an app that is frozen while it holds a lock. The newest call
    /// counts: one that another overtook while it waited for its turn changes nothing.
    ///
    /// # Errors
    /// [`Error::Closed`]; after a suspension, those of opening the vault.
    pub async fn host_state(&self, state: HostState) -> Result<(), Error> {
        let engine = self.engine().clone();
        let turn = engine.next_host_turn();
        self.engine()
            .run(async move { engine.host_state(state.into(), turn).await })
            .await
    }

    /// The network changed, or came or went. Call it for a change between networks as well, with `Up`. With it comes the proxy
    /// that the system has for this network, as the platform resolved it; `None` for none. It is used by every profile that
    /// says [`Proxy::System`](crate::Proxy::System); a proxy of a kind other than HTTP is none.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a proxy that cannot be one: then no proxy is used, so that accounts stay reachable;
    /// [`Error::Closed`].
    pub fn network_changed(
        &self,
        path: NetworkPath,
        proxy: Option<HttpProxy>,
    ) -> Result<(), Error> {
        self.engine().network_changed(path, proxy)
    }

    /// Asks the server now whether the session is valid, and waits for the verdict, at most until the deadline. Returns the
    /// standing as it then is: `Suspect` if the verdict was not reached in time.
    ///
    /// # Errors
    /// [`Error::NoSuchAccount`], [`Error::Closed`].
    pub async fn verify(&self, id: AccountId, deadline: Duration) -> Result<Standing, Error> {
        let engine = self.engine().clone();
        self.engine()
            .run(async move { engine.verify(id, deadline).await })
            .await?;
        Ok(self.snapshot(id)?.standing)
    }

    /// The id under which the platform delivers pushes, such as `apple_rn-v2:…`; `None` for a device that has none. It is
    /// attached to every session now and after each sign-in, and tried again until the server has taken it.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a text that cannot be a device id; those of the store.
    pub async fn set_device_id(&self, device_id: Option<String>) -> Result<(), Error> {
        let parsed = device_id.as_deref().map(DeviceId::parse).transpose();
        let parsed = parsed.map_err(|_| Error::InvalidArgument {
            argument: "device_id",
        })?;
        let engine = self.engine().clone();
        self.engine()
            .run(async move { engine.set_device_id(parsed).await })
            .await
    }

    /// Whether the system lets the app show notifications. Servers from 10.1 on are told, with the device id, now, on change
    /// and after each sign-in.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn set_notifications(&self, notifications: Notifications) -> Result<(), Error> {
        let engine = self.engine().clone();
        self.engine()
            .run(async move { engine.set_notifications(notifications).await })
            .await
    }
}
