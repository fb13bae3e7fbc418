//! The stored form of a standing: versioned JSON, pinned by golden tests. The vault keeps it as it is and never looks inside.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::allowance::Allowances;
use super::basics::{BootId, BootMillis, Epoch, Now, UnixMillis};
use super::state::{
    Ended, HostState, Link, LinkMemory, NetworkPath, Piece, PieceKind, Reason, Restore, Save,
    Settings, Standing, State, Suspicion, Unreadable, Unusable,
};
use crate::pace::Pace;
use crate::policy;

/// A standing as the vault keeps it: a column for the code, and opaque text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredStanding {
    /// `active`, `suspect`, `ended`, `needs_mfa` or `unverifiable`.
    pub code: &'static str,
    /// JSON.
    pub text: String,
}

/// An instant that survives restarts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Which start of the device `boot` belongs to.
    pub boot_id: String,
    /// Running time.
    pub boot: i64,
    /// Wall clock.
    pub wall: i64,
}

/// What the vault stored about an account, for [`State::restored`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredParts {
    /// The current epoch.
    pub epoch: Epoch,
    /// The text of [`StoredStanding`], or none for an account that was just signed in.
    pub standing: Option<String>,
    /// The present start of the device.
    pub boot_id: BootId,
    /// What host and server decide.
    pub settings: Settings,
    /// Where the app is.
    pub host: HostState,
}

/// Why a stored standing cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoredError {
    /// It was written by a newer version.
    #[error("the stored standing was written by a newer version")]
    Newer,
    /// It is not what any version wrote.
    #[error("the stored standing cannot be read")]
    Unreadable,
}

impl State {
    /// The state of an account that was signed in or adopted just now.
    pub fn signed_in(parts: StoredParts, server_date: Option<UnixMillis>, now: Now) -> Self {
        let mut state = Self::fresh(parts, now);
        state.signed_in_at = Some(now.boot);
        state.signed_in_server = server_date;
        state.validated_at = Some(now.boot);
        state.validated_wall = Some(now.wall);
        state.validated_server = server_date;
        state
    }

    /// The state of an account as the vault stored it. Stamps of an earlier start of the device are taken by the wall clock,
    /// which never counts backwards.
    ///
    /// # Errors
    ///
    /// The stored text is of a newer version, or of none.
    pub fn restored(parts: StoredParts, now: Now) -> Result<Self, StoredError> {
        let Some(text) = parts.standing.clone() else {
            return Ok(Self::fresh(parts, now));
        };
        let stored = Text::read(&text)?;
        let mut state = Self::fresh(parts, now);
        let clock = Clock {
            boot_id: state.boot_id.0.clone(),
            now,
        };
        state.standing = match stored.standing {
            StandingText::Active => Standing::Active,
            StandingText::NeedsMfa => Standing::NeedsMfa,
            StandingText::Suspect(suspicion) => Standing::Suspect(suspicion.read(&clock)),
            StandingText::Unverifiable(suspicion) => Standing::Unverifiable(suspicion.read(&clock)),
            StandingText::Ended {
                reason,
                since,
                restore,
            } => Standing::Ended(Ended {
                reason: reason.into(),
                // A kept token lives on only if a clock proves that its window has not passed.
                since: if clock.is_proved(&since) {
                    clock.boot(&since)
                } else {
                    BootMillis(
                        now.boot
                            .0
                            .saturating_sub(millis(state.settings.restore_window)),
                    )
                },
                restore: restore.into(),
            }),
        };
        state.wipe_deadline = stored.wipe_deadline.map(|stamp| clock.deadline(&stamp));
        state.unreadable = stored.unreadable.map(|unreadable| unreadable.read(now));
        state.full_config_seen = stored.full_config_seen;
        state.signed_in_at = stored.signed_in.map(|stamp| clock.boot(&stamp));
        state.signed_in_server = stored.signed_in_server.map(UnixMillis);
        // How old a validation is, strict policies count by running time alone; after a restart of the device it is unknown.
        state.validated_at = stored
            .validated
            .as_ref()
            .filter(|stamp| stamp.boot_id == clock.boot_id)
            .map(|stamp| BootMillis(stamp.boot));
        state.validated_wall = stored.validated.map(|stamp| UnixMillis(stamp.wall));
        state.validated_server = stored.validated_server.map(UnixMillis);
        state.unusable.answers = stored.unusable_answers;
        state.unusable.refused = stored.refused;
        state.unusable.online_before = Duration::from_millis(stored.unusable_online);
        Ok(state)
    }

