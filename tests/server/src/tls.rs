//! A certificate authority of the server's own and a leaf for loopback names.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::io::Write;
use std::sync::Arc;
use tempfile::NamedTempFile;
use tokio_rustls::TlsAcceptor;

/// What a server needs to speak TLS, and a client to trust it.
pub(crate) struct Tls {
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) ca_pem: String,
    pub(crate) ca_file: NamedTempFile,
}

impl Tls {
    pub(crate) fn generate() -> std::io::Result<Self> {
        let ca_key = KeyPair::generate().map_err(std::io::Error::other)?;
        let mut ca = CertificateParams::new(Vec::new()).map_err(std::io::Error::other)?;
        ca.distinguished_name
            .push(DnType::CommonName, "Steadfast test authority");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca_certificate = ca.self_signed(&ca_key).map_err(std::io::Error::other)?;
        let issuer = Issuer::new(ca, ca_key);

        let names = ["127.0.0.1", "localhost", "::1"].map(str::to_owned);
        let leaf_key = KeyPair::generate().map_err(std::io::Error::other)?;
        let mut leaf = CertificateParams::new(names).map_err(std::io::Error::other)?;
        leaf.distinguished_name
            .push(DnType::CommonName, "Steadfast test server");
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let leaf_certificate = leaf
            .signed_by(&leaf_key, &issuer)
            .map_err(std::io::Error::other)?;

        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(std::io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(
                vec![leaf_certificate.der().clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf_key.serialize_der())),
            )
            .map_err(std::io::Error::other)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];

        let ca_pem = ca_certificate.pem();
        let mut ca_file = tempfile::Builder::new()
            .prefix("steadfast-test-ca-")
            .suffix(".pem")
            .tempfile()?;
        ca_file.write_all(ca_pem.as_bytes())?;
        ca_file.flush()?;
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            ca_pem,
            ca_file,
        })
    }
}
