//! Sealing: how a token is stored so that the file alone is worth nothing.
//!
//! XChaCha20-Poly1305 with a random nonce. The account, the epoch and the column are authenticated with it, so that a
//! sealed value copied into another row, or brought back from an older session, does not open. A sealed value is:
//! version (1 byte), fingerprint of the key (8), nonce (24), ciphertext with its tag.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::secret::{Key, SecretText, Token};
use crate::session::{AccountId, Epoch};

const VERSION: u8 = 1;
const FINGERPRINT: usize = 8;
const NONCE: usize = 24;
const HEADER: usize = 1 + FINGERPRINT + NONCE;

/// A sealed value, as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// A value read back from where it was stored.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Sealed(…)")
    }
}

/// The column that a sealed value belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// The token of an account, under the account's key.
    AccountToken,
    /// A token that is owed a revocation, under the outbox key.
    OutboxToken,
}

/// What a sealed value is bound to. It opens only under the same binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// Whose it is.
    pub account: AccountId,
    /// Of which session.
    pub epoch: Epoch,
    /// Where it is stored.
    pub column: Column,
}

impl Binding {
    fn context(self) -> Vec<u8> {
        let column = match self.column {
            Column::AccountToken => "accounts.sealed_token",
            Column::OutboxToken => "outbox.sealed_token",
        };
        let mut context = Vec::with_capacity(16 + column.len());
        context.extend_from_slice(&self.account.0.to_be_bytes());
        context.extend_from_slice(&self.epoch.0.to_be_bytes());
        context.extend_from_slice(column.as_bytes());
        context
    }
}

/// The operating system gave no random numbers, so nothing was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no random numbers for sealing")]
pub struct SealError;

/// A sealed value did not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnsealError {
    /// It was sealed under another key: a restored backup, or a key that was made anew.
    #[error("sealed under another key")]
    WrongKey,
    /// The key is the right one, but the bytes or what they are bound to were changed.
    #[error("changed since it was sealed")]
    Tampered,
    /// A version of the app that this one does not know sealed it.
    #[error("sealed in form {0}, which this version does not know")]
    UnknownForm(u8),
}

/// Seals a token.
///
/// # Errors
/// If the operating system gives no random numbers.
pub fn seal(key: &Key, binding: Binding, token: &Token) -> Result<Sealed, SealError> {
    seal_bytes(key, &binding.context(), token.expose().as_bytes()).map(Sealed)
}

/// Opens a sealed token.
///
/// # Errors
/// If the key is another one, or the bytes or the binding are not those it was sealed with.
pub fn unseal(key: &Key, binding: Binding, sealed: &Sealed) -> Result<Token, UnsealError> {
    let bytes = unseal_bytes(key, &binding.context(), &sealed.0)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| UnsealError::Tampered)?;
    Token::new(text).ok_or(UnsealError::Tampered)
}

/// Seals the verifier of a pending sign-in under the outbox key, bound to the server and the state it belongs to.
///
/// # Errors
/// If the operating system gives no random numbers.
pub fn seal_verifier(
    key: &Key,
    server_url: &str,
    state: &str,
    verifier: &SecretText,
) -> Result<Sealed, SealError> {
    let context = verifier_context(server_url, state);
    seal_bytes(key, &context, verifier.expose().as_bytes()).map(Sealed)
}

/// Opens the verifier of a pending sign-in.
///
/// # Errors
/// If the key is another one, or the bytes, the server or the state are not those it was sealed with.
pub fn unseal_verifier(
    key: &Key,
    server_url: &str,
    state: &str,
    sealed: &Sealed,
) -> Result<SecretText, UnsealError> {
    let bytes = unseal_bytes(key, &verifier_context(server_url, state), &sealed.0)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| UnsealError::Tampered)?;
    Ok(SecretText::new(text))
}

/// Seals the token of an entry that an older app left, under the outbox key, bound to the entry.
///
/// # Errors
/// If the operating system gives no random numbers.
pub fn seal_legacy(key: &Key, entry: &str, token: &Token) -> Result<Sealed, SealError> {
    seal_bytes(key, &legacy_context(entry), token.expose().as_bytes()).map(Sealed)
}

