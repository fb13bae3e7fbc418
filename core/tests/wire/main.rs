//! The core's wire layer against real listeners on the loopback interface: honest ones, broken ones and hostile ones.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests say what went wrong by stopping"
)]

#[path = "../common/logged.rs"]
mod logged;

mod address;
mod hostile;
mod logs;
mod mattermost;
mod socket;
mod support;
mod tls;
mod ways;
