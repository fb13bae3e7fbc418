//! The server asks to be left alone for a while. It is, and nobody is signed out.

use std::time::Duration;

use steadfast::Link;
use steadfast_acceptance::{Options, Shown, World, cases};
use steadfast_faults::{Answer, Match};
use steadfast_lab::device::message::Kind;

cases![
    a_socket_that_is_turned_away_waits_as_long_as_it_was_asked_to,
    a_network_change_does_not_shorten_what_the_server_asked_for,
    a_sign_in_that_is_turned_away_says_for_how_long,
];

const ASKED: Duration = Duration::from_secs(8);

fn limited() -> Answer {
    Answer::new(429)
        .body("text/plain; charset=utf-8", "limit exceeded\n")
        .header("retry-after", &ASKED.as_secs().to_string())
}

async fn turned_away(world: &World, change_network: bool) {
    let device = world
        .signed_in_with(Kind::IPhone, Options::meddling())
        .await;
    let before = device.network.report().requests.len() as u64;
    let once = limited()
        .on(Match::when(|request| request.upgrade))
        .times(1);
    device.network.answer(once).reset();
    let seen = device
        .network
        .wait_for_request(|request| request.upgrade && request.number > before);
    let first = device.patiently("an upgrade", seen).await;
    device
        .until("waiting", |snapshot| {
            matches!(snapshot.link, Link::Waiting { .. })
        })
        .await;
    if change_network {
        device.airplane_off();
    }
    let again = device
        .network
        .wait_for_request(|request| request.upgrade && request.number > first.number);
    let second = device.patiently("another upgrade", again).await;
    let waited = second.at.duration_since(first.at);
    assert!(waited >= ASKED, "{waited:?}");
    device.until_live().await;
    assert!(!device.shown().contains(&Shown::EXPIRED));
    assert!(device.told().is_empty());
}

/// Hazard A12.
async fn a_socket_that_is_turned_away_waits_as_long_as_it_was_asked_to(world: &World) {
    turned_away(world, false).await;
}

async fn a_network_change_does_not_shorten_what_the_server_asked_for(world: &World) {
    turned_away(world, true).await;
}

async fn a_sign_in_that_is_turned_away_says_for_how_long(world: &World) {
    let device = world.device_with(Kind::Android, Options::meddling()).await;
    device
        .network
        .answer(limited().on(Match::path("/api/v4/users/login")));
    let refused = device
        .core()
        .sign_in(world.alice.types(&device.server()))
        .await;
    let error = world.expect_error(refused);
    assert_eq!(error.code(), "rate_limited");
    assert!(error.is_retryable());
    device.network.clear_answers();
    device.sign_in_and_connect(&world.alice).await;
}