/// Opens the token of an entry that an older app left.
///
/// # Errors
/// If the key is another one, or the bytes or the entry are not those it was sealed with.
pub fn unseal_legacy(key: &Key, entry: &str, sealed: &Sealed) -> Result<Token, UnsealError> {
    let bytes = unseal_bytes(key, &legacy_context(entry), &sealed.0)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| UnsealError::Tampered)?;
    Token::new(text).ok_or(UnsealError::Tampered)
}

fn legacy_context(entry: &str) -> Vec<u8> {
    format!("legacy_imports.sealed_token\n{entry}").into_bytes()
}

fn verifier_context(server_url: &str, state: &str) -> Vec<u8> {
    // Neither part can hold the line break between them.
    format!("pending_sign_ins.sealed_verifier\n{server_url}\n{state}").into_bytes()
}

/// Which secret of a network profile is sealed; it opens only as what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProfileSecret {
    /// What a gateway before the server wants.
    PreAuth,
    /// The password for the proxy.
    ProxyPassword,
}

/// Seals a secret of a network profile under the outbox key, bound to the server it is for.
///
/// # Errors
/// If the operating system gives no random numbers.
pub fn seal_profile_secret(
    key: &Key,
    server_url: &str,
    which: ProfileSecret,
    secret: &SecretText,
) -> Result<Sealed, SealError> {
    let context = profile_context(server_url, which);
    seal_bytes(key, &context, secret.expose().as_bytes()).map(Sealed)
}

/// Opens a secret of a network profile.
///
/// # Errors
/// If the key is another one, or the bytes, the server or the kind are not those it was sealed with.
pub fn unseal_profile_secret(
    key: &Key,
    server_url: &str,
    which: ProfileSecret,
    sealed: &Sealed,
) -> Result<SecretText, UnsealError> {
    let bytes = unseal_bytes(key, &profile_context(server_url, which), &sealed.0)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| UnsealError::Tampered)?;
    Ok(SecretText::new(text))
}

fn profile_context(server_url: &str, which: ProfileSecret) -> Vec<u8> {
    let which = match which {
        ProfileSecret::PreAuth => "pre_auth",
        ProfileSecret::ProxyPassword => "proxy_password",
    };
    format!("network_profile.{which}\n{server_url}").into_bytes()
}

fn fingerprint(key: &Key) -> [u8; FINGERPRINT] {
    let digest = Sha256::new()
        .chain_update(b"steadfast sealing key")
        .chain_update(key.expose())
        .finalize();
    let mut short = [0; FINGERPRINT];
    short.copy_from_slice(&digest[..FINGERPRINT]);
    short
}

fn authenticated(header: &[u8], context: &[u8]) -> Vec<u8> {
    [&header[..1 + FINGERPRINT], context].concat()
}

pub(crate) fn seal_bytes(key: &Key, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
    let mut sealed = Vec::with_capacity(HEADER + plain.len() + 16);
    sealed.push(VERSION);
    sealed.extend_from_slice(&fingerprint(key));
    let mut nonce = [0; NONCE];
    getrandom::fill(&mut nonce).map_err(|_| SealError)?;
    sealed.extend_from_slice(&nonce);
    let cipher = XChaCha20Poly1305::new(key.expose().into());
    let aad = authenticated(&sealed, context);
    let ciphertext = cipher
        .encrypt(
            &XNonce::from(nonce),
            Payload {
                msg: plain,
                aad: &aad,
            },
        )
        .map_err(|_| SealError)?;
    sealed.extend_from_slice(&ciphertext);
    Ok(sealed)
}

