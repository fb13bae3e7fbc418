//! Requests over REST, and their answers as plain facts.
//!
//! One pool of connections per account, and fresh connections for the calls on which a verdict may rest. Tokens travel in
//! the `Authorization` header and nowhere else.

use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use serde::de::DeserializeOwned;

use super::address::ServerAddress;
use super::dialler::Dialler;
use super::gateway::{Gateway, PreAuth};
use super::headers;
use super::transport::{TransportError, TransportErrorKind};
use super::wire::{ErrorBody, is_error_id};
use crate::policy;
use crate::secret::{SecretText, Token};
use crate::session::UnixMillis;

pub(super) const TOKEN_HEADER: HeaderName = HeaderName::from_static("token");
/// The header that a gateway before a server wants (`app/client/rest/constants.ts` in mattermost/mattermost-mobile).
pub(super) const PRE_AUTH: HeaderName = HeaderName::from_static("x-mattermost-preauth-secret");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const VERSION_ID: HeaderName = HeaderName::from_static("x-version-id");

/// Headers that belong to the core or to the connection, so the app must not set them. `x-requested-with` would make the
/// server answer a sign-in with cookies.
const RESERVED_HEADERS: [&str; 18] = [
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-mattermost-preauth-secret",
    "x-requested-with",
];

/// Response headers that could be used as a credential; they never leave this folder.
const SECRET_HEADERS: [HeaderName; 2] = [TOKEN_HEADER, header::SET_COOKIE];

/// Which connection a request may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// One of the pool, or a new one.
    Pooled,
    /// A new one, closed afterwards: an old one may be dead without knowing it.
    Fresh,
}

/// Why a request may not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRequest {
    /// The path could lead off the account's server.
    #[error("the path does not stay below the address of the server")]
    Path,
    /// A header that belongs to the core, or is not valid in HTTP.
    #[error("a header of the request is not allowed")]
    Header,
    /// An id that does not have the form of one.
    #[error("an id is not valid")]
    Id,
}

/// A request to be. It owns its parts, so that an operation survives the caller who started it.
#[derive(Clone)]
pub struct RequestParts {
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Option<Bytes>,
    token: Option<Token>,
    connection: Connection,
    deadline: Duration,
    body_limit: usize,
    refused: Option<InvalidRequest>,
}

impl RequestParts {
    /// A request for `path`, which starts with a slash and is percent-encoded. Pooled connection, the deadline and body
    /// limit of the policy, no token.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: None,
            token: None,
            connection: Connection::Pooled,
            deadline: policy::REQUEST_DEADLINE,
            body_limit: policy::REQUEST_BODY_LIMIT,
            refused: None,
        }
    }

    /// A `GET` request.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// A `POST` request.
    pub fn post(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path)
    }

    /// A `PUT` request.
    pub fn put(path: impl Into<String>) -> Self {
        Self::new(Method::PUT, path)
    }

    /// Adds a parameter to the query. Never a secret: URLs end up in logs of every box on the way.
    #[must_use]
    pub fn query(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((key.into(), value.into()));
        self
    }

    /// Adds a header of the app. One that belongs to the core makes the request invalid.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let pair = name
            .parse::<HeaderName>()
            .ok()
            .filter(|name| !RESERVED_HEADERS.contains(&name.as_str()))
            .zip(HeaderValue::from_str(value).ok());
        match pair {
            Some((name, value)) => {
                self.headers.append(name, value);
            }
            None => self.refused = Some(InvalidRequest::Header),
        }
        self
    }

    /// Sets the body and its type.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        match HeaderValue::from_str(content_type) {
            Ok(value) => {
                self.headers.insert(header::CONTENT_TYPE, value);
                self.body = Some(body.into());
            }
            Err(_) => self.refused = Some(InvalidRequest::Header),
        }
        self
    }

    /// Sets a JSON body.
    #[must_use]
    pub fn json(self, body: &serde_json::Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Authenticates with this token.
    #[must_use]
    pub fn token(mut self, token: &Token) -> Self {
        self.token = Some(token.clone());
        self
    }

    /// Uses a new connection.
    #[must_use]
    pub fn fresh(mut self) -> Self {
        self.connection = Connection::Fresh;
        self
    }

    /// Sets the time for the whole exchange, body included.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets how many bytes the body of the answer may have.
    #[must_use]
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    pub(super) fn id_checked(mut self, id: &str) -> Self {
        if id != "me" && !super::wire::is_id(id) {
            self.refused = Some(InvalidRequest::Id);
        }
        self
    }

    pub(super) fn own_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Whether the request may be sent to this server at all.
    pub fn check(&self, address: &ServerAddress) -> Result<(), InvalidRequest> {
        if let Some(refused) = self.refused {
            return Err(refused);
        }
        address.rest(&self.path).map_err(|_| InvalidRequest::Path)?;
        Ok(())
    }
}

