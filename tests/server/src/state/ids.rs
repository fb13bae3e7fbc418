//! Identifiers and tokens in Mattermost's form: 26 characters of its base32.

const ALPHABET: &[u8; 32] = b"ybndrfg8ejkmcpqxot1uwisza345h769";

/// A fresh random identifier.
pub(crate) fn new_id() -> String {
    let mut bytes = [0_u8; 26];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    bytes
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte & 31)]))
        .collect()
}

/// Whether a string has the form of an identifier (the server checks no more).
pub(crate) fn is_valid_id(text: &str) -> bool {
    text.len() == 26 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Lower-case hexadecimal SHA-256, as in the client configuration's hash.
pub(crate) fn sha256_hex(text: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_form_that_the_server_checks() {
        let id = new_id();
        assert!(is_valid_id(&id));
        assert_ne!(id, new_id());
        assert!(!is_valid_id("me"));
    }
}
