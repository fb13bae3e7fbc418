//! The figures, a file each.

mod commit;
mod idle;
pub mod memory;
mod open;
mod quiet;
mod reconnect;
mod resume;
mod traffic;

use crate::figure::Figure;
use clap::ValueEnum;

/// Which figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Name {
    /// From resume to the cover and the sign-in page, with the session revoked while the app was suspended.
    Resume,
    /// From a revocation to the sign-in page of an idle user.
    Idle,
    /// From the return of the network to a live socket.
    Reconnect,
    /// From the start of the app to its accounts.
    Open,
    /// From a sealed token to a sign-in on the disk.
    Commit,
    /// A request and a burst of events.
    Traffic,
    /// What the core does while nothing happens.
    Quiet,
    /// What an idle account costs in memory.
    Memory,
}

impl Name {
    /// Every figure, in the order in which they are taken.
    pub const ALL: [Self; 8] = [
        Self::Open,
        Self::Commit,
        Self::Memory,
        Self::Traffic,
        Self::Quiet,
        Self::Reconnect,
        Self::Resume,
        Self::Idle,
    ];

    /// Takes the figure, with its own number of runs unless another is asked for.
    ///
    /// # Panics
    /// If it cannot be taken.
    pub async fn take(self, runs: Option<u32>) -> Figure {
        let runs_or = |usual: usize| runs.map_or(usual, |runs| runs as usize);
        match self {
            Self::Resume => resume::take(runs_or(9)).await,
            Self::Idle => idle::take(runs_or(100)).await,
            Self::Reconnect => reconnect::take(runs_or(30)).await,
            Self::Open => open::take(runs_or(100)).await,
            Self::Commit => commit::take(runs_or(200)),
            Self::Traffic => traffic::take(runs_or(50)).await,
            Self::Quiet => quiet::take(runs_or(120)).await,
            Self::Memory => memory::take(runs_or(20)).await,
        }
    }
}
