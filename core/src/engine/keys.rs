//! Keys: the key store behind a thread and a deadline of its own, and what the engine asks of it.
//!
//! It is asked one call at a time, and the deadline counts from when a call begins, so that nobody pays for the time of
//! another's key. A call that is past it is left behind on its thread, and the next one begins on a new thread; until it has
//! returned, reads have a shorter deadline. A key whose call still hangs, and a store in which several do, are not asked again.
//! Where an older call hangs over another key, nothing is said of the one that was asked for; once that has returned, a call
//! that goes on hanging for its whole deadline says it of its own key.

use crate::engine::desk::Desk;
use crate::keystore::{KeyAnswer, KeyStore, KeyStoreUnavailable};
use crate::policy::{
    KEY_STORE_CALLS_LEFT_BEHIND, KEY_STORE_DEADLINE, KEY_STORE_DEADLINE_BESIDE_A_HANGING_CALL,
};
use crate::secret::Key;
use crate::session::KeyTrouble;
use crate::vault::KeyName;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// The platform's key store.
#[derive(Clone)]
pub(crate) struct Keys {
    /// Held for the time of a call. Whoever waits for it has its turn in order.
    calls: Arc<Mutex<Calls>>,
    runtime: Handle,
    deadline: Duration,
    /// That of reads while a call is left behind.
    deadline_beside_a_hanging_call: Duration,
}

struct Calls {
    store: Arc<dyn KeyStore>,
    /// Where the next call is made; none if the last one hangs there. Never joined: a key store that hangs must not hold up
    /// the app.
    desk: Option<Desk<Arc<dyn KeyStore>>>,
    /// Whose calls were left behind, the oldest first. What is pointed to is gone when the call has returned.
    left_behind: Vec<LeftBehind>,
}

struct LeftBehind {
    name: String,
    running: Weak<()>,
    /// When it has had a whole deadline with no older call left behind; none as long as there is one.
    had_its_time: Option<Instant>,
}

impl LeftBehind {
    fn why(&self) -> NoAnswer {
        match self.had_its_time {
            Some(had) if had <= Instant::now() => NoAnswer::OfThisKey,
            Some(_) | None => NoAnswer::OfOthers,
        }
    }
}

/// Why a call brought no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NoAnswer {
    /// The store hangs over this key, or throws.
    OfThisKey,
    /// It hangs over others, and may not have come to this one for that.
    OfOthers,
}

impl Calls {
    /// The desk for a call about that key, unless the store cannot be expected to answer it. `whole` is the deadline of a call
    /// that no other holds up.
    fn desk_for(
        &mut self,
        name: &str,
        whole: Duration,
    ) -> Result<&Desk<Arc<dyn KeyStore>>, NoAnswer> {
        self.left_behind
            .retain(|call| call.running.strong_count() > 0);
        if let Some(oldest) = self.left_behind.first_mut() {
            // Those that held it up have returned.
            oldest
                .had_its_time
                .get_or_insert_with(|| Instant::now() + whole);
        }
        // What is asked about one key is carried out in order.
        if let Some(hanging) = self.left_behind.iter().find(|call| call.name == name) {
            return Err(hanging.why());
        }
        if self.left_behind.len() >= KEY_STORE_CALLS_LEFT_BEHIND {
            return Err(NoAnswer::OfOthers);
        }
        if self.desk.is_none() {
            let started = Desk::start("steadfast-keys", self.store.clone(), |_| {});
            self.desk = started.ok().map(|(desk, _thread)| desk);
        }
        self.desk.as_ref().ok_or(NoAnswer::OfOthers)
    }
}

impl Keys {
    pub(crate) fn new(store: Arc<dyn KeyStore>, runtime: Handle) -> Self {
        let calls = Calls {
            store,
            desk: None,
            left_behind: Vec::new(),
        };
        Self {
            calls: Arc::new(Mutex::new(calls)),
            runtime,
            deadline: KEY_STORE_DEADLINE,
            deadline_beside_a_hanging_call: KEY_STORE_DEADLINE_BESIDE_A_HANGING_CALL,
        }
    }

