//! Suspension: no socket, no timer, no request; and no leak. Alone in its process, because it counts how often threads wake.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in a test, what does not hold stops the test"
)]

mod common;

use common::*;
use std::time::Duration;
use steadfast::{HostState, Link};
use steadfast_testserver::Database;

/// Rounds of the test for leaks: each opens, dials, says hello and closes.
const ROUNDS: usize = 60;
/// Two of the runtime, the vault's and the key store's.
const THREADS: usize = 4;

/// What the kernel says of each of the core's own threads in this file.
fn of_the_core(file: &str) -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let of_the_core = tasks.flatten().filter(|task| {
        std::fs::read_to_string(task.path().join("comm"))
            .is_ok_and(|name| name.starts_with("steadfast"))
    });
    of_the_core
        .filter_map(|task| std::fs::read_to_string(task.path().join(file)).ok())
        .collect()
}

/// The core's own threads, and how often they went to sleep and woke so far.
fn wakeups() -> (usize, u64) {
    let switches: Vec<u64> = of_the_core("status")
        .into_iter()
        .filter_map(|status| {
            status
                .lines()
                .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?
                .trim()
                .parse::<u64>()
                .ok()
        })
        .collect();
    (switches.len(), switches.iter().sum())
}

/// The calls in which the core's threads sleep with an alarm set, as the kernel shows them: number and arguments. Whatever
/// the runtime has a timer for, in a second or in an hour, is the time limit of the call in which it waits for its sockets.
fn alarms() -> Vec<String> {
    let asleep_for_good = |call: &String| {
        let fields: Vec<&str> = call.split_whitespace().collect();
        let number = fields[0].parse::<libc::c_long>();
        let limit = fields
            .get(4)
            .and_then(|limit| u64::from_str_radix(limit.trim_start_matches("0x"), 16).ok());
        match (number, limit) {
            // A pointer to the time, or none.
            (Ok(libc::SYS_futex | libc::SYS_epoll_pwait2), Some(limit)) => limit == 0,
            // Milliseconds, as a signed number of 32 bits.
            (Ok(libc::SYS_epoll_pwait), Some(limit)) => limit & 0xffff_ffff == 0xffff_ffff,
            #[cfg(target_arch = "x86_64")]
            (Ok(libc::SYS_epoll_wait), Some(limit)) => limit & 0xffff_ffff == 0xffff_ffff,
            _ => false,
        }
    };
    of_the_core("syscall")
        .into_iter()
        .filter(|call| !asleep_for_good(call))
        .collect()
}

/// The tests of this file count for the whole process, so one runs at a time.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn entries(folder: &str) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

/// Hazards A34.
#[tokio::test]
async fn opening_connecting_and_closing_again_and_again_leaks_nothing() {
    let _alone = ALONE.lock().await;
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path(), &server);
    let alice = sign_in(&core, &server, "alice").await;
    until_live(&core, alice).await;
    core.close().await;
    drop(core);
    let mut counts = Vec::new();
    for round in 0..=ROUNDS {
        let core = open(folder.path(), &server);
        until_live(&core, alice).await;
        core.close().await;
        if round % (ROUNDS / 4) == 0 {
            drop(core);
            // Threads end and sockets close a moment after.
            eventually(|| wakeups().0 == 0).await;
            counts.push((entries("/proc/self/fd"), entries("/proc/self/task")));
        }
    }
    println!("files and threads in {ROUNDS} rounds: {counts:?}");
    let (first, last) = (counts[0], counts[counts.len() - 1]);
    // The server's own sockets and threads come and go by a few.
    assert!(last.0 <= first.0 + 8 && last.1 <= first.1 + 4, "{counts:?}");
}

/// Q15. Hazards B14.
#[tokio::test]
async fn a_suspended_core_does_nothing_at_all() {
    let _alone = ALONE.lock().await;
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path(), &server);
    let alice = sign_in(&core, &server, "alice").await;
    until_live(&core, alice).await;
    // Something is owed, was tried in vain for a long time, and is to be tried again within a quarter of an hour.
    server.control().database(Database::Stopped);
    core.set_device_id(Some("apple_rn-v2:fedcba9876543210".to_owned()))
        .await
        .unwrap();
    core.close().await;
    drop(core);
    let vault = rusqlite::Connection::open(folder.path().join("vault/vault.sqlite3")).unwrap();
    assert_eq!(vault.execute("UPDATE outbox SET attempts = 20", []), Ok(1));
    let core = open(folder.path(), &server);
    let tried = || {
        let attempts = "SELECT attempts FROM outbox";
        vault.query_row(attempts, [], |row| row.get::<_, i64>(0))
    };
    eventually(|| tried() == Ok(21)).await;
    drop(vault);
    core.host_state(HostState::Suspended).await.unwrap();
    assert_eq!(core.snapshot(alice).unwrap().link, Link::Paused);
    server.control().database(Database::Healthy);
    // What the closing of connections sets going is over when the threads stand still for a second, and those that looked
    // names up have ended, which they do after ten seconds without work.
    let mut before = wakeups();
    let settled = async {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let now = wakeups();
            if now == before && now.0 == THREADS && alarms().is_empty() {
                break;
            }
            before = now;
        }
    };
    // No watch of a test is as long as the longest wait of the core, so it is asked what its threads wait for. One that was
    // called off may be woken once more, within the seconds that a suspension may take.
    let at_rest = tokio::time::timeout(PATIENCE, settled).await;
    assert!(at_rest.is_ok(), "not at rest: {:?}", alarms());
    let requests = server.control().requests().len();
    tokio::time::sleep(Duration::from_secs(6)).await;
    let woken = wakeups().1 - before.1;
    println!("woken in 6 s of suspension: {woken}");
    assert_eq!(woken, 0);
    assert_eq!(server.control().requests().len(), requests);
    core.host_state(HostState::Focused).await.unwrap();
    until_live(&core, alice).await;
    // One that is live has its heartbeat, and the way of asking finds it.
    eventually(|| alarms().iter().any(|call| !call.starts_with("running"))).await;
    core.close().await;
}
