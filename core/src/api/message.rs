//! What users read: a stable id and the English text. Apps translate by the id.

/// A text for the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Message {
    /// Stable id, for translation.
    pub id: &'static str,
    /// English text, worded as the server's own where the server has one.
    pub text: &'static str,
}

/// On the sign-in page after a session ended. Neutral: the core never claims who ended it.
pub const SESSION_EXPIRED: Message = Message {
    id: "session_expired",
    text: "Your session has expired. Please log in again.",
};

/// The operating system's notification of the same end.
pub const SESSION_EXPIRED_NOTIFICATION: Message = Message {
    id: "session_expired_notification",
    text: "Session Expired: Please log in to continue receiving notifications.",
};

/// The reminder of a known expiry, and the notice where nobody could be asked: the server may have moved it.
pub const MAY_HAVE_EXPIRED: Message = Message {
    id: "may_have_expired",
    text: "Your session may have expired. Open the app to continue receiving notifications.",
};

/// In place of a message whose content is covered.
pub const NEW_MESSAGE: Message = Message {
    id: "new_message",
    text: "You have a new message.",
};

/// On the cover, while a session is being checked.
pub const CHECKING_SESSION: Message = Message {
    id: "checking_session",
    text: "Checking your session…",
};

/// On the cover, while multi-factor authentication must be set up first.
pub const MFA_ENROLMENT: Message = Message {
    id: "mfa_enrolment",
    text: "Multi-factor authentication is required on this server.",
};

/// On the cover, while what the app stored of another user is being erased.
pub const PREPARING: Message = Message {
    id: "preparing",
    text: "Preparing this device…",
};

/// On the sign-in page when the key that opens the stored session is gone, for example after a restored backup.
pub const KEY_LOST: Message = Message {
    id: "key_lost",
    text: "This device can no longer open your saved session. Please log in again.",
};

/// On the sign-in page when the session could not be verified for too long.
pub const UNVERIFIABLE: Message = Message {
    id: "unverifiable",
    text: "Your session could not be verified. Please log in again.",
};

/// The offer after a verdict that turned out to be wrong.
pub const MAY_CONTINUE: Message = Message {
    id: "may_continue",
    text: "Your session is still valid. You can continue without logging in.",
};

/// The offer where the key store has not given the session's key for long.
pub const MAY_SIGN_IN_AGAIN: Message = Message {
    id: "may_sign_in_again",
    text: "This device cannot open your saved session. You can wait, log in again, or log out.",
};

/// In Active Sessions of an account that is signed in with a personal access token.
pub const ACCESS_TOKEN: Message = Message {
    id: "access_token",
    text: "You are signed in with a personal access token. Ending its session does not end the token; to do that, \
           revoke the token in your account's security settings.",
};

/// Asked before every session of the server is ended.
pub const REVOKE_EVERYONE: Message = Message {
    id: "revoke_everyone",
    text: "This action revokes all sessions in the system. All users will be logged out from all devices. \
           Are you sure you want to revoke all sessions?",
};
