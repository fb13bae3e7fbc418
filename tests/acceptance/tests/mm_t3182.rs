//! MM-T3182: signing in with SAML.

use steadfast::{Error, SignInMethod, Standing};
use steadfast_acceptance::{Options, Shown, Way, World, cases, through_the_browser};
use steadfast_lab::device::message::Kind;
use steadfast_testserver::CodeExchange;

cases![
    the_token_comes_in_the_link,
    a_code_is_exchanged,
    the_app_is_ended_while_the_browser_is_open,
    a_revoked_session_is_covered_and_signed_in_again,
];

/// MM-T3182.
async fn the_token_comes_in_the_link(world: &World) {
    let device = world.device(Kind::IPhone).await;
    Way::SAML.offer_to(world, &device);
    Way::SAML.sign_in(world, &device, &world.alice).await;
    assert_eq!(device.snapshot().sign_in_method, Some(SignInMethod::Sso));
    assert_eq!(device.verify().await, Standing::Active);
    let sessions = world.control().sessions(world.alice.name);
    let [session] = sessions.as_slice() else {
        panic!("{sessions:?}");
    };
    assert_eq!(session.props["isSaml"], "true");
}

/// Hazard E10.
async fn a_code_is_exchanged(world: &World) {
    let device = world.device(Kind::Android).await;
    Way::SAML.offer_to(world, &device);
    world
        .control()
        .settings(|settings| settings.code_exchange = CodeExchange::On);
    let begun = Way::SAML.begin(&device).await;
    let link = through_the_browser(&world.server, &begun, &world.alice).await;
    assert!(link.contains("login_code=") && !link.contains("MMAUTHTOKEN"));
    device.core().finish_sso(&link).await.expect("signed in");
    device.until_shows(Shown::Content).await;
    assert_eq!(device.verify().await, Standing::Active);
    let again = device.core().finish_sso(&link).await;
    assert_eq!(world.expect_error(again), Error::CallbackRefused);
}

async fn the_app_is_ended_while_the_browser_is_open(world: &World) {
    let mut device = world.device(Kind::Android).await;
    Way::SAML.offer_to(world, &device);
    for exchange in [CodeExchange::Off, CodeExchange::On] {
        world
            .control()
            .settings(|settings| settings.code_exchange = exchange);
        let begun = Way::SAML.begin(&device).await;
        device.switch_off().await;
        let link = through_the_browser(&world.server, &begun, &world.alice).await;
        device.switch_on();
        device.open().await;
        device.core().finish_sso(&link).await.expect("signed in");
        device.until_shows(Shown::Content).await;
        assert_eq!(device.verify().await, Standing::Active);
        let out = device.core().sign_out(device.account()).await;
        out.expect("signed out");
        world.until_sessions(&world.alice, 0).await;
        let forgotten = device.core().forget(device.account()).await;
        forgotten.expect("forgotten");
    }
}

async fn a_revoked_session_is_covered_and_signed_in_again(world: &World) {
    let device = world.device_with(Kind::IPhone, Options::strict()).await;
    Way::SAML.offer_to(world, &device);
    let id = Way::SAML.sign_in(world, &device, &world.alice).await;
    world.sessions_grow_up();
    device.suspend().await;
    world.revoke(&world.alice);
    device.forget_shown().await;
    device.open().await;
    device.until_expired().await;
    let shown = device.until_shown(Shown::EXPIRED).await;
    let covered = shown.iter().position(|shown| *shown == Shown::Cover);
    assert!(covered.is_some(), "{shown:?}");
    assert!(
        !shown[covered.unwrap_or_default()..].contains(&Shown::Content),
        "{shown:?}"
    );

    let begun = device.core().begin_sso_again(id, Way::SAML.method).await;
    let begun = begun.expect("begun");
    let link = through_the_browser(&world.server, &begun, &world.bob).await;
    let another = device.core().finish_sso(&link).await;
    assert_eq!(world.expect_error(another), Error::AnotherUser);
    assert_eq!(device.shows(), Shown::EXPIRED);

    let begun = device.core().begin_sso_again(id, Way::SAML.method).await;
    let begun = begun.expect("begun");
    let link = through_the_browser(&world.server, &begun, &world.alice).await;
    assert_eq!(device.core().finish_sso(&link).await, Ok(id));
    device.until_shows(Shown::Content).await;
    assert_eq!(device.verify().await, Standing::Active);
}
