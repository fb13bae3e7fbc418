//! MM-T940: revoke all sessions.

use futures_util::future::join_all;
use steadfast_acceptance::{Device, Options, Shown, World, cases};
use steadfast_lab::device::message::Kind;

cases![
    cancel_touches_no_session,
    every_device_of_everybody_goes_to_the_sign_in_page,
    the_confirming_device_asks_at_once,
    a_strict_device_that_slept_shows_no_content_before_the_sign_in_page,
    a_confirmation_counts_once_and_only_for_its_session,
    a_user_is_not_permitted,
];

async fn admin(world: &World) -> Device {
    let device = world.device(Kind::Desktop).await;
    device.sign_in_and_connect(&world.admin).await;
    device
}

async fn cancel_touches_no_session(world: &World) {
    let admin = admin(world).await;
    let phone = world.device(Kind::IPhone).await;
    phone.sign_in_and_connect(&world.alice).await;
    let question = admin.core().prepare_end_everyone(admin.account()).await;
    // Nobody keeps the confirmation: that is Cancel.
    let question = question.expect("asked").message();
    assert_eq!(
        question.text,
        "This action revokes all sessions in the system. All users will be logged out from all devices. Are you sure \
         you want to revoke all sessions?"
    );
    for device in [&admin, &phone] {
        device.verify().await;
        assert_eq!(device.shows(), Shown::Content);
        assert!(!device.shown().contains(&Shown::Cover));
    }
    let revoked = world
        .control()
        .requests()
        .iter()
        .any(|record| record.path.contains("revoke"));
    assert!(!revoked);
}

async fn every_device_of_everybody_goes_to_the_sign_in_page(world: &World) {
    let admin = admin(world).await;
    let phone = world.device(Kind::IPhone).await;
    let locked = world.device(Kind::AndroidClassic).await;
    let asleep = world.device(Kind::Android).await;
    let of_bob = world.device(Kind::IPhoneClassic).await;
    for (device, user) in [
        (&phone, &world.alice),
        (&locked, &world.alice),
        (&asleep, &world.alice),
        (&of_bob, &world.bob),
    ] {
        device.sign_in_and_connect(user).await;
    }
    world.sessions_grow_up();
    locked.leave().await;
    asleep.suspend().await;

    admin.end_everyone().await;
    let awake = [&admin, &phone, &of_bob, &locked];
    join_all(awake.map(Device::until_expired)).await;

    asleep.forget_shown().await;
    asleep.open().await;
    let shown = asleep.until_shown(Shown::EXPIRED).await;
    let covered = shown.iter().position(|shown| *shown == Shown::Cover);
    if let Some(covered) = covered {
        assert!(!shown[covered..].contains(&Shown::Content), "{shown:?}");
    }
}

async fn the_confirming_device_asks_at_once(world: &World) {
    let admin = admin(world).await;
    world.sessions_grow_up();
    // Right after one: a device that waits for its next would ask a whole interval later.
    let heartbeat = world.until_heartbeat(&world.admin).await;
    let from = world.control().request_count();
    admin.end_everyone().await;
    let at_once = world
        .asked_before_a_heartbeat(&world.admin, heartbeat, from)
        .await;
    assert!(at_once, "it waited for its heartbeat instead of asking");
    admin.until_expired().await;
}

async fn a_strict_device_that_slept_shows_no_content_before_the_sign_in_page(world: &World) {
    let admin = admin(world).await;
    let phone = world.signed_in_with(Kind::IPhone, Options::strict()).await;
    phone.suspend().await;
    admin.end_everyone().await;
    phone.open().await;
    // From here on the app is displayed.
    assert_eq!(phone.shows(), Shown::Cover);
    phone.forget_shown().await;
    let shown = phone.until_shown(Shown::EXPIRED).await;
    assert!(!shown.contains(&Shown::Content), "{shown:?}");
}

async fn a_confirmation_counts_once_and_only_for_its_session(world: &World) {
    let admin = admin(world).await;
    let confirmation = admin.core().prepare_end_everyone(admin.account()).await;
    let confirmation = confirmation.expect("asked");
    let signed_out = admin.core().sign_out(admin.account()).await;
    signed_out.expect("signed out");
    admin.sign_in(&world.admin).await;
    let refused = admin.core().confirm_end_everyone(confirmation).await;
    let error = world.expect_error(refused);
    assert_eq!(error.code(), "confirmation_expired");
    assert_eq!(admin.shows(), Shown::Content);
}

async fn a_user_is_not_permitted(world: &World) {
    let phone = world.device(Kind::IPhone).await;
    phone.sign_in_and_connect(&world.alice).await;
    let refused = match phone.core().prepare_end_everyone(phone.account()).await {
        Ok(confirmation) => phone.core().confirm_end_everyone(confirmation).await,
        Err(error) => Err(error),
    };
    let error = world.expect_error(refused);
    assert_eq!(error.code(), "forbidden");
    assert_eq!(phone.shows(), Shown::Content);
}
