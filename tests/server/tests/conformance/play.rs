//! Playing one exchange and saying in what the server differs from the data.

use crate::data::{Exchange, Expected, Request};
use crate::http::{self, Answer, NoAnswer};
use crate::shape::compare;
use crate::stage::{PATIENCE, Stage};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A request with everything filled in.
pub(crate) struct Filled {
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// A time that a server keeps: nine tenths of it have to pass, and not more
/// than a slow machine explains.
pub(crate) fn time_is_off(wanted: Duration, took: Duration) -> Option<String> {
    let most = wanted * 2 + Duration::from_secs(5);
    (took < wanted * 9 / 10 || took > most).then(|| format!("after {took:?}, expected {wanted:?}"))
}

/// Plays an exchange; an empty list means that all of it was as expected.
pub(crate) async fn play(stage: &mut Stage, exchange: &Exchange) -> Vec<String> {
    if let Err(why) = stage.act_all(&exchange.before, None).await {
        return vec![format!("before: {why}")];
    }
    let mut differences = match (&exchange.request, &exchange.upgrade) {
        (Some(request), Some(upgrade)) => {
            crate::play_socket::play(stage, exchange, request, upgrade).await
        }
        (Some(request), None) => play_http(stage, exchange, request).await,
        (None, _) if exchange.pushes.is_some() => Vec::new(),
        (None, _) => play_user_agent(stage, exchange).await,
    };
    if let Some(wanted) = &exchange.pushes {
        differences.extend(compare_pushes(stage, wanted).await);
    }
    for (session, wanted) in exchange.expired_notify_after.iter().flatten() {
        let token = stage.values.get(&format!("token:{session}"));
        let row = token.and_then(|token| stage.row(token));
        let found = row.map(|row| row.expired_notify);
        if found != Some(*wanted) {
            differences.push(format!("expired_notify of {session} is {found:?}"));
        }
    }
    differences
}

/// What the push proxy got since the stage looked last.
async fn compare_pushes(stage: &mut Stage, wanted: &[Value]) -> Vec<String> {
    let found = stage.new_pushes(wanted.len()).await;
    if found.len() != wanted.len() {
        return vec![format!("{} push messages: {found:?}", found.len())];
    }
    let mut differences = Vec::new();
    for (wanted, found) in wanted.iter().zip(&found) {
        if wanted["path"] != found.path {
            differences.push(format!("a push message to {}", found.path));
        }
        if let Some(headers) = wanted.get("headers")
            && *headers != json!(found.headers)
        {
            differences.push(format!("push headers {:?}", found.headers));
        }
        differences.extend(compare(&mut stage.values, &wanted["body"], &found.body));
    }
    differences
}

async fn play_user_agent(stage: &mut Stage, exchange: &Exchange) -> Vec<String> {
    let login = json!({"login": "bob#1", "user_agent": exchange.user_agent});
    if let Err(why) = stage.act_all(&[login], None).await {
        return vec![why];
    }
    let token = stage
        .values
        .get("token:bob#1")
        .unwrap_or_default()
        .to_owned();
    match &exchange.row_after {
        Some(row) => stage.compare_row(row, &token),
        None => vec!["nothing to compare".into()],
    }
}

pub(crate) fn fill(stage: &Stage, request: &Request) -> Result<Filled, String> {
    let path = stage.values.fill(&request.path)?;
    let mut headers = Vec::new();
    if let Some(name) = &request.bearer {
        let token = stage.values.fill(&format!("<{name}>"))?;
        headers.push(("Authorization".into(), format!("Bearer {token}")));
    }
    for (name, value) in &request.headers {
        headers.push((name.clone(), stage.values.fill(value)?));
    }
    let body = match (&request.json, &request.text) {
        (Some(json), _) => {
            headers.push(("Content-Type".into(), "application/json".into()));
            stage.values.fill_json(json)?.to_string().into_bytes()
        }
        (None, Some(text)) => stage.values.fill(text)?.into_bytes(),
        (None, None) => Vec::new(),
    };
    Ok(Filled {
        path,
        headers,
        body,
    })
}

async fn play_http(stage: &mut Stage, exchange: &Exchange, request: &Request) -> Vec<String> {
    let Some(expected) = &exchange.expect else {
        return vec!["nothing to expect".into()];
    };
    let filled = match fill(stage, request) {
        Ok(filled) => filled,
        Err(why) => return vec![why],
    };
    let bearer = filled
        .headers
        .iter()
        .find_map(|(_, value)| value.strip_prefix("Bearer "))
        .map(str::to_owned);
    let mut differences = Vec::new();
    if let (Some(row), Some(token)) = (&exchange.row_before, &bearer) {
        differences.extend(
            stage
                .compare_row(row, token)
                .into_iter()
                .map(|difference| format!("before: {difference}")),
        );
    }
    let expiry = |stage: &Stage| {
        let row = bearer.as_deref().and_then(|token| stage.row(token));
        row.map(|row| row.expires_at)
    };
    let expiry_before = expiry(stage);
    let patience = match (&expected.transport, expected.took_ms) {
        (Some(_), Some(ms)) => stage.scaled(ms),
        _ => PATIENCE,
    };
    let ask = async || {
        http::exchange(
            stage.address,
            &request.method,
            &filled.path,
            &filled.headers,
            &filled.body,
            patience,
        )
        .await
    };
    let mut answer = ask().await;
    if expected.transport.is_some() && matches!(answer, Err(NoAnswer::Broken(_))) {
        // A server that is just closing its port resets who was waiting there; from then on it refuses.
        answer = ask().await;
    }
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let as_expected = match expected.transport.as_deref() {
                Some("connection refused") => error == NoAnswer::Refused,
                Some(_) => error == NoAnswer::Silence,
                None => false,
            };
            if !as_expected {
                differences.push(format!("no answer: {error:?}"));
            }
            return differences;
        }
    };
    if let Some(transport) = &expected.transport {
        differences.push(format!(
            "answered with {}, expected {transport}",
            answer.status
        ));
        return differences;
    }
    if let Some(ms) = expected.took_ms {
        differences.extend(time_is_off(stage.scaled(ms), answer.took));
    }
    differences.extend(compare_answer(stage, expected, &answer));
    if let Some(row) = &exchange.row_after {
        let token = answer.header("token").map(str::to_owned).or(bearer.clone());
        let found = token.map(|token| stage.compare_row(row, &token));
        differences.extend(found.unwrap_or_default());
    }
    if let Some(wanted) = exchange.expiry_moved_hours {
        let moved = match (expiry_before, expiry(stage)) {
            (Some(before), Some(after)) => (after - before) as f64 / 3_600_000.0,
            _ => f64::NAN,
        };
        let close_enough = (moved - wanted).abs() <= 0.1;
        if !close_enough {
            differences.push(format!("expiry moved by {moved} h, expected {wanted}"));
        }
    }
    differences
}

