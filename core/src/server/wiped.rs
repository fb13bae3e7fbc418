//! Secrets on their way over the wire: header values and bodies whose memory is wiped when the last who holds them lets go.
//!
//! The HTTP and socket libraries write a request into buffers of their own, which are out of reach here; an allocator that
//! wipes what it gets back reaches them (docs/adr/0030-an-allocator-that-wipes.md).

use bytes::Bytes;
use http::HeaderValue;
use serde::Serializer;
use zeroize::Zeroizing;

use crate::secret::Token;

/// A character of a text is at most this many in JSON: `\u001f`.
const LONGEST_ESCAPE: usize = 6;
/// Quotation marks, colon and comma of a pair.
const PUNCTUATION: usize = 6;

/// These bytes, without another copy of them.
pub(super) fn bytes(content: Zeroizing<Vec<u8>>) -> Bytes {
    Bytes::from_owner(content)
}

/// A header value of these parts, marked so that no library logs it. `None` if they are not one.
pub(super) fn header(parts: &[&str]) -> Option<HeaderValue> {
    let length = parts.iter().map(|part| part.len()).sum();
    let mut text = Zeroizing::new(Vec::with_capacity(length));
    for part in parts {
        text.extend_from_slice(part.as_bytes());
    }
    let mut value = HeaderValue::from_maybe_shared(bytes(text)).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The `Authorization` header of a token.
pub(super) fn bearer(token: &Token) -> Option<HeaderValue> {
    header(&["Bearer ", token.expose()])
}

/// A JSON object of texts.
pub(super) fn json(texts: &[(&str, &str)]) -> Bytes {
    let length = |(name, text): &(&str, &str)| name.len() + text.len() * LONGEST_ESCAPE;
    let pairs: usize = texts.iter().map(|pair| length(pair) + PUNCTUATION).sum();
    // Room for all, as a buffer that grows leaves copies behind.
    let mut content = Zeroizing::new(Vec::with_capacity(pairs + PUNCTUATION));
    let written = serde_json::Serializer::new(&mut *content).collect_map(texts.iter().copied());
    debug_assert!(written.is_ok(), "texts are JSON, and memory takes them");
    bytes(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_json_in_the_room_that_was_made_for_them() {
        let text = "\u{1f}\"ü".repeat(20);
        let texts = [("password", text.as_str()), ("login_id", "alice")];
        let json = json(&texts);
        let read: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(read["password"], text);
        assert_eq!(read["login_id"], "alice");
    }

    /// Hazards E01, E13.
    #[test]
    fn a_header_is_marked_and_takes_no_line_break() {
        let value = header(&["Bearer ", "abc"]).unwrap();
        assert_eq!(value.as_bytes(), b"Bearer abc");
        assert!(value.is_sensitive());
        assert_eq!(header(&["Bearer ", "a\r\nb"]), None);
    }
}
