//! The server's database is away. It then answers a good token as it answers a revoked one, a right password as a wrong
//! one, and the end of a living session as "already gone". Nobody is signed out for it, and nothing is taken for done.

use std::time::Duration;

use steadfast::{Method, Reason, Request, Standing};
use steadfast_acceptance::{Device, Shown, World, cases};
use steadfast_lab::device::message::Kind;
use steadfast_testserver::Database;

cases![
    asking_while_the_database_is_stopped_covers_and_comes_back,
    resuming_while_the_database_is_stopped_covers_and_comes_back,
    an_idle_device_whose_socket_fails_comes_back,
    asking_while_the_database_is_frozen_changes_nothing_for_good,
    a_device_that_is_restarted_during_an_outage_stays_suspect_and_comes_back,
    a_revocation_before_an_outage_is_found_after_it,
    a_sign_in_says_that_the_server_has_a_problem,
    a_right_password_after_the_outage_is_right,
    ending_a_session_is_not_already_gone,
    a_sign_out_is_owed_until_it_is_proved,
    the_apps_own_requests_end_nothing,
];

/// The database goes away, and with it what the server remembers of sessions.
fn outage(world: &World, database: Database) {
    world.control().database(database);
    world.control().clear_token_cache();
}

fn back(world: &World) {
    world.control().database(Database::Healthy);
}

/// The server's health was asked for, and answered, at least so many times from a place in its log on.
async fn health_asked(world: &World, device: &Device, mut from: usize, times: usize) {
    for _ in 0..times {
        let asked = world.control().wait_from(from, |record| {
            record.path.ends_with("/system/ping")
                && record.query.contains("get_server_status")
                && record.status.is_some()
        });
        from = device
            .patiently("a question about health", asked)
            .await
            .number
            + 1;
    }
}

/// Has the device ask the server, and does not wait for what comes of it.
async fn ask(device: &Device) {
    let asked = device.core().verify(device.account(), Duration::ZERO).await;
    asked.expect("asked");
}

fn never_signed_out(device: &Device) {
    let shown = device.shown();
    let signed_out = shown
        .iter()
        .skip_while(|shown| **shown != Shown::Content)
        .any(|shown| matches!(shown, Shown::SignIn(_)));
    assert!(!signed_out, "{shown:?}");
    assert!(device.told().is_empty(), "{:?}", device.told());
}

/// Hazard D01. Q4.
async fn asking_while_the_database_is_stopped_covers_and_comes_back(world: &World) {
    let device = world.signed_in(Kind::IPhone).await;
    let from = world.control().request_count();
    outage(world, Database::Stopped);
    ask(&device).await;
    device.until_shows(Shown::Cover).await;
    // Further evidence on the ladder ends nothing either.
    health_asked(world, &device, from, 2).await;
    assert_eq!(device.snapshot().standing, Standing::Suspect);
    back(world);
    device.until_shows(Shown::Content).await;
    never_signed_out(&device);
}

/// Hazard D01. Q4.
async fn resuming_while_the_database_is_stopped_covers_and_comes_back(world: &World) {
    let device = world.signed_in(Kind::Android).await;
    device.suspend().await;
    let from = world.control().request_count();
    outage(world, Database::Stopped);
    device.open().await;
    device.until_shows(Shown::Cover).await;
    health_asked(world, &device, from, 1).await;
    back(world);
    device.until_shows(Shown::Content).await;
    device.until_live().await;
    never_signed_out(&device);
}

/// Hazard D01. Q4.
async fn an_idle_device_whose_socket_fails_comes_back(world: &World) {
    let device = world.signed_in(Kind::Desktop).await;
    let other = world.signed_in(Kind::IPhone).await;
    let elsewhere = other.own_session().await;
    outage(world, Database::Stopped);
    // The server looks at this user's sessions anew, finds no database, and the socket fails for good.
    assert!(world.control().revoke_session(&elsewhere));
    device.until_shows(Shown::Cover).await;
    back(world);
    device.until_shows(Shown::Content).await;
    device.until_live().await;
    never_signed_out(&device);
}

/// Hazard D01.
async fn asking_while_the_database_is_frozen_changes_nothing_for_good(world: &World) {
    let device = world.signed_in(Kind::IPhone).await;
    outage(world, Database::Frozen);
    let standing = device.verify().await;
    assert!(
        matches!(standing, Standing::Active | Standing::Suspect),
        "{standing:?}"
    );
    back(world);
    device.verify().await;
    device.look_until(Shown::Content).await;
    never_signed_out(&device);
}

