//! Requests over REST.
//!
//! One pool of connections per account, and fresh connections for the calls on which a verdict may rest. Tokens travel in
//! the `Authorization` header and nowhere else.

use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::Method;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::address::ServerAddress;
use super::dialler::Dialler;
use super::gateway::PreAuth;
use super::reply::{Incoming, Reply, Secrets, failed};
use super::transport::{TransportError, TransportErrorKind};
use super::wiped;
use crate::policy;
use crate::secret::Token;

const PRE_AUTH_NAME: &str = "x-mattermost-preauth-secret";
/// The header that a gateway before a server wants (`app/client/rest/constants.ts` in mattermost/mattermost-mobile).
pub(super) const PRE_AUTH: HeaderName = HeaderName::from_static(PRE_AUTH_NAME);

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
    PRE_AUTH_NAME,
    "x-requested-with",
];

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
        self.body = Some(body.into());
        self.content_type(content_type)
    }

    /// Sets the type of a body that is not held here.
    #[must_use]
    pub fn content_type(mut self, content_type: &str) -> Self {
        match HeaderValue::from_str(content_type) {
            Ok(value) => {
                self.headers.insert(header::CONTENT_TYPE, value);
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

    /// Sets a JSON object of texts as the body, whose memory is wiped afterwards.
    #[must_use]
    pub(super) fn secret_json(self, texts: &[(&str, &str)]) -> Self {
        self.body("application/json", wiped::json(texts))
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
        let (deadline, body_limit) = (request.deadline, request.body_limit);
        let body = request.body.clone().map(reqwest::Body::from);
        let incoming = self.begin(request, body, Some(deadline)).await?;
        incoming.read(body_limit, secrets).await
    }

    /// Sends a request and gives its answer before the body was read. The way is looked up once, so that a secret of one
    /// never goes out by a connection of another.
    pub(super) async fn begin(
        &self,
        request: RequestParts,
        body: Option<reqwest::Body>,
        deadline: Option<Duration>,
    ) -> Result<Incoming, TransportError> {
        let way = self.way.load_full();
        let client = match request.connection {
            Connection::Pooled => &way.pooled,
            Connection::Fresh => &way.fresh,
        };
        let pre_auth = way.dialler.pre_auth();
        let request = self.prepared(request, pre_auth)?;
        let mut builder = client
            .request(request.method, request.url)
            .headers(request.headers);
        if let Some(body) = body {
            builder = builder.body(body);
        }
        if let Some(deadline) = deadline {
            builder = builder.timeout(deadline);
        }
        let response = builder.send().await.map_err(failed)?;
        Ok(Incoming {
            same_origin: self.address.is_same_origin(response.url()),
            pre_auth: if pre_auth.is_some() {
                PreAuth::Shown
            } else {
                PreAuth::None
            },
            response,
        })
    }

    /// A request as it goes out, its credential in it.
    fn prepared(
        &self,
        request: RequestParts,
        pre_auth: Option<&HeaderValue>,
    ) -> Result<Prepared, TransportError> {
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
            headers.insert(header::AUTHORIZATION, wiped::bearer(token).ok_or(invalid)?);
        }
        if let Some(secret) = pre_auth {
            headers.insert(PRE_AUTH, secret.clone());
        }
        Ok(Prepared {
            method: request.method,
            url,
            headers,
        })
    }
}

/// A request that may go out.
struct Prepared {
    method: Method,
    url: url::Url,
    headers: HeaderMap,
}
