//! What the platform tells the core about the app and the network.

use crate::api::{Standing, Steadfast};
use crate::device::DeviceId;
use crate::error::Error;
use crate::session::{AccountId, HostState, NetworkPath};
use std::time::Duration;

impl Steadfast {
    /// The app came to the front, lost the focus, or is about to be suspended. With `Suspended` it returns when sockets and
    /// vault are closed, within 3 seconds: the system kills an app that is frozen while it holds a lock.
    ///
    /// # Errors
    /// [`Error::Closed`]; after a suspension, those of opening the vault.
    pub async fn host_state(&self, state: HostState) -> Result<(), Error> {
        let engine = self.engine().clone();
        self.engine()
            .run(async move { engine.host_state(state).await })
            .await
    }

    /// The network changed, or came or went. Call it for a change between networks as well, with `Up`.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn network_changed(&self, path: NetworkPath) -> Result<(), Error> {
        self.engine().network_changed(path)
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
}
