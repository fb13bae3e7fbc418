//! The configuration that clients are told: a limited set for everybody and
//! the full one for callers with a session. All values are strings.
//!
//! `GET /config/client` never fails for a bad token: it just shrinks.

use super::answer::Answer;
use super::call::Call;
use super::error::ApiError;
use crate::state::settings::{CodeExchange, Settings};
use serde_json::{Map, Value};

/// Known to everybody, whatever the settings here.
const LIMITED: &[(&str, &str)] = &[
    ("AboutLink", "https://mattermost.com/pl/about-mattermost"),
    (
        "AndroidAppDownloadLink",
        "https://mattermost.com/pl/android-app/",
    ),
    ("AndroidLatestVersion", ""),
    ("AndroidMinVersion", ""),
    ("AppDownloadLink", "https://mattermost.com/pl/download-apps"),
    ("AppsPluginEnabled", "false"),
    ("AvailableLocales", ""),
    ("BuildDate", "unknown"),
    ("BuildEnterpriseReady", "false"),
    ("BuildHash", "none"),
    ("BuildHashEnterprise", "none"),
    ("BuildNumber", "dev"),
    ("CWSURL", ""),
    ("CustomBrandText", ""),
    ("CustomDescriptionText", ""),
    ("DefaultClientLocale", "en"),
    ("DefaultTheme", ""),
    ("EnableBotAccountCreation", "true"),
    ("EnableClientMetrics", "true"),
    ("EnableComplianceExport", ""),
    ("EnableCustomBrand", "false"),
    ("EnableCustomEmoji", "true"),
    ("EnableDiagnostics", "false"),
    ("EnableJoinLeaveMessageByDefault", "true"),
    ("EnableOpenServer", "true"),
    ("EnableSignUpWithEmail", "true"),
    ("EnableUserCreation", "true"),
    ("FeatureFlagAppsEnabled", "false"),
    ("FeatureFlagNormalizeLdapDNs", "false"),
    ("ForgotPasswordLink", ""),
    ("GitLabButtonColor", ""),
    ("GitLabButtonText", ""),
    ("HasImageProxy", "false"),
    ("HelpLink", "https://mattermost.com/pl/help/"),
    ("IosAppDownloadLink", "https://mattermost.com/pl/ios-app/"),
    ("IosLatestVersion", ""),
    ("IosMinVersion", ""),
    ("LdapLoginButtonBorderColor", ""),
    ("LdapLoginButtonColor", ""),
    ("LdapLoginButtonTextColor", ""),
    ("LdapLoginFieldName", ""),
    ("NoAccounts", "false"),
    ("OpenIdButtonColor", ""),
    ("OpenIdButtonText", ""),
    ("PasswordEnableForgotLink", "true"),
    ("PasswordMinimumLength", "8"),
    ("PasswordRequireLowercase", "false"),
    ("PasswordRequireNumber", "false"),
    ("PasswordRequireSymbol", "false"),
    ("PasswordRequireUppercase", "false"),
    ("PluginsEnabled", "false"),
    (
        "PrivacyPolicyLink",
        "https://mattermost.com/pl/privacy-policy/",
    ),
    (
        "ReportAProblemLink",
        "https://mattermost.com/pl/report-a-bug",
    ),
    ("SamlLoginButtonBorderColor", ""),
    ("SamlLoginButtonColor", ""),
    ("SamlLoginButtonText", ""),
    ("SamlLoginButtonTextColor", ""),
    ("SupportEmail", ""),
    ("TelemetryId", ""),
    (
        "TermsOfServiceLink",
        "https://mattermost.com/pl/terms-of-use/",
    ),
    ("WebsocketPort", "80"),
    ("WebsocketSecurePort", "443"),
];

