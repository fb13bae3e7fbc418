//! Playing the steps of a socket.

use crate::data::{Exchange, Expected, Request, Step};
use crate::http;
use crate::play::{age, compare_answer, compare_head, fill, time_is_off};
use crate::shape::{compare, with_seq};
use crate::socket::{Seen, Socket, Upgrade};
use crate::stage::Stage;
use serde_json::Value;
use std::time::{Duration, Instant};

/// How long a step may take that the data knows as immediate.
const SOON: Duration = Duration::from_secs(4);
/// How long to wait for what comes some time.
const LONG: Duration = Duration::from_secs(30);
/// How long a silence is listened to.
const SILENCE: Duration = Duration::from_secs(2);
/// The socket beside the one that matters; it is read in the end only.
const CONTROL: &str = "control socket";
/// How long nothing more may come after the last step.
const AFTERWARDS: Duration = Duration::from_millis(300);

pub(crate) async fn play(
    stage: &mut Stage,
    exchange: &Exchange,
    request: &Request,
    upgrade: &Expected,
) -> Vec<String> {
    match run(stage, exchange, request, upgrade).await {
        Ok(()) => Vec::new(),
        Err(differences) => differences,
    }
}

fn one(difference: impl Into<String>) -> Vec<String> {
    vec![difference.into()]
}

fn bearer(stage: &Stage, session: &str) -> Result<Vec<(String, String)>, Vec<String>> {
    let token = stage
        .values
        .fill(&format!("<token:{session}>"))
        .map_err(one)?;
    Ok(vec![("Authorization".into(), format!("Bearer {token}"))])
}

async fn run(
    stage: &mut Stage,
    exchange: &Exchange,
    request: &Request,
    upgrade: &Expected,
) -> Result<(), Vec<String>> {
    let mut offset = 0;
    // Kept open until the end: a socket that still lives cannot be resumed.
    let mut _earlier = None;
    if let Some(steps) = &exchange.first {
        let headers = match &exchange.first_token {
            Some(session) => bearer(stage, session)?,
            None => {
                fill(
                    stage,
                    &Request {
                        path: "/".into(),
                        ..request.clone()
                    },
                )
                .map_err(one)?
                .headers
            }
        };
        let mut socket = connect(stage, &headers).await?;
        socket = steps_of(stage, socket, steps, "first connection").await?;
        if let Some(number) = asked_number(&request.path) {
            socket.settle(AFTERWARDS).await;
            let on_the_wire = socket.on_the_wire(number);
            offset = on_the_wire - number;
            stage
                .values
                .set(format!("seq:{number}"), on_the_wire.to_string());
        }
        if steps.last().is_none_or(|step| step.recv.is_some()) {
            _earlier = Some(socket);
        } else if steps.last().is_some_and(|step| step.drop_tcp) {
            socket.vanish().await;
        }
    }
    stage.act_all(&exchange.between, None).await.map_err(one)?;

    let filled = fill(stage, request).map_err(one)?;
    let began = Instant::now();
    let opened = Socket::open(
        stage.address,
        &filled.path,
        &filled.headers,
        exchange.answers_pings,
        offset,
    )
    .await
    .map_err(|error| one(format!("no answer: {error:?}")))?;
    let socket = match opened {
        Upgrade::Refused(head) => {
            let answer = http::read_body(head, false)
                .await
                .map_err(|error| one(format!("no answer: {error:?}")))?;
            let differences = compare_answer(stage, upgrade, &answer);
            return if differences.is_empty() {
                Ok(())
            } else {
                Err(differences)
            };
        }
        Upgrade::Done(mut socket, status, headers) => {
            let mut differences = compare_head(stage, upgrade, status, &headers);
            if !headers
                .iter()
                .any(|(_, value)| *value == Socket::accept_key())
            {
                differences.push("Sec-WebSocket-Accept is wrong".into());
            }
            if let Some(ms) = upgrade.took_ms {
                differences.extend(time_is_off(stage.scaled(ms), began.elapsed()));
                socket.upgraded += stage.scaled(ms);
            }
            if !differences.is_empty() {
                return Err(differences);
            }
            socket
        }
    };
    let mut control = match &exchange.control_token {
        Some(session) if !exchange.control.is_empty() => {
            let headers = bearer(stage, session)?;
            Some(connect(stage, &headers).await?)
        }
        _ => None,
    };
    let mut socket = steps_of(stage, socket, &exchange.steps, "socket").await?;
    let ended = exchange.steps.last().is_some_and(|step| step.tcp.is_some());
    if !ended && let Some((_, seen)) = socket.next(AFTERWARDS).await {
        return Err(one(format!("after the last step: {seen:?}")));
    }
    if let Some(control) = control.take() {
        let mut control = steps_of(stage, control, &exchange.control, CONTROL).await?;
        if let Some((_, seen)) = control.next(AFTERWARDS).await {
            return Err(one(format!(
                "on the control socket after the last step: {seen:?}"
            )));
        }
    }
    Ok(())
}

/// The number in `sequence_number=<seq:3>`.
fn asked_number(path: &str) -> Option<i64> {
    let (_, rest) = path.split_once("<seq:")?;
    rest.split('>').next()?.parse().ok()
}

