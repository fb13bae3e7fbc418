//! A server of the time of the classic apps: other ids, sockets that resume nothing and go on hearing events after their session
//! was revoked. A session there ends when it has ended, and with the same words.

use std::time::Duration;

use steadfast::{EventBatch, Link, Method, Request, Standing};
use steadfast_acceptance::{Device, Options, Shown, World, cases};
use steadfast_lab::device::message::Kind;
use steadfast_testserver::Control;

cases![
    revoked_while_suspended_and_out_on_resume,
    revoked_while_the_socket_goes_on,
    the_network_is_lost_and_comes_back,
];

/// Signed in at the older server, with a live socket.
async fn signed_in(world: &World, kind: Kind) -> (Device, &Control) {
    let device = world.device_with(kind, Options::older_server()).await;
    device.sign_in_and_connect(&world.alice).await;
    let control = world.older_server().await.control();
    control.clock_advance(Duration::from_secs(60));
    let version = device.snapshot().server_version;
    assert!(version.starts_with("5.37."), "{version:?}");
    (device, control)
}

fn revoke(world: &World, control: &Control) {
    let sessions = control.sessions(world.alice.name);
    assert_eq!(sessions.len(), 1);
    assert!(control.revoke_session(&sessions[0].id));
}

async fn out_with_the_usual_words(world: &World, device: &Device) {
    device.until_expired().await;
    let told = device.until_told(1).await;
    assert_eq!(told.len(), 1);
    // The same person again, at once.
    device.sign_in_and_connect(&world.alice).await;
    assert_eq!(device.verify().await, Standing::Active);
}

/// The end meets a device that cannot be reached, and waits for it.
async fn revoked_while_suspended_and_out_on_resume(world: &World) {
    let (device, control) = signed_in(world, Kind::IPhone).await;
    device.suspend().await;
    device.airplane_on();
    revoke(world, control);
    device.airplane_off();
    device.open().await;
    out_with_the_usual_words(world, &device).await;
}

/// The socket hears events as before; the next request of the app finds the end out.
async fn revoked_while_the_socket_goes_on(world: &World) {
    let (device, control) = signed_in(world, Kind::Android).await;
    revoke(world, control);
    control.post(world.bob.name, "still heard");
    let sockets = control.live_sockets();
    assert!(
        sockets.iter().any(|socket| socket.authenticated),
        "{sockets:?}"
    );
    let own = Request::new(Method::Get, "/api/v4/users/me");
    if let Ok(answer) = device.request(own).await {
        assert_eq!(answer.status, 401);
    }
    out_with_the_usual_words(world, &device).await;
}

async fn events(device: &Device, after: i64) -> EventBatch {
    let events = device.core().events(device.account(), after);
    let batch = device.patiently("events", events).await;
    batch.expect("events")
}

async fn the_network_is_lost_and_comes_back(world: &World) {
    let (device, control) = signed_in(world, Kind::IPhone).await;
    let mut seen = 0;
    for _ in 0..2 {
        // The app reads again what it shows, and goes on from there.
        control.post(world.bob.name, "heard");
        let batch = events(&device, seen).await;
        control.post(world.bob.name, "heard too");
        seen = events(&device, batch.last_seq).await.last_seq;
        device
            .until("all read", |snapshot| !snapshot.needs_resync)
            .await;
        let before = control.request_count();
        device.airplane_on();
        device
            .until("offline", |snapshot| snapshot.link == Link::Offline)
            .await;
        assert_eq!(device.shows(), Shown::Content);
        device.airplane_off();
        // There is no resume, so the app has to read again what it shows.
        device
            .until("a live link after a gap", |snapshot| {
                snapshot.link == Link::Live && snapshot.needs_resync
            })
            .await;
        let dialled = control.requests().split_off(before);
        assert!(
            dialled
                .iter()
                .any(|record| record.path.ends_with("/websocket")),
            "{dialled:?}"
        );
    }
    assert_eq!(device.verify().await, Standing::Active);
    assert!(
        !device
            .shown()
            .iter()
            .any(|shown| matches!(shown, Shown::SignIn(_) | Shown::Cover))
    );
    assert!(device.told().is_empty());
    assert_eq!(control.sessions(world.alice.name).len(), 1);
}
