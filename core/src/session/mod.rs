//! session

mod basics;

pub use basics::{AccountId, BootId, BootMillis, Epoch, Now, UnixMillis};
