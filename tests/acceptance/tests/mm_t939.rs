//! MM-T939: the user ends all of their own sessions from elsewhere. Every device goes to the sign-in page, and says why.

use futures_util::future::join_all;
use steadfast_acceptance::{Device, Shown, World, cases};
use steadfast_lab::device::message::Kind;

cases![
    ending_all_of_ones_own_sessions_signs_every_device_out,
    ending_all_but_this_one_keeps_this_one,
];

/// MM-T939.
async fn ending_all_of_ones_own_sessions_signs_every_device_out(world: &World) {
    let phone = world.device(Kind::IPhone).await;
    let old_phone = world.device(Kind::AndroidClassic).await;
    let of_bob = world.device(Kind::Android).await;
    phone.sign_in_and_connect(&world.alice).await;
    old_phone.sign_in_and_connect(&world.alice).await;
    of_bob.sign_in_and_connect(&world.bob).await;
    let desktop = world.signed_in(Kind::Desktop).await;

    // One by one, as the product's page of active sessions does it; the desktop's own ends at the server.
    let sessions = desktop.core().active_sessions(desktop.account()).await;
    let mut sessions = sessions.expect("the list");
    sessions.sort_by_key(|session| session.current);
    assert_eq!(sessions.len(), 3);
    for session in sessions.iter().filter(|session| !session.current) {
        let ended = desktop
            .core()
            .end_session(desktop.account(), &session.id)
            .await;
        ended.expect("ended");
    }
    let own = &sessions.last().expect("its own").id;
    assert!(world.control().revoke_session(own));

    join_all([&phone, &old_phone, &desktop].map(Device::until_expired)).await;
    for device in [&phone, &old_phone, &desktop] {
        assert_eq!(device.until_told(1).await.len(), 1);
    }
    of_bob.verify().await;
    assert_eq!(of_bob.shows(), Shown::Content);
    assert!(of_bob.told().is_empty());
    // Who it was signs in again with their password.
    phone.sign_in_and_connect(&world.alice).await;
}

/// MM-T939.
async fn ending_all_but_this_one_keeps_this_one(world: &World) {
    let phone = world.device(Kind::Android).await;
    phone.sign_in_and_connect(&world.alice).await;
    let desktop = world.signed_in(Kind::Desktop).await;
    let of_the_phone = phone.own_session().await;
    let ended = desktop
        .core()
        .end_session(desktop.account(), &of_the_phone)
        .await;
    ended.expect("ended");
    phone.until_expired().await;
    desktop.verify().await;
    assert_eq!(desktop.shows(), Shown::Content);
    assert!(!desktop.shown().contains(&Shown::Cover));
    assert!(desktop.told().is_empty());
}
