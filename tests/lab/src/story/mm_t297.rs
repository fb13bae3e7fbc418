//! MM-T297: the user looks at the list of active sessions and logs them out one by one, the current one last.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures_util::future::join_all;
use steadfast_lab::{
    browser::{Browser, KINDS},
    device::message::{Command, Kind, SessionRow},
};

use crate::{
    people::{Actor, BY_ITSELF, EXPIRED, Stage},
    report::DeviceOutcome,
};

/// Attaching a push device id is owed to the server and comes after the sign-in; the label follows it.
const LABEL_DEADLINE: Duration = Duration::from_secs(20);
const LOOK_AGAIN: Duration = Duration::from_millis(500);

pub(super) async fn play(stage: &mut Stage<'_>, outcomes: &mut Vec<DeviceOutcome>) -> Result<()> {
    stage.everybody_signs_in().await?;
    let mut browsers = Vec::new();
    let (server, user) = (stage.server, &stage.server.user);
    for kind in KINDS {
        let (url, authorities) = (server.url(), server.authorities());
        stage
            .teller
            .tell(kind.name, &format!("{} signs in", user.name));
        browsers.push(Browser::sign_in(kind, url, authorities, &user.name, &user.password).await?);
    }
    stage.sessions_grow_up().await?;

    let mut own = Vec::new();
    for actor in &stage.devices {
        own.push(own_row(actor).await?.id);
    }
    let phone = stage.the(Kind::IPhone);
    phone.tell("opens Active Sessions");
    let rows = phone.active_sessions().await?;
    for row in &rows {
        let current = if row.current { " (this one)" } else { "" };
        phone.tell(&format!(
            "> {}{current}, {}, {}",
            row.label, row.os, row.browser
        ));
    }
    check_rows(stage, &rows, &own)?;

    let mut endings = Vec::new();
    for browser in &browsers {
        let label = browser.kind.label;
        let row = rows.iter().find(|row| row.label == label);
        let row = row.with_context(|| format!("no row \"{label}\" in the list"))?;
        phone.tell(&format!("presses \"Log Out\" on {label}"));
        end(phone, &row.id).await?;
    }
    for (actor, session) in stage.devices.iter().zip(&own).skip(1) {
        phone.tell(&format!("presses \"Log Out\" on {}", actor.kind.label()));
        let cause = actor.cause();
        end(phone, session).await?;
        endings.push(actor.shows_sign_in("logged out", cause, BY_ITSELF, Some(EXPIRED)));
    }
    outcomes.extend(join_all(endings).await);
    for browser in &browsers {
        if browser.is_signed_in().await? {
            bail!("{} is still signed in", browser.kind.name);
        }
    }

    phone.tell("presses \"Log Out\" on its own row");
    let cause = phone.cause();
    end(phone, &own[0]).await?;
    outcomes.push(
        phone
            .shows_sign_in("ends its own row, last", cause, BY_ITSELF, None)
            .await,
    );
    stage.everybody_signs_in().await
}

async fn end(actor: &Actor, session_id: &str) -> Result<()> {
    let session_id = session_id.to_owned();
    actor.perform(Command::EndSession { session_id }).await
}

/// The row that a device knows to be its own, once it bears the device's label.
async fn own_row(actor: &Actor) -> Result<SessionRow> {
    let asked = Instant::now();
    loop {
        let rows = actor.active_sessions().await?;
        let mut current = rows.into_iter().filter(|row| row.current);
        let row = current
            .next()
            .with_context(|| format!("{} finds no row of its own", actor.name))?;
        if current.next().is_some() {
            bail!("{} finds more than one row of its own", actor.name);
        }
        if row.label == actor.kind.label() {
            return Ok(row);
        }
        if asked.elapsed() > LABEL_DEADLINE {
            bail!(
                "{} is listed as \"{}\" instead of \"{}\"; perhaps this server does not take its device id",
                actor.name,
                row.label,
                actor.kind.label()
            );
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

fn check_rows(stage: &Stage<'_>, rows: &[SessionRow], own: &[String]) -> Result<()> {
    for (actor, session) in stage.devices.iter().zip(own) {
        let row = rows
            .iter()
            .find(|row| row.id == *session)
            .with_context(|| format!("the list lacks {}", actor.name))?;
        if row.label != actor.kind.label() {
            bail!("{} is listed as \"{}\"", actor.name, row.label);
        }
        if row.current != (actor.kind == Kind::IPhone) {
            bail!("the list marks another row than the iPhone's as the current one");
        }
        if row.first_active_at <= 0 || row.last_activity_at < row.first_active_at {
            bail!("{}: first and last activity make no sense", actor.name);
        }
    }
    Ok(())
}
