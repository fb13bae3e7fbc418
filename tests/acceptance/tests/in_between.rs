//! Boxes in between that keep the connection and spoil what comes over it: slow, stale, altered, swollen, silent.

use std::time::Duration;

use steadfast::{Error, Link, Method, Request, Standing};
use steadfast_acceptance::{Device, Options, Shown, World, cases};
use steadfast_faults::{Answer, Match, Side};
use steadfast_lab::device::message::Kind;
use steadfast_testserver::Database;

cases![
    an_answer_that_drips_ends_at_the_deadline_and_harms_nobody,
    a_gateway_that_gives_up_is_no_verdict,
    a_body_that_would_unpack_to_a_gigabyte_is_left_packed,
    a_cached_401_is_no_evidence,
    a_revocation_behind_replaced_bodies_covers,
    a_revocation_behind_rewritten_ids_covers,
    an_upgrade_that_is_let_through_and_then_silent_is_no_link,
];

const ME: &str = "/api/v4/users/me";
/// Nobody but the app asks for them.
const TEAMS: &str = "/api/v4/users/me/teams";

async fn connected(world: &World) -> Device {
    world
        .signed_in_with(Kind::IPhone, Options::meddling())
        .await
}

/// The box is gone, and nothing of it stays behind.
async fn well_again(device: &Device) {
    device.network.clear().reset();
    device.verify().await;
    device.look_until(Shown::Content).await;
    device.until_live().await;
    assert!(!device.shown().contains(&Shown::EXPIRED));
    assert!(device.told().is_empty(), "{:?}", device.told());
}

/// Hazard A14.
async fn an_answer_that_drips_ends_at_the_deadline_and_harms_nobody(world: &World) {
    let device = connected(world).await;
    // It begins to drip once the server has the request: a connection that drips from its first byte is given up after 10 s.
    world.control().hold_back(Some(TEAMS));
    let dripping = async {
        let arrived = world
            .control()
            .wait_from(0, |record| record.path == TEAMS && record.status.is_some());
        device.patiently("the request at the server", arrived).await;
        // Bytes come all the time, so only the deadline for the whole, which is 30 s, can end it.
        device
            .network
            .trickle(Side::Server, (1, Duration::from_millis(200)));
        world.control().hold_back(None);
    };
    let began = std::time::Instant::now();
    let asked = device.request(Request::new(Method::Get, TEAMS));
    let (answer, ()) = tokio::join!(asked, dripping);
    let error = world.expect_error(answer);
    assert_eq!(error, Error::Timeout);
    assert!(began.elapsed() >= Duration::from_secs(25), "it dripped");
    let standing = device
        .core()
        .verify(device.account(), Duration::from_secs(2))
        .await;
    assert_ne!(standing, Ok(Standing::Ended));
    well_again(&device).await;
}

/// Hazard A13.
async fn a_gateway_that_gives_up_is_no_verdict(world: &World) {
    let device = connected(world).await;
    let page = "<html><h1>504 Gateway Time-out</h1></html>";
    let held = Duration::from_secs(3);
    device
        .network
        .answer(Answer::new(504).html(page).after(held))
        .reset();
    let began = std::time::Instant::now();
    let standing = device
        .core()
        .verify(device.account(), Duration::from_secs(20))
        .await;
    assert_eq!(standing, Ok(Standing::Active));
    assert!(began.elapsed() >= held);
    // The gateway that says nothing at the end of its patience, and closes.
    device.network.clear_answers().freeze(true);
    let asked = device
        .core()
        .verify(device.account(), Duration::from_secs(2));
    assert_eq!(asked.await, Ok(Standing::Active));
    device.network.close_after(Side::Server, 0).freeze(false);
    let asked = device
        .core()
        .verify(device.account(), Duration::from_secs(5));
    assert_eq!(asked.await, Ok(Standing::Active));
    assert_eq!(device.shows(), Shown::Content);
    assert!(!device.shown().contains(&Shown::Cover));
    well_again(&device).await;
}

