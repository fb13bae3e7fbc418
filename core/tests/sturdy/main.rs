//! It stays up: panics, other processes, forks.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "in a test, what does not hold stops the test"
)]

mod callbacks;
mod clocks;
#[path = "../common/mod.rs"]
mod common;
mod forks;
mod keys;
mod lifetimes;
mod new_id;
mod offline;
mod panics;
mod readers;
mod sign_ins_under_way;
#[path = "../vault_support/mod.rs"]
mod vault_support;
mod withheld_keys;
