//! From what a layer below met to what the app is told. One place, so that the same trouble always has the same code.

use crate::error::Error;
use crate::evidence::MFA_REQUIRED_ID;
use crate::policy;
use crate::server::{
    AddressError, Answer, Gateway, Outcome, ProbeError, ProfileError, Refusal, Reply,
    TlsProfileError, TlsReason, TransportError, TransportErrorKind,
};
use crate::vault::VaultError;
use std::time::Duration;

pub(crate) fn address(error: AddressError) -> Error {
    Error::InvalidAddress {
        reason: match error {
            AddressError::Empty => "it is empty",
            AddressError::TooLong => "it is too long",
            AddressError::ForbiddenCharacter => "it holds a character that no address has",
            AddressError::UnknownScheme => "its scheme is not https",
            AddressError::ClearTextRefused => "it asks for a connection without TLS",
            AddressError::HoldsUser => "it holds a user name",
            AddressError::HoldsQuery => "it holds a query or a fragment",
            AddressError::NoHost => "it has no host",
            AddressError::InvalidHost => "its host is not valid",
            AddressError::InvalidPort => "its port is not valid",
        },
    }
}

pub(crate) fn tls_profile(_: TlsProfileError) -> Error {
    Error::InvalidArgument {
        argument: "network",
    }
}

pub(crate) fn profile(error: ProfileError) -> Error {
    Error::InvalidArgument {
        argument: match error {
            ProfileError::Proxy => "proxy",
            ProfileError::PreAuth => "pre_auth",
            ProfileError::ClientCertificate => "client_certificate",
            ProfileError::Pins => "pins",
            ProfileError::Unsupported => "profile",
        },
    }
}

fn tls(reason: TlsReason) -> Error {
    Error::InsecureConnection {
        reason: match reason {
            TlsReason::UnknownIssuer => "unknown issuer",
            TlsReason::WrongName => "wrong name",
            TlsReason::Expired => "expired",
            TlsReason::NotValidYet => "not valid yet",
            TlsReason::Revoked => "revoked",
            TlsReason::BadCertificate => "bad certificate",
            TlsReason::NotPinned => "not the pinned key",
            TlsReason::ClientCertificateNeeded | TlsReason::ClientCertificateRefused => {
                return Error::ClientCertificateNeeded;
            }
            TlsReason::ClientCertificateUnavailable => {
                return Error::ClientCertificateUnavailable;
            }
            TlsReason::Incompatible => "no common version or protocol",
            TlsReason::RefusedByServer => "refused by the server",
            TlsReason::NotTls => "not TLS",
            TlsReason::Other => "other",
        },
    }
}

pub(crate) fn transport(error: TransportError) -> Error {
    match error.kind {
        TransportErrorKind::Offline | TransportErrorKind::Refused | TransportErrorKind::Reset => {
            Error::Offline
        }
        TransportErrorKind::Dns => Error::UnknownHost,
        TransportErrorKind::Timeout => Error::Timeout,
        TransportErrorKind::Tls(reason) => tls(reason),
        TransportErrorKind::ProxyCredentials => Error::ProxyCredentialsNeeded,
        TransportErrorKind::ProxyRefused => Error::Intercepted,
        TransportErrorKind::TooLarge => Error::TooLarge {
            limit: policy::REQUEST_BODY_LIMIT,
        },
        TransportErrorKind::Protocol => Error::Intercepted,
        TransportErrorKind::InvalidRequest => Error::InvalidArgument {
            argument: "request",
        },
        TransportErrorKind::Other => Error::Offline,
    }
}

pub(crate) fn probe(error: ProbeError) -> Error {
    match error {
        ProbeError::Offline => Error::Offline,
        ProbeError::UnknownHost => Error::UnknownHost,
        ProbeError::Tls(reason) => tls(reason),
        ProbeError::NotMattermost => Error::NotMattermost,
        ProbeError::TooOld { .. } => Error::ServerTooOld,
        ProbeError::Moved { to } => Error::Moved {
            to: to.as_str().to_owned(),
        },
        ProbeError::Gateway(found) => gateway(found),
        ProbeError::OnlyClearText => Error::OnlyClearText,
        ProbeError::ProxyCredentials => Error::ProxyCredentialsNeeded,
        ProbeError::Unavailable {
            status: 429,
            retry_after,
        } => rate_limited(retry_after),
        ProbeError::Unavailable { .. } => Error::ServerProblem,
        ProbeError::NoAnswer(error) => transport(error),
    }
}

pub(crate) fn gateway(found: Gateway) -> Error {
    match found {
        Gateway::PreAuthenticationNeeded => Error::PreAuthenticationNeeded,
        Gateway::PreAuthenticationRefused => Error::PreAuthenticationRefused,
        Gateway::ClientCertificateNeeded => Error::ClientCertificateNeeded,
        Gateway::Portal => Error::Intercepted,
    }
}

pub(crate) fn rate_limited(retry_after: Option<Duration>) -> Error {
    // A server that names no time is asked again after the shortest one it could have named.
    let asked = retry_after.unwrap_or(Duration::from_secs(1));
    Error::RateLimited {
        retry_after: asked.min(policy::RETRY_AFTER_CAP),
    }
}

pub(crate) fn vault(error: VaultError) -> Error {
    match error {
        VaultError::DiskFull => Error::DiskFull,
        VaultError::NewerSchema { found, known } => Error::StoreNewer { found, known },
        VaultError::Closed => Error::Suspended,
        VaultError::InUse => Error::StoreInUse,
        _ => Error::StoreUnavailable,
    }
}

/// What an answer that was not what was asked for means, where nothing more special is known.
pub(crate) fn unwanted(reply: &Reply, refusal: Option<Refusal>) -> Error {
    if let Some(found) = reply.gateway {
        return gateway(found);
    }
    match (reply.status, refusal) {
        (403, Some(refusal)) if refusal.id == MFA_REQUIRED_ID => Error::MfaEnrolmentRequired,
        (403, Some(refusal)) if refusal.id == "api.context.permissions.app_error" => {
            Error::Forbidden
        }
        (status, Some(refusal)) if status < 500 => Error::Refused {
            status,
            id: Some(refusal.id),
        },
        (429, None) => rate_limited(reply.retry_after),
        (500.., _) => Error::ServerProblem,
        _ => Error::Intercepted,
    }
}

/// The value of an answer, or what its absence means.
pub(crate) fn value<T>(answer: Answer<T>) -> Result<T, Error> {
    match answer.outcome {
        Outcome::Done(value) => Ok(value),
        Outcome::Refused(refusal) => Err(unwanted(&answer.reply, Some(refusal))),
        Outcome::Unreadable => Err(unwanted(&answer.reply, None)),
    }
}
