//! The faults themselves, as plain data: what is done to the wire and what is answered in the
//! server's place. Nothing here does IO; the proxy reads it, [`crate::Control`] writes it.

use std::{
    collections::HashMap,
    fmt,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::state::SeenRequest;

/// One end of a proxied connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The client, which connected to the proxy.
    Client,
    /// The server, to which the proxy connected.
    Server,
}

/// The certificate that a terminating proxy shows to connections made from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presented {
    /// For `127.0.0.1` and `localhost`, from the proxy's own authority.
    #[default]
    Genuine,
    /// The right names from an authority that nobody trusts.
    Stranger,
    /// From the proxy's authority, but its time is over.
    Expired,
    /// From the proxy's authority, but for another host.
    WrongName,
}

/// What a terminating proxy with TLS speaks with those who connect from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speaks {
    /// HTTP/1.1 over TLS 1.2 or 1.3.
    #[default]
    Http1,
    /// HTTP/2 alone: whoever offers only another protocol (ALPN) is refused in the handshake.
    OnlyHttp2,
    /// HTTP/2 whatever was offered: its settings and GOAWAY as soon as TLS is up, then the end.
    Http2AtOnce,
    /// The same, in answer to the first request.
    Http2InReply,
    /// TLS 1.0 alone: a hello of that version, whatever was offered.
    Tls10,
    /// TLS 1.1 or older alone: the alert that says so, then the end.
    RefusesTls12,
}

/// What becomes of connections made from now on, in the order of their coming: first these are lost, then those are late.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Arrivals {
    pub(crate) reset: bool,
    pub(crate) lost: u64,
    pub(crate) late: u64,
    pub(crate) late_by: Duration,
}

/// How a new connection fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Its first bytes arrive no earlier than after this time, in either direction.
    After(Duration),
    Lost,
    Reset,
}

impl Arrivals {
    /// The next one's; whoever is counted is used up by one.
    pub(crate) fn next(&mut self) -> Arrival {
        if self.reset {
            Arrival::Reset
        } else if self.lost > 0 {
            self.lost -= 1;
            Arrival::Lost
        } else if self.late > 0 {
            self.late -= 1;
            Arrival::After(self.late_by)
        } else {
            Arrival::After(Duration::ZERO)
        }
    }
}

/// What is done to the bytes of every connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wire {
    pub(crate) latency: Duration,
    pub(crate) jitter: Duration,
    pub(crate) frozen: bool,
    pub(crate) from_client: Option<Limit>,
    pub(crate) from_server: Option<Limit>,
    pub(crate) trickle_from_client: Option<Trickle>,
    pub(crate) trickle_from_server: Option<Trickle>,
}

impl Wire {
    pub(crate) fn limit(&self, from: Side) -> Option<Limit> {
        match from {
            Side::Client => self.from_client,
            Side::Server => self.from_server,
        }
    }

    pub(crate) fn trickle(&self, from: Side) -> Option<Trickle> {
        match from {
            Side::Client => self.trickle_from_client,
            Side::Server => self.trickle_from_server,
        }
    }

    /// One draw of the time a chunk of bytes spends on the way.
    pub(crate) fn delay(&self) -> Duration {
        if self.jitter.is_zero() {
            return self.latency;
        }
        let share = getrandom::u32().unwrap_or(u32::MAX / 2);
        self.latency + self.jitter.mul_f64(f64::from(share) / f64::from(u32::MAX))
    }
}

/// So many bytes at most in each span of time, and then no more until the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trickle {
    pub(crate) bytes: u64,
    pub(crate) every: Duration,
}

/// Close a connection once so many bytes have come from one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) bytes: u64,
    /// Tells a limit set anew from the one before, so that counting starts again.
    pub(crate) generation: u64,
}

