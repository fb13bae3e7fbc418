//! The control port: [`Control`] over HTTP and JSON, for tests in other languages that start the
//! proxy as a process. It listens on loopback and has no secrets to guard.
//!
//! `POST /do` takes one [`Command`] or an array of them. `GET /report` tells the counts.
//! `GET /wait?accepted=N`, `?open=N` or `?method=GET&path=/x&after=NUMBER` answers once that is so
//! (200) or after `timeout_ms` (408; 10 seconds unless told).

use std::{convert::Infallible, io, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};

use crate::{
    control::{Command, Control},
    state::SeenRequest,
};

const WAIT: Duration = Duration::from_secs(10);
const LARGEST_COMMAND: usize = 16 * 1024 * 1024;

/// A running control port. Dropping it closes the port.
#[derive(Debug)]
pub struct Remote {
    addr: SocketAddr,
    serving: JoinHandle<()>,
}

impl Remote {
    /// Opens a control port on loopback; to be called within a tokio runtime.
    ///
    /// # Errors
    /// If no port can be had.
    pub async fn start(control: Control) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let addr = listener.local_addr()?;
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                while connections.try_join_next().is_some() {}
                let control = control.clone();
                connections.spawn(async move {
                    let service = service_fn(|request| respond(&control, request));
                    let served = http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                    if let Err(error) = served {
                        tracing::debug!(%error, "a control connection broke");
                    }
                });
            }
        });
        Ok(Self { addr, serving })
    }

    /// Its URL, without a final slash.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn respond(
    control: &Control,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let (status, answer) = match (&parts.method, parts.uri.path()) {
        (&Method::POST, "/do") => act(control, body).await,
        (&Method::GET, "/report") => (StatusCode::OK, json!(control.report())),
        (&Method::GET, "/wait") => wait(control, parts.uri.query().unwrap_or_default()).await,
        _ => refuse(StatusCode::NOT_FOUND, "POST /do, GET /report, GET /wait"),
    };
    let mut response = Response::new(Full::from(answer.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/json"),
    );
    Ok(response)
}

fn refuse(status: StatusCode, why: impl Into<String>) -> (StatusCode, Value) {
    (status, json!({ "error": why.into() }))
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Commands {
    Many(Vec<Command>),
    One(Command),
}

async fn act(control: &Control, body: Incoming) -> (StatusCode, Value) {
    let body = match Limited::new(body, LARGEST_COMMAND).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return refuse(StatusCode::BAD_REQUEST, error.to_string()),
    };
    let commands = match serde_json::from_slice(&body) {
        Ok(Commands::Many(commands)) => commands,
        Ok(Commands::One(command)) => vec![command],
        Err(error) => return refuse(StatusCode::BAD_REQUEST, error.to_string()),
    };
    for command in commands {
        if let Err(why) = control.run(command) {
            return refuse(StatusCode::BAD_REQUEST, why);
        }
    }
    (StatusCode::OK, json!(control.report()))
}

#[derive(Default)]
struct Wish {
    accepted: Option<u64>,
    open: Option<u64>,
    method: Option<String>,
    path: Option<String>,
    after: u64,
    timeout: Option<Duration>,
}

impl Wish {
    fn parse(query: &str) -> Result<Self, String> {
        let mut wish = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let number = || {
                value
                    .parse::<u64>()
                    .map_err(|_| format!("{name} is no number"))
            };
            match &*name {
                "accepted" => wish.accepted = Some(number()?),
                "open" => wish.open = Some(number()?),
                "method" => wish.method = Some(value.into_owned()),
                "path" => wish.path = Some(value.into_owned()),
                "after" => wish.after = number()?,
                "timeout_ms" => wish.timeout = Some(Duration::from_millis(number()?)),
                _ => return Err(format!("{name} cannot be waited for")),
            }
        }
        Ok(wish)
    }

    fn is_for(&self, request: &SeenRequest) -> bool {
        let is = |wish: &Option<String>, value: &str| wish.as_deref().is_none_or(|w| w == value);
        request.number > self.after
            && is(&self.method, &request.method)
            && is(&self.path, &request.path)
    }
}

async fn wait(control: &Control, query: &str) -> (StatusCode, Value) {
    let wish = match Wish::parse(query) {
        Ok(wish) => wish,
        Err(why) => return refuse(StatusCode::BAD_REQUEST, why),
    };
    let granted = async {
        if let Some(count) = wish.accepted {
            control.wait_for_connection(count).await;
        }
        if let Some(count) = wish.open {
            control.wait_for_open(count).await;
        }
        if wish.method.is_some() || wish.path.is_some() {
            let request = control
                .wait_for_request(|request| wish.is_for(request))
                .await;
            return json!({ "request": request });
        }
        json!({})
    };
    match tokio::time::timeout(wish.timeout.unwrap_or(WAIT), granted).await {
        Ok(granted) => (StatusCode::OK, granted),
        Err(_) => refuse(StatusCode::REQUEST_TIMEOUT, "not within the time given"),
    }
}
