//! Settings and troubles of a server's own that are no end of a session: everything works under them, or is told by its name,
//! and nobody is signed out for them.

use std::time::Duration;

use serde_json::{Value, json};
use steadfast::{Link, Method, Request, SignIn, Standing};
use steadfast_acceptance::{Shown, World, cases};
use steadfast_lab::device::message::Kind;
use steadfast_testserver::{HealthQuery, PushAnswer};

cases![
    strict_protection_against_forged_requests_hinders_nothing,
    an_address_that_is_not_verified_is_told_as_that,
    a_bot_is_told_that_it_may_not_sign_in,
    a_push_proxy_that_fails_costs_no_more_than_the_push,
    a_push_proxy_that_forgot_the_device_costs_no_more_than_the_push,
    a_server_that_does_not_say_how_it_is_ends_nobody_at_the_second_look,
];

/// The core sends no cookies, so there is nothing that could be forged, and nothing to protect.
///
/// Hazard E15.
async fn strict_protection_against_forged_requests_hinders_nothing(world: &World) {
    world
        .control()
        .settings(|settings| settings.strict_csrf = true);
    let desktop = world.signed_in(Kind::Desktop).await;
    let phone = world.signed_in(Kind::IPhone).await;
    let channel = world.control().channel_id();
    let post = Request::new(Method::Post, "/api/v4/posts")
        .json(&json!({"channel_id": channel, "message": "nobody forged this"}));
    let posted = phone.request(post).await.expect("an answer");
    assert_eq!(posted.status, 201);
    let statuses = phone
        .core()
        .send(phone.account(), "get_statuses", Value::Null);
    assert!(statuses.await.expect("a reply").is_object());
    let on_desktop = desktop.own_session().await;
    let ended = phone.core().end_session(phone.account(), &on_desktop).await;
    ended.expect("ended");
    desktop.until_expired().await;
    assert_eq!(phone.verify().await, Standing::Active);
    assert_eq!(phone.shows(), Shown::Content);
    let signed_out = phone.core().sign_out(phone.account()).await;
    signed_out.expect("signed out");
    world.until_sessions(&world.alice, 0).await;
    assert!(phone.told().is_empty(), "{:?}", phone.told());
}

/// Hazard D11.
async fn an_address_that_is_not_verified_is_told_as_that(world: &World) {
    let device = world.device(Kind::IPhone).await;
    world
        .control()
        .settings(|settings| settings.require_email_verification = true);
    world.control().email_verified(world.alice.name, false);
    let sign_in = || device.core().sign_in(world.alice.types(&device.server()));
    let error = world.expect_error(sign_in().await);
    assert_eq!(error.code(), "email_not_verified");
    assert!(!error.is_retryable());
    assert!(device.core().accounts().is_empty());
    assert!(world.control().sessions(world.alice.name).is_empty());
    world.control().email_verified(world.alice.name, true);
    device.sign_in_and_connect(&world.alice).await;
}

/// Hazard D11.
async fn a_bot_is_told_that_it_may_not_sign_in(world: &World) {
    let device = world.device(Kind::Android).await;
    world.control().create_bot("robot");
    let form = SignIn {
        login_id: "robot".to_owned(),
        ..world.alice.types(&device.server())
    };
    let error = world.expect_error(device.core().sign_in(form).await);
    assert_eq!(error.code(), "sign_in_forbidden");
    assert!(!error.is_retryable());
    assert!(device.core().accounts().is_empty());
    assert!(world.control().sessions("robot").is_empty());
}

/// The server has noted this id for the only session of Alice's that has not expired.
async fn until_attached(world: &World, device_id: &str) {
    let attached = world.until_server(|control| {
        let now = control.now_ms();
        let mut sessions = control.sessions(world.alice.name);
        sessions.retain(|session| session.expires_at > now);
        matches!(sessions.as_slice(), [session] if session.device_id == device_id)
    });
    assert!(attached.await, "the device id was not attached");
}

async fn pushes_do_not_arrive(world: &World, answer: PushAnswer) {
    world
        .control()
        .settings(|settings| settings.push_notifications = true);
    world.control().push_answer(answer);
    let phone = world.signed_in(Kind::IPhone).await;
    let renewed = Kind::IPhone.new_device_id().expect("a phone has one");
    let set = phone.core().set_device_id(Some(renewed.clone())).await;
    set.expect("the device id taken");
    until_attached(world, &renewed).await;

    // The expiry that the server would have told of is found out by asking, and told once.
    phone.suspend().await;
    let sessions = world.control().sessions(world.alice.name);
    assert!(world.control().expire_session(&sessions[0].id));
    assert_eq!(world.control().run_expiry_job().await, 1);
    let tried = world
        .control()
        .wait_for_push(|push| push.body["type"] == "session");
    phone.patiently("a push that is tried", tried).await;
    phone.open().await;
    phone.until_expired().await;
    assert_eq!(phone.until_told(1).await.len(), 1);

    // Who signs in again is known to the server under the same id, whatever the push proxy said of it.
    phone.sign_in_and_connect(&world.alice).await;
    until_attached(world, &renewed).await;
    assert_eq!(phone.verify().await, Standing::Active);
    assert_eq!(phone.told().len(), 1);
}

/// Hazard D16.
async fn a_push_proxy_that_fails_costs_no_more_than_the_push(world: &World) {
    pushes_do_not_arrive(world, PushAnswer::Fail).await;
}

/// The server then takes the id off the session.
///
/// Hazard D16.
async fn a_push_proxy_that_forgot_the_device_costs_no_more_than_the_push(world: &World) {
    pushes_do_not_arrive(world, PushAnswer::Remove).await;
}

/// A ping of old, or one that a proxy answers. The same evidence with a healthy database would have ended it at the second
/// look; here it stays covered. That four pieces over twelve minutes then end it is shown in virtual time, by
/// `health_that_cannot_be_known_needs_four_pieces_over_twelve_minutes` of the machine's tests.
async fn a_server_that_does_not_say_how_it_is_ends_nobody_at_the_second_look(world: &World) {
    let device = world.signed_in(Kind::Desktop).await;
    world.control().health_query(HealthQuery::Absent);
    world.revoke(&world.alice);
    let mut from = world.control().request_count();
    let asked = device.core().verify(device.account(), Duration::ZERO).await;
    asked.expect("asked");
    device.until_shows(Shown::Cover).await;
    for _ in 0..2 {
        for (path, status) in [("/system/ping", 200), ("/users/me", 401)] {
            let look = world.control().wait_from(from, |record| {
                let about_health = record.query.contains("get_server_status");
                record.path.ends_with(path)
                    && about_health == path.ends_with("ping")
                    && record.status == Some(status)
            });
            from = device.patiently("a look", look).await.number + 1;
        }
    }
    // The time of one more look, which the user asks for, ends nothing either.
    let asked = device
        .core()
        .verify(device.account(), Duration::from_secs(5));
    assert_eq!(asked.await, Ok(Standing::Suspect));
    assert_eq!(device.shows(), Shown::Cover);
    assert!(device.told().is_empty(), "{:?}", device.told());
    // It was the silence about its health that held the verdict back.
    world.control().health_query(HealthQuery::Answered);
    device.look_until(Shown::EXPIRED).await;
    device.until_expired().await;
    assert_eq!(device.until_told(1).await.len(), 1);
    assert_ne!(device.snapshot().link, Link::Live);
}