/// Told to callers with a session, whatever the settings here.
const FULL: &[(&str, &str)] = &[
    ("AllowDownloadLogs", "true"),
    ("AllowSyncedDrafts", "true"),
    ("CollapsedThreads", "always_on"),
    ("CustomTermsOfServiceReAcceptancePeriod", "365"),
    ("DataRetentionEnableFileDeletion", "false"),
    ("DataRetentionEnableMessageDeletion", "false"),
    ("DelayChannelAutocomplete", "false"),
    ("EmailLoginButtonColor", "#0000"),
    ("EmailNotificationContentsType", "full"),
    ("EnableAutocomplete", "true"),
    ("EnableBanner", "false"),
    ("EnableChannelViewedMessages", "true"),
    ("EnableCommands", "false"),
    ("EnableConfirmNotificationsToChannel", "true"),
    ("EnableCrossTeamSearch", "true"),
    ("EnableCustomGroups", "false"),
    ("EnableCustomTermsOfService", "false"),
    ("EnableCustomUserStatuses", "true"),
    ("EnableEmailBatching", "false"),
    ("EnableEmailInvitations", "false"),
    ("EnableEmojiPicker", "true"),
    ("EnableFileAttachments", "true"),
    ("EnableGifPicker", "true"),
    ("EnableIncomingWebhooks", "true"),
    ("EnableLatex", "false"),
    ("EnableLinkPreviews", "true"),
    ("EnableOAuthServiceProvider", "true"),
    ("EnableOutgoingWebhooks", "true"),
    ("EnablePermalinkPreviews", "true"),
    ("EnablePostIconOverride", "false"),
    ("EnablePostSearch", "true"),
    ("EnablePostUsernameOverride", "false"),
    ("EnablePreviewFeatures", "true"),
    ("EnablePublicLink", "false"),
    ("EnableSVGs", "false"),
    ("EnableTesting", "false"),
    ("EnableThemeSelection", "true"),
    ("EnableTutorial", "true"),
    ("EnableUserDeactivation", "false"),
    ("EnableUserStatuses", "true"),
    ("EnableUserTypingMessages", "true"),
    ("EnforceMultifactorAuthenticationForGuests", "false"),
    ("ExperimentalEnablePostMetadata", "true"),
    ("ExperimentalTimezone", "true"),
    ("ExperimentalViewArchivedChannels", "true"),
    ("FileLevel", ""),
    ("GoogleDeveloperKey", ""),
    ("ImageProxyType", ""),
    ("LockTeammateNameDisplay", "false"),
    ("MaxFileSize", "52428800"),
    ("MaxMarkdownNodes", "0"),
    ("MaxNotificationsPerChannel", "1000"),
    ("MaxPostSize", "16383"),
    ("MinimumHashtagLength", "3"),
    ("MobileEnableFileDownload", "true"),
    ("MobileEnableFileUpload", "true"),
    ("MobileEnableBiometrics", "false"),
    ("MobileEphemeralModeEnabled", "false"),
    ("MobileEphemeralModeDisconnectionTimeoutSeconds", "0"),
    ("MobileEphemeralModeOfflinePersistenceTimerHours", "0"),
    ("MobileEphemeralModeAutoCacheCleanupDays", "0"),
    ("MobileJailbreakProtection", "false"),
    ("MobilePreventScreenCapture", "false"),
    ("PersistentNotificationMaxRecipients", "5"),
    ("PostAcknowledgements", "true"),
    ("PostEditTimeLimit", "-1"),
    ("PostPriority", "true"),
    ("RequireEmailVerification", "false"),
    ("RestrictDirectMessage", "any"),
    ("RunJobs", "true"),
    ("SQLDriverName", "postgres"),
    ("SchemaVersion", "140"),
    ("ScheduledPosts", "true"),
    ("SendEmailNotifications", "false"),
    ("ShowEmailAddress", "true"),
    ("ShowFullName", "true"),
    ("TeammateNameDisplay", "username"),
    ("ThreadAutoFollow", "true"),
    ("TimeBetweenUserTypingUpdatesMilliseconds", "5000"),
    ("UniqueEmojiReactionLimitPerPost", "50"),
    ("UseAnonymousURLs", "false"),
    ("UserStatusAwayTimeout", "300"),
    ("WranglerAllowedEmailDomain", ""),
    ("YoutubeReferrerPolicy", "false"),
];

/// Beginnings of keys that 5.37 does not have.
const NEWER: &[&str] = &[
    "ActiveSearchBackend",
    "CollapsedThreads",
    "EnableClientMetrics",
    "EnableGuestMagicLink",
    "FeatureFlagMobileSSO",
    "MobileEnableBiometrics",
    "MobileEphemeralMode",
    "MobileJailbreak",
    "MobilePrevent",
    "PersistentNotification",
    "PostAcknowledgements",
    "PostPriority",
    "ScheduledPosts",
    "ThreadAutoFollow",
    "UseAnonymousURLs",
    "WranglerAllowed",
];

