//! Everything about a server that can be set, with the values of the recorded
//! 11.6 installation as defaults.

use serde::{Deserialize, Serialize};

/// Which generation of Mattermost the server answers as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Flavour {
    /// Mattermost 11.6.
    #[default]
    V11,
    /// Mattermost 5.37, of the time of the classic apps.
    V5,
}

impl Flavour {
    /// Version number of the generation.
    pub(crate) fn version(self) -> &'static str {
        match self {
            Self::V11 => "11.6.0",
            Self::V5 => "5.37.0",
        }
    }

    /// Whether it is the generation of the classic apps.
    pub(crate) fn is_classic(self) -> bool {
        self == Self::V5
    }
}

/// The condition of the database behind the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Database {
    /// It answers.
    #[default]
    Healthy,
    /// Connections are refused: every read and write fails at once.
    Stopped,
    /// Connections hang: every read and write fails after its connect timeout.
    Frozen,
}

/// What becomes of `GET /system/ping?get_server_status=true`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthQuery {
    /// Answered, with the true condition of the database.
    #[default]
    Answered,
    /// Accepted and never answered.
    NotAnswered,
    /// Answered as the plain ping, without `database_status`.
    Absent,
}

/// What becomes of `POST /users/login/sso/code-exchange`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeExchange {
    /// `FeatureFlags.MobileSSOCodeExchange` is off: 410, and links hold the session.
    #[default]
    Off,
    /// The flag is on: links hold a code.
    On,
    /// Off on one of the versions in between, which said 400.
    OffWith400,
}

/// What links from the browser say of the server they come from (`srv`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NamedServer {
    /// Its own `SiteURL`.
    #[default]
    Own,
    /// Nothing, as before late 10.11.
    None,
    /// Another one's.
    Another(String),
}

