//! How the core is opened.

use crate::enums::{from_core, to_core};
use crate::error::{SteadfastError, invalid};
use crate::guard::{at_once, duration, millis};
use crate::lifecycle::HostState;
use steadfast::device;

/// System of a desktop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, uniffi::Enum)]
pub enum DesktopSystem {
    /// Windows.
    Windows,
    /// macOS.
    MacOs,
    /// Linux.
    Linux,
}

to_core!(DesktopSystem => device::DesktopSystem { Windows, MacOs, Linux });
from_core!(device::DesktopSystem => DesktopSystem { Windows, MacOs, Linux } otherwise Linux);

/// Kind of a device, which decides its user agent and the prefix of its device id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, uniffi::Enum)]
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
    Desktop {
        /// Its system.
        system: DesktopSystem,
    },
}

impl From<DeviceKind> for steadfast::DeviceKind {
    fn from(kind: DeviceKind) -> Self {
        match kind {
            DeviceKind::IPhone => Self::IPhone,
            DeviceKind::IPad => Self::IPad,
            DeviceKind::Android => Self::Android,
            DeviceKind::ClassicIPhone => Self::ClassicIPhone,
            DeviceKind::ClassicAndroid => Self::ClassicAndroid,
            DeviceKind::Desktop { system } => Self::Desktop(system.into()),
        }
    }
}

impl From<steadfast::DeviceKind> for DeviceKind {
    fn from(kind: steadfast::DeviceKind) -> Self {
        match kind {
            steadfast::DeviceKind::IPhone => Self::IPhone,
            steadfast::DeviceKind::IPad => Self::IPad,
            steadfast::DeviceKind::Android => Self::Android,
            steadfast::DeviceKind::ClassicIPhone => Self::ClassicIPhone,
            steadfast::DeviceKind::ClassicAndroid => Self::ClassicAndroid,
            steadfast::DeviceKind::Desktop(system) => Self::Desktop {
                system: system.into(),
            },
        }
    }
}

/// A device, as it introduces itself to a server.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
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

#[uniffi::export]
impl Device {
    /// The user agent from which the server makes the platform, system and browser that other people see in the list of
    /// sessions. Characters that no header may have become `?`.
    pub fn user_agent(&self) -> String {
        steadfast::Device::from(self.clone()).user_agent()
    }
}

impl From<Device> for steadfast::Device {
    fn from(device: Device) -> Self {
        let Device {
            kind,
            app_version,
            app_build,
            system_version,
            model,
        } = device;
        Self {
            kind: kind.into(),
            app_version,
            app_build,
            system_version,
            model,
        }
    }
}

impl From<steadfast::Device> for Device {
    fn from(device: steadfast::Device) -> Self {
        let steadfast::Device {
            kind,
            app_version,
            app_build,
            system_version,
            model,
        } = device;
        Self {
            kind: kind.into(),
            app_version,
            app_build,
            system_version,
            model,
        }
    }
}

/// Which authorities are trusted to vouch for a server.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Roots {
    /// Mozilla's list, compiled in.
    Mozilla,
    /// The platform's list, as the app read it there.
    Platform {
        /// Certificates in DER. Ones that cannot be read are left out, as long as one can.
        certificates: Vec<Vec<u8>>,
    },
}

impl From<Roots> for steadfast::Roots {
    fn from(roots: Roots) -> Self {
        match roots {
            Roots::Mozilla => Self::Mozilla,
            Roots::Platform { certificates } => Self::Platform(certificates),
        }
    }
}

impl From<steadfast::Roots> for Roots {
    fn from(roots: steadfast::Roots) -> Self {
        match roots {
            steadfast::Roots::Mozilla => Self::Mozilla,
            steadfast::Roots::Platform(certificates) => Self::Platform { certificates },
        }
    }
}

/// Whether servers without TLS are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum ClearText {
    /// `http://` is refused. The right value for every shipped app.
    Refused,
    /// The app vouches for its servers, for example on a laboratory's own network.
    AllowedByApp,
}

to_core!(ClearText => steadfast::ClearText { Refused, AllowedByApp });
from_core!(steadfast::ClearText => ClearText { Refused, AllowedByApp } otherwise Refused);

/// Whether the app shows web pages of its servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum WebView {
    /// It does not, and no token leaves the core.
    Off,
    /// It does, and gets the cookies of each account.
    CookiesForAccounts,
}

to_core!(WebView => steadfast::WebView { Off, CookiesForAccounts });
from_core!(steadfast::WebView => WebView { Off, CookiesForAccounts } otherwise Off);

