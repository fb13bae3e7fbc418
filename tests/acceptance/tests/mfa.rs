//! Multi-factor authentication: the code at the sign-in, and a server that begins to demand that users set it up.

use steadfast::{SecretText, SignIn, Standing};
use steadfast_acceptance::{Shown, World, cases};
use steadfast_lab::device::message::Kind;

cases![
    the_code_is_asked_for_and_taken,
    a_wrong_code_is_refused,
    enforcement_covers_and_signs_nobody_out,
];

fn with_code(request: SignIn, code: &str) -> SignIn {
    SignIn {
        mfa_code: Some(SecretText::new(code)),
        ..request
    }
}

/// MM-T3181.
async fn the_code_is_asked_for_and_taken(world: &World) {
    world.control().enable_mfa(world.alice.name);
    let device = world.device(Kind::IPhone).await;
    let asked = device
        .core()
        .sign_in(world.alice.types(&device.server()))
        .await;
    let error = world.expect_error(asked);
    assert_eq!(error.code(), "mfa_code_required");
    let code = world.control().totp(world.alice.name);
    let request = with_code(world.alice.types(&device.server()), &code);
    device.core().sign_in(request).await.expect("signed in");
    device.until_shows(Shown::Content).await;
    assert_eq!(device.verify().await, Standing::Active);
}

async fn a_wrong_code_is_refused(world: &World) {
    world.control().enable_mfa(world.alice.name);
    let device = world.device(Kind::Android).await;
    let code = world.control().totp(world.alice.name);
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let request = with_code(world.alice.types(&device.server()), wrong);
    let refused = device.core().sign_in(request).await;
    let error = world.expect_error(refused);
    assert_eq!(error.code(), "mfa_code_wrong");
    assert!(device.core().accounts().is_empty());
}

/// Hazard D11.
async fn enforcement_covers_and_signs_nobody_out(world: &World) {
    let device = world.signed_in(Kind::Desktop).await;
    world.control().mfa_enforced(true);
    let snapshot = device
        .until("the cover of MFA", |snapshot| {
            snapshot.standing == Standing::NeedsMfa
        })
        .await;
    assert_eq!(Shown::of(&snapshot), Shown::Cover);
    assert!(device.told().is_empty());
    assert_eq!(world.control().sessions(world.alice.name).len(), 1);

    world.control().mfa_enforced(false);
    device.suspend().await;
    device.open().await;
    device.until_shows(Shown::Content).await;
    assert!(!device.shown().contains(&Shown::EXPIRED));
}