/// What a terminating proxy does to requests and responses.
#[derive(Debug, Default)]
pub(crate) struct HttpScript {
    pub(crate) answers: Vec<Answer>,
    pub(crate) stripped: Vec<HeaderName>,
    pub(crate) added: HeaderMap,
    /// Every request id of the server is overwritten with another.
    pub(crate) rewrites_ids: bool,
    /// What stands in the place of the server's bodies with these statuses.
    pub(crate) replaced_bodies: HashMap<StatusCode, (HeaderValue, Bytes)>,
    pub(crate) caches: Vec<Cache>,
    /// Nothing that the server says after an upgrade arrives.
    pub(crate) mutes_upgraded: bool,
    pub(crate) refused_upgrades: Option<Answer>,
    pub(crate) presented: Presented,
    pub(crate) speaks: Speaks,
}

impl HttpScript {
    /// The answer for this request, if one is due; a counted answer is used up by one.
    pub(crate) fn take_answer(&mut self, request: &SeenRequest) -> Option<Answer> {
        if request.upgrade
            && let Some(refusal) = &self.refused_upgrades
        {
            return Some(refusal.clone());
        }
        let index = self
            .answers
            .iter()
            .position(|answer| answer.matching.matches(request))?;
        let answer = self.answers[index].clone();
        if let Some(times) = &mut self.answers[index].times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                self.answers.remove(index);
            }
        }
        Some(answer)
    }

    pub(crate) fn strip(&self, headers: &mut HeaderMap) {
        for name in &self.stripped {
            headers.remove(name);
        }
    }

    /// What is kept for this request, as it is replayed now; or that the answer to it is to be kept.
    pub(crate) fn cached(&self, request: &SeenRequest) -> Cached {
        let Some(cache) = self
            .caches
            .iter()
            .find(|cache| cache.matching.matches(request))
        else {
            return Cached::NotMeant;
        };
        let Some((kept, since)) = &cache.kept else {
            return Cached::ToBeKept;
        };
        let mut response = kept.clone();
        // A second old at least, as the header has no fractions.
        let age = since.elapsed().as_secs().max(1);
        response.headers_mut().insert(header::AGE, age.into());
        Cached::Kept(Box::new(response))
    }

    pub(crate) fn keep(&mut self, request: &SeenRequest, response: &Response<Bytes>) {
        let cache = self
            .caches
            .iter_mut()
            .find(|cache| cache.matching.matches(request));
        if let Some(cache) = cache {
            cache.kept.get_or_insert((response.clone(), Instant::now()));
        }
    }

    /// Overwrites the server's request id, if that is asked for.
    pub(crate) fn rewrite(&self, headers: &mut HeaderMap) {
        if self.rewrites_ids
            && headers.contains_key("x-request-id")
            && let Ok(id) = HeaderValue::try_from(random_id())
        {
            headers.insert("x-request-id", id);
        }
    }

    /// Adds what is to stand in every response, in place of headers of the same name.
    pub(crate) fn add(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.added {
            headers.insert(name, value.clone());
        }
    }
}

/// The first answer of the server to these requests, to be given to all later ones.
#[derive(Debug)]
pub(crate) struct Cache {
    pub(crate) matching: Match,
    pub(crate) kept: Option<(Response<Bytes>, Instant)>,
}

/// What [`HttpScript::cached`] found.
pub(crate) enum Cached {
    NotMeant,
    ToBeKept,
    Kept(Box<Response<Bytes>>),
}

type Predicate = Arc<dyn Fn(&SeenRequest) -> bool + Send + Sync>;

/// Which requests an [`Answer`] is for.
#[derive(Clone, Default)]
pub struct Match {
    method: Option<Method>,
    path: PathMatch,
    also: Option<Predicate>,
}

#[derive(Clone, Debug, Default)]
enum PathMatch {
    #[default]
    Any,
    Exact(String),
    Prefix(String),
}

impl Match {
    /// Every request.
    pub fn any() -> Self {
        Self::default()
    }