/// Status, headers and body.
pub(crate) fn compare_answer(
    stage: &mut Stage,
    expected: &Expected,
    answer: &Answer,
) -> Vec<String> {
    stage.values.next_answer();
    let mut differences = compare_head(stage, expected, answer.status, &answer.headers);
    if let Some(length) = answer.header("content-length")
        && length != answer.body.len().to_string()
        && !answer.body.is_empty()
    {
        differences.push(format!("length {length}, but {} came", answer.body.len()));
    }
    if let Some(body) = &expected.body {
        differences.extend(compare_body(stage, body, answer));
    }
    differences
}

/// Status and headers, with their order, spelling and values.
pub(crate) fn compare_head(
    stage: &mut Stage,
    expected: &Expected,
    status: u16,
    headers: &[(String, String)],
) -> Vec<String> {
    let mut differences = Vec::new();
    if expected.status != Some(status) {
        differences.push(format!("status {status}, expected {:?}", expected.status));
    }
    let Some(wanted) = &expected.headers else {
        return differences;
    };
    let wanted = stage.shapes.headers(wanted);
    let wanted: Vec<(&str, &str)> = wanted
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(|line| line.split_once(": ").unwrap_or((line, "")))
        .collect();
    let wanted_names: Vec<&str> = wanted.iter().map(|(name, _)| *name).collect();
    let found_names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    if wanted_names != found_names {
        differences.push(format!(
            "headers {found_names:?}, expected {wanted_names:?}"
        ));
        return differences;
    }
    for ((name, pattern), (_, value)) in wanted.iter().zip(headers) {
        if let Err(why) = stage.values.match_text(pattern, value) {
            differences.push(format!("{name}: {why}"));
        }
    }
    differences
}

