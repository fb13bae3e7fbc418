//! The id under which pushes reach this device, and what goes with it.

use crate::common::{self, eventually};
use crate::support::{DEVICE_ID, own_session, phone, server, sign_in, suspend};
use std::time::{Duration, Instant};
use steadfast::{NetworkPath, Notifications};
use steadfast_testserver::{Database, Server};

fn device_id(server: &Server) -> String {
    let sessions = server.control().sessions("alice");
    assert_eq!(sessions.len(), 1, "{sessions:?}");
    sessions[0].device_id.clone()
}

fn property(server: &Server, name: &str) -> String {
    let mut value = String::new();
    server
        .control()
        .edit_session(&own_session(server), |session| {
            value = session.props.get(name).cloned().unwrap_or_default();
        });
    value
}

/// Q12.
#[tokio::test]
async fn an_id_that_changed_while_the_server_was_away_is_there_within_ten_seconds() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let (core, _) = phone(folder.path(), &server).await;
    assert_eq!(device_id(&server), DEVICE_ID);

    let mut known = DEVICE_ID.to_owned();
    let mut took = Vec::new();
    // A machine that stands still for seconds is none of the core's doing, and hardly does so three times.
    for time in 0..3 {
        server.control().database(Database::Stopped);
        let from = server.control().request_count();
        let rotated = format!("apple_rn-v2:fedcba987654321{time}");
        core.set_device_id(Some(rotated.clone())).await.unwrap();
        server
            .control()
            .wait_from(from, |request| {
                request.path.ends_with("/users/sessions/device") && request.status.is_some()
            })
            .await;
        assert_eq!(device_id(&server), known, "it could not be stored");

        server.control().database(Database::Healthy);
        let online = Instant::now();
        core.network_changed(NetworkPath::Up, None).unwrap();
        eventually(|| device_id(&server) == rotated).await;
        known = rotated;
        took.push(online.elapsed());
        if took[time] < Duration::from_secs(10) {
            core.close().await;
            return;
        }
    }
    panic!("{took:?}");
}

/// The server gives a session another length when it becomes one of a phone, however long after the sign-in.
#[tokio::test]
async fn an_expiry_that_moves_with_the_id_is_learned_and_the_reminder_moves_with_it() {
    let server = common::server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = common::open(folder.path(), &server);
    let account = sign_in(&core, &server).await;
    let before = core.snapshot(account).unwrap().expires_at.unwrap();
    let reminded = core.reminders()[0].at;
    server.control().settings(|settings| {
        settings.session_length_mobile_hours = 10;
    });

    core.set_device_id(Some(DEVICE_ID.to_owned()))
        .await
        .unwrap();
    common::until(&core, account, |snapshot| {
        snapshot.expires_at.unwrap() < before
    })
    .await;
    let here = core.snapshot(account).unwrap().expires_at.unwrap().0;
    assert_eq!(here, server.control().sessions("alice")[0].expires_at);
    let reminders = core.reminders();
    assert_eq!(reminders.len(), 1, "{reminders:?}");
    assert!(reminders[0].at < reminded);
    core.close().await;
}

/// Nobody comes back for it before the reminder of the old one: the check itself learns the new one.
#[tokio::test]
async fn a_check_in_the_background_that_attaches_an_id_learns_the_expiry_that_moved_with_it() {
    let server = common::server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = common::open(folder.path(), &server);
    let account = sign_in(&core, &server).await;
    let before = core.snapshot(account).unwrap().expires_at.unwrap();
    let control = server.control();
    control.settings(|settings| settings.session_length_mobile_hours = 10);
    let device = "/api/v4/users/sessions/device";
    control.hold_back(Some(device));
    let from = control.request_count();
    core.set_device_id(Some(DEVICE_ID.to_owned()))
        .await
        .unwrap();
    control
        .wait_from(from, |record| record.path == device)
        .await;
    suspend(&core).await;
    assert_eq!(core.snapshot(account).unwrap().expires_at, Some(before));
    control.hold_back(None);
    let moved = || core.snapshot(account).unwrap().expires_at.unwrap() < before;
    // A busy machine may take the whole time of one check.
    for _ in 0..4 {
        core.background_check(Duration::from_secs(15))
            .await
            .unwrap();
        if moved() {
            break;
        }
    }
    assert!(moved());
    core.close().await;
}

