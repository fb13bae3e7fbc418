//! Links that a server mails to guests, and personal access tokens, whose sessions the server makes anew.

use steadfast::{Error, MagicLink, SignInMethod, Standing};
use steadfast_acceptance::{Shown, World, cases};
use steadfast_lab::device::message::Kind;

cases![
    a_mailed_link_works_once,
    an_access_token_outlives_its_session,
];

async fn a_mailed_link_works_once(world: &World) {
    let device = world.device(Kind::IPhone).await;
    world.control().settings(|settings| {
        settings.enable_guest_magic_link = true;
        settings.enable_guest_accounts = true;
    });
    world.control().auth_service(world.bob.name, "magic_link");
    let core = device.core();
    let asked = core
        .request_magic_link(&device.server(), world.bob.name)
        .await;
    assert_eq!(asked, Ok(MagicLink::Mailed));
    let mailed = world.control().mailed_links(world.bob.name);
    let [link] = mailed.as_slice() else {
        panic!("{} links", mailed.len());
    };
    let signed_in = core
        .sign_in_with_magic_link(&device.server(), link.as_str())
        .await;
    signed_in.expect("signed in");
    device.until_shows(Shown::Content).await;
    assert_eq!(
        device.snapshot().sign_in_method,
        Some(SignInMethod::MagicLink)
    );
    let again = core
        .sign_in_with_magic_link(&device.server(), link.as_str())
        .await;
    assert_eq!(world.expect_error(again), Error::TokenRefused);
    assert_eq!(device.verify().await, Standing::Active);
    world.sessions_grow_up();
    let session = world.control().sessions(world.bob.name)[0].id.clone();
    assert!(world.control().revoke_session(&session));
    device.until_expired().await;
}

/// The server makes a new session at the next request with the token, so the end of one is no end.
async fn an_access_token_outlives_its_session(world: &World) {
    let device = world.device(Kind::Android).await;
    let (_, token) = world.control().create_access_token(world.alice.name);
    let adopted = device
        .core()
        .adopt_token(&device.server(), token.as_str())
        .await;
    adopted.expect("adopted");
    device.until_live().await;
    world.sessions_grow_up();
    let before = world.control().sessions(world.alice.name)[0].id.clone();
    assert!(world.control().revoke_session(&before));
    assert_eq!(device.verify().await, Standing::Active);
    let after = world.control().sessions(world.alice.name);
    assert!(after.iter().all(|session| session.id != before));
    assert_eq!(after.len(), 1);
    device.until_shows(Shown::Content).await;
    assert!(!device.shown().contains(&Shown::EXPIRED));
}
