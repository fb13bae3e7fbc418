//! Airplane mode and back: what the banner over the content says on the way, in order.

use steadfast::{AccountId, Link, Standing};
use steadfast_acceptance::{Device, Shown, World, cases};
use steadfast_lab::device::message::Kind;

cases![
    the_banner_goes_from_offline_over_connecting_to_connected,
    three_flights_leave_no_banner_behind,
];

async fn into_airplane_mode(device: &Device, account: AccountId) {
    device.airplane_on();
    let snapshot = device
        .until_account(account, "offline", |snapshot| {
            snapshot.link == Link::Offline
        })
        .await;
    // The content stays: no network is no doubt about the session.
    assert_eq!(snapshot.standing, Standing::Active);
    assert_eq!(Shown::of(&snapshot), Shown::Content);
}

/// MM-T410, MM-T414, MM-T415.
async fn the_banner_goes_from_offline_over_connecting_to_connected(world: &World) {
    for kind in [Kind::IPhone, Kind::Android] {
        let device = world.device(kind).await;
        let account = device.sign_in_and_connect(&world.alice).await;
        into_airplane_mode(&device, account).await;
        device
            .until_links("offline", |links| links.last() == Some(&Link::Offline))
            .await;
        let offline = device.links().len() - 1;
        // Slow at first, so that each step can be seen.
        device.network.freeze(true);
        device.airplane_off();
        device
            .until_links("connecting", |links| {
                links.last() == Some(&Link::Connecting)
            })
            .await;
        device.network.freeze(false);
        let links = device
            .until_links("live", |links| links.last() == Some(&Link::Live))
            .await;
        let mut back = links[offline..].to_vec();
        // The fraction of a second before the dial.
        back.retain(|link| !matches!(link, Link::Waiting { .. }));
        assert_eq!(back, [Link::Offline, Link::Connecting, Link::Live]);
        assert!(device.told().is_empty());
    }
}

/// MM-T410. Hazard A01.
async fn three_flights_leave_no_banner_behind(world: &World) {
    let device = world.device(Kind::IPhone).await;
    let account = device.sign_in_and_connect(&world.alice).await;
    world.sessions_grow_up();
    for _ in 0..3 {
        into_airplane_mode(&device, account).await;
        let dialled = device.network.accepted();
        device.airplane_off();
        device.until_live().await;
        assert!(device.network.accepted() > dialled);
    }
    assert_eq!(device.verify().await, Standing::Active);
    assert_eq!(device.snapshot().link, Link::Live);
    assert!(!device.shown().contains(&Shown::Cover));
    assert!(device.told().is_empty());
}