/// Hazard A16.
async fn a_body_that_would_unpack_to_a_gigabyte_is_left_packed(world: &World) {
    let device = connected(world).await;
    device.network.answer(Answer::gzip_bomb(200));
    // An app's request gets it as it came.
    let response = device.request(Request::new(Method::Get, ME)).await;
    let response = response.expect("an answer");
    assert_eq!(response.body.len(), 1_040_480);
    assert_eq!(response.body[..2], [0x1f, 0x8b]);
    // The core itself does not even read that much, and learns nothing from it.
    for status in [200, 401] {
        device
            .network
            .clear_answers()
            .answer(Answer::gzip_bomb(status).mattermost_headers());
        let standing = device
            .core()
            .verify(device.account(), Duration::from_secs(10))
            .await;
        assert_ne!(standing, Ok(Standing::Ended));
    }
    well_again(&device).await;
}

/// Hazard A33.
async fn a_cached_401_is_no_evidence(world: &World) {
    let device = connected(world).await;
    // The server's own false 401 while its database is away, kept by a cache that knows no queries.
    device.network.replay(Match::path(ME));
    world.control().database(Database::Stopped);
    world.control().clear_token_cache();
    let response = device.request(Request::new(Method::Get, ME)).await;
    assert_eq!(response.expect("an answer").status, 401);
    world.control().database(Database::Healthy);
    let questions = || {
        let at_the_server = world.control().requests();
        let at_the_server = at_the_server.iter().filter(|request| request.path == ME);
        let on_the_way = device.network.requests();
        let on_the_way = on_the_way.iter().filter(|request| request.path == ME);
        (at_the_server.count(), on_the_way.count())
    };
    let before = questions();
    // Somebody who looks while a question is under way, or soon after one, gets no other.
    let asked_thrice = async {
        while questions().1 < before.1 + 3 {
            let standing = device
                .core()
                .verify(device.account(), Duration::from_secs(5))
                .await;
            assert_ne!(standing, Ok(Standing::Ended));
        }
    };
    device.patiently("three questions", asked_thrice).await;
    let at_the_server = questions().0;
    assert_eq!(at_the_server, before.0, "the cache answered");
    well_again(&device).await;
}

/// Revoked behind a box that spoils the evidence.
async fn revoked(world: &World, device: &Device) {
    // What the server tells only those who are signed in must have been seen once, to be missed later.
    let configuration = world.control().wait_from(0, |record| {
        record.path.ends_with("/config/client") && record.had_token && record.status == Some(200)
    });
    device.patiently("the configuration", configuration).await;
    assert_eq!(device.verify().await, Standing::Active);
    world.revoke(&world.alice);
    let asked = device
        .core()
        .verify(device.account(), Duration::from_secs(5))
        .await;
    asked.expect("asked");
}

/// Hazard D25.
async fn a_revocation_behind_replaced_bodies_covers(world: &World) {
    let device = connected(world).await;
    device
        .network
        .replace_bodies(401, ("text/html", "<h1>Sorry</h1>"));
    revoked(world, &device).await;
    // What a box says is no proof, however often it says so.
    device.until_shows(Shown::Cover).await;
    device.network.clear();
    device.look_until(Shown::EXPIRED).await;
    device.until_expired().await;
    assert_eq!(device.until_told(1).await.len(), 1);
}

/// Hazard D25.
async fn a_revocation_behind_rewritten_ids_covers(world: &World) {
    let device = connected(world).await;
    device.network.rewrite_request_ids(true);
    assert_eq!(device.verify().await, Standing::Active);
    revoked(world, &device).await;
    // No proof, but doubt enough to show nothing.
    device.until_shows(Shown::Cover).await;
    device.network.clear();
    device.look_until(Shown::EXPIRED).await;
    device.until_expired().await;
    assert_eq!(device.until_told(1).await.len(), 1);
}

/// Hazard A20.
async fn an_upgrade_that_is_let_through_and_then_silent_is_no_link(world: &World) {
    let device = connected(world).await;
    let before = device
        .until_links("live", |links| links.last() == Some(&Link::Live))
        .await;
    let seen = before.len();
    device.network.mute_upgraded(true).reset();
    // A socket that has said nothing within its time is given up for the next.
    let links = device
        .until_links("a socket given up", |links| {
            let after = &links[seen..];
            let connecting = after.iter().position(|link| *link == Link::Connecting);
            connecting.is_some_and(|at| {
                after[at..]
                    .iter()
                    .any(|link| matches!(link, Link::Waiting { .. }))
            })
        })
        .await;
    assert!(!links[seen..].contains(&Link::Live), "{links:?}");
    // The session needs no socket.
    assert_eq!(device.verify().await, Standing::Active);
    assert_eq!(device.shows(), Shown::Content);
    well_again(&device).await;
}
