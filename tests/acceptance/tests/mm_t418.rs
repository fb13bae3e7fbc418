//! MM-T418: the session ends while nobody looks. A notice says so, once, and the text is still there after a restart.

use std::time::Duration;

use steadfast::NoticeKind;
use steadfast_acceptance::{Device, Options, Shown, World, cases};
use steadfast_lab::device::message::Kind;

cases![
    desktop_without_focus,
    iphone_in_its_grace,
    android_in_its_grace,
    classic_iphone_in_its_grace,
    classic_android_in_its_grace,
    a_suspended_phone_is_told_when_it_is_opened_before_any_content,
    a_notice_that_was_not_acknowledged_comes_again_after_a_restart,
];

/// A minute, and an allowance for a busy machine.
const WITHIN_A_MINUTE: Duration = Duration::from_secs(60 + 5);

/// From another device the user closes the session of this one, which is then left as `away` says.
async fn close_from_elsewhere(world: &World, device: &Device, away: impl AsyncFnOnce(&Device)) {
    let own = device.own_session().await;
    let other = world.device(Kind::Desktop).await;
    other.sign_in(&world.alice).await;
    away(device).await;
    let ended = other.core().end_session(other.account(), &own).await;
    ended.expect("ended");
}

async fn told_while_running(world: &World, kind: Kind) {
    let mut device = world.signed_in(kind).await;
    close_from_elsewhere(world, &device, Device::leave).await;

    let told = tokio::time::timeout(WITHIN_A_MINUTE, device.until_told(1)).await;
    let told = told.expect("a notice within a minute");
    assert_eq!(told[0].kind, NoticeKind::SessionEnded);
    assert_eq!(
        told[0].message().text,
        "Session Expired: Please log in to continue receiving notifications."
    );
    device.open().await;
    device.until_shows(Shown::EXPIRED).await;
    device.until_acknowledged().await;
    device.restart().await;
    assert_eq!(device.shows(), Shown::EXPIRED);
    assert_eq!(device.told().len(), 1);
    assert!(device.core().notices().is_empty());
}

async fn desktop_without_focus(world: &World) {
    told_while_running(world, Kind::Desktop).await;
}

async fn iphone_in_its_grace(world: &World) {
    told_while_running(world, Kind::IPhone).await;
}

async fn android_in_its_grace(world: &World) {
    told_while_running(world, Kind::Android).await;
}

async fn classic_iphone_in_its_grace(world: &World) {
    told_while_running(world, Kind::IPhoneClassic).await;
}

async fn classic_android_in_its_grace(world: &World) {
    told_while_running(world, Kind::AndroidClassic).await;
}

/// Hazard D16. Q3.
async fn a_suspended_phone_is_told_when_it_is_opened_before_any_content(world: &World) {
    let phone = world.signed_in_with(Kind::IPhone, Options::strict()).await;
    close_from_elsewhere(world, &phone, Device::suspend).await;
    phone.open().await;
    phone.forget_shown().await;
    let shown = phone.until_shown(Shown::EXPIRED).await;
    assert!(!shown.contains(&Shown::Content), "{shown:?}");
    assert_eq!(phone.until_told(1).await.len(), 1);
}

/// MM-T420. Hazard D16.
async fn a_notice_that_was_not_acknowledged_comes_again_after_a_restart(world: &World) {
    let mut device = world.signed_in(Kind::Desktop).await;
    device.stop_listening().await;
    close_from_elsewhere(world, &device, Device::leave).await;
    device.until_expired().await;
    assert_eq!(device.core().notices().len(), 1);
    assert!(device.told().is_empty());
    device.restart().await;
    assert_eq!(device.shows(), Shown::EXPIRED);
    assert_eq!(device.until_told(1).await.len(), 1);
}
