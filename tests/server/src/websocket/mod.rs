//! WebSockets: the upgrade, the connections the server remembers, the events
//! they get and the requests they answer.
//!
//! The rules are those of `server/channels/app/platform/web_conn.go`,
//! `web_hub.go` and `websocket_router.go` in mattermost/mattermost. The most
//! surprising one: a socket whose session ends is neither closed nor told.

pub(crate) mod events;
pub(crate) mod hub;
mod router;
mod socket;
pub(crate) mod upgrade;

use crate::state::{Life, Shared};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Forgets connections that were left and not resumed, until the server ends.
pub(crate) async fn sweep(shared: Arc<Shared>, task: watch::Receiver<()>) {
    let mut life = shared.life.subscribe();
    loop {
        let interval = Duration::from_millis(shared.world().settings.websocket_sweep_ms.max(1));
        tokio::select! {
            () = tokio::time::sleep(interval) => shared.world().hub.sweep(interval),
            _ = life.wait_for(|life| *life == Life::Ended) => break,
        }
    }
    drop(task);
}
