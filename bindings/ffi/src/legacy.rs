//! Taking over what older apps left on the device.

use crate::core::Core;
use crate::enums::{from_core, to_core};
use crate::error::SteadfastError;
use crate::guard::{Cancellation, waits};
use crate::secret::SecretText;
use std::sync::Arc;
use steadfast::LegacyEntryId;

/// Where an older app kept a thing. In the order of preference, where several hold a session of one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, uniffi::Enum)]
pub enum LegacySource {
    /// React Native 2: internet password of a server, or the generic password with the server as its service. `server` is
    /// that server, `name` the user name, `value` the password: both hold the token.
    ReactNative2,
    /// React Native 2: the item `preshared_secret` of a server, what a gateway before it wants. `value` is the secret,
    /// `server` is empty where the item names none. Taken over into the network profile of the session of that server, which
    /// has to be among the entries of the same call; without a server it is of the only one among them.
    ReactNative2PreSharedSecret,
    /// React Native 1.22 and later: as `ReactNative2`, with `<device id>, <user id>` for a name.
    ReactNative1Internet,
    /// React Native before 1.22: the one generic password without a service. `server` is empty, `name` is
    /// `<device id>, <user id>`, `value` is `<token>,<server>`.
    ReactNative1Generic,
    /// Classic iPhone app: a cookie that the jar would send to `server`, which is `CurrentUrl` of its preferences.
    ClassicIosCookie,
    /// Classic Android app: a cookie that the jar would send to `server`, which is `baseUrl` of its preferences.
    ClassicAndroidCookie,
    /// Classic iPhone app: a value of its `UserDefaults`. `server` is `CurrentUrl`.
    ClassicIosDefaults,
    /// Classic Android app: a value of its preferences. `server` is `baseUrl`.
    ClassicAndroidPreferences,
}

to_core!(LegacySource => steadfast::LegacySource {
    ReactNative2, ReactNative2PreSharedSecret, ReactNative1Internet, ReactNative1Generic, ClassicIosCookie,
    ClassicAndroidCookie, ClassicIosDefaults, ClassicAndroidPreferences,
});
from_core!(steadfast::LegacySource => LegacySource {
    ReactNative2, ReactNative2PreSharedSecret, ReactNative1Internet, ReactNative1Generic, ClassicIosCookie,
    ClassicAndroidCookie, ClassicIosDefaults, ClassicAndroidPreferences,
} otherwise ReactNative2);

/// Whether this installation of the app is the one that wrote the entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum PreviousInstallation {
    /// The app was updated in place: its own marker of a first run, kept where an uninstall takes it away, is there.
    Updated,
    /// The marker is not there: the app was installed anew. What a keychain still holds may be another person's, so nothing
    /// of it is adopted, and it becomes erasable.
    Gone,
}

to_core!(PreviousInstallation => steadfast::PreviousInstallation { Updated, Gone });

/// One thing that an older app left, as it lies there: nothing trimmed, nothing decoded.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct LegacyEntry {
    /// Where it was found.
    pub source: LegacySource,
    /// The server it belongs to, as the older app wrote it; empty where the source has none.
    pub server: String,
    /// Name of the cookie or the preference, or user name of the password. May hold a token.
    pub name: SecretText,
    /// Its value.
    pub value: SecretText,
}

impl From<LegacyEntry> for steadfast::LegacyEntry {
    fn from(entry: LegacyEntry) -> Self {
        let LegacyEntry {
            source,
            server,
            name,
            value,
        } = entry;
        Self {
            source: source.into(),
            server,
            name,
            value,
        }
    }
}

/// The id of an entry: the same entry handed over again has the same one, and the same place with another value has another.
#[uniffi::export]
pub fn legacy_entry_id(entry: LegacyEntry) -> String {
    steadfast::LegacyEntry::from(entry).id().0
}

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum LegacyOutcome {
    /// It is the session of this account, which can be shown at once; `validatedAtMillis` of its snapshot stays empty until
    /// the server was heard.
    Adopted {
        /// Which.
        account: i64,
    },
    /// Its token is kept, and the server is asked whose it is as soon as it can be reached. Until then there is no account.
    /// So is the secret of the gateway before that server.
    Pending,
    /// A better source, or an account that the core had, stands in its place.
    Superseded,
    /// The server no longer knows its token. It was asked twice while its database was healthy.
    Refused,
    /// It helped to read others (a user id, a device id, an address) and holds no session of its own.
    Noted,
    /// A cookie of a server that the user had left.
    LeftServer,
    /// A token of a server before 3.0, which nothing of today speaks with. The user signs in.
    OldServer,
    /// It survived another installation of the app.
    OtherInstallation,
    /// It cannot be read as what its source holds. Left where it is: a newer version may know it.
    Unreadable,
    /// Its server has no TLS, and the app does not allow that. Left where it is.
    Insecure,
    /// A secret of a gateway, and no session of its server beside it to be kept with. Left where it is.
    Unsupported,
    /// What became of it only a newer version knows, which had taken it over.
    Other,
}

