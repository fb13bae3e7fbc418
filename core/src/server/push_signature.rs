//! Whether a push comes from the server that it names: a JSON Web Token (ES256) over its acknowledgement id and the device
//! id it was sent to (`server/channels/app/notification_push.go` in mattermost/mattermost), under the key of the client
//! configuration.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde::Deserialize;

/// What comes before the point in the DER of a public key on the curve P-256 (RFC 5480): the curve is no choice, so the
/// frame is always the same.
const P256_FRAME: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

#[derive(Deserialize)]
struct Header {
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    ack_id: String,
    device_id: String,
}

/// Whether `signature` was made with the private half of `key` (base64 of the DER) for this acknowledgement id and this
/// device. `device_id` is the whole id or the part after its prefix, as the server sends it.
pub fn is_signed(key: &str, signature: &str, ack_id: &str, device_id: &str) -> bool {
    verify(key, signature).is_some_and(|claims| {
        let token = device_id
            .split_once(':')
            .map_or(device_id, |(_, token)| token);
        !ack_id.is_empty()
            && !token.is_empty()
            && claims.ack_id == ack_id
            && (claims.device_id == token || claims.device_id == device_id)
    })
}

fn verify(key: &str, signature: &str) -> Option<Claims> {
    let (text, seal) = signature.rsplit_once('.')?;
    let (header, claims) = text.split_once('.')?;
    let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
    // Named by the message, so it only may refuse: what is checked is this and nothing else.
    if header.alg != "ES256" {
        return None;
    }
    let der = STANDARD.decode(key).ok()?;
    let point = der.strip_prefix(&P256_FRAME)?;
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        .verify(text.as_bytes(), &URL_SAFE_NO_PAD.decode(seal).ok()?)
        .ok()?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

    struct Signer(EcdsaKeyPair);

    impl Signer {
        fn new() -> Self {
            let random = SystemRandom::new();
            let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
            let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
            Self(EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap())
        }

        fn public(&self) -> String {
            let mut der = P256_FRAME.to_vec();
            der.extend_from_slice(self.0.public_key().as_ref());
            STANDARD.encode(der)
        }

        fn sign(&self, header: &str, claims: &str) -> String {
            let text = format!(
                "{}.{}",
                URL_SAFE_NO_PAD.encode(header),
                URL_SAFE_NO_PAD.encode(claims)
            );
            let seal = self.0.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
            format!("{text}.{}", URL_SAFE_NO_PAD.encode(seal))
        }
    }

    const HEADER: &str = r#"{"alg":"ES256","typ":"JWT"}"#;
    const CLAIMS: &str = r#"{"ack_id":"ack","device_id":"token"}"#;

    #[test]
    fn only_the_key_the_ack_id_and_the_device_it_was_made_for_fit() {
        let (server, stranger) = (Signer::new(), Signer::new());
        let signature = server.sign(HEADER, CLAIMS);
        let key = server.public();
        assert!(is_signed(&key, &signature, "ack", "token"));
        assert!(is_signed(&key, &signature, "ack", "apple_rn-v2:token"));
        assert!(!is_signed(&key, &signature, "other", "token"));
        assert!(!is_signed(&key, &signature, "ack", "other"));
        assert!(!is_signed(&stranger.public(), &signature, "ack", "token"));
        let empty = server.sign(HEADER, r#"{"ack_id":"","device_id":""}"#);
        assert!(!is_signed(&key, &empty, "", ""));
    }

    #[test]
    fn no_other_algorithm_and_no_broken_text_is_taken() {
        let server = Signer::new();
        let key = server.public();
        for header in [
            r#"{"alg":"none"}"#,
            r#"{"alg":"HS256"}"#,
            r#"{"alg":"es256"}"#,
            "{}",
            "",
        ] {
            let signature = server.sign(header, CLAIMS);
            assert!(!is_signed(&key, &signature, "ack", "token"), "{header}");
        }
        let good = server.sign(HEADER, CLAIMS);
        for end in 0..good.len() {
            assert!(!is_signed(&key, &good[..end], "ack", "token"), "{end}");
        }
        for text in ["", ".", "..", "a.b.c", "NO_SIGNATURE"] {
            assert!(!is_signed(&key, text, "ack", "token"), "{text}");
            assert!(!is_signed(text, &good, "ack", "token"), "{text}");
        }
    }
}
