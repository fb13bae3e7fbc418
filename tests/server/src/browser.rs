//! A person at a browser: follows redirects, keeps cookies, submits what a
//! page submits by itself, picks a user on the identity provider's page and
//! finds the link that leads back into the app. For tests that sign in through
//! the browser without one.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

/// Redirects and pages that submit themselves, one after the other.
const STEPS: usize = 10;

/// One browser with its cookies.
pub struct Browser {
    user_agent: String,
    tls: Option<TlsConnector>,
    /// By host and port, then by name.
    cookies: Mutex<BTreeMap<String, BTreeMap<String, String>>>,
}

/// What a browser shows.
#[derive(Clone, Debug)]
pub struct Page {
    /// Status of the answer.
    pub status: u16,
    /// Where it is.
    pub url: Url,
    /// The text.
    pub html: String,
}

impl Page {
    /// The link by which a page leads into an app, if it does.
    pub fn app_link(&self) -> Option<String> {
        attributes(&self.html, "a", "href")
            .into_iter()
            .find(|link| !link.starts_with("http") && link.contains("://"))
    }

    /// The id of the error that a page tells, if it does.
    pub fn error(&self) -> Option<String> {
        attributes(&self.html, "p", "data-error").pop()
    }
}

impl Browser {
    /// A browser that trusts this authority (PEM), if it speaks TLS.
    ///
    /// # Panics
    /// When the authority is none.
    pub fn new(authority: Option<&str>) -> Self {
        let tls = authority.map(|pem| {
            let mut roots = rustls::RootCertStore::empty();
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                let certificate = certificate.expect("a certificate");
                roots.add(certificate).expect("an authority");
            }
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = rustls::ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .expect("versions that ring has")
                .with_root_certificates(roots)
                .with_no_client_auth();
            TlsConnector::from(Arc::new(config))
        });
        Self {
            user_agent:
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 \
                         (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
                    .into(),
            tls,
            cookies: Mutex::default(),
        }
    }

    /// Opens a page and goes where it leads without a person.
    ///
    /// # Errors
    /// When nobody answers, or the way has no end.
    pub async fn open(&self, url: &str) -> io::Result<Page> {
        let url = Url::parse(url).map_err(io::Error::other)?;
        self.go(Method::GET, url, String::new()).await
    }

    /// Presses the button of a form: `user` with a name, or `deny`.
    ///
    /// # Errors
    /// As [`open`](Self::open); when the page has no form.
    pub async fn press(&self, page: &Page, button: &str, value: &str) -> io::Result<Page> {
        let (action, mut fields) = form(page).ok_or_else(|| io::Error::other("no form"))?;
        fields.push((button.to_owned(), value.to_owned()));
        self.go(Method::POST, action, encoded(&fields)).await
    }

    /// Opens the page by which a sign-in begins, and signs in as a user.
    ///
    /// # Errors
    /// As [`press`](Self::press).
    pub async fn sign_in(&self, url: &str, user: &str) -> io::Result<Page> {
        let page = self.open(url).await?;
        self.press(&page, "user", user).await
    }

    async fn go(&self, method: Method, url: Url, body: String) -> io::Result<Page> {
        let (mut method, mut url, mut body) = (method, url, body);
        for _ in 0..STEPS {
            let (page, location) = self.fetch(&method, &url, body).await?;
            (method, url, body) = if let Some(location) = location {
                let next = url.join(&location).map_err(io::Error::other)?;
                if !["http", "https"].contains(&next.scheme()) {
                    return Ok(page);
                }
                (Method::GET, next, String::new())
            } else if page.html.contains(".submit()")
                && let Some((action, fields)) = form(&page)
            {
                (Method::POST, action, encoded(&fields))
            } else {
                return Ok(page);
            };
        }
        Err(io::Error::other("too many redirects"))
    }

    async fn fetch(
        &self,
        method: &Method,
        url: &Url,
        body: String,
    ) -> io::Result<(Page, Option<String>)> {
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or_default();
        let place = format!("{host}:{port}");
        let request = Request::builder()
            .method(method)
            .uri(&url[url::Position::BeforePath..url::Position::AfterQuery])
            .header("host", &place)
            .header("user-agent", &self.user_agent)
            .header("accept", "text/html")
            .header("cookie", self.cookies_for(&place))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from(body)))
            .map_err(io::Error::other)?;
        let stream = TcpStream::connect(&place).await?;
        let response = match url.scheme() {
            "https" => {
                let tls = self.tls.as_ref();
                let tls = tls.ok_or_else(|| io::Error::other("no authority to trust"))?;
                let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
                exchange(tls.connect(name, stream).await?, request).await?
            }
            _ => exchange(stream, request).await?,
        };
        let (head, html) = response;
        self.keep_cookies(&place, &head);
        let location = head.headers.get("location");
        let location = location.and_then(|value| value.to_str().ok());
        let page = Page {
            status: head.status.as_u16(),
            url: url.clone(),
            html,
        };
        Ok((page, location.map(str::to_owned)))
    }

    fn cookies_for(&self, place: &str) -> String {
        let cookies = self.cookies.lock().unwrap();
        let own = cookies.get(place).into_iter().flatten();
        let pairs: Vec<String> = own.map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    fn keep_cookies(&self, place: &str, head: &http::response::Parts) {
        let mut cookies = self.cookies.lock().unwrap();
        let own = cookies.entry(place.to_owned()).or_default();
        for header in head.headers.get_all("set-cookie") {
            let pair = header.to_str().unwrap_or_default().split(';').next();
            if let Some((name, value)) = pair.and_then(|pair| pair.split_once('=')) {
                own.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

async fn exchange(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    request: Request<Full<Bytes>>,
) -> io::Result<(http::response::Parts, String)> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request).await;
    let (head, body) = response.map_err(io::Error::other)?.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    connection.abort();
    Ok((head, String::from_utf8_lossy(&body).into_owned()))
}

/// Where the first form of a page leads, and its hidden fields.
fn form(page: &Page) -> Option<(Url, Vec<(String, String)>)> {
    let action = attributes(&page.html, "form", "action")
        .into_iter()
        .next()?;
    let names = attributes(&page.html, "input", "name");
    let values = attributes(&page.html, "input", "value");
    let fields = names.into_iter().zip(values).collect();
    Some((page.url.join(&action).ok()?, fields))
}

fn encoded(fields: &[(String, String)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

/// An attribute of each tag of a name that has it. The pages are the server's
/// own: they quote what they write.
fn attributes(html: &str, tag: &str, attribute: &str) -> Vec<String> {
    let opening = format!("<{tag} ");
    let wanted = format!(" {attribute}=\"");
    html.match_indices(&opening)
        .filter_map(|(start, _)| {
            let (inside, _) = html[start..].split_once('>')?;
            let (_, rest) = inside.split_once(&wanted)?;
            let (value, _) = rest.split_once('"')?;
            Some(unescaped(value))
        })
        .collect()
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}
