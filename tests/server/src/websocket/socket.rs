//! One open socket: reading, writing, its timers and its end.

use super::hub::{Next, Resume};
use super::router;
use super::upgrade::ResumeRequest;
use crate::state::Shared;
use crate::state::ids::is_valid_id;
use crate::state::sessions::Session;
use crate::state::settings::Settings;
use crate::stream::ClientStream;
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, interval_at, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

type Socket = WebSocketStream<ClientStream>;

/// How a socket ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The TCP connection ends without a close frame.
    Cut { resumable: bool },
    /// A message was too large: close frame 1009, then a reset.
    TooLarge,
    /// The queue ran over: an empty close frame.
    Overflowed,
    /// The client closed, or is gone.
    Left,
}

impl End {
    fn is_resumable(self) -> bool {
        match self {
            Self::Cut { resumable } => resumable,
            Self::TooLarge | Self::Left => true,
            Self::Overflowed => false,
        }
    }
}

/// Runs a socket from the upgrade to its end.
pub(super) async fn run(
    shared: Arc<Shared>,
    upgrade: OnUpgrade,
    wanted: ResumeRequest,
    session: Option<Session>,
) {
    let Ok(upgraded) = upgrade.await else { return };
    let Ok(parts) = upgraded.downcast::<TokioIo<ClientStream>>() else {
        return;
    };
    let settings = shared.world().settings.clone();
    let config = WebSocketConfig::default()
        .max_message_size(Some(settings.websocket_maximum_message))
        .max_frame_size(Some(settings.websocket_maximum_message));
    let mut socket = Socket::from_partially_read(
        parts.io.into_inner(),
        parts.read_buf.to_vec(),
        Role::Server,
        Some(config),
    )
    .await;
    let resumes = !shared.flavour.is_classic() || settings.enable_reliable_websockets;
    let wanted = if resumes {
        wanted
    } else {
        ResumeRequest::default()
    };
    let is_malformed = !wanted.connection_id.is_empty()
        && (!is_valid_id(&wanted.connection_id) || wanted.sequence.is_none());
    if session.is_some() && is_malformed {
        finish(socket, End::Cut { resumable: false }).await;
        return;
    }
    let (key, wake) = shared.world().hub.add(resumes);
    if let Some(session) = session {
        greet(&shared, key, &session, &wanted);
    }
    let end = serve(&shared, &settings, &mut socket, key, &wake).await;
    leave(&shared, key, resumes && end.is_resumable());
    finish(socket, end).await;
}

fn greet(shared: &Shared, key: u64, session: &Session, wanted: &ResumeRequest) {
    let (now, healthy) = (shared.now(), shared.database_is_healthy());
    let mut world = shared.world();
    world.hub.authenticate(key, session);
    let resumed = match wanted.sequence {
        Some(sequence) if !wanted.connection_id.is_empty() => {
            world
                .hub
                .resume(key, &wanted.connection_id, sequence, &shared.version_id)
        }
        _ => Resume::Unknown,
    };
    if resumed == Resume::Unknown {
        world.hub.hello(key, &shared.version_id);
    }
    world.set_status(&session.user_id, "online", now, healthy);
    if healthy {
        world.note_activity(session, now);
    }
}

async fn serve(
    shared: &Arc<Shared>,
    settings: &Settings,
    socket: &mut Socket,
    key: u64,
    wake: &tokio::sync::Notify,
) -> End {
    let opened = Instant::now();
    let ping_every = Duration::from_millis(settings.websocket_ping_ms.max(1));
    let pong_wait = Duration::from_millis(settings.websocket_pong_wait_ms);
    let write_wait = Duration::from_millis(settings.websocket_write_wait_ms);
    let grace_ends = opened + Duration::from_millis(settings.websocket_auth_grace_ms);
    let mut pings = interval_at(opened + ping_every, ping_every);
    let mut pong_due = opened + pong_wait;
    let mut in_grace = true;
    loop {
        loop {
            let next = shared.world().hub.next(key, settings.websocket_dead_queue);
            match next {
                Next::Send(text) => {
                    let sent = timeout(write_wait, socket.send(Message::text(text))).await;
                    if !matches!(sent, Ok(Ok(()))) {
                        return End::Cut { resumable: true };
                    }
                }
                Next::Wait => break,
                Next::Overflowed => return End::Overflowed,
                Next::Gone => return End::Cut { resumable: false },
            }
        }
        tokio::select! {
            () = wake.notified() => {}
            message = socket.next() => {
                match message {
                    Some(Ok(Message::Text(text))) => {
                        if let Some(end) = router::handle(shared, key, text.as_str()).await {
                            return end;
                        }
                    }
                    Some(Ok(Message::Binary(_))) => return End::Cut { resumable: true },
                    Some(Ok(Message::Pong(_))) => {
                        pong_due = Instant::now() + pong_wait;
                        // As on a real server, a pong makes the session be
                        // looked at: this is where silence may begin.
                        router::authenticated(shared, key).await;
                    }
                    Some(Ok(_)) => {}
                    Some(Err(Error::Capacity(_))) => return End::TooLarge,
                    Some(Err(_)) | None => return End::Left,
                }
            }
            _ = pings.tick() => {
                let sent = timeout(write_wait, socket.send(Message::Ping(Default::default()))).await;
                if !matches!(sent, Ok(Ok(()))) {
                    return End::Cut { resumable: true };
                }
            }
            () = sleep_until(grace_ends), if in_grace => {
                in_grace = false;
                if !router::authenticated(shared, key).await {
                    return End::Cut { resumable: false };
                }
            }
            () = sleep_until(pong_due) => return End::Cut { resumable: true },
        }
    }
}

fn leave(shared: &Shared, key: u64, resumable: bool) {
    let (now, healthy) = (shared.now(), shared.database_is_healthy());
    let mut world = shared.world();
    if let Some(user_id) = world.hub.leave(key, resumable) {
        world.set_status(&user_id, "offline", now, healthy);
    }
}

async fn finish(mut socket: Socket, end: End) {
    let close = match end {
        End::TooLarge => Some(Some(CloseFrame {
            code: CloseCode::Size,
            reason: "".into(),
        })),
        End::Overflowed => Some(None),
        End::Cut { .. } | End::Left => None,
    };
    if let Some(frame) = close
        && let Err(error) = socket.send(Message::Close(frame)).await
    {
        tracing::debug!(%error, "no close frame");
    }
    if end == End::TooLarge {
        socket.get_ref().reset_on_drop();
        return;
    }
    if let Err(error) = socket.get_mut().shutdown().await {
        tracing::debug!(%error, "no orderly end");
    }
}
