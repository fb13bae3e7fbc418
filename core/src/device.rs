//! Devices as the server and other people see them: user agents, device ids, and the labels in "Active Sessions".

use crate::server::wire::Session;
use crate::session::UnixMillis;

/// System of a desktop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DesktopSystem {
    /// Windows.
    Windows,
    /// macOS.
    MacOs,
    /// Linux.
    Linux,
}

/// Kind of a device, which decides its user agent and the prefix of its device id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeviceKind {
    /// iPhone.
    IPhone,
    /// iPad.
    IPad,
    /// Android phone or tablet.
    Android,
    /// iPhone with the classic app.
    ClassicIPhone,
    /// Android device with the classic app.
    ClassicAndroid,
    /// Desktop, which has no device id.
    Desktop(DesktopSystem),
}

impl DeviceKind {
    /// What stands before the push token in a device id; `None` for a kind that has none.
    pub fn device_id_prefix(self) -> Option<&'static str> {
        match self {
            Self::IPhone | Self::IPad => Some("apple_rn-v2:"),
            Self::Android => Some("android_rn-v2:"),
            Self::ClassicIPhone => Some("apple:"),
            Self::ClassicAndroid => Some("android:"),
            Self::Desktop(_) => None,
        }
    }
}

/// Why a text cannot be a device id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeviceIdError {
    /// Nothing after the prefix.
    #[error("the device id is empty")]
    Empty,
    /// More than 256 characters; servers keep no longer one.
    #[error("the device id is longer than 256 characters")]
    TooLong,
    /// Anything but letters, digits, `.`, `_`, `:` and `-`.
    #[error("the device id holds a character that is not allowed")]
    ForbiddenCharacter,
    /// This kind of device has none.
    #[error("this kind of device has no device id")]
    NotForThisKind,
}

/// Id of a device for push messages, such as `apple_rn-v2:…`. Whoever has it can be told from other devices by it, and the
/// server ends other sessions of the same user that have the same one.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DeviceId(String);

impl DeviceId {
    /// Takes a whole device id, as it was stored or as another app made it.
    pub fn parse(text: &str) -> Result<Self, DeviceIdError> {
        if text.is_empty() {
            return Err(DeviceIdError::Empty);
        }
        if text.len() > 256 {
            return Err(DeviceIdError::TooLong);
        }
        let allowed =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-');
        if !text.bytes().all(allowed) {
            return Err(DeviceIdError::ForbiddenCharacter);
        }
        Ok(Self(text.to_owned()))
    }

    /// Makes the device id of a push token.
    pub fn of_push_token(kind: DeviceKind, push_token: &str) -> Result<Self, DeviceIdError> {
        let prefix = kind
            .device_id_prefix()
            .ok_or(DeviceIdError::NotForThisKind)?;
        if push_token.is_empty() {
            return Err(DeviceIdError::Empty);
        }
        Self::parse(&format!("{prefix}{push_token}"))
    }

    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for DeviceId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The token in it is an address to which messages can be sent.
        let prefix = self.0.split(':').next().unwrap_or_default();
        write!(formatter, "DeviceId({prefix}:…)")
    }
}

/// A device, as it introduces itself to a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Kind.
    pub kind: DeviceKind,
    /// Version of the app, `major.minor.patch`.
    pub app_version: String,
    /// Build of the app.
    pub app_build: String,
    /// Version of the system, such as `18.5`.
    pub system_version: String,
    /// Model, such as `iPhone 15 Pro` or `Pixel 9`.
    pub model: String,
}

impl Device {
    /// A device: its kind, version and build of the app, version of the system, and model.
    pub fn new(
        kind: DeviceKind,
        app_version: &str,
        app_build: &str,
        system_version: &str,
        model: &str,
    ) -> Self {
        Self {
            kind,
            app_version: app_version.to_owned(),
            app_build: app_build.to_owned(),
            system_version: system_version.to_owned(),
            model: model.to_owned(),
        }
    }

