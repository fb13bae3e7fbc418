//! Servers of other generations, and servers that are hardened, busy or hidden behind the page of a proxy: each session ends
//! when it has ended, and not before.

use std::time::Duration;

use steadfast::{Error, Link, Method, Request, Standing};
use steadfast_acceptance::{Device, Shown, World, cases};
use steadfast_lab::device::message::Kind;
use steadfast_testserver::Database;

cases![
    a_socket_that_outlives_its_session_is_found_out,
    an_access_token_whose_socket_was_silenced_goes_on,
    pages_of_a_proxy_end_nothing,
    a_hardened_server_ends_nothing,
    a_missing_second_factor_told_with_401_ends_nothing,
    a_busy_server_ends_nothing,
];

/// The session is good again, was all the time, and nobody was told otherwise.
async fn nothing_ended(world: &World, device: &Device) {
    device.suspend().await;
    device.open().await;
    device
        .until("a live link", |snapshot| {
            snapshot.link == Link::Live && Shown::of(snapshot) == Shown::Content
        })
        .await;
    assert_eq!(device.verify().await, Standing::Active);
    let shown = device.shown();
    assert!(
        !shown.iter().any(|shown| matches!(shown, Shown::SignIn(_))),
        "{shown:?}"
    );
    assert!(device.told().is_empty());
    assert_eq!(world.control().sessions(world.alice.name).len(), 1);
}

/// Waits until the server has answered the device so, from a place in its log on.
async fn until_answered(world: &World, device: &Device, from: usize, status: u16) {
    let answered = world
        .control()
        .wait_from(from, |record| record.status == Some(status));
    device.patiently("an answer", answered).await;
}

/// Servers from 6 to 9: events go on, and the next question on the socket fails. Nothing else asks here.
async fn a_socket_that_outlives_its_session_is_found_out(world: &World) {
    let device = world.signed_in(Kind::Desktop).await;
    world
        .control()
        .settings(|settings| settings.sockets_outlive_revokes = true);
    world.revoke(&world.alice);
    world.control().post(world.bob.name, "still heard");
    let sockets = world.control().live_sockets();
    assert!(
        sockets.iter().all(|socket| socket.authenticated),
        "{sockets:?}"
    );
    device.until_expired().await;
}

/// The newest servers take the token from every socket when everyone is revoked; an access token is good all the same.
async fn an_access_token_whose_socket_was_silenced_goes_on(world: &World) {
    let admin = world.device(Kind::Desktop).await;
    admin.sign_in_and_connect(&world.admin).await;
    let device = world.device(Kind::Android).await;
    let (_, token) = world.control().create_access_token(world.alice.name);
    let server = device.server();
    let adopted = device.core().adopt_token(&server, token.as_str());
    adopted.await.expect("adopted");
    device.until_live().await;
    world.sessions_grow_up();
    world
        .control()
        .settings(|settings| settings.revoking_everyone_silences_sockets = true);
    let everyone = Request::new(Method::Post, "/api/v4/users/sessions/revoke/all");
    let answer = admin.request(everyone).await.expect("an answer");
    assert_eq!(answer.status, 200);
    admin.until_expired().await;
    nothing_ended(world, &device).await;
}

async fn pages_of_a_proxy_end_nothing(world: &World) {
    let device = world.signed_in(Kind::IPhone).await;
    for status in [502, 503, 504] {
        let from = world.control().request_count();
        world.control().maintenance(Some(status));
        world.control().restart(Duration::from_millis(10)).await;
        device
            .until("a broken link", |snapshot| snapshot.link != Link::Live)
            .await;
        until_answered(world, &device, from, status).await;
        let own = Request::new(Method::Get, "/api/v4/users/me");
        match device.request(own).await {
            Ok(answer) => assert_eq!(answer.status, status),
            Err(error) => assert_ne!(error, Error::NotSignedIn),
        }
        world.control().maintenance(None);
        nothing_ended(world, &device).await;
    }
}

/// Its troubles come without an id; then the database is back.
async fn a_hardened_server_ends_nothing(world: &World) {
    let device = world.signed_in(Kind::Android).await;
    world
        .control()
        .settings(|settings| settings.hardened_mode = true);
    world.control().database(Database::Stopped);
    let from = world.control().request_count();
    let own = Request::new(Method::Get, "/api/v4/users/me/sessions");
    let answer = device.request(own).await.expect("an answer");
    assert_eq!(answer.status, 500);
    let asked = device.core().verify(device.account(), Duration::ZERO).await;
    asked.expect("asked");
    until_answered(world, &device, from, 500).await;
    world.control().database(Database::Healthy);
    nothing_ended(world, &device).await;
}

/// Early 5.x.
async fn a_missing_second_factor_told_with_401_ends_nothing(world: &World) {
    let device = world.signed_in(Kind::Desktop).await;
    world
        .control()
        .settings(|settings| settings.mfa_required_with_401 = true);
    world.control().mfa_enforced(true);
    let from = world.control().request_count();
    let own = Request::new(Method::Get, "/api/v4/users/me/sessions");
    if let Err(error) = device.request(own).await {
        assert_ne!(error, Error::NotSignedIn);
    }
    until_answered(world, &device, from, 401).await;
    assert_eq!(device.verify().await, Standing::Active);
    world.control().mfa_enforced(false);
    nothing_ended(world, &device).await;
}

async fn a_busy_server_ends_nothing(world: &World) {
    let device = world.signed_in(Kind::IPhone).await;
    world.control().settings(|settings| settings.busy = true);
    let search = Request::new(Method::Post, "/api/v4/users/search")
        .json(&serde_json::json!({"term": "bob"}));
    let answer = device.request(search).await.expect("an answer");
    assert_eq!(answer.status, 503);
    assert_eq!(device.snapshot().link, Link::Live);
    nothing_ended(world, &device).await;
}
