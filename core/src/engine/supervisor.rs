//! Keeps an account's worker going. One that panics is started again from what the vault holds; one that panics again and
//! again is left alone, and its account stands still: covered, signed in, and told apart from every other.
//!
//! A panic is never a sign-out: nothing is stored because of it, and no key is touched.

use crate::api::{Link, Standing};
use crate::engine::account::Account;
use crate::engine::worker::{Message, Worker};
use crate::engine::{Engine, Failure};
use crate::policy;
use crate::session::{BootMillis, Event, HostState, State};
use futures_util::FutureExt;
use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;

pub(crate) struct Supervisor {
    engine: Arc<Engine>,
    account: Arc<Account>,
    inbox: mpsc::UnboundedReceiver<Message>,
    /// When the worker was started again, within the last window.
    restarts: Vec<BootMillis>,
}

/// What the next worker begins with.
struct Next {
    state: State,
    backlog: VecDeque<Message>,
}

impl Supervisor {
    /// Starts the account's worker on the engine's runtime.
    pub(crate) fn start(
        engine: &Arc<Engine>,
        account: Arc<Account>,
        state: State,
        inbox: mpsc::UnboundedReceiver<Message>,
    ) {
        let supervisor = Self {
            engine: engine.clone(),
            account,
            inbox,
            restarts: Vec::new(),
        };
        engine.spawn(supervisor.run(state));
    }

    async fn run(mut self, state: State) {
        let mut next = Some(Next {
            state,
            backlog: VecDeque::new(),
        });
        while let Some(Next { state, backlog }) = next {
            let worker = Worker::new(&self.engine, self.account.clone(), state);
            // Whatever the panic left half-done is dropped with the worker; its inbox is a queue and holds.
            let work = AssertUnwindSafe(worker.run(&mut self.inbox, backlog));
            if work.catch_unwind().await.is_ok() {
                return;
            }
            next = self.after_a_panic().await;
        }
    }

    async fn after_a_panic(&mut self) -> Option<Next> {
        tracing::error!(account = self.account.id.0, "the worker panicked");
        let mut backlog: VecDeque<Message> = std::iter::from_fn(|| self.inbox.try_recv().ok())
            .filter(concerns_the_next)
            .collect();
        let now = self.engine.times.boot();
        self.restarts
            .retain(|at| now.since(*at) < policy::WORKER_RESTART_WINDOW);
        if self.restarts.len() >= policy::WORKER_RESTARTS {
            self.show_that_it_stands_still();
            let oldest = self.restarts.first().copied().unwrap_or(now);
            let rest = policy::WORKER_RESTART_WINDOW.saturating_sub(now.since(oldest));
            backlog = self.stand_still(rest, backlog).await?;
        }
        self.restarts.push(self.engine.times.boot());
        loop {
            let id = self.account.id;
            match self.engine.vault(move |vault| vault.account(id)).await {
                Ok(Some(record)) => {
                    self.account.failed.store(false, Ordering::Release);
                    let state = self.engine.stored_state(&record);
                    return Some(Next { state, backlog });
                }
                Ok(None) | Err(Failure::Closed) => return None,
                Err(_) => backlog = self.stand_still(policy::COMMIT_RETRY, backlog).await?,
            }
        }
    }

    fn show_that_it_stands_still(&self) {
        tracing::error!(
            account = self.account.id.0,
            "the worker panicked too often and is left alone"
        );
        self.account.failed.store(true, Ordering::Release);
        self.engine.hub.change(|changes| {
            for snapshot in changes
                .accounts
                .iter_mut()
                .filter(|snapshot| snapshot.id == self.account.id)
            {
                snapshot.link = Link::Paused;
                // Nobody looks whether the session still lives, so nothing of it is shown. An ended one stays ended.
                if snapshot.standing != Standing::Ended {
                    snapshot.standing = Standing::Locked;
                    snapshot.cover = true;
                }
            }
        });
    }

    /// Waits until the time is over, or until somebody does something that is worth another try. `None` if nobody will.
    async fn stand_still(
        &mut self,
        rest: Duration,
        mut backlog: VecDeque<Message>,
    ) -> Option<VecDeque<Message>> {
        let end = self.engine.times.boot().after(rest);
        loop {
            let suspended = *self.engine.host.borrow() == HostState::Suspended;
            let left = end.since(self.engine.times.boot());
            let message = match backlog.pop_front() {
                Some(message) => Some(message),
                // No timer while the app is suspended.
                None if suspended => self.inbox.recv().await,
                None if left.is_zero() => return Some(backlog),
                None => {
                    let nap = left.min(policy::LONGEST_NAP);
                    match tokio::time::timeout(nap, self.inbox.recv()).await {
                        Ok(message) => message,
                        Err(_) => continue,
                    }
                }
            };
            match message? {
                Message::Stop(done) => {
                    let _ = done.send(());
                    return None;
                }
                Message::Host(HostState::Suspended, done) => {
                    let _ = done.send(());
                }
                message if is_worth_a_try(&message) => {
                    backlog.push_front(message);
                    return Some(backlog);
                }
                // Those who wait for an answer learn that there is none.
                _ => {}
            }
        }
    }
}

/// Whether a message outlives the worker that it was meant for. What its own questions and sockets brought does not.
fn concerns_the_next(message: &Message) -> bool {
    !matches!(
        message,
        Message::Returned { .. }
            | Message::Key { .. }
            | Message::Wire { .. }
            | Message::Dialled { .. }
    )
}

/// What the user does, what must not be lost, and the app's coming back are worth another try. Hints come by themselves and
/// could make a loop.
fn is_worth_a_try(message: &Message) -> bool {
    match message {
        Message::Event(event) => matches!(
            event,
            Event::WipePush
                | Event::ContinueRequested
                | Event::RestoreWithdrawn
                | Event::StorageLost
                | Event::VerifyRequested
        ),
        Message::Verify(_)
        | Message::SignOut(_)
        | Message::Continue(_)
        | Message::Forget(_)
        | Message::SignedIn { .. }
        | Message::Host(..) => true,
        _ => false,
    }
}
