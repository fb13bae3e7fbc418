//! The one TLS configuration, used by REST and by the socket alike: TLS 1.2 or newer, ring, certificates always verified.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, pem::PemObject};

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

/// Makes the configuration from the roots and further authorities in PEM.
pub(super) fn client_config(
    roots: &Roots,
    extra_authorities: &[String],
) -> Result<ClientConfig, TlsProfileError> {
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
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|_| TlsProfileError::Unsupported)?
        .with_root_certificates(store)
        .with_no_client_auth();
    // One stream of HTTP/2 that stalls would take every request with it, and the socket needs HTTP/1.1 anyway.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
