//! Reconnecting leaves nothing behind and costs nothing. Alone in their process and one at a time, because the tests count
//! what the process has open and what its threads do.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in a test, what does not hold stops the test"
)]

mod common;

use common::*;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};
use steadfast::{Link, NetworkPath, Standing};

/// Fewer than the dials that a minute may have, so that none of them waits.
const RECONNECTS: usize = 8;

static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Descriptors and the core's own threads.
fn held() -> (usize, usize) {
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap().count();
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let threads = tasks.flatten().filter(|task| {
        std::fs::read_to_string(task.path().join("comm"))
            .is_ok_and(|name| name.starts_with("steadfast"))
    });
    (descriptors, threads.count())
}

/// Each reconnect leaves as much open as the one before it, so thousands of them do.
///
/// Hazard A34.
#[tokio::test]
async fn reconnecting_leaves_neither_sockets_nor_threads_behind() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path(), &server);
    let alice = sign_in(&core, &server, "alice").await;
    until_live(&core, alice).await;
    let mut after_the_first = None;
    for number in 0..RECONNECTS {
        let from = server.control().request_count();
        core.network_changed(NetworkPath::Up, None).unwrap();
        let upgraded = server.control().wait_from(from, |record| {
            record.path.ends_with("/websocket") && record.status == Some(101)
        });
        tokio::time::timeout(Duration::from_secs(60), upgraded)
            .await
            .expect("a new socket");
        until(&core, alice, |snapshot| snapshot.link == Link::Live).await;
        server
            .control()
            .wait_for_sockets(|sockets| sockets.len() == 1)
            .await;
        let Some(first) = after_the_first else {
            // What the sign-in set going has ended by the time the next one is looked at.
            after_the_first = (number > 0).then(held);
            continue;
        };
        // Both ends of what was closed are in this process, and the other end takes a moment.
        let settled = async {
            while held().0 > first.0 || held().1 > first.1 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let settled = tokio::time::timeout(PATIENCE, settled).await;
        assert!(settled.is_ok(), "{:?} now, {first:?} at first", held());
    }
    core.close().await;
}

/// Descriptors of this process that are the client's end of a connection to this port.
fn connections_to(port: u16) -> Vec<i32> {
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    let remote = format!(":{port:04X}");
    let inodes: Vec<String> = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|columns| columns.len() > 9 && columns[2].ends_with(&remote))
        .map(|columns| format!("socket:[{}]", columns[9]))
        .collect();
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    descriptors
        .filter(|entry| {
            let target = std::fs::read_link(entry.path()).unwrap_or_default();
            inodes
                .iter()
                .any(|inode| target.as_os_str() == inode.as_str())
        })
        .map(|entry| entry.file_name().to_str().unwrap().parse().unwrap())
        .collect()
}

/// What the core's own threads have used of the processor, in hundredths of a second.
fn used() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    tasks
        .filter_map(|task| std::fs::read_to_string(task.path().join("stat")).ok())
        .filter_map(|stat| {
            let (head, tail) = stat.rsplit_once(')')?;
            head.contains("(steadfast").then_some(())?;
            let columns: Vec<u64> = tail
                .split_whitespace()
                .skip(11)
                .take(2)
                .map(|ticks| ticks.parse().unwrap())
                .collect();
            Some(columns.iter().sum::<u64>())
        })
        .sum()
}

/// Something of the app takes the socket's descriptor away and puts another file in its place.
///
/// Hazard A35.
#[tokio::test]
async fn a_descriptor_that_died_is_given_up_without_a_busy_loop() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path(), &server);
    let alice = sign_in(&core, &server, "alice").await;
    until_live(&core, alice).await;
    assert!(
        held().1 > 0,
        "the core has threads, and they are found by name"
    );
    let url = server.url().to_owned();
    let port = url
        .rsplit(':')
        .next()
        .unwrap()
        .trim_end_matches('/')
        .parse()
        .unwrap();
    let (from, used_before, since) = (server.control().request_count(), used(), Instant::now());

    let null = File::open("/dev/null").unwrap();
    let connections = connections_to(port);
    assert!(!connections.is_empty());
    for descriptor in connections {
        // SAFETY: that somebody else's descriptor is replaced is what the test is about; nothing is read through it here.
        #[allow(unsafe_code, reason = "only the C library replaces a descriptor")]
        let replaced = unsafe { libc::dup2(null.as_raw_fd(), descriptor) };
        assert_eq!(replaced, descriptor);
    }
    // What is shown goes to and fro faster than a busy machine may look.
    let upgraded = server.control().wait_from(from, |record| {
        record.path.ends_with("/websocket") && record.status == Some(101)
    });
    tokio::time::timeout(PATIENCE, upgraded)
        .await
        .expect("a new socket");
    until_live(&core, alice).await;
    assert_eq!(core.snapshot(alice).unwrap().standing, Standing::Active);

    let (elapsed, used) = (since.elapsed(), used() - used_before);
    let heard = server.control().requests().split_off(from);
    let dials = heard
        .iter()
        .filter(|record| record.path.ends_with("/websocket"));
    let dials = dials.count();
    println!("{elapsed:?} until it is live again; {dials} dials; {used} ticks");
    assert!((1..=3).contains(&dials), "{heard:?}");
    // A loop would have used all of this time that the machine could give it.
    let allowed = u64::try_from(elapsed.as_millis() / 10 / 4).unwrap();
    assert!(used <= allowed, "{used} of {allowed} ticks in {elapsed:?}");
    core.close().await;
}
