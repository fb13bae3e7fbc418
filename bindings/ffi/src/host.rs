//! What the app answers when the core asks: names, certificates. None of its exceptions gets further than here.
//!
//! An exception that a trait does not declare arrives as an error too; its text may hold a stack trace with whatever the app
//! had in hand, so it is dropped here, unread.

use crate::enums::{from_core, to_core};
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use steadfast::policy;
use steadfast::server::{Resolve, ResolveError, resolver::Resolving};
use tokio::sync::Semaphore;

/// The app could not answer. Whatever an implementation throws, and be it undeclared, is taken for this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum HostError {
    /// It cannot be done now.
    #[error("the app could not answer")]
    Failed {},
}

impl From<uniffi::UnexpectedUniFFICallbackError> for HostError {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed {}
    }
}

/// Asks the app. `None` if it could not answer, whatever the reason.
pub(crate) fn ask<T>(who: &'static str, call: impl FnOnce() -> Result<T, HostError>) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(answer)) => Some(answer),
        Ok(Err(HostError::Failed {})) => {
            tracing::warn!(who, "the app could not answer");
            None
        }
        Err(_) => {
            tracing::error!(who, "the app's answer could not be read");
            None
        }
    }
}

/// Finds the addresses of a host, in place of the operating system. Implementations keep nothing between calls: a stale or
/// negative answer that is kept outlives the network it came from.
///
/// Called from threads of the core, at most four at once, never from the thread that calls the core. May block; the core
/// waits about ten seconds. Whatever is thrown counts as an unknown name.
#[uniffi::export(foreign)]
pub trait Resolver: Send + Sync {
    /// The addresses of `host`, as texts such as `192.0.2.1` or `2001:db8::1`, in order of preference. An empty list, or one
    /// that holds anything else, counts as an unknown name.
    fn resolve(&self, host: String) -> Result<Vec<String>, HostError>;
}

pub(crate) struct ResolverOfHost {
    host: Arc<dyn Resolver>,
    permits: Arc<Semaphore>,
}

impl ResolverOfHost {
    pub(crate) fn new(host: Arc<dyn Resolver>) -> Self {
        Self {
            host,
            permits: Arc::new(Semaphore::new(policy::LOOKUPS_AT_ONCE)),
        }
    }
}

impl Resolve for ResolverOfHost {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolving<'a> {
        Box::pin(async move {
            let permit = self.permits.clone().acquire_owned().await;
            let permit = permit.map_err(|_| ResolveError)?;
            let (resolver, host) = (self.host.clone(), host.to_owned());
            // The permit goes into the thread: a caller that gives up does not free a thread that is still stuck.
            let asked = tokio::task::spawn_blocking(move || {
                let _permit = permit;
                ask("resolver", || resolver.resolve(host))
            });
            let texts = asked.await.ok().flatten().ok_or(ResolveError)?;
            let parsed = texts.iter().map(|text| text.parse::<IpAddr>());
            let addresses: Vec<IpAddr> =
                parsed.collect::<Result<_, _>>().map_err(|_| ResolveError)?;
            Ok(addresses
                .into_iter()
                .map(|address| SocketAddr::new(address, port))
                .collect())
        })
    }
}

/// How a signature is made, in the names of TLS 1.3 (RFC 8446, section 4.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, uniffi::Enum)]
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

to_core!(SignatureKind => steadfast::SignatureKind {
    EcdsaP256Sha256, EcdsaP384Sha384, Ed25519, RsaPssSha256, RsaPkcs1Sha256,
});
from_core!(steadfast::SignatureKind => SignatureKind {
    EcdsaP256Sha256, EcdsaP384Sha384, Ed25519, RsaPssSha256, RsaPkcs1Sha256,
} otherwise Ed25519);

/// A certificate that the device can show.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ClientCertificate {
    /// The certificate in DER, and those that lead from it to its authority.
    pub chain: Vec<Vec<u8>>,
    /// How its key signs, in order of preference.
    pub signs: Vec<SignatureKind>,
}

/// The platform's client certificates. The private key stays where it is: the core hands over what is to be signed.
///
/// Called from threads of the core, during a handshake and never before, never from the thread that calls the core. A call
/// may take ten seconds together with the other one of the same handshake. Whatever is thrown counts as no answer.
#[uniffi::export(foreign)]
pub trait ClientCertificates: Send + Sync {
    /// The certificate of that name; nothing if there is none, or none that may be used now: then the handshake goes on
    /// without one.
    fn certificate(&self, name: String) -> Result<Option<ClientCertificate>, HostError>;

    /// Signs `message`, which is not hashed yet, with the key of the certificate of that name; nothing if it cannot: then
    /// the connection fails.
    fn sign(
        &self,
        name: String,
        kind: SignatureKind,
        message: Vec<u8>,
    ) -> Result<Option<Vec<u8>>, HostError>;
}

pub(crate) struct CertificatesOfHost {
    host: Arc<dyn ClientCertificates>,
}

impl CertificatesOfHost {
    pub(crate) fn new(host: Arc<dyn ClientCertificates>) -> Self {
        Self { host }
    }
}

impl steadfast::ClientCertificates for CertificatesOfHost {
    fn certificate(&self, name: &str) -> Option<steadfast::ClientCertificate> {
        let answer = ask("certificates", || self.host.certificate(name.to_owned()))?;
        let ClientCertificate { chain, signs } = answer?;
        Some(steadfast::ClientCertificate {
            chain,
            signs: signs.into_iter().map(Into::into).collect(),
        })
    }

    fn sign(&self, name: &str, kind: steadfast::SignatureKind, message: &[u8]) -> Option<Vec<u8>> {
        let (name, message) = (name.to_owned(), message.to_vec());
        ask("certificates", || {
            self.host.sign(name, kind.into(), message)
        })?
    }
}
