//! A process that was forked from the core's has none of its threads.
#![allow(unsafe_code, reason = "only the C library forks without a new program")]

use crate::common::*;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use steadfast::{Error, NetworkPath, Revision};

/// Hazards B24.
#[tokio::test]
async fn in_a_forked_process_every_call_says_closed_and_none_hangs() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path(), &server);
    let alice = sign_in(&core, &server, "alice").await;
    until_live(&core, alice).await;
    // SAFETY: the child calls the core, whose answers need no lock of another thread, and leaves without unwinding.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let mut context = Context::from_waker(Waker::noop());
        let closed = [
            pin!(core.sign_out(alice)).poll(&mut context) == Poll::Ready(Err(Error::Closed)),
            pin!(core.changes(Revision(i64::MAX))).poll(&mut context)
                == Poll::Ready(Err(Error::Closed)),
            pin!(core.verify(alice, Duration::from_secs(60))).poll(&mut context)
                == Poll::Ready(Err(Error::Closed)),
            core.network_changed(NetworkPath::Up, None) == Err(Error::Closed),
            pin!(core.close()).poll(&mut context) == Poll::Ready(()),
        ];
        let wrong = closed.iter().position(|closed| !closed);
        // SAFETY: leaves at once; nothing of the parent's is cleaned up here.
        unsafe { libc::_exit(wrong.map_or(0, |index| index as i32 + 1)) };
    }
    let status = tokio::task::spawn_blocking(move || {
        let mut status = 0;
        // SAFETY: writes to the integer alone.
        let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert_eq!(waited, child);
        status
    });
    let status = tokio::time::timeout(Duration::from_secs(60), status).await;
    let status = status.expect("no call hangs").unwrap();
    assert!(libc::WIFEXITED(status), "{status}");
    assert_eq!(libc::WEXITSTATUS(status), 0, "which call went on");
    // The parent notices nothing.
    assert_eq!(core.active_sessions(alice).await.unwrap().len(), 1);
    core.close().await;
}
