//! What the platform tells the core about the app and the network.

use crate::accounts::Standing;
use crate::core::Core;
use crate::enums::{from_core, to_core};
use crate::error::SteadfastError;
use crate::guard::{Cancellation, at_once, duration, waits};
use crate::profile::HttpProxy;
use std::sync::Arc;
use steadfast::AccountId;

/// What the platform says of the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, uniffi::Enum)]
pub enum HostState {
    /// On screen, with the user's attention.
    Focused,
    /// Visible without focus, a desktop window, or Android not yet frozen.
    Running,
    /// About to be frozen or killed: no socket, no timer.
    Suspended,
}

to_core!(HostState => steadfast::HostState { Focused, Running, Suspended });
from_core!(steadfast::HostState => HostState {
    Focused, Running, Suspended,
} otherwise Running);

/// What the platform says of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, uniffi::Enum)]
pub enum NetworkPath {
    /// There is a way out.
    Up,
    /// There is none.
    Down,
    /// The platform does not say; treated as up.
    Unknown,
}

to_core!(NetworkPath => steadfast::NetworkPath { Up, Down, Unknown });

/// Whether the system lets the app show notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, uniffi::Enum)]
pub enum Notifications {
    /// It does.
    Allowed,
    /// The user has switched them off.
    Forbidden,
}

to_core!(Notifications => steadfast::Notifications { Allowed, Forbidden });

#[uniffi::export]
impl Core {
    /// The app came to the front, lost the focus, or is about to be suspended. With `Suspended` it returns when sockets and
    /// vault are closed, within 3 seconds: the system kills an app that is frozen while it holds a lock. The newest call
    /// counts: one that another overtook while it waited for its turn changes nothing. Fails with `closed`; after a
    /// suspension, as the opening of the vault does.
    pub async fn host_state(&self, state: HostState) -> Result<(), SteadfastError> {
        waits(None, self.steadfast.host_state(state.into())).await
    }

    /// The network changed, or came or went. Call it for a change between networks as well, with `Up`. With it comes the proxy
    /// that the system has for this network, as the platform resolved it; nothing for none. It is used by every profile that
    /// says so; a proxy of a kind other than HTTP is none. Immediate. Fails with `invalid_argument` for a proxy that cannot be
    /// one: then no proxy is used, so that accounts stay reachable; `closed`.
    #[uniffi::method(default(proxy = None))]
    pub fn network_changed(
        &self,
        path: NetworkPath,
        proxy: Option<HttpProxy>,
    ) -> Result<(), SteadfastError> {
        at_once(|| match proxy.map(HttpProxy::into_core).transpose() {
            Ok(proxy) => self.steadfast.network_changed(path.into(), proxy),
            Err(error) => {
                self.steadfast.network_changed(path.into(), None)?;
                Err(error)
            }
        })
    }

    /// Asks the server now whether the session is valid, and waits for the verdict, at most that many milliseconds. Returns the
    /// standing as it then is: `Suspect` if the verdict was not reached in time. Fails with `no_such_account` and `closed`.
    #[uniffi::method(default(cancellation = None))]
    pub async fn verify(
        &self,
        account: i64,
        deadline_millis: i64,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Standing, SteadfastError> {
        waits(cancellation, async {
            let deadline = duration(deadline_millis, "deadline")?;
            let standing = self.steadfast.verify(AccountId(account), deadline).await?;
            Ok(standing.into())
        })
        .await
    }

    /// The id under which the platform delivers pushes, such as `apple_rn-v2:…`; nothing for a device that has none. It is
    /// attached to every session now and after each sign-in, and tried again until the server has taken it. Fails with
    /// `invalid_argument` for a text that cannot be a device id, and as the store does.
    pub async fn set_device_id(&self, device_id: Option<String>) -> Result<(), SteadfastError> {
        waits(None, self.steadfast.set_device_id(device_id)).await
    }

    /// Whether the system lets the app show notifications. Servers from 10.1 on are told, with the device id, now, on change
    /// and after each sign-in. Fails as the store does.
    pub async fn set_notifications(
        &self,
        notifications: Notifications,
    ) -> Result<(), SteadfastError> {
        waits(None, self.steadfast.set_notifications(notifications.into())).await
    }
}
