//! Through an HTTP proxy by CONNECT (RFC 9110, section 9.3.6), for the socket; the HTTP client has its own way.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::profile::{HttpProxy, authority};
use super::transport::{TransportErrorKind, io_kind};
use crate::policy;

/// Why a proxy made no way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ProxyError {
    #[error("the proxy wants credentials")]
    Credentials,
    #[error("refused by the proxy")]
    Refused,
    #[error("the connection to the proxy ended")]
    Ended(TransportErrorKind),
}

impl ProxyError {
    pub(super) fn kind(self) -> TransportErrorKind {
        match self {
            Self::Credentials => TransportErrorKind::ProxyCredentials,
            Self::Refused => TransportErrorKind::ProxyRefused,
            Self::Ended(kind) => kind,
        }
    }
}

impl From<io::Error> for ProxyError {
    fn from(error: io::Error) -> Self {
        Self::Ended(io_kind(&error).unwrap_or(TransportErrorKind::Other))
    }
}

/// Asks the proxy at the other end of `stream` for a way to the server. Reads not a byte beyond the proxy's answer.
pub(super) async fn connect(
    stream: &mut TcpStream,
    proxy: &HttpProxy,
    host: &str,
    port: u16,
) -> Result<(), ProxyError> {
    let target = authority(host, port);
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").into_bytes();
    if let Some(value) = proxy.authorization() {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(value.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    let request = zeroize::Zeroizing::new(request);
    stream.write_all(&request).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() >= policy::PROXY_ANSWER_LIMIT {
            return Err(ProxyError::Refused);
        }
        answer.push(stream.read_u8().await?);
    }
    match status(&answer) {
        Some(200..=299) => Ok(()),
        Some(407) => Err(ProxyError::Credentials),
        _ => Err(ProxyError::Refused),
    }
}

fn status(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|byte| *byte == b'\r').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let rest = line
        .strip_prefix("HTTP/1.1 ")
        .or_else(|| line.strip_prefix("HTTP/1.0 "))?;
    rest.get(..3)?.parse().ok()
}
