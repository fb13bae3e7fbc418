//! The switches over HTTP, for servers in another process:
//! `POST {control_url}/<name>` with a JSON body, `GET {control_url}/state`.
//!
//! Names and bodies are those of [`Control`]'s methods; durations are
//! milliseconds. `edit_session` changes `expires_at` alone.

use super::Control;
use crate::push::proxy::PushAnswer;
use crate::state::settings::{Database, HealthQuery, Settings};
use crate::state::users::Role;
use crate::state::{Life, Shared};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Serves until the server ends; a restart does not touch it.
pub(crate) async fn serve(shared: Arc<Shared>, listener: TcpListener, task: watch::Receiver<()>) {
    let mut life = shared.life.subscribe();
    loop {
        tokio::select! {
            _ = life.wait_for(|life| *life == Life::Ended) => break,
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    tokio::spawn(serve_client(shared.clone(), stream, task.clone()));
                }
            }
        }
    }
    drop(task);
}

async fn serve_client(shared: Arc<Shared>, stream: TcpStream, task: watch::Receiver<()>) {
    let mut life = shared.life.subscribe();
    let service = service_fn(move |request| {
        let control = Control::new(shared.clone());
        async move { Ok::<_, std::convert::Infallible>(answer(&control, request).await) }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        result = connection => {
            if let Err(error) = result {
                tracing::debug!(%error, "control connection");
            }
        }
        _ = life.wait_for(|life| *life == Life::Ended) => {}
    }
    drop(task);
}

async fn answer(control: &Control, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let method = request.method().clone();
    let name = request.uri().path().trim_matches('/').to_owned();
    let body = match request.into_body().collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => Bytes::new(),
    };
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let result = if method == Method::GET {
        read(control, &name)
    } else {
        turn(control, &name, &body).await
    };
    let (status, body) = match result {
        Ok(body) => (StatusCode::OK, body),
        Err(error) => (StatusCode::BAD_REQUEST, json!({"error": error})),
    };
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    response
}

fn read(control: &Control, name: &str) -> Result<Value, String> {
    match name {
        "state" => Ok(state(control)),
        "requests" => Ok(json!(control.requests())),
        "pushes" => Ok(json!(control.pushes())),
        "live_sockets" => Ok(json!(control.live_sockets())),
        _ => Err(format!("there is no {name} to read")),
    }
}

fn state(control: &Control) -> Value {
    let world = control.shared.world();
    let users: Vec<(String, String)> = world
        .users
        .iter()
        .map(|user| (user.username.clone(), user.id.clone()))
        .collect();
    let settings = world.settings.clone();
    let replica_lag = world.replica_lag.as_millis() as u64;
    let stripped = world.stripped_headers.clone();
    drop(world);
    let users: serde_json::Map<String, Value> = users
        .into_iter()
        .map(|(name, id)| {
            let sessions = control.sessions(&id);
            (name, json!({"id": id, "sessions": sessions}))
        })
        .collect();
    json!({
        "up": matches!(*control.shared.life.borrow(), Life::Up(_)),
        "flavour": control.shared.flavour,
        "now_ms": control.now_ms(),
        "database": *control.shared.database.borrow(),
        "health_query": *control.shared.health_query.borrow(),
        "replica_lag": replica_lag,
        "strip_headers": stripped,
        "settings": settings,
        "users": users,
        "sockets": control.live_sockets(),
        "requests": control.request_count(),
    })
}