/// What was under way is lost with the network that it was on; what is owed does not wait for it on the next one. Q8.
#[tokio::test]
async fn what_was_under_way_on_the_last_network_holds_nothing_up_on_the_next() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let (core, account) = phone(folder.path(), &server).await;
    let path = "/api/v4/users/sessions/device";
    server.control().hold_back(Some(path));
    let from = server.control().request_count();
    core.set_device_id(Some("apple_rn-v2:fedcba9876543210".to_owned()))
        .await
        .unwrap();
    server
        .control()
        .wait_from(from, |request| request.path == path)
        .await;
    core.sign_out(account).await.unwrap();

    let online = Instant::now();
    core.network_changed(NetworkPath::Up, None).unwrap();
    eventually(|| server.control().sessions("alice").is_empty()).await;
    // A request is given up for want of an answer after thirty.
    assert!(online.elapsed() < Duration::from_secs(20));
    core.close().await;
}

/// The id that was set last is attached, though it is the one that the server knew, and another one was owed meanwhile.
#[tokio::test]
async fn an_id_that_came_back_is_not_replaced_by_the_one_between() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let (core, _) = phone(folder.path(), &server).await;
    server.control().database(Database::Stopped);
    // From here on, as one that was on its way may be answered when the database is back.
    let from = server.control().request_count();
    core.set_device_id(Some("apple_rn-v2:fedcba9876543210".to_owned()))
        .await
        .unwrap();
    core.set_device_id(Some(DEVICE_ID.to_owned()))
        .await
        .unwrap();
    server.control().database(Database::Healthy);
    core.network_changed(NetworkPath::Up, None).unwrap();
    server
        .control()
        .wait_from(from, |request| {
            request.path.ends_with("/users/sessions/device") && request.status == Some(200)
        })
        .await;
    eventually(|| device_id(&server) == DEVICE_ID).await;
    core.close().await;
}

#[tokio::test]
async fn an_id_that_was_withdrawn_is_not_attached_any_more() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let (core, alice) = phone(folder.path(), &server).await;
    server.control().database(Database::Stopped);
    let from = server.control().request_count();
    core.set_device_id(Some("apple_rn-v2:fedcba9876543210".to_owned()))
        .await
        .unwrap();
    server
        .control()
        .wait_from(from, |request| {
            request.path.ends_with("/users/sessions/device") && request.status.is_some()
        })
        .await;
    core.set_device_id(None).await.unwrap();
    server.control().database(Database::Healthy);
    let from = server.control().request_count();
    core.network_changed(NetworkPath::Up, None).unwrap();
    core.verify(alice, Duration::from_secs(30)).await.unwrap();
    core.close().await;
    let told = server.control().requests().into_iter().skip(from);
    assert_eq!(
        told.filter(|request| request.path.ends_with("/users/sessions/device"))
            .count(),
        0
    );
    assert_eq!(device_id(&server), DEVICE_ID);
}

/// What was owed when the process was killed is paid by the next one.
#[tokio::test]
async fn an_id_that_could_not_be_attached_survives_the_process() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let (core, _) = phone(folder.path(), &server).await;
    server.control().database(Database::Stopped);
    let rotated = "apple_rn-v2:fedcba9876543210";
    core.set_device_id(Some(rotated.to_owned())).await.unwrap();
    core.close().await;
    server.control().database(Database::Healthy);
    let core = common::open(folder.path(), &server);
    eventually(|| device_id(&server) == rotated).await;
    core.close().await;
}

#[tokio::test]
async fn a_server_that_knows_them_is_told_of_the_apps_version_and_of_silenced_notifications() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let (core, _) = phone(folder.path(), &server).await;
    eventually(|| property(&server, "mobile_version") == "2.43.0").await;
    assert_eq!(property(&server, "device_notification_disabled"), "");
    core.set_notifications(Notifications::Forbidden)
        .await
        .unwrap();
    eventually(|| property(&server, "device_notification_disabled") == "true").await;
    core.set_notifications(Notifications::Allowed)
        .await
        .unwrap();
    eventually(|| property(&server, "device_notification_disabled") == "false").await;
    core.close().await;
}

/// The server ends the other sessions of the user that have the same device id: the one that the new sign-in replaced, never
/// the new one. Hazards D22.
#[tokio::test]
async fn signing_in_again_on_the_same_device_keeps_the_new_session() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let (core, account) = phone(folder.path(), &server).await;
    let first = own_session(&server);
    let again = sign_in(&core, &server).await;
    assert_eq!(again, account);
    eventually(|| server.control().sessions("alice").len() == 1).await;
    eventually(|| property(&server, "mobile_version") == "2.43.0").await;
    assert_ne!(own_session(&server), first);
    let standing = core.verify(account, Duration::from_secs(60)).await.unwrap();
    assert_eq!(standing, steadfast::Standing::Active);
    assert_eq!(device_id(&server), DEVICE_ID);
    core.close().await;
}