/// Hazard D01.
async fn a_device_that_is_restarted_during_an_outage_stays_suspect_and_comes_back(world: &World) {
    let mut device = world.signed_in(Kind::Android).await;
    outage(world, Database::Stopped);
    ask(&device).await;
    device.until_shows(Shown::Cover).await;
    device.switch_off().await;
    device.switch_on();
    assert_eq!(device.shows(), Shown::Cover);
    back(world);
    device.until_shows(Shown::Content).await;
    never_signed_out(&device);
}

async fn a_revocation_before_an_outage_is_found_after_it(world: &World) {
    let device = world.signed_in(Kind::IPhone).await;
    device.suspend().await;
    world.revoke(&world.alice);
    let from = world.control().request_count();
    outage(world, Database::Stopped);
    device.open().await;
    device.until_shows(Shown::Cover).await;
    health_asked(world, &device, from, 1).await;
    assert_eq!(device.shows(), Shown::Cover);
    back(world);
    device.until_expired().await;
}

async fn a_sign_in_says_that_the_server_has_a_problem(world: &World) {
    let device = world.device(Kind::IPhone).await;
    outage(world, Database::Stopped);
    let refused = device
        .core()
        .sign_in(world.alice.types(&device.server()))
        .await;
    let error = world.expect_error(refused);
    assert_eq!(error.code(), "server_problem");
    assert!(error.is_retryable());
    assert!(device.core().accounts().is_empty());
}

async fn a_right_password_after_the_outage_is_right(world: &World) {
    let device = world.device(Kind::AndroidClassic).await;
    outage(world, Database::Stopped);
    let refused = device
        .core()
        .sign_in(world.alice.types(&device.server()))
        .await;
    world.expect_error(refused);
    back(world);
    device.sign_in_and_connect(&world.alice).await;
    let mut wrong = world.alice.clone();
    wrong.password.0.push('x');
    let refused = device.core().sign_in(wrong.types(&device.server())).await;
    assert_eq!(world.expect_error(refused).code(), "invalid_credentials");
    assert_eq!(device.shows(), Shown::Content);
}

async fn ending_a_session_is_not_already_gone(world: &World) {
    let phone = world.signed_in(Kind::IPhone).await;
    let desktop = world.signed_in(Kind::Desktop).await;
    let on_phone = phone.own_session().await;
    world.control().database(Database::Stopped);
    let ended = desktop
        .core()
        .end_session(desktop.account(), &on_phone)
        .await;
    let error = world.expect_error(ended);
    assert_ne!(error.code(), "no_such_session");
    assert!(error.is_retryable(), "{error:?}");
    back(world);
    phone.verify().await;
    assert_eq!(phone.shows(), Shown::Content);
    let ended = desktop
        .core()
        .end_session(desktop.account(), &on_phone)
        .await;
    ended.expect("ended");
    phone.until_expired().await;
}

/// Hazard D05.
async fn a_sign_out_is_owed_until_it_is_proved(world: &World) {
    let device = world.signed_in(Kind::IPhoneClassic).await;
    let from = world.control().request_count();
    outage(world, Database::Stopped);
    let signed_out = device.core().sign_out(device.account()).await;
    signed_out.expect("signed out");
    let snapshot = device.snapshot();
    assert_eq!(Shown::of(&snapshot), Shown::SignIn(None));
    assert_eq!(snapshot.reason, Some(Reason::SignedOut));
    // The server says 200 and does nothing.
    let told = world.control().wait_from(from, |record| {
        record.path.ends_with("/users/logout") && record.status == Some(200)
    });
    device.patiently("a sign-out at the server", told).await;
    assert_eq!(world.control().sessions(world.alice.name).len(), 1);
    back(world);
    world.until_sessions(&world.alice, 0).await;
    assert!(device.told().is_empty());
}

/// Hazard D01. Q4.
async fn the_apps_own_requests_end_nothing(world: &World) {
    let device = world.signed_in(Kind::Android).await;
    outage(world, Database::Stopped);
    let request = Request::new(Method::Get, "/api/v4/users/me/teams");
    match device.request(request).await {
        Ok(response) => assert_ne!(response.status, 200),
        Err(error) => assert_ne!(error.code(), "session_ended"),
    }
    back(world);
    device.verify().await;
    device.look_until(Shown::Content).await;
    never_signed_out(&device);
}
