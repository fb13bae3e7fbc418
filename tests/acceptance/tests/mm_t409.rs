//! MM-T409: two users in turn on one phone. Nothing of the first is seen by the second.

use steadfast_acceptance::{Shown, World, cases};
use steadfast_lab::device::message::Kind;

cases![
    the_second_user_sees_content_only_after_the_firsts_was_erased,
    the_same_user_finds_everything_again,
];

/// MM-T409.
async fn the_second_user_sees_content_only_after_the_firsts_was_erased(world: &World) {
    let device = world.device(Kind::IPhone).await;
    let alice = device.sign_in_and_connect(&world.alice).await;
    device.core().sign_out(alice).await.expect("signed out");
    assert_eq!(device.erased(alice), None, "alice may come back");

    let bob = device.sign_in(&world.bob).await;
    assert_ne!(alice, bob);
    device.until_shown(Shown::Content).await;
    let erased = device.erased(alice).expect("what alice left is erased");
    let seen = device
        .first_shown(bob, &Shown::Content)
        .expect("bob sees content");
    assert!(erased <= seen, "and before bob sees anything");
    let first = device.core().snapshot(alice).expect("an account");
    assert_eq!(Shown::of(&first), Shown::SignIn(None));
    world.until_sessions(&world.alice, 0).await;
}

/// MM-T409. Q14.
async fn the_same_user_finds_everything_again(world: &World) {
    let device = world.device(Kind::Android).await;
    let before = device.sign_in_and_connect(&world.alice).await;
    world.sessions_grow_up();
    world.revoke(&world.alice);
    device.until_expired().await;
    let after = device.sign_in(&world.alice).await;
    assert_eq!(before, after, "the same account");
    assert_eq!(device.erased(after), None, "with its drafts");
}
