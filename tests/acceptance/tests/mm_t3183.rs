//! MM-T3183: signing in with OpenID Connect.

use steadfast::{Error, Reason, Standing};
use steadfast_acceptance::{Shown, Way, World, cases, through_the_browser};
use steadfast_lab::device::message::Kind;
use steadfast_testserver::{Browser, CodeExchange, NamedServer};

cases![
    links_without_a_code,
    a_code_that_the_server_no_longer_exchanges,
    only_the_server_that_was_asked_may_answer,
    two_servers_are_not_mixed_up,
    whoever_says_no_is_not_signed_in,
    a_revoked_session_ends_on_the_sign_in_page,
];

/// MM-T3183. With and without the name of the server, and from versions that refuse codes in either way.
async fn links_without_a_code(world: &World) {
    let device = world.device(Kind::Android).await;
    Way::OPEN_ID.offer_to(world, &device);
    for (exchange, named) in [
        (CodeExchange::Off, NamedServer::Own),
        (CodeExchange::Off, NamedServer::None),
        (CodeExchange::OffWith400, NamedServer::Own),
    ] {
        world.control().settings(|settings| {
            settings.code_exchange = exchange;
            settings.named_server = named.clone();
        });
        let begun = Way::OPEN_ID.begin(&device).await;
        let link = through_the_browser(&world.server, &begun, &world.alice).await;
        assert_eq!(link.contains("srv="), named == NamedServer::Own);
        assert!(link.contains("MMAUTHTOKEN="));
        device.core().finish_sso(&link).await.expect("signed in");
        device.until_shows(Shown::Content).await;
        assert_eq!(device.verify().await, Standing::Active);
    }
}

/// The flag goes off while the browser is open.
async fn a_code_that_the_server_no_longer_exchanges(world: &World) {
    let device = world.device(Kind::Desktop).await;
    Way::OPEN_ID.offer_to(world, &device);
    for (exchange, status) in [(CodeExchange::Off, 410), (CodeExchange::OffWith400, 400)] {
        world
            .control()
            .settings(|settings| settings.code_exchange = CodeExchange::On);
        let begun = Way::OPEN_ID.begin(&device).await;
        let link = through_the_browser(&world.server, &begun, &world.alice).await;
        world
            .control()
            .settings(|settings| settings.code_exchange = exchange);
        let refused = device.core().finish_sso(&link).await;
        let error = world.expect_error(refused);
        assert!(
            matches!(error, Error::Refused { status: found, .. } if found == status),
            "{error:?}"
        );
        assert!(device.core().accounts().is_empty());
    }
    Way::OPEN_ID.sign_in(world, &device, &world.alice).await;
}

/// Hazard E11. The link of another server is refused; nothing is sent, and the sign-in that waits still finishes.
async fn only_the_server_that_was_asked_may_answer(world: &World) {
    let device = world.device(Kind::IPhone).await;
    Way::OPEN_ID.offer_to(world, &device);
    world.control().settings(|settings| {
        settings.named_server = NamedServer::Another("https://other.example".into());
    });
    let begun = Way::OPEN_ID.begin(&device).await;
    let wrong = through_the_browser(&world.server, &begun, &world.alice).await;
    let asked = world.control().request_count();
    let refused = device.core().finish_sso(&wrong).await;
    assert_eq!(world.expect_error(refused), Error::CallbackRefused);
    assert_eq!(world.control().request_count(), asked);
    assert!(device.core().accounts().is_empty());

    world
        .control()
        .settings(|settings| settings.named_server = NamedServer::Own);
    let right = through_the_browser(&world.server, &begun, &world.alice).await;
    device.core().finish_sso(&right).await.expect("signed in");
    device.until_shows(Shown::Content).await;
}

/// Hazard E11. Two sign-ins wait at a time, and end in the wrong order.
async fn two_servers_are_not_mixed_up(world: &World) {
    let second = world.second_server().await;
    let device = world.device(Kind::Android).await;
    Way::OPEN_ID.offer_to(world, &device);
    Way::OPEN_ID.offer(second, second.url(), &[&world.bob]);
    for exchange in [CodeExchange::Off, CodeExchange::On] {
        for server in [&world.server, second] {
            server
                .control()
                .settings(|settings| settings.code_exchange = exchange);
        }
        let of_first = Way::OPEN_ID.begin(&device).await;
        let of_second = device
            .core()
            .begin_sso(second.url(), Way::OPEN_ID.method)
            .await
            .expect("begun");
        let from_first = through_the_browser(&world.server, &of_first, &world.alice).await;
        let from_second = through_the_browser(second, &of_second, &world.bob).await;
        for (link, user, url) in [
            (from_second, "bob", second.url().to_owned()),
            (from_first, "alice", device.server()),
        ] {
            let id = device.core().finish_sso(&link).await.expect("signed in");
            let snapshot = device.core().snapshot(id).expect("an account");
            assert_eq!(snapshot.username, user);
            assert_eq!(
                snapshot.server_url.trim_end_matches('/'),
                url.trim_end_matches('/')
            );
        }
    }
    assert_eq!(device.core().accounts().len(), 2);
    assert!(second.control().sessions("alice").is_empty());
    assert!(world.control().sessions("bob").is_empty());
}

/// The way back brings nothing, and the sign-in goes on waiting.
async fn whoever_says_no_is_not_signed_in(world: &World) {
    let device = world.device(Kind::IPhone).await;
    Way::OPEN_ID.offer_to(world, &device);
    let begun = Way::OPEN_ID.begin(&device).await;
    let browser = Browser::new(world.server.ca_pem());
    let page = browser.open(&begun.url).await.expect("a page");
    let page = browser.press(&page, "deny", "true").await.expect("a page");
    let back = page.app_link().expect("a way back");
    let refused = device.core().finish_sso(&back).await;
    assert_eq!(world.expect_error(refused), Error::CallbackRefused);
    assert!(device.core().accounts().is_empty());
    let link = through_the_browser(&world.server, &begun, &world.alice).await;
    device.core().finish_sso(&link).await.expect("signed in");
}

async fn a_revoked_session_ends_on_the_sign_in_page(world: &World) {
    let device = world.device(Kind::Desktop).await;
    Way::OPEN_ID.offer_to(world, &device);
    Way::OPEN_ID.sign_in(world, &device, &world.alice).await;
    device.until_live().await;
    world.sessions_grow_up();
    world.revoke(&world.alice);
    device.until_expired().await;
    assert_eq!(device.snapshot().reason, Some(Reason::SessionEnded));
    Way::OPEN_ID.sign_in(world, &device, &world.alice).await;
    assert_eq!(device.verify().await, Standing::Active);
}
