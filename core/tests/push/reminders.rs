//! Reminders of a known expiry: planned, moved, withdrawn, and one end told once.

use crate::common::{self, until, until_changes};
use crate::support::{own_session, phone, server, suspend};
use std::time::Duration;
use steadfast::{
    AccountId, HostState, Method, NoticeKind, Reminder, Request, Shows, Standing, Steadfast,
    UnixMillis, Upload, message,
};
use steadfast_testserver::Server;

const QUARTER_MINUTE: Duration = Duration::from_secs(15);
const HOUR_MS: i64 = 3_600_000;
/// Time enough for what is to be done before the session expires, on a busy machine too.
const SOON_MS: i64 = 10_000;

/// The server says that Alice's session expires so many milliseconds from now, and the core has read it.
async fn expires_in(core: &Steadfast, account: AccountId, server: &Server, millis: i64) {
    let at = server.control().now_ms() + millis;
    server
        .control()
        .edit_session(&own_session(server), |session| {
            session.expires_at = at;
        });
    server.control().clear_token_cache();
    core.active_sessions(account).await.unwrap();
}

async fn until_reminder(core: &Steadfast, fits: impl Fn(&[Reminder]) -> bool) -> Vec<Reminder> {
    until_changes(core, |changes| fits(&changes.reminders))
        .await
        .reminders
}

/// The device's clock passes this time.
async fn passes(at: UnixMillis) {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let at = Duration::from_millis(u64::try_from(at.0).unwrap());
    tokio::time::sleep(at.saturating_sub(now) + Duration::from_millis(50)).await;
}

fn device_now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(now.unwrap().as_millis()).unwrap()
}

/// The server moves the expiry with a post, once enough of it has passed, and nobody tells the client what it is now.
/// Hazards D14. Q11.
#[tokio::test]
async fn a_reminder_is_planned_by_the_devices_clock_moves_with_the_expiry_and_goes_with_the_session()
 {
    let server = server().await;
    server
        .control()
        .settings(|settings| settings.extend_session_length_with_activity = true);
    let folder = tempfile::tempdir().unwrap();
    let (core, account) = phone(folder.path(), &server).await;
    expires_in(&core, account, &server, HOUR_MS).await;
    let planned = until_reminder(&core, |reminders| {
        reminders.len() == 1 && reminders[0].at.0 < device_now() + 2 * HOUR_MS
    })
    .await;
    // The server's clock is two and a half minutes ahead; the system's alarm goes by the device's.
    let ahead = planned[0].at.0 - device_now();
    assert!(
        (HOUR_MS - 60_000..=HOUR_MS + 5_000).contains(&ahead),
        "{ahead}"
    );
    assert_eq!(planned[0].message(), message::MAY_HAVE_EXPIRED);
    core.reminder_set(&planned[0].id, planned[0].at)
        .await
        .unwrap();

    let post = serde_json::json!({"channel_id": server.control().channel_id(), "message": "hello"});
    let post = Request::new(Method::Post, "/api/v4/posts").json(&post);
    assert_eq!(core.request(account, post).await.unwrap().status, 201);
    let moved = until_reminder(&core, |reminders| {
        reminders.len() == 1 && reminders[0].at.0 > device_now() + 24 * HOUR_MS
    })
    .await;
    assert_eq!(moved[0].id, planned[0].id, "the system replaces it");

    core.sign_out(account).await.unwrap();
    until_reminder(&core, <[Reminder]>::is_empty).await;
    core.close().await;
}

/// A transfer's answer says it as well as a request's. Hazards D14.
#[tokio::test]
async fn a_reminder_moves_with_an_expiry_that_a_transfer_moved() {
    let server = server().await;
    server
        .control()
        .settings(|settings| settings.extend_session_length_with_activity = true);
    let folder = tempfile::tempdir().unwrap();
    let (core, account) = phone(folder.path(), &server).await;
    expires_in(&core, account, &server, HOUR_MS).await;
    until_reminder(&core, |reminders| {
        reminders.len() == 1 && reminders[0].at.0 < device_now() + 2 * HOUR_MS
    })
    .await;
    let post = serde_json::json!({"channel_id": server.control().channel_id(), "message": "hello"});
    let file = folder.path().join("post.json");
    std::fs::write(&file, post.to_string()).unwrap();
    let upload = Upload::new("/api/v4/posts", "application/json", file);
    let sent = core.upload(account, upload).await.unwrap().finished().await;
    assert_eq!(sent.unwrap().status, 201);
    until_reminder(&core, |reminders| {
        reminders.len() == 1 && reminders[0].at.0 > device_now() + 24 * HOUR_MS
    })
    .await;
    core.close().await;
}

