//! Why no answer came. Nothing here names a URL or holds text from the network: such text can carry a token.

use std::error::Error;
use std::io;

use super::certificates::Unavailable;
use super::proxy::ProxyError;
use super::resolver::ResolveError;
use super::tls::NotPinned;

/// Why a TLS connection could not be made. None of these says anything about a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TlsReason {
    /// The certificate comes from an authority that is not trusted: a captive portal, inspection by a company, a private CA.
    #[error("unknown issuer")]
    UnknownIssuer,
    /// The certificate is for another name.
    #[error("wrong name")]
    WrongName,
    /// The certificate has expired, or the device's clock is ahead.
    #[error("expired")]
    Expired,
    /// The certificate is not valid yet, or the device's clock is behind.
    #[error("not valid yet")]
    NotValidYet,
    /// The certificate was revoked.
    #[error("revoked")]
    Revoked,
    /// The certificate is wrong in another way.
    #[error("bad certificate")]
    BadCertificate,
    /// The certificate is good, but its key is not one that the profile pins.
    #[error("not the pinned key")]
    NotPinned,
    /// The server wants a client certificate, and the profile has none.
    #[error("client certificate needed")]
    ClientCertificateNeeded,
    /// The server does not take the client certificate.
    #[error("client certificate refused")]
    ClientCertificateRefused,
    /// The platform did not let the client certificate be used now.
    #[error("client certificate cannot be used now")]
    ClientCertificateUnavailable,
    /// No version, cipher or protocol in common; TLS 1.2 is the oldest that is spoken, and HTTP/1.1 within it.
    #[error("no common version or protocol")]
    Incompatible,
    /// The server broke off the handshake with an alert that says no more.
    #[error("refused by the server")]
    RefusedByServer,
    /// What came was not TLS.
    #[error("not TLS")]
    NotTls,
    /// Anything else.
    #[error("other")]
    Other,
}

/// What kind of failure kept an answer from coming.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TransportErrorKind {
    /// No route: airplane mode, no network.
    #[error("offline")]
    Offline,
    /// The host name could not be resolved.
    #[error("name not resolved")]
    Dns,
    /// The host answered that nobody listens there.
    #[error("connection refused")]
    Refused,
    /// The connection ended before the answer was complete.
    #[error("connection reset")]
    Reset,
    /// The deadline passed.
    #[error("timed out")]
    Timeout,
    /// No trustworthy TLS connection.
    #[error("TLS: {0}")]
    Tls(TlsReason),
    /// The proxy wants a user name and a password, or other ones.
    #[error("the proxy wants credentials")]
    ProxyCredentials,
    /// The proxy does not lead to the server.
    #[error("refused by the proxy")]
    ProxyRefused,
    /// The answer is larger than the limit of this request.
    #[error("answer too large")]
    TooLarge,
    /// What came was not HTTP.
    #[error("not HTTP")]
    Protocol,
    /// The request itself is not one that may be sent; nothing was sent.
    #[error("invalid request")]
    InvalidRequest,
    /// Anything else.
    #[error("other failure")]
    Other,
}

/// No answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no answer: {kind}")]
pub struct TransportError {
    /// Why.
    pub kind: TransportErrorKind,
    /// Whether the server may have received the request, and acted on it. `false` is certain, `true` is not: a deadline
    /// that passes does not say how far the request got.
    pub may_have_been_received: bool,
}

impl TransportError {
    /// A failure before anything of the request was sent.
    pub fn before(kind: TransportErrorKind) -> Self {
        Self {
            kind,
            may_have_been_received: false,
        }
    }

    /// A failure after the request may have reached the server.
    pub fn after(kind: TransportErrorKind) -> Self {
        Self {
            kind,
            may_have_been_received: true,
        }
    }

    pub(super) fn from_reqwest(error: &reqwest::Error) -> Self {
        let kind = classify(error).unwrap_or(if error.is_timeout() {
            TransportErrorKind::Timeout
        } else if error.is_builder() {
            TransportErrorKind::InvalidRequest
        } else {
            TransportErrorKind::Other
        });
        Self {
            kind,
            may_have_been_received: !(error.is_connect() || error.is_builder()),
        }
    }
}

