//! One worker per account: it owns the machine's state, feeds it everything that happens, and carries out what it asks for.
//!
//! Everything that can take long (the network, the key store) runs as a task of its own and comes back as a message; only the
//! vault is awaited in place, because an effect that stores something must be on disk before the next one is carried out.

use crate::api::Standing as PublicStanding;
use crate::engine::account::Account;
use crate::engine::link::Sockets;
use crate::engine::questions::{Questions, Returned};
use crate::engine::realtime::Sent;
use crate::engine::{Engine, Failure};
use crate::error::Error;
use crate::policy;
use crate::server::socket::SocketEvent as WireEvent;
use crate::session::{
    BootMillis, Effect, Epoch, Event, Hint, HostState, Link, Reason, SocketEnd, SocketEvent,
    SocketId, StandingView, State, Ticket, Timer, UnixMillis, step,
};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// What a worker is told from outside.
pub(crate) enum Message {
    /// Something happened.
    Event(Event),
    /// The user wants to know for certain; answered when a validation has come to its end.
    Verify(oneshot::Sender<()>),
    /// A background check wants to know how the session stands; answered when that has been asked about.
    Look(oneshot::Sender<()>),
    /// A push brought this; answered when the validation that it causes, if any, has come to its end.
    Pushed {
        event: Event,
        done: oneshot::Sender<()>,
    },
    /// Answered when everything told before has been carried out.
    Settled(oneshot::Sender<()>),
    /// One of the app's requests got a 401; answered when the validation that it causes, if any, has come to its end.
    Request401 {
        path: String,
        done: oneshot::Sender<()>,
    },
    /// A web view met a sign-in page or a 401; answered as [`Request401`](Self::Request401) is.
    WebView(oneshot::Sender<()>),
    /// Sign out; answered when it is stored, or when it could not be.
    SignOut(oneshot::Sender<Result<(), Failure>>),
    /// The user took the offer to continue; answered when it is stored, or why it cannot be.
    Continue(oneshot::Sender<Result<(), Error>>),
    /// Remove the account; answered when it is stored, and then the worker ends, or why it could not be.
    Forget(oneshot::Sender<Result<(), Error>>),
    /// A message of the app for the socket; answered when its reply came, or at once if none is expected.
    Send {
        action: String,
        data: serde_json::Value,
        expects_reply: bool,
        done: oneshot::Sender<Sent>,
    },
    /// Somebody waits for the validation that is under way, if one is.
    Verdict(oneshot::Sender<()>),
    /// Something that is not the machine's changed what is shown.
    Publish,
    /// A sign-in was stored under a new epoch; answered when the machine knows.
    SignedIn {
        epoch: Epoch,
        server_date: Option<UnixMillis>,
        done: oneshot::Sender<()>,
    },
    /// The host's state changed; answered when the machine has done what follows.
    Host(HostState, oneshot::Sender<()>),
    /// A question came back.
    Returned { ticket: Ticket, returned: Returned },
    /// Of the key of this epoch: the key store did or did not give it; nothing, if the vault no longer knows it.
    Key { epoch: Epoch, event: Option<Event> },
    /// Something happened on a socket.
    Wire { socket: SocketId, event: WireEvent },
    /// A dial came to its end.
    Dialled {
        socket: SocketId,
        outcome: crate::engine::link::Dialled,
    },
    /// The account is gone, or the core is closing.
    Stop(oneshot::Sender<()>),
}

struct Waiter {
    verdicts: u64,
    done: oneshot::Sender<()>,
}

pub(crate) struct Worker {
    engine: Arc<Engine>,
    account: Arc<Account>,
    state: State,
    questions: Questions,
    sockets: Sockets,
    waiters: Vec<Waiter>,
    signing_out: Vec<oneshot::Sender<Result<(), Failure>>>,
    /// The key store was asked for the key of this epoch and has not answered yet.
    reading_key: Option<Epoch>,
    /// The expiry that was already told to the machine.
    expiry_told: Option<UnixMillis>,
    /// When the session was asked about because of it, until the user is told or need not be.
    expiry_asked: Option<BootMillis>,
    /// The link was live, or HTTP was what there was, when that was last published.
    was_in_touch: bool,
}

impl Worker {
    pub(crate) fn new(engine: &Arc<Engine>, account: Arc<Account>, state: State) -> Self {
        Self {
            questions: Questions::new(engine.clone(), account.clone()),
            sockets: Sockets::new(engine.clone(), account.clone()),
            engine: engine.clone(),
            account,
            state,
            waiters: Vec::new(),
            signing_out: Vec::new(),
            reading_key: None,
            expiry_told: None,
            expiry_asked: None,
            was_in_touch: false,
        }
    }

