//! The server is put back from a backup and has forgotten what was made since. Who signed in before goes on; who signed in
//! afterwards has to sign in again, and finds everything that the app had stored.

use std::time::Duration;

use steadfast::Standing;
use steadfast_acceptance::{Device, Shown, User, World, cases};
use steadfast_lab::device::message::Kind;
use steadfast_testserver::Role;

cases![
    older_sessions_go_on_and_newer_ones_end_without_a_loss,
    a_user_whom_the_backup_does_not_know_loses_no_more_than_the_session,
];

const OUT_OF_SERVICE: Duration = Duration::from_secs(1);

/// What the server answered since, in the order of the questions: whether it knows a session, and whether it is well.
fn looks(world: &World, from: usize) -> Vec<&'static str> {
    let requests = world.control().requests();
    let look = |path: &str, status: Option<u16>| match (path, status) {
        ("/api/v4/users/me", Some(401)) => Some("unknown"),
        ("/api/v4/system/ping", Some(200)) => Some("well"),
        _ => None,
    };
    requests[from..]
        .iter()
        .filter_map(|record| look(&record.path, record.status))
        .collect()
}

/// The session ends, by two looks with a healthy server in between, and the app is not asked to erase anything.
async fn ends_and_keeps_its_data(world: &World, device: &Device, from: usize) {
    device.until_expired().await;
    assert_eq!(looks(world, from), ["unknown", "well", "unknown"]);
    assert_eq!(device.until_told(1).await.len(), 1);
    assert!(device.core().obligations().is_empty());
    assert_eq!(device.erased(device.account()), None);
}

/// Hazard D10.
async fn older_sessions_go_on_and_newer_ones_end_without_a_loss(world: &World) {
    let older = world.device(Kind::Desktop).await;
    older.sign_in_and_connect(&world.alice).await;
    world.control().back_up();
    let newer = world.device(Kind::IPhone).await;
    let account = newer.sign_in_and_connect(&world.alice).await;
    let key = newer.data_key().await;
    world.sessions_grow_up();
    older.forget_shown().await;

    let from = world.control().request_count();
    world.control().put_back(OUT_OF_SERVICE).await;
    ends_and_keeps_its_data(world, &newer, from).await;

    let of_older = world
        .control()
        .wait_for_sockets(|sockets| sockets.iter().any(|socket| socket.authenticated));
    older.patiently("its socket at the server", of_older).await;
    older.until_live().await;
    assert_eq!(older.verify().await, Standing::Active);
    assert_eq!(older.shown(), [Shown::Content]);
    assert!(older.told().is_empty());

    let again = newer.sign_in_and_connect(&world.alice).await;
    assert_eq!(account, again, "the same account");
    let same = newer.data_key().await;
    assert_eq!(key.expose(), same.expose(), "with what the app encrypted");
    assert_eq!(newer.erased(account), None);
    assert_eq!(world.control().sessions(world.alice.name).len(), 2);
}

/// Hazard D10.
async fn a_user_whom_the_backup_does_not_know_loses_no_more_than_the_session(world: &World) {
    let carol = User {
        name: "carol",
        password: world.bob.password.clone(),
    };
    world.control().back_up();
    world
        .control()
        .create_user(carol.name, &carol.password.0, Role::User);
    let device = world.device(Kind::Android).await;
    let account = device.sign_in_and_connect(&carol).await;
    world.sessions_grow_up();

    let from = world.control().request_count();
    world.control().put_back(OUT_OF_SERVICE).await;
    ends_and_keeps_its_data(world, &device, from).await;

    let refused = device.core().sign_in(carol.types(&device.server())).await;
    let error = world.expect_error(refused);
    assert_eq!(error.code(), "invalid_credentials");
    assert!(device.core().obligations().is_empty());
    assert_eq!(device.erased(account), None);
}
