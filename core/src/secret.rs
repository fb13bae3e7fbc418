//! Types that hide secrets.
//!
//! A value of these types has no `Display`, prints nothing of itself in `Debug`, and is wiped from memory when dropped.
//! Reading it takes a call named `expose`, so that every such place can be found by searching for that word.

use zeroize::{Zeroize, ZeroizeOnDrop};

/// The token of a session, as the server minted it. It authenticates as the user, so it never leaves the core.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Token(String);

impl Token {
    /// Takes a token as the server sent it. Anything but 1 to 256 visible ASCII characters is refused, because it could
    /// not be sent in a header again.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        let fits =
            (1..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then_some(Self(text))
    }

    /// The token itself, for a header of a request or the sealing of the vault.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Token(…)")
    }
}

/// A password, one-time code or other text that the user typed to prove who they are.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct SecretText(String);

impl SecretText {
    /// Takes the text as it was typed; nothing is trimmed.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the body of a sign-in request.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether nothing was typed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Debug for SecretText {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SecretText(…)")
    }
}

impl From<&str> for SecretText {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

/// A 256-bit key. It seals tokens and lives in the platform's key store.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Key([u8; Key::LENGTH]);

impl Key {
    /// Bytes in a key.
    pub const LENGTH: usize = 32;

    /// A new random key from the operating system's generator; `None` if that fails.
    pub fn generate() -> Option<Self> {
        let mut bytes = [0; Self::LENGTH];
        getrandom::fill(&mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// A key read back from a key store; `None` unless it is exactly [`Key::LENGTH`] bytes long.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(bytes.try_into().ok()?))
    }

    /// The key itself, for the cipher or a key store.
    pub fn expose(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Key(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hazard E01.
    #[test]
    fn debug_output_shows_nothing() {
        let token = Token::new("abcdefghijklmnopqrstuvwxyz").unwrap();
        let text = SecretText::new("hunter2");
        let key = Key::from_bytes(&[7; 32]).unwrap();
        assert_eq!(
            format!("{token:?} {text:?} {key:?}"),
            "Token(…) SecretText(…) Key(…)"
        );
    }

    /// Hazard E13.
    #[test]
    fn a_token_that_no_header_could_carry_is_refused() {
        for text in ["", "two words", "line\nbreak", "ümlaut", &"x".repeat(257)] {
            assert!(Token::new(text).is_none(), "{text:?}");
        }
    }
}
