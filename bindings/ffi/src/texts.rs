//! What users read.

use steadfast::message;

/// A text for the user.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Message {
    /// Stable id, for translation.
    pub id: String,
    /// English text, worded as the server's own where the server has one.
    pub text: String,
}

impl From<message::Message> for Message {
    fn from(message: message::Message) -> Self {
        let message::Message { id, text } = message;
        Self {
            id: id.to_owned(),
            text: text.to_owned(),
        }
    }
}

/// Every text that the core may show, for translators.
#[uniffi::export]
pub fn messages() -> Vec<Message> {
    [
        message::SESSION_EXPIRED,
        message::SESSION_EXPIRED_NOTIFICATION,
        message::MAY_HAVE_EXPIRED,
        message::NEW_MESSAGE,
        message::CHECKING_SESSION,
        message::MFA_ENROLMENT,
        message::PREPARING,
        message::KEY_LOST,
        message::UNVERIFIABLE,
        message::MAY_CONTINUE,
        message::MAY_SIGN_IN_AGAIN,
        message::ACCESS_TOKEN,
        message::REVOKE_EVERYONE,
    ]
    .map(Message::from)
    .into()
}