    /// The stored form of this state, for the vault's sign-in transaction; otherwise it comes with the effects.
    pub fn stored(&self, now: Now) -> StoredStanding {
        let clock = Clock {
            boot_id: self.boot_id.0.clone(),
            now,
        };
        fn standing_text(standing: &Standing, online: Duration, clock: &Clock) -> StandingText {
            match standing {
                Standing::Active => StandingText::Active,
                Standing::NeedsMfa => StandingText::NeedsMfa,
                Standing::Suspect(suspicion) => {
                    StandingText::Suspect(SuspicionText::write(suspicion, online, clock))
                }
                Standing::Unverifiable(suspicion) => {
                    StandingText::Unverifiable(SuspicionText::write(suspicion, online, clock))
                }
                Standing::Ended(ended) => StandingText::Ended {
                    reason: ended.reason.into(),
                    since: clock.stamp(ended.since),
                    restore: ended.restore.into(),
                },
                // That the key cannot be read now is no fact about the session.
                Standing::Locked { beneath } => standing_text(beneath, online, clock),
            }
        }
        let unusable_online =
            self.unusable.online_before + self.online.saturating_sub(self.unusable.online_from);
        let text = Text {
            version: VERSION,
            standing: standing_text(&self.standing, self.online, &clock),
            wipe_deadline: self.wipe_deadline.map(|at| clock.stamp(at)),
            unreadable: self
                .unreadable
                .map(|unreadable| UnreadableText::write(&unreadable, now)),
            full_config_seen: self.full_config_seen,
            signed_in: self.signed_in_at.map(|at| clock.stamp(at)),
            signed_in_server: self.signed_in_server.map(|date| date.0),
            validated: match (self.validated_at, self.validated_wall) {
                (Some(at), Some(wall)) => Some(Stamp {
                    boot_id: clock.boot_id.clone(),
                    boot: at.0,
                    wall: wall.0,
                }),
                // Of an earlier start of the device.
                (None, Some(wall)) => Some(Stamp {
                    boot_id: String::new(),
                    boot: 0,
                    wall: wall.0,
                }),
                (_, None) => None,
            },
            validated_server: self.validated_server.map(|date| date.0),
            unusable_answers: self.unusable.answers,
            unusable_online: u64::try_from(unusable_online.as_millis()).unwrap_or(u64::MAX),
            refused: self.unusable.refused,
        };
        StoredStanding {
            code: self.standing.standing_code(),
            // A struct of numbers, strings and lists always serialises.
            text: serde_json::to_string(&text).unwrap_or_default(),
        }
    }

    fn fresh(parts: StoredParts, now: Now) -> Self {
        Self {
            epoch: parts.epoch,
            boot_id: parts.boot_id,
            settings: parts.settings,
            standing: Standing::Active,
            host: parts.host,
            path: NetworkPath::Unknown,
            link: Link::Paused,
            link_memory: LinkMemory {
                next_socket: 1,
                connection: None,
                resuming: false,
                upgraded: false,
                pace: Pace::default(),
                refused: 0,
                dropped: 0,
                ping_sent: None,
                last_byte: now.boot,
            },
            inquiry: None,
            wanted: None,
            commit: None,
            save: Save::Clean,
            timers: BTreeMap::new(),
            allowances: Allowances::new(),
            mutes: BTreeMap::new(),
            ask_pace: Pace::default(),
            server_asked_until: None,
            last_ticket: 0,
            last_step: now.boot,
            online: Duration::ZERO,
            unusable: Unusable {
                answers: 0,
                refused: 0,
                online_before: Duration::ZERO,
                online_from: Duration::ZERO,
            },
            unreadable: None,
            wipe_deadline: None,
            full_config_seen: false,
            signed_in_at: None,
            signed_in_server: None,
            validated_at: None,
            validated_wall: None,
            validated_server: None,
            cover_until_valid: false,
            unfocused_since: None,
            verdicts: 0,
        }
    }
}