async fn connect(stage: &Stage, headers: &[(String, String)]) -> Result<Socket, Vec<String>> {
    match Socket::open(stage.address, "/api/v4/websocket", headers, true, 0).await {
        Ok(Upgrade::Done(socket, _, _)) => Ok(socket),
        Ok(Upgrade::Refused(head)) => Err(one(format!("another socket: {}", head.status))),
        Err(error) => Err(one(format!("another socket: {error:?}"))),
    }
}

async fn steps_of(
    stage: &mut Stage,
    mut socket: Socket,
    steps: &[Step],
    which: &str,
) -> Result<Socket, Vec<String>> {
    let mut before = Instant::now();
    let mut caused_by_us = which == CONTROL;
    for (index, step) in steps.iter().enumerate() {
        let label = |why: String| one(format!("{which}, step {}: {why}", index + 1));
        let timed = Timed {
            before,
            caused_by_us,
            opened: socket.opened,
            upgraded: socket.upgraded,
        };
        // The server may have what is sent before we know that it was.
        let began = Instant::now();
        let seen = play_step(stage, &mut socket, step, &timed)
            .await
            .map_err(label)?;
        before = seen.unwrap_or(began);
        caused_by_us = which == CONTROL || step.r#do.is_some() || step.silence_ms.is_some();
    }
    Ok(socket)
}

/// From when the times of a step count.
struct Timed {
    before: Instant,
    /// The step before was of our making, and took as long as we took.
    caused_by_us: bool,
    opened: Instant,
    /// The same, as early as it can have been at the server.
    upgraded: Instant,
}

/// Answers when the server did what was waited for.
async fn play_step(
    stage: &mut Stage,
    socket: &mut Socket,
    step: &Step,
    timed: &Timed,
) -> Result<Option<Instant>, String> {
    let slow = step.at_ms.is_some() || step.after_ms.is_some_and(|ms| ms >= 1000);
    let patience = if slow || step.recv.is_some() {
        LONG
    } else {
        SOON
    };
    let wanted_age = step.at_ms.map(|ms| stage.scaled(ms));
    let wanted_wait = step
        .after_ms
        .filter(|ms| *ms >= 1000 && !timed.caused_by_us && step.seq.is_some())
        .map(|ms| stage.scaled(ms));
    let check_time = |at: Instant| {
        let off = match (wanted_age, wanted_wait) {
            (Some(wanted), _) => time_is_off(wanted, age(timed.upgraded, at)),
            (None, Some(wanted)) => time_is_off(wanted, age(timed.before, at)),
            (None, None) => None,
        };
        off.map_or(Ok(Some(at)), Err)
    };
    if let Some(actions) = &step.r#do {
        stage.act_all(actions, Some(timed.opened)).await?;
        return Ok(None);
    }
    if let Some(message) = &step.send {
        let text = match message {
            Value::String(text) => stage.values.fill(text)?,
            other => stage.values.fill_json(other)?.to_string(),
        };
        socket.send_text(&text).await;
        return Ok(None);
    }
    if let Some(payload) = &step.send_ws_ping {
        socket.send_ping(payload).await;
        return Ok(None);
    }
    if let Some(code) = step.send_close {
        socket.send_close(code).await;
        return Ok(None);
    }
    if step.drop_tcp {
        return Ok(None);
    }
    if let Some(ms) = step.silence_ms {
        return match socket.next(stage.scaled(ms).min(SILENCE)).await {
            None => Ok(None),
            Some((_, seen)) => Err(format!("expected silence, found {seen:?}")),
        };
    }
    if let Some(nth) = step.recv_ws_ping {
        let at = socket.next_ping(LONG).await;
        let at = at.ok_or_else(|| format!("protocol ping {nth} did not come"))?;
        return check_time(at);
    }
    let (at, seen) = socket
        .next(patience)
        .await
        .ok_or_else(|| format!("nothing came within {patience:?}"))?;
    if let Some(shape) = &step.recv {
        let Seen::Message(message) = &seen else {
            return Err(format!("expected {shape}, found {seen:?}"));
        };
        let mut message = message.clone();
        if let Some(seq) = message.get("seq").and_then(Value::as_i64) {
            message["seq"] = socket.in_the_data(seq).into();
        }
        let wanted = with_seq(&stage.shapes.body(shape), step.seq);
        let differences = compare(&mut stage.values, &wanted, &message);
        if !differences.is_empty() {
            return Err(format!("{shape}: {differences:?} in {message}"));
        }
        return check_time(at);
    }
    if let Some(payload) = &step.recv_ws_pong {
        return match &seen {
            Seen::Pong(found) if found == payload => Ok(Some(at)),
            _ => Err(format!("expected a protocol pong, found {seen:?}")),
        };
    }
    if let Some(close) = &step.close {
        return match &seen {
            Seen::Close { code, reason }
                if *code == Some(close.code) && *reason == close.reason =>
            {
                Ok(Some(at))
            }
            _ => Err(format!(
                "expected a close frame {}, found {seen:?}",
                close.code
            )),
        };
    }
    if let Some(end) = &step.tcp {
        return match &seen {
            Seen::End(found) if found == end => check_time(at),
            _ => Err(format!("expected {end}, found {seen:?}")),
        };
    }
    Err("an empty step".into())
}
