//! What the machine does, standing by standing, told through the events that the engine sends.

mod end_and_restore;
mod link;
mod rig;
mod standing;
mod stored;
mod unreadable;