/// What the app decides when it opens the core. Begin with the defaults of `defaultConfig` and change what is to differ.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Config {
    /// Folder of the vault, private to the app and left out of backups. Made if it is not there. One process writes it.
    pub folder: String,
    /// What this device is; it decides the user agent, and so the label in the list of sessions.
    pub device: Device,
    /// Trusted authorities.
    pub roots: Roots,
    /// Further authorities in PEM, each text with one certificate or more: a company's own, if the app opts in.
    pub extra_authorities: Vec<String>,
    /// Whether servers without TLS may be used.
    pub clear_text: ClearText,
    /// Where the app is when it opens the core. An app that the system started in the background says `Suspended`.
    pub host_state: HostState,
    /// How long a token is kept after the server said that its session is gone, so that a wrong verdict heals without a
    /// password. In milliseconds, 0 to 60 minutes; 0 destroys it at once.
    pub restore_window_millis: i64,
    /// If set, content stays covered on resume until the session is validated, when the last validation is older than
    /// this, in milliseconds. For strict employers; off by default.
    pub cover_until_validated_after_millis: Option<i64>,
    /// If set, sign-in is offered, and content is covered, when nothing was heard of the server for this long, in
    /// milliseconds. For strict employers; off by default. A server in Mobile Ephemeral Mode may ask for less, and then that
    /// counts.
    pub max_offline_millis: Option<i64>,
    /// Where the browser comes back to after a sign-in: `<scheme>://callback`, with a scheme that the app registered. Servers
    /// honour only those in their list of custom schemes, by default those of Mattermost's own apps.
    pub sso_callback: String,
    /// Which start of the device this is, where the kernel does not tell an app (on Apple systems
    /// `kern.bootsessionuuid`). Linux and Android need none.
    pub boot_id: Option<String>,
    /// Whether the app shows the server's web pages and so gets the session's cookies. Off by default: with it, the token
    /// leaves the core.
    pub web_view: WebView,
}

/// The defaults: Mozilla's roots, TLS only, an app on screen, 15 minutes of restore window.
#[uniffi::export]
pub fn default_config(folder: String, device: Device) -> Config {
    let steadfast::Config {
        folder: _,
        device,
        network,
        clear_text,
        host_state,
        restore_window,
        cover_until_validated_after,
        max_offline,
        sso_callback,
        boot_id,
        web_view,
    } = steadfast::Config::new(&folder, device.into());
    Config {
        folder,
        device: device.into(),
        roots: network.roots.into(),
        extra_authorities: network.extra_authorities,
        clear_text: clear_text.into(),
        host_state: host_state.into(),
        restore_window_millis: millis(restore_window),
        cover_until_validated_after_millis: cover_until_validated_after.map(millis),
        max_offline_millis: max_offline.map(millis),
        sso_callback,
        boot_id,
        web_view: web_view.into(),
    }
}

impl Config {
    /// With the system's resolver and without client certificates.
    pub(crate) fn into_core(self) -> Result<steadfast::Config, steadfast::Error> {
        let Self {
            folder,
            device,
            roots,
            extra_authorities,
            clear_text,
            host_state,
            restore_window_millis,
            cover_until_validated_after_millis,
            max_offline_millis,
            sso_callback,
            boot_id,
            web_view,
        } = self;
        if folder.is_empty() || folder.contains('\0') {
            return Err(invalid("folder"));
        }
        let optional =
            |millis: Option<i64>, name| millis.map(|one| duration(one, name)).transpose();
        Ok(steadfast::Config {
            folder: folder.into(),
            device: device.into(),
            network: steadfast::DeviceNetwork {
                roots: roots.into(),
                extra_authorities,
                ..steadfast::DeviceNetwork::default()
            },
            clear_text: clear_text.into(),
            host_state: host_state.into(),
            restore_window: duration(restore_window_millis, "restore_window")?,
            cover_until_validated_after: optional(
                cover_until_validated_after_millis,
                "cover_until_validated_after",
            )?,
            max_offline: optional(max_offline_millis, "max_offline")?,
            sso_callback,
            boot_id,
            web_view: web_view.into(),
        })
    }
}

/// Makes the device id of a push token, such as `apple_rn-v2:…`, for `setDeviceId`. Fails with `invalid_argument` for a
/// token that no device id can hold, and for a kind of device that has none.
#[uniffi::export]
pub fn device_id_of_push_token(
    kind: DeviceKind,
    push_token: String,
) -> Result<String, SteadfastError> {
    at_once(|| {
        let id = steadfast::DeviceId::of_push_token(kind.into(), &push_token)
            .map_err(|_| invalid("push_token"))?;
        Ok(id.as_str().to_owned())
    })
}

/// The version of this library, such as `0.1.0`.
#[uniffi::export]
pub fn library_version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// Does nothing. What the way over the border costs by itself, to measure other calls against.
#[uniffi::export]
pub fn nothing() {}
