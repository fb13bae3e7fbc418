//! What the administrators of a server decide about sessions on phones, from the client configuration. Kept as JSON, so that
//! it holds after a restart and without a network.

use serde::{Deserialize, Serialize};
use std::time::Duration;

use super::wire::ClientConfig;

/// Hours, days and the like beyond which a number is a slip of the hand: ten years.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// The part of the full client configuration that decides about sessions (`types/api/config.d.ts` of mattermost-mobile).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerPolicy {
    /// `ExtendSessionLengthWithActivity`: posting and reading move the expiry.
    pub extends_with_activity: bool,
    /// Mobile Ephemeral Mode, where it is on.
    pub ephemeral: Option<EphemeralMode>,
}

/// `MobileEphemeralMode…`. A value that is absent, zero or no number is not set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EphemeralMode {
    /// `DisconnectionTimeoutSeconds`: being without the server for this long counts as offline.
    pub disconnection_seconds: Option<u64>,
    /// `OfflinePersistenceTimerHours`: how long content stays usable offline.
    pub offline_hours: Option<u64>,
    /// `AutoCacheCleanupDays`: how long content may be kept at all.
    pub cleanup_days: Option<u64>,
}

impl ServerPolicy {
    /// Reads it from the full set: the limited one leaves most of it out.
    pub fn of(config: &ClientConfig) -> Self {
        let number = |key: &str| {
            let value = config.get(&format!("MobileEphemeralMode{key}"));
            value.trim().parse().ok().filter(|number: &u64| *number > 0)
        };
        Self {
            extends_with_activity: config.is_on("ExtendSessionLengthWithActivity"),
            ephemeral: config
                .is_on("MobileEphemeralModeEnabled")
                .then(|| EphemeralMode {
                    disconnection_seconds: number("DisconnectionTimeoutSeconds"),
                    offline_hours: number("OfflinePersistenceTimerHours"),
                    cleanup_days: number("AutoCacheCleanupDays"),
                }),
        }
    }

    /// Reads what was stored; one that cannot be read says nothing.
    pub fn from_json(json: &str) -> Self {
        serde_json::from_str(json).unwrap_or_default()
    }

    /// As it is stored.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// For how long content may be used without a word of the server: the time until it counts as offline, and then the
    /// time that content may be used offline.
    pub fn max_offline(&self) -> Option<Duration> {
        let mode = self.ephemeral.as_ref()?;
        let offline = scaled(mode.offline_hours?, 60 * 60);
        let grace = scaled(mode.disconnection_seconds.unwrap_or(0), 1);
        Some(offline.saturating_add(grace).min(LONGEST))
    }

    /// For how long an ended account's data may be kept, if the server limits it.
    pub fn erase_after(&self) -> Option<Duration> {
        let days = self.ephemeral.as_ref()?.cleanup_days?;
        Some(scaled(days, 24 * 60 * 60))
    }
}

fn scaled(number: u64, unit_seconds: u64) -> Duration {
    Duration::from_secs(number.saturating_mul(unit_seconds)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(json: &str) -> ServerPolicy {
        ServerPolicy::of(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn ephemeral_mode_counts_only_where_it_is_on() {
        let on = r#"{"MobileEphemeralModeEnabled":"true","MobileEphemeralModeDisconnectionTimeoutSeconds":"60",
            "MobileEphemeralModeOfflinePersistenceTimerHours":"2","MobileEphemeralModeAutoCacheCleanupDays":"7"}"#;
        let read = policy(on);
        assert_eq!(read.max_offline(), Some(Duration::from_secs(7_260)));
        assert_eq!(read.erase_after(), Some(Duration::from_secs(7 * 86_400)));
        assert_eq!(ServerPolicy::from_json(&read.to_json()), read);
        let off = policy(&on.replace("\"true\"", "\"false\""));
        assert_eq!((off.max_offline(), off.erase_after()), (None, None));
    }

    #[test]
    fn what_is_no_number_is_not_set_and_a_huge_one_is_bounded() {
        for text in ["", "0", "-3", "soon", "18446744073709551615"] {
            let json = format!(
                r#"{{"MobileEphemeralModeEnabled":"true","MobileEphemeralModeOfflinePersistenceTimerHours":"{text}"}}"#
            );
            let limit = policy(&json).max_offline();
            let expected = (text.len() > 10).then_some(LONGEST);
            assert_eq!(limit, expected, "{text}");
        }
        assert_eq!(ServerPolicy::from_json("no JSON"), ServerPolicy::default());
    }
}
