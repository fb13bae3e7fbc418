//! What the host hands over and what it is told about it.

use sha2::{Digest, Sha256};

use crate::secret::SecretText;
use crate::session::AccountId;
use crate::vault::PRE_AUTH;

/// Where an older app kept a thing. In the order of preference, where several hold a session of one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LegacySource {
    /// React Native 2: internet password of a server, or the generic password with the server as its service. `server` is
    /// that server, `name` the user name, `value` the password: both hold the token.
    ReactNative2,
    /// React Native 2: the item `preshared_secret` of a server, what a gateway before it wants. `value` is the secret,
    /// `server` is empty where the item names none. Taken over into the network profile of the session of that server, which
    /// has to be among the entries of the same call; without a server it is of the only one among them.
    ReactNative2PreSharedSecret,
    /// React Native 1.22 and later: as [`ReactNative2`](Self::ReactNative2), with `<device id>, <user id>` for a name.
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

codes!(pub LegacySource {
    ReactNative2 => "react_native_2",
    ReactNative2PreSharedSecret => PRE_AUTH,
    ReactNative1Internet => "react_native_1_internet",
    ReactNative1Generic => "react_native_1_generic",
    ClassicIosCookie => "classic_ios_cookie",
    ClassicIosDefaults => "classic_ios_defaults",
    ClassicAndroidCookie => "classic_android_cookie",
    ClassicAndroidPreferences => "classic_android_preferences",
});

impl LegacySource {
    /// Whether what is kept there outlives the app that wrote it (an iPhone's keychain does).
    pub(crate) fn outlives_the_app(self) -> bool {
        match self {
            Self::ReactNative2
            | Self::ReactNative2PreSharedSecret
            | Self::ReactNative1Internet
            | Self::ReactNative1Generic => true,
            Self::ClassicIosCookie
            | Self::ClassicIosDefaults
            | Self::ClassicAndroidCookie
            | Self::ClassicAndroidPreferences => false,
        }
    }

    /// Whether it is a cookie of a web view.
    pub(crate) fn is_cookie(self) -> bool {
        matches!(self, Self::ClassicIosCookie | Self::ClassicAndroidCookie)
    }
}

/// Whether this installation of the app is the one that wrote the entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreviousInstallation {
    /// The app was updated in place: its own marker of a first run, kept where an uninstall takes it away, is there.
    Updated,
    /// The marker is not there: the app was installed anew. What a keychain still holds may be another person's, so nothing
    /// of it is adopted, and it becomes erasable.
    Gone,
}

/// One thing that an older app left, as it lies there: nothing trimmed, nothing decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
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

impl LegacyEntry {
    /// An entry as it was found.
    pub fn new(
        source: LegacySource,
        server: impl Into<String>,
        name: impl Into<SecretText>,
        value: impl Into<SecretText>,
    ) -> Self {
        Self {
            source,
            server: server.into(),
            name: name.into(),
            value: value.into(),
        }
    }

    /// The entry's id: the same entry handed over again has the same one, and the same place with another value has another.
    pub fn id(&self) -> LegacyEntryId {
        let mut digest = Sha256::new();
        for part in [
            self.source.code(),
            &self.server,
            self.name.expose(),
            self.value.expose(),
        ] {
            // With its length, so that no two entries run into one text.
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part.as_bytes());
        }
        let digest = digest.finalize();
        LegacyEntryId(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// Which entry: SHA-256 of its source, server, name and value, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegacyEntryId(pub String);

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LegacyOutcome {
    /// It is the session of this account, which can be shown at once; `validated_at` of its snapshot stays `None` until the
    /// server was heard.
    Adopted(AccountId),
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

impl LegacyOutcome {
    /// The stable code. What is left where it is has one too, though it is never stored.
    pub(crate) fn code(self) -> &'static str {
        match self {
            // The account stands beside it.
            Self::Adopted(_) => "adopted",
            Self::Pending => "pending",
            Self::Superseded => "superseded",
            Self::Refused => "refused",
            Self::Noted => "noted",
            Self::LeftServer => "left_server",
            Self::OldServer => "old_server",
            Self::OtherInstallation => "other_installation",
            Self::Unreadable => "unreadable",
            Self::Insecure => "insecure",
            Self::Unsupported => "unsupported",
            Self::Other => "other",
        }
    }

    /// What became of an entry that is stored with this code.
    pub(crate) fn from_code(code: &str, account: Option<AccountId>) -> Self {
        match (code, account) {
            ("adopted", Some(account)) => Self::Adopted(account),
            ("pending", _) => Self::Pending,
            ("superseded", _) => Self::Superseded,
            ("refused", _) => Self::Refused,
            ("noted", _) => Self::Noted,
            ("left_server", _) => Self::LeftServer,
            ("old_server", _) => Self::OldServer,
            ("other_installation", _) => Self::OtherInstallation,
            ("unreadable", _) => Self::Unreadable,
            ("insecure", _) => Self::Insecure,
            ("unsupported", _) => Self::Unsupported,
            _ => Self::Other,
        }
    }

    /// Whether the entry stays where it is, as if it had never been handed over.
    pub fn is_left_alone(self) -> bool {
        matches!(self, Self::Unreadable | Self::Insecure | Self::Unsupported)
    }
}

/// What became of everything that was handed over, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyReport {
    /// Each entry.
    pub entries: Vec<(LegacyEntryId, LegacyOutcome)>,
}

/// An entry that the host may erase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyErasable {
    /// Which one; the host finds it by computing [`LegacyEntry::id`] of what it reads.
    pub id: LegacyEntryId,
    /// Where it lies.
    pub source: LegacySource,
    /// Canonical address of its server; empty where it has none.
    pub server_url: String,
}
