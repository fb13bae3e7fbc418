//! Several accounts on one device: what happens to one never touches another.

use std::time::Duration;

use steadfast::{AccountId, Standing};
use steadfast_acceptance::{Device, Shown, World, cases};
use steadfast_lab::device::message::Kind;

cases![
    one_revoked_and_the_others_untouched,
    one_signed_out_and_the_others_untouched,
    signing_in_as_somebody_else_keeps_the_first_account,
];

/// Three users of one server on one device.
async fn three_accounts(world: &World) -> (Device, [AccountId; 3]) {
    let device = world.device(Kind::Android).await;
    let alice = device.sign_in(&world.alice).await;
    let bob = device.sign_in(&world.bob).await;
    let admin = device.sign_in(&world.admin).await;
    world.sessions_grow_up();
    (device, [alice, bob, admin])
}

async fn untouched(device: &Device, accounts: &[AccountId]) {
    for id in accounts {
        let standing = device.core().verify(*id, Duration::from_secs(30)).await;
        assert_eq!(standing, Ok(Standing::Active));
        let snapshot = device.core().snapshot(*id).expect("an account");
        assert_eq!(Shown::of(&snapshot), Shown::Content);
    }
}

/// Hazard D08.
async fn one_revoked_and_the_others_untouched(world: &World) {
    let (device, [alice, others @ ..]) = three_accounts(world).await;
    world.revoke(&world.alice);
    device
        .until_account(alice, "signed out", |snapshot| {
            Shown::of(snapshot) == Shown::EXPIRED
        })
        .await;
    untouched(&device, &others).await;
    let told = device.until_told(1).await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].account, alice);
}

/// Hazard D08.
async fn one_signed_out_and_the_others_untouched(world: &World) {
    let (device, [alice, others @ ..]) = three_accounts(world).await;
    device.core().sign_out(alice).await.expect("signed out");
    let snapshot = device.core().snapshot(alice).expect("an account");
    assert_eq!(Shown::of(&snapshot), Shown::SignIn(None));
    untouched(&device, &others).await;
    assert!(device.told().is_empty());
}

async fn signing_in_as_somebody_else_keeps_the_first_account(world: &World) {
    let (mut device, accounts) = three_accounts(world).await;
    assert_eq!(device.core().accounts().len(), 3);
    device.restart().await;
    untouched(&device, &accounts).await;
}
