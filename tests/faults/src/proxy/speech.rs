//! Peers that speak something else than HTTP/1.1 over a TLS of today. They hear what the client says and relay none of it.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::faults::Speaks;

/// Empty SETTINGS, with which a server opens HTTP/2 (RFC 9113, section 3.4), then GOAWAY with PROTOCOL_ERROR (section 6.8):
/// no request was taken.
const SETTINGS_AND_GOAWAY: [u8; 26] = [
    0, 0, 0, 4, 0, 0, 0, 0, 0, //
    0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
];

/// A fatal alert `protocol_version`, byte for byte that of OpenSSL 3.0 where it may speak TLS 1.1 at most.
const PROTOCOL_VERSION: [u8; 7] = [0x15, 3, 3, 0, 2, 2, 70];

/// A ServerHello of TLS 1.0 (RFC 2246, section 7.4.1.3) that chooses `TLS_RSA_WITH_AES_128_CBC_SHA`, up to its random part.
const HELLO_OF_TLS10: [u8; 11] = [0x16, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1];

/// A ServerHello's random part, then no session, the suite, and no compression.
const RANDOM_AND_CHOICE: [u8; 36] = {
    let mut bytes = [0x5a; 36];
    bytes[32] = 0;
    bytes[33] = 0;
    bytes[34] = 0x2f;
    bytes[35] = 0;
    bytes
};

/// Answers a TLS handshake as an old server does.
pub(super) async fn old_tls(
    mut client: impl AsyncRead + AsyncWrite + Unpin,
    speaks: Speaks,
) -> io::Result<()> {
    let mut header = [0; 5];
    client.read_exact(&mut header).await?;
    let mut hello = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
    client.read_exact(&mut hello).await?;
    if speaks == Speaks::Tls10 {
        client.write_all(&HELLO_OF_TLS10).await?;
        client.write_all(&RANDOM_AND_CHOICE).await?;
        // It waits for the key exchange.
        client.read_to_end(&mut hello).await?;
    } else {
        client.write_all(&PROTOCOL_VERSION).await?;
    }
    client.shutdown().await
}

/// Says goodbye in HTTP/2: at once, or to the first request.
pub(super) async fn http2(
    mut client: impl AsyncRead + AsyncWrite + Unpin,
    speaks: Speaks,
) -> io::Result<()> {
    let mut heard = [0; 1024];
    if speaks == Speaks::Http2InReply && client.read(&mut heard).await? == 0 {
        return Ok(());
    }
    client.write_all(&SETTINGS_AND_GOAWAY).await?;
    client.shutdown().await?;
    // What is left unread would turn the end into a reset.
    while client.read(&mut heard).await? > 0 {}
    Ok(())
}
