//! Files to and from the account's server: streamed, with progress, cancellable, and of constant memory.

use crate::api::{Method, Response, Steadfast};
use crate::engine::transfers::Running;
use crate::error::Error;
use crate::session::AccountId;
use std::path::PathBuf;

/// A file to be sent as the body of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// `Post` or `Put`; any other is [`Error::InvalidArgument`] with `method`.
    pub method: Method,
    /// Path on the account's server, as in [`Request::path`](crate::Request::path): `/api/v4/files`.
    pub path: String,
    /// Parameters, not yet encoded: for `/api/v4/files` the `channel_id` and the `filename`.
    pub query: Vec<(String, String)>,
    /// Further headers; those that belong to the core are refused.
    pub headers: Vec<(String, String)>,
    /// What the file is: `image/png`.
    pub content_type: String,
    /// The file. It must not change while it is sent.
    pub file: PathBuf,
}

impl Upload {
    /// A file posted to a path, without parameters.
    pub fn new(
        path: impl Into<String>,
        content_type: impl Into<String>,
        file: impl Into<PathBuf>,
    ) -> Self {
        Self {
            method: Method::Post,
            path: path.into(),
            query: Vec::new(),
            headers: Vec::new(),
            content_type: content_type.into(),
            file: file.into(),
        }
    }

    /// Adds a parameter.
    #[must_use]
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }
}

/// A file to be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// Path on the account's server, as in [`Request::path`](crate::Request::path): `/api/v4/files/…`.
    pub path: String,
    /// Parameters, not yet encoded.
    pub query: Vec<(String, String)>,
    /// Further headers; those that belong to the core are refused, and so are `Range` and `If-Range`.
    pub headers: Vec<(String, String)>,
    /// Where it is to be. Until it is whole it lies beside that under the same name with `.part` appended, and what tells
    /// its version in `.part.tag`; a file that is there is replaced.
    pub file: PathBuf,
    /// The first and the last byte that are wanted, from 0, both included; `None` for the whole file. A server that does not
    /// do ranges sends the whole file with status 200.
    pub range: Option<(i64, i64)>,
}

impl Download {
    /// The whole file of a path.
    pub fn new(path: impl Into<String>, file: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            query: Vec::new(),
            headers: Vec::new(),
            file: file.into(),
            range: None,
        }
    }
}

/// How far a transfer has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the file that were sent or stored, those of an earlier try that is gone on with included.
    pub done: i64,
    /// Bytes of the whole, if known.
    pub total: Option<i64>,
}

/// A transfer that is under way. Dropping this leaves it running to its end; any number of callers may wait for it.
#[derive(Clone)]
pub struct Transfer {
    running: Running,
}

impl std::fmt::Debug for Transfer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Transfer({:?})", self.progress())
    }
}

impl Transfer {
    /// How far it has come. Local and immediate.
    pub fn progress(&self) -> Progress {
        self.running.progress()
    }

    /// Waits until it has come further than `seen`, or to its end; gives how far it then is.
    pub async fn progress_after(&self, seen: Progress) -> Progress {
        self.running.progress_after(seen).await
    }

    /// Ends it: [`finished`](Self::finished) gives [`Error::Cancelled`], and of a download nothing is left. One that is over
    /// stays as it is. From any thread.
    pub fn cancel(&self) {
        self.running.cancel();
    }

    /// Waits for its end. The response is the server's, whatever its status: a file was stored, whole and under its name, if
    /// the status is 200 or 206, and then the body here is empty.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; [`Error::Suspended`] if the app was suspended: a download goes on from where it was when it is
    /// begun again; [`Error::File`] and [`Error::DiskFull`] for the file; [`Error::SessionEnded`]; [`Error::Timeout`] after 30
    /// seconds without a byte; [`Error::NotSignedIn`] and [`Error::NoSuchAccount`] if the account was signed out or forgotten
    /// meanwhile: of a download nothing is left then, nor after [`Error::SessionEnded`]; those of the network, after which a download can be gone on with as well.
    pub async fn finished(&self) -> Result<Response, Error> {
        self.running.finished().await
    }
}

impl Steadfast {
    /// Begins to send a file as the body of a request. A 401 is treated as in [`request`](Self::request).
    ///
    /// # Errors
    /// [`Error::ForeignOrigin`], [`Error::InvalidArgument`], [`Error::NoSuchAccount`], [`Error::NotSignedIn`],
    /// [`Error::SessionEnded`]; [`Error::File`] if there is no such file.
    pub async fn upload(&self, id: AccountId, upload: Upload) -> Result<Transfer, Error> {
        let engine = self.engine().clone();
        let running = self
            .engine()
            .run(async move { engine.upload(id, upload).await })
            .await?;
        Ok(Transfer { running })
    }

    /// Begins to fetch a file. A try that was interrupted is gone on with if the server says that the file is still the same.
    /// One that is to come to a file to which another is under way waits for that one's end.
    ///
    /// # Errors
    /// As [`upload`](Self::upload); [`Error::InvalidArgument`] for a range that is none.
    pub async fn download(&self, id: AccountId, download: Download) -> Result<Transfer, Error> {
        let engine = self.engine().clone();
        let running = self
            .engine()
            .run(async move { engine.download(id, download).await })
            .await?;
        Ok(Transfer { running })
    }
}
