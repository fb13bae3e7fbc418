//! The one error of the border. Its kind says how an app reacts, its code what happened.

use crate::enums::from_core;

/// What an app does about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, uniffi::Enum)]
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

from_core!(steadfast::Reaction => Reaction {
    CorrectInput, TellUser, TryLater, SignIn, Wait,
} otherwise TryLater);

/// What else is known of an error, for those errors that carry something.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum ErrorDetail {
    /// Name of the argument that is not valid.
    Argument {
        /// Its name, in lower case with underscores.
        name: String,
    },
    /// What is wrong, in words for a developer.
    Explanation {
        /// The words. Never a secret, a path or a URL.
        text: String,
    },
    /// The limit that was exceeded.
    Limit {
        /// In bytes.
        bytes: i64,
    },
    /// Where the server says that it is. Offer it to the user; it is never followed.
    MovedTo {
        /// The address.
        address: String,
    },
    /// When to try again.
    RetryAfter {
        /// In milliseconds from now, at most 5 minutes.
        millis: i64,
    },
    /// What the server said when it refused.
    Refusal {
        /// HTTP status, 400 to 599.
        status: i32,
        /// The server's stable error id, such as `api.post.create_post.root_id.app_error`, if it sent one.
        server_error_id: Option<String>,
    },
    /// Versions of the store.
    Schema {
        /// Of the file.
        found: i64,
        /// The newest that this library knows.
        known: i64,
    },
}

/// Everything that can go wrong. The kind says how an app reacts; the code says what happened, is stable and may be logged
/// and looked up. New codes may come, so an app that meets an unknown one goes by the kind. Nothing of it holds a secret, a
/// URL with a query or a server's message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
#[uniffi::export(Display)]
pub enum SteadfastError {
    /// The call was wrong: correct the input.
    #[error("{code}: {text}")]
    CorrectInput {
        /// The stable code, lower case with underscores.
        code: String,
        /// What happened, in words for a developer.
        text: String,
        /// What else is known.
        detail: Option<ErrorDetail>,
    },
    /// Tell the user; what they typed or asked for was refused.
    #[error("{code}: {text}")]
    TellUser {
        /// The stable code, lower case with underscores.
        code: String,
        /// What happened, in words for a developer.
        text: String,
        /// What else is known.
        detail: Option<ErrorDetail>,
    },
    /// Try again later; nothing was lost.
    #[error("{code}: {text}")]
    TryLater {
        /// The stable code, lower case with underscores.
        code: String,
        /// What happened, in words for a developer.
        text: String,
        /// What else is known.
        detail: Option<ErrorDetail>,
    },
    /// Offer sign-in.
    #[error("{code}: {text}")]
    SignInNeeded {
        /// The stable code, lower case with underscores.
        code: String,
        /// What happened, in words for a developer.
        text: String,
        /// What else is known.
        detail: Option<ErrorDetail>,
    },
    /// Wait until the device is unlocked or the core resumed.
    #[error("{code}: {text}")]
    NotNow {
        /// The stable code, lower case with underscores.
        code: String,
        /// What happened, in words for a developer.
        text: String,
        /// What else is known.
        detail: Option<ErrorDetail>,
    },
}

#[uniffi::export]
impl SteadfastError {
    /// The stable code, lower case with underscores.
    pub fn code(&self) -> String {
        let (code, _, _) = self.parts();
        code.to_owned()
    }

    /// What happened, in words for a developer.
    pub fn text(&self) -> String {
        let (_, text, _) = self.parts();
        text.to_owned()
    }

    /// What else is known.
    pub fn detail(&self) -> Option<ErrorDetail> {
        let (_, _, detail) = self.parts();
        detail.clone()
    }

    /// What an app does about it.
    pub fn reaction(&self) -> Reaction {
        match self {
            Self::CorrectInput { .. } => Reaction::CorrectInput,
            Self::TellUser { .. } => Reaction::TellUser,
            Self::TryLater { .. } => Reaction::TryLater,
            Self::SignInNeeded { .. } => Reaction::SignIn,
            Self::NotNow { .. } => Reaction::Wait,
        }
    }

    /// Whether the same call may succeed later without the user doing anything.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::TryLater { .. } | Self::NotNow { .. })
    }

    /// Whether only a sign-in helps.
    pub fn requires_sign_in(&self) -> bool {
        matches!(self, Self::SignInNeeded { .. })
    }
}

impl SteadfastError {
    fn parts(&self) -> (&str, &str, &Option<ErrorDetail>) {
        match self {
            Self::CorrectInput { code, text, detail }
            | Self::TellUser { code, text, detail }
            | Self::TryLater { code, text, detail }
            | Self::SignInNeeded { code, text, detail }
            | Self::NotNow { code, text, detail } => (code, text, detail),
        }
    }
}

impl From<steadfast::Error> for SteadfastError {
    fn from(error: steadfast::Error) -> Self {
        let (code, text) = (error.code().to_owned(), error.to_string());
        let reaction = Reaction::from(error.reaction());
        let detail = detail(error);
        match reaction {
            Reaction::CorrectInput => Self::CorrectInput { code, text, detail },
            Reaction::TellUser => Self::TellUser { code, text, detail },
            Reaction::TryLater => Self::TryLater { code, text, detail },
            Reaction::SignIn => Self::SignInNeeded { code, text, detail },
            Reaction::Wait => Self::NotNow { code, text, detail },
        }
    }
}

fn detail(error: steadfast::Error) -> Option<ErrorDetail> {
    use steadfast::Error;
    match error {
        Error::InvalidArgument { argument } => Some(ErrorDetail::Argument {
            name: argument.to_owned(),
        }),
        Error::InvalidAddress { reason } | Error::InsecureConnection { reason } => {
            Some(ErrorDetail::Explanation {
                text: reason.to_owned(),
            })
        }
        Error::File { reason } => Some(ErrorDetail::Explanation { text: reason }),
        Error::TooLarge { limit } => Some(ErrorDetail::Limit {
            bytes: i64::try_from(limit).unwrap_or(i64::MAX),
        }),
        Error::Moved { to } => Some(ErrorDetail::MovedTo { address: to }),
        Error::RateLimited { retry_after } => Some(ErrorDetail::RetryAfter {
            millis: i64::try_from(retry_after.as_millis()).unwrap_or(i64::MAX),
        }),
        Error::Refused { status, id } => Some(ErrorDetail::Refusal {
            status: i32::from(status),
            server_error_id: id,
        }),
        Error::StoreNewer { found, known } => Some(ErrorDetail::Schema { found, known }),
        // The others carry nothing; a test compares this with the core's list.
        _ => None,
    }
}

/// The argument of this name is not valid.
pub(crate) fn invalid(argument: &'static str) -> steadfast::Error {
    steadfast::Error::InvalidArgument { argument }
}
