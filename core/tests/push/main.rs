//! Pushes, background checks and reminders over a real wire: what wakes the core ends nothing by itself, what ended is told
//! once, and a core that was suspended is suspended again.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test, what does not hold stops the test"
)]

#[path = "../common/mod.rs"]
mod common;

mod checks;
mod devices;
mod pushes;
mod reminders;
mod support;