    /// The user agent from which the server makes the platform, system and browser that other people see in the list of
    /// sessions (`server/channels/app/user_agent.go`). Characters that no header may have become `?`.
    pub fn user_agent(&self) -> String {
        let app = format!("{}+{}", clean(&self.app_version), clean(&self.app_build));
        let system = clean(&self.system_version);
        let model = clean(&self.model);
        match self.kind {
            DeviceKind::IPhone => {
                let model = naming("iPhone", model);
                format!("Mattermost Mobile/{app} (iOS; {system}; {model})")
            }
            DeviceKind::IPad => {
                let model = naming("iPad", model);
                format!("Mattermost Mobile/{app} (iPadOS; {system}; {model})")
            }
            DeviceKind::Android => format!("Mattermost Mobile/{app} (Android; {system}; {model})"),
            // The classic apps showed web pages and spoke with the web view's user agent.
            DeviceKind::ClassicIPhone => {
                let system = system.replace('.', "_");
                format!(
                    "Mozilla/5.0 (iPhone; CPU iPhone OS {system} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
                )
            }
            DeviceKind::ClassicAndroid => format!(
                "Mozilla/5.0 (Linux; Android {system}; {model}; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/130.0.6723.191 Mobile Safari/537.36"
            ),
            DeviceKind::Desktop(desktop) => {
                let platform = match desktop {
                    DesktopSystem::Windows => "Windows NT 10.0; Win64; x64",
                    DesktopSystem::MacOs => "Macintosh; Intel Mac OS X 10_15_7",
                    DesktopSystem::Linux => "X11; Linux x86_64",
                };
                // The server knows a desktop app by `Mattermost/` or `Electron` in it.
                let version = clean(&self.app_version);
                format!(
                    "Mozilla/5.0 ({platform}) AppleWebKit/537.36 (KHTML, like Gecko) Mattermost/{version} Chrome/130.0.6723.191 Electron/33.4.11 Safari/537.36"
                )
            }
        }
    }
}

fn clean(text: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_graphic() || c == ' ' {
            c
        } else {
            '?'
        }
    };
    text.chars().take(128).map(plain).collect()
}

/// The server finds the platform by this word alone, so a model that does not hold it (a simulator) gets it.
fn naming(word: &str, model: String) -> String {
    if model.contains(word) {
        model
    } else {
        format!("{word} {model}").trim_end().to_owned()
    }
}

/// Icon beside a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Icon {
    /// None.
    None,
    /// Apple.
    Apple,
    /// Android.
    Android,
    /// Windows.
    Windows,
    /// Linux.
    Linux,
}

/// How a session is called in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// English text, the web app's own.
    pub text: String,
    /// Icon.
    pub icon: Icon,
}

/// Whether a session belongs into the list: not the row that the server makes for an access token, as it comes back when it
/// is ended, and not one that has expired and was not swept yet. `server_now` is the server's clock.
pub fn is_listed(session: &Session, server_now: UnixMillis) -> bool {
    let expired = session.expires_at > 0 && server_now.0 > session.expires_at;
    session.property("type") != "UserAccessToken" && !expired
}

