//! The process is killed while the browser is in front.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use steadfast::SsoMethod;

use crate::support::*;

const CHILD: &str = "STEADFAST_SSO_CHILD";

/// Begins a sign-in, says so, and waits to be killed.
#[tokio::test]
async fn child_that_begins() {
    // The body of a process that the test below starts; by itself it has nothing to do.
    let Ok(role) = std::env::var(CHILD) else {
        return;
    };
    let (folder, server) = role.split_once('|').unwrap();
    let core = open(Path::new(folder));
    core.begin_sso(server, SsoMethod::OpenId).await.unwrap();
    println!("begun");
    std::future::pending::<()>().await;
}

/// Hazard B15.
#[tokio::test]
async fn a_sign_in_survives_the_process_that_began_it() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kills::child_that_begins", "--nocapture"])
        .env(
            CHILD,
            format!("{}|{}", folder.path().display(), server.url()),
        )
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().ends_with("begun")));
    child.kill().unwrap();
    child.wait().unwrap();

    let core = open(folder.path());
    let session = session_of(&server, "alice", ALICE).await;
    let account = core
        .finish_sso(&token_link(server.url(), &session))
        .await
        .unwrap();
    assert_eq!(core.snapshot(account).unwrap().username, "alice");
    core.close().await;
}
