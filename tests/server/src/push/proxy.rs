//! A stand-in for the push proxy: takes messages on a port of its own, keeps
//! them, and answers as tests want it to.

use crate::state::Life;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A message that the push proxy was sent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PushRecord {
    /// Path of the request.
    pub path: String,
    /// Names of its headers in their order, in Go's spelling.
    pub headers: Vec<String>,
    /// The message.
    pub body: Value,
}

/// How the push proxy answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PushAnswer {
    /// The message is on its way.
    #[default]
    Ok,
    /// The device is not registered any more.
    Remove,
    /// An error of the proxy itself.
    Fail,
}

pub(crate) struct PushProxy {
    address: SocketAddr,
    records: Mutex<Vec<PushRecord>>,
    changed: watch::Sender<usize>,
    pub(crate) answer: watch::Sender<PushAnswer>,
}

impl PushProxy {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            records: Mutex::default(),
            changed: watch::Sender::new(0),
            answer: watch::Sender::new(PushAnswer::Ok),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn all(&self) -> Vec<PushRecord> {
        self.records.lock().unwrap().clone()
    }

    fn keep(&self, record: PushRecord) {
        let mut records = self.records.lock().unwrap();
        records.push(record);
        let count = records.len();
        drop(records);
        self.changed.send_replace(count);
    }

    pub(crate) async fn wait_for(&self, predicate: impl Fn(&PushRecord) -> bool) -> PushRecord {
        let mut changes = self.changed.subscribe();
        loop {
            changes.borrow_and_update();
            if let Some(found) = self.all().into_iter().find(|record| predicate(record)) {
                return found;
            }
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

/// Serves until the server ends; a restart does not touch it.
pub(crate) async fn serve(
    proxy: Arc<PushProxy>,
    listener: TcpListener,
    life: watch::Receiver<Life>,
    task: watch::Receiver<()>,
) {
    let mut ends = life.clone();
    loop {
        tokio::select! {
            _ = ends.wait_for(|life| *life == Life::Ended) => break,
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    tokio::spawn(serve_client(proxy.clone(), stream, life.clone(), task.clone()));
                }
            }
        }
    }
    drop(task);
}

async fn serve_client(
    proxy: Arc<PushProxy>,
    stream: TcpStream,
    mut life: watch::Receiver<Life>,
    task: watch::Receiver<()>,
) {
    let service = service_fn(move |request| {
        let proxy = proxy.clone();
        async move { Ok::<_, std::convert::Infallible>(take(&proxy, request).await) }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        result = connection => {
            if let Err(error) = result {
                tracing::debug!(%error, "push proxy connection");
            }
        }
        _ = life.wait_for(|life| *life == Life::Ended) => {}
    }
    drop(task);
}

async fn take(proxy: &PushProxy, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path().to_owned();
    let headers = names(request.headers());
    let body = match request.into_body().collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => Bytes::new(),
    };
    proxy.keep(PushRecord {
        path,
        headers,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    });
    let answer = *proxy.answer.borrow();
    let (status, body) = match answer {
        PushAnswer::Ok => (StatusCode::OK, json!({"status": "OK"})),
        PushAnswer::Remove => (StatusCode::OK, json!({"status": "REMOVE"})),
        PushAnswer::Fail => (
            StatusCode::INTERNAL_SERVER_ERROR,
            json!({"status": "FAIL", "error": "unavailable"}),
        ),
    };
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    response
}

/// `accept-encoding` is `Accept-Encoding` on the wire.
fn names(headers: &HeaderMap) -> Vec<String> {
    headers
        .keys()
        .map(|name| {
            let words: Vec<String> = name
                .as_str()
                .split('-')
                .map(|word| {
                    let mut letters = word.chars();
                    letters.next().map_or_else(String::new, |first| {
                        first.to_uppercase().chain(letters).collect()
                    })
                })
                .collect();
            words.join("-")
        })
        .collect()
}
