//! Key stores for tests: one in memory, one that fails by seeded draws, and one that does as it is told.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{KeyAnswer, KeyStore, KeyStoreUnavailable};
use crate::pace::Dice;
use crate::secret::Key;

/// Keys in memory.
#[derive(Debug, Default)]
pub struct MemoryKeyStore {
    keys: Mutex<HashMap<String, Key>>,
}

impl MemoryKeyStore {
    /// Names of the keys it holds, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = lock(&self.keys).keys().cloned().collect();
        names.sort();
        names
    }
}

impl KeyStore for MemoryKeyStore {
    fn load(&self, name: &str) -> KeyAnswer {
        lock(&self.keys)
            .get(name)
            .cloned()
            .map_or(KeyAnswer::Absent, KeyAnswer::Value)
    }

    fn store(&self, name: &str, key: &Key) -> Result<(), KeyStoreUnavailable> {
        lock(&self.keys).insert(name.to_owned(), key.clone());
        Ok(())
    }

    fn delete(&self, name: &str) -> Result<(), KeyStoreUnavailable> {
        lock(&self.keys).remove(name);
        Ok(())
    }
}

/// A key store that fails as often as it is told, by draws from a seed. Clones are the same store.
#[derive(Clone)]
pub struct FaultyKeyStore {
    inner: Arc<dyn KeyStore>,
    faults: Arc<Mutex<Faults>>,
}

struct Faults {
    percent: u64,
    prefix: String,
    dice: Dice,
}

impl FaultyKeyStore {
    /// Works, over another store.
    pub fn over(inner: Arc<dyn KeyStore>, seed: u64) -> Self {
        Self {
            inner,
            faults: Arc::new(Mutex::new(Faults {
                percent: 0,
                prefix: String::new(),
                dice: Dice::new(seed),
            })),
        }
    }

    /// From now on so many calls of a hundred about keys whose names begin like that fail for now.
    pub fn fail(&self, percent: u64, prefix: &str) {
        let mut faults = lock(&self.faults);
        faults.percent = percent;
        prefix.clone_into(&mut faults.prefix);
    }

    fn works(&self, name: &str) -> Result<(), KeyStoreUnavailable> {
        let mut faults = lock(&self.faults);
        if !name.starts_with(&faults.prefix) {
            return Ok(());
        }
        let drawn = faults.dice.up_to(Duration::from_millis(99)).as_millis();
        if drawn < u128::from(faults.percent) {
            return Err(KeyStoreUnavailable);
        }
        Ok(())
    }
}

impl KeyStore for FaultyKeyStore {
    fn load(&self, name: &str) -> KeyAnswer {
        match self.works(name) {
            Ok(()) => self.inner.load(name),
            Err(KeyStoreUnavailable) => KeyAnswer::Unavailable,
        }
    }

    fn store(&self, name: &str, key: &Key) -> Result<(), KeyStoreUnavailable> {
        self.works(name)?;
        self.inner.store(name, key)
    }

    fn delete(&self, name: &str) -> Result<(), KeyStoreUnavailable> {
        self.works(name)?;
        self.inner.delete(name)
    }
}

/// How a [`ScriptedKeyStore`] behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// As the store beneath.
    Works,
    /// Every call fails for now, as before the first unlock.
    Unavailable,
    /// Every key is gone for good; writes and deletions work.
    Absent,
    /// Keys can be read, but not written or deleted.
    FailsWrites,
    /// Every call waits until the behaviour is another one.
    Blocks,
}

/// A call that a [`ScriptedKeyStore`] received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// `load` of that name.
    Load(String),
    /// `store` of that name.
    Store(String),
    /// `delete` of that name.
    Delete(String),
}

/// A key store that does as it is told. Clones are the same store, so that a test keeps one and hands another over.
#[derive(Clone)]
pub struct ScriptedKeyStore {
    inner: Arc<dyn KeyStore>,
    script: Arc<Script>,
}

struct Script {
    behaviour: Mutex<Behaviour>,
    changed: Condvar,
    calls: Mutex<Vec<Call>>,
}

impl ScriptedKeyStore {
    /// Works, over a store in memory.
    pub fn new() -> Self {
        Self::over(MemoryKeyStore::default())
    }

