//! The server restarts: sockets end, sessions are kept, and every device comes back by itself.

use std::time::Duration;

use futures_util::future::join_all;
use steadfast::{Link, Standing};
use steadfast_acceptance::{Options, Shown, World, cases};
use steadfast_faults::{Answer, Match};
use steadfast_lab::device::message::Kind;

cases![
    devices_come_back_by_themselves,
    a_session_revoked_while_the_server_was_down_ends,
    the_question_after_a_start_needs_nothing_but_an_address_and_a_token,
];

async fn devices_come_back_by_themselves(world: &World) {
    let devices = join_all(Kind::ALL.map(|kind| world.device(kind))).await;
    for device in &devices {
        device.sign_in_and_connect(&world.alice).await;
    }
    world.sessions_grow_up();
    world.control().restart(Duration::from_secs(3)).await;
    for device in &devices {
        device.until_live().await;
        assert_eq!(device.verify().await, Standing::Active);
        assert!(!device.shown().contains(&Shown::EXPIRED));
        assert!(device.told().is_empty());
    }
}

async fn a_session_revoked_while_the_server_was_down_ends(world: &World) {
    let device = world.signed_in(Kind::IPhone).await;
    let restarting = world.control().restart(Duration::from_secs(2));
    let revoking = async {
        device
            .until("a lost link", |snapshot| snapshot.link != Link::Live)
            .await;
        world.revoke(&world.alice);
    };
    tokio::join!(restarting, revoking);
    device.until_expired().await;
}

/// Hazard D20.
async fn the_question_after_a_start_needs_nothing_but_an_address_and_a_token(world: &World) {
    const ME: &str = "/api/v4/users/me";
    let options = Options::meddling();
    let mut device = world.signed_in_with(Kind::IPhone, options).await;
    device.switch_off().await;
    // Whatever else might be asked for first is not to be had: no configuration, no health, no socket.
    let broken = Match::when(|request| request.path != ME);
    device.network.answer(Answer::new(500).on(broken));
    let before = device.network.requests().len();
    device.switch_on();
    device.open().await;
    assert_eq!(device.verify().await, Standing::Active);
    assert_eq!(device.shows(), Shown::Content);
    let asked = device.network.requests().split_off(before);
    let before_it = asked.iter().take_while(|request| request.path != ME);
    assert!(
        before_it.clone().all(|request| request.upgrade),
        "{asked:#?}"
    );
    device.network.clear();
    device.until_live().await;
}
