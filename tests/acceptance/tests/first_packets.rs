//! A radio that wakes: what is sent first after a sleep arrives late, or not at all. The device waits, comes back by itself,
//! and neither doubts the session nor dials in a storm.

use std::time::{Duration, Instant};

use steadfast::{Link, Standing};
use steadfast_acceptance::{Device, Shown, World, cases};
use steadfast_lab::device::message::Kind;

cases![
    late_first_packets_are_waited_for,
    lost_first_packets_cost_one_try_each,
];

/// What a resume dials: the question about the session, and the socket.
const DIALS: u64 = 2;

/// When a dial that is lost is given up.
const GIVEN_UP: Duration = Duration::from_secs(10);

/// Longer than the radio of a phone takes to wake.
const WAKING: Duration = Duration::from_secs(4);

async fn asleep(world: &World, kind: Kind) -> Device {
    let device = world.signed_in(kind).await;
    // What a sign-in sets going and the sleep interrupts is asked again on the resume, by a connection more.
    let attached = world.control().wait_from(0, |request| {
        request.path.ends_with("/users/sessions/device") && request.status.is_some()
    });
    device.patiently("the device's id", attached).await;
    device
        .until("all that a sign-in reads", |snapshot| {
            !snapshot.server_name.is_empty() && snapshot.expires_at.is_some()
        })
        .await;
    assert_eq!(device.verify().await, Standing::Active);
    device.suspend().await;
    device
        .until_links("paused", |links| links.last() == Some(&Link::Paused))
        .await;
    device.network.wait_for_open(0).await;
    device.forget_shown().await;
    device
}

/// Opens the app; answers how many dials of the socket were seen to fail before it was up. A wait between two dials that is
/// as good as none may not be seen.
async fn wakes(device: &Device) -> usize {
    let slept = device.links().len();
    device.open().await;
    let links = device
        .until_links("a live link", |links| links[slept..].contains(&Link::Live))
        .await;
    let failed = |pair: &&[Link]| matches!(pair, [Link::Connecting, Link::Waiting { .. }]);
    links[slept..].windows(2).filter(failed).count()
}

async fn nothing_was_doubted(device: &Device) {
    assert_eq!(device.verify().await, Standing::Active);
    assert_eq!(device.shown(), [Shown::Content]);
    assert!(device.told().is_empty());
}

/// Hazard A31.
async fn late_first_packets_are_waited_for(world: &World) {
    let device = asleep(world, Kind::IPhone).await;
    let before = device.network.accepted();
    device.network.delay_new(u64::MAX, WAKING);
    let opened = Instant::now();
    assert_eq!(wakes(&device).await, 0);
    assert!(opened.elapsed() >= WAKING);
    let dials = device.network.accepted() - before;
    assert!(dials <= 2 * DIALS, "{dials} dials");
    device.network.clear();
    nothing_was_doubted(&device).await;
}

/// Hazard A31.
async fn lost_first_packets_cost_one_try_each(world: &World) {
    let device = asleep(world, Kind::Android).await;
    let before = device.network.report();
    device.network.lose_new(DIALS);
    let opened = Instant::now();
    let seen_to_fail = wakes(&device).await;
    assert!(seen_to_fail <= 1, "{seen_to_fail} dials");
    let waited = opened.elapsed();
    assert!(waited >= GIVEN_UP, "the socket was not lost: {waited:?}");
    let after = device.network.report();
    assert_eq!(after.vanished - before.vanished, DIALS);
    let dials = after.accepted - before.accepted;
    assert!(dials <= 2 * DIALS, "{dials} dials");
    nothing_was_doubted(&device).await;
}