    /// Works, over another store.
    pub fn over(inner: impl KeyStore) -> Self {
        Self {
            inner: Arc::new(inner),
            script: Arc::new(Script {
                behaviour: Mutex::new(Behaviour::Works),
                changed: Condvar::new(),
                calls: Mutex::new(Vec::new()),
            }),
        }
    }

    /// Behaves so from now on. Calls that wait go on under the new behaviour.
    pub fn set(&self, behaviour: Behaviour) {
        *lock(&self.script.behaviour) = behaviour;
        self.script.changed.notify_all();
    }

    /// All calls so far, in order, those that still wait included.
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.script.calls).clone()
    }

    fn enter(&self, call: Call) -> Behaviour {
        lock(&self.script.calls).push(call);
        let mut behaviour = lock(&self.script.behaviour);
        while *behaviour == Behaviour::Blocks {
            behaviour = self
                .script
                .changed
                .wait(behaviour)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *behaviour
    }
}

impl Default for ScriptedKeyStore {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for ScriptedKeyStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ScriptedKeyStore")
            .field("behaviour", &*lock(&self.script.behaviour))
            .finish_non_exhaustive()
    }
}

impl KeyStore for ScriptedKeyStore {
    fn load(&self, name: &str) -> KeyAnswer {
        match self.enter(Call::Load(name.to_owned())) {
            Behaviour::Unavailable => KeyAnswer::Unavailable,
            Behaviour::Absent => KeyAnswer::Absent,
            Behaviour::Works | Behaviour::FailsWrites | Behaviour::Blocks => self.inner.load(name),
        }
    }

    fn store(&self, name: &str, key: &Key) -> Result<(), KeyStoreUnavailable> {
        match self.enter(Call::Store(name.to_owned())) {
            Behaviour::Unavailable | Behaviour::FailsWrites => Err(KeyStoreUnavailable),
            Behaviour::Works | Behaviour::Absent | Behaviour::Blocks => self.inner.store(name, key),
        }
    }

    fn delete(&self, name: &str) -> Result<(), KeyStoreUnavailable> {
        match self.enter(Call::Delete(name.to_owned())) {
            Behaviour::Unavailable | Behaviour::FailsWrites => Err(KeyStoreUnavailable),
            Behaviour::Works | Behaviour::Absent | Behaviour::Blocks => self.inner.delete(name),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_does_as_it_is_told_and_keeps_what_it_holds() {
        let store = ScriptedKeyStore::new();
        let key = Key::from_bytes(&[1; 32]).unwrap();
        store.store("outbox", &key).unwrap();
        store.set(Behaviour::Unavailable);
        assert_eq!(store.load("outbox"), KeyAnswer::Unavailable);
        assert_eq!(store.delete("outbox"), Err(KeyStoreUnavailable));
        store.set(Behaviour::Absent);
        assert_eq!(store.load("outbox"), KeyAnswer::Absent);
        store.set(Behaviour::FailsWrites);
        assert_eq!(store.store("other", &key), Err(KeyStoreUnavailable));
        assert_eq!(store.load("outbox"), KeyAnswer::Value(key));
        assert_eq!(store.calls().len(), 6);
    }

    #[test]
    fn faults_come_as_often_as_asked_for_and_only_for_the_names_asked_for() {
        let store = FaultyKeyStore::over(Arc::new(MemoryKeyStore::default()), 7);
        let key = Key::from_bytes(&[1; 32]).unwrap();
        store.store("account-1", &key).unwrap();
        store.store("outbox", &key).unwrap();
        for (percent, expected) in [
            (0, 0..=0),
            (1, 1..=30),
            (50, 400..=600),
            (100, 1_000..=1_000),
        ] {
            store.fail(percent, "account-");
            let failed = (0..1_000)
                .filter(|_| store.load("account-1") == KeyAnswer::Unavailable)
                .count();
            assert!(expected.contains(&failed), "{percent} %: {failed}");
            assert_eq!(store.load("outbox"), KeyAnswer::Value(key.clone()));
        }
    }

    #[test]
    fn a_blocked_call_goes_on_when_it_is_let_go() {
        let store = ScriptedKeyStore::new();
        store.set(Behaviour::Blocks);
        let caller = store.clone();
        let waiting = std::thread::spawn(move || caller.load("outbox"));
        while store.calls().is_empty() {
            std::thread::yield_now();
        }
        store.set(Behaviour::Unavailable);
        assert_eq!(waiting.join().unwrap(), KeyAnswer::Unavailable);
    }
}