/// The label of a session, by the rule of the web app (`webapp/channels/src/components/activity_log_modal` in
/// mattermost/mattermost), so that people find the same names everywhere.
pub fn label(session: &Session) -> Label {
    let named = |text: &str, icon| Label {
        text: text.to_owned(),
        icon,
    };
    let device_id = &session.device_id;
    if device_id.contains("apple_rn") {
        return named("iPhone Native App", Icon::Apple);
    }
    if device_id.contains("apple") {
        return named("iPhone Native Classic App", Icon::Apple);
    }
    if device_id.contains("android_rn") {
        return named("Android Native App", Icon::Android);
    }
    if device_id.contains("android") {
        return named("Android Native Classic App", Icon::Android);
    }
    let (platform, system) = (session.property("platform"), session.property("os"));
    let mut label = match platform {
        "Windows" => named(platform, Icon::Windows),
        "Macintosh" | "iPhone" => named(platform, Icon::Apple),
        "Linux" if system.contains("Android") => named("Android", Icon::Android),
        "Linux" => named(platform, Icon::Linux),
        _ if system.contains("Linux") => named(platform, Icon::Linux),
        _ => named(platform, Icon::None),
    };
    if session.property("browser").contains("Desktop App") {
        label.text = "Native Desktop App".to_owned();
    }
    label
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(device_id: &str, platform: &str, os: &str, browser: &str) -> Session {
        let props = [("platform", platform), ("os", os), ("browser", browser)];
        Session {
            device_id: device_id.to_owned(),
            props: props
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            ..Session::default()
        }
    }

    #[test]
    fn labels_are_those_of_the_web_app() {
        let desktop = "Desktop App/5.12.1";
        let cases = [
            (
                session("apple_rn-v2:t", "iPhone", "iOS", ""),
                "iPhone Native App",
                Icon::Apple,
            ),
            (
                session("apple_rnbeta:t", "iPad", "iOS", ""),
                "iPhone Native App",
                Icon::Apple,
            ),
            (
                session("apple:t", "iPhone", "iOS", ""),
                "iPhone Native Classic App",
                Icon::Apple,
            ),
            (
                session("android_rn-v2:t", "Linux", "Android", ""),
                "Android Native App",
                Icon::Android,
            ),
            (
                session("android:t", "Linux", "Android", ""),
                "Android Native Classic App",
                Icon::Android,
            ),
            (
                session("", "iPhone", "iOS", "Mobile App/2.43.0+799"),
                "iPhone",
                Icon::Apple,
            ),
            (
                session("", "iPad", "iOS", "Mobile App/2.43.0+799"),
                "iPad",
                Icon::None,
            ),
            (
                session("", "Linux", "Android", "Mobile App/2.43.0+799"),
                "Android",
                Icon::Android,
            ),
            (
                session("", "Windows", "Windows 10", desktop),
                "Native Desktop App",
                Icon::Windows,
            ),
            (
                session("", "Macintosh", "Mac OS", desktop),
                "Native Desktop App",
                Icon::Apple,
            ),
            (
                session("", "Linux", "Linux", desktop),
                "Native Desktop App",
                Icon::Linux,
            ),
            (
                session("", "Windows", "Windows 10", "Edge/131.0.2903"),
                "Windows",
                Icon::Windows,
            ),
            (
                session("", "Macintosh", "Mac OS", "Safari/18.1"),
                "Macintosh",
                Icon::Apple,
            ),
            (
                session("", "X11", "Linux", "Firefox/133.0"),
                "X11",
                Icon::Linux,
            ),
            (
                session("", "Unknown", "", "Unknown/0.0"),
                "Unknown",
                Icon::None,
            ),
            // A server of the classic apps' time takes the official app for a desktop.
            (
                session("", "Windows", "", "Desktop App/0.0"),
                "Native Desktop App",
                Icon::Windows,
            ),
        ];
        for (session, text, icon) in cases {
            let found = label(&session);
            assert_eq!(
                (found.text.as_str(), found.icon),
                (text, icon),
                "{:?}",
                session.props
            );
        }
    }

    #[test]
    fn rows_of_access_tokens_and_expired_rows_are_not_listed() {
        let now = UnixMillis(1_000);
        let mut row = Session::default();
        for (expires_at, listed) in [
            (0, true),
            (-1, true),
            (999, false),
            (1_000, true),
            (1_001, true),
        ] {
            row.expires_at = expires_at;
            assert_eq!(is_listed(&row, now), listed, "{expires_at}");
        }
        row.expires_at = 0;
        row.props.insert("type".into(), "UserAccessToken".into());
        assert!(!is_listed(&row, now));
    }

    /// Hazard E13.
    #[test]
    fn device_ids_keep_to_what_every_server_takes() {
        let id = DeviceId::of_push_token(DeviceKind::IPad, "abc:DEF-1._").unwrap();
        assert_eq!(id.as_str(), "apple_rn-v2:abc:DEF-1._");
        assert_eq!(format!("{id:?}"), "DeviceId(apple_rn-v2:…)");
        assert_eq!(DeviceId::parse(""), Err(DeviceIdError::Empty));
        assert_eq!(
            DeviceId::parse(&"x".repeat(257)),
            Err(DeviceIdError::TooLong)
        );
        assert!(DeviceId::parse(&"x".repeat(256)).is_ok());
        for text in ["a b", "a\r\nb", "a/b", "ü", "a\0"] {
            assert_eq!(
                DeviceId::parse(text),
                Err(DeviceIdError::ForbiddenCharacter),
                "{text:?}"
            );
        }
        let desktop = DeviceKind::Desktop(DesktopSystem::Linux);
        assert_eq!(
            DeviceId::of_push_token(desktop, "t"),
            Err(DeviceIdError::NotForThisKind)
        );
        assert_eq!(
            DeviceId::of_push_token(DeviceKind::Android, ""),
            Err(DeviceIdError::Empty)
        );
    }

    /// Hazard E13.
    #[test]
    fn user_agents_name_the_platform_and_are_valid_headers() {
        let agent = |kind, model: &str| {
            let agent = Device {
                kind,
                app_version: "2.43.0".into(),
                app_build: "799".into(),
                system_version: "18.5".into(),
                model: model.into(),
            }
            .user_agent();
            assert!(http::HeaderValue::from_str(&agent).is_ok(), "{agent}");
            agent
        };
        assert_eq!(
            agent(DeviceKind::IPhone, "iPhone 15 Pro"),
            "Mattermost Mobile/2.43.0+799 (iOS; 18.5; iPhone 15 Pro)"
        );
        assert_eq!(
            agent(DeviceKind::IPhone, "Simulator"),
            "Mattermost Mobile/2.43.0+799 (iOS; 18.5; iPhone Simulator)"
        );
        assert_eq!(
            agent(DeviceKind::IPad, ""),
            "Mattermost Mobile/2.43.0+799 (iPadOS; 18.5; iPad)"
        );
        assert_eq!(
            agent(DeviceKind::Android, "Pixel\r\nCookie: ü"),
            "Mattermost Mobile/2.43.0+799 (Android; 18.5; Pixel??Cookie: ?)"
        );
        assert!(agent(DeviceKind::ClassicIPhone, "").contains("iPhone OS 18_5 like"));
        assert!(!agent(DeviceKind::ClassicAndroid, "Nexus 5").contains("Mattermost"));
        assert!(
            agent(DeviceKind::Desktop(DesktopSystem::MacOs), "").contains("Mattermost/2.43.0 ")
        );
    }
}
