//! The one TLS configuration, used by REST and by the socket alike: TLS 1.2 or newer, ring, certificates always verified.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore,
    SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject};

use super::certificates::Named;
use super::profile::{Pin, Pins};

/// Which authorities are trusted to vouch for a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Roots {
    /// Mozilla's list, compiled in.
    #[default]
    Mozilla,
    /// The platform's list, as the host handed it over: DER certificates. Ones that cannot be read are left out, as long
    /// as one can.
    Platform(Vec<Vec<u8>>),
}

/// Why no TLS configuration can be made of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TlsProfileError {
    /// An extra certificate authority is not a PEM certificate.
    #[error("an extra certificate authority cannot be read")]
    UnreadableAuthority,
    /// Not one certificate of the platform's list can be read.
    #[error("the platform's list of authorities is empty")]
    NoRoots,
    /// The TLS library refused its settings.
    #[error("TLS cannot be set up")]
    Unsupported,
}

/// Who checks certificates: made of the roots and of further authorities in PEM, once for the whole device.
pub(super) fn verifier(
    roots: &Roots,
    extra_authorities: &[String],
) -> Result<Arc<WebPkiServerVerifier>, TlsProfileError> {
    let mut store = RootCertStore::empty();
    match roots {
        Roots::Mozilla => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Roots::Platform(certificates) => {
            let certificates = certificates
                .iter()
                .map(|der| CertificateDer::from(der.clone()));
            let (added, _) = store.add_parsable_certificates(certificates);
            if added == 0 {
                return Err(TlsProfileError::NoRoots);
            }
        }
    }
    for pem in extra_authorities {
        let before = store.len();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(|_| TlsProfileError::UnreadableAuthority)?;
            store
                .add(certificate)
                .map_err(|_| TlsProfileError::UnreadableAuthority)?;
        }
        if store.len() == before {
            return Err(TlsProfileError::UnreadableAuthority);
        }
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider())
        .build()
        .map_err(|_| TlsProfileError::Unsupported)
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Makes the configuration of those who share a client certificate and pins.
pub(super) fn client_config(
    verifier: &Arc<WebPkiServerVerifier>,
    certificate: Option<Named>,
    pins: Option<Pins>,
) -> Result<ClientConfig, TlsProfileError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|_| TlsProfileError::Unsupported)?;
    let builder = match pins {
        None => builder.with_webpki_verifier(verifier.clone()),
        // The library's word for any verifier of one's own; this one only adds a condition to the library's.
        Some(pins) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Pinned {
                verifier: verifier.clone(),
                pins,
            })),
    };
    let mut config = match certificate {
        None => builder.with_no_client_auth(),
        Some(named) => builder.with_client_cert_resolver(Arc::new(named)),
    };
    // One stream of HTTP/2 that stalls would take every request with it, and the socket needs HTTP/1.1 anyway.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// The certificate is good, and its key is not one that the server is held to.
#[derive(Debug, thiserror::Error)]
#[error("the server's key is not one of the pinned ones")]
pub(super) struct NotPinned;

/// Everything that the library checks, and then the key.
#[derive(Debug)]
struct Pinned {
    verifier: Arc<WebPkiServerVerifier>,
    pins: Pins,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self.verifier.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )?;
        let until = u64::try_from(self.pins.until.0 / 1_000).unwrap_or(0);
        if now.as_secs() > until {
            return Ok(verified);
        }
        let key = ParsedCertificate::try_from(end_entity)?.subject_public_key_info();
        if self.pins.keys.contains(&Pin::of(key.as_ref())) {
            Ok(verified)
        } else {
            Err(CertificateError::Other(OtherError(Arc::new(NotPinned))).into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
