//! MM-T418: a session ends while nobody looks at the app. A notification says so, once, and the sign-in page still says so
//! after a restart (MM-T420).

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use steadfast_lab::device::message::{Command, Event, Kind, Place, Screen, now_ms};

use crate::{
    people::{Actor, Cause, EXPIRED, Stage},
    report::DeviceOutcome,
};

/// A notification appears within a minute at most.
const A_MINUTE: Duration = Duration::from_secs(60);
/// Long enough for a second notification to appear, if there were one.
const A_LOOK: Duration = Duration::from_secs(3);

pub(super) async fn play(stage: &mut Stage<'_>, outcomes: &mut Vec<DeviceOutcome>) -> Result<()> {
    stage.everybody_signs_in().await?;
    let desktop = stage.the(Kind::Desktop);
    let phone = stage.the(Kind::IPhoneClassic);
    stage.sessions_of(vec![desktop, phone]).await?;

    let other = stage.the(Kind::IPhone);
    let rows = (own_session(desktop).await?, own_session(phone).await?);
    desktop.tell("another window gets the focus");
    desktop.perform(Command::Leave).await?;
    phone.tell("another app comes to the front");
    phone.perform(Command::Leave).await?;
    let left = (desktop.cause(), phone.cause());
    other.tell("opens Active Sessions and closes the desktop's and the iPhone classic's");
    for session_id in [rows.0, rows.1] {
        other.perform(Command::EndSession { session_id }).await?;
    }
    let ended = now_ms();

    let (on_desktop, on_phone) = tokio::join!(
        notified_while_running(desktop, left.0, ended),
        notified_in_grace_or_later(phone, left.1, ended)
    );
    outcomes.push(on_desktop);
    outcomes.push(on_phone?);

    let acknowledged = tokio::join!(acknowledged(desktop, left.0), acknowledged(phone, left.1));
    acknowledged.0.and(acknowledged.1)?;
    for kind in [Kind::Desktop, Kind::IPhoneClassic] {
        let actor = stage.the_mut(kind);
        actor.tell("is switched off and on again");
        actor.device.kill().await?;
        actor.device.start().await?;
    }
    tokio::time::sleep(A_LOOK).await;
    still_told_once(stage.the(Kind::Desktop), left.0)?;
    still_told_once(stage.the(Kind::IPhoneClassic), left.1)
}

async fn own_session(actor: &Actor) -> Result<String> {
    let rows = actor.active_sessions().await?;
    let own = rows.into_iter().find(|row| row.current);
    Ok(own
        .with_context(|| format!("{} finds no row of its own", actor.name))?
        .id)
}

/// When the user was told, and where.
async fn told(actor: &Actor, mark: usize, within: Duration) -> Option<(i64, Place)> {
    let told = actor
        .device
        .wait_for(mark, within, |entry| match &entry.event {
            Event::Told { about, place, .. } if about == "session_ended" => {
                Some((entry.at, *place))
            }
            _ => None,
        });
    told.await
}

fn judge(mut outcome: DeviceOutcome, told: Option<(i64, Place)>, ended: i64) -> DeviceOutcome {
    if !outcome.passed {
        return outcome;
    }
    match told {
        None => {
            outcome.passed = false;
            "no notification within a minute".clone_into(&mut outcome.detail);
        }
        Some((at, place)) => {
            let seconds = (at - ended).max(0) as f64 / 1000.0;
            let place = match place {
                Place::Tray => "notification",
                Place::Page => "told on the page",
            };
            outcome.detail = format!("{place} after {seconds:.1} s");
        }
    }
    outcome
}

async fn notified_while_running(desktop: &Actor, left: Cause, ended: i64) -> DeviceOutcome {
    let told = told(desktop, left.mark, A_MINUTE).await;
    let outcome = desktop
        .shows_sign_in("running without focus", left, A_MINUTE, Some(EXPIRED))
        .await;
    let in_tray = told.is_some_and(|(_, place)| place == Place::Tray);
    judge(outcome, told.filter(|_| in_tray), ended)
}

/// A phone is notified in its grace, or, when its system suspends the app before, at the next chance: here it is taken up
/// again.
async fn notified_in_grace_or_later(
    phone: &Actor,
    left: Cause,
    ended: i64,
) -> Result<DeviceOutcome> {
    let part = phone.lies_there(left).await?;
    let outcome = phone.is_opened(part).await?;
    let told = told(phone, left.mark, A_MINUTE).await;
    Ok(judge(outcome, told, ended))
}

/// The app has told its core that the user knows. A device that is switched off before tells its user again, rather than
/// never.
async fn acknowledged(actor: &Actor, left: Cause) -> Result<()> {
    let acknowledged = actor.device.wait_for(left.mark, A_MINUTE, |entry| {
        matches!(entry.event, Event::Acknowledged { .. }).then_some(())
    });
    acknowledged
        .await
        .with_context(|| format!("{} did not acknowledge its notice", actor.name))
}

/// After a restart the page is still there with its text, and nobody was told a second time.
fn still_told_once(actor: &Actor, left: Cause) -> Result<()> {
    let screen = actor.device.screen();
    let text = Some(EXPIRED.to_owned());
    ensure!(
        screen == Screen::SignIn { text },
        "{} {screen} after a restart",
        actor.name
    );
    let times = actor.device.told_from(left.mark, "session_ended").len();
    ensure!(times == 1, "{} told its user {times} times", actor.name);
    Ok(())
}
