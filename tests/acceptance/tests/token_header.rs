//! Something in between adds a `Token` header to every answer. It is no sign-in's answer, so nobody takes it.

use steadfast::{Method, Request, Standing};
use steadfast_acceptance::{Options, Shown, World, cases};
use steadfast_lab::device::message::Kind;

cases![a_token_in_every_answer_changes_nothing];

/// As long as a real one, and known to no server.
const FOREIGN: &str = "foreign0token0foreign0toke";

/// Q16. Hazard A36.
async fn a_token_in_every_answer_changes_nothing(world: &World) {
    let mut device = world
        .signed_in_with(Kind::IPhone, Options::meddling())
        .await;
    let before = world.control().sessions(world.alice.name)[0].id.clone();
    device.network.add_headers([("token", FOREIGN)]);
    // The next socket's answer has the header too.
    let asked = device.network.report().requests.len() as u64;
    device.network.reset();
    let upgrade = device
        .network
        .wait_for_request(|request| request.upgrade && request.number > asked);
    device.patiently("an upgrade", upgrade).await;
    device.until_live().await;
    for path in ["/api/v4/users/me", "/api/v4/users/me/sessions"] {
        let response = device
            .request(Request::new(Method::Get, path))
            .await
            .expect("answered");
        assert_eq!(response.status, 200);
    }
    assert_eq!(device.verify().await, Standing::Active);

    // What is stored is still the token of the sign-in: it is all that the next start has.
    device.restart().await;
    device.open().await;
    assert_eq!(device.verify().await, Standing::Active);
    assert_eq!(device.shows(), Shown::Content);
    assert_eq!(device.own_session().await, before);
    assert_eq!(world.control().sessions(world.alice.name).len(), 1);
    assert!(device.told().is_empty());
}
