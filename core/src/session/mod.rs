//! The machine.

mod allowance;
mod basics;
mod effect;
mod event;
mod state;
mod stored;

pub use basics::{AccountId, BootId, BootMillis, Epoch, Now, UnixMillis};
pub use effect::{Effect, Notice, Question, TokenFate};
pub use event::{
    Answer, ConfigSet, Event, Experiment, Health, Hint, KeyTrouble, SessionsRead, SocketEnd,
    SocketEvent, UnknownWhy, Validation,
};
pub use state::{
    Ended, HostState, Link, NetworkPath, Piece, PieceKind, Reason, Restore, Settings, SocketId,
    Standing, StandingView, State, Suspicion, Ticket, Timer, View, WaitCause,
};
pub use stored::{Stamp, StoredError, StoredParts, StoredStanding};

/// Takes an account from one state to the next, and says what has to be done for it.
pub fn step(state: &State, event: Event, now: Now) -> (State, Vec<Effect>) {
    let _ = (event, now);
    (state.clone(), Vec::new())
}
