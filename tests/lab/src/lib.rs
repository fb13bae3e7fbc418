//! Simulated devices on the real core, each a process of its own.
//!
//! The library is the device: the side that runs in its process, and the handle by which a lab or a test plays its user.
//! The program built on it plays the acceptance cases as a story.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test support that never ships"
)]

pub mod browser;
pub mod device;
