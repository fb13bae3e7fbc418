//! The one public error. Its variant tells the app how to react; its code is stable and may be logged and looked up.
//!
//! No variant carries a secret, a URL with a query, or a server's message: those can hold tokens.

use std::time::Duration;

/// What an app does about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reaction {
    /// The call was wrong: correct the input.
    CorrectInput,
    /// Tell the user; what they typed or asked for was refused.
    TellUser,
    /// Try again later; nothing was lost.
    TryLater,
    /// Offer sign-in.
    SignIn,
    /// Wait until the device is unlocked or the core resumed.
    Wait,
}

/// Everything that can go wrong in an operation of the core.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(test, derive(strum::EnumIter, strum::EnumMessage))]
#[non_exhaustive]
pub enum Error {
    /// The server address cannot be used. `reason` says what is wrong with it.
    #[error("the server address is not valid: {reason}")]
    InvalidAddress {
        /// What is wrong, in words for a developer.
        reason: &'static str,
    },
    /// An argument is out of its range. `argument` names it.
    #[error("the argument {argument} is not valid")]
    InvalidArgument {
        /// Name of the argument.
        argument: &'static str,
    },
    /// A request's path leads off the account's own server.
    #[error("the request leads off the account's server")]
    ForeignOrigin,
    /// A file of the app could not be read or written.
    #[error("the file cannot be used: {reason}")]
    File {
        /// What the operating system said, in words for a developer, without the file's name.
        reason: String,
    },
    /// The app ended the transfer, or the user signed out of the account while signing in to it again.
    #[error("cancelled")]
    Cancelled,
    /// A body is larger than the limit.
    #[error("larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// There is no account of that id.
    #[error("no such account")]
    NoSuchAccount,
    /// There is no session of that id any more, or it never was one of this user's.
    #[error("no such session")]
    NoSuchSession,
    /// A confirmation was used already, is too old, or belongs to an older session.
    #[error("the confirmation is no longer valid")]
    ConfirmationExpired,

    /// User name or password is wrong. The server does not say which.
    #[error("user name or password is wrong")]
    InvalidCredentials,
    /// The password field is empty.
    #[error("the password is empty")]
    BlankPassword,
    /// The password was right; the account also needs a one-time code.
    #[error("a one-time code is needed")]
    MfaCodeRequired,
    /// The one-time code is wrong or was used before.
    #[error("the one-time code is wrong")]
    MfaCodeWrong,
    /// The user's account was deactivated.
    #[error("the user is deactivated")]
    Deactivated,
    /// Too many failed attempts; the user's account is locked.
    #[error("the user is locked out")]
    LockedOut,
    /// The user's e-mail address is not verified.
    #[error("the e-mail address is not verified")]
    EmailNotVerified,
    /// Users of this kind (bots, remote users) cannot sign in.
    #[error("this kind of user cannot sign in")]
    SignInForbidden,
    /// The server does not accept the token: revoked, expired, used before, or mistyped.
    #[error("the token is not accepted")]
    TokenRefused,
    /// The link from the browser does not finish a sign-in that was begun here. It does not say why, so that nobody can find
    /// out by trying what this device waits for.
    #[error("the link does not belong to a sign-in that was begun here")]
    CallbackRefused,
    /// Another user signed in than the one who was to sign in again. Nothing changed here.
    #[error("another user signed in")]
    AnotherUser,
    /// The server does not offer this way to sign in, or not to this user.
    #[error("this way to sign in is not offered")]
    NotOffered,
    /// The server demands multi-factor authentication, and the user has not set it up.
    #[error("multi-factor authentication must be set up first")]
    MfaEnrolmentRequired,
    /// The user may not do this.
    #[error("not permitted")]
    Forbidden,

    /// The session ended: sign-in is needed.
    #[error("the session has ended")]
    SessionEnded,
    /// The account is known, but nobody is signed in to it.
    #[error("not signed in")]
    NotSignedIn,
    /// The session could not be verified for too long; sign-in is offered.
    #[error("the session could not be verified")]
    Unverifiable,

