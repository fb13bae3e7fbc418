//! HTTP/1.1 as raw as it takes to see header order, spelling and the end of
//! the body. One connection per request.

use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer as it stood on the wire.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) took: Duration,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Why there was no answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    Refused,
    Silence,
    Broken(String),
}

fn broken(error: impl std::fmt::Display) -> NoAnswer {
    NoAnswer::Broken(error.to_string())
}

/// A connection on which the head of an answer has been read.
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) stream: TcpStream,
    /// What was read beyond the head.
    pub(crate) rest: Vec<u8>,
    pub(crate) began: Instant,
}

/// Sends a request and reads the whole answer, for at most so long.
pub(crate) async fn exchange(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(String, String)],
    body: &[u8],
    patience: Duration,
) -> Result<Answer, NoAnswer> {
    let reading = async {
        let head = request(address, method, path, headers, body).await?;
        read_body(head, method == "HEAD").await
    };
    tokio::time::timeout(patience, reading)
        .await
        .unwrap_or(Err(NoAnswer::Silence))
}

/// Sends a request and reads the head of the answer.
pub(crate) async fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(String, String)],
    body: &[u8],
) -> Result<Head, NoAnswer> {
    let began = Instant::now();
    let mut stream = TcpStream::connect(address)
        .await
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::ConnectionRefused => NoAnswer::Refused,
            _ => broken(error),
        })?;
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() || matches!(method, "POST" | "PUT") {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    stream.write_all(text.as_bytes()).await.map_err(broken)?;
    let mut buffer = Vec::new();
    let mut sent = 0;
    loop {
        if let Some((status, headers, length)) = parse_head(&buffer)? {
            let rest = buffer.split_off(length);
            return Ok(Head {
                status,
                headers,
                stream,
                rest,
                began,
            });
        }
        // A server may answer before it has read all of a large body, and
        // then stop reading; the answer counts.
        if sent < body.len() {
            let (mut reader, mut writer) = stream.split();
            tokio::select! {
                read = reader.read_buf(&mut buffer) => {
                    if read.map_err(broken)? == 0 {
                        return Err(broken("closed before the answer"));
                    }
                }
                written = writer.write(&body[sent..]) => match written {
                    Ok(count) => sent += count,
                    Err(_) => sent = body.len(),
                },
            }
        } else if stream.read_buf(&mut buffer).await.map_err(broken)? == 0 {
            return Err(broken("closed before the answer"));
        }
    }
}

type ParsedHead = (u16, Vec<(String, String)>, usize);

fn parse_head(buffer: &[u8]) -> Result<Option<ParsedHead>, NoAnswer> {
    let mut lines = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut lines);
    let httparse::Status::Complete(length) = response.parse(buffer).map_err(broken)? else {
        return Ok(None);
    };
    let headers = response
        .headers
        .iter()
        .map(|line| {
            (
                line.name.to_owned(),
                String::from_utf8_lossy(line.value).into_owned(),
            )
        })
        .collect();
    Ok(Some((response.code.unwrap_or(0), headers, length)))
}

/// Reads the body that belongs to a head.
pub(crate) async fn read_body(head: Head, head_only: bool) -> Result<Answer, NoAnswer> {
    let Head {
        status,
        headers,
        mut stream,
        mut rest,
        began,
    } = head;
    let header = |name: &str| {
        headers
            .iter()
            .find(|(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.clone())
    };
    let body = if head_only || status == 304 || status == 204 {
        Vec::new()
    } else if let Some(length) = header("content-length") {
        let length: usize = length.parse().map_err(broken)?;
        while rest.len() < length {
            if stream.read_buf(&mut rest).await.map_err(broken)? == 0 {
                return Err(broken("closed within the body"));
            }
        }
        rest.truncate(length);
        rest
    } else if header("transfer-encoding").is_some_and(|coding| coding == "chunked") {
        read_chunks(&mut stream, rest).await?
    } else {
        stream.read_to_end(&mut rest).await.map_err(broken)?;
        rest
    };
    Ok(Answer {
        status,
        headers,
        body,
        took: began.elapsed(),
    })
}

async fn read_chunks(stream: &mut TcpStream, mut buffer: Vec<u8>) -> Result<Vec<u8>, NoAnswer> {
    let mut body = Vec::new();
    loop {
        match httparse::parse_chunk_size(&buffer) {
            Ok(httparse::Status::Complete((start, size))) => {
                let end = start + size as usize;
                if buffer.len() >= end + 2 {
                    if size == 0 {
                        return Ok(body);
                    }
                    body.extend_from_slice(&buffer[start..end]);
                    buffer.drain(..end + 2);
                    continue;
                }
            }
            Ok(httparse::Status::Partial) => {}
            Err(_) => return Err(broken("a malformed chunk")),
        }
        if stream.read_buf(&mut buffer).await.map_err(broken)? == 0 {
            return Err(broken("closed within a chunk"));
        }
    }
}
