//! MM-T938: revoke one user's sessions.

use std::time::Duration;

use futures_util::future::join_all;
use steadfast::{Method, Request, UserQuery};
use steadfast_acceptance::{Device, Shown, World, cases};
use steadfast_lab::device::message::Kind;

cases![
    idle_devices_go_to_the_sign_in_page_by_themselves_and_others_stay,
    a_device_in_use_goes_to_the_sign_in_page_at_once,
    the_user_can_sign_in_again,
];

/// An idle device is out within this; the rest is allowance for a busy machine.
const BY_ITSELF: Duration = Duration::from_secs(30 + 10);

/// An administrator who has found the user in the list of users.
async fn admin_before(world: &World, name: &str) -> (Device, String) {
    let admin = world.device(Kind::Desktop).await;
    admin.sign_in_and_connect(&world.admin).await;
    let query = UserQuery {
        term: Some(name.to_owned()),
        ..UserQuery::default()
    };
    let users = admin.core().users(admin.account(), query).await;
    let users = users.expect("the list of users");
    let user = users.iter().find(|user| user.username == name);
    let id = user.expect("the user in the list").id.clone();
    (admin, id)
}

/// Revokes the user's sessions as an administrator does.
async fn revoke(world: &World, name: &str) -> Device {
    let (admin, id) = admin_before(world, name).await;
    end_sessions(&admin, &id).await;
    admin
}

async fn end_sessions(admin: &Device, id: &str) {
    let ended = admin.core().end_user_sessions(admin.account(), id).await;
    ended.expect("ended");
}

/// Hazard D18.
async fn idle_devices_go_to_the_sign_in_page_by_themselves_and_others_stay(world: &World) {
    let focused = world.device(Kind::IPhone).await;
    let running = world.device(Kind::Desktop).await;
    let of_bob = world.device(Kind::Android).await;
    for (device, user) in [
        (&focused, &world.alice),
        (&running, &world.alice),
        (&of_bob, &world.bob),
    ] {
        device.sign_in_and_connect(user).await;
    }
    world.sessions_grow_up();
    running.leave().await;
    let admin = revoke(world, world.alice.name).await;
    let took = join_all([&focused, &running].map(Device::until_expired)).await;
    assert!(took.iter().all(|took| *took < BY_ITSELF), "{took:?}");
    for device in [&of_bob, &admin] {
        device.verify().await;
        assert_eq!(device.shows(), Shown::Content);
        assert!(!device.shown().contains(&Shown::Cover));
        assert!(device.told().is_empty());
    }
}

async fn a_device_in_use_goes_to_the_sign_in_page_at_once(world: &World) {
    let phone = world.signed_in(Kind::Android).await;
    let (admin, id) = admin_before(world, world.alice.name).await;
    // Right after one, or it might be the next that the answer below is overtaken by.
    let heartbeat = world.until_heartbeat(&world.alice).await;
    end_sessions(&admin, &id).await;
    let from = world.control().request_count();
    let teams = Request::new(Method::Get, "/api/v4/users/me/teams");
    let answer = phone.request(teams).await;
    // The request waits for the verdict that its own answer caused; on a busy machine the raw answer may come first.
    match answer {
        Ok(response) => assert_eq!(response.status, 401),
        Err(error) => assert_eq!(error.code(), "session_ended"),
    }
    phone.until_expired().await;
    let at_once = world
        .asked_before_a_heartbeat(&world.alice, heartbeat, from)
        .await;
    assert!(at_once, "it waited for its heartbeat instead of asking");
}

async fn the_user_can_sign_in_again(world: &World) {
    let phone = world.signed_in(Kind::IPhone).await;
    revoke(world, world.alice.name).await;
    phone.until_expired().await;
    phone.until_told(1).await;
    phone.sign_in_and_connect(&world.alice).await;
    phone.verify().await;
    assert_eq!(phone.shows(), Shown::Content);
    assert_eq!(phone.core().accounts().len(), 1);
}