    /// Requests with exactly this path (without the query).
    pub fn path(path: impl Into<String>) -> Self {
        Self {
            path: PathMatch::Exact(path.into()),
            ..Self::default()
        }
    }

    /// Requests whose path begins like this.
    pub fn prefix(prefix: impl Into<String>) -> Self {
        Self {
            path: PathMatch::Prefix(prefix.into()),
            ..Self::default()
        }
    }

    /// Requests for which `predicate` says yes.
    pub fn when(predicate: impl Fn(&SeenRequest) -> bool + Send + Sync + 'static) -> Self {
        Self {
            also: Some(Arc::new(predicate)),
            ..Self::default()
        }
    }

    /// Only requests with this method.
    ///
    /// # Panics
    /// If `method` is no HTTP method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(Method::from_bytes(method.as_bytes()).expect("an HTTP method"));
        self
    }

    pub(crate) fn matches(&self, request: &SeenRequest) -> bool {
        let path = match &self.path {
            PathMatch::Any => true,
            PathMatch::Exact(path) => request.path == *path,
            PathMatch::Prefix(prefix) => request.path.starts_with(prefix),
        };
        path && self
            .method
            .as_ref()
            .is_none_or(|method| method.as_str() == request.method)
            && self.also.as_ref().is_none_or(|also| also(request))
    }
}

impl fmt::Debug for Match {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Match")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("predicate", &self.also.is_some())
            .finish()
    }
}

#[derive(Clone, Debug)]
enum Body {
    Raw(Bytes),
    Json(Value),
}

/// An answer that the proxy gives in the server's place.
#[derive(Clone, Debug)]
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Body,
    mattermost: bool,
    after: Duration,
    matching: Match,
    times: Option<u32>,
}

/// The shape of `X-Version-Id`: version, build number, hash of the client configuration, licensed.
const VERSION_ID: &str =
    "11.6.0.0.7d7f1d0e8e2b7a3c6f5e4d3c2b1a09f8e7d6c5b4a3928170f6e5d4c3b2a19080.false";

impl Answer {
    /// An answer with this status, no body, for every request, until cleared.
    ///
    /// Statuses from 200 to 999; an informational status cannot end an exchange.
    ///
    /// # Panics
    /// If `status` is outside of that.
    pub fn new(status: u16) -> Self {
        let status = StatusCode::from_u16(status).expect("a status from 200 to 999");
        assert!(!status.is_informational(), "a status from 200 to 999");
        Self {
            status,
            headers: HeaderMap::new(),
            body: Body::Raw(Bytes::new()),
            mattermost: false,
            after: Duration::ZERO,
            matching: Match::any(),
            times: None,
        }
    }

    /// An error in the server's form with this id; with [`mattermost_headers`] nothing tells it
    /// from a real one.
    ///
    /// [`mattermost_headers`]: Self::mattermost_headers
    pub fn error(status: u16, id: &str) -> Self {
        Self::new(status).json(serde_json::json!({
            "id": id,
            "message": "An answer of the fault proxy.",
            "detailed_error": "",
            "request_id": random_id(),
            "status_code": status,
        }))
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(mut self, body: Value) -> Self {
        self.body = Body::Json(body);
        self.header("content-type", "application/json")
    }

    /// With an HTML body.
    #[must_use]
    pub fn html(self, body: impl Into<String>) -> Self {
        self.body("text/html; charset=utf-8", body.into())
    }

    /// With a body of any kind, sent as it is.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.body = Body::Raw(body.into());
        self.header("content-type", content_type)
    }

