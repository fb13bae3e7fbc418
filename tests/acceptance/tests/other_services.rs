//! Signing in with GitLab, Google and Office 365, as with OpenID Connect (MM-T3183): the same way through other pages.

use steadfast::{Error, Reason, SignInMethod, SsoMethod, Standing};
use steadfast_acceptance::{Device, Shown, Way, World, cases, through_the_browser};
use steadfast_lab::device::message::Kind;
use steadfast_testserver::CodeExchange;

cases![git_lab, google, office_365];

async fn git_lab(world: &World) {
    from_the_probe_to_the_next_sign_in(world, Way::GIT_LAB, Kind::Android).await;
}

async fn google(world: &World) {
    from_the_probe_to_the_next_sign_in(world, Way::GOOGLE, Kind::IPhone).await;
}

async fn office_365(world: &World) {
    from_the_probe_to_the_next_sign_in(world, Way::OFFICE_365, Kind::Desktop).await;
}

async fn is_offered(device: &Device, way: Way) -> bool {
    let probe = device.core().probe_server(device.server()).await;
    let methods = probe.expect("a server").methods;
    match way.method {
        SsoMethod::GitLab => methods.gitlab,
        SsoMethod::Google => methods.google,
        SsoMethod::Office365 => methods.office365,
        other => panic!("{other:?} is played elsewhere"),
    }
}

/// Offered, signed in by a token and by a code, revoked, and signed in again; another user's answer counts for nothing.
async fn from_the_probe_to_the_next_sign_in(world: &World, way: Way, kind: Kind) {
    let device = world.device(kind).await;
    assert!(!is_offered(&device, way).await);
    way.offer_to(world, &device);
    assert!(is_offered(&device, way).await);
    for exchange in [CodeExchange::Off, CodeExchange::On] {
        world
            .control()
            .settings(|settings| settings.code_exchange = exchange);
        let begun = way.begin(&device).await;
        let page = format!("/oauth/{}/mobile_login", way.service);
        assert!(begun.url.contains(&page), "{}", begun.url);
        let link = through_the_browser(&world.server, &begun, &world.alice).await;
        assert_eq!(
            link.contains("login_code="),
            exchange == CodeExchange::On,
            "{link}"
        );
        device.core().finish_sso(&link).await.expect("signed in");
        device.until_shows(Shown::Content).await;
        assert_eq!(device.snapshot().sign_in_method, Some(SignInMethod::Sso));
        assert_eq!(device.verify().await, Standing::Active);
    }

    let id = device.account();
    device.until_live().await;
    world.sessions_grow_up();
    world.revoke(&world.alice);
    device.until_expired().await;
    assert_eq!(device.snapshot().reason, Some(Reason::SessionEnded));
    for (user, expected) in [
        (&world.bob, Err(Error::AnotherUser)),
        (&world.alice, Ok(id)),
    ] {
        let begun = device.core().begin_sso_again(id, way.method).await;
        let begun = begun.expect("begun");
        let link = through_the_browser(&world.server, &begun, user).await;
        assert_eq!(device.core().finish_sso(&link).await, expected);
    }
    device.until_shows(Shown::Content).await;
    assert_eq!(device.verify().await, Standing::Active);
}