/// `GET /config/client`.
pub(crate) fn client_config(call: &mut Call) -> Result<Answer, ApiError> {
    let shared = call.shared.clone();
    let classic = shared.flavour.is_classic();
    if classic && call.query("format") != "old" {
        return Err(ApiError::new(
            501,
            "api.config.client.old_format.app_error",
            "New format for the client configuration is not supported yet. \
             Please specify format=old in the query string.",
        ));
    }
    let settings = shared.world().settings.clone();
    let mut keys: Vec<(String, String)> = LIMITED
        .iter()
        .chain(call.session.iter().flat_map(|_| FULL))
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    keys.push(("DiagnosticId".into(), shared.diagnostic_id.clone()));
    let signing_key = shared.signing_key.public.clone();
    keys.push(("AsymmetricSigningPublicKey".into(), signing_key));
    if !classic || call.session.is_some() {
        keys.push((
            "SiteURL".into(),
            settings.site_url_or(&shared.base_url).to_owned(),
        ));
    }
    keys.extend(limited(&settings));
    if call.session.is_some() {
        let full = full(&settings);
        keys.retain(|(key, _)| full.iter().all(|(set, _)| set != key));
        keys.extend(full);
        if classic {
            let reliable = settings.enable_reliable_websockets.to_string();
            keys.push(("EnableReliableWebSockets".into(), reliable));
        }
    }
    if classic {
        keys.retain(|(key, _)| !NEWER.iter().any(|newer| key.starts_with(newer)));
    }
    keys.push(("Version".into(), shared.flavour.version().into()));
    keys.sort();
    let body: Map<String, Value> = keys
        .into_iter()
        .map(|(key, value)| (key, Value::String(value)))
        .collect();
    Ok(Answer::json_line(&Value::Object(body)))
}

fn limited(settings: &Settings) -> Vec<(String, String)> {
    let flag = |key: &str, value: bool| (key.to_owned(), value.to_string());
    vec![
        ("SiteName".into(), settings.site_name.clone()),
        ("WebsocketURL".into(), settings.websocket_url.clone()),
        flag(
            "EnableMultifactorAuthentication",
            settings.enable_multifactor_authentication,
        ),
        flag(
            "EnforceMultifactorAuthentication",
            settings.enforce_multifactor_authentication,
        ),
        flag("EnableGuestAccounts", settings.enable_guest_accounts),
        flag("EnableGuestMagicLink", settings.enable_guest_magic_link),
        flag("EnableLdap", settings.enable_ldap),
        flag("EnableSaml", settings.enable_saml),
        flag("EnableSignUpWithGitLab", settings.enable_gitlab),
        flag("EnableSignUpWithGoogle", settings.enable_google),
        flag("EnableSignUpWithOffice365", settings.enable_office365),
        flag("EnableSignUpWithOpenId", settings.enable_openid),
        flag(
            "FeatureFlagMobileSSOCodeExchange",
            settings.code_exchange == CodeExchange::On,
        ),
        flag("EnableSignInWithEmail", settings.enable_sign_in_with_email),
        flag(
            "EnableSignInWithUsername",
            settings.enable_sign_in_with_username,
        ),
    ]
}

fn full(settings: &Settings) -> Vec<(String, String)> {
    let flag = |key: &str, value: bool| (key.to_owned(), value.to_string());
    let mut keys = vec![
        flag(
            "ExtendSessionLengthWithActivity",
            settings.extend_session_length_with_activity,
        ),
        flag("EnableUserAccessTokens", settings.enable_user_access_tokens),
        flag("SendPushNotifications", settings.push_notifications),
    ];
    if settings.mobile_ephemeral_mode {
        let mode = [
            ("Enabled", "true".to_owned()),
            (
                "DisconnectionTimeoutSeconds",
                settings.mobile_ephemeral_disconnection_seconds.to_string(),
            ),
            (
                "OfflinePersistenceTimerHours",
                settings.mobile_ephemeral_offline_hours.to_string(),
            ),
            (
                "AutoCacheCleanupDays",
                settings.mobile_ephemeral_cleanup_days.to_string(),
            ),
        ];
        keys.extend(mode.map(|(key, value)| (format!("MobileEphemeralMode{key}"), value)));
    }
    keys
}
