//! Benchmarks: how long the core takes for what a user waits for, beside the same work done by hand on the same wire in the
//! same run.
//!
//! `cargo run --release -p steadfast-bench` prints every figure. A figure states its aim, and nothing here passes or fails
//! by time: machines differ, and so do their loads.
//!
//! `src/figures/` has a file per figure; `world` is the server, the network and the devices they run on; `by_hand` is the
//! work without the core; `figure` is what a figure is, `report` how it is printed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test support that never ships; a figure that cannot be taken should stop the run"
)]

mod by_hand;
mod figure;
pub mod figures;
mod machine;
mod report;
mod world;

pub use figure::{Baseline, Count, Figure, Row, Samples};
pub use figures::memory;
pub use machine::Machine;
pub use report::Report;