impl std::fmt::Debug for RequestParts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("RequestParts")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}

/// What came back, as facts. Nothing in it says what it means for the session.
#[derive(Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// `X-Request-Id`.
    pub request_id: Option<String>,
    /// `X-Version-Id`.
    pub version_id: Option<String>,
    /// `Content-Type`, whole.
    pub content_type: Option<String>,
    /// The server's clock, from `Date`.
    pub date: Option<UnixMillis>,
    /// Seconds in a cache, from `Age`; one that cannot be read is the largest number.
    pub age_seconds: Option<u64>,
    /// `Retry-After`, not clamped.
    pub retry_after: Option<Duration>,
    /// Whether `WWW-Authenticate` is there. Mattermost never sends it.
    pub has_www_authenticate: bool,
    /// `Location`, which is never followed.
    pub location: Option<String>,
    /// Whether the answer came from the scheme, host and port that were asked.
    pub same_origin: bool,
    /// Whether it came over verified TLS.
    pub tls: bool,
    /// The other headers, without those that could be used as a credential.
    pub headers: HeaderMap,
    /// The body, whole and as it came: nothing is decompressed.
    pub body: Bytes,
    /// Whether it brought the session's cookie anew: the server moved the expiry, or attached a device.
    pub renewed: bool,
    /// Who answered in the server's place, if somebody who says so did.
    pub gateway: Option<Gateway>,
    token: Option<Token>,
    csrf: Option<SecretText>,
}

impl Reply {
    /// Whether the status is 200 to 299.
    pub fn is_success(&self) -> bool {
        StatusCode::from_u16(self.status).is_ok_and(|status| status.is_success())
    }

    /// Whether the body is said to be JSON.
    pub fn is_json(&self) -> bool {
        let Some(content_type) = &self.content_type else {
            return false;
        };
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("application/json")
    }

    /// The body read as a JSON object, if it is said to be JSON and is. An array is refused, as it would otherwise be read
    /// as an object without its names.
    pub fn json<T: DeserializeOwned>(&self) -> Option<T> {
        self.starting_with(b'{')
    }

    /// The body read as a JSON array, under the same conditions.
    pub fn list<T: DeserializeOwned>(&self) -> Option<Vec<T>> {
        self.starting_with(b'[')
    }

    fn starting_with<T: DeserializeOwned>(&self, first: u8) -> Option<T> {
        let starts = self.body.trim_ascii_start().first() == Some(&first);
        if !self.is_json() || !starts {
            return None;
        }
        serde_json::from_slice(&self.body).ok()
    }

    /// The body read as an error of the server.
    pub fn error_body(&self) -> Option<ErrorBody> {
        self.json::<ErrorBody>().filter(|body| !body.id.is_empty())
    }

    pub(super) fn take_token(&mut self) -> Option<Token> {
        self.token.take()
    }

    pub(super) fn take_csrf(&mut self) -> Option<SecretText> {
        self.csrf.take()
    }
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Reply")
            .field("status", &self.status)
            .field("request_id", &self.request_id)
            .field("content_type", &self.content_type)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// An error that the server named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// Its id, such as `api.context.permissions.app_error`.
    pub id: String,
}

