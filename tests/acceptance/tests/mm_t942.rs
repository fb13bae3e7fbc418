//! MM-T942: an administrator deactivates the user. Their devices go to the sign-in page, where the password no longer helps
//! and the app says so.

use futures_util::future::join_all;
use steadfast_acceptance::{Device, Shown, World, cases};
use steadfast_lab::device::message::Kind;

cases![a_deactivated_user_is_out_and_the_sign_in_says_why];

/// MM-T942. Hazard D11.
async fn a_deactivated_user_is_out_and_the_sign_in_says_why(world: &World) {
    let phone = world.device(Kind::IPhone).await;
    let desktop = world.device(Kind::Desktop).await;
    let of_bob = world.device(Kind::Android).await;
    phone.sign_in_and_connect(&world.alice).await;
    desktop.sign_in_and_connect(&world.alice).await;
    of_bob.sign_in_and_connect(&world.bob).await;
    world.sessions_grow_up();
    world.control().deactivate(world.alice.name, true);
    join_all([&phone, &desktop].map(Device::until_expired)).await;

    let refused = phone
        .core()
        .sign_in(world.alice.types(&phone.server()))
        .await;
    let error = world.expect_error(refused);
    assert_eq!(error.code(), "deactivated");
    assert!(!error.is_retryable());
    assert_eq!(phone.shows(), Shown::EXPIRED);
    of_bob.verify().await;
    assert_eq!(of_bob.shows(), Shown::Content);
    assert!(of_bob.told().is_empty());

    world.control().deactivate(world.alice.name, false);
    phone.sign_in_and_connect(&world.alice).await;
}
