//! Cases that leak on purpose, each in a place of its own. They are not among the cases of a run: `canary` starts them one by
//! one and demands that they fail.

use std::fmt::Write as _;

use steadfast_acceptance::{Shown, Way, World, cases};
use steadfast_lab::device::message::Kind;
use steadfast_testserver::CodeExchange;

cases![
    nowhere,
    in_a_log_line,
    in_a_panic,
    in_an_error_text,
    in_a_file,
];

/// One secret of each kind, used as an app uses it, in one text.
async fn secrets(world: &World) -> String {
    let control = world.control();
    control.settings(|settings| settings.code_exchange = CodeExchange::On);
    let device = world.device(Kind::IPhone).await;
    Way::OPEN_ID.offer_to(world, &device);
    Way::OPEN_ID.sign_in(world, &device, &world.alice).await;
    let key = device.data_key().await;

    control.create_desktop_token(world.bob.name);
    control.create_access_token(world.bob.name);
    control.enable_mfa(world.admin.name);
    control.settings(|settings| {
        settings.enable_guest_magic_link = true;
        settings.enable_guest_accounts = true;
    });
    control.auth_service(world.bob.name, "magic_link");
    let mailed = device
        .core()
        .request_magic_link(&device.server(), world.bob.name)
        .await;
    mailed.expect("mailed");
    assert_eq!(device.shows(), Shown::Content);

    let mut text = world.alice.password.0.clone();
    for (_, secret) in control.secrets() {
        write!(text, " {secret}").expect("room");
    }
    text.push(' ');
    for byte in key.expose() {
        write!(text, "{byte:02x}").expect("room");
    }
    text
}

async fn nowhere(world: &World) {
    secrets(world).await;
}

async fn in_a_log_line(world: &World) {
    tracing::trace!("{}", secrets(world).await);
}

async fn in_a_panic(world: &World) {
    let text = secrets(world).await;
    let thread = std::thread::spawn(move || panic!("{text}"));
    thread.join().expect_err("a panic");
}

async fn in_an_error_text(world: &World) {
    world.note(&secrets(world).await);
}

async fn in_a_file(world: &World) {
    let text = secrets(world).await;
    std::fs::write(world.folder().join("left-behind"), text).expect("a file");
}
