//! Keys: the key store behind a thread and a deadline of its own, and what the engine asks of it.
//!
//! It is asked one call at a time, and the deadline counts from when a call begins, so that nobody pays for the time of
//! another's key. A call that is past it is left behind on its thread, and the next one begins on a new thread; until it has
//! returned, reads have a shorter deadline. Of a key whose call still hangs, and of a store in which several do, the answer is
//! *unavailable* at once.

use crate::engine::desk::Desk;
use crate::keystore::{KeyAnswer, KeyStore, KeyStoreUnavailable};
use crate::policy::{
    KEY_STORE_CALLS_LEFT_BEHIND, KEY_STORE_DEADLINE, KEY_STORE_DEADLINE_BESIDE_A_HANGING_CALL,
};
use crate::secret::Key;
use crate::vault::KeyName;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::Mutex;

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
    /// Whose calls were left behind. What is pointed to is gone when the call has returned.
    left_behind: Vec<(String, Weak<()>)>,
}

impl Calls {
    /// The desk for a call about that key; `None` if the store cannot be expected to answer it.
    fn desk_for(&mut self, name: &str) -> Option<&Desk<Arc<dyn KeyStore>>> {
        self.left_behind
            .retain(|(_, running)| running.strong_count() > 0);
        // What is asked about one key is carried out in order.
        let hangs = self.left_behind.iter().any(|(hanging, _)| hanging == name);
        if hangs || self.left_behind.len() >= KEY_STORE_CALLS_LEFT_BEHIND {
            return None;
        }
        if self.desk.is_none() {
            let started = Desk::start("steadfast-keys", self.store.clone(), |_| {});
            self.desk = started.ok().map(|(desk, _thread)| desk);
        }
        self.desk.as_ref()
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

    /// Reads a key; past the deadline the answer is *unavailable*.
    pub(crate) async fn load(&self, name: &KeyName) -> KeyAnswer {
        let loaded = self.read(name.as_str(), |store, name| store.load(name));
        loaded.await.unwrap_or(KeyAnswer::Unavailable)
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

    async fn read<R: Send + 'static>(
        &self,
        name: &str,
        job: impl FnOnce(&dyn KeyStore, &str) -> R + Send + 'static,
    ) -> Option<R> {
        self.call_within(self.deadline_beside_a_hanging_call, name, job)
            .await
    }

    async fn write<R: Send + 'static>(
        &self,
        name: &str,
        job: impl FnOnce(&dyn KeyStore, &str) -> R + Send + 'static,
    ) -> Option<R> {
        self.call_within(self.deadline, name, job).await
    }

