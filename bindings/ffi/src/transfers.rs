//! Files to and from the account's server: streamed, with progress, cancellable, and of constant memory.

use crate::core::Core;
use crate::error::SteadfastError;
use crate::guard::{Cancellation, at_once, waits};
use crate::requests::{Method, NameValue, Response, pairs};
use std::sync::Arc;
use steadfast::AccountId;

/// A file to be sent as the body of a request.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Upload {
    /// `Post` or `Put`; any other is `invalid_argument` with `method`.
    pub method: Method,
    /// Path on the account's server, below its sub-path, percent-encoded: `/api/v4/files`.
    pub path: String,
    /// What the file is: `image/png`.
    pub content_type: String,
    /// The file's place on the disk. It must not change while it is sent.
    pub file: String,
    /// Parameters, not yet encoded: for `/api/v4/files` the `channel_id` and the `filename`.
    #[uniffi(default = [])]
    pub query: Vec<NameValue>,
    /// Further headers; those that belong to the core are refused.
    #[uniffi(default = [])]
    pub headers: Vec<NameValue>,
}

/// A part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct ByteRange {
    /// The first byte, from 0.
    pub first: i64,
    /// The last byte, included.
    pub last: i64,
}

/// A file to be fetched.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Download {
    /// Path on the account's server, below its sub-path, percent-encoded: `/api/v4/files/…`.
    pub path: String,
    /// Where it is to be on the disk. Until it is whole it lies beside that under the same name with `.part` appended, and
    /// what tells its version in `.part.tag`; a file that is there is replaced.
    pub file: String,
    /// The part that is wanted; nothing for the whole file. A server that does not do ranges sends the whole file with status
    /// 200.
    #[uniffi(default = None)]
    pub range: Option<ByteRange>,
    /// Parameters, not yet encoded.
    #[uniffi(default = [])]
    pub query: Vec<NameValue>,
    /// Further headers; those that belong to the core are refused, and so are `Range` and `If-Range`.
    #[uniffi(default = [])]
    pub headers: Vec<NameValue>,
}

/// How far a transfer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct Progress {
    /// Bytes of the file that were sent or stored, those of an earlier try that is gone on with included.
    pub done: i64,
    /// Bytes of the whole, if known.
    pub total: Option<i64>,
}

impl From<steadfast::Progress> for Progress {
    fn from(progress: steadfast::Progress) -> Self {
        let steadfast::Progress { done, total } = progress;
        Self { done, total }
    }
}

impl From<Progress> for steadfast::Progress {
    fn from(progress: Progress) -> Self {
        let Progress { done, total } = progress;
        Self { done, total }
    }
}

/// A transfer that is under way. Letting go of it leaves it running to its end; any number of callers may wait for it.
#[derive(Debug, uniffi::Object)]
pub struct Transfer {
    transfer: steadfast::Transfer,
}

#[uniffi::export]
impl Transfer {
    /// How far it has come. Local and immediate.
    pub fn progress(&self) -> Result<Progress, SteadfastError> {
        at_once(|| Ok(self.transfer.progress().into()))
    }

    /// Waits until it has come further than `seen`, or to its end; gives how far it then is.
    #[uniffi::method(default(cancellation = None))]
    pub async fn progress_after(
        &self,
        seen: Progress,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Progress, SteadfastError> {
        waits(cancellation, async {
            Ok(self.transfer.progress_after(seen.into()).await.into())
        })
        .await
    }

    /// Ends it: `finished` fails with `cancelled`, and of a download nothing is left. One that is over stays as it is. From
    /// any thread, immediate.
    pub fn cancel(&self) {
        self.transfer.cancel();
    }

    /// Waits for its end. The response is the server's, whatever its status: a file was stored, whole and under its name, if
    /// the status is 200 or 206, and then the body here is empty. A cancellation ends the waiting only. Fails with
    /// `cancelled`; `suspended` if the app was suspended: a download goes on from where it was when it is begun again; `file`
    /// and `disk_full` for the file; `session_ended`; `timeout` after 30 seconds without a byte; `not_signed_in` and
    /// `no_such_account` if the account was signed out or forgotten meanwhile: of a download nothing is left then, nor after
    /// `session_ended`; and as the network does, after which a download can be gone on with as well.
    #[uniffi::method(default(cancellation = None))]
    pub async fn finished(
        &self,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Response, SteadfastError> {
        waits(cancellation, async {
            Ok(self.transfer.finished().await?.into())
        })
        .await
    }
}

#[uniffi::export]
impl Core {
    /// Begins to send a file as the body of a request. A 401 is treated as in `request`. Fails with `foreign_origin`,
    /// `invalid_argument`, `no_such_account`, `not_signed_in`, `session_ended`; `file` if there is no such file.
    #[uniffi::method(default(cancellation = None))]
    pub async fn upload(
        &self,
        account: i64,
        upload: Upload,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Arc<Transfer>, SteadfastError> {
        waits(cancellation, async {
            let Upload {
                method,
                path,
                content_type,
                file,
                query,
                headers,
            } = upload;
            let upload = steadfast::Upload {
                method: method.into(),
                path,
                query: pairs(query),
                headers: pairs(headers),
                content_type,
                file: file.into(),
            };
            let transfer = self.steadfast.upload(AccountId(account), upload).await?;
            Ok(Arc::new(Transfer { transfer }))
        })
        .await
    }

    /// Begins to fetch a file. A try that was interrupted is gone on with if the server says that the file is still the same.
    /// One that is to come to a file to which another is under way waits for that one's end. Fails as `upload`;
    /// `invalid_argument` for a range that is none.
    #[uniffi::method(default(cancellation = None))]
    pub async fn download(
        &self,
        account: i64,
        download: Download,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Arc<Transfer>, SteadfastError> {
        waits(cancellation, async {
            let Download {
                path,
                file,
                range,
                query,
                headers,
            } = download;
            let download = steadfast::Download {
                path,
                query: pairs(query),
                headers: pairs(headers),
                file: file.into(),
                range: range.map(|ByteRange { first, last }| (first, last)),
            };
            let transfer = self
                .steadfast
                .download(AccountId(account), download)
                .await?;
            Ok(Arc::new(Transfer { transfer }))
        })
        .await
    }
}
