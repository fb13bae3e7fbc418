//! Signing out without a network: here at once, at the server as soon as it can be reached, whatever happens in between.

use std::time::{Duration, Instant};

use steadfast::{NetworkPath, Reason};
use steadfast_acceptance::{Device, Options, Shown, World, cases};
use steadfast_lab::device::{
    self,
    message::{Command, Kind, Screen},
};
use steadfast_testserver::RequestRecord;

cases![
    the_server_is_told_when_the_network_is_back,
    a_network_that_flaps_does_not_keep_the_server_from_being_told,
    what_is_owed_survives_a_restart,
    what_is_owed_survives_a_kill,
    signing_in_again_ends_only_the_old_session,
];

async fn signed_out_offline(world: &World) -> Device {
    let device = world.signed_in(Kind::IPhone).await;
    device.airplane_on();
    let signed_out = device.core().sign_out(device.account()).await;
    signed_out.expect("signed out");
    let snapshot = device.snapshot();
    assert_eq!(Shown::of(&snapshot), Shown::SignIn(None));
    assert_eq!(snapshot.reason, Some(Reason::SignedOut));
    assert_eq!(world.control().sessions(world.alice.name).len(), 1);
    device
}

/// Hazard D05. Q8.
async fn the_server_is_told_when_the_network_is_back(world: &World) {
    let device = signed_out_offline(world).await;
    device.airplane_off();
    world.until_sessions(&world.alice, 0).await;
    assert!(device.told().is_empty());
}

/// The network changes more often than an answer comes: what is owed is paid all the same, with the proof that it is.
async fn a_network_that_flaps_does_not_keep_the_server_from_being_told(world: &World) {
    let device = signed_out_offline(world).await;
    let slow = Duration::from_millis(100);
    device.network.latency(slow, Duration::ZERO);
    let core = device.core().clone();
    let flaps = tokio::spawn(async move {
        loop {
            core.network_changed(NetworkPath::Up, None)
                .expect("the change noted");
            tokio::time::sleep(slow).await;
        }
    });
    let from = world.control().request_count();
    device.airplane_off();
    world.until_sessions(&world.alice, 0).await;
    let refused = |request: &RequestRecord| {
        request.path.ends_with("/users/me") && request.status == Some(401)
    };
    let control = world.control();
    let told = async {
        control.wait_from(from, refused).await;
        let heard = control.requests().split_off(from);
        let place = heard.iter().position(refused).expect("it was waited for");
        let healthy = |request: &RequestRecord| request.path.ends_with("/system/ping");
        control.wait_from(from + place, healthy).await
    };
    device.patiently("the proof", told).await;
    flaps.abort();
}

/// Hazard D05. Q8.
async fn what_is_owed_survives_a_restart(world: &World) {
    let mut device = signed_out_offline(world).await;
    device.switch_off().await;
    device.network.restore();
    device.switch_on();
    assert_eq!(device.shows(), Shown::SignIn(None));
    world.until_sessions(&world.alice, 0).await;
    assert!(device.told().is_empty());
}

/// The core is not told that the network is back: its process starts when it is.
///
/// Hazards D05, B15. Q8.
async fn what_is_owed_survives_a_kill(world: &World) {
    let (setup, proxy) = world.process(Kind::Android, Options::default()).await;
    let network = proxy.control();
    let program = std::env::current_exe().expect("this program");
    let mut phone = device::Device::new(program, setup, |_| {});
    phone.start().await.expect("started");
    let signed_in = phone.perform(Command::SignIn {
        login_id: world.alice.name.to_owned(),
        password: world.alice.password.clone(),
        mfa_code: None,
    });
    signed_in.await.expect("signed in");
    network.cut();
    let told = phone.perform(Command::Network { up: false }).await;
    told.expect("the loss noted");
    phone.perform(Command::SignOut).await.expect("signed out");
    phone.kill().await.expect("killed");
    let page = Screen::SignIn { text: None };
    assert_eq!(world.control().sessions(world.alice.name).len(), 1);

    let from = world.control().request_count();
    network.restore();
    let back = Instant::now();
    phone.start().await.expect("started again");
    let patience = Duration::from_secs(100);
    assert!(
        phone
            .wait_for_screen(patience, |screen| *screen == page)
            .await
    );
    world.until_sessions(&world.alice, 0).await;
    println!(
        "the server's session is gone {:?} after the network",
        back.elapsed()
    );
    // Nothing is waited for: what is owed is among the first things that the server hears.
    let heard = world.control().requests().split_off(from);
    let logout = heard
        .iter()
        .position(|request| request.path.ends_with("/logout"));
    assert!(logout.is_some_and(|place| place < 4), "{heard:?}");
    phone.kill().await.expect("killed");
}

/// Hazard D06.
async fn signing_in_again_ends_only_the_old_session(world: &World) {
    let device = signed_out_offline(world).await;
    let old = world.control().sessions(world.alice.name)[0].id.clone();
    device.airplane_off();
    device.sign_in_and_connect(&world.alice).await;
    world.until_sessions(&world.alice, 1).await;
    assert_ne!(world.control().sessions(world.alice.name)[0].id, old);
    device.verify().await;
    assert_eq!(device.shows(), Shown::Content);
}
