//! The app's own messages on the socket: checked, sent by the account's worker, and matched with their replies.

use crate::engine::Engine;
use crate::engine::worker::Message;
use crate::error::Error;
use crate::policy;
use crate::session::AccountId;
use serde_json::Value;
use std::collections::BTreeMap;
use tokio::sync::oneshot;

/// Actions that are the core's own.
const OWN_ACTIONS: [&str; 2] = ["ping", "authentication_challenge"];
/// What plugins answer, if at all, by an event.
const PLUGIN_PREFIX: &str = "custom_";

/// How a message of the app fared.
pub(crate) enum Sent {
    /// The server replied.
    Reply(Value),
    /// The server refused it.
    Refused {
        /// Its error id.
        id: Option<String>,
    },
    /// The socket says that the session no longer counts; the core looks into it.
    NotAuthenticated,
    /// There is no live socket, or it ended.
    NoSocket,
    /// Too many wait.
    TooMany,
}

/// Messages that wait for their replies, by their numbers.
#[derive(Default)]
pub(crate) struct Waiting(BTreeMap<i64, oneshot::Sender<Sent>>);

impl Waiting {
    /// Whether one more may wait. Those whose callers went away do not count.
    pub(crate) fn has_room(&mut self) -> bool {
        self.0.retain(|_, waiter| !waiter.is_closed());
        self.0.len() < policy::SENDS_WAITING
    }

    pub(crate) fn add(&mut self, number: i64, waiter: oneshot::Sender<Sent>) {
        self.0.insert(number, waiter);
    }

    /// Answers the message of this number, if it is one of the app's.
    pub(crate) fn answer(&mut self, number: Option<i64>, sent: Sent) {
        if let Some(waiter) = number.and_then(|number| self.0.remove(&number)) {
            let _ = waiter.send(sent);
        }
    }

    /// The socket is over: nobody will be answered.
    pub(crate) fn give_up(&mut self) {
        for (_, waiter) in std::mem::take(&mut self.0) {
            let _ = waiter.send(Sent::NoSocket);
        }
    }

    /// The socket's session no longer counts.
    pub(crate) fn refuse_all(&mut self) {
        for (_, waiter) in std::mem::take(&mut self.0) {
            let _ = waiter.send(Sent::NotAuthenticated);
        }
    }
}

impl Engine {
    pub(crate) async fn send(
        &self,
        id: AccountId,
        action: String,
        data: Value,
    ) -> Result<Value, Error> {
        check(&action, &data)?;
        let account = self.account(id)?;
        self.standing_allows(id)?;
        let expects_reply = !action.starts_with(PLUGIN_PREFIX);
        let (done, sent) = oneshot::channel();
        account.send(Message::Send {
            action,
            data,
            expects_reply,
            done,
        });
        let sent = tokio::time::timeout(policy::SEND_DEADLINE, sent).await;
        match sent.map_err(|_| Error::Timeout)?.unwrap_or(Sent::NoSocket) {
            Sent::Reply(data) => Ok(data),
            Sent::Refused { id } => Err(Error::Refused { status: 400, id }),
            Sent::NoSocket => {
                self.standing_allows(id)?;
                Err(Error::Offline)
            }
            Sent::TooMany => Err(Error::RateLimited {
                retry_after: policy::SEND_DEADLINE,
            }),
            Sent::NotAuthenticated => {
                let (done, looked) = oneshot::channel();
                account.send(Message::Verdict(done));
                let _ = tokio::time::timeout(policy::REQUEST_WAITS_FOR_VERDICT, looked).await;
                self.standing_allows(id)?;
                // The session lives; only this socket was at fault.
                Err(Error::Offline)
            }
        }
    }
}

fn check(action: &str, data: &Value) -> Result<(), Error> {
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    let fits = (1..=policy::ACTION_LENGTH_LIMIT).contains(&action.len())
        && action.bytes().all(plain)
        && !OWN_ACTIONS.contains(&action);
    if !fits {
        return Err(Error::InvalidArgument { argument: "action" });
    }
    if !data.is_object() && !data.is_null() {
        return Err(Error::InvalidArgument { argument: "data" });
    }
    let frame = action.len() + data.to_string().len() + policy::SOCKET_REQUEST_FRAME;
    if frame > policy::SOCKET_REQUEST_LIMIT {
        return Err(Error::TooLarge {
            limit: policy::SOCKET_REQUEST_LIMIT,
        });
    }
    Ok(())
}
