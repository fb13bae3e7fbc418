//! A session from its beginning to its end, over the C functions alone.

use super::foreign::{Suspended, call, lift, lower};
use super::hosts::{Behaviour, Host};
use super::{PATIENCE, World};
use crate::{
    ActiveSession, Cancellation, Changes, ClientCertificates, NoticeKind, Reason, Resolver, Shows,
    Snapshot, Standing,
};
use crate::{accounts, changes, core, sessions, sign_in};
use std::sync::Arc;
use std::time::Duration;
use uniffi::Handle;

/// A handle for one call, as generated Kotlin makes it: each call consumes its own.
fn again(core: &Handle) -> Handle {
    call(|status| unsafe { core::uniffi_steadfast_ffi_fn_clone_core(core.clone(), status) })
        .unwrap()
}

async fn until(handle: &Handle, reached: impl Fn(&Changes) -> bool) -> Changes {
    let look = async {
        let mut since = 0;
        loop {
            let waiting = Suspended::new(changes::uniffi_steadfast_ffi_fn_method_core_changes(
                again(handle),
                lower(since),
                lower(None::<Arc<Cancellation>>),
            ));
            let changes: Changes = lift(waiting.finish().await.unwrap());
            since = changes.revision;
            if reached(&changes) {
                return changes;
            }
        }
    };
    tokio::time::timeout(PATIENCE, look).await.unwrap()
}

#[tokio::test]
async fn a_user_signs_in_sees_her_session_and_is_told_of_its_end() {
    let world = World::new().await;
    let host = Host::new(Behaviour::Works);
    let none = || lower(None::<Arc<Cancellation>>);
    let handle = call(|status| {
        core::uniffi_steadfast_ffi_fn_constructor_core_open(
            lower(world.config()),
            host.handle(),
            lower(None::<Arc<dyn Resolver>>),
            lower(None::<Arc<dyn ClientCertificates>>),
            status,
        )
    })
    .unwrap();

    let signing_in = sign_in::uniffi_steadfast_ffi_fn_method_core_sign_in(
        again(&handle),
        lower(world.alice()),
        none(),
    );
    let account: i64 = Suspended::new(signing_in).finish().await.unwrap();
    let snapshot: Snapshot = lift(
        call(|status| {
            accounts::uniffi_steadfast_ffi_fn_method_core_snapshot(
                again(&handle),
                lower(account),
                status,
            )
        })
        .unwrap(),
    );
    assert_eq!(snapshot.username, "alice");
    assert_eq!(snapshot.standing, Standing::Active);

    let asking = sessions::uniffi_steadfast_ffi_fn_method_core_active_sessions(
        again(&handle),
        lower(account),
        none(),
    );
    let sessions: Vec<ActiveSession> = lift(Suspended::new(asking).finish().await.unwrap());
    assert_eq!(sessions.len(), 1);
    assert!(sessions[0].current);
    assert_eq!(sessions[0].os, "Android");

    world
        .server
        .control()
        .clock_advance(Duration::from_secs(60));
    world.server.control().revoke_session(&sessions[0].id);
    let is_ended = |changes: &Changes| {
        let standing = changes.accounts.first().map(|snapshot| snapshot.standing);
        standing == Some(Standing::Ended) && !changes.notices.is_empty()
    };
    let ended = until(&handle, is_ended).await;
    let snapshot = &ended.accounts[0];
    assert_eq!(
        (snapshot.standing, snapshot.reason),
        (Standing::Ended, Some(Reason::SessionEnded))
    );
    let Shows::SignIn {
        message: Some(text),
    } = &snapshot.shows
    else {
        panic!("{:?}", snapshot.shows);
    };
    assert_eq!(text.text, "Your session has expired. Please log in again.");
    let notice = &ended.notices[0];
    assert_eq!(
        (notice.account, notice.kind),
        (account, NoticeKind::SessionEnded)
    );

    let closing = core::uniffi_steadfast_ffi_fn_method_core_shut_down(again(&handle));
    Suspended::<()>::new(closing).finish().await.unwrap();
    call(|status| unsafe { core::uniffi_steadfast_ffi_fn_free_core(handle, status) }).unwrap();
}
