//! The canary itself: what is planted is found, of each kind and in each place, and the run fails.

use std::process::{Command, Output};

use steadfast_acceptance::{World, cases};
use steadfast_lab::device::message::Kind;

cases![
    nothing_is_found_where_nothing_was_planted,
    a_log_line,
    a_panic,
    an_error_text,
    a_file,
];

const KINDS: [&str; 10] = [
    "a password",
    "a session token",
    "a CSRF token",
    "a login code",
    "a code verifier",
    "a magic link",
    "a desktop token",
    "an access token",
    "an MFA secret",
    "a data key",
];

/// Runs one of the cases that leak, as a run of its own.
async fn run(world: &World, case: &str) -> Output {
    // The run that this case is in listens to a core as well.
    world
        .device(Kind::Desktop)
        .await
        .sign_in(&world.alice)
        .await;
    let case = format!("planted::{case}");
    let running = tokio::task::spawn_blocking(move || {
        // Where the log of that run is left.
        let folder = tempfile::tempdir().expect("a folder");
        Command::new(std::env::current_exe().expect("this program"))
            .env("TMPDIR", folder.path())
            .args([&case, "--exact"])
            .output()
            .expect("a run")
    });
    running.await.expect("a run")
}

fn said(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    format!("{out}{err}")
}

async fn is_found(world: &World, case: &str, place: &str) {
    let output = run(world, case).await;
    let said = said(&output);
    assert_eq!(output.status.code(), Some(101), "{case}");
    for kind in KINDS {
        let found = said.contains(&format!("{place} {kind}"));
        assert!(found, "{case}: {kind} was not found");
    }
}

async fn nothing_is_found_where_nothing_was_planted(world: &World) {
    let output = run(world, "nowhere").await;
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
}

async fn a_log_line(world: &World) {
    is_found(world, "in_a_log_line", "the log holds").await;
}

async fn a_panic(world: &World) {
    is_found(world, "in_a_panic", "the log holds").await;
}

async fn an_error_text(world: &World) {
    is_found(world, "in_an_error_text", "errors or debug output hold").await;
}

async fn a_file(world: &World) {
    is_found(world, "in_a_file", "left-behind holds").await;
}