    /// No way to the server.
    #[error("the server cannot be reached")]
    Offline,
    /// The server's name cannot be resolved: mistyped, or the network is not up yet.
    #[error("the server's name cannot be resolved")]
    UnknownHost,
    /// The server did not answer in time.
    #[error("the server did not answer in time")]
    Timeout,
    /// No trusted connection: the certificate is not trusted, expired, or of another name; or TLS itself failed.
    #[error("no secure connection: {reason}")]
    InsecureConnection {
        /// What TLS objected to, in words for a developer.
        reason: &'static str,
    },
    /// A captive portal or another box in between answers in the server's place.
    #[error("something between the device and the server answers in its place")]
    Intercepted,
    /// The address answers, but not as a Mattermost server does.
    #[error("not a Mattermost server")]
    NotMattermost,
    /// The server sends its visitors to another address. Offer it to the user; it is never followed.
    #[error("the server has another address")]
    Moved {
        /// Where to.
        to: String,
    },
    /// A proxy in front of the server wants a secret of its own.
    #[error("a proxy in front of the server wants a secret of its own")]
    PreAuthenticationNeeded,
    /// A proxy in front of the server does not take the secret of the profile.
    #[error("a proxy in front of the server does not take the secret")]
    PreAuthenticationRefused,
    /// The server wants a client certificate, or another one than the profile names.
    #[error("the server wants a client certificate")]
    ClientCertificateNeeded,
    /// The platform did not let the client certificate be used: it did not sign within ten seconds, or at all. The device may
    /// be locked, or the user did not answer, or said no.
    #[error("the client certificate cannot be used now")]
    ClientCertificateUnavailable,
    /// The network's own proxy wants a user name and a password, or other ones.
    #[error("the proxy wants a user name and a password")]
    ProxyCredentialsNeeded,
    /// There is a server at this address, but it has no TLS. It is not used unless the app allows that.
    #[error("the server can be used without TLS only")]
    OnlyClearText,
    /// The server is older than the oldest version that the core speaks with.
    #[error("the server is too old")]
    ServerTooOld,
    /// The server has a problem of its own, for example with its database. A sign-in refused in that state says nothing
    /// about the password.
    #[error("the server has a problem")]
    ServerProblem,
    /// Too many requests. Try again after the given time.
    #[error("too many requests")]
    RateLimited {
        /// How long to wait, as the server asked, at most 5 minutes.
        retry_after: Duration,
    },
    /// The server refused the request for a reason of its own. `id` is the server's stable error id, if it sent one.
    #[error("refused by the server with status {status}")]
    Refused {
        /// HTTP status, 400–599.
        status: u16,
        /// The server's error id, such as `api.post.create_post.root_id.app_error`.
        id: Option<String>,
    },

    /// The key store cannot be read now, for example before the first unlock. Nothing is lost. Where it stays so,
    /// the snapshot's `may_sign_in_again` offers a way out after a day or five starts.
    #[error("the key store is not available now")]
    KeyStoreUnavailable,
    /// The key store has lost the key that the app encrypts with: what was encrypted cannot be read any more. Erase it and
    /// begin anew.
    #[error("the data key is lost")]
    DataKeyLost,
    /// The store is closed, because the app is suspended.
    #[error("suspended")]
    Suspended,
    /// The disk is full.
    #[error("the disk is full")]
    DiskFull,
    /// The store cannot be read or written now.
    #[error("the store is not available now")]
    StoreUnavailable,
    /// Another core has the store open for writing, in this process or in another one: close that, or wait for its end.
    #[error("the store is in use by another core")]
    StoreInUse,
    /// The store was written by a newer version of the core. It was left untouched.
    #[error("the store was written by a newer version (schema {found}, known up to {known})")]
    StoreNewer {
        /// Schema version of the file.
        found: i64,
        /// Newest schema version this core knows.
        known: i64,
    },
    /// The core has a fault of its own. Nothing is lost and nobody is signed out; what was asked for may not have been done.
    /// Report it, and try again; if that does not help, close the core and open it anew.
    #[error("the core has a fault")]
    Internal,
    /// The core was closed.
    #[error("closed")]
    Closed,
}

