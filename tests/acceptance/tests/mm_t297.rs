//! MM-T297: view and log out of active sessions.

use futures_util::future::join_all;
use steadfast::{ActiveSession, Reason};
use steadfast_acceptance::{Device, Shown, World, cases};
use steadfast_lab::{
    browser::{Browser, KINDS},
    device::message::Kind,
};

cases![
    the_list_names_every_kind_and_every_device_logged_out_goes_to_the_sign_in_page,
    ending_the_current_row_is_a_sign_out,
    ending_all_of_ones_own_sessions_signs_out_here_too,
    a_session_that_is_not_in_the_list_is_refused,
];

/// Every kind of device, signed in as the same user, in the list under its label.
async fn every_kind(world: &World) -> Vec<Device> {
    let devices = join_all(Kind::ALL.map(|kind| world.device(kind))).await;
    for device in &devices {
        device.sign_in_and_connect(&world.alice).await;
    }
    world.sessions_grow_up();
    devices
}

async fn list(device: &Device) -> Vec<ActiveSession> {
    let sessions = device.core().active_sessions(device.account()).await;
    sessions.expect("the list")
}

async fn the_list_names_every_kind_and_every_device_logged_out_goes_to_the_sign_in_page(
    world: &World,
) {
    let devices = every_kind(world).await;
    let mut browsers = Vec::new();
    for kind in KINDS {
        let (url, authority) = (world.server.url(), world.server.ca_pem());
        let browser = Browser::sign_in(
            kind,
            url,
            authority,
            world.alice.name,
            &world.alice.password,
        )
        .await;
        browsers.push(browser.expect("a browser signed in"));
    }

    let phone = &devices[0];
    let rows = list(phone).await;
    let mut labels: Vec<&str> = rows.iter().map(|row| row.label.as_str()).collect();
    labels.sort_unstable();
    assert_eq!(
        labels,
        [
            "Android Native App",
            "Android Native Classic App",
            "Macintosh",
            "Native Desktop App",
            "Windows",
            "iPhone Native App",
            "iPhone Native Classic App",
        ]
    );
    let current: Vec<&ActiveSession> = rows.iter().filter(|row| row.current).collect();
    assert_eq!(current.len(), 1);
    assert_eq!(current[0].label, "iPhone Native App");
    for row in &rows {
        assert!(row.first_active_at.0 > 0, "{row:?}");
        assert!(row.last_activity_at >= row.first_active_at, "{row:?}");
        assert!(!row.os.is_empty() && !row.browser.is_empty(), "{row:?}");
    }

    for row in rows.iter().filter(|row| !row.current) {
        let ended = phone.core().end_session(phone.account(), &row.id).await;
        ended.expect("ended");
        assert!(list(phone).await.iter().all(|left| left.id != row.id));
    }
    join_all(devices[1..].iter().map(Device::until_expired)).await;
    for browser in &browsers {
        assert!(!browser.is_signed_in().await.expect("an answer"));
    }
    assert_eq!(phone.shows(), Shown::Content);

    let own = phone.own_session().await;
    let ended = phone.core().end_session(phone.account(), &own).await;
    ended.expect("ended");
    assert_eq!(phone.shows(), Shown::SignIn(None));
    for device in &devices {
        device.sign_in(&world.alice).await;
    }
}

async fn ending_the_current_row_is_a_sign_out(world: &World) {
    let device = world.device(Kind::Android).await;
    device.sign_in_and_connect(&world.alice).await;
    let own = device.own_session().await;
    let ended = device.core().end_session(device.account(), &own).await;
    ended.expect("ended");
    let snapshot = device.snapshot();
    assert_eq!(Shown::of(&snapshot), Shown::SignIn(None));
    assert_eq!(snapshot.reason, Some(Reason::SignedOut));
    assert!(device.told().is_empty());
    world.until_sessions(&world.alice, 0).await;
    assert!(!device.shown().contains(&Shown::EXPIRED));
}

async fn ending_all_of_ones_own_sessions_signs_out_here_too(world: &World) {
    let phone = world.device(Kind::IPhone).await;
    let desktop = world.device(Kind::Desktop).await;
    phone.sign_in_and_connect(&world.alice).await;
    desktop.sign_in_and_connect(&world.alice).await;
    world.sessions_grow_up();
    let ended = desktop.core().end_all_my_sessions(desktop.account()).await;
    ended.expect("ended");
    assert_eq!(desktop.shows(), Shown::SignIn(None));
    assert!(world.control().sessions(world.alice.name).is_empty());
    phone.until_expired().await;
}

async fn a_session_that_is_not_in_the_list_is_refused(world: &World) {
    let device = world.device(Kind::Desktop).await;
    device.sign_in_and_connect(&world.alice).await;
    let refused = device
        .core()
        .end_session(device.account(), "abcdefghijklmnopqrstuvwxyz")
        .await;
    let error = world.expect_error(refused);
    assert_eq!(error.code(), "no_such_session");
    assert_eq!(device.shows(), Shown::Content);
}
