//! What is read in the background of a session and of its server until somebody answers: after a sign-in which row of the list
//! of sessions is ours and when it expires, and what the server says of itself; later, what may have changed. What a lost
//! network or a suspension cut short is read when the link is live again, since a server that takes a connection up where it
//! was greets nobody.

use crate::api::Link;
use crate::engine::account::Account;
use crate::engine::{Engine, lock};
use crate::pace::{Dice, background_retry, honour};
use crate::policy;
use crate::server::{Answer, Outcome as Answered};
use crate::session::HostState;
use crate::vault::AccountRecord;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What is to be read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    /// The list of sessions, for the row that is ours and its expiry.
    session: bool,
    /// The client configuration.
    config: bool,
    /// Nothing to read: what the server is owed once it has said what it is.
    properties: bool,
}

impl Due {
    const NOTHING: Self = Self {
        session: false,
        config: false,
        properties: false,
    };
    pub(crate) const SESSION: Self = Self {
        session: true,
        ..Self::NOTHING
    };
    pub(crate) const CONFIG: Self = Self {
        config: true,
        ..Self::NOTHING
    };
    pub(crate) const WELCOME: Self = Self {
        session: true,
        config: true,
        properties: true,
    };

    fn add(&mut self, other: Self) {
        self.session |= other.session;
        self.config |= other.config;
        self.properties |= other.properties;
    }
}

/// How the reading for one account stands.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    due: Due,
    /// Somebody reads, or waits to.
    under_way: bool,
    /// Over how long whoever is woken spreads what it asks.
    spread: Duration,
    /// Before that the server wants to hear nothing.
    not_before: Option<Instant>,
}

/// The server has not said what there is to say.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unsaid {
    /// How long it wants to be left alone.
    retry_after: Option<Duration>,
}

impl Reading {
    /// What a process before this one did not come to: nobody knows yet which session is ours.
    pub(crate) fn of_stored(record: &AccountRecord) -> Self {
        let due = if record.session_id.is_none() {
            Due::SESSION
        } else {
            Due::NOTHING
        };
        Self {
            due,
            ..Self::default()
        }
    }
}

/// What was taken to be read and has no answer yet: due again, however the reading ends.
struct Taken<'a> {
    account: &'a Account,
    left: Due,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        lock(&self.account.reading).due.add(self.left);
    }
}

/// Whether the server has said what there is to say. A limit on requests, an error of the server's own or a page of something
/// in between is none of that.
pub(crate) fn said<T>(answer: &Answer<T>) -> Result<(), Unsaid> {
    let is_said = match &answer.outcome {
        Answered::Done(_) => true,
        Answered::Refused(refusal) => refusal.status < 500 && refusal.status != 429,
        Answered::Unreadable => false,
    };
    if is_said {
        return Ok(());
    }
    Err(Unsaid {
        retry_after: answer.reply.retry_after,
    })
}

impl Engine {
    /// After a sign-in, in the background: what the server calls itself, which row is ours, and when it expires.
    pub(crate) fn start_welcome(self: &Arc<Self>, account: &Arc<Account>) {
        self.read_soon(account, Due::WELCOME, Duration::ZERO);
    }

    /// Reads this in the background. `spread` keeps the devices of a server from asking in one second.
    pub(crate) fn read_soon(self: &Arc<Self>, account: &Arc<Account>, due: Due, spread: Duration) {
        let mut reading = lock(&account.reading);
        let known = reading.due;
        reading.due.add(due);
        let is_new = reading.due != known;
        drop(reading);
        self.begin_reading(account, spread, is_new);
    }

    /// The link is live again, or HTTP is what there is: time for what had no answer before.
    pub(crate) fn read_what_is_due(self: &Arc<Self>, account: &Arc<Account>) {
        self.begin_reading(account, Duration::ZERO, true);
    }

    /// This is to be read as soon as the account's server can be asked.
    pub(crate) fn read_once_in_touch(self: &Arc<Self>, account: &Arc<Account>, due: Due) {
        lock(&account.reading).due.add(due);
        if self.is_in_touch(account) {
            self.begin_reading(account, Duration::ZERO, true);
        }
    }

