//! Client certificates: the platform holds the key and signs; TLS asks for it here.

use std::sync::Arc;
use std::sync::mpsc;

use rustls::client::ResolvesClientCert;
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{SignatureAlgorithm, SignatureScheme};
use rustls_pki_types::CertificateDer;

use crate::policy;

/// How a signature is made, in the names of TLS 1.3 (RFC 8446, section 4.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignatureKind {
    /// ECDSA on P-256 with SHA-256, in DER.
    EcdsaP256Sha256,
    /// ECDSA on P-384 with SHA-384, in DER.
    EcdsaP384Sha384,
    /// Ed25519.
    Ed25519,
    /// RSA with PSS padding and SHA-256, the salt as long as the hash. TLS 1.3 takes no older padding.
    RsaPssSha256,
    /// RSA with PKCS #1 padding and SHA-256, for TLS 1.2.
    RsaPkcs1Sha256,
}

impl SignatureKind {
    const ALL: [(Self, SignatureScheme, SignatureAlgorithm); 5] = [
        (
            Self::EcdsaP256Sha256,
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureAlgorithm::ECDSA,
        ),
        (
            Self::EcdsaP384Sha384,
            SignatureScheme::ECDSA_NISTP384_SHA384,
            SignatureAlgorithm::ECDSA,
        ),
        (
            Self::Ed25519,
            SignatureScheme::ED25519,
            SignatureAlgorithm::ED25519,
        ),
        (
            Self::RsaPssSha256,
            SignatureScheme::RSA_PSS_SHA256,
            SignatureAlgorithm::RSA,
        ),
        (
            Self::RsaPkcs1Sha256,
            SignatureScheme::RSA_PKCS1_SHA256,
            SignatureAlgorithm::RSA,
        ),
    ];

    fn in_tls(self) -> (SignatureScheme, SignatureAlgorithm) {
        Self::ALL.iter().find(|(kind, ..)| *kind == self).map_or(
            (SignatureScheme::Unknown(0), SignatureAlgorithm::Unknown(0)),
            |(_, scheme, algorithm)| (*scheme, *algorithm),
        )
    }
}

/// A certificate that the device can show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate in DER, and those that lead from it to its authority.
    pub chain: Vec<Vec<u8>>,
    /// How its key signs, in order of preference.
    pub signs: Vec<SignatureKind>,
}

/// The platform's client certificates. The private key stays where it is: the core hands over what is to be signed.
///
/// Called from threads of the core, during a handshake and never before. A call counts towards the ten seconds that a dial
/// may take. `None` from [`certificate`](Self::certificate) lets the handshake go on without one; `None` from
/// [`sign`](Self::sign) fails the connection.
pub trait ClientCertificates: Send + Sync {
    /// The certificate of that name; `None` if there is none, or none that may be used now.
    fn certificate(&self, name: &str) -> Option<ClientCertificate>;

    /// Signs `message`, which is not hashed yet, with the key of the certificate of that name; `None` if it cannot.
    fn sign(&self, name: &str, kind: SignatureKind, message: &[u8]) -> Option<Vec<u8>>;
}

/// The platform's answer within the deadline. It may ask the user or another process, and must not hold up the sockets.
fn within_deadline<T: Send + 'static>(
    ask: impl FnOnce() -> Option<T> + Send + 'static,
) -> Option<T> {
    let (answer, answered) = mpsc::channel();
    std::thread::Builder::new()
        .name("steadfast-certificate".to_owned())
        .spawn(move || {
            // Nobody may wait any more.
            let _ = answer.send(ask());
        })
        .ok()?;
    let wait = || {
        answered
            .recv_timeout(policy::KEY_STORE_DEADLINE)
            .ok()
            .flatten()
    };
    let in_runtime = tokio::runtime::Handle::try_current()
        .is_ok_and(|handle| handle.runtime_flavor() == tokio::runtime::RuntimeFlavor::MultiThread);
    if in_runtime {
        tokio::task::block_in_place(wait)
    } else {
        wait()
    }
}

/// One named certificate, as TLS asks for it.
pub(super) struct Named {
    pub(super) platform: Arc<dyn ClientCertificates>,
    pub(super) name: Arc<str>,
}

impl std::fmt::Debug for Named {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Named({})", self.name)
    }
}

impl ResolvesClientCert for Named {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let (platform, name) = (self.platform.clone(), self.name.clone());
        // Asked for at each handshake: a certificate is renewed under the same name.
        let certificate = within_deadline(move || platform.certificate(&name))?;
        let chain: Vec<_> = certificate
            .chain
            .into_iter()
            .map(CertificateDer::from)
            .collect();
        if chain.is_empty() {
            return None;
        }
        let key = PlatformKey {
            platform: self.platform.clone(),
            name: self.name.clone(),
            signs: certificate.signs,
        };
        Some(Arc::new(CertifiedKey::new(chain, Arc::new(key))))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

struct PlatformKey {
    platform: Arc<dyn ClientCertificates>,
    name: Arc<str>,
    signs: Vec<SignatureKind>,
}

impl std::fmt::Debug for PlatformKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("PlatformKey")
    }
}

impl SigningKey for PlatformKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let kind = self
            .signs
            .iter()
            .copied()
            .find(|kind| offered.contains(&kind.in_tls().0))?;
        Some(Box::new(PlatformSigner {
            platform: self.platform.clone(),
            name: self.name.clone(),
            kind,
        }))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.signs
            .first()
            .map_or(SignatureAlgorithm::Unknown(0), |kind| kind.in_tls().1)
    }
}

struct PlatformSigner {
    platform: Arc<dyn ClientCertificates>,
    name: Arc<str>,
    kind: SignatureKind,
}

impl std::fmt::Debug for PlatformSigner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "PlatformSigner({:?})", self.kind)
    }
}

impl Signer for PlatformSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let (platform, name, kind) = (self.platform.clone(), self.name.clone(), self.kind);
        let message = message.to_vec();
        within_deadline(move || platform.sign(&name, kind, &message))
            .ok_or_else(|| rustls::Error::General("the platform did not sign".to_owned()))
    }

    fn scheme(&self) -> SignatureScheme {
        self.kind.in_tls().0
    }
}
