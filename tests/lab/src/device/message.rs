//! What a device and the one who plays its user say to each other: one JSON object per line.
//!
//! Passwords go over the pipe and nowhere else; they have no place on a command line or in a log.

use std::{path::PathBuf, time::SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use steadfast::device::{DesktopSystem, Device, DeviceKind};

/// Which of the apps a device runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The app on an iPhone.
    IPhone,
    /// The app on an Android phone.
    Android,
    /// The classic app on an iPhone.
    IPhoneClassic,
    /// The classic app on an Android phone.
    AndroidClassic,
    /// The app on a desktop.
    Desktop,
}

impl Kind {
    /// Every kind, in the order of the table.
    pub const ALL: [Self; 5] = [
        Self::IPhone,
        Self::Android,
        Self::IPhoneClassic,
        Self::AndroidClassic,
        Self::Desktop,
    ];

    /// The name by which the story calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::IPhone => "iPhone",
            Self::Android => "Android",
            Self::IPhoneClassic => "iPhone classic",
            Self::AndroidClassic => "Android classic",
            Self::Desktop => "desktop",
        }
    }

    /// Its label in Active Sessions, once its push device id is attached.
    pub fn label(self) -> &'static str {
        match self {
            Self::IPhone => "iPhone Native App",
            Self::Android => "Android Native App",
            Self::IPhoneClassic => "iPhone Native Classic App",
            Self::AndroidClassic => "Android Native Classic App",
            Self::Desktop => "Native Desktop App",
        }
    }

    /// A push device id of this kind that no other device has; a desktop has none.
    pub fn new_device_id(self) -> Option<String> {
        let prefix = self.describe().kind.device_id_prefix()?;
        let mut random = [0_u8; 32];
        getrandom::fill(&mut random).expect("randomness of the system");
        let token: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        Some(format!("{prefix}{token}"))
    }

    /// Whether the system suspends its apps; a desktop's go on running without focus.
    pub fn is_phone(self) -> bool {
        self != Self::Desktop
    }

    /// What the core is told about the device.
    pub fn describe(self) -> Device {
        let (kind, system_version, model) = match self {
            Self::IPhone => (DeviceKind::IPhone, "18.5", "iPhone 15"),
            Self::Android => (DeviceKind::Android, "15", "Pixel 8"),
            Self::IPhoneClassic => (DeviceKind::ClassicIPhone, "12.5", "iPhone 6"),
            Self::AndroidClassic => (DeviceKind::ClassicAndroid, "9", "Nexus 5X"),
            Self::Desktop => (
                DeviceKind::Desktop(DesktopSystem::Linux),
                "12",
                "Workstation",
            ),
        };
        Device {
            kind,
            app_version: "2.43.0".into(),
            app_build: "799".into(),
            system_version: system_version.into(),
            model: model.into(),
        }
    }
}

/// The first line to a device: what it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Setup {
    /// Which app it runs.
    pub kind: Kind,
    /// Where the vault and, beside it, the key store lie.
    pub folder: PathBuf,
    /// The server's address as the device reaches it.
    pub server: String,
    /// The authorities it trusts, PEM; `None` means the public ones.
    pub authorities: Option<String>,
    /// Its push device id.
    pub device_id: Option<String>,
    /// How old the last validation may be before a resume covers the content, in milliseconds; `None`, the product's
    /// default, covers nothing before there is evidence.
    pub cover_until_validated_after_ms: Option<u64>,
    /// Where the core's log goes, in full; `None` means nowhere.
    pub log: Option<PathBuf>,
}

/// A password that no debug output shows.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Password(pub String);

impl std::fmt::Debug for Password {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Password(…)")
    }
}

