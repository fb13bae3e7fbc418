//! Browsers, as the list of active sessions knows them: sign-ins with a browser's user agent, made without the core.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use reqwest::{Client, StatusCode};
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::CertificateDer};
use rustls_pki_types::pem::PemObject;
use serde_json::json;

use crate::server::{Person, Server};

/// A browser that can be recognized in the list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    user_agent: &'static str,
}

/// The kinds that the cases name.
pub(crate) const KINDS: [Kind; 2] = [
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
pub(crate) struct Browser {
    pub(crate) kind: Kind,
    client: Client,
    me: String,
    token: String,
}

impl Browser {
    /// Signs in as a browser of this kind does.
    pub(crate) async fn sign_in(kind: Kind, server: &Server, person: &Person) -> Result<Self> {
        let client = Client::builder()
            .user_agent(kind.user_agent)
            .tls_backend_preconfigured(tls(server.authorities())?)
            .build()?;
        let response = client
            .post(format!("{}/api/v4/users/login", server.url()))
            .json(&json!({ "login_id": person.name, "password": person.password.0 }))
            .send()
            .await?;
        if !response.status().is_success() {
            bail!("a browser's sign-in was answered with {}", response.status());
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
            me: format!("{}/api/v4/users/me", server.url()),
            token,
        })
    }

    /// Whether the server still knows its session.
    pub(crate) async fn is_signed_in(&self) -> Result<bool> {
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
