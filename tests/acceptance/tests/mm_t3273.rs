//! MM-T3273: signing out by oneself.

use steadfast::{Error, Method, Reason, Request};
use steadfast_acceptance::{Shown, World, cases};
use steadfast_lab::device::message::Kind;

cases![signing_out_shows_the_sign_in_page_without_a_text_and_ends_the_session];

/// MM-T3273.
async fn signing_out_shows_the_sign_in_page_without_a_text_and_ends_the_session(world: &World) {
    let mut device = world.device(Kind::Android).await;
    let other = world.device(Kind::IPhone).await;
    let account = device.sign_in_and_connect(&world.alice).await;
    other.sign_in_and_connect(&world.alice).await;
    device.core().sign_out(account).await.expect("signed out");
    let snapshot = device.snapshot();
    assert_eq!(Shown::of(&snapshot), Shown::SignIn(None));
    assert_eq!(snapshot.reason, Some(Reason::SignedOut));
    world.until_sessions(&world.alice, 1).await;
    assert!(
        device.told().is_empty(),
        "nobody is told what they did themselves"
    );
    let request = Request::new(Method::Get, "/api/v4/users/me");
    assert_eq!(device.request(request).await, Err(Error::NotSignedIn));
    assert_eq!(
        other.shows(),
        Shown::Content,
        "the other device stays signed in"
    );

    device.restart().await;
    assert_eq!(device.shows(), Shown::SignIn(None));
    device.sign_in_and_connect(&world.alice).await;
}
