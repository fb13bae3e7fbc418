//! How the core is opened.

use crate::api::HostState;
use crate::device::Device;
use crate::policy;
use crate::server::{ClearText, DeviceNetwork};
use crate::webview::WebView;
use std::path::PathBuf;
use std::time::Duration;

/// What the app decides when it opens the core.
#[derive(Debug, Clone)]
pub struct Config {
    /// Folder of the vault, private to the app and left out of backups. Made if it is not there. One process writes it.
    pub folder: PathBuf,
    /// What this device is; it decides the user agent, and so the label in the list of sessions.
    pub device: Device,
    /// What the network of the whole device is like: trusted authorities, resolver, client certificates.
    pub network: DeviceNetwork,
    /// Whether servers without TLS may be used. Refused unless the app says otherwise.
    pub clear_text: ClearText,
    /// Where the app is when it opens the core. An app that the system started in the background says `Suspended`.
    pub host_state: HostState,
    /// How long a token is kept after the server said that its session is gone, so that a wrong verdict heals without a
    /// password. 0 to 60 minutes; 0 destroys it at once.
    pub restore_window: Duration,
    /// If set, content stays covered on resume until the session is validated, when the last validation is older than
    /// this. For strict employers; off by default.
    pub cover_until_validated_after: Option<Duration>,
    /// If set, content is covered and sign-in is offered when the server has confirmed nothing for this long; an app that
    /// comes back later than that asks first, with its content covered. For strict employers; off by default. A server in
    /// Mobile Ephemeral Mode may ask for less, and then that counts.
    pub max_offline: Option<Duration>,
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

impl Config {
    /// The defaults: Mozilla's roots, TLS only, an app on screen, 15 minutes of restore window.
    pub fn new(folder: impl Into<PathBuf>, device: Device) -> Self {
        Self {
            folder: folder.into(),
            device,
            network: DeviceNetwork::default(),
            clear_text: ClearText::Refused,
            host_state: HostState::Focused,
            restore_window: policy::RESTORE_WINDOW,
            cover_until_validated_after: None,
            max_offline: None,
            sso_callback: "mmauth://callback".to_owned(),
            boot_id: None,
            web_view: WebView::Off,
        }
    }
}
