//! MM-T2570 and MM-T4048: where the server prolongs sessions by activity, posting moves the expiry and the reminder of it;
//! where it does not, they stay.

use std::time::Duration;

use steadfast::{Method, Request};
use steadfast_acceptance::{Device, World, cases};
use steadfast_lab::device::message::Kind;

cases![activity_prolongs_the_session, activity_changes_nothing];

const HALF_AN_HOUR: Duration = Duration::from_secs(30 * 60);

async fn signed_in(world: &World, prolongs: bool) -> (Device, i64) {
    world.control().settings(|settings| {
        settings.session_length_mobile_hours = 10;
        settings.extend_session_length_with_activity = prolongs;
    });
    let device = world.device(Kind::Android).await;
    device.sign_in_and_connect(&world.alice).await;
    // The device's id is attached after the sign-in, which moves the expiry too.
    let attached = world.control().wait_from(0, |record| {
        record.path.ends_with("/users/sessions/device") && record.status.is_some()
    });
    device.patiently("the device's id", attached).await;
    let expires_at = world.control().sessions(world.alice.name)[0].expires_at;
    device
        .until("the expiry as the server has it", |snapshot| {
            snapshot.expires_at.map(|at| at.0) == Some(expires_at)
        })
        .await;
    assert_eq!(device.core().reminders().len(), 1);
    world.control().clock_advance(HALF_AN_HOUR);
    (device, expires_at)
}

/// When the one reminder that there is is to be shown.
fn reminder(device: &Device) -> i64 {
    let reminders = device.core().reminders();
    assert_eq!(reminders.len(), 1, "{reminders:?}");
    reminders[0].at.0
}

fn now_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(now.expect("after 1970").as_millis()).expect("not that late")
}

async fn post(world: &World, device: &Device) {
    let post = serde_json::json!({"channel_id": world.control().channel_id(), "message": "hello"});
    let request = Request::new(Method::Post, "/api/v4/posts").json(&post);
    let answer = device.core().request(device.account(), request).await;
    assert_eq!(answer.expect("an answer").status, 201);
}

/// MM-T2570.
async fn activity_prolongs_the_session(world: &World) {
    let (device, before) = signed_in(world, true).await;
    post(world, &device).await;
    let moved = device
        .until("a later expiry", |snapshot| {
            snapshot.expires_at.is_some_and(|at| at.0 > before)
        })
        .await;
    let by = moved.expires_at.expect("known").0 - before;
    assert!(by >= 30 * 60 * 1_000, "{by}");
    // The reminder moved with it: as far ahead on the device's clock as the expiry is on the server's, which was put forward.
    let ahead = moved.expires_at.expect("known").0 - world.control().now_ms();
    let reminded = reminder(&device) - now_ms();
    assert!((ahead - reminded).abs() < 60_000, "{ahead} {reminded}");
}

/// MM-T4048.
async fn activity_changes_nothing(world: &World) {
    let (device, before) = signed_in(world, false).await;
    post(world, &device).await;
    let sessions = device.core().active_sessions(device.account()).await;
    let sessions = sessions.expect("the list");
    let own = sessions.iter().find(|session| session.current);
    assert_eq!(
        own.and_then(|session| session.expires_at).map(|at| at.0),
        Some(before)
    );
    assert_eq!(device.snapshot().expires_at.map(|at| at.0), Some(before));
    reminder(&device);
}
