//! One embedded server with the people of the recording, and everything the
//! data may ask to be done to it between the exchanges.

use crate::data::{Row, Scenario, Shapes};
use crate::http::{self, Answer, NoAnswer};
use crate::values::Values;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use steadfast_testserver::{
    Control, Database, Flavour, PushRecord, Role, Server, Session, Settings,
};

/// How long an answer may take that is not said to be slow.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Stage {
    pub(crate) values: Values,
    pub(crate) shapes: Arc<Shapes>,
    pub(crate) scale: u64,
    pub(crate) address: SocketAddr,
    server: Server,
    restart: Option<tokio::task::JoinHandle<()>>,
    pushes_seen: usize,
}

fn password(user: &str) -> String {
    match user {
        "sysadmin" => "Sys@dmin-pass1".into(),
        _ => format!("Passw0rd!{user}"),
    }
}

/// `alice#2` is alice's.
fn person(session: &str) -> &str {
    session.split('#').next().unwrap_or(session)
}

fn merge(settings: &mut Settings, changes: impl IntoIterator<Item = (String, Value)>) {
    let mut all = serde_json::to_value(&*settings).unwrap();
    for (key, value) in changes {
        assert!(all.get(&key).is_some(), "no setting is called {key}");
        all[key] = value;
    }
    *settings = serde_json::from_value(all).unwrap();
}

impl Stage {
    pub(crate) async fn build(scenario: &Scenario, shapes: Arc<Shapes>, flavour: Flavour) -> Self {
        let scale = scenario.scale;
        let mut builder = Server::builder()
            .flavour(flavour)
            .user("sysadmin", &password("sysadmin"), Role::Admin)
            .user("alice", &password("alice"), Role::UserWithAccessTokens);
        for name in ["bob", "carol", "dave", "erin", "frank", "mfa", "locked"] {
            builder = builder.user(name, &password(name), Role::User);
        }
        let changes = scenario.settings.clone();
        let server = builder
            .settings(|settings| {
                for time in [
                    &mut settings.database_connect_timeout_ms,
                    &mut settings.websocket_auth_grace_ms,
                    &mut settings.websocket_ping_ms,
                    &mut settings.websocket_pong_wait_ms,
                ] {
                    *time /= scale;
                }
                merge(settings, changes);
            })
            .start()
            .await
            .unwrap();
        let address = server.url().trim_start_matches("http://").parse().unwrap();
        let control = server.control();
        let mut values = Values::default();
        values.set("host", server.url().trim_start_matches("http://"));
        values.set("team:crew", control.team_id());
        values.set("channel:town-square", control.channel_id());
        for name in [
            "sysadmin",
            "alice",
            "bob",
            "carol",
            "dave",
            "erin",
            "frank",
            "mfa",
            "locked",
            "system-bot",
        ] {
            if let Some(id) = control.user_id(name) {
                values.set(format!("user:{name}"), id);
            }
        }
        Self {
            values,
            shapes,
            scale,
            address,
            server,
            restart: None,
            pushes_seen: 0,
        }
    }

    pub(crate) fn control(&self) -> &Control {
        self.server.control()
    }

    /// A time of the data as it is played.
    pub(crate) fn scaled(&self, ms: u64) -> Duration {
        Duration::from_micros(ms * 1000 / self.scale)
    }

    /// The session row of a token, as the database has it.
    pub(crate) fn row(&self, token: &str) -> Option<Session> {
        let mut found = None;
        self.control()
            .edit_session(token, |row| found = Some(row.clone()));
        found
    }

