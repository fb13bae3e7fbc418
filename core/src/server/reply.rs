//! Answers: as they come in, and read whole, as plain facts. One reader for all of them.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderName};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::cookies;
use super::gateway::{Gateway, PreAuth};
use super::headers;
use super::transport::{TransportError, TransportErrorKind};
use super::wiped;
use super::wire::{ErrorBody, is_error_id, is_id};
use crate::policy;
use crate::secret::{SecretText, Token};
use crate::session::UnixMillis;

const TOKEN: HeaderName = HeaderName::from_static("token");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const VERSION_ID: HeaderName = HeaderName::from_static("x-version-id");

/// Response headers that could be used as a credential; they never leave this folder.
const SECRET_HEADERS: [HeaderName; 2] = [TOKEN, header::SET_COOKIE];

/// Whether a `Token` header and cookies of an answer are read. Only a sign-in's are: any other answer that brings a token
/// is an attempt to replace a good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secrets {
    Kept,
    Dropped,
}

/// An answer whose body is still to be read.
pub struct Incoming {
    pub(super) response: reqwest::Response,
    pub(super) same_origin: bool,
    pub(super) pre_auth: PreAuth,
}

impl std::fmt::Debug for Incoming {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Incoming({})", self.status())
    }
}

impl Incoming {
    /// HTTP status.
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// The headers, without those that could be used as a credential.
    pub fn headers(&self) -> HeaderMap {
        let mut others = self.response.headers().clone();
        for name in SECRET_HEADERS {
            others.remove(name);
        }
        others
    }

    /// How long the body will be, if the server said so.
    pub fn length(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// Whether it brings the session's cookie anew: the server moved the expiry, or attached a device.
    pub fn renewed(&self) -> bool {
        self.same_origin
            && self.response.status().is_success()
            && cookies::values(self.response.headers(), cookies::TOKEN)
                .any(|token| !token.is_empty())
    }

    /// The next part of the body; `None` at its end.
    ///
    /// # Errors
    /// If the connection ended before the body did.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        self.response.chunk().await.map_err(|error| TransportError {
            may_have_been_received: true,
            ..failed(error)
        })
    }

    /// Reads the body, of which at most so many bytes are taken.
    ///
    /// # Errors
    /// If the body is longer, or the connection ended before it did.
    pub async fn whole(self, body_limit: usize) -> Result<Reply, TransportError> {
        self.read(body_limit, Secrets::Dropped).await
    }

    pub(super) async fn read(
        mut self,
        body_limit: usize,
        secrets: Secrets,
    ) -> Result<Reply, TransportError> {
        // Room for a small answer at once: a buffer that grows leaves copies behind.
        let room = body_limit.min(policy::VERDICT_BODY_LIMIT);
        let announced = self.length().map_or(Ok(0), usize::try_from);
        let mut body = Zeroizing::new(Vec::with_capacity(announced.unwrap_or(room).min(room)));
        while let Some(chunk) = self.chunk().await? {
            if body.len() + chunk.len() > body_limit {
                return Err(TransportError::after(TransportErrorKind::TooLarge));
            }
            body.extend_from_slice(&chunk);
        }
        // Those that may bring a session are among the small ones.
        let body = if body_limit <= policy::VERDICT_BODY_LIMIT {
            wiped::bytes(body)
        } else {
            std::mem::take(&mut *body).into()
        };
        Ok(self.facts(body, secrets))
    }

    fn facts(&self, body: Bytes, secrets: Secrets) -> Reply {
        let all = self.response.headers();
        let (token, csrf) = match secrets {
            Secrets::Dropped => (None, None),
            Secrets::Kept => (
                headers::single(all, &TOKEN).and_then(Token::new),
                // By it a client recognises its own session in the list.
                cookies::values(all, cookies::CSRF)
                    .find(|value| is_id(value))
                    .map(SecretText::new),
            ),
        };
        Reply {
            status: self.status(),
            request_id: headers::single(all, &REQUEST_ID),
            version_id: headers::single(all, &VERSION_ID),
            content_type: headers::single(all, &header::CONTENT_TYPE),
            date: headers::date(all),
            age_seconds: headers::age_seconds(all),
            retry_after: headers::retry_after(all),
            has_www_authenticate: all.contains_key(header::WWW_AUTHENTICATE),
            location: headers::single(all, &header::LOCATION),
            same_origin: self.same_origin,
            tls: self.response.url().scheme() == "https",
            headers: self.headers(),
            renewed: self.renewed(),
            gateway: Gateway::of(self.status(), all, &body, self.pre_auth),
            body,
            token,
            csrf,
        }
    }
}

pub(super) fn failed(error: reqwest::Error) -> TransportError {
    TransportError::from_reqwest(&error.without_url())
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
    /// Whether the server renewed the session with it: see [`Incoming::renewed`].
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
