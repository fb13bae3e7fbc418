//! Suspension: no socket, no timer, no request. Alone in its process, because it counts how often threads wake.
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

/// Two of the runtime, the vault's and the key store's.
const THREADS: usize = 4;

/// The core's own threads, and how often they went to sleep and woke so far.
fn wakeups() -> (usize, u64) {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let of_the_core = tasks.flatten().filter(|task| {
        std::fs::read_to_string(task.path().join("comm"))
            .is_ok_and(|name| name.starts_with("steadfast"))
    });
    let switches: Vec<u64> = of_the_core
        .filter_map(|task| std::fs::read_to_string(task.path().join("status")).ok())
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

/// Q15. Hazards B14.
#[tokio::test]
async fn a_suspended_core_does_nothing_at_all() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path(), &server);
    let alice = sign_in(&core, &server, "alice").await;
    until_live(&core, alice).await;
    core.host_state(HostState::Suspended).await.unwrap();
    assert_eq!(core.snapshot(alice).unwrap().link, Link::Paused);
    // What the closing of connections sets going is over when the threads stand still for a second, and those that looked
    // names up have ended, which they do after ten seconds without work.
    let mut before = wakeups();
    let settled = async {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let now = wakeups();
            if now == before && now.0 == THREADS {
                break;
            }
            before = now;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), settled)
        .await
        .expect("the core comes to rest");
    let requests = server.control().requests().len();
    tokio::time::sleep(Duration::from_secs(6)).await;
    let woken = wakeups().1 - before.1;
    println!("woken in 6 s of suspension: {woken}");
    assert_eq!(woken, 0);
    assert_eq!(server.control().requests().len(), requests);
    core.host_state(HostState::Focused).await.unwrap();
    until_live(&core, alice).await;
    core.close().await;
}
