//! Answers, and how they are put on the wire: header names in alphabetical
//! order, then `Date` and the length, as Go's server writes them.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use serde::Serialize;
use serde_json::{Value, json};
use std::convert::Infallible;

/// Body of every answer.
pub(crate) type Body = BoxBody<Bytes, Infallible>;

/// Go buffers this much before it gives up on announcing a length.
const BUFFERED: usize = 2048;

/// Status and body of an answer; headers are gathered in the call.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) body: Vec<u8>,
    /// The handler named no type, so Go guessed it and wrote it last.
    pub(crate) guessed: bool,
}

impl Answer {
    /// `{"status":"OK"}`.
    pub(crate) fn ok() -> Self {
        Self::json(&json!({"status": "OK"}))
    }

    pub(crate) fn json(value: &impl Serialize) -> Self {
        Self::json_with_status(200, value)
    }

    pub(crate) fn json_with_status(status: u16, value: &impl Serialize) -> Self {
        Self {
            status,
            content_type: Some("application/json"),
            body: to_json(value),
            guessed: false,
        }
    }

    /// JSON and a newline, from handlers that write with an encoder.
    pub(crate) fn json_line(value: &Value) -> Self {
        let mut answer = Self::json(value);
        answer.body.push(b'\n');
        answer
    }

    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// A status with an empty body.
    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            content_type: Some("application/json"),
            body: Vec::new(),
            guessed: false,
        }
    }

    pub(crate) fn text(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            content_type: Some(content_type),
            body: body.into(),
            guessed: false,
        }
    }

    /// The same answer with a type that was left to be guessed.
    pub(crate) fn with_guessed_type(mut self) -> Self {
        self.content_type = Some("text/plain; charset=utf-8");
        self.guessed = true;
        self
    }

    /// The answer to a conditional request that changes nothing.
    pub(crate) fn not_modified() -> Self {
        Self {
            status: 304,
            content_type: None,
            body: Vec::new(),
            guessed: false,
        }
    }
}

fn to_json(value: &impl Serialize) -> Vec<u8> {
    let text = serde_json::to_string(value).expect("values of our own are JSON");
    // Go's encoder keeps these out of HTML.
    text.replace('&', "\\u0026")
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .into_bytes()
}

/// Headers of an answer in the making, by canonical name.
#[derive(Default)]
pub(crate) struct Headers {
    entries: Vec<(String, String)>,
}

impl Headers {
    /// Adds one more value.
    pub(crate) fn add(&mut self, name: &str, value: impl Into<String>) {
        self.entries.push((name.to_owned(), value.into()));
    }

    /// Adds what another collection holds.
    pub(crate) fn extend(&mut self, other: Self) {
        self.entries.extend(other.entries);
    }

    /// Builds the response: sorted, dated, measured, stripped.
    pub(crate) fn respond(
        mut self,
        answer: Answer,
        date: String,
        stripped: &[String],
        closing: bool,
    ) -> Response<Body> {
        let guessed = answer.content_type.filter(|_| answer.guessed);
        if let Some(content_type) = answer.content_type.filter(|_| !answer.guessed) {
            self.add("Content-Type", content_type);
        }
        // A file is served with its length among the other headers.
        let measured = self
            .entries
            .iter()
            .any(|(name, _)| name == "Content-Length");
        self.entries.sort_by(|left, right| left.0.cmp(&right.0));
        self.add("Date", date);
        let chunked = answer.body.len() > BUFFERED;
        if !chunked && answer.status != 304 && !measured {
            self.add("Content-Length", answer.body.len().to_string());
        }
        if let Some(content_type) = guessed {
            self.add("Content-Type", content_type);
        }
        if closing {
            self.add("Connection", "close");
        }
        let body = if chunked {
            let frames = [Ok(Frame::data(Bytes::from(answer.body)))];
            StreamBody::new(futures_util::stream::iter(frames)).boxed()
        } else {
            Full::new(Bytes::from(answer.body)).boxed()
        };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(answer.status).expect("a status of our own");
        for (name, value) in self.entries {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name of our own");
            if stripped.iter().any(|stripped| stripped == name.as_str()) {
                continue;
            }
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}