/// How a typed call went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<T> {
    /// 200 and what was asked for.
    Done(T),
    /// The server named an error.
    Refused(Refusal),
    /// Neither: a rate limit, a gateway, a portal. The facts are in the reply.
    Unreadable,
}

/// A typed call's outcome with the facts it was read from.
#[derive(Debug, Clone)]
pub struct Answer<T> {
    /// How it went.
    pub outcome: Outcome<T>,
    /// The facts.
    pub reply: Reply,
}

impl<T> Answer<T> {
    pub(super) fn read(reply: Reply, accept: impl FnOnce(&Reply) -> Option<T>) -> Self {
        let refusal = |reply: &Reply| {
            reply
                .error_body()
                .filter(|error| is_error_id(&error.id))
                .map(|error| Refusal {
                    status: reply.status,
                    id: error.id,
                })
        };
        let outcome = if reply.status == 200 {
            match accept(&reply) {
                Some(value) => Outcome::Done(value),
                None => Outcome::Unreadable,
            }
        } else {
            refusal(&reply).map_or(Outcome::Unreadable, Outcome::Refused)
        };
        Self { outcome, reply }
    }
}

/// REST calls to one server in the name of one device.
pub struct Rest {
    address: ServerAddress,
    user_agent: String,
    way: ArcSwap<Way>,
}

/// The clients of one way to the server. Another way is another set of them, so that nothing of the old one is used again.
struct Way {
    dialler: Dialler,
    pooled: reqwest::Client,
    fresh: reqwest::Client,
}

impl Way {
    fn new(dialler: &Dialler, user_agent: &str) -> Result<Self, TransportError> {
        Ok(Self {
            pooled: dialler.http_client(user_agent, policy::POOLED_CONNECTIONS)?,
            fresh: dialler.http_client(user_agent, 0)?,
            dialler: dialler.clone(),
        })
    }
}

impl std::fmt::Debug for Rest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Rest({})", self.address)
    }
}

impl Rest {
    /// Sets the clients up. Touches no network.
    pub fn new(
        address: ServerAddress,
        dialler: &Dialler,
        user_agent: &str,
    ) -> Result<Self, TransportError> {
        Ok(Self {
            way: ArcSwap::from_pointee(Way::new(dialler, user_agent)?),
            user_agent: user_agent.to_owned(),
            address,
        })
    }

    /// How the server is reached, for the socket as well.
    pub fn dialler(&self) -> Dialler {
        self.way.load().dialler.clone()
    }

    /// Takes another way from now on. Requests under way go on as they began.
    pub fn use_dialler(&self, dialler: &Dialler) -> Result<(), TransportError> {
        self.way.store(Way::new(dialler, &self.user_agent)?.into());
        Ok(())
    }

    /// The server.
    pub fn address(&self) -> &ServerAddress {
        &self.address
    }

    /// Forgets every idle connection, after a network change or a wake. Requests under way keep theirs.
    pub fn drop_connections(&self) {
        // The clients were built once with these settings, so they can be again.
        self.way
            .rcu(|way| match Way::new(&way.dialler, &self.user_agent) {
                Ok(anew) => anew.into(),
                Err(_) => way.clone(),
            });
    }

    /// Sends a request once and reads its answer.
    pub async fn send(&self, request: RequestParts) -> Result<Reply, TransportError> {
        self.exchange(request, Secrets::Dropped).await
    }