const VERSION: u32 = 1;

#[derive(Deserialize)]
struct VersionOnly {
    version: u32,
}

#[derive(Serialize, Deserialize)]
struct Text {
    version: u32,
    standing: StandingText,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wipe_deadline: Option<Stamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unreadable: Option<UnreadableText>,
    full_config_seen: bool,
    signed_in: Option<Stamp>,
    signed_in_server: Option<i64>,
    validated: Option<Stamp>,
    validated_server: Option<i64>,
    unusable_answers: u32,
    unusable_online: u64,
    refused: u32,
}

impl Text {
    fn read(text: &str) -> Result<Self, StoredError> {
        let found: VersionOnly =
            serde_json::from_str(text).map_err(|_error| StoredError::Unreadable)?;
        if found.version > VERSION {
            return Err(StoredError::Newer);
        }
        serde_json::from_str(text).map_err(|_error| StoredError::Unreadable)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
enum StandingText {
    Active,
    Suspect(SuspicionText),
    Ended {
        reason: ReasonText,
        since: Stamp,
        restore: RestoreText,
    },
    NeedsMfa,
    Unverifiable(SuspicionText),
}

/// For how long the key could not be read while the user was there. Without a word of the wall clock, which anybody can set.
#[derive(Serialize, Deserialize)]
struct UnreadableText {
    starts: u32,
    /// Milliseconds up to `boot`.
    millis: u64,
    /// Running time when that was written.
    boot: i64,
}

impl UnreadableText {
    fn write(unreadable: &Unreadable, now: Now) -> Self {
        let age = unreadable.age(now.boot);
        Self {
            starts: unreadable.starts,
            millis: u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
            boot: now.boot.0,
        }
    }

    /// Running time that is further on than it was has gone on by the difference at least, and running time that is not began
    /// anew since: neither counts what has not passed, whichever start of the device it is.
    fn read(self, now: Now) -> Unreadable {
        let from = if self.boot <= now.boot.0 {
            self.boot
        } else {
            0
        };
        Unreadable {
            starts: self.starts,
            before: Duration::from_millis(self.millis),
            from: BootMillis(from),
            counted: false,
            written: false,
            offered: false,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct SuspicionText {
    pieces: Vec<PieceText>,
    answers: u32,
    health_absent: u32,
    ladder_step: u32,
    long_ladder: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    other_server: bool,
    from_mfa: bool,
    online: u64,
}

impl SuspicionText {
    fn write(suspicion: &Suspicion, online: Duration, clock: &Clock) -> Self {
        let age = suspicion.online_age(online);
        Self {
            pieces: suspicion
                .pieces
                .iter()
                .map(|piece| PieceText {
                    at: clock.stamp(piece.at),
                    kind: match piece.kind {
                        PieceKind::Genuine => PieceKindText::Genuine,
                        PieceKind::Experiment => PieceKindText::Experiment,
                    },
                })
                .collect(),
            answers: suspicion.answers,
            health_absent: suspicion.health_absent,
            ladder_step: suspicion.ladder_step,
            long_ladder: suspicion.long_ladder,
            other_server: suspicion.other_server,
            from_mfa: suspicion.from_mfa,
            online: u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
        }
    }

    fn read(self, clock: &Clock) -> Suspicion {
        Suspicion {
            pieces: self
                .pieces
                .iter()
                .map(|piece| Piece {
                    at: clock.boot(&piece.at),
                    kind: match piece.kind {
                        PieceKindText::Genuine => PieceKind::Genuine,
                        PieceKindText::Experiment => PieceKind::Experiment,
                    },
                })
                .collect(),
            answers: self.answers,
            health_absent: self.health_absent,
            ladder_step: self.ladder_step,
            long_ladder: self.long_ladder,
            other_server: self.other_server,
            from_mfa: self.from_mfa,
            online_before: Duration::from_millis(self.online),
            online_from: Duration::ZERO,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct PieceText {
    at: Stamp,
    kind: PieceKindText,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PieceKindText {
    Genuine,
    Experiment,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ReasonText {
    SessionEnded,
    SignedOut,
    Wiped,
    KeyLost,
    StorageLost,
    Replaced,
}

impl From<Reason> for ReasonText {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::SessionEnded => Self::SessionEnded,
            Reason::SignedOut => Self::SignedOut,
            Reason::Wiped => Self::Wiped,
            Reason::KeyLost => Self::KeyLost,
            Reason::StorageLost => Self::StorageLost,
            Reason::Replaced => Self::Replaced,
        }
    }
}

impl From<ReasonText> for Reason {
    fn from(reason: ReasonText) -> Self {
        match reason {
            ReasonText::SessionEnded => Self::SessionEnded,
            ReasonText::SignedOut => Self::SignedOut,
            ReasonText::Wiped => Self::Wiped,
            ReasonText::KeyLost => Self::KeyLost,
            ReasonText::StorageLost => Self::StorageLost,
            ReasonText::Replaced => Self::Replaced,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RestoreText {
    None,
    Looking { looks: u32 },
    Offered,
}

impl From<Restore> for RestoreText {
    fn from(restore: Restore) -> Self {
        match restore {
            Restore::None => Self::None,
            Restore::Looking { looks } => Self::Looking { looks },
            Restore::Offered => Self::Offered,
        }
    }
}

impl From<RestoreText> for Restore {
    fn from(restore: RestoreText) -> Self {
        match restore {
            RestoreText::None => Self::None,
            RestoreText::Looking { looks } => Self::Looking { looks },
            RestoreText::Offered => Self::Offered,
        }
    }
}

/// Turns running time into stamps and back.
struct Clock {
    boot_id: String,
    now: Now,
}

impl Clock {
    fn stamp(&self, at: BootMillis) -> Stamp {
        let ago = self.now.boot.0.saturating_sub(at.0);
        Stamp {
            boot_id: self.boot_id.clone(),
            boot: at.0,
            wall: self.now.wall.0.saturating_sub(ago),
        }
    }

    fn boot(&self, stamp: &Stamp) -> BootMillis {
        if stamp.boot_id == self.boot_id {
            BootMillis(stamp.boot.min(self.now.boot.0))
        } else {
            let ago = self.now.wall.0.saturating_sub(stamp.wall).max(0);
            BootMillis(self.now.boot.0.saturating_sub(ago))
        }
    }

    /// A stamp that may lie ahead, but not further than a wipe can.
    fn deadline(&self, stamp: &Stamp) -> BootMillis {
        let at = if stamp.boot_id == self.boot_id {
            BootMillis(stamp.boot)
        } else {
            let ahead = stamp.wall.saturating_sub(self.now.wall.0);
            BootMillis(self.now.boot.0.saturating_add(ahead))
        };
        at.min(self.now.boot.after(policy::WIPE_DEADLINE))
    }

    /// A clock proves how long ago it was: the same start of the device, or a wall clock that has not gone back.
    fn is_proved(&self, stamp: &Stamp) -> bool {
        if stamp.boot_id == self.boot_id {
            stamp.boot <= self.now.boot.0
        } else {
            stamp.wall <= self.now.wall.0
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