fn compare_body(stage: &mut Stage, wanted: &Value, answer: &Answer) -> Vec<String> {
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    match wanted.as_str() {
        Some("empty") if text.is_empty() => return Vec::new(),
        Some("html") if text.contains("<html") => return Vec::new(),
        Some(kind) => return vec![format!("expected a body that is {kind}, found {text:?}")],
        None => {}
    }
    let newline = wanted["newline"].as_bool().unwrap_or(false);
    if let Some(error) = wanted["error"].as_str() {
        return compare_error(stage, wanted, error, answer.status, &text);
    }
    if let Some(pattern) = wanted["text"].as_str() {
        return stage
            .values
            .match_text(pattern, &text)
            .err()
            .into_iter()
            .collect();
    }
    let mut differences = Vec::new();
    if text.ends_with('\n') != newline {
        differences.push(format!("newline at the end: expected {newline}"));
    }
    let Ok(found) = serde_json::from_str::<Value>(&text) else {
        differences.push(format!("not JSON: {text:?}"));
        return differences;
    };
    if wanted.get("config").is_some() {
        differences.extend(compare_config(stage, &wanted["config"], &found));
    } else {
        let shape = stage.shapes.body(&wanted["json"]);
        differences.extend(compare(&mut stage.values, &shape, &found));
    }
    differences
}

/// Most of the configuration is left out of the data; what is there counts.
fn compare_config(stage: &mut Stage, wanted: &Value, found: &Value) -> Vec<String> {
    let mut differences = Vec::new();
    let Some(entries) = found.as_object() else {
        return vec!["the configuration is no object".into()];
    };
    if let Some((key, value)) = entries.iter().find(|(_, value)| !value.is_string()) {
        differences.push(format!("{key} is {value}, not a string"));
    }
    for (key, pattern) in wanted["values"].as_object().into_iter().flatten() {
        let (Some(pattern), Some(value)) =
            (pattern.as_str(), entries.get(key).and_then(Value::as_str))
        else {
            differences.push(format!("no {key}"));
            continue;
        };
        if let Err(why) = stage.values.match_text(pattern, value) {
            differences.push(format!("{key}: {why}"));
        }
    }
    for key in wanted["absent"].as_array().into_iter().flatten() {
        if key.as_str().is_some_and(|key| entries.contains_key(key)) {
            differences.push(format!("{key} is for signed-in users"));
        }
    }
    differences
}

fn compare_error(
    stage: &mut Stage,
    wanted: &Value,
    id: &str,
    status: u16,
    text: &str,
) -> Vec<String> {
    let prefix = wanted["text"].as_str().unwrap_or_default();
    let Some(json) = text.strip_prefix(prefix) else {
        return vec![format!("expected {prefix:?} in front, found {text:?}")];
    };
    let Ok(found) = serde_json::from_str::<Value>(json) else {
        return vec![format!("expected the error {id}, found {text:?}")];
    };
    let mut shape = json!({"id": id, "message": "<text>", "detailed_error": ""});
    if wanted["detail"] == true {
        shape["detailed_error"] = "<text>".into();
        if found["detailed_error"] == "" {
            return vec!["no detailed_error".into()];
        }
    }
    if wanted["request_id"] != false {
        shape["request_id"] = "<request_id>".into();
    }
    shape["status_code"] = wanted
        .get("status_code")
        .cloned()
        .unwrap_or_else(|| status.into());
    let mut differences = compare(&mut stage.values, &shape, &found);
    if found["message"] == "" {
        differences.push("no message".into());
    }
    let newline = wanted["newline"].as_bool().unwrap_or(false);
    if json.ends_with('\n') != newline {
        differences.push(format!("newline at the end: expected {newline}"));
    }
    differences
}

/// How long ago a socket was opened.
pub(crate) fn age(opened: Instant, at: Instant) -> Duration {
    at.saturating_duration_since(opened)
}