    /// With this header, in place of one of that name.
    ///
    /// # Panics
    /// If name or value cannot be a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::try_from(name).expect("a header name");
        let value = HeaderValue::try_from(value).expect("a header value");
        self.headers.insert(name, value);
        self
    }

    /// With `X-Request-Id` and `X-Version-Id` as the server sends them. The request id is new for
    /// each answer and stands in the JSON body too if that has a `request_id`. A
    /// [`header`](Self::header) of the same name wins.
    #[must_use]
    pub fn mattermost_headers(mut self) -> Self {
        self.mattermost = true;
        self
    }

    /// Only after this much time.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.after = delay;
        self
    }

    /// Only for these requests.
    #[must_use]
    pub fn on(mut self, matching: Match) -> Self {
        self.matching = matching;
        self
    }

    /// Only for the next `times` requests that match.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.times == Some(0)
    }

    pub(crate) fn delay(&self) -> Duration {
        self.after
    }

    pub(crate) fn response(&self) -> Response<Bytes> {
        let mut headers = HeaderMap::new();
        let mut body = self.body.clone();
        if self.mattermost {
            let id = random_id();
            if let Body::Json(Value::Object(object)) = &mut body
                && let Some(field) = object.get_mut("request_id")
            {
                *field = Value::String(id.clone());
            }
            if let Ok(id) = HeaderValue::try_from(id) {
                headers.insert("x-request-id", id);
            }
            headers.insert("x-version-id", HeaderValue::from_static(VERSION_ID));
        }
        if let Ok(now) = HeaderValue::try_from(httpdate::fmt_http_date(SystemTime::now())) {
            headers.insert(header::DATE, now);
        }
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
        let body = match body {
            Body::Raw(bytes) => bytes,
            Body::Json(value) => Bytes::from(value.to_string()),
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = headers;
        response
    }
}

/// 26 characters of the server's own base 32, as `NewId` in `server/public/model/utils.go` makes
/// them.
pub(crate) fn random_id() -> String {
    const ALPHABET: &[u8; 32] = b"ybndrfg8ejkmcpqxot1uwisza345h769";
    let mut random = [0_u8; 26];
    // It need not be secret; without randomness all are merely the same.
    let _ = getrandom::fill(&mut random);
    random
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]))
        .collect()
}

/// An [`Answer`] as JSON, for the control port.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerScript {
    status: u16,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    json: Option<Value>,
    #[serde(default)]
    html: Option<String>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    mattermost_headers: bool,
    #[serde(default)]
    after_ms: u64,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    path_prefix: Option<String>,
    #[serde(default)]
    times: Option<u32>,
}

impl TryFrom<AnswerScript> for Answer {
    type Error = String;

    fn try_from(script: AnswerScript) -> Result<Self, String> {
        if !(200..=999).contains(&script.status) {
            return Err(format!("status {} is not from 200 to 999", script.status));
        }
        let mut matching = match (script.path, script.path_prefix) {
            (None, None) => Match::any(),
            (Some(path), None) => Match::path(path),
            (None, Some(prefix)) => Match::prefix(prefix),
            (Some(_), Some(_)) => return Err("path and path_prefix exclude each other".into()),
        };
        if let Some(method) = script.method {
            let method = Method::from_bytes(method.as_bytes())
                .map_err(|_| format!("{method} is no HTTP method"))?;
            matching.method = Some(method);
        }
        let mut answer = Answer::new(script.status)
            .after(Duration::from_millis(script.after_ms))
            .on(matching);
        match (script.json, script.html, script.text) {
            (None, None, None) => {}
            (Some(json), None, None) => answer = answer.json(json),
            (None, Some(html), None) => answer = answer.html(html),
            (None, None, Some(text)) => {
                answer = answer.body("text/plain; charset=utf-8", text);
            }
            _ => return Err("json, html and text exclude each other".into()),
        }
        for (name, value) in script.headers {
            let name = HeaderName::try_from(&name).map_err(|_| format!("bad header {name}"))?;
            let value =
                HeaderValue::try_from(value).map_err(|_| format!("bad value for {name}"))?;
            answer.headers.insert(name, value);
        }
        answer.mattermost = script.mattermost_headers;
        answer.times = script.times;
        Ok(answer)
    }
}
