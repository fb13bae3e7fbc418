//! The server restarts: sockets end, sessions are kept, and every device comes back by itself.

use std::time::Duration;

use futures_util::future::join_all;
use steadfast::{Link, Standing};
use steadfast_acceptance::{Shown, World, cases};
use steadfast_lab::device::message::Kind;

cases![
    devices_come_back_by_themselves,
    a_session_revoked_while_the_server_was_down_ends
];

async fn devices_come_back_by_themselves(world: &World) {
    let devices = join_all(Kind::ALL.map(|kind| world.device(kind))).await;
    for device in &devices {
        device.sign_in_and_connect(&world.alice).await;
    }
    world.sessions_grow_up();
    world.control().restart(Duration::from_secs(3)).await;
    for device in &devices {
        device
            .until("a live link", |snapshot| snapshot.link == Link::Live)
            .await;
        assert_eq!(device.verify().await, Standing::Active);
        assert!(!device.shown().contains(&Shown::EXPIRED));
        assert!(device.told().is_empty());
    }
}

async fn a_session_revoked_while_the_server_was_down_ends(world: &World) {
    let device = world.device(Kind::IPhone).await;
    device.sign_in_and_connect(&world.alice).await;
    world.sessions_grow_up();
    let session = world.control().sessions(world.alice.name)[0].id.clone();
    let restarting = world.control().restart(Duration::from_secs(2));
    let revoking = async {
        device
            .until("a lost link", |snapshot| snapshot.link != Link::Live)
            .await;
        assert!(world.control().revoke_session(&session));
    };
    tokio::join!(restarting, revoking);
    device.until_expired().await;
}