    /// The push messages since the last look. Waits for so many, and then a
    /// little for one too many.
    pub(crate) async fn new_pushes(&mut self, wanted: usize) -> Vec<PushRecord> {
        let all = self.pushes_seen + wanted;
        let control = self.control().clone();
        let last = async {
            while control.pushes().len() < all {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let _too_few = tokio::time::timeout(PATIENCE, last).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let new = control.pushes().split_off(self.pushes_seen);
        self.pushes_seen += new.len();
        new
    }

    /// In what a row differs from the expected one.
    pub(crate) fn compare_row(&self, wanted: &Row, token: &str) -> Vec<String> {
        let Some(row) = self.row(token) else {
            return vec!["there is no such session".into()];
        };
        let mut differences = Vec::new();
        if let Some(device_id) = &wanted.device_id
            && *device_id != row.device_id
        {
            differences.push(format!(
                "device id {device_id:?}, found {:?}",
                row.device_id
            ));
        }
        let hours = ((row.expires_at - row.create_at) as f64 / 3_600_000.0).round() as i64;
        if wanted.length_hours.is_some_and(|wanted| wanted != hours) {
            differences.push(format!("length {:?} h, found {hours}", wanted.length_hours));
        }
        if let Some(props) = &wanted.props {
            let mut found = row.props.clone();
            found.remove("csrf");
            if *props != found {
                differences.push(format!("props {props:?}, found {found:?}"));
            }
        }
        differences
    }

    async fn call(
        &self,
        method: &str,
        path: &str,
        bearer: Option<&str>,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Result<Answer, String> {
        let mut all: Vec<(String, String)> = headers
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect();
        if let Some(token) = bearer {
            all.push(("Authorization".into(), format!("Bearer {token}")));
        }
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        http::exchange(self.address, method, path, &all, body.as_bytes(), PATIENCE)
            .await
            .map_err(|error: NoAnswer| format!("{method} {path}: {error:?}"))
    }

    /// A call that has to succeed.
    async fn done(
        &self,
        method: &str,
        path: &str,
        by: &str,
        body: Option<Value>,
    ) -> Result<Answer, String> {
        let token = self.token(by)?;
        let answer = self.call(method, path, Some(&token), &[], body).await?;
        match answer.status {
            200 | 201 => Ok(answer),
            status => Err(format!("{method} {path} by {by}: {status}")),
        }
    }

    fn token(&self, session: &str) -> Result<String, String> {
        let name = if session.starts_with("pat:") {
            session.to_owned()
        } else {
            format!("token:{session}")
        };
        self.values.fill(&format!("<{name}>"))
    }

    /// Does what the data says, in order.
    pub(crate) async fn act_all(
        &mut self,
        actions: &[Value],
        opened: Option<Instant>,
    ) -> Result<(), String> {
        for action in actions {
            self.act(action, opened)
                .await
                .map_err(|why| format!("{action}: {why}"))?;
        }
        Ok(())
    }

    async fn act(&mut self, action: &Value, opened: Option<Instant>) -> Result<(), String> {
        let entries = action.as_object().ok_or("not an object")?;
        let (kind, argument) = entries.iter().next().ok_or("empty")?;
        let text = argument.as_str().unwrap_or_default();
        let number = argument.as_u64().unwrap_or_default();
        let option = |name: &str| entries.get(name).and_then(Value::as_str);
        let by = option("by").unwrap_or_default();
        match kind.as_str() {
            "login" => self.login(text, &option).await?,
            "me" => {
                let token = self.token(text)?;
                let answer = self
                    .call("GET", "/api/v4/users/me", Some(&token), &[], None)
                    .await?;
                let wanted = entries.get("status").and_then(Value::as_u64).unwrap_or(200);
                if u64::from(answer.status) != wanted {
                    return Err(format!("answered with {}", answer.status));
                }
            }
            "remember_etag" => {
                let answer = self.done("GET", "/api/v4/users/me", text, None).await?;
                let etag = answer.header("etag").ok_or("no etag")?.to_owned();
                self.values.set(format!("etag:{}", person(text)), etag);
            }
            "pat" => {
                let (id, token) = self.control().create_access_token(person(text));
                self.values.set(format!("pat:{text}"), token);
                self.values.set(format!("pat_id:{text}"), id);
            }
            "attach" => {
                let body = json!({"device_id": option("device_id")});
                self.done("PUT", "/api/v4/users/sessions/device", text, Some(body))
                    .await?;
            }
            "revoke" => {
                let under = match option("under") {
                    Some(user) => self.values.fill(&format!("<user:{user}>"))?,
                    None => "me".into(),
                };
                let session = self.values.fill(&format!("<session:{text}>"))?;
                self.revoke(&under, &session, by).await?;
            }
            "revoke_session_of_pat" => {
                let pat_id = self.values.fill(&format!("<pat_id:{text}>"))?;
                let session = self
                    .control()
                    .sessions(person(text))
                    .into_iter()
                    .find(|row| row.props.get("user_access_token_id") == Some(&pat_id))
                    .ok_or("no session of that access token")?;
                self.revoke("me", &session.id, by).await?;
            }
            "revoke_all_of" => {
                let user = self.values.fill(&format!("<user:{text}>"))?;
                let path = format!("/api/v4/users/{user}/sessions/revoke/all");
                self.done("POST", &path, by, None).await?;
            }
            "revoke_everyone_by" => {
                self.done("POST", "/api/v4/users/sessions/revoke/all", text, None)
                    .await?;
            }
            "logout" => {
                self.done("POST", "/api/v4/users/logout", text, None)
                    .await?;
            }
            "set_password" => {
                let user = self.values.fill(&format!("<user:{text}>"))?;
                let body = match option("current") {
                    Some(current) => {
                        json!({"current_password": current, "new_password": option("new")})
                    }
                    None => json!({"new_password": option("new")}),
                };
                let path = format!("/api/v4/users/{user}/password");
                self.done("PUT", &path, by, Some(body)).await?;
            }
            "failed_logins" => {
                let times = entries.get("times").and_then(Value::as_u64).unwrap_or(1);
                for _ in 0..times {
                    let body = json!({"login_id": text, "password": "not this one"});
                    self.call("POST", "/api/v4/users/login", None, &[], Some(body))
                        .await?;
                }
            }
            "post" => drop(self.control().post(text, "a post")),
            "generate_mfa" => drop(self.control().enable_mfa(text)),
            "totp" => {
                let code = self.control().totp(text);
                self.values.set(option("as").unwrap_or("totp"), code);
            }
            "same" => {
                let value = self.values.fill(&format!("<{text}>"))?;
                self.values.set(option("as").unwrap_or_default(), value);
            }
            "bot" => drop(self.control().create_bot(text)),
            "deactivate" => self.control().deactivate(text, true),
            "activate" => self.control().deactivate(text, false),
            "clear_token_cache" => self.control().clear_token_cache(),
            "database" => {
                let condition: Database =
                    serde_json::from_value(argument.clone()).map_err(|error| error.to_string())?;
                self.control().database(condition);
            }
            "settings" => {
                let changes = argument.as_object().cloned().unwrap_or_default();
                self.control().settings(|settings| merge(settings, changes));
            }
            "expire_row" | "expire_in_ms" => {
                let session = option("of").unwrap_or(text);
                let token = self.token(session)?;
                let by_ms = if kind == "expire_row" {
                    let minutes = entries.get("minutes").and_then(Value::as_i64);
                    -60_000 * minutes.unwrap_or(1)
                } else {
                    number as i64
                };
                let ends = self.control().now_ms() + by_ms;
                if !self
                    .control()
                    .edit_session(&token, |row| row.expires_at = ends)
                {
                    return Err("there is no such session".into());
                }
                if kind == "expire_in_ms" {
                    self.control().clear_token_cache();
                }
            }
            "delete_row" => {
                let token = self.token(text)?;
                if !self.control().delete_session(&token) {
                    return Err("there is no such session".into());
                }
            }
            "advance_minutes" => self
                .control()
                .clock_advance(Duration::from_secs(number * 60)),
            "advance_seconds" => self.control().clock_advance(Duration::from_secs(number)),
            "sleep_ms" => tokio::time::sleep(Duration::from_millis(number)).await,
            "age_ms" => {
                let opened = opened.ok_or("no socket")?;
                tokio::time::sleep_until((opened + self.scaled(number)).into()).await;
            }
            "push_stub" => self
                .control()
                .settings(|settings| settings.push_notifications = argument == &json!(true)),
            "expiry_job" => drop(self.control().run_expiry_job().await),
            "use_up_rate_limit" => self.use_up_rate_limit().await?,
            "restart_ms" => {
                let control = self.control().clone();
                self.restart = Some(tokio::spawn(async move {
                    control.restart(Duration::from_millis(number)).await;
                }));
            }
            "wait_until_up" => {
                if let Some(restart) = self.restart.take() {
                    restart.await.map_err(|error| error.to_string())?;
                }
            }
            _ => return Err("the embedded server does not offer this".into()),
        }
        Ok(())
    }

    async fn use_up_rate_limit(&self) -> Result<(), String> {
        for _ in 0..100 {
            let ping = self.call("GET", "/api/v4/system/ping", None, &[], None);
            if ping.await?.status == 429 {
                return Ok(());
            }
        }
        Err("100 requests, and no limit".into())
    }

    async fn revoke(&self, under: &str, session_id: &str, by: &str) -> Result<(), String> {
        let path = format!("/api/v4/users/{under}/sessions/revoke");
        let body = json!({"session_id": session_id});
        self.done("POST", &path, by, Some(body)).await.map(drop)
    }

    /// Signs in under the name of a session of the data.
    async fn login<'a>(
        &mut self,
        session: &str,
        option: &impl Fn(&str) -> Option<&'a str>,
    ) -> Result<(), String> {
        let user = person(session);
        let given = option("password").map_or_else(|| password(user), str::to_owned);
        let mut body = json!({"login_id": user, "password": given});
        if let Some(device_id) = option("device_id") {
            body["device_id"] = device_id.into();
        }
        let agent: Vec<(&str, &str)> = option("user_agent")
            .map(|agent| ("User-Agent", agent))
            .into_iter()
            .collect();
        let answer = self
            .call("POST", "/api/v4/users/login", None, &agent, Some(body))
            .await?;
        let token = answer
            .header("token")
            .ok_or_else(|| format!("refused with {}", answer.status))?
            .to_owned();
        self.know(session, &token)
    }

    /// Makes token, id and CSRF token of a session known by its name.
    pub(crate) fn know(&mut self, session: &str, token: &str) -> Result<(), String> {
        let row = self.row(token).ok_or("there is no such session")?;
        let csrf = row.props.get("csrf").cloned().unwrap_or_default();
        self.values.set(format!("token:{session}"), token);
        self.values.set(format!("session:{session}"), row.id);
        self.values.set(format!("csrf:{session}"), csrf);
        Ok(())
    }
}
