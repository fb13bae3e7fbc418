//! A simulated device: a process with the core, a screen and a notification tray, moved by JSON lines.
//!
//! [`Device`] starts and moves it from outside; [`run`] is what the process does. Both speak [`message`].

mod handle;
mod host;
pub mod message;
mod process;

pub use handle::{AskError, Device, Entry};
pub use process::run;
