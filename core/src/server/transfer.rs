//! Requests whose body, or whose answer, is a file: streamed, without a deadline for the whole, and of constant memory.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

use super::rest::{RequestParts, Rest, failed};
use super::transport::TransportError;

/// A file on its way to the server. The chunks come from whoever reads the file.
pub struct FileBody {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    left: u64,
    sent: Box<dyn FnMut(usize) + Send + Sync>,
}

impl std::fmt::Debug for FileBody {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "FileBody({} bytes left)", self.left)
    }
}

impl FileBody {
    /// A body of exactly `length` bytes. `sent` is told of every chunk that the connection took.
    pub fn new(
        chunks: mpsc::Receiver<io::Result<Bytes>>,
        length: u64,
        sent: impl FnMut(usize) + Send + Sync + 'static,
    ) -> Self {
        Self {
            chunks,
            left: length,
            sent: Box::new(sent),
        }
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.chunks.poll_recv(context).map(|chunk| match chunk {
            Some(Ok(chunk)) => {
                let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
                let Some(left) = self.left.checked_sub(length) else {
                    return Some(Err(io::Error::from(io::ErrorKind::InvalidData)));
                };
                self.left = left;
                (self.sent)(chunk.len());
                Some(Ok(Frame::data(chunk)))
            }
            Some(Err(error)) => Some(Err(error)),
            None if self.left > 0 => Some(Err(io::Error::from(io::ErrorKind::UnexpectedEof))),
            None => None,
        })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// An answer whose body is still to be read.
pub struct Incoming {
    response: reqwest::Response,
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
        super::rest::without_secrets(self.response.headers())
    }

    /// How long the body will be, if the server said so.
    pub fn length(&self) -> Option<u64> {
        self.response.content_length()
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
}

impl Rest {
    /// Sends a request, with a file as its body if one is given, and gives the answer before its body was read. The deadline
    /// and the body limit of the request do not count.
    ///
    /// # Errors
    /// If the request may not be sent, or no answer came.
    pub async fn open(
        &self,
        request: RequestParts,
        body: Option<FileBody>,
    ) -> Result<Incoming, TransportError> {
        let request = self.prepared(request)?;
        let mut builder = self
            .pooled()
            .request(request.method, request.url)
            .headers(request.headers);
        if let Some(body) = body {
            builder = builder.body(reqwest::Body::wrap(body));
        }
        let response = builder.send().await.map_err(failed)?;
        Ok(Incoming { response })
    }
}