    /// Reads a key. Past the deadline the answer is *unavailable*; if the store hangs over other keys it is *other*, as that
    /// says nothing of this one.
    pub(crate) async fn load(&self, name: &KeyName) -> Result<Key, KeyTrouble> {
        self.read(name.as_str()).await
    }

    pub(crate) async fn store(&self, name: &KeyName, key: &Key) -> Result<(), KeyStoreUnavailable> {
        let key = key.clone();
        let stored = self.write(name.as_str(), move |store, name| store.store(name, &key));
        stored.await.unwrap_or(Err(KeyStoreUnavailable))
    }

    pub(crate) async fn delete(&self, name: &KeyName) -> Result<(), KeyStoreUnavailable> {
        let deleted = self.write(name.as_str(), |store, name| store.delete(name));
        deleted.await.unwrap_or(Err(KeyStoreUnavailable))
    }

    async fn read(&self, name: &str) -> Result<Key, KeyTrouble> {
        let beside = self.deadline_beside_a_hanging_call;
        let answer = self.call_within(beside, name, |store, name| store.load(name));
        match answer.await {
            Ok(KeyAnswer::Value(key)) => Ok(key),
            Ok(KeyAnswer::Absent) => Err(KeyTrouble::Absent),
            Ok(KeyAnswer::Unavailable) | Err(NoAnswer::OfThisKey) => Err(KeyTrouble::Unavailable),
            Err(NoAnswer::OfOthers) => Err(KeyTrouble::Other),
        }
    }

