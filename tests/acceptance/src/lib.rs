//! What the acceptance cases share: a world with a server and devices, waiting for what a device shows, and the canary that
//! looks for secrets afterwards.
//!
//! A case is a function from a [`World`] to nothing; it is right if it does not panic, and if no secret of its world turns
//! up where it must not. Nothing here sleeps: a case waits for what the core or the server says.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test support that never ships"
)]

pub mod canary;
mod case;
mod device;
mod single_sign_on;
mod world;

pub use case::{Case, run};
pub use device::{Device, EXPIRED, Shown};
pub use single_sign_on::{Way, through_the_browser};
pub use world::{Options, User, World};
