//! How an account reaches its server: proxies, gates before the server, certificates, names, and what a first look says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests say what went wrong by stopping"
)]

mod canary;
mod gates;
mod names;
mod older_apps;
mod probes;
mod proxies;
mod support;
