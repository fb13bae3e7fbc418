//! What older apps left behind, taken over without ever losing it; and the cookies of apps that show web pages. Over real
//! sockets, real files and real processes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test, what does not hold stops the test"
)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/files.rs"]
mod files;
#[path = "../common/stopped.rs"]
mod stopped;

mod contact;
mod erasing;
mod import;
mod kills;
mod support;
mod web;