    /// Works until it is told to stop. `backlog` is what a worker before it had been told and not taken up.
    pub(crate) async fn run(
        mut self,
        inbox: &mut mpsc::UnboundedReceiver<Message>,
        mut backlog: VecDeque<Message>,
    ) {
        self.feed(Event::Opened).await;
        loop {
            let nap = if backlog.is_empty() {
                self.next_nap()
            } else {
                None
            };
            let message = match nap {
                Some(nap) => match tokio::time::timeout(nap, inbox.recv()).await {
                    Ok(message) => message,
                    Err(_) => {
                        self.fire_timers().await;
                        self.watch_expiry().await;
                        continue;
                    }
                },
                None => match backlog.pop_front() {
                    Some(message) => Some(message),
                    None => inbox.recv().await,
                },
            };
            match message {
                Some(Message::Stop(done)) => {
                    self.sockets.close();
                    let _ = done.send(());
                    return;
                }
                Some(Message::Forget(done)) => {
                    let forgotten = self.forget().await;
                    let gone = matches!(forgotten, Ok(()) | Err(Error::NoSuchAccount));
                    let _ = done.send(forgotten);
                    if gone {
                        return;
                    }
                }
                Some(message) => self.take(message).await,
                None => return,
            }
            self.fire_timers().await;
            self.watch_expiry().await;
        }
    }

    async fn take(&mut self, message: Message) {
        match message {
            Message::Event(event) => self.feed(event).await,
            Message::Key { epoch, event } => {
                self.reading_key.take_if(|reading| *reading == epoch);
                // A sign-in may have come between: what is said of the old key is nothing to the new session.
                match event.filter(|_| epoch == self.state.epoch()) {
                    Some(event) => self.feed(event).await,
                    None => self.answer_waiters(),
                }
            }
            Message::Verify(done) => {
                self.waiters.push(Waiter {
                    verdicts: self.state.verdicts(),
                    done,
                });
                self.feed(Event::VerifyRequested).await;
            }
            Message::Look(done) => {
                self.waiters.push(Waiter {
                    verdicts: self.state.verdicts(),
                    done,
                });
                let timers = self.state.timers();
                let will_look = self.state.is_asking()
                    || timers.contains_key(&Timer::Ask)
                    || timers.contains_key(&Timer::Look);
                if will_look {
                    self.answer_waiters();
                } else {
                    self.feed(Event::VerifyRequested).await;
                }
            }
            Message::Pushed { event, done } => {
                self.waiters.push(Waiter {
                    verdicts: self.state.verdicts(),
                    done,
                });
                self.feed(event).await;
            }
            Message::Settled(done) => {
                let _ = done.send(());
            }
            Message::Request401 { path, done } => {
                self.waiters.push(Waiter {
                    verdicts: self.state.verdicts(),
                    done,
                });
                self.feed(Event::Hint(Hint::Request401 { path })).await;
            }
            Message::WebView(done) => {
                self.waiters.push(Waiter {
                    verdicts: self.state.verdicts(),
                    done,
                });
                self.feed(Event::Hint(Hint::WebView)).await;
            }
            Message::SignOut(done) => {
                self.signing_out.push(done);
                self.feed(Event::SignedOut).await;
            }
            Message::SignedIn {
                epoch,
                server_date,
                done,
            } => {
                self.feed(Event::SignedIn { epoch, server_date }).await;
                let _ = done.send(());
            }
            Message::Host(host, done) => {
                self.feed(Event::HostChanged(host)).await;
                let _ = done.send(());
            }
            Message::Returned { ticket, returned } => {
                let answer = self.questions.judge(returned, self.state.epoch()).await;
                self.feed(Event::Answered { ticket, answer }).await;
            }
            Message::Dialled { socket, outcome } => {
                if let Some(event) = self.sockets.dialled(socket, outcome) {
                    self.feed(Event::Socket { socket, event }).await;
                }
            }
            Message::Wire { socket, event } => self.wire(socket, event).await,
            Message::Continue(done) => {
                self.feed(Event::ContinueRequested).await;
                let _ = done.send(self.continued());
            }
            Message::Send {
                action,
                data,
                expects_reply,
                done,
            } => {
                if self.state.cover() || !matches!(self.state.link(), Link::Live { .. }) {
                    let _ = done.send(Sent::NoSocket);
                } else {
                    self.sockets.send(&action, data, expects_reply, done);
                }
            }
            Message::Verdict(done) => {
                self.waiters.push(Waiter {
                    verdicts: self.state.verdicts(),
                    done,
                });
                self.answer_waiters();
            }
            Message::Publish => self.publish(),
            Message::Stop(_) | Message::Forget(_) => {}
        }
    }

