//! How an account reaches its server: proxies, gates before the server, certificates, names, and what a first look says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests say what went wrong by stopping"
)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/logged.rs"]
mod logged;

mod canary;
mod gates;
mod names;
mod older_apps;
mod probes;
mod proxies;
mod support;