pub(crate) fn unseal_bytes(
    key: &Key,
    context: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, UnsealError> {
    match sealed.first() {
        Some(&VERSION) => {}
        Some(&other) => return Err(UnsealError::UnknownForm(other)),
        None => return Err(UnsealError::Tampered),
    }
    if sealed.len() < HEADER {
        return Err(UnsealError::Tampered);
    }
    let (header, ciphertext) = sealed.split_at(HEADER);
    if header[1..=FINGERPRINT] != fingerprint(key) {
        return Err(UnsealError::WrongKey);
    }
    let mut nonce = [0; NONCE];
    nonce.copy_from_slice(&header[1 + FINGERPRINT..]);
    XChaCha20Poly1305::new(key.expose().into())
        .decrypt(
            &XNonce::from(nonce),
            Payload {
                msg: ciphertext,
                aad: &authenticated(header, context),
            },
        )
        .map(Zeroizing::new)
        .map_err(|_| UnsealError::Tampered)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> Key {
        Key::from_bytes(&[byte; 32]).unwrap()
    }

    fn binding() -> Binding {
        Binding {
            account: AccountId(17),
            epoch: Epoch(3),
            column: Column::AccountToken,
        }
    }

    fn token() -> Token {
        Token::new("abcdefghijklmnopqrstuvwxyz").unwrap()
    }

    #[test]
    fn a_token_comes_back_under_the_same_key_and_binding() {
        let sealed = seal(&key(1), binding(), &token()).unwrap();
        assert_eq!(unseal(&key(1), binding(), &sealed), Ok(token()));
    }

    /// Hazard E21.
    #[test]
    fn two_seals_of_one_token_share_no_nonce() {
        let first = seal(&key(1), binding(), &token()).unwrap();
        let second = seal(&key(1), binding(), &token()).unwrap();
        assert_ne!(first, second);
    }

    /// Hazard B07.
    #[test]
    fn another_key_is_told_from_a_changed_value() {
        let sealed = seal(&key(1), binding(), &token()).unwrap();
        assert_eq!(
            unseal(&key(2), binding(), &sealed),
            Err(UnsealError::WrongKey)
        );
    }

    #[test]
    fn a_value_moved_to_another_account_epoch_or_column_does_not_open() {
        let sealed = seal(&key(1), binding(), &token()).unwrap();
        let others = [
            Binding {
                account: AccountId(18),
                ..binding()
            },
            Binding {
                epoch: Epoch(4),
                ..binding()
            },
            Binding {
                column: Column::OutboxToken,
                ..binding()
            },
        ];
        for other in others {
            assert_eq!(unseal(&key(1), other, &sealed), Err(UnsealError::Tampered));
        }
    }

    /// Hazard B16.
    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let sealed = seal(&key(1), binding(), &token()).unwrap();
        for index in 0..sealed.as_bytes().len() {
            for bit in 0..8 {
                let mut bytes = sealed.as_bytes().to_vec();
                bytes[index] ^= 1 << bit;
                assert!(unseal(&key(1), binding(), &Sealed(bytes)).is_err());
            }
            let cut = sealed.as_bytes()[..index].to_vec();
            assert!(unseal(&key(1), binding(), &Sealed(cut)).is_err());
        }
    }

    #[test]
    fn a_verifier_opens_only_for_its_server_and_state() {
        let verifier = SecretText::new("verifier");
        let server = "https://chat.example.com";
        let sealed = seal_verifier(&key(1), server, "state", &verifier).unwrap();
        assert_eq!(
            unseal_verifier(&key(1), server, "state", &sealed),
            Ok(verifier)
        );
        for (server, state) in [("https://evil.example.com", "state"), (server, "other")] {
            assert_eq!(
                unseal_verifier(&key(1), server, state, &sealed),
                Err(UnsealError::Tampered)
            );
        }
    }

    #[test]
    fn a_secret_of_a_profile_opens_only_for_its_server_and_as_what_it_is() {
        let (secret, server) = (SecretText::new("secret"), "https://chat.example.com");
        let which = ProfileSecret::PreAuth;
        let sealed = seal_profile_secret(&key(1), server, which, &secret).unwrap();
        let open = |server, which| unseal_profile_secret(&key(1), server, which, &sealed);
        assert_eq!(open(server, which), Ok(secret));
        let elsewhere = open("https://evil.example.com", which);
        assert_eq!(elsewhere, Err(UnsealError::Tampered));
        let as_another = open(server, ProfileSecret::ProxyPassword);
        assert_eq!(as_another, Err(UnsealError::Tampered));
    }

    #[test]
    fn debug_output_shows_nothing() {
        let sealed = seal(&key(1), binding(), &token()).unwrap();
        assert_eq!(format!("{sealed:?}"), "Sealed(…)");
    }
}
