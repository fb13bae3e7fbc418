//! Signing out without a network: here at once, at the server as soon as it can be reached, whatever happens in between.

use steadfast::Reason;
use steadfast_acceptance::{Device, Shown, World, cases};
use steadfast_lab::device::message::Kind;

cases![
    the_server_is_told_when_the_network_is_back,
    what_is_owed_survives_a_restart,
    signing_in_again_ends_only_the_old_session,
];

async fn signed_out_offline(world: &World) -> Device {
    let device = world.signed_in(Kind::IPhone).await;
    device.airplane_on();
    let signed_out = device.core().sign_out(device.account()).await;
    signed_out.expect("signed out");
    let snapshot = device.snapshot();
    assert_eq!(Shown::of(&snapshot), Shown::SignIn(None));
    assert_eq!(snapshot.reason, Some(Reason::SignedOut));
    assert_eq!(world.control().sessions(world.alice.name).len(), 1);
    device
}

/// Hazard D05. Q8.
async fn the_server_is_told_when_the_network_is_back(world: &World) {
    let device = signed_out_offline(world).await;
    device.airplane_off();
    world.until_sessions(&world.alice, 0).await;
    assert!(device.told().is_empty());
}

/// Hazard D05. Q8.
async fn what_is_owed_survives_a_restart(world: &World) {
    let mut device = signed_out_offline(world).await;
    device.switch_off().await;
    device.network.restore();
    device.switch_on();
    assert_eq!(device.shows(), Shown::SignIn(None));
    world.until_sessions(&world.alice, 0).await;
    assert!(device.told().is_empty());
}

/// Hazard D06.
async fn signing_in_again_ends_only_the_old_session(world: &World) {
    let device = signed_out_offline(world).await;
    let old = world.control().sessions(world.alice.name)[0].id.clone();
    device.airplane_off();
    device.sign_in_and_connect(&world.alice).await;
    world.until_sessions(&world.alice, 1).await;
    assert_ne!(world.control().sessions(world.alice.name)[0].id, old);
    device.verify().await;
    assert_eq!(device.shows(), Shown::Content);
}
