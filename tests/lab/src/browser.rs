//! Browsers, as the list of active sessions knows them: sign-ins with a browser's user agent, made without the core.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use reqwest::{Client, StatusCode};
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::CertificateDer};
use rustls_pki_types::pem::PemObject;
use serde_json::json;

use crate::device::message::Password;

/// A browser that can be recognized in the list.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The name by which a story calls it.
    pub name: &'static str,
    /// Its label in Active Sessions.
    pub label: &'static str,
    user_agent: &'static str,
}

/// The kinds that the cases name.
pub const KINDS: [Kind; 2] = [
    Kind {
        name: "Safari, Mac",
        label: "Macintosh",
        user_agent: "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                     Version/17.4 Safari/605.1.15",
    },
    Kind {
        name: "Chrome, Windows",
        label: "Windows",
        user_agent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                     Chrome/126.0.0.0 Safari/537.36",
    },
];

/// A signed-in browser.
pub struct Browser {
    /// Which browser.
    pub kind: Kind,
    client: Client,
    me: String,
    token: String,
}

impl Browser {
    /// Signs in at the server as a browser of this kind does, trusting these authorities (PEM) or the public ones.
    ///
    /// # Errors
    /// If the server cannot be reached or refuses.
    pub async fn sign_in(
        kind: Kind,
        server: &str,
        authorities: Option<&str>,
        login_id: &str,
        password: &Password,
    ) -> Result<Self> {
        let client = Client::builder()
            .user_agent(kind.user_agent)
            .tls_backend_preconfigured(tls(authorities)?)
            .build()?;
        let response = client
            .post(format!("{server}/api/v4/users/login"))
            .json(&json!({ "login_id": login_id, "password": password.0 }))
            .send()
            .await?;
        if !response.status().is_success() {
            bail!(
                "a browser's sign-in was answered with {}",
                response.status()
            );
        }
        let token = response
            .headers()
            .get("token")
            .context("no token in the answer to a sign-in")?
            .to_str()?
            .to_owned();
        Ok(Self {
            kind,
            client,
            me: format!("{server}/api/v4/users/me"),
            token,
        })
    }

    /// Whether the server still knows its session.
    ///
    /// # Errors
    /// If the server cannot be reached, or answers neither yes nor no.
    pub async fn is_signed_in(&self) -> Result<bool> {
        let response = self
            .client
            .get(&self.me)
            .bearer_auth(&self.token)
            .send()
            .await?;
        match response.status() {
            StatusCode::OK => Ok(true),
            StatusCode::UNAUTHORIZED => Ok(false),
            status => bail!("a browser was answered with {status}"),
        }
    }
}

fn tls(authorities: Option<&str>) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    match authorities {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                roots.add(certificate?)?;
            }
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    Ok(
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth(),
    )
}
