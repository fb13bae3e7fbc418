//! Requests whose body, or whose answer, is a file: streamed, without a deadline for the whole, and of constant memory.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

use super::reply::Incoming;
use super::rest::{RequestParts, Rest};
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
        self.begin(request, body.map(reqwest::Body::wrap), None)
            .await
    }
}