    fn begin_reading(self: &Arc<Self>, account: &Arc<Account>, spread: Duration, wakes: bool) {
        let mut reading = lock(&account.reading);
        if reading.due == Due::NOTHING {
            return;
        }
        if reading.under_way {
            if wakes {
                reading.spread = spread;
                account.read_now.notify_one();
            }
            return;
        }
        reading.under_way = true;
        drop(reading);
        let (engine, account) = (self.clone(), account.clone());
        self.spawn(async move { engine.read_until_said(&account, spread).await });
    }

    async fn read_until_said(self: &Arc<Self>, account: &Arc<Account>, spread: Duration) {
        let mut wait = Dice::new(self.times.now().entropy).up_to(spread);
        let mut failures = 0_u32;
        loop {
            let read = async {
                if self.pause(account, wait).await {
                    failures = 0;
                }
                // What panics is due as before.
                let read = AssertUnwindSafe(self.read_due(account))
                    .catch_unwind()
                    .await;
                read.unwrap_or_default()
            };
            let is_said = tokio::select! {
                is_said = read => is_said,
                () = self.suspension() => false,
            };
            let mut reading = lock(&account.reading);
            // Under the lock, so that a link that is live from now on finds nobody under way.
            if reading.due == Due::NOTHING || !self.is_in_touch(account) {
                reading.under_way = false;
                return;
            }
            drop(reading);
            let mut dice = Dice::new(self.times.now().entropy);
            wait = if is_said {
                dice.up_to(policy::FIRST_RETRY_SPREAD)
            } else {
                let wait = background_retry(failures, &mut dice);
                failures = failures.saturating_add(1);
                wait
            };
        }
    }

    /// Waits so long or until there is a new reason to read, and as long as the server asked for. Whether there was one.
    async fn pause(&self, account: &Account, wait: Duration) -> bool {
        let is_woken = tokio::select! {
            () = tokio::time::sleep(wait) => false,
            () = account.read_now.notified() => true,
        };
        if is_woken {
            let spread = lock(&account.reading).spread;
            tokio::time::sleep(Dice::new(self.times.now().entropy).up_to(spread)).await;
        }
        let not_before = lock(&account.reading).not_before;
        if let Some(not_before) = not_before {
            tokio::time::sleep_until(not_before).await;
        }
        is_woken
    }

    /// Whether the account's server can be asked now, as was last published.
    fn is_in_touch(&self, account: &Account) -> bool {
        let link = self.snapshot(account.id).map(|snapshot| snapshot.link);
        *self.host.borrow() != HostState::Suspended
            && matches!(link, Some(Link::Live | Link::Polling))
    }

    /// Reads what is due, once, unless the server wants to hear nothing now. Whether everything was said.
    pub(crate) async fn read_due(self: &Arc<Self>, account: &Arc<Account>) -> bool {
        let mut taken = {
            let mut reading = lock(&account.reading);
            if reading.not_before.is_some_and(|at| Instant::now() < at) {
                return false;
            }
            let left = std::mem::take(&mut reading.due);
            Taken { account, left }
        };
        let mut asked = None;
        if taken.left.session {
            let read = self.unless_lost(self.read_expiry(account)).await;
            taken.left.session = read != Some(Ok(()));
            asked = read
                .and_then(Result::err)
                .and_then(|unsaid| unsaid.retry_after);
        }
        if taken.left.config && asked.is_none() {
            let read = self.unless_lost(self.learn_config(account.id)).await;
            taken.left.config = read != Some(Ok(()));
            asked = read
                .and_then(Result::err)
                .and_then(|unsaid| unsaid.retry_after);
        }
        if taken.left.properties && !taken.left.config {
            self.owe_device_properties(account.id).await;
            taken.left.properties = false;
        }
        if let Some(asked) = asked {
            let wait = honour(asked, &mut Dice::new(self.times.now().entropy));
            lock(&account.reading).not_before = Some(Instant::now() + wait);
        }
        taken.left == Due::NOTHING
    }
}
