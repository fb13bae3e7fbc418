//! The key that a server signs push messages with, and the signature: a JSON
//! Web Token (ES256) over the message's acknowledgement id and device id.
//! Clients find the public half in the configuration.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{KeyPair, PublicKeyData};
use rustls::SignatureScheme;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::json;
use std::sync::Arc;

/// Length of each of the two numbers of a signature.
const NUMBER: usize = 32;

/// One server's key.
pub(crate) struct SigningKey {
    key: Arc<dyn rustls::sign::SigningKey>,
    /// `AsymmetricSigningPublicKey` of the client configuration.
    pub(crate) public: String,
}

impl SigningKey {
    pub(crate) fn generate() -> Self {
        let pair = KeyPair::generate().expect("the system has randomness");
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pair.serialize_der()));
        Self {
            key: rustls::crypto::ring::sign::any_ecdsa_type(&private)
                .expect("a key of our own is on the curve"),
            public: STANDARD.encode(pair.subject_public_key_info()),
        }
    }

    /// The token for one message.
    pub(crate) fn sign(&self, ack_id: &str, device_id: &str) -> String {
        let encode = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = encode(json!({"alg": "ES256", "typ": "JWT"}));
        let claims = encode(json!({"ack_id": ack_id, "device_id": device_id}));
        let text = format!("{header}.{claims}");
        let signer = self
            .key
            .choose_scheme(&[SignatureScheme::ECDSA_NISTP256_SHA256])
            .expect("the curve's own scheme");
        let signature = signer.sign(text.as_bytes()).expect("signing never fails");
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(fixed(&signature)))
    }
}

/// Both numbers of a DER signature, each at full length.
fn fixed(der: &[u8]) -> Vec<u8> {
    // A sequence of two integers, all of them shorter than 128 bytes.
    let mut rest = &der[2..];
    let mut numbers = Vec::new();
    for _ in 0..2 {
        let length = usize::from(rest[1]);
        let (number, after) = rest[2..].split_at(length);
        let significant = &number[number.len().saturating_sub(NUMBER)..];
        numbers.extend(std::iter::repeat_n(0, NUMBER - significant.len()));
        numbers.extend_from_slice(significant);
        rest = after;
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_has_two_numbers_of_full_length() {
        let key = SigningKey::generate();
        // Leading zeros are rare; many signatures meet them.
        for number in 0..300 {
            let token = key.sign(&number.to_string(), "device");
            let signature = token.rsplit('.').next().unwrap();
            let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
            assert_eq!(bytes.len(), 2 * NUMBER);
        }
    }

    #[test]
    fn short_numbers_are_filled_up() {
        let der = [0x30, 8, 2, 1, 5, 2, 3, 0, 0x80, 1];
        let mut wanted = [0_u8; 64];
        wanted[31] = 5;
        wanted[62..].copy_from_slice(&[0x80, 1]);
        assert_eq!(fixed(&der), wanted);
    }
}