    /// Calls the store when it is this call's turn; `None` if that brought no answer. `beside_a_hanging_call` is the deadline
    /// while one is left behind.
    async fn call_within<R: Send + 'static>(
        &self,
        beside_a_hanging_call: Duration,
        name: &str,
        job: impl FnOnce(&dyn KeyStore, &str) -> R + Send + 'static,
    ) -> Option<R> {
        let (calls, name, whole) = (self.calls.clone(), name.to_owned(), self.deadline);
        // A task of its own: a caller who goes away gives up the answer, not the turn.
        let called = self.runtime.spawn(async move {
            let mut calls = calls.lock().await;
            let running = Arc::new(());
            let runs = Arc::downgrade(&running);
            let of = name.clone();
            let answer = calls.desk_for(&name)?.hand_in(move |store| {
                let _running = running;
                job(store.as_ref(), &of)
            });
            let deadline = if calls.left_behind.is_empty() {
                whole
            } else {
                beside_a_hanging_call
            };
            match tokio::time::timeout(deadline, answer).await {
                Ok(answer) => answer.ok(),
                Err(_) => {
                    calls.desk = None;
                    calls.left_behind.push((name, runs));
                    None
                }
            }
        });
        called.await.ok().flatten()
    }

    /// The outbox's key, made and stored if there is none yet.
    pub(crate) async fn outbox_key(&self) -> Result<Key, KeyStoreUnavailable> {
        let name = KeyName::outbox();
        match self.load(&name).await {
            KeyAnswer::Value(key) => Ok(key),
            KeyAnswer::Unavailable => Err(KeyStoreUnavailable),
            KeyAnswer::Absent => self.make(&name).await,
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
        names: Vec<&'static str>,
        let_go: std::sync::Mutex<mpsc::Receiver<()>>,
        begun: std::sync::Mutex<Vec<String>>,
        returned: std::sync::Mutex<Vec<String>>,
    }

    impl Hanging {
        fn enter(&self, name: &str) {
            self.begun.lock().unwrap().push(name.to_owned());
            if self.names.contains(&name) {
                // Not under the lock, or a second one would wait for the first.
                while self.let_go.lock().unwrap().try_recv() == Err(mpsc::TryRecvError::Empty) {
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
            self.returned.lock().unwrap().push(name.to_owned());
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
            names: names.to_vec(),
            let_go: std::sync::Mutex::new(let_go),
            begun: std::sync::Mutex::default(),
            returned: std::sync::Mutex::default(),
        });
        let mut keys = Keys::new(store.clone(), Handle::current());
        // Long for a thread that only has to be woken, on a busy machine too.
        keys.deadline = Duration::from_secs(2);
        keys.deadline_beside_a_hanging_call = keys.deadline;
        (keys, store, letting_go)
    }

    async fn load(keys: &Keys, name: &str) -> Option<KeyAnswer> {
        keys.read(name, |store, name| store.load(name)).await
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

    #[tokio::test]
    async fn whoever_waits_behind_keys_that_hang_has_a_deadline_of_its_own() {
        let (keys, _store, _letting_go) = keys(&["first", "second"]);
        let hanging = (load(&keys, "first"), load(&keys, "second"));
        let answers = tokio::join!(hanging.0, hanging.1, load(&keys, "healthy"));
        assert_eq!(answers, (None, None, Some(KeyAnswer::Absent)));
    }

    /// Asks, and returns when the store was reached.
    async fn begin(
        keys: &Keys,
        store: &Hanging,
        name: &'static str,
    ) -> JoinHandle<Option<KeyAnswer>> {
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
        let (mut keys, store, letting_go) = keys(&["slow"]);
        keys.deadline = Duration::from_secs(60);
        let slow = begin(&keys, &store, "slow").await;
        let mut next = tokio::spawn(async move { load(&keys, "next").await });
        let early = tokio::time::timeout(Duration::from_millis(200), &mut next).await;
        assert!(early.is_err());
        letting_go.send(()).unwrap();
        assert_eq!(next.await.unwrap(), Some(KeyAnswer::Absent));
        assert_eq!(slow.await.unwrap(), Some(KeyAnswer::Absent));
        assert_eq!(store.returned(), ["slow", "next"]);
    }

    /// The deadline of a call is kept although nobody waits for its answer any more: the next one would else be handed to the
    /// thread on which it hangs.
    #[tokio::test]
    async fn a_call_whose_caller_went_away_holds_nobody_up_past_its_deadline() {
        let (keys, store, _letting_go) = keys(&["slow"]);
        let slow = begin(&keys, &store, "slow").await;
        slow.abort();
        assert!(slow.await.unwrap_err().is_cancelled());
        assert_eq!(load(&keys, "next").await, Some(KeyAnswer::Absent));
        assert_eq!(store.returned(), ["next"]);
    }

    #[tokio::test]
    async fn beside_a_call_that_hangs_a_read_is_soon_given_up_and_a_write_is_not() {
        let (mut keys, store, letting_go) = keys(&["first", "second", "third"]);
        keys.deadline = Duration::from_millis(50);
        assert_eq!(load(&keys, "first").await, None);
        keys.deadline = Duration::from_secs(600);
        keys.deadline_beside_a_hanging_call = Duration::ZERO;
        let second = tokio::time::timeout(Duration::from_secs(60), load(&keys, "second"));
        assert_eq!(second.await, Ok(None));
        assert_eq!(delete(&keys, "healthy").await, Some(()));
        for _ in 0..2 {
            letting_go.send(()).unwrap();
        }
        eventually(async || {
            let calls = keys.calls.lock().await;
            let mut left_behind = calls.left_behind.iter();
            left_behind.all(|(_, running)| running.strong_count() == 0)
        })
        .await;
        // A read has the whole deadline again.
        let mut third = begin(&keys, &store, "third").await;
        let early = tokio::time::timeout(Duration::from_millis(200), &mut third).await;
        assert!(early.is_err());
        letting_go.send(()).unwrap();
        assert_eq!(third.await.unwrap(), Some(KeyAnswer::Absent));
    }

    #[tokio::test]
    async fn of_a_key_whose_call_hangs_nothing_is_asked_until_that_returned() {
        let (keys, store, letting_go) = keys(&["slow"]);
        let key = Key::generate().unwrap();
        let stored = keys.write("slow", move |store, name| store.store(name, &key));
        assert_eq!(stored.await, None);
        // It would be carried out before what it is to undo.
        assert_eq!(delete(&keys, "slow").await, None);
        assert_eq!(store.returned(), Vec::<String>::new());
        letting_go.send(()).unwrap();
        letting_go.send(()).unwrap();
        eventually(async || delete(&keys, "slow").await.is_some()).await;
        assert_eq!(store.returned(), ["slow", "slow"]);
    }

    #[tokio::test]
    async fn a_store_in_which_many_keys_hang_is_left_alone_until_one_returned() {
        let names = ["1", "2", "3", "4", "5", "6", "7", "8"];
        assert_eq!(names.len(), KEY_STORE_CALLS_LEFT_BEHIND);
        let (mut keys, store, letting_go) = keys(&names);
        keys.deadline = Duration::from_millis(50);
        keys.deadline_beside_a_hanging_call = keys.deadline;
        for name in names {
            assert_eq!(load(&keys, name).await, None);
        }
        keys.deadline = Duration::from_secs(60);
        keys.deadline_beside_a_hanging_call = keys.deadline;
        assert_eq!(load(&keys, "healthy").await, None);
        assert_eq!(store.returned(), Vec::<String>::new());
        letting_go.send(()).unwrap();
        eventually(async || load(&keys, "healthy").await.is_some()).await;
    }
}
