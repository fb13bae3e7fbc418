//! The app's own calls to its server: authenticated by the core, so that the app never handles a token.

use crate::core::Core;
use crate::enums::to_core;
use crate::error::{SteadfastError, invalid};
use crate::guard::{Cancellation, waits};
use std::sync::Arc;
use steadfast::AccountId;

/// How a request acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, uniffi::Enum)]
pub enum Method {
    /// `GET`
    Get,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
    /// `HEAD`: the answer has no body.
    Head,
}

to_core!(Method => steadfast::Method { Get, Post, Put, Patch, Delete, Head });

/// A parameter or a header.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct NameValue {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// As the core has them.
pub(crate) fn pairs(list: Vec<NameValue>) -> Vec<(String, String)> {
    list.into_iter()
        .map(|NameValue { name, value }| (name, value))
        .collect()
}

/// A body and what it is.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Body {
    /// What it is: `application/json`.
    pub content_type: String,
    /// The content, at most 16 MiB.
    pub content: Vec<u8>,
}

/// A request of the app.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Request {
    /// How it acts.
    pub method: Method,
    /// Path on the account's server, below its sub-path, percent-encoded: `/api/v4/posts`.
    pub path: String,
    /// Parameters, not yet encoded.
    #[uniffi(default = [])]
    pub query: Vec<NameValue>,
    /// Further headers. Those that belong to the core (`Authorization`, `Cookie`, `Host` and the like) are refused.
    #[uniffi(default = [])]
    pub headers: Vec<NameValue>,
    /// The body, if there is one.
    #[uniffi(default = None)]
    pub body: Option<Body>,
}

/// What the server answered, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Response {
    /// HTTP status.
    pub status: i32,
    /// Headers, names in lower case, without those that could be used as a credential.
    pub headers: Vec<NameValue>,
    /// The body, at most 16 MiB.
    pub body: Vec<u8>,
}

impl From<steadfast::Response> for Response {
    fn from(response: steadfast::Response) -> Self {
        let steadfast::Response {
            status,
            headers,
            body,
        } = response;
        Self {
            status: i32::from(status),
            headers: headers
                .into_iter()
                .map(|(name, value)| NameValue { name, value })
                .collect(),
            body,
        }
    }
}

#[uniffi::export]
impl Core {
    /// Sends a request of the app with the account's session. A 401 makes the core validate the session: if it turns out to be
    /// gone, the call fails with `session_ended`; if not, the response is given as it came. Fails with `foreign_origin` for a
    /// path off the account's server; `invalid_argument` for a header that is not allowed; `suspended`, also for one that was
    /// under way when the app was suspended; `too_large`; `not_signed_in`, `session_ended`; and as the network does.
    #[uniffi::method(default(cancellation = None))]
    pub async fn request(
        &self,
        account: i64,
        request: Request,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Response, SteadfastError> {
        waits(cancellation, async {
            let Request {
                method,
                path,
                query,
                headers,
                body,
            } = request;
            let request = steadfast::Request {
                method: method.into(),
                path,
                query: pairs(query),
                headers: pairs(headers),
                body: body.map(
                    |Body {
                         content_type,
                         content,
                     }| (content_type, content),
                ),
            };
            let response = self.steadfast.request(AccountId(account), request).await?;
            Ok(response.into())
        })
        .await
    }

    /// Sends an action on the account's socket, such as `user_typing`, and gives the data of the server's reply, as JSON. An
    /// action that begins with `custom_` goes to a plugin and gets no reply: its data is `null`, and it may have been lost.
    /// `data` is a JSON object; nothing for none. Fails with `invalid_argument` for an action that is empty, longer than 128
    /// bytes, not plain ASCII or the core's own, or for data that is no object; `too_large` for a message above 8,192 bytes,
    /// which would cost the connection; `offline` while the socket is not live or content is covered; `timeout` without a reply
    /// within 10 seconds; `refused` if the server refused it; `rate_limited` if too many wait for a reply; `not_signed_in`,
    /// `session_ended`.
    #[uniffi::method(default(data = None, cancellation = None))]
    pub async fn send(
        &self,
        account: i64,
        action: String,
        data: Option<String>,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<String, SteadfastError> {
        waits(cancellation, async {
            let data = match data {
                Some(json) => serde_json::from_str(&json).map_err(|_| invalid("data"))?,
                None => serde_json::Value::Null,
            };
            let reply = self
                .steadfast
                .send(AccountId(account), &action, data)
                .await?;
            Ok(reply.to_string())
        })
        .await
    }
}
