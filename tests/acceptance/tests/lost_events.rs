//! Events that are lost on the way: by a server that cannot take a connection up again, by one that drops a socket which is too
//! slow, and by a socket that fell silent. The app is always told to read again, and nobody is signed out.

use serde_json::Value;
use steadfast::{EventBatch, Link, NetworkPath};
use steadfast_acceptance::{Device, Shown, World, cases};
use steadfast_lab::device::message::Kind;
use steadfast_testserver::{Database, RequestRecord};

cases![
    a_connection_that_the_server_cannot_take_up_again_is_a_gap,
    a_socket_that_is_too_slow_for_the_server_is_a_gap,
    a_socket_that_failed_is_never_taken_up_again,
];

/// Posts that are more than the way to a device holds.
const FLOOD: usize = 40;
const LARGE: usize = 512 * 1024;

async fn events(device: &Device, after: i64) -> EventBatch {
    let events = device.core().events(device.account(), after);
    device.patiently("events", events).await.expect("events")
}

fn holds(batch: &EventBatch, message: &str) -> bool {
    batch
        .events
        .iter()
        .any(|event| event.name == "posted" && event.json.contains(message))
}

/// Somebody posts, and the app reads it, with whatever comes before it. Answers where it is then, and whether there was a gap.
async fn reads(world: &World, device: &Device, mut seen: i64, message: &str) -> (i64, bool) {
    world.control().post(world.bob.name, message);
    until_read(device, &mut seen, message).await
}

async fn until_read(device: &Device, seen: &mut i64, message: &str) -> (i64, bool) {
    let mut gap = false;
    loop {
        let batch = events(device, *seen).await;
        gap |= batch.gap;
        *seen = batch.last_seq;
        if holds(&batch, message) {
            return (*seen, gap);
        }
    }
}

/// The app has read everything, and said so.
async fn up_to_date(world: &World, device: &Device) -> i64 {
    let (seen, _) = reads(world, device, 0, "the first thing").await;
    let (seen, gap) = reads(world, device, seen, "the second thing").await;
    assert!(!gap);
    device
        .until("all read", |snapshot| !snapshot.needs_resync)
        .await;
    seen
}

/// The connection id of the device's socket at the server.
async fn connection(world: &World, device: &Device) -> String {
    let one = world.control().wait_for_sockets(|sockets| {
        let own = sockets.iter().filter(|socket| socket.user.is_some());
        own.count() == 1
    });
    let sockets = device.patiently("one socket", one).await;
    let own = sockets.into_iter().find(|socket| socket.user.is_some());
    own.expect("a socket").connection_id
}

/// The next socket that the server opens, from a place in its log on.
async fn dialled(world: &World, device: &Device, from: usize) -> RequestRecord {
    let upgraded = world.control().wait_from(from, |record| {
        record.path.ends_with("/websocket") && record.status == Some(101)
    });
    device.patiently("a socket", upgraded).await
}

/// The network goes, somebody posts, and it comes back. Answers how the socket was dialled then.
async fn missed(world: &World, device: &Device, message: &str) -> RequestRecord {
    device.say_network(NetworkPath::Down);
    device
        .until("offline", |snapshot| snapshot.link == Link::Offline)
        .await;
    let left = world.control().wait_for_sockets(<[_]>::is_empty);
    device.patiently("no socket", left).await;
    world.control().post(world.bob.name, message);
    let from = world.control().request_count();
    device.say_network(NetworkPath::Up);
    let record = dialled(world, device, from).await;
    device.until_live().await;
    record
}

/// The app learns of a loss: it has to read again, and then goes on without one.
async fn told_of_a_gap(world: &World, device: &Device, seen: i64) {
    device
        .until("a live link after a gap", |snapshot| {
            snapshot.link == Link::Live
                && snapshot.needs_resync
                && Shown::of(snapshot) == Shown::Content
        })
        .await;
    let batch = events(device, seen).await;
    assert!(batch.gap, "{batch:?}");
    let (seen, gap) = reads(world, device, batch.last_seq, "after the gap").await;
    assert!(!gap);
    let (_, gap) = reads(world, device, seen, "and after that").await;
    assert!(!gap);
    device
        .until("all read", |snapshot| !snapshot.needs_resync)
        .await;
}

