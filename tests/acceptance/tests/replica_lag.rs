//! A fresh session is not known yet to the replica that is asked. The server's 401 about it is genuine, and wrong.

use std::time::Duration;

use steadfast::Standing;
use steadfast_acceptance::{Shown, World, cases};
use steadfast_lab::device::message::Kind;

cases![
    a_session_that_a_replica_does_not_know_yet_is_kept,
    a_young_session_that_was_revoked_ends_when_it_is_older,
];

/// Hazard D02.
async fn a_session_that_a_replica_does_not_know_yet_is_kept(world: &World) {
    world.control().replica_lag(Duration::from_secs(6));
    let device = world.device(Kind::IPhone).await;
    let signed_in = device
        .core()
        .sign_in(world.alice.types(&device.server()))
        .await;
    signed_in.expect("signed in");
    device.verify().await;
    device.until_shows(Shown::Content).await;
    device.until_live().await;
    assert_eq!(device.verify().await, Standing::Active);
    let shown = device.shown();
    let signed_out = shown.iter().any(|shown| matches!(shown, Shown::SignIn(_)));
    assert!(!signed_out, "{shown:?}");
    assert!(device.told().is_empty());
}

/// Hazard D02.
async fn a_young_session_that_was_revoked_ends_when_it_is_older(world: &World) {
    let device = world.device(Kind::Android).await;
    device.sign_in_and_connect(&world.alice).await;
    world.revoke(&world.alice);
    let asked = device.core().verify(device.account(), Duration::ZERO).await;
    asked.expect("asked");
    let doubted = device.until_shows(Shown::Cover).await;
    assert_eq!(doubted.standing, Standing::Suspect);
    device.until_expired().await;
}
