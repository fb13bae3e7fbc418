//! The key store cannot be read now, or its keys are gone for good. The first is no end of anything.

use std::{sync::Arc, time::Instant};

use steadfast::{
    Reason, Standing,
    keystore::testing::{Behaviour, Call, ScriptedKeyStore},
};
use steadfast_acceptance::{Device, Options, Shown, World, cases};
use steadfast_lab::device::message::Kind;

cases![
    unavailable_is_locked_and_comes_back_by_itself,
    one_that_hangs_is_locked_and_comes_back_by_itself,
    absent_is_key_lost,
    a_sign_in_without_a_key_store_sends_no_password,
];

async fn device_over(world: &World, store: &ScriptedKeyStore) -> Device {
    let options = Options {
        key_store: Some(Arc::new(store.clone())),
        ..Options::default()
    };
    world.device_with(Kind::IPhone, options).await
}

/// The device is switched on while its key store behaves like that: nobody is signed out, nothing is written, and when it
/// works again nothing else has to happen.
async fn locked_until_it_works(world: &World, behaviour: Behaviour) {
    let store = ScriptedKeyStore::new();
    let mut device = device_over(world, &store).await;
    device.sign_in_and_connect(&world.alice).await;
    world.sessions_grow_up();
    device.switch_off().await;

    store.set(behaviour);
    let calls = store.calls().len();
    device.switch_on();
    let on = Instant::now();
    device
        .until("locked", |snapshot| snapshot.standing == Standing::Locked)
        .await;
    println!("{behaviour:?}: locked after {:?}", on.elapsed());
    assert!(!matches!(device.shows(), Shown::SignIn(_)));
    let written = store.calls()[calls..]
        .iter()
        .any(|call| !matches!(call, Call::Load(_)));
    assert!(!written, "{:?}", &store.calls()[calls..]);
    assert_eq!(world.control().sessions(world.alice.name).len(), 1);

    store.set(Behaviour::Works);
    let works = Instant::now();
    device
        .until("active", |snapshot| snapshot.standing == Standing::Active)
        .await;
    println!("{behaviour:?}: active after {:?}", works.elapsed());
    device.until_live().await;
    assert_eq!(device.verify().await, Standing::Active);
    let shown = device.shown();
    let signed_out = shown.iter().any(|shown| matches!(shown, Shown::SignIn(_)));
    assert!(!signed_out, "{shown:?}");
    assert!(device.told().is_empty());
}

/// Hazard B04. Q10.
async fn unavailable_is_locked_and_comes_back_by_itself(world: &World) {
    locked_until_it_works(world, Behaviour::Unavailable).await;
}

/// A call that does not return within its deadline counts as unavailable, and holds up nothing but itself.
///
/// Hazard B09. Q10.
async fn one_that_hangs_is_locked_and_comes_back_by_itself(world: &World) {
    locked_until_it_works(world, Behaviour::Blocks).await;
}

/// Hazards B07, B10.
async fn absent_is_key_lost(world: &World) {
    let store = ScriptedKeyStore::new();
    let mut device = device_over(world, &store).await;
    device.sign_in_and_connect(&world.alice).await;
    device.switch_off().await;

    store.set(Behaviour::Absent);
    device.switch_on();
    let snapshot = device
        .until("ended", |snapshot| snapshot.standing == Standing::Ended)
        .await;
    assert_eq!(snapshot.reason, Some(Reason::KeyLost));
    assert_eq!(
        Shown::of(&snapshot),
        Shown::SignIn(Some(
            "This device can no longer open your saved session. Please log in again."
        ))
    );

    store.set(Behaviour::Works);
    device.sign_in_and_connect(&world.alice).await;
    assert_eq!(device.verify().await, Standing::Active);
}

async fn a_sign_in_without_a_key_store_sends_no_password(world: &World) {
    let store = ScriptedKeyStore::new();
    let device = device_over(world, &store).await;
    store.set(Behaviour::Unavailable);
    let refused = device
        .core()
        .sign_in(world.alice.types(&device.server()))
        .await;
    let error = world.expect_error(refused);
    assert_eq!(error.code(), "key_store_unavailable");
    let sent = world
        .control()
        .requests()
        .iter()
        .any(|record| record.path.ends_with("/users/login"));
    assert!(!sent);
    assert!(device.core().accounts().is_empty());
}
