//! The account's sockets, as the machine asks for them: dialled, told apart, pinged, closed. At most one is open.
//!
//! What arrives becomes the machine's events here; the app's realtime events go into the queue and no further.

use crate::engine::Engine;
use crate::engine::account::Account;
use crate::engine::events::{Arrival, ResumeFrom};
use crate::engine::questions::unknown_why;
use crate::engine::realtime::{Sent, Waiting};
use crate::engine::token::NoToken;
use crate::engine::worker::Message;
use crate::evidence::SOCKET_NOT_AUTHENTICATED_IDS;
use crate::policy;
use crate::server::socket::{
    Ended, Resume, Socket, SocketEvent as WireEvent, SocketHandle, UpgradeError,
};
use crate::session::{Epoch, Event, SocketEnd, SocketEvent, SocketId, UnknownWhy};
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

/// How a dial went.
pub(crate) enum Dialled {
    Open(SocketHandle),
    NoToken(Epoch, NoToken),
    Failed(UpgradeError),
}

struct Open {
    id: SocketId,
    task: AbortHandle,
    handle: Option<SocketHandle>,
    /// Number of the ping that was not yet answered.
    ping: Option<i64>,
    asked_for: Option<ResumeFrom>,
}

pub(crate) struct Sockets {
    engine: Arc<Engine>,
    account: Arc<Account>,
    open: Option<Open>,
    waiting: Waiting,
}

impl Sockets {
    pub(crate) fn new(engine: Arc<Engine>, account: Arc<Account>) -> Self {
        Self {
            engine,
            account,
            open: None,
            waiting: Waiting::default(),
        }
    }

    /// Sends a message of the app.
    pub(crate) fn send(
        &mut self,
        action: &str,
        data: serde_json::Value,
        expects_reply: bool,
        done: oneshot::Sender<Sent>,
    ) {
        if !self.waiting.has_room() {
            let _ = done.send(Sent::TooMany);
            return;
        }
        let handle = self.open.as_ref().and_then(|open| open.handle.as_ref());
        match handle.map(|handle| handle.send(action, data)) {
            Some(Ok(number)) if expects_reply => self.waiting.add(number, done),
            Some(Ok(_)) => drop(done.send(Sent::Reply(serde_json::Value::Null))),
            Some(Err(_)) | None => drop(done.send(Sent::NoSocket)),
        }
    }

    /// Dials in the background; [`Message::Dialled`] follows, and then [`Message::Wire`] for whatever arrives.
    pub(crate) fn dial(&mut self, id: SocketId, epoch: Epoch, resume: bool) {
        self.close();
        if !resume {
            self.account.events.forget_connection();
        }
        let asked_for = if resume {
            self.account.events.resume_from()
        } else {
            None
        };
        let resume = asked_for.as_ref().map(|from| Resume {
            connection_id: from.connection_id.clone(),
            sequence_number: from.next_server_seq,
        });
        let engine = self.engine.clone();
        let account = self.account.clone();
        let task = self.engine.spawn(async move {
            let token = match account.tokens.get(&engine, account.id, epoch).await {
                Ok(token) => token,
                Err(error) => {
                    account.send(Message::Dialled {
                        socket: id,
                        outcome: Dialled::NoToken(epoch, error),
                    });
                    return;
                }
            };
            let connected = Socket::connect(
                &account.rest.dialler(),
                &account.socket_address(),
                &engine.user_agent,
                &token,
                resume.as_ref(),
            )
            .await;
            let mut socket = match connected {
                Ok(socket) => socket,
                Err(error) => {
                    account.send(Message::Dialled {
                        socket: id,
                        outcome: Dialled::Failed(error),
                    });
                    return;
                }
            };
            account.send(Message::Dialled {
                socket: id,
                outcome: Dialled::Open(socket.handle().clone()),
            });
            while let Some(event) = socket.next().await {
                account.send(Message::Wire { socket: id, event });
            }
        });
        self.open = Some(Open {
            id,
            task: task.abort_handle(),
            handle: None,
            ping: None,
            asked_for,
        });
    }

    /// Takes note of how a dial went.
    pub(crate) fn dialled(&mut self, id: SocketId, outcome: Dialled) -> Option<SocketEvent> {
        let open = self.open.as_mut().filter(|open| open.id == id)?;
        match outcome {
            Dialled::Open(handle) => {
                if open.asked_for.is_some() {
                    // A connection that was taken up says no hello; the reply to a ping is the sign of it.
                    open.ping = handle.ping().ok();
                }
                open.handle = Some(handle);
                Some(SocketEvent::Upgraded)
            }
            Dialled::NoToken(epoch, error) => {
                self.open = None;
                if let NoToken::Key(trouble) = error {
                    let event = Some(Event::KeyUnreadable(trouble));
                    self.account.send(Message::Key { epoch, event });
                }
                Some(SocketEvent::DialFailed {
                    why: UnknownWhy::Other,
                    retry_after: None,
                })
            }
            Dialled::Failed(error) => {
                self.open = None;
                Some(dial_failed(error))
            }
        }
    }