/// What the user, or the system of the device, does.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Command {
    /// Fills in the sign-in page.
    SignIn {
        /// User name or e-mail address.
        login_id: String,
        /// The password.
        password: Password,
        /// The one-time code, if one is asked for.
        mfa_code: Option<String>,
    },
    /// Signs out.
    SignOut,
    /// Brings the app to the front.
    Open,
    /// Leaves the app: a desktop's window loses its focus, a phone's app runs on for its grace and is suspended then.
    Leave,
    /// Leaves the app and has it suspended at once, as when the screen is locked.
    Lock,
    /// The system says that the network came or went.
    Network {
        /// Whether there is one.
        up: bool,
    },
    /// Posts into Town Square; whoever is in no team looks for their teams instead.
    Post {
        /// The text.
        text: String,
    },
    /// Opens the list of active sessions; answers with [`SessionRow`]s.
    ActiveSessions,
    /// Presses "Log Out" on a row.
    EndSession {
        /// The row's session.
        session_id: String,
    },
    /// Looks for a user, as an administrator; answers with the user's id or null.
    FindUser {
        /// The user name.
        name: String,
    },
    /// Presses "Revoke Sessions" on a user.
    EndUserSessions {
        /// The user.
        user_id: String,
    },
    /// Presses "Revoke All Sessions"; answers with the text of the confirmation.
    AskToEndEveryone,
    /// Answers the confirmation.
    AnswerConfirmation {
        /// Confirm, or cancel.
        confirm: bool,
    },
    /// Closes the app in an orderly way.
    Quit,
}

/// A [`Command`] with the number under which it is answered.
#[derive(Debug, Serialize, Deserialize)]
pub struct Numbered {
    /// Rises with each command.
    pub number: u64,
    /// The command.
    #[serde(flatten)]
    pub command: Command,
}

/// What can be seen of the account on the device's screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "screen", rename_all = "snake_case")]
pub enum Screen {
    /// Nothing: the app is not displayed.
    Dark,
    /// The account's content.
    Content,
    /// The cover over it.
    Cover {
        /// The text on the cover.
        text: String,
    },
    /// The sign-in page.
    SignIn {
        /// The text on the page that says why, if there is one.
        text: Option<String>,
    },
}

impl std::fmt::Display for Screen {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Dark => formatter.write_str("is dark"),
            Self::Content => formatter.write_str("shows the content"),
            Self::Cover { text } => write!(formatter, "is covered: \"{text}\""),
            Self::SignIn { text: None } => formatter.write_str("shows the sign-in page"),
            Self::SignIn { text: Some(text) } => {
                write!(formatter, "shows the sign-in page: \"{text}\"")
            }
        }
    }
}

/// Where the user is told of a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In the notification tray, because the app is not in front.
    Tray,
    /// On the page that is in front of the user.
    Page,
}

/// A session as the list shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRow {
    /// The session's id.
    pub id: String,
    /// What kind of device it is.
    pub label: String,
    /// Whether it is the one that asks.
    pub current: bool,
    /// Its operating system.
    pub os: String,
    /// Its browser.
    pub browser: String,
    /// First activity, Unix milliseconds.
    pub first_active_at: i64,
    /// Last activity, Unix milliseconds.
    pub last_activity_at: i64,
}

/// A line from a device.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Line {
    /// When, in Unix milliseconds.
    pub at: i64,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

/// What a device says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The screen changed.
    Shows(Screen),
    /// The user was told of a notice.
    Told {
        /// The notice's number in the device's vault.
        notice: String,
        /// What it is about: `session_ended`, `may_continue` or `may_have_expired`.
        about: String,
        /// Where it appeared.
        place: Place,
        /// Its text.
        text: String,
    },
    /// The core was told that the user knows: it will not tell again.
    Acknowledged {
        /// The notice's number in the device's vault.
        notice: String,
    },
    /// The system suspended the app.
    Suspended,
    /// A command was carried out.
    Done {
        /// The command's number.
        number: u64,
        /// What it answers.
        answer: Value,
    },
    /// A command was refused.
    Refused {
        /// The command's number.
        number: u64,
        /// The stable code of the error.
        code: String,
        /// The error in words.
        text: String,
    },
}

/// The wall clock, which the processes of one machine share.
pub fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |time| {
            i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
        })
}
