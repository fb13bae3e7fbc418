//! Whoever stops waiting, by whatever means and at whatever point, loses nothing.

use super::foreign::{Failure, Suspended, lift, lower};
use super::{World, code, is_login, until_changes, until_live};
use crate::{Cancellation, Core, EventBatch, accounts, sign_in};
use std::sync::Arc;
use tokio::sync::oneshot;
use uniffi::{Handle, Lower};

fn handle(core: &Arc<Core>) -> Handle {
    <Arc<Core> as Lower<crate::UniFfiTag>>::lower(core.clone())
}

fn signing_in(core: &Arc<Core>, world: &World) -> Suspended<i64> {
    Suspended::new(sign_in::uniffi_steadfast_ffi_fn_method_core_sign_in(
        handle(core),
        lower(world.alice()),
        lower(None::<Arc<Cancellation>>),
    ))
}

/// Hazard C05.
#[tokio::test]
async fn a_sign_in_that_was_never_polled_was_never_sent() {
    let world = World::new().await;
    let core = world.open();
    drop(signing_in(&core, &world));
    // What follows has gone the same way, so what had been sent would be there.
    core.sign_in(world.alice(), None).await.unwrap();
    assert_eq!(world.logins(), 1);
    core.shut_down().await.unwrap();
}

/// Hazard C05.
#[tokio::test]
async fn a_sign_in_abandoned_after_any_number_of_polls_is_stored() {
    for polls in 1..=2 {
        let world = World::new().await;
        let core = world.open();
        let call = signing_in(&core, &world);
        for poll in 1..=polls {
            let told = call.poll();
            if poll < polls {
                told.await.unwrap();
            }
        }
        drop(call);
        let changes = until_changes(&core, |changes| !changes.accounts.is_empty()).await;
        until_live(&core, changes.accounts[0].account).await;
        assert_eq!(world.server.control().sessions("alice").len(), 1);
        core.shut_down().await.unwrap();
    }
}

/// Hazard C05.
#[tokio::test]
async fn events_of_a_pull_whose_answer_nobody_fetched_come_again() {
    let world = World::new().await;
    let core = world.open();
    let account = core.sign_in(world.alice(), None).await.unwrap();
    until_live(&core, account).await;
    let start = core.events(account, 0, None).await.unwrap().last_seq;
    let pull = |after: i64| {
        Suspended::<uniffi::RustBuffer>::new(accounts::uniffi_steadfast_ffi_fn_method_core_events(
            handle(&core),
            lower(account),
            lower(after),
            lower(None::<Arc<Cancellation>>),
        ))
    };
    let waiting = pull(start);
    let told = waiting.poll();
    world.server.control().post("sysadmin", "hello");
    told.await.unwrap();
    // Ready, or ready with the next poll; and then nobody is there any more.
    waiting.poll().await.unwrap();
    drop(waiting);
    let mut seen = start;
    loop {
        let batch: EventBatch = lift(pull(seen).finish().await.unwrap());
        assert!(!batch.gap);
        for event in batch.events {
            seen += 1;
            assert_eq!(event.seq, seen, "none is missing");
            if event.name == "posted" {
                core.shut_down().await.unwrap();
                return;
            }
        }
    }
}

#[tokio::test]
async fn a_cancellation_ends_the_waiting_at_once_and_undoes_nothing() {
    let world = World::new().await;
    let core = world.open();
    let revision = core.changes(0, None).await.unwrap().revision;
    let cancellation = Cancellation::new();
    let waiting = core.changes(revision, Some(cancellation.clone()));
    let cancelling = async { cancellation.cancel() };
    let (waited, ()) = tokio::join!(waiting, cancelling);
    assert_eq!(code(waited), "cancelled");
    assert!(cancellation.is_cancelled());

    let late = core.sign_in(world.alice(), Some(cancellation)).await;
    assert_eq!(code(late), "cancelled");
    assert_eq!(world.logins(), 0, "it was not begun");

    let cancellation = Cancellation::new();
    let (begun, has_begun) = oneshot::channel::<()>();
    let signing_in = {
        let (core, alice, cancellation) = (core.clone(), world.alice(), cancellation.clone());
        tokio::spawn(async move {
            let signing_in = core.sign_in(alice, Some(cancellation));
            begun.send(()).unwrap();
            signing_in.await
        })
    };
    has_begun.await.unwrap();
    world
        .server
        .control()
        .wait_for(|request| is_login(&request.path))
        .await;
    cancellation.cancel();
    // The answer may have come first; then it counts.
    if let Err(error) = signing_in.await.unwrap() {
        assert_eq!(error.code(), "cancelled");
    }
    until_changes(&core, |changes| changes.accounts.len() == 1).await;
    assert_eq!(world.server.control().sessions("alice").len(), 1);
    core.shut_down().await.unwrap();
}

#[tokio::test]
async fn a_coroutine_that_is_cancelled_while_it_waits_frees_what_it_waited_with() {
    let world = World::new().await;
    let core = world.open();
    let revision = core.changes(0, None).await.unwrap().revision;
    let cancellation = Cancellation::new();
    let call = Suspended::<uniffi::RustBuffer>::new(
        crate::changes::uniffi_steadfast_ffi_fn_method_core_changes(
            handle(&core),
            lower(revision),
            lower(Some(cancellation.clone())),
        ),
    );
    let told = call.poll();
    assert_eq!(Arc::strong_count(&cancellation), 2);
    drop(call);
    assert_eq!(Arc::strong_count(&cancellation), 1);
    assert_eq!(Arc::strong_count(&core), 1);
    drop(told);
    let closed = Suspended::<()>::new(crate::core::uniffi_steadfast_ffi_fn_method_core_shut_down(
        handle(&core),
    ));
    assert_eq!(closed.finish().await, Ok::<(), Failure>(()));
}
