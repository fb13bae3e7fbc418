//! The app's own calls to its server: authenticated by the core, so that the app never handles a token.

use crate::api::Steadfast;
use crate::error::Error;
use crate::session::AccountId;

/// How a request acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
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
    /// `HEAD`: the answer has no body. A Mattermost server itself knows it nowhere and says 404; what stands before it, and a
    /// plugin, may.
    Head,
}

/// A request of the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// How it acts.
    pub method: Method,
    /// Path on the account's server, below its sub-path, percent-encoded: `/api/v4/posts`.
    pub path: String,
    /// Parameters, not yet encoded.
    pub query: Vec<(String, String)>,
    /// Further headers. Those that belong to the core (`Authorization`, `Cookie`, `Host` and the like) are refused.
    pub headers: Vec<(String, String)>,
    /// Type and content of the body. At most 16 MiB.
    pub body: Option<(String, Vec<u8>)>,
}

impl Request {
    /// A request without parameters, headers or body.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
        }
    }

    /// Adds a JSON body.
    #[must_use]
    pub fn json(mut self, body: &serde_json::Value) -> Self {
        self.body = Some(("application/json".to_owned(), body.to_string().into_bytes()));
        self
    }

    /// Adds a parameter.
    #[must_use]
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }
}

/// What the server answered, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Headers, names in lower case, without those that could be used as a credential.
    pub headers: Vec<(String, String)>,
    /// The body, at most 16 MiB.
    pub body: Vec<u8>,
}

impl Steadfast {
    /// Sends a request of the app with the account's session. A 401 makes the core validate the session: if it turns out to
    /// be gone, the call gives [`Error::SessionEnded`]; if not, the response as it came.
    ///
    /// # Errors
    /// [`Error::ForeignOrigin`] for a path off the account's server; [`Error::InvalidArgument`] for a header that is not
    /// allowed; [`Error::Suspended`], also for one that was under way when the app was suspended; [`Error::TooLarge`]; [`Error::NotSignedIn`], [`Error::SessionEnded`]; those of the network.
    pub async fn request(&self, id: AccountId, request: Request) -> Result<Response, Error> {
        let engine = self.engine().clone();
        self.engine()
            .run(async move { engine.request(id, request).await })
            .await
    }
}
