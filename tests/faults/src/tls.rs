//! Certificates and TLS settings of the terminating proxy: its own authority, the leaf it shows,
//! and whom it trusts upstream. Key material never leaves this file.

use std::{fmt, sync::Arc};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::{ClientHello, NoServerSessionStorage, ResolvesServerCert},
    sign::CertifiedKey,
};
use rustls_pki_types::pem::PemObject;
use tokio_rustls::TlsAcceptor;

use crate::{
    faults::{Presented, random_id},
    state::Shared,
};

/// A certificate authority that signs what a terminating proxy shows.
pub struct Authority {
    certificate_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// Why certificates or keys could not be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A certificate could not be made or read.
    #[error("certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// TLS refused the certificate or the key.
    #[error("TLS: {0}")]
    Rustls(#[from] rustls::Error),
    /// PEM text could not be read.
    #[error("PEM: {0}")]
    Pem(#[from] rustls_pki_types::pem::Error),
}

impl Authority {
    /// A new authority that nobody knows yet.
    ///
    /// # Errors
    /// If no key can be made.
    pub fn generate() -> Result<Self, TlsError> {
        let mut parameters = CertificateParams::default();
        // A name of its own, so that one authority is never taken for another.
        let name = format!("Steadfast fault proxy {}", random_id());
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let certificate_pem = parameters.self_signed(&key)?.pem();
        Ok(Self {
            certificate_pem,
            issuer: Issuer::new(parameters, key),
        })
    }

    /// The authority with this certificate and this PKCS#8 key, both PEM.
    ///
    /// # Errors
    /// If either cannot be read.
    pub fn from_pem(certificate: &str, key: &str) -> Result<Self, TlsError> {
        let key = KeyPair::from_pem(key)?;
        Ok(Self {
            certificate_pem: certificate.to_owned(),
            issuer: Issuer::from_ca_cert_pem(certificate, key)?,
        })
    }

    /// The authority's certificate as PEM: what a client has to trust.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    fn leaf(&self, names: &[&str], expired: bool) -> Result<Arc<CertifiedKey>, TlsError> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut parameters = CertificateParams::new(names)?;
        parameters
            .distinguished_name
            .push(DnType::CommonName, "Steadfast fault proxy (server)");
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.use_authority_key_identifier_extension = true;
        if expired {
            parameters.not_before = date_time_ymd(2020, 1, 1);
            parameters.not_after = date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate()?;
        let certificate = parameters.signed_by(&key, &self.issuer)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let chain = vec![certificate.der().clone()];
        Ok(Arc::new(CertifiedKey::from_der(chain, key, &provider())?))
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Authority").finish_non_exhaustive()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Chooses the leaf by what the script says at the moment of the handshake.
struct Wardrobe {
    shared: Arc<Shared>,
    genuine: Arc<CertifiedKey>,
    stranger: Arc<CertifiedKey>,
    expired: Arc<CertifiedKey>,
    wrong_name: Arc<CertifiedKey>,
}

impl fmt::Debug for Wardrobe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Wardrobe").finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Wardrobe {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let leaf = match self.shared.http(|script| script.presented) {
            Presented::Genuine => &self.genuine,
            Presented::Stranger => &self.stranger,
            Presented::Expired => &self.expired,
            Presented::WrongName => &self.wrong_name,
        };
        Some(Arc::clone(leaf))
    }
}

/// Towards the client, by what was agreed on within TLS.
pub(crate) struct Acceptors {
    /// HTTP/1.1 only, since that is what the proxy relays.
    pub(crate) http1: TlsAcceptor,
    pub(crate) http2: TlsAcceptor,
    /// Nothing is agreed on.
    pub(crate) silent: TlsAcceptor,
}

impl Acceptors {
    pub(crate) fn new(authority: &Authority, shared: Arc<Shared>) -> Result<Self, TlsError> {
        let config = server_config(authority, shared)?;
        let agreeing_on = |protocols: &[&[u8]]| {
            let mut config = config.clone();
            config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
            TlsAcceptor::from(Arc::new(config))
        };
        Ok(Self {
            http1: agreeing_on(&[b"http/1.1"]),
            http2: agreeing_on(&[b"h2"]),
            silent: agreeing_on(&[]),
        })
    }
}

fn server_config(authority: &Authority, shared: Arc<Shared>) -> Result<ServerConfig, TlsError> {
    const NAMES: &[&str] = &["127.0.0.1", "localhost"];
    let wardrobe = Wardrobe {
        shared,
        genuine: authority.leaf(NAMES, false)?,
        stranger: Authority::generate()?.leaf(NAMES, false)?,
        expired: authority.leaf(NAMES, true)?,
        wrong_name: authority.leaf(&["elsewhere.invalid"], false)?,
    };
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(wardrobe));
    // A resumed session shows no certificate, so another one could not be presented to it.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// Towards the server: the given authority alone, or the public ones.
pub(crate) fn client_config(authority_pem: Option<&str>) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    match authority_pem {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                roots.add(certificate?)?;
            }
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
