//! The cases, a file each. Words and order follow the manual test cases whose keys they bear.

mod mm_t297;
mod mm_t418;
mod mm_t938;
mod mm_t940;
mod mm_t941;

use crate::{
    people::Stage,
    report::{CaseOutcome, DeviceOutcome},
};

/// A case of the story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// View and log out of active sessions.
    T297,
    /// Revoke all sessions.
    T940,
    /// Revoke one user's sessions.
    T938,
    /// Revoke all sessions, mobile unreachable.
    T941,
    /// The session ends while nobody looks.
    T418,
}

impl Case {
    /// In the order of the story.
    pub(crate) const ALL: [Self; 5] = [Self::T297, Self::T940, Self::T938, Self::T941, Self::T418];

    /// The key of the manual test case.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::T297 => "MM-T297",
            Self::T940 => "MM-T940",
            Self::T938 => "MM-T938",
            Self::T941 => "MM-T941",
            Self::T418 => "MM-T418",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::T297 => "View and log out of active sessions",
            Self::T940 => "Revoke all sessions",
            Self::T938 => "Revoke one user's sessions",
            Self::T941 => "Revoke all sessions, mobile unreachable",
            Self::T418 => "The session ends while nobody looks",
        }
    }

    /// Plays it, whatever became of the ones before.
    pub(crate) async fn play(self, stage: &mut Stage<'_>) -> CaseOutcome {
        stage
            .teller
            .heading(&format!("{} {}", self.key(), self.title()));
        let mut devices: Vec<DeviceOutcome> = Vec::new();
        let played = match self {
            Self::T297 => mm_t297::play(stage, &mut devices).await,
            Self::T940 => mm_t940::play(stage, &mut devices).await,
            Self::T938 => mm_t938::play(stage, &mut devices).await,
            Self::T941 => mm_t941::play(stage, &mut devices).await,
            Self::T418 => mm_t418::play(stage, &mut devices).await,
        };
        let failure = played.err().map(|error| format!("{error:#}"));
        let outcome = CaseOutcome::new(self.key(), self.title(), devices, failure);
        stage.tell(&if outcome.passed {
            format!("{} passed", self.key())
        } else {
            format!("{} FAILED: {}", self.key(), outcome.detail)
        });
        outcome
    }
}