    /// Whether the session is the account's again.
    fn continued(&self) -> Result<(), Error> {
        match self.state.view().standing {
            StandingView::Active
            | StandingView::Suspect
            | StandingView::NeedsMfa
            | StandingView::Locked => Ok(()),
            StandingView::Unverifiable => Err(Error::Unverifiable),
            // It could not be written, and is tried again.
            StandingView::Ended {
                may_continue: true, ..
            } => Err(Error::StoreUnavailable),
            StandingView::Ended {
                reason: Reason::SignedOut,
                ..
            } => Err(Error::NotSignedIn),
            StandingView::Ended { .. } => Err(Error::SessionEnded),
        }
    }

    async fn forget(&mut self) -> Result<(), Error> {
        self.engine
            .commit_forget(self.account.id, Some(&self.account))
            .await?;
        self.sockets.close();
        self.questions.stop();
        for waiter in self.waiters.drain(..) {
            let _ = waiter.done.send(());
        }
        Ok(())
    }

    /// Turns what a socket brought into what the machine knows, and the app's events into the queue.
    async fn wire(&mut self, socket: SocketId, event: WireEvent) {
        if self.state.socket() != Some(socket) {
            return;
        }
        self.engine.notice_server(&self.account, &event);
        let waiting_for_pong = self.sockets.ping_is_unanswered();
        let covered = self.state.cover() || self.engine.waits_for_erasing(self.account.id);
        for event in self.sockets.arrived(event, covered) {
            let needless = event == SocketEvent::BytesArrived && !waiting_for_pong;
            if !needless {
                let over = matches!(event, SocketEvent::Ended(_));
                self.feed(Event::Socket { socket, event }).await;
                if over {
                    break;
                }
            }
        }
        self.publish();
    }

    fn next_nap(&self) -> Option<Duration> {
        let now = self.engine.times.boot();
        let due = self.state.timers().values().min();
        let due = due.map(|due| due.since(now).min(policy::LONGEST_NAP));
        let told = self
            .expiry_asked
            .filter(|_| self.state.host() != HostState::Suspended);
        let told = told.map(|asked| asked.after(policy::EXPIRY_TOLD_AFTER).since(now));
        due.into_iter().chain(told).min()
    }