/// Looks through an error and its causes for the first one that says what happened.
pub(super) fn classify(error: &(dyn Error + 'static)) -> Option<TransportErrorKind> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return Some(TransportErrorKind::Tls(tls_reason(tls)));
        }
        if let Some(proxy) = cause.downcast_ref::<ProxyError>() {
            return Some(proxy.kind());
        }
        if let Some(kind) = tunnel_kind(cause) {
            return Some(kind);
        }
        if cause.is::<ResolveError>() {
            return Some(TransportErrorKind::Dns);
        }
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            // An io::Error hides the error it wraps from `source`.
            if let Some(inner) = io.get_ref()
                && let Some(kind) = classify(inner)
            {
                return Some(kind);
            }
            if let Some(kind) = io_kind(io) {
                return Some(kind);
            }
        }
        if let Some(hyper) = cause.downcast_ref::<hyper::Error>() {
            if hyper.is_parse() {
                return Some(TransportErrorKind::Protocol);
            }
            if hyper.is_incomplete_message() || hyper.is_canceled() {
                return Some(TransportErrorKind::Reset);
            }
        }
        next = cause.source();
    }
    None
}

/// What the HTTP client's own way through a proxy came to. Its error has no public type, only this text.
fn tunnel_kind(error: &(dyn Error + 'static)) -> Option<TransportErrorKind> {
    match error.to_string().strip_prefix("tunnel error: ")? {
        "proxy authorization required" => Some(TransportErrorKind::ProxyCredentials),
        "unsuccessful" | "proxy response headers too long" => {
            Some(TransportErrorKind::ProxyRefused)
        }
        "unexpected end of file" => Some(TransportErrorKind::Reset),
        _ => None,
    }
}

pub(super) fn io_kind(error: &io::Error) -> Option<TransportErrorKind> {
    use io::ErrorKind as Kind;
    Some(match error.kind() {
        Kind::ConnectionRefused => TransportErrorKind::Refused,
        Kind::ConnectionReset
        | Kind::ConnectionAborted
        | Kind::BrokenPipe
        | Kind::UnexpectedEof
        | Kind::NotConnected => TransportErrorKind::Reset,
        Kind::TimedOut => TransportErrorKind::Timeout,
        Kind::NetworkUnreachable
        | Kind::HostUnreachable
        | Kind::NetworkDown
        | Kind::AddrNotAvailable => TransportErrorKind::Offline,
        _ => return None,
    })
}

fn tls_reason(error: &rustls::Error) -> TlsReason {
    use rustls::{CertificateError as Certificate, Error as Tls};
    match error {
        Tls::InvalidCertificate(certificate) => match certificate {
            Certificate::UnknownIssuer => TlsReason::UnknownIssuer,
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                TlsReason::WrongName
            }
            Certificate::Expired | Certificate::ExpiredContext { .. } => TlsReason::Expired,
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
                TlsReason::NotValidYet
            }
            Certificate::Revoked => TlsReason::Revoked,
            Certificate::Other(other) if other.0.is::<NotPinned>() => TlsReason::NotPinned,
            _ => TlsReason::BadCertificate,
        },
        Tls::PeerIncompatible(_) | Tls::NoApplicationProtocol => TlsReason::Incompatible,
        Tls::AlertReceived(
            rustls::AlertDescription::ProtocolVersion
            | rustls::AlertDescription::NoApplicationProtocol,
        ) => TlsReason::Incompatible,
        Tls::AlertReceived(alert) => refused_with(*alert),
        Tls::InvalidMessage(_) => TlsReason::NotTls,
        Tls::Other(other) if other.0.is::<Unavailable>() => TlsReason::ClientCertificateUnavailable,
        _ => TlsReason::Other,
    }
}

fn refused_with(alert: rustls::AlertDescription) -> TlsReason {
    use rustls::AlertDescription as Alert;
    match alert {
        Alert::CertificateRequired => TlsReason::ClientCertificateNeeded,
        Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::CertificateUnknown
        | Alert::UnknownCA
        | Alert::AccessDenied
        | Alert::DecryptError => TlsReason::ClientCertificateRefused,
        _ => TlsReason::RefusedByServer,
    }
}
