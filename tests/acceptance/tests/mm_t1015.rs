//! MM-T1015 and MM-T1016: a phone's session has the length that is set for phones, and its end is told exactly once, whatever
//! brings the news: the server's push, a check in the background, or the app itself.

use std::time::Duration;

use steadfast::{NoticeKind, PushPayload, Standing, ToShow};
use steadfast_acceptance::{Device, Shown, World, cases};
use steadfast_lab::device::message::Kind;

cases![iphone, android, classic_iphone, classic_android];

const HOUR: Duration = Duration::from_secs(60 * 60);
const HOUR_MS: i64 = 60 * 60 * 1_000;

async fn told_once(world: &World, kind: Kind) {
    world.control().settings(|settings| {
        settings.session_length_mobile_hours = 1;
        settings.push_notifications = true;
    });
    let device = world.device(kind).await;
    let before = world.control().now_ms();
    device.sign_in_and_connect(&world.alice).await;
    let expires_at = device
        .until("a known expiry", |snapshot| snapshot.expires_at.is_some())
        .await
        .expires_at;
    let begun = expires_at.expect("known").0 - HOUR_MS;
    let meanwhile = before..=world.control().now_ms();
    assert!(meanwhile.contains(&begun), "{begun} in {meanwhile:?}");

    device.suspend().await;
    world
        .control()
        .clock_advance(HOUR + Duration::from_secs(60));
    assert_eq!(world.control().run_expiry_job().await, 1);
    let push = world
        .control()
        .wait_for_push(|push| push.body["type"] == "session")
        .await;
    let push = PushPayload::from_json(&push.body.to_string()).expect("a push");
    let received = device.core().push_received(push.clone()).await;
    let received = received.expect("taken");
    match received.to_show {
        ToShow::Notices(notices) => {
            assert_eq!(notices.len(), 1);
            assert_eq!(notices[0].kind, NoticeKind::SessionEnded);
        }
        // The host has told the user by then.
        other => {
            assert_eq!(other, ToShow::Nothing);
            assert_eq!(device.until_told(1).await.len(), 1);
        }
    }
    opened(&device, push).await;
}

/// The push comes again, the system has the app look, the user opens it: nothing more is told.
async fn opened(device: &Device, push: PushPayload) {
    device.until_told(1).await;
    device.until_acknowledged().await;
    let again = device.core().push_received(push).await.expect("taken");
    assert_eq!(again.to_show, ToShow::Nothing);
    let check = device
        .core()
        .background_check(Duration::from_secs(15))
        .await;
    assert_eq!(check.expect("checked"), []);
    device.open().await;
    device.until_shows(Shown::EXPIRED).await;
    assert_eq!(device.snapshot().standing, Standing::Ended);
    assert_eq!(device.told().len(), 1);
}

/// MM-T1015, MM-T1016.
async fn iphone(world: &World) {
    told_once(world, Kind::IPhone).await;
}

/// MM-T1015, MM-T1016.
async fn android(world: &World) {
    told_once(world, Kind::Android).await;
}

/// MM-T1015, MM-T1016.
async fn classic_iphone(world: &World) {
    told_once(world, Kind::IPhoneClassic).await;
}

/// MM-T1015, MM-T1016.
async fn classic_android(world: &World) {
    told_once(world, Kind::AndroidClassic).await;
}