impl Error {
    /// The stable code: lower case with underscores. A code never changes its meaning; new ones may come.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidAddress { .. } => "invalid_address",
            Self::InvalidArgument { .. } => "invalid_argument",
            Self::ForeignOrigin => "foreign_origin",
            Self::File { .. } => "file",
            Self::Cancelled => "cancelled",
            Self::TooLarge { .. } => "too_large",
            Self::NoSuchAccount => "no_such_account",
            Self::NoSuchSession => "no_such_session",
            Self::ConfirmationExpired => "confirmation_expired",
            Self::InvalidCredentials => "invalid_credentials",
            Self::BlankPassword => "blank_password",
            Self::MfaCodeRequired => "mfa_code_required",
            Self::MfaCodeWrong => "mfa_code_wrong",
            Self::Deactivated => "deactivated",
            Self::LockedOut => "locked_out",
            Self::EmailNotVerified => "email_not_verified",
            Self::SignInForbidden => "sign_in_forbidden",
            Self::TokenRefused => "token_refused",
            Self::CallbackRefused => "callback_refused",
            Self::AnotherUser => "another_user",
            Self::NotOffered => "not_offered",
            Self::MfaEnrolmentRequired => "mfa_enrolment_required",
            Self::Forbidden => "forbidden",
            Self::SessionEnded => "session_ended",
            Self::NotSignedIn => "not_signed_in",
            Self::Unverifiable => "unverifiable",
            Self::Offline => "offline",
            Self::UnknownHost => "unknown_host",
            Self::Timeout => "timeout",
            Self::Moved { .. } => "moved",
            Self::PreAuthenticationNeeded => "pre_authentication_needed",
            Self::PreAuthenticationRefused => "pre_authentication_refused",
            Self::ClientCertificateNeeded => "client_certificate_needed",
            Self::ClientCertificateUnavailable => "client_certificate_unavailable",
            Self::ProxyCredentialsNeeded => "proxy_credentials_needed",
            Self::OnlyClearText => "only_clear_text",
            Self::InsecureConnection { .. } => "insecure_connection",
            Self::Intercepted => "intercepted",
            Self::NotMattermost => "not_mattermost",
            Self::ServerTooOld => "server_too_old",
            Self::ServerProblem => "server_problem",
            Self::RateLimited { .. } => "rate_limited",
            Self::Refused { .. } => "refused",
            Self::KeyStoreUnavailable => "key_store_unavailable",
            Self::DataKeyLost => "data_key_lost",
            Self::Suspended => "suspended",
            Self::DiskFull => "disk_full",
            Self::StoreUnavailable => "store_unavailable",
            Self::StoreInUse => "store_in_use",
            Self::StoreNewer { .. } => "store_newer",
            Self::Internal => "internal",
            Self::Closed => "closed",
        }
    }

    /// What the app does about it.
    pub fn reaction(&self) -> Reaction {
        match self {
            Self::InvalidAddress { .. }
            | Self::InvalidArgument { .. }
            | Self::ForeignOrigin
            | Self::TooLarge { .. }
            | Self::Cancelled
            | Self::NoSuchAccount
            | Self::NoSuchSession
            | Self::ConfirmationExpired
            | Self::Closed => Reaction::CorrectInput,
            Self::InvalidCredentials
            | Self::BlankPassword
            | Self::MfaCodeRequired
            | Self::MfaCodeWrong
            | Self::Deactivated
            | Self::LockedOut
            | Self::EmailNotVerified
            | Self::SignInForbidden
            | Self::TokenRefused
            | Self::CallbackRefused
            | Self::AnotherUser
            | Self::NotOffered
            | Self::MfaEnrolmentRequired
            | Self::Forbidden
            | Self::InsecureConnection { .. }
            | Self::NotMattermost
            | Self::Moved { .. }
            | Self::PreAuthenticationNeeded
            | Self::PreAuthenticationRefused
            | Self::ClientCertificateNeeded
            | Self::ProxyCredentialsNeeded
            | Self::OnlyClearText
            | Self::ServerTooOld
            | Self::DataKeyLost
            | Self::File { .. }
            | Self::StoreNewer { .. }
            | Self::DiskFull => Reaction::TellUser,
            Self::Refused { status, .. } if *status < 500 => Reaction::TellUser,
            Self::SessionEnded | Self::NotSignedIn | Self::Unverifiable => Reaction::SignIn,
            Self::Offline
            | Self::UnknownHost
            | Self::Timeout
            | Self::ClientCertificateUnavailable
            | Self::Intercepted
            | Self::ServerProblem
            | Self::RateLimited { .. }
            | Self::Refused { .. }
            | Self::StoreUnavailable
            | Self::StoreInUse
            | Self::Internal => Reaction::TryLater,
            Self::KeyStoreUnavailable | Self::Suspended => Reaction::Wait,
        }
    }

    /// Whether the same call may succeed later without the user doing anything.
    pub fn is_retryable(&self) -> bool {
        matches!(self.reaction(), Reaction::TryLater | Reaction::Wait)
    }

    /// Whether only a sign-in helps.
    pub fn requires_sign_in(&self) -> bool {
        self.reaction() == Reaction::SignIn
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fmt::Write;
    use strum::{EnumMessage, IntoEnumIterator};

    const GLOSSARY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/errors.md");

    /// What an app does, in the words of the glossary.
    fn advice(reaction: Reaction) -> &'static str {
        match reaction {
            Reaction::CorrectInput => "correct the call",
            Reaction::TellUser => "tell the user",
            Reaction::TryLater => "try again later",
            Reaction::SignIn => "offer sign-in",
            Reaction::Wait => "wait for the unlock or the resume",
        }
    }

    fn glossary() -> String {
        let mut text = "# Errors\n\n\
            Every error that an operation of the core can give. Generated from `core/src/error.rs` and compared with it by a test; to\n\
            write it anew: `STEADFAST_REGENERATE=1 cargo test -p steadfast --lib error`.\n\n\
            A code never changes its meaning; new ones may come, so an app that meets an unknown code goes by the reaction. No\n\
            error holds a secret, a URL with a query or a server's message. An error with *yes* under *again* may go away without\n\
            the user doing anything.\n\n\
            | code | what happened | what an app does | again |\n|---|---|---|---|\n"
            .to_owned();
        for error in Error::iter() {
            let meaning = error.get_documentation().unwrap_or_default();
            let again = if error.is_retryable() { "yes" } else { "" };
            let advice = match error {
                Error::Refused { .. } => "tell the user below status 500, else try again later",
                _ => advice(error.reaction()),
            };
            let again = match error {
                Error::Refused { .. } => "from status 500 on",
                _ => again,
            };
            let _ = writeln!(
                text,
                "| `{}` | {} | {advice} | {again} |",
                error.code(),
                meaning.trim_end().replace('\n', " ").replace('|', "\\|")
            );
        }
        text
    }

    #[test]
    fn the_glossary_says_what_the_code_says() {
        let generated = glossary();
        if std::env::var_os("STEADFAST_REGENERATE").is_some() {
            std::fs::write(GLOSSARY, &generated).unwrap();
        }
        let committed = std::fs::read_to_string(GLOSSARY).unwrap_or_default();
        assert!(
            committed == generated,
            "docs/errors.md is not what the code says; run with STEADFAST_REGENERATE=1 and read the difference"
        );
    }

    #[test]
    fn every_error_has_a_code_of_its_own_and_says_what_happened() {
        let mut codes = BTreeSet::new();
        for error in Error::iter() {
            let code = error.code();
            assert!(
                !code.is_empty()
                    && code
                        .bytes()
                        .all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
                "{code}"
            );
            assert!(codes.insert(code), "{code} twice");
            assert!(error.get_documentation().is_some(), "{code}");
        }
    }

    #[test]
    fn only_lost_sessions_require_sign_in() {
        for error in [Error::SessionEnded, Error::NotSignedIn, Error::Unverifiable] {
            assert!(error.requires_sign_in() && !error.is_retryable(), "{error}");
        }
        for error in [
            Error::Offline,
            Error::KeyStoreUnavailable,
            Error::ServerProblem,
            Error::Refused {
                status: 502,
                id: None,
            },
        ] {
            assert!(!error.requires_sign_in() && error.is_retryable(), "{error}");
        }
    }

    #[test]
    fn a_refusal_is_told_and_a_failing_server_is_retried() {
        assert_eq!(
            Error::Refused {
                status: 404,
                id: None
            }
            .reaction(),
            Reaction::TellUser
        );
        assert_eq!(
            Error::Refused {
                status: 500,
                id: None
            }
            .reaction(),
            Reaction::TryLater
        );
    }
}
