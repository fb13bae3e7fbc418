//! Support for the simulations: a machine that is driven by hand, and the list of everything that can happen to it. Test
//! support that never ships.
// Test support may stop the test at once when its own assumptions do not hold.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod events;
pub mod golden;
pub mod machine;
pub mod reference;
