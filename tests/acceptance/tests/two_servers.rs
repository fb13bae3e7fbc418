//! Two servers on one device: what happens at one does not touch the other.

use std::time::Duration;

use steadfast::{AccountId, Link, Standing};
use steadfast_acceptance::{Device, Shown, User, World, cases};
use steadfast_lab::device::message::Kind;

cases![
    the_second_server_revokes_while_the_first_is_used,
    changing_between_servers,
    one_server_is_away_and_the_other_is_used,
];

/// The same user at both servers, connected to both.
async fn at_both(world: &World) -> (Device, [AccountId; 2]) {
    let second = world.second_server().await.url().to_owned();
    let device = world.device(Kind::IPhone).await;
    let first = device.sign_in_and_connect(&world.alice).await;
    let second = sign_in_at(&device, &world.alice, &second).await;
    world.sessions_grow_up();
    let other = world.second_server().await.control();
    other.clock_advance(Duration::from_secs(60));
    (device, [first, second])
}

async fn sign_in_at(device: &Device, user: &User, server: &str) -> AccountId {
    let id = device.core().sign_in(user.types(server)).await;
    let id = id.expect("signed in");
    device.until_live_account(id).await;
    id
}

async fn untouched(device: &Device, id: AccountId) {
    let standing = device.core().verify(id, Duration::from_secs(60)).await;
    assert_eq!(standing, Ok(Standing::Active));
    let snapshot = device.core().snapshot(id).expect("an account");
    assert_eq!(Shown::of(&snapshot), Shown::Content);
    assert_eq!(snapshot.link, Link::Live);
}

/// Q13. Hazard D08.
async fn the_second_server_revokes_while_the_first_is_used(world: &World) {
    let (device, [first, second]) = at_both(world).await;
    let other = world.second_server().await.control();
    let session = other.sessions(world.alice.name)[0].id.clone();
    let sockets_before = world.control().live_sockets().len();
    assert!(other.revoke_session(&session));
    let ended = device
        .until_account(second, "signed out", |snapshot| {
            Shown::of(snapshot) == Shown::EXPIRED
        })
        .await;
    assert_eq!(ended.reason, Some(steadfast::Reason::SessionEnded));
    untouched(&device, first).await;
    assert_eq!(world.control().live_sockets().len(), sockets_before);
    let told = device.until_told(1).await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].account, second);
    assert_eq!(world.control().sessions(world.alice.name).len(), 1);
}

/// MM-T417.
async fn changing_between_servers(world: &World) {
    let (mut device, [first, second]) = at_both(world).await;
    let addresses = [first, second].map(|id| {
        let snapshot = device.core().snapshot(id).expect("an account");
        snapshot.server_url
    });
    assert_ne!(addresses[0], addresses[1]);
    // Looking at one and then at the other needs no sign-in, before and after a restart.
    for _ in 0..2 {
        for id in [first, second, first] {
            untouched(&device, id).await;
        }
        device.restart().await;
        device.open().await;
        device.until_live_account(first).await;
        device.until_live_account(second).await;
    }
    assert_eq!(world.control().sessions(world.alice.name).len(), 1);
    assert!(device.told().is_empty());
}

/// Q13. Hazard D08.
async fn one_server_is_away_and_the_other_is_used(world: &World) {
    let (device, [first, second]) = at_both(world).await;
    device.network.refuse(true).reset();
    device
        .until_account(first, "no live link", |snapshot| {
            snapshot.link != Link::Live
        })
        .await;
    untouched(&device, second).await;
    device.network.refuse(false);
    device.until_live_account(first).await;
    untouched(&device, first).await;
    assert!(device.told().is_empty());
}