    async fn fire_timers(&mut self) {
        let now: BootMillis = self.engine.times.boot();
        let due: Vec<_> = self
            .state
            .timers()
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(timer, _)| *timer)
            .collect();
        for timer in due {
            // An earlier one of this round may have stopped or moved it.
            if self.state.timers().get(&timer).is_some_and(|at| *at <= now) {
                self.feed(Event::TimerFired(timer)).await;
            }
        }
    }

    /// A known expiry that has passed is worth asking about; it may have been moved, and our clock may be wrong. Where
    /// nobody could be asked, the user is told.
    async fn watch_expiry(&mut self) {
        if self.state.host() == HostState::Suspended {
            return;
        }
        let passed = self.engine.passed_expiry(&self.account);
        if passed != self.expiry_told {
            self.expiry_told = passed;
            self.expiry_asked = passed.map(|_| self.engine.times.boot());
            if passed.is_some() {
                self.feed(Event::Hint(Hint::ExpiryPassed)).await;
            }
        }
        if let Some(asked) = self.expiry_asked
            && self.engine.times.boot().since(asked) >= policy::EXPIRY_TOLD_AFTER
        {
            self.expiry_asked = None;
            self.engine.tell_passed_expiry(&self.account).await;
        }
    }

    /// One event, and everything that follows from it at once.
    async fn feed(&mut self, first: Event) {
        let mut events = VecDeque::from([first]);
        while let Some(event) = events.pop_front() {
            let name = event.name();
            let before = self.state.standing().name();
            let (state, effects) = step(&self.state, event, self.engine.times.now());
            self.state = state;
            tracing::debug!(
                account = self.account.id.0,
                event = name,
                before,
                after = self.state.standing().name(),
                link = self.state.link().name(),
                "step"
            );
            for effect in effects {
                tracing::trace!(
                    account = self.account.id.0,
                    effect = effect.name(),
                    "effect"
                );
                if let Some(follow_up) = self.carry_out(effect).await {
                    events.push_back(follow_up);
                }
            }
        }
        self.answer_waiters();
    }

    async fn carry_out(&mut self, effect: Effect) -> Option<Event> {
        match effect {
            Effect::Ask {
                ticket,
                epoch,
                question,
            } => self.questions.ask(ticket, epoch, question),
            Effect::Withdraw { ticket } => self.questions.withdraw(ticket),
            Effect::StoreStanding {
                ticket,
                epoch,
                stored,
            } => {
                let stored = self
                    .engine
                    .store_standing(self.account.id, epoch, stored)
                    .await;
                self.publish();
                return Some(match stored {
                    Ok(()) => Event::Stored { ticket },
                    Err(_) => Event::StoreFailed { ticket },
                });
            }
            Effect::CommitEnd {
                ticket,
                epoch,
                reason,
                notice,
                token,
                stored,
            } => {
                let ended = if reason == Reason::SignedOut {
                    self.engine
                        .commit_sign_out(&self.account, epoch, stored)
                        .await
                } else {
                    self.engine
                        .commit_end(&self.account, epoch, notice, token, stored)
                        .await
                };
                return Some(self.committed(ticket, reason, ended));
            }
            Effect::CommitMayContinue {
                ticket,
                epoch,
                stored,
            } => {
                let outcome = self
                    .engine
                    .commit_may_continue(self.account.id, epoch, stored)
                    .await;
                return Some(commit_event(ticket, outcome));
            }
            Effect::CommitContinue {
                ticket,
                epoch,
                stored,
            } => {
                let outcome = self
                    .engine
                    .commit_continue(self.account.id, epoch, stored)
                    .await;
                return Some(commit_event(ticket, outcome));
            }
            Effect::DestroyToken {
                ticket,
                epoch,
                stored,
            } => {
                let outcome = self
                    .engine
                    .destroy_token(&self.account, epoch, stored)
                    .await;
                return Some(commit_event(ticket, outcome));
            }
            Effect::ReadKey => {
                let epoch = self.state.epoch();
                self.reading_key = Some(epoch);
                self.questions.read_key(epoch);
            }
            // The machine's own table of timers is what the loop looks at.
            Effect::StartTimer { .. } | Effect::StopTimer { .. } => {}
            Effect::Dial {
                socket,
                epoch,
                resume,
            } => self.sockets.dial(socket, epoch, resume),
            Effect::CloseSocket { socket } => self.sockets.close_one(socket),
            Effect::SendPing { socket } => {
                if !self.sockets.ping(socket) {
                    return Some(Event::Socket {
                        socket,
                        event: SocketEvent::Ended(SocketEnd::NetworkError),
                    });
                }
            }
            Effect::DropPooledConnections => self.account.rest.drop_connections(),
            Effect::Publish => self.publish(),
        }
        None
    }

    fn committed(
        &mut self,
        ticket: Ticket,
        reason: Reason,
        outcome: Result<Committed, Failure>,
    ) -> Event {
        if let (Err(failure), Reason::SignedOut) = (&outcome, reason) {
            for waiter in self.signing_out.drain(..) {
                let _ = waiter.send(Err(failure.clone()));
            }
        }
        commit_event(ticket, outcome)
    }

    fn publish(&mut self) {
        let (epoch, view) = (self.state.epoch(), self.state.view());
        let now = self.engine.times.now();
        self.engine.publish(&self.account, epoch, &view, now);
        let in_touch = matches!(view.link, Link::Live { .. } | Link::Polling { .. });
        if in_touch && !self.was_in_touch {
            self.engine.read_what_is_due(&self.account);
        }
        self.was_in_touch = in_touch;
    }

    /// Answers those whose validation has come to its end. A look that is still being taken is not an end.
    fn answer_waiters(&mut self) {
        let view = self.state.view();
        if !self.state.is_ending() {
            for waiter in self.signing_out.drain(..) {
                let _ = waiter.send(Ok(()));
            }
        }
        let over = matches!(view.standing, StandingView::Ended { .. });
        let looking = view.standing == StandingView::Suspect
            || self.state.is_asking()
            || self.state.is_ending()
            || self.reading_key == Some(self.state.epoch());
        // A muted hint, or a suspended app: nothing will be asked, so nobody waits for it.
        let will_ask = self.state.timers().contains_key(&Timer::Ask);
        let verdicts = self.state.verdicts();
        let (answered, waiting) = std::mem::take(&mut self.waiters)
            .into_iter()
            .partition(|waiter| !looking && (over || !will_ask || verdicts > waiter.verdicts));
        self.waiters = waiting;
        for waiter in answered {
            let _ = waiter.done.send(());
        }
    }
}