impl From<steadfast::LegacyOutcome> for LegacyOutcome {
    fn from(outcome: steadfast::LegacyOutcome) -> Self {
        use steadfast::LegacyOutcome as Core;
        match outcome {
            Core::Adopted(account) => Self::Adopted { account: account.0 },
            Core::Pending => Self::Pending,
            Core::Superseded => Self::Superseded,
            Core::Refused => Self::Refused,
            Core::Noted => Self::Noted,
            Core::LeftServer => Self::LeftServer,
            Core::OldServer => Self::OldServer,
            Core::OtherInstallation => Self::OtherInstallation,
            Core::Insecure => Self::Insecure,
            Core::Unsupported => Self::Unsupported,
            Core::Unreadable => Self::Unreadable,
            // The core's enum may grow; a test compares the names.
            Core::Other | _ => Self::Other,
        }
    }
}

/// What became of one entry that was handed over.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct LegacyResult {
    /// Which entry.
    pub id: String,
    /// What became of it.
    pub outcome: LegacyOutcome,
    /// It stays where it is, as if it had never been handed over.
    pub left_alone: bool,
}

/// An entry that the app may erase.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct LegacyErasable {
    /// Which one; the app finds it by `legacyEntryId` of what it reads.
    pub id: String,
    /// Where it lies.
    pub source: LegacySource,
    /// Canonical address of its server; empty where it has none.
    pub server_url: String,
}

impl From<steadfast::LegacyErasable> for LegacyErasable {
    fn from(erasable: steadfast::LegacyErasable) -> Self {
        let steadfast::LegacyErasable {
            id,
            source,
            server_url,
        } = erasable;
        Self {
            id: id.0,
            source: source.into(),
            server_url,
        }
    }
}

#[uniffi::export]
impl Core {
    /// Takes over sessions that older apps left, and says of each entry, in their order, what became of it. Touches no server:
    /// a session whose user the older app wrote down is an account when this returns, the others become accounts when their
    /// server was heard, which is tried from here on as long as it takes. An account that the core already has on a server
    /// always counts before anything left there. The same entries may be handed over any number of times, also after a killed
    /// import; what they became does not change by it. Fails with `key_store_unavailable`, `disk_full`, `suspended`, and as
    /// the store does: what was taken over until then stays, the rest is as it was, and the app calls again later. Nothing is
    /// erased in the meantime.
    #[uniffi::method(default(cancellation = None))]
    pub async fn import_legacy(
        &self,
        entries: Vec<LegacyEntry>,
        previous: PreviousInstallation,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Vec<LegacyResult>, SteadfastError> {
        waits(cancellation, async {
            let entries = entries.into_iter().map(Into::into).collect();
            let report = self
                .steadfast
                .import_legacy(entries, previous.into())
                .await?;
            let steadfast::LegacyReport { entries } = report;
            let result = |(id, outcome): (LegacyEntryId, steadfast::LegacyOutcome)| LegacyResult {
                id: id.0,
                outcome: outcome.into(),
                left_alone: outcome.is_left_alone(),
            };
            Ok(entries.into_iter().map(result).collect())
        })
        .await
    }

    /// Entries that the app may erase now, in the order in which to do it. Only what is on the disk, its key in the key store,
    /// and was opened as read back: before that, what the older app left is the only copy. Fails as the store does.
    pub async fn legacy_erasable(&self) -> Result<Vec<LegacyErasable>, SteadfastError> {
        waits(None, async {
            let erasable = self.steadfast.legacy_erasable().await?;
            Ok(erasable.into_iter().map(Into::into).collect())
        })
        .await
    }

    /// The app has erased these. Erasing again what is not there is no error, so an erasing that a kill interrupted is simply
    /// done again. Ids that were not to be erased are ignored. Fails as the store does.
    pub async fn legacy_erased(&self, ids: Vec<String>) -> Result<(), SteadfastError> {
        let ids = ids.into_iter().map(LegacyEntryId).collect();
        waits(None, self.steadfast.legacy_erased(ids)).await
    }
}