/// Mattermost's own configuration, as far as sessions depend on it.
///
/// Durations keep the unit of the setting they stand for. The defaults are
/// those of a configured server that was upgraded (180 days, no extension).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// `SessionLengthWebInHours`; also the `Max-Age` of the login cookies.
    pub session_length_web_hours: i64,
    /// `SessionLengthMobileInHours`.
    pub session_length_mobile_hours: i64,
    /// `SessionLengthSSOInHours`: sessions of single sign-on that are not mobile.
    pub session_length_sso_hours: i64,
    /// `SessionCacheInMinutes`: how long a node trusts a session it has read.
    pub session_cache_minutes: i64,
    /// `SessionIdleTimeoutInMinutes`; 0 switches it off.
    pub session_idle_timeout_minutes: i64,
    /// `ExtendSessionLengthWithActivity`.
    pub extend_session_length_with_activity: bool,
    /// `TerminateSessionsOnPasswordChange`.
    pub terminate_sessions_on_password_change: bool,
    /// `MaximumLoginAttempts`.
    pub maximum_login_attempts: u32,
    /// `EnableSignInWithEmail`.
    pub enable_sign_in_with_email: bool,
    /// `EnableSignInWithUsername`.
    pub enable_sign_in_with_username: bool,
    /// `EnableMultifactorAuthentication`.
    pub enable_multifactor_authentication: bool,
    /// `EnforceMultifactorAuthentication` (needs a licence on a real server).
    pub enforce_multifactor_authentication: bool,
    /// `GitLabSettings.Enable`.
    pub enable_gitlab: bool,
    /// `GoogleSettings.Enable`.
    pub enable_google: bool,
    /// `Office365Settings.Enable`.
    pub enable_office365: bool,
    /// `OpenIdSettings.Enable`.
    pub enable_openid: bool,
    /// `SamlSettings.Enable`.
    pub enable_saml: bool,
    /// `LdapSettings.Enable`.
    pub enable_ldap: bool,
    /// `NativeAppSettings.AppCustomURLSchemes`.
    pub app_custom_url_schemes: Vec<String>,
    /// What becomes of login codes of single sign-on.
    pub code_exchange: CodeExchange,
    /// `srv` in links from the browser; 5.37 sends none.
    pub named_server: NamedServer,
    /// `EnableGuestMagicLink` of the newest servers.
    pub enable_guest_magic_link: bool,
    /// `GuestAccountsSettings.Enable`.
    pub enable_guest_accounts: bool,
    /// Whether there is a licence that has guests in it.
    pub guest_accounts_licensed: bool,
    /// `RequireEmailVerification`.
    pub require_email_verification: bool,
    /// `EnableUserAccessTokens`.
    pub enable_user_access_tokens: bool,
    /// `EnableReliableWebSockets` of 5.37; later generations always resume.
    pub enable_reliable_websockets: bool,
    /// `SendPushNotifications`.
    pub push_notifications: bool,
    /// `PushNotificationServer`; empty stands for the stand-in that every
    /// server here has.
    pub push_notification_server: String,
    /// `MobileEphemeralModeSettings.Enable` of the newest servers: revoked
    /// devices get a signed message to delete what they have.
    pub mobile_ephemeral_mode: bool,
    /// `MobileEphemeralModeSettings.DisconnectionTimeoutSeconds`.
    pub mobile_ephemeral_disconnection_seconds: u64,
    /// `MobileEphemeralModeSettings.OfflinePersistenceTimerHours`.
    pub mobile_ephemeral_offline_hours: u64,
    /// `MobileEphemeralModeSettings.AutoCacheCleanupDays`.
    pub mobile_ephemeral_cleanup_days: u64,
    /// `SiteName`.
    pub site_name: String,
    /// `SiteURL`; empty stands for the URL the server listens on.
    pub site_url: String,
    /// `WebsocketURL` as sent to clients.
    pub websocket_url: String,
    /// `ExperimentalStrictCSRFEnforcement`: `X-Requested-With` is no longer
    /// enough beside a cookie.
    pub strict_csrf: bool,
    /// `ExperimentalEnableHardenedMode`: errors from 500 up say nothing.
    pub hardened_mode: bool,
    /// Busy mode: 503 on the routes that can do without.
    pub busy: bool,
    /// A second factor that is missing is told with 401, as early 5.x did.
    pub mfa_required_with_401: bool,
    /// Only device ids of the known forms, as the newest servers have it: 400
    /// when one is attached, a masked 401 at sign-in.
    pub strict_device_ids: bool,
    /// Sockets keep their copy of a session that is revoked, as from 6 to 9:
    /// events go on, requests fail. 5.37 is so without being told.
    pub sockets_outlive_revokes: bool,
    /// Revoking everyone takes the token from every socket, as the newest
    /// servers do.
    pub revoking_everyone_silences_sockets: bool,
    /// Sessions a user may have; the least recently used beyond it are revoked.
    pub maximum_sessions_per_user: usize,
    /// `MaximumURLLength`.
    pub maximum_url_length: usize,
    /// Largest request body in bytes.
    pub maximum_body_bytes: usize,
    /// `RateLimitSettings.PerSec`; 0 switches rate limits off, the default.
    pub rate_limit_per_second: u32,
    /// `RateLimitSettings.MaxBurst`.
    pub rate_limit_burst: u32,
    /// `RateLimitSettings.VaryByUser`: each session has the server's limit to
    /// itself, and each user one more.
    pub rate_limit_vary_by_user: bool,
    /// How long one attempt to reach a frozen database takes, in milliseconds.
    pub database_connect_timeout_ms: u64,
    /// Time for a socket to authenticate, in milliseconds.
    pub websocket_auth_grace_ms: u64,
    /// Interval of the server's protocol pings, in milliseconds.
    pub websocket_ping_ms: u64,
    /// Time without a protocol pong after which a socket ends, in milliseconds.
    pub websocket_pong_wait_ms: u64,
    /// Time one write to a socket may take, in milliseconds.
    pub websocket_write_wait_ms: u64,
    /// Interval at which left connections are forgotten, in milliseconds.
    pub websocket_sweep_ms: u64,
    /// Events that may wait for a socket.
    pub websocket_send_queue: usize,
    /// Events kept after being sent, for a resume.
    pub websocket_dead_queue: usize,
    /// Largest message a client may send, in bytes.
    pub websocket_maximum_message: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            session_length_web_hours: 4320,
            session_length_mobile_hours: 4320,
            session_length_sso_hours: 720,
            session_cache_minutes: 10,
            session_idle_timeout_minutes: 43_200,
            extend_session_length_with_activity: false,
            terminate_sessions_on_password_change: false,
            maximum_login_attempts: 10,
            enable_sign_in_with_email: true,
            enable_sign_in_with_username: true,
            enable_multifactor_authentication: true,
            enforce_multifactor_authentication: false,
            enable_gitlab: false,
            enable_google: false,
            enable_office365: false,
            enable_openid: false,
            enable_saml: false,
            enable_ldap: false,
            app_custom_url_schemes: vec!["mmauth://".into(), "mmauthbeta://".into()],
            code_exchange: CodeExchange::Off,
            named_server: NamedServer::Own,
            enable_guest_magic_link: false,
            enable_guest_accounts: false,
            guest_accounts_licensed: true,
            require_email_verification: false,
            enable_user_access_tokens: true,
            enable_reliable_websockets: false,
            push_notifications: false,
            push_notification_server: String::new(),
            mobile_ephemeral_mode: false,
            mobile_ephemeral_disconnection_seconds: 60,
            mobile_ephemeral_offline_hours: 24,
            mobile_ephemeral_cleanup_days: 7,
            site_name: "Mattermost".into(),
            site_url: String::new(),
            websocket_url: String::new(),
            strict_csrf: false,
            hardened_mode: false,
            busy: false,
            mfa_required_with_401: false,
            strict_device_ids: false,
            sockets_outlive_revokes: false,
            revoking_everyone_silences_sockets: false,
            maximum_sessions_per_user: 500,
            maximum_url_length: 2048,
            maximum_body_bytes: 50 * 1024 * 1024,
            rate_limit_per_second: 0,
            rate_limit_burst: 100,
            rate_limit_vary_by_user: false,
            database_connect_timeout_ms: 5_000,
            websocket_auth_grace_ms: 5_000,
            websocket_ping_ms: 60_000,
            websocket_pong_wait_ms: 100_000,
            websocket_write_wait_ms: 30_000,
            websocket_sweep_ms: 300_000,
            websocket_send_queue: 256,
            websocket_dead_queue: 128,
            websocket_maximum_message: 8_192,
        }
    }
}

impl Settings {
    /// Switches every kind of single sign-on on or off.
    pub fn enable_single_sign_on(&mut self, enabled: bool) {
        self.enable_gitlab = enabled;
        self.enable_google = enabled;
        self.enable_office365 = enabled;
        self.enable_openid = enabled;
        self.enable_saml = enabled;
    }

    pub(crate) fn has_single_sign_on(&self) -> bool {
        ["gitlab", "google", "office365", "openid", "saml"]
            .iter()
            .any(|service| self.offers(service))
    }

    /// Whether users of an authentication service may sign in.
    pub(crate) fn offers(&self, service: &str) -> bool {
        match service {
            "gitlab" => self.enable_gitlab,
            "google" => self.enable_google,
            "office365" => self.enable_office365,
            "openid" => self.enable_openid,
            "saml" => self.enable_saml,
            "ldap" => self.enable_ldap,
            _ => false,
        }
    }

    pub(crate) fn site_url_or<'a>(&'a self, base_url: &'a str) -> &'a str {
        match self.site_url.as_str() {
            "" => base_url,
            own => own,
        }
    }
}