/// What a transaction that compares the epoch came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Committed {
    /// It is on disk, under this epoch.
    Under(crate::session::Epoch),
    /// Another epoch was current; nothing was changed.
    Stale,
}

fn commit_event(ticket: Ticket, outcome: Result<Committed, Failure>) -> Event {
    match outcome {
        Ok(Committed::Under(epoch)) => Event::Committed { ticket, epoch },
        Ok(Committed::Stale) => Event::CommitStale { ticket },
        Err(_) => Event::CommitFailed { ticket },
    }
}

/// The public standing of a view.
pub(crate) fn public_standing(view: StandingView) -> (PublicStanding, Option<Reason>) {
    match view {
        StandingView::Active => (PublicStanding::Active, None),
        StandingView::Suspect => (PublicStanding::Suspect, None),
        StandingView::Ended { reason, .. } => (PublicStanding::Ended, Some(reason)),
        StandingView::NeedsMfa => (PublicStanding::NeedsMfa, None),
        StandingView::Locked => (PublicStanding::Locked, None),
        StandingView::Unverifiable => (PublicStanding::Unverifiable, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::SignInMethod;
    use crate::engine::sign_in::NewSession;
    use crate::keystore::testing::MemoryKeyStore;
    use crate::secret::Token;
    use crate::server::{NetworkProfile, ServerAddress, SignedIn};
    use crate::session::{AccountId, KeyTrouble};
    use crate::{Config, Device, DeviceKind};

    /// Nothing listens there.
    const NOWHERE: &str = "https://127.0.0.1:9";

    async fn sign_in(engine: &Arc<Engine>, token: &str) -> AccountId {
        let address = ServerAddress::parse(NOWHERE, engine.config.clear_text).unwrap();
        let rest = engine.rest(address, &NetworkProfile::default()).unwrap();
        let user = r#"{"id": "aaaaaaaaaaaaaaaaaaaaaaaaaa", "username": "alice"}"#;
        let session = NewSession {
            signed_in: SignedIn {
                token: Token::new(token).unwrap(),
                csrf: None,
                user: serde_json::from_str(user).unwrap(),
                date: None,
                version_id: None,
            },
            method: SignInMethod::Password,
            device_id: None,
        };
        engine.keep(&rest, session).await.unwrap()
    }

    async fn settled(account: &Account) {
        let (done, settled) = oneshot::channel();
        account.send(Message::Settled(done));
        settled.await.unwrap();
    }

    #[tokio::test]
    async fn what_was_said_of_the_key_of_a_session_before_is_nothing_to_this_one() {
        let folder = tempfile::tempdir().unwrap();
        let device = Device::new(DeviceKind::IPhone, "2.43.0", "799", "18.1", "iPhone15,4");
        let keys = Arc::new(MemoryKeyStore::default());
        let engine = Engine::open(Config::new(folder.path(), device), keys).unwrap();
        let alice = sign_in(&engine, "aaaaaaaaaaaaaaaaaaaaaaaaaa").await;
        let before = engine.vault(move |vault| vault.account(alice)).await;
        let before = before.unwrap().unwrap().epoch;
        assert_eq!(sign_in(&engine, "bbbbbbbbbbbbbbbbbbbbbbbbbb").await, alice);

        let account = engine.account(alice).unwrap();
        let tell = async |epoch, event| {
            let event = Some(event);
            account.send(Message::Key { epoch, event });
            settled(&account).await;
            engine.snapshot(alice).unwrap().standing
        };
        let withheld = Event::KeyUnreadable(KeyTrouble::Unavailable);
        for event in [withheld.clone(), Event::KeyUnreadable(KeyTrouble::Absent)] {
            assert_eq!(tell(before, event).await, PublicStanding::Active);
        }
        let locked = tell(before.next(), withheld).await;
        assert_eq!(locked, PublicStanding::Locked);
        let unlocked = tell(before, Event::KeyReadable).await;
        assert_eq!(unlocked, PublicStanding::Locked);
        engine.close().await;
    }
}
