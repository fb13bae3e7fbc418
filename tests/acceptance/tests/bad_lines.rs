//! Lines that are bad without being gone: a connection that died and does not say so, a box that lets no socket through, a
//! network that is very slow. The session is never doubted for it, and a revoked user is out all the same.

use std::time::Duration;

use steadfast::{Link, Standing};
use steadfast_acceptance::{Device, Options, Shown, World, cases};
use steadfast_faults::{Answer, Side};
use steadfast_lab::device::message::Kind;

cases![
    a_half_open_socket_is_found_dead_and_dialled_anew,
    a_socket_that_is_let_through_again_takes_the_place_of_polling,
    a_revoked_user_is_out_although_no_socket_is_let_through,
    a_slow_network_is_a_network,
];

/// Bytes per second: a phone at the edge of its network. TLS alone takes a second or two.
const SLOW: u64 = 3_000;

fn refusal() -> Answer {
    Answer::new(403).html("<h1>No sockets here</h1>")
}

fn never_doubted(world: &World, device: &Device) {
    assert_eq!(device.shown(), [Shown::Content]);
    assert!(device.told().is_empty(), "{:?}", device.told());
    assert_eq!(world.control().sessions(world.alice.name).len(), 1);
}

/// It takes a heartbeat of 10 s and another 10 s without a byte until it is known, so this case takes as long: a device whose
/// system notices nothing has no other way to know.
///
/// Hazard A02.
async fn a_half_open_socket_is_found_dead_and_dialled_anew(world: &World) {
    let device = world.signed_in(Kind::Desktop).await;
    device.forget_shown().await;
    let seen = device.links().len();
    let before = device.network.report();
    let from = world.control().request_count();
    device.network.half_open();
    device
        .until_links("a new socket", |links| {
            let after = &links[seen..];
            let lost = after.iter().position(|link| *link != Link::Live);
            lost.is_some_and(|lost| after[lost..].contains(&Link::Live))
        })
        .await;
    let dials = world.control().requests().split_off(from);
    let dials = dials
        .iter()
        .filter(|record| record.path.ends_with("/websocket"));
    assert_eq!(dials.count(), 1);
    let after = device.network.report();
    assert!(after.vanished > before.vanished);
    assert_eq!(device.verify().await, Standing::Active);
    never_doubted(world, &device);
}

/// Opens the app behind a box that refuses every upgrade; the link polls in the end.
async fn polling(world: &World, kind: Kind) -> Device {
    let device = world.signed_in_with(kind, Options::meddling()).await;
    device.suspend().await;
    device.forget_shown().await;
    device.network.refuse_upgrades(refusal()).reset();
    device.open().await;
    device
        .until("polling", |snapshot| snapshot.link == Link::Polling)
        .await;
    assert_eq!(device.shows(), Shown::Content);
    device
}

/// Hazard A20.
async fn a_socket_that_is_let_through_again_takes_the_place_of_polling(world: &World) {
    let device = polling(world, Kind::IPhone).await;
    device.network.refuse_upgrades(None);
    assert_eq!(device.verify().await, Standing::Active);
    device.until_live().await;
    never_doubted(world, &device);
}

/// The server is asked every 20 to 25 s in the place of the socket, so this case takes as long.
///
/// Hazard A20.
async fn a_revoked_user_is_out_although_no_socket_is_let_through(world: &World) {
    let device = polling(world, Kind::Android).await;
    world.revoke(&world.alice);
    device.until_expired().await;
    assert_eq!(device.until_told(1).await.len(), 1);
    let upgrades = device.network.requests();
    assert!(upgrades.iter().any(|seen| seen.upgrade));
    assert!(world.control().live_sockets().is_empty());
}

async fn a_slow_network_is_a_network(world: &World) {
    let device = world.signed_in(Kind::Android).await;
    device.suspend().await;
    device.forget_shown().await;
    device
        .network
        .bandwidth(Side::Client, SLOW)
        .bandwidth(Side::Server, SLOW)
        .latency(Duration::from_millis(300), Duration::from_millis(100));
    device.open().await;
    device.until_live().await;
    assert_eq!(device.verify().await, Standing::Active);
    let mut seen = 0;
    world.control().post(world.bob.name, "slowly");
    let heard = async {
        loop {
            let batch = device.core().events(device.account(), seen).await;
            let batch = batch.expect("events");
            seen = batch.last_seq;
            let posted = |event: &steadfast::Event| event.json.contains("slowly");
            if batch.events.iter().any(posted) {
                return;
            }
        }
    };
    device.patiently("an event", heard).await;
    assert_eq!(device.snapshot().link, Link::Live);
    never_doubted(world, &device);
    // And what is true arrives all the same.
    world.revoke(&world.alice);
    device.verify().await;
    device.until_expired().await;
    assert_eq!(device.until_told(1).await.len(), 1);
}
