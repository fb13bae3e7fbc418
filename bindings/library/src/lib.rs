//! The one native library that an app ships: what UniFFI exports for Kotlin and Swift. Nothing of its own but the allocator,
//! which wipes what it gets back: docs/adr/0030-an-allocator-that-wipes.md.

pub use steadfast_ffi::*;

#[global_allocator]
static WIPING: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);
