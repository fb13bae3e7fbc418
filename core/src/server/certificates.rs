//! Client certificates: the platform holds the key and signs; TLS asks for it here.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Instant;

use rustls::client::ResolvesClientCert;
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{OtherError, SignatureAlgorithm, SignatureScheme};
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
    fn scheme(self) -> SignatureScheme {
        match self {
            Self::EcdsaP256Sha256 => SignatureScheme::ECDSA_NISTP256_SHA256,
            Self::EcdsaP384Sha384 => SignatureScheme::ECDSA_NISTP384_SHA384,
            Self::Ed25519 => SignatureScheme::ED25519,
            Self::RsaPssSha256 => SignatureScheme::RSA_PSS_SHA256,
            Self::RsaPkcs1Sha256 => SignatureScheme::RSA_PKCS1_SHA256,
        }
    }

    fn algorithm(self) -> SignatureAlgorithm {
        match self {
            Self::EcdsaP256Sha256 | Self::EcdsaP384Sha384 => SignatureAlgorithm::ECDSA,
            Self::Ed25519 => SignatureAlgorithm::ED25519,
            Self::RsaPssSha256 | Self::RsaPkcs1Sha256 => SignatureAlgorithm::RSA,
        }
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
/// Called from threads of the core, during a handshake and never before. Both calls of a handshake together may take ten
/// seconds; after that, or after a panic, the connection fails with
/// [`Error::ClientCertificateUnavailable`](crate::Error::ClientCertificateUnavailable).
pub trait ClientCertificates: Send + Sync {
    /// The certificate of that name; `None` if there is none, or none that may be used: then the handshake goes on without
    /// one.
    fn certificate(&self, name: &str) -> Option<ClientCertificate>;

    /// Signs `message`, which is not hashed yet, with the key of the certificate of that name. `None` if it cannot, because
    /// the device is locked or the user said no: then the connection fails with
    /// [`Error::ClientCertificateUnavailable`](crate::Error::ClientCertificateUnavailable).
    fn sign(&self, name: &str, kind: SignatureKind, message: &[u8]) -> Option<Vec<u8>>;
}

/// The platform has the certificate, or may have it, and did not let it be used.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the client certificate cannot be used now")]
pub(super) struct Unavailable;

impl From<Unavailable> for rustls::Error {
    fn from(unavailable: Unavailable) -> Self {
        Self::Other(OtherError(Arc::new(unavailable)))
    }
}

/// The platform's answer by then. It may ask the user or another process, and must not hold up the sockets.
fn answer_by<T: Send + 'static>(
    deadline: Instant,
    ask: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Unavailable> {
    let (answer, answered) = mpsc::channel();
    std::thread::Builder::new()
        .name("steadfast-certificate".to_owned())
        .spawn(move || {
            // Nobody may wait any more.
            let _ = answer.send(ask());
        })
        .map_err(|_| Unavailable)?;
    let left = deadline.saturating_duration_since(Instant::now());
    let wait = || answered.recv_timeout(left).map_err(|_| Unavailable);
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
        let deadline = Instant::now() + policy::CERTIFICATE_DEADLINE;
        let (platform, name) = (self.platform.clone(), self.name.clone());
        // Asked for at each handshake: a certificate is renewed under the same name.
        let certificate = match answer_by(deadline, move || platform.certificate(&name)) {
            Ok(certificate) => certificate?,
            // From here TLS can only go on without a certificate, as if there were none. Its signer can fail.
            Err(unavailable) => {
                return Some(Arc::new(CertifiedKey::new(
                    Vec::new(),
                    Arc::new(unavailable),
                )));
            }
        };
        let preferred = *certificate.signs.first()?;
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
            algorithm: preferred.algorithm(),
            deadline,
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
    algorithm: SignatureAlgorithm,
    deadline: Instant,
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
            .find(|kind| offered.contains(&kind.scheme()))?;
        Some(Box::new(PlatformSigner {
            platform: self.platform.clone(),
            name: self.name.clone(),
            kind,
            deadline: self.deadline,
        }))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }
}

struct PlatformSigner {
    platform: Arc<dyn ClientCertificates>,
    name: Arc<str>,
    kind: SignatureKind,
    deadline: Instant,
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
        let signature = answer_by(self.deadline, move || platform.sign(&name, kind, &message))?;
        Ok(signature.ok_or(Unavailable)?)
    }

    fn scheme(&self) -> SignatureScheme {
        self.kind.scheme()
    }
}

/// The key of a certificate that the platform did not tell in time: a handshake that wants it fails.
impl SigningKey for Unavailable {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        Some(Box::new(UnavailableSigner(*offered.first()?)))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::Anonymous
    }
}

#[derive(Debug)]
struct UnavailableSigner(SignatureScheme);

impl Signer for UnavailableSigner {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        Err(Unavailable.into())
    }

    fn scheme(&self) -> SignatureScheme {
        self.0
    }
}
