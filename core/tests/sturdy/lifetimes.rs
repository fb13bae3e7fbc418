//! Beginning and end of a core: opened by several at once, dropped wherever, and asked on a thread that must not wait.

use crate::common::*;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};
use steadfast::keystore::testing::{Behaviour, ScriptedKeyStore};
use steadfast::policy::{KEY_STORE_DEADLINE, VAULT_BUSY_TIMEOUT};
use steadfast::{AccountId, Error, HostState, Key, Method, Request, Steadfast};
use tokio::task::JoinHandle;

/// Has the app ask for its data key, which from now on hangs in the key store.
async fn hanging_data_key(
    core: &Steadfast,
    account: AccountId,
    keys: &ScriptedKeyStore,
) -> JoinHandle<Result<Key, Error>> {
    keys.set(Behaviour::Blocks);
    let calls = keys.calls().len();
    let waits = tokio::spawn({
        let core = core.clone();
        async move { core.data_key(account).await }
    });
    eventually(|| keys.calls().len() > calls).await;
    waits
}

/// Hazards B26, B23.
#[tokio::test]
async fn of_three_starts_at_once_one_has_the_store_and_the_others_are_told() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..5 {
        let all = Arc::new(Barrier::new(3));
        let starts: Vec<_> = (0..3)
            .map(|_| {
                let (all, config) = (all.clone(), config(folder.path(), &server));
                std::thread::spawn(move || {
                    all.wait();
                    Steadfast::open(config, Arc::new(ScriptedKeyStore::new()))
                })
            })
            .collect();
        let opened: Vec<_> = starts
            .into_iter()
            .map(|start| start.join().unwrap())
            .collect();
        assert_eq!(opened.iter().flatten().count(), 1);
        for refused in opened.iter().filter_map(|opened| opened.as_ref().err()) {
            assert_eq!(*refused, Error::StoreInUse);
        }
        for core in opened.iter().flatten() {
            core.close().await;
        }
    }
}

/// Hazards C08.
#[tokio::test]
async fn a_core_may_be_dropped_inside_a_runtime_while_its_key_store_hangs() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let keys = ScriptedKeyStore::new();
    let core = open_with(folder.path(), &server, Arc::new(keys.clone()));
    let alice = sign_in(&core, &server, "alice").await;
    until_live(&core, alice).await;
    core.close().await;
    keys.set(Behaviour::Blocks);
    let calls = keys.calls().len();
    let core = open_with(folder.path(), &server, Arc::new(keys.clone()));
    eventually(|| keys.calls().len() > calls).await;
    let begun = Instant::now();
    drop(core);
    // Well before the call into the key store is given up.
    assert!(begun.elapsed() < KEY_STORE_DEADLINE - Duration::from_secs(2));
    keys.set(Behaviour::Works);
    // What it held is free: the next one opens and goes on.
    let core = open_with(folder.path(), &server, Arc::new(keys));
    until_live(&core, alice).await;
    core.close().await;
}

/// It is promised within a second. Whoever waited for what hangs here would wait ten at least: that long a key store has for a
/// call, and a server three times as long. Half of that leaves room for a busy machine.
///
/// Hazards C06, C08.
#[tokio::test]
async fn a_close_waits_for_neither_key_store_nor_server() {
    const { assert!(steadfast::policy::CLOSE_DEADLINE.as_millis() < 1_000) }
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let keys = ScriptedKeyStore::new();
    let core = open_with(folder.path(), &server, Arc::new(keys.clone()));
    let alice = sign_in(&core, &server, "alice").await;
    until_live(&core, alice).await;
    let control = server.control();
    let from = control.request_count();
    // Something that the core does not ask for by itself.
    let path = "/api/v4/users/me/teams";
    control.hold_back(Some(path));
    let asks = tokio::spawn({
        let core = core.clone();
        async move { core.request(alice, Request::new(Method::Get, path)).await }
    });
    control
        .wait_from(from, |request| request.path == path)
        .await;
    let waits = hanging_data_key(&core, alice, &keys).await;
    let begun = Instant::now();
    core.close().await;
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(asks.await.unwrap(), Err(Error::Closed));
    assert_eq!(waits.await.unwrap(), Err(Error::Closed));
    keys.set(Behaviour::Works);
    control.hold_back(None);
}

/// Hazards C07.
#[tokio::test]
async fn what_is_read_on_the_main_thread_waits_for_neither_disk_nor_key_store() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let keys = ScriptedKeyStore::new();
    let core = open_with(folder.path(), &server, Arc::new(keys.clone()));
    let alice = sign_in(&core, &server, "alice").await;
    until_live(&core, alice).await;
    let asks = hanging_data_key(&core, alice, &keys).await;
    let database = folder.path().join("vault").join("vault.sqlite3");
    let other = rusqlite::Connection::open(database).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // Something that waits for the disk, so that a lock held meanwhile would be met.
    let waits = tokio::spawn({
        let core = core.clone();
        async move { core.set_device_id(Some("apple_rn-v2:abc".to_owned())).await }
    });
    let reading = tokio::task::spawn_blocking({
        let core = core.clone();
        move || {
            let mut longest = Duration::ZERO;
            for _ in 0..100 {
                let begun = Instant::now();
                let _ = (core.accounts(), core.snapshot(alice), core.notices());
                let _ = core.network_changed(steadfast::NetworkPath::Up, None);
                longest = longest.max(begun.elapsed());
                std::thread::sleep(Duration::from_millis(5));
            }
            longest
        }
    });
    let longest = reading.await.unwrap();
    println!("the longest read {longest:?}");
    // Far below the time for which the disk is waited for; a busy machine may hold up any thread.
    assert!(longest < VAULT_BUSY_TIMEOUT / 2, "{longest:?}");
    other.execute_batch("COMMIT").unwrap();
    keys.set(Behaviour::Works);
    // Too late for their deadlines, or not: they end.
    let _ = waits.await.unwrap();
    let _ = asks.await.unwrap();
    core.host_state(HostState::Suspended).await.unwrap();
    core.close().await;
}
