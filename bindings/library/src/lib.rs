//! The one native library that an app ships: what UniFFI exports for Kotlin and Swift. Nothing of its own.

pub use steadfast_ffi::*;