    pub(super) async fn exchange(
        &self,
        request: RequestParts,
        secrets: Secrets,
    ) -> Result<Reply, TransportError> {
        let (connection, deadline, body_limit) =
            (request.connection, request.deadline, request.body_limit);
        let (content, request) = (request.body.clone(), self.prepared(request)?);
        let client = match connection {
            Connection::Pooled => self.pooled(),
            Connection::Fresh => self.way.load().fresh.clone(),
        };
        let pre_auth = request.pre_auth();
        let mut builder = client
            .request(request.method, request.url)
            .headers(request.headers)
            .timeout(deadline);
        if let Some(content) = content {
            builder = builder.body(content);
        }
        let mut response = builder.send().await.map_err(failed)?;
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| TransportError {
            may_have_been_received: true,
            ..failed(error)
        })? {
            if body.len() + chunk.len() > body_limit {
                return Err(TransportError::after(TransportErrorKind::TooLarge));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(self.facts(&response, body.freeze(), secrets, pre_auth))
    }

    /// Connections that may be used again.
    pub(super) fn pooled(&self) -> reqwest::Client {
        self.way.load().pooled.clone()
    }

    /// A request as it goes out, its credential in it.
    pub(super) fn prepared(&self, request: RequestParts) -> Result<Prepared, TransportError> {
        let invalid = TransportError::before(TransportErrorKind::InvalidRequest);
        request.check(&self.address).map_err(|_| invalid)?;
        let mut url = self.address.rest(&request.path).map_err(|_| invalid)?;
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        let mut headers = request.headers;
        headers.insert(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("identity"),
        );
        if let Some(token) = &request.token {
            headers.insert(header::AUTHORIZATION, bearer(token).ok_or(invalid)?);
        }
        if let Some(secret) = self.way.load().dialler.pre_auth() {
            headers.insert(PRE_AUTH, secret.clone());
        }
        Ok(Prepared {
            method: request.method,
            url,
            headers,
        })
    }

    fn facts(
        &self,
        response: &reqwest::Response,
        body: Bytes,
        secrets: Secrets,
        pre_auth: PreAuth,
    ) -> Reply {
        let status = response.status().as_u16();
        let all = response.headers();
        let (token, csrf) = match secrets {
            Secrets::Dropped => (None, None),
            Secrets::Kept => (
                headers::single(all, &TOKEN_HEADER).and_then(Token::new),
                csrf_cookie(all),
            ),
        };
        let others = without_secrets(all);
        Reply {
            status,
            request_id: headers::single(all, &REQUEST_ID),
            version_id: headers::single(all, &VERSION_ID),
            content_type: headers::single(all, &header::CONTENT_TYPE),
            date: headers::date(all),
            age_seconds: headers::age_seconds(all),
            retry_after: headers::retry_after(all),
            has_www_authenticate: all.contains_key(header::WWW_AUTHENTICATE),
            location: headers::single(all, &header::LOCATION),
            same_origin: self.address.is_same_origin(response.url()),
            tls: response.url().scheme() == "https",
            headers: others,
            renewed: all
                .get_all(header::SET_COOKIE)
                .iter()
                .any(|value| value.as_bytes().starts_with(b"MMAUTHTOKEN=")),
            gateway: Gateway::of(status, all, &body, pre_auth),
            body,
            token,
            csrf,
        }
    }
}

/// Whether a `Token` header and cookies of an answer are read. Only a sign-in's are: any other answer that brings a token
/// is an attempt to replace a good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secrets {
    Kept,
    Dropped,
}

/// A request that may go out.
pub(super) struct Prepared {
    pub(super) method: Method,
    pub(super) url: url::Url,
    pub(super) headers: HeaderMap,
}

impl Prepared {
    fn pre_auth(&self) -> PreAuth {
        if self.headers.contains_key(PRE_AUTH) {
            PreAuth::Shown
        } else {
            PreAuth::None
        }
    }
}

/// Headers that may leave this folder.
pub(super) fn without_secrets(headers: &HeaderMap) -> HeaderMap {
    let mut others = headers.clone();
    for name in SECRET_HEADERS {
        others.remove(name);
    }
    others
}

/// The `Authorization` header of a token, marked so that no library logs it.
pub(super) fn bearer(token: &Token) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

pub(super) fn failed(error: reqwest::Error) -> TransportError {
    TransportError::from_reqwest(&error.without_url())
}

/// The value of the cookie `MMCSRF`, by which a client recognises its own session in the list.
fn csrf_cookie(headers: &HeaderMap) -> Option<SecretText> {
    headers
        .get_all(header::SET_COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .filter_map(|text| text.split(';').next())
        .filter_map(|pair| pair.trim().strip_prefix("MMCSRF="))
        .find(|value| super::wire::is_id(value))
        .map(SecretText::new)
}
