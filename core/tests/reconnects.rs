//! Reconnecting leaves nothing behind. Alone in its process, because it counts what the process has open.
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
use steadfast::{Link, NetworkPath};

/// Fewer than the dials that a minute may have, so that none of them waits.
const RECONNECTS: usize = 8;

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
        let settled = tokio::time::timeout(Duration::from_secs(30), settled).await;
        assert!(settled.is_ok(), "{:?} now, {first:?} at first", held());
    }
    core.close().await;
}
