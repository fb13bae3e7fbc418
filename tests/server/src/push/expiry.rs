//! The job that tells devices of expired sessions:
//! `server/channels/app/expirynotify.go` and its scheduler in
//! mattermost/mattermost. It runs every ten minutes of the server's clock,
//! so the message comes up to ten minutes after the expiry.

use super::{Delivery, send_expiry_notice};
use crate::state::sessions::Session;
use crate::state::{Life, Shared, World};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

const INTERVAL_MS: i64 = 10 * 60 * 1000;
/// Sessions that expired longer ago are left alone.
const WINDOW_MS: i64 = 60 * 60 * 1000;

/// Runs the job at its times until the server ends.
pub(crate) async fn schedule(shared: Arc<Shared>, task: watch::Receiver<()>) {
    let mut life = shared.life.subscribe();
    let mut moves = shared.clock.moves();
    let mut due = shared.now() + INTERVAL_MS;
    loop {
        let now = shared.now();
        if due > now + INTERVAL_MS {
            due = now + INTERVAL_MS;
        }
        let wait = Duration::from_millis((due - now).max(0) as u64);
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = moves.changed() => {}
            _ = life.wait_for(|life| *life == Life::Ended) => break,
        }
        // A clock that was moved far ahead has passed more than one time.
        while due <= shared.now() {
            let is_on = {
                let settings = &shared.world().settings;
                settings.extend_session_length_with_activity && settings.push_notifications
            };
            if is_on {
                run(&shared, due).await;
            }
            due += INTERVAL_MS;
        }
    }
    drop(task);
}

/// Tells the devices of the sessions that have expired by a time; returns how
/// many there were.
pub(crate) async fn run(shared: &Shared, at: i64) -> usize {
    if !shared.database_is_healthy() || !matches!(*shared.life.borrow(), Life::Up(_)) {
        return 0;
    }
    let sessions = shared.world().expired_unnoticed(at);
    for session in &sessions {
        match send_expiry_notice(shared, session).await {
            Ok(Delivery::Accepted) => {}
            Ok(Delivery::DeviceRemoved) => shared.world().remove_device(&session.id),
            Err(error) => tracing::debug!(%error, "an expiry notice was not sent"),
        }
        if let Some(row) = shared.world().session_row(&session.id) {
            row.expired_notify = true;
        }
    }
    sessions.len()
}

impl World {
    fn expired_unnoticed(&self, at: i64) -> Vec<Session> {
        self.sessions
            .iter()
            .filter(|row| {
                row.is_expired(at)
                    && row.expires_at > at - WINDOW_MS
                    && !row.device_id.is_empty()
                    && !row.expired_notify
            })
            .cloned()
            .collect()
    }

    /// Takes away a device that the push proxy does not know any more.
    fn remove_device(&mut self, session_id: &str) {
        if let Some(row) = self.session_row(session_id) {
            let device_id = std::mem::take(&mut row.device_id);
            row.props.insert("last_removed_device_id".into(), device_id);
            let user_id = row.user_id.clone();
            self.cache.forget_user(&user_id);
        }
    }
}