/// The reminder was on the screen before the server said that the session is gone; a kill and a restart lie between.
/// Hazards D16.
#[tokio::test]
async fn an_end_that_the_reminder_told_is_told_by_no_notice() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let (core, account) = phone(folder.path(), &server).await;
    expires_in(&core, account, &server, SOON_MS).await;
    let reminder = until_reminder(&core, |reminders| {
        reminders.len() == 1 && reminders[0].at.0 < device_now() + HOUR_MS
    })
    .await
    .remove(0);
    core.reminder_set(&reminder.id, reminder.at).await.unwrap();
    suspend(&core).await;
    drop(core);
    passes(reminder.at).await;

    let core = common::open(folder.path(), &server);
    let ended = until(&core, account, |snapshot| {
        snapshot.standing == Standing::Ended
    })
    .await;
    assert!(core.notices().is_empty(), "{:?}", core.notices());
    assert_eq!(ended.shows(), Shows::SignIn(Some(message::SESSION_EXPIRED)));
    core.close().await;
}

/// The system would not take it, as the user forbade notifications. Hazards D16.
#[tokio::test]
async fn an_end_that_no_reminder_could_tell_is_told_by_a_notice() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let (core, account) = phone(folder.path(), &server).await;
    expires_in(&core, account, &server, 2_000).await;
    until(&core, account, |snapshot| {
        snapshot.standing == Standing::Ended
    })
    .await;
    let notices = core.notices();
    assert_eq!(notices.len(), 1);
    assert_eq!(notices[0].kind, NoticeKind::SessionEnded);
    core.close().await;
}

/// Nobody could be asked when the expiry passed. It is told as what it is, and once. Hazards D15, D16.
#[tokio::test]
async fn an_expiry_that_passes_without_a_server_may_have_happened_and_is_no_end() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let (core, account) = phone(folder.path(), &server).await;
    expires_in(&core, account, &server, SOON_MS).await;
    let at = core.reminders()[0].at;
    suspend(&core).await;
    server.stop().await;
    passes(at).await;

    let told = core.background_check(QUARTER_MINUTE).await.unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].kind, NoticeKind::MayHaveExpired);
    assert_eq!(told[0].message(), message::MAY_HAVE_EXPIRED);
    assert_eq!(core.snapshot(account).unwrap().standing, Standing::Active);
    core.acknowledge_notice(told[0].id).await.unwrap();
    assert_eq!(core.background_check(QUARTER_MINUTE).await.unwrap(), []);
    assert_eq!(core.snapshot(account).unwrap().standing, Standing::Active);
    core.close().await;
}

/// The reminder was shown, and the session lived on, extended while the phone knew nothing of it: the next end is told anew.
/// Hazards D14, D15. Q11.
#[tokio::test]
async fn a_session_that_outlived_its_reminder_gets_another_one_and_its_end_is_told() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let (core, account) = phone(folder.path(), &server).await;
    expires_in(&core, account, &server, SOON_MS).await;
    let first = core.reminders().remove(0);
    core.reminder_set(&first.id, first.at).await.unwrap();
    suspend(&core).await;
    let later = server.control().now_ms() + 48 * HOUR_MS;
    server
        .control()
        .edit_session(&own_session(&server), |session| session.expires_at = later);
    server.control().clear_token_cache();
    passes(first.at).await;

    assert_eq!(core.background_check(QUARTER_MINUTE).await.unwrap(), []);
    let snapshot = core.snapshot(account).unwrap();
    assert_eq!(snapshot.standing, Standing::Active);
    assert_eq!(snapshot.expires_at, Some(UnixMillis(later)));
    let second = core.reminders().remove(0);
    assert!(second.at > first.at && second.id == first.id);
    core.reminder_set(&second.id, second.at).await.unwrap();

    core.host_state(HostState::Focused).await.unwrap();
    server.control().revoke_session(&own_session(&server));
    until(&core, account, |snapshot| {
        snapshot.standing == Standing::Ended
    })
    .await;
    assert_eq!(core.notices().len(), 1, "an end before its time is told");
    assert!(core.reminders().is_empty());
    core.close().await;
}

#[tokio::test]
async fn a_reminder_of_nobody_is_refused() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let (core, _) = phone(folder.path(), &server).await;
    for id in [
        "",
        "session-expiry-",
        "session-expiry-1",
        "session-expiry-a-b",
        "other-1-1",
    ] {
        assert!(core.reminder_set(id, UnixMillis(1)).await.is_err(), "{id}");
    }
    // One of a session that is over changes nothing.
    core.reminder_set("session-expiry-1-999", UnixMillis(1))
        .await
        .unwrap();
    core.close().await;
}