    async fn write<R: Send + 'static>(
        &self,
        name: &str,
        job: impl FnOnce(&dyn KeyStore, &str) -> R + Send + 'static,
    ) -> Option<R> {
        self.call_within(self.deadline, name, job).await.ok()
    }

    /// Calls the store when it is this call's turn. `beside_a_hanging_call` is the deadline while one is left behind.
    async fn call_within<R: Send + 'static>(
        &self,
        beside_a_hanging_call: Duration,
        name: &str,
        job: impl FnOnce(&dyn KeyStore, &str) -> R + Send + 'static,
    ) -> Result<R, NoAnswer> {
        let (calls, name, whole) = (self.calls.clone(), name.to_owned(), self.deadline);
        // A task of its own: a caller who goes away gives up the answer, not the turn.
        let called = self.runtime.spawn(async move {
            let mut calls = calls.lock().await;
            let running = Arc::new(());
            let runs = Arc::downgrade(&running);
            let of = name.clone();
            let answer = calls.desk_for(&name, whole)?.hand_in(move |store| {
                let _running = running;
                job(store.as_ref(), &of)
            });
            let (deadline, had_its_time) = if calls.left_behind.is_empty() {
                (whole, Some(Instant::now() + whole))
            } else {
                // It may be the other call alone that holds this one up.
                (beside_a_hanging_call, None)
            };
            match tokio::time::timeout(deadline, answer).await {
                Ok(answer) => answer.map_err(|_| NoAnswer::OfThisKey),
                Err(_) => {
                    calls.desk = None;
                    let call = LeftBehind {
                        name,
                        running: runs,
                        had_its_time,
                    };
                    let why = call.why();
                    calls.left_behind.push(call);
                    Err(why)
                }
            }
        });
        // It is given up only with the whole core.
        called.await.unwrap_or(Err(NoAnswer::OfOthers))
    }

    /// The outbox's key, made and stored if there is none yet.
    pub(crate) async fn outbox_key(&self) -> Result<Key, KeyStoreUnavailable> {
        let name = KeyName::outbox();
        match self.load(&name).await {
            Ok(key) => Ok(key),
            Err(KeyTrouble::Unavailable | KeyTrouble::Other) => Err(KeyStoreUnavailable),
            Err(KeyTrouble::Absent) => self.make(&name).await,
        }
    }

    /// Makes a key and stores it under a name that was never used.
    pub(crate) async fn make(&self, name: &KeyName) -> Result<Key, KeyStoreUnavailable> {
        let key = Key::generate().ok_or(KeyStoreUnavailable)?;
        self.store(name, &key).await?;
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use tokio::task::JoinHandle;

    /// Answers at once of every key but those of its list, whose calls wait until they are let go.
    struct Hanging {
        names: std::sync::Mutex<Vec<&'static str>>,
        let_go: std::sync::Mutex<mpsc::Receiver<()>>,
        begun: std::sync::Mutex<Vec<String>>,
        returned: std::sync::Mutex<Vec<String>>,
    }

    impl Hanging {
        fn enter(&self, name: &str) {
            self.begun.lock().unwrap().push(name.to_owned());
            // Not under a lock, or a second one would wait for the first.
            let hangs = || self.names.lock().unwrap().contains(&name);
            let let_go = || self.let_go.lock().unwrap().try_recv();
            while hangs() && let_go() == Err(mpsc::TryRecvError::Empty) {
                std::thread::sleep(Duration::from_millis(5));
            }
            self.returned.lock().unwrap().push(name.to_owned());
        }

        /// Answers of this key too from now on.
        fn mend(&self, name: &str) {
            let mut names = self.names.lock().unwrap();
            names.retain(|hanging| *hanging != name);
        }

        fn returned(&self) -> Vec<String> {
            self.returned.lock().unwrap().clone()
        }
    }

    impl KeyStore for Hanging {
        fn load(&self, name: &str) -> KeyAnswer {
            self.enter(name);
            KeyAnswer::Absent
        }

        fn store(&self, name: &str, _: &Key) -> Result<(), KeyStoreUnavailable> {
            self.enter(name);
            Ok(())
        }

        fn delete(&self, name: &str) -> Result<(), KeyStoreUnavailable> {
            self.enter(name);
            Ok(())
        }
    }

    fn keys(names: &[&'static str]) -> (Keys, Arc<Hanging>, mpsc::Sender<()>) {
        let (letting_go, let_go) = mpsc::channel();
        let store = Arc::new(Hanging {
            names: std::sync::Mutex::new(names.to_vec()),
            let_go: std::sync::Mutex::new(let_go),
            begun: std::sync::Mutex::default(),
            returned: std::sync::Mutex::default(),
        });
        let mut keys = Keys::new(store.clone(), Handle::current());
        // Far longer than a healthy call takes on the busiest machine.
        keys.deadline = Duration::from_secs(60);
        keys.deadline_beside_a_hanging_call = keys.deadline;
        (keys, store, letting_go)
    }

    /// What a healthy key's read comes to: there are none in this store.
    const ANSWERED: Result<Key, KeyTrouble> = Err(KeyTrouble::Absent);

    async fn load(keys: &Keys, name: &str) -> Result<Key, KeyTrouble> {
        keys.read(name).await
    }

    async fn delete(keys: &Keys, name: &str) -> Option<()> {
        let deleted = keys.write(name, |store, name| store.delete(name));
        deleted.await?.ok()
    }

    async fn eventually(reached: impl AsyncFn() -> bool) {
        let look = async {
            while !reached().await {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), look)
            .await
            .unwrap();
    }

    /// Tries with longer deadlines until one is enough: within a short one a busy machine may not get to what is healthy.
    async fn with_one_of_the_deadlines(holds: impl AsyncFn(Duration) -> bool) {
        for deadline in [200, 2_000, 20_000].map(Duration::from_millis) {
            if holds(deadline).await {
                return;
            }
        }
        panic!("it does not hold with any deadline");
    }

    #[tokio::test]
    async fn whoever_waits_behind_keys_that_hang_has_a_deadline_of_its_own() {
        with_one_of_the_deadlines(async |deadline| {
            let (mut keys, _store, _letting_go) = keys(&["first", "second"]);
            keys.deadline = deadline;
            keys.deadline_beside_a_hanging_call = deadline;
            let hanging = (load(&keys, "first"), load(&keys, "second"));
            let answers = tokio::join!(hanging.0, hanging.1, load(&keys, "healthy"));
            assert_eq!(answers.0, Err(KeyTrouble::Unavailable));
            assert_eq!(answers.1, Err(KeyTrouble::Other));
            answers.2 == ANSWERED
        })
        .await;
    }

    /// Asks, and returns when the store was reached.
    async fn begin(
        keys: &Keys,
        store: &Hanging,
        name: &'static str,
    ) -> JoinHandle<Result<Key, KeyTrouble>> {
        let asking = keys.clone();
        let asked = tokio::spawn(async move { load(&asking, name).await });
        let begun = async || {
            store
                .begun
                .lock()
                .unwrap()
                .iter()
                .any(|begun| begun == name)
        };
        eventually(begun).await;
        asked
    }

    #[tokio::test]
    async fn a_call_is_not_overtaken_within_its_deadline() {
        let (keys, store, letting_go) = keys(&["slow"]);
        let slow = begin(&keys, &store, "slow").await;
        let mut next = tokio::spawn(async move { load(&keys, "next").await });
        let early = tokio::time::timeout(Duration::from_millis(200), &mut next).await;
        assert!(early.is_err());
        letting_go.send(()).unwrap();
        assert_eq!(next.await.unwrap(), ANSWERED);
        assert_eq!(slow.await.unwrap(), ANSWERED);
        assert_eq!(store.returned(), ["slow", "next"]);
    }

    /// The deadline of a call is kept although nobody waits for its answer any more: the next one would else be handed to the
    /// thread on which it hangs.
    #[tokio::test]
    async fn a_call_whose_caller_went_away_holds_nobody_up_past_its_deadline() {
        with_one_of_the_deadlines(async |deadline| {
            let (mut keys, store, _letting_go) = keys(&["slow"]);
            keys.deadline = deadline;
            keys.deadline_beside_a_hanging_call = deadline;
            let slow = begin(&keys, &store, "slow").await;
            slow.abort();
            // A busy machine may be past the deadline already.
            let _ = slow.await;
            let answered = load(&keys, "next").await == ANSWERED;
            assert!(!answered || store.returned() == ["next"]);
            answered
        })
        .await;
    }

    #[tokio::test]
    async fn beside_a_call_that_hangs_a_read_is_soon_given_up_and_a_write_is_not() {
        let (mut keys, store, letting_go) = keys(&["first", "second", "third"]);
        keys.deadline = Duration::from_millis(50);
        assert_eq!(load(&keys, "first").await, Err(KeyTrouble::Unavailable));
        keys.deadline = Duration::from_secs(600);
        keys.deadline_beside_a_hanging_call = Duration::ZERO;
        let second = tokio::time::timeout(Duration::from_secs(60), load(&keys, "second"));
        assert_eq!(second.await, Ok(Err(KeyTrouble::Other)));
        assert_eq!(delete(&keys, "healthy").await, Some(()));
        for _ in 0..2 {
            letting_go.send(()).unwrap();
        }
        eventually(async || {
            let calls = keys.calls.lock().await;
            let mut left_behind = calls.left_behind.iter();
            left_behind.all(|call| call.running.strong_count() == 0)
        })
        .await;
        // A read has the whole deadline again.
        let mut third = begin(&keys, &store, "third").await;
        let early = tokio::time::timeout(Duration::from_millis(200), &mut third).await;
        assert!(early.is_err());
        letting_go.send(()).unwrap();
        assert_eq!(third.await.unwrap(), ANSWERED);
    }

    #[tokio::test]
    async fn of_a_key_whose_call_hangs_nothing_is_asked_until_that_returned() {
        let (mut keys, store, letting_go) = keys(&["slow"]);
        let key = Key::generate().unwrap();
        keys.deadline = Duration::from_millis(50);
        let stored = keys.write("slow", move |store, name| store.store(name, &key));
        assert_eq!(stored.await, None);
        keys.deadline = Duration::from_secs(60);
        // It would be carried out before what it is to undo.
        assert_eq!(delete(&keys, "slow").await, None);
        assert_eq!(store.returned(), Vec::<String>::new());
        letting_go.send(()).unwrap();
        letting_go.send(()).unwrap();
        eventually(async || delete(&keys, "slow").await.is_some()).await;
        assert_eq!(store.returned(), ["slow", "slow"]);
    }

    /// The way out of a key that is not given is for that key alone.
    #[tokio::test]
    async fn what_the_store_is_too_busy_for_with_others_is_no_trouble_of_this_key() {
        let (mut keys, _store, letting_go) = keys(&["dead", "beside"]);
        keys.deadline = Duration::from_millis(50);
        assert_eq!(load(&keys, "dead").await, Err(KeyTrouble::Unavailable));
        keys.deadline_beside_a_hanging_call = Duration::ZERO;
        assert_eq!(load(&keys, "beside").await, Err(KeyTrouble::Other));
        keys.deadline = Duration::from_secs(60);
        keys.deadline_beside_a_hanging_call = keys.deadline;
        // And again, as long as these calls have not returned.
        assert_eq!(load(&keys, "dead").await, Err(KeyTrouble::Unavailable));
        assert_eq!(load(&keys, "beside").await, Err(KeyTrouble::Other));
        for _ in 0..4 {
            letting_go.send(()).unwrap();
        }
        eventually(async || load(&keys, "beside").await == ANSWERED).await;
        eventually(async || load(&keys, "dead").await == ANSWERED).await;
    }

    #[tokio::test]
    async fn a_key_that_hangs_beside_another_is_in_trouble_itself_once_that_one_returned() {
        let short = Duration::from_millis(50);
        for (whole, trouble) in [
            (short, KeyTrouble::Unavailable),
            (Duration::from_secs(600), KeyTrouble::Other),
        ] {
            let (mut keys, store, letting_go) = keys(&["first", "second"]);
            keys.deadline = short;
            assert_eq!(load(&keys, "first").await, Err(KeyTrouble::Unavailable));
            keys.deadline_beside_a_hanging_call = Duration::ZERO;
            assert_eq!(load(&keys, "second").await, Err(KeyTrouble::Other));
            // However long the two hang together.
            tokio::time::sleep(2 * short).await;
            assert_eq!(load(&keys, "second").await, Err(KeyTrouble::Other));
            keys.deadline = whole;
            keys.deadline_beside_a_hanging_call = Duration::from_secs(60);
            store.mend("first");
            eventually(async || load(&keys, "first").await == ANSWERED).await;
            // The time in which it is alone counts.
            eventually(async || load(&keys, "second").await == Err(trouble)).await;
            drop(letting_go);
        }
    }

    #[tokio::test]
    async fn a_store_in_which_many_keys_hang_is_left_alone_until_one_returned() {
        let names = ["1", "2", "3", "4", "5", "6", "7", "8"];
        assert_eq!(names.len(), KEY_STORE_CALLS_LEFT_BEHIND);
        let (mut keys, store, letting_go) = keys(&names);
        keys.deadline = Duration::from_millis(50);
        keys.deadline_beside_a_hanging_call = keys.deadline;
        for name in names {
            assert!(load(&keys, name).await.is_err());
        }
        keys.deadline = Duration::from_secs(60);
        keys.deadline_beside_a_hanging_call = keys.deadline;
        assert_eq!(load(&keys, "healthy").await, Err(KeyTrouble::Other));
        assert_eq!(store.returned(), Vec::<String>::new());
        letting_go.send(()).unwrap();
        eventually(async || load(&keys, "healthy").await == ANSWERED).await;
    }
}
