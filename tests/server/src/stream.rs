//! The byte stream of one client, plain or TLS.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// Start of the one answer whose header spelling hyper cannot produce.
const SWITCHING: &[u8] = b"HTTP/1.1 101";
const TITLE_CASE: &[u8] = b"Sec-Websocket-Accept";
const AS_SENT: &[u8] = b"Sec-WebSocket-Accept";

pub(crate) enum ClientStream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl ClientStream {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }

    /// Makes the end of this stream a TCP reset.
    pub(crate) fn reset_on_drop(&self) {
        if let Err(error) = self.tcp().set_zero_linger() {
            tracing::debug!(%error, "no reset");
        }
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let respelled = respelled(buffer);
        let buffer = respelled.as_deref().unwrap_or(buffer);
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, buffer),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_write(context, buffer),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(context),
        }
    }
}

/// The answer to an upgrade in the spelling that Mattermost sends, which is
/// not Go's canonical one; as long as the original.
fn respelled(buffer: &[u8]) -> Option<Vec<u8>> {
    if !buffer.starts_with(SWITCHING) {
        return None;
    }
    let position = buffer
        .windows(TITLE_CASE.len())
        .position(|window| window == TITLE_CASE)?;
    let mut copy = buffer.to_vec();
    copy[position..position + AS_SENT.len()].copy_from_slice(AS_SENT);
    Some(copy)
}