    /// What something that arrived means to the machine. Several events, in order; after an end nothing follows.
    pub(crate) fn arrived(&mut self, event: WireEvent, withhold: bool) -> Vec<SocketEvent> {
        let Some(open) = &mut self.open else {
            return Vec::new();
        };
        match event {
            WireEvent::Bytes => vec![SocketEvent::BytesArrived],
            WireEvent::Hello { connection_id, .. } => {
                let id = connection_id.clone().unwrap_or_default();
                self.account.events.hello(&id);
                open.asked_for = None;
                vec![
                    SocketEvent::BytesArrived,
                    SocketEvent::Hello {
                        connection_id,
                        resumed: false,
                    },
                ]
            }
            WireEvent::Event { seq, event, json } => {
                let mut events = vec![SocketEvent::BytesArrived];
                // A resumed connection has no hello: its first event in order is the sign that it was taken up.
                if let Some(from) = open.asked_for.take() {
                    events.push(SocketEvent::Hello {
                        connection_id: Some(from.connection_id),
                        resumed: true,
                    });
                }
                if self.account.events.push(seq, event, json, withhold) == Arrival::OutOfOrder {
                    self.close();
                    events.push(SocketEvent::Ended(SocketEnd::NetworkError));
                }
                events
            }
            WireEvent::Reply {
                seq_reply,
                ok,
                error_id,
                data,
            } => {
                let mut events = vec![SocketEvent::BytesArrived];
                if !ok && is_not_authenticated(error_id.as_deref()) {
                    open.ping = None;
                    self.waiting.refuse_all();
                    self.account.events.forget_connection();
                    events.push(SocketEvent::Fail);
                } else if ok && seq_reply.is_some() && seq_reply == open.ping {
                    open.ping = None;
                    if let Some(from) = open.asked_for.take() {
                        events.push(SocketEvent::Hello {
                            connection_id: Some(from.connection_id),
                            resumed: true,
                        });
                    }
                    if data.get("text").and_then(serde_json::Value::as_str) == Some("pong") {
                        events.push(SocketEvent::PongOk);
                    }
                } else {
                    let sent = if ok {
                        Sent::Reply(data)
                    } else {
                        Sent::Refused { id: error_id }
                    };
                    self.waiting.answer(seq_reply, sent);
                }
                events
            }
            WireEvent::Ended(how) => {
                self.open = None;
                self.waiting.give_up();
                vec![SocketEvent::Ended(match how {
                    Ended::CloseFrame { .. } | Ended::Eof | Ended::Reset => SocketEnd::ByServer,
                    Ended::ProtocolError | Ended::TooLarge => SocketEnd::NetworkError,
                    Ended::ByUs => SocketEnd::Local,
                })]
            }
        }
    }

    /// Whether a ping of ours waits for its reply.
    pub(crate) fn ping_is_unanswered(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.ping.is_some())
    }

    /// Sends a ping; false if the socket no longer takes any.
    pub(crate) fn ping(&mut self, id: SocketId) -> bool {
        let Some(open) = self.open.as_mut().filter(|open| open.id == id) else {
            return false;
        };
        match open.handle.as_ref().map(SocketHandle::ping) {
            Some(Ok(number)) => {
                open.ping = Some(number);
                true
            }
            _ => false,
        }
    }

    pub(crate) fn close_one(&mut self, id: SocketId) {
        if self.open.as_ref().is_some_and(|open| open.id == id) {
            self.close();
        }
    }

    /// Ends the socket that is open, or the dial that is under way.
    pub(crate) fn close(&mut self) {
        if let Some(open) = self.open.take() {
            open.task.abort();
        }
        self.waiting.give_up();
    }
}

/// What was begun for a worker ends with it, however that ended.
impl Drop for Sockets {
    fn drop(&mut self) {
        self.close();
    }
}

fn is_not_authenticated(error_id: Option<&str>) -> bool {
    error_id.is_some_and(|id| SOCKET_NOT_AUTHENTICATED_IDS.contains(&id))
}

fn dial_failed(error: UpgradeError) -> SocketEvent {
    match error {
        UpgradeError::Transport(error) => SocketEvent::DialFailed {
            why: unknown_why(error.kind),
            retry_after: None,
        },
        UpgradeError::Refused {
            status,
            retry_after,
        } => {
            let retry_after = retry_after.map(|asked| asked.min(policy::RETRY_AFTER_CAP));
            match status {
                300..=399 | 511 => SocketEvent::DialFailed {
                    why: UnknownWhy::Portal,
                    retry_after,
                },
                429 | 500.. => SocketEvent::DialFailed {
                    why: UnknownWhy::ServerTrouble,
                    retry_after,
                },
                _ => SocketEvent::UpgradeRefused { retry_after },
            }
        }
        UpgradeError::NotWebSocket => SocketEvent::UpgradeRefused { retry_after: None },
    }
}
