//! The machine: what we believe about an account's session and what we know of the way to its server, as plain values. No IO,
//! no clock, no randomness, no async; it imports nothing of ours but `policy`, `pace` and the verdict type of `evidence`.
//!
//! How to read it, in ten minutes:
//! - `standing` says when a user is signed out: one flat match over standing and event.
//! - `suspicion` says what it takes from the first piece of evidence to a verdict.
//! - `ending` says how an end is committed, and how a wrong one heals.
//! - `unreadable` says when a key that cannot be read is waited for no longer, if the user so chooses.
//! - `asking` says when the server is asked at all.
//! - `link` is the socket: one flat match over link and signal, which never decides about the standing.
//! - `draft` keeps stale answers out, and gathers the effects. `state`, `event`, `effect` are the words; `stored` is what
//!   survives a restart.

mod allowance;
mod asking;
mod basics;
mod draft;
mod effect;
mod ending;
mod event;
mod link;
mod standing;
mod state;
mod stored;
mod suspicion;
mod unreadable;

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

/// Takes an account from one state to the next, and says what has to be done for it, in order.
pub fn step(state: &State, event: Event, now: Now) -> (State, Vec<Effect>) {
    let mut draft = draft::Draft::new(state, now);
    if let Some(event) = draft.admit(event) {
        draft.observe(&event);
        standing::transition(&mut draft, &event);
        link::transition(&mut draft, &event);
        if let Event::TimerFired(_) = event
            && draft.returned != draft::Return::No
        {
            // A process that was frozen without a word has been away.
            let awake = Event::HostChanged(draft.state.host);
            standing::transition(&mut draft, &awake);
            link::transition(&mut draft, &awake);
        }
        while let Some(hint) = draft.raised.pop_front() {
            standing::transition(&mut draft, &Event::Hint(hint));
        }
        link::settle(&mut draft);
    }
    draft.finish()
}

#[cfg(test)]
mod tests;