fn never_signed_out(world: &World, device: &Device) {
    let shown = device.shown();
    assert!(
        !shown.iter().any(|shown| matches!(shown, Shown::SignIn(_))),
        "{shown:?}"
    );
    assert!(device.told().is_empty(), "{:?}", device.told());
    assert_eq!(world.control().sessions(world.alice.name).len(), 1);
}

async fn a_connection_that_the_server_cannot_take_up_again_is_a_gap(world: &World) {
    let device = world.signed_in(Kind::Desktop).await;
    let mut seen = up_to_date(world, &device).await;
    let before = connection(world, &device).await;
    let wanted = format!("connection_id={before}");

    // It can: nothing is lost, and nobody has to read again.
    let resumed = missed(world, &device, "missed and kept").await;
    assert!(resumed.query.contains(&wanted), "{resumed:?}");
    let (seen, gap) = until_read(&device, &mut seen, "missed and kept").await;
    assert!(!gap);
    assert!(!device.snapshot().needs_resync);
    assert_eq!(connection(world, &device).await, before);

    world.control().lose_resumes(true);
    let resumed = missed(world, &device, "missed").await;
    assert!(resumed.query.contains(&wanted), "{resumed:?}");
    told_of_a_gap(world, &device, seen).await;
    assert_ne!(connection(world, &device).await, before);
    never_signed_out(world, &device);
}

/// Hazard A22.
async fn a_socket_that_is_too_slow_for_the_server_is_a_gap(world: &World) {
    let device = world.signed_in(Kind::Desktop).await;
    let seen = up_to_date(world, &device).await;
    let before = connection(world, &device).await;
    let from = world.control().request_count();
    world
        .control()
        .settings(|settings| settings.websocket_send_queue = 2);
    device.network.freeze(true);
    let large = "x".repeat(LARGE);
    for _ in 0..FLOOD {
        world.control().post(world.bob.name, &large);
    }
    world
        .control()
        .settings(|settings| settings.websocket_send_queue = 256);
    device.network.freeze(false);
    let dropped = world
        .control()
        .wait_for_sockets(|sockets| !sockets.iter().any(|socket| socket.connection_id == before));
    device.patiently("a dropped socket", dropped).await;
    dialled(world, &device, from).await;
    told_of_a_gap(world, &device, seen).await;
    assert_ne!(connection(world, &device).await, before);
    let dials = world.control().requests().split_off(from);
    let dials = dials
        .iter()
        .filter(|record| record.path.ends_with("/websocket"));
    assert_eq!(dials.count(), 1, "a storm");
    assert!(!device.shown().contains(&Shown::Cover));
    never_signed_out(world, &device);
}

/// A server would take it up, under the same id and with the next number, and say nothing of what it did not send.
async fn a_socket_that_failed_is_never_taken_up_again(world: &World) {
    let other = world.signed_in(Kind::IPhone).await;
    let elsewhere = other.own_session().await;
    other.suspend().await;
    let device = world.signed_in(Kind::Desktop).await;
    let seen = up_to_date(world, &device).await;
    let before = connection(world, &device).await;

    // The end of another session has the server look at this user's sockets anew, while it has no database.
    world.control().database(Database::Stopped);
    world.control().clear_token_cache();
    assert!(world.control().revoke_session(&elsewhere));
    let from = world.control().request_count();
    let failed = device
        .core()
        .send(device.account(), "get_statuses", Value::Null)
        .await;
    world.expect_error(failed);
    device.until_shows(Shown::Cover).await;
    world.control().database(Database::Healthy);
    world
        .control()
        .post(world.bob.name, "while the socket was mute");
    device.look_until(Shown::Content).await;
    let record = dialled(world, &device, from).await;
    assert!(!record.query.contains("connection_id"), "{record:?}");
    told_of_a_gap(world, &device, seen).await;
    assert_ne!(connection(world, &device).await, before);
    never_signed_out(world, &device);
}