async fn turn(control: &Control, name: &str, body: &Value) -> Result<Value, String> {
    match name {
        "database" => control.database(field::<Database>(body, "state")?),
        "replica_lag" => control.replica_lag(milliseconds(body, "lag")?),
        "mfa_enforced" => control.mfa_enforced(field(body, "enforced")?),
        "restart" => control.restart(milliseconds(body, "down_for")?).await,
        "back_up" => control.back_up(),
        "put_back" => {
            if !control.has_backup() {
                return Err("there is no backup".into());
            }
            control.put_back(milliseconds(body, "down_for")?).await;
        }
        "clock_advance" => control.clock_advance(milliseconds(body, "by")?),
        "clock_set" => control.clock_set(field(body, "now_ms")?),
        "health_query" => control.health_query(field::<HealthQuery>(body, "state")?),
        "strip_headers" => control.strip_headers(field::<Vec<String>>(body, "names")?),
        "maintenance" => control.maintenance(field(body, "status")?),
        "hold_back" => control.hold_back(field::<Option<String>>(body, "path")?.as_deref()),
        "lose_resumes" => control.lose_resumes(field(body, "lose")?),
        "clear_token_cache" => control.clear_token_cache(),
        "settings" => {
            let patched = patched(&control.shared.world().settings, body)?;
            control.settings(|settings| *settings = patched);
        }
        "delete_session" => {
            return Ok(
                json!({"found": control.delete_session(&field::<String>(body, "session")?)}),
            );
        }
        "expire_session" => {
            return Ok(
                json!({"found": control.expire_session(&field::<String>(body, "session")?)}),
            );
        }
        "edit_session" => {
            let expires_at = field(body, "expires_at")?;
            let session: String = field(body, "session")?;
            let found = control.edit_session(&session, |session| session.expires_at = expires_at);
            return Ok(json!({ "found": found }));
        }
        "revoke_session" => {
            return Ok(
                json!({"found": control.revoke_session(&field::<String>(body, "session")?)}),
            );
        }
        "deactivate" => {
            control.deactivate(&known_user(control, body)?, field(body, "deactivated")?)
        }
        "enable_mfa" => {
            return Ok(json!({"secret": control.enable_mfa(&known_user(control, body)?)}));
        }
        "totp" => return Ok(json!({"code": control.totp(&known_user(control, body)?)})),
        "push_answer" => control.push_answer(field::<PushAnswer>(body, "answer")?),
        "run_expiry_job" => return Ok(json!({"found": control.run_expiry_job().await})),
        "auth_service" => control.auth_service(
            &known_user(control, body)?,
            &field::<String>(body, "service")?,
        ),
        "mailed_links" => return Ok(json!(control.mailed_links(&known_user(control, body)?))),
        "unlock" => control.unlock(&known_user(control, body)?),
        "create_user" => {
            let role = match field::<String>(body, "role").unwrap_or_default().as_str() {
                "admin" => Role::Admin,
                "tokens" => Role::UserWithAccessTokens,
                _ => Role::User,
            };
            let name: String = field(body, "name")?;
            let password: String = field(body, "password")?;
            return Ok(json!({"id": control.create_user(&name, &password, role)}));
        }
        "create_bot" => {
            return Ok(json!({"id": control.create_bot(&field::<String>(body, "name")?)}));
        }
        "create_access_token" => {
            let (id, token) = control.create_access_token(&known_user(control, body)?);
            return Ok(json!({"id": id, "token": token}));
        }
        "post" => {
            let message: String = field(body, "message")?;
            return Ok(json!({"id": control.post(&known_user(control, body)?, &message)}));
        }
        "sessions" => return Ok(json!(control.sessions(&known_user(control, body)?))),
        _ => return Err(format!("there is no switch {name}")),
    }
    Ok(json!({}))
}

fn field<T: DeserializeOwned>(body: &Value, name: &str) -> Result<T, String> {
    let value = body.get(name).ok_or_else(|| format!("{name} is missing"))?;
    T::deserialize(value).map_err(|error| format!("{name}: {error}"))
}

fn milliseconds(body: &Value, name: &str) -> Result<Duration, String> {
    field(body, name).map(Duration::from_millis)
}

fn known_user(control: &Control, body: &Value) -> Result<String, String> {
    let user: String = field(body, "user")?;
    control
        .user_id(&user)
        .ok_or_else(|| format!("there is no user {user}"))
}

fn patched(settings: &Settings, patch: &Value) -> Result<Settings, String> {
    let mut value = json!(settings);
    for (key, new) in patch.as_object().into_iter().flatten() {
        if value.get(key).is_none() {
            return Err(format!("there is no setting {key}"));
        }
        value[key] = new.clone();
    }
    serde_json::from_value(value).map_err(|error| error.to_string())
}
