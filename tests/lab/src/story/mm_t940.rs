//! MM-T940: an administrator revokes all sessions, and every device goes to the sign-in page by itself, the
//! administrator's own included.

use anyhow::{Result, ensure};
use futures_util::future::join_all;
use steadfast_lab::device::message::{Command, Event, Kind, Screen, now_ms};

use crate::{
    people::{BY_ITSELF, EXPIRED, Stage},
    report::DeviceOutcome,
};

const CONFIRMATION: &str = "This action revokes all sessions in the system. All users will be logged out from all \
                            devices. Are you sure you want to revoke all sessions?";

/// The confirming device asks at once: its cover comes so soon after the server's answer, on a busy machine too. Heartbeats
/// are twice as far apart, and the administrator confirms right after one.
const AT_ONCE_MS: i64 = 5_000;

pub(super) async fn play(stage: &mut Stage<'_>, outcomes: &mut Vec<DeviceOutcome>) -> Result<()> {
    stage.everybody_signs_in().await?;
    let asleep = stage.the(Kind::Android);
    asleep.tell("is locked and put away");
    asleep.perform(Command::Lock).await?;
    stage.sessions_grow_up().await?;

    let phone = stage.the(Kind::IPhone);
    let admin = &stage.admin;
    let before = sessions(stage).await?;
    let marks: Vec<usize> = stage.everybody().map(|actor| actor.device.mark()).collect();
    admin.tell("presses \"Revoke All Sessions\"");
    let text: String = admin.device.ask(Command::AskToEndEveryone).await?;
    admin.tell(&format!("> \"{text}\""));
    ensure!(text == CONFIRMATION, "the confirmation has another text");
    admin.tell("cancels");
    admin
        .perform(Command::AnswerConfirmation { confirm: false })
        .await?;
    ensure!(sessions(stage).await? == before, "Cancel touched a session");
    for (actor, mark) in stage.everybody().zip(marks) {
        let touched = actor.device.entries_from(mark).into_iter().any(
            |entry| matches!(&entry.event, Event::Shows(screen) if *screen != Screen::Content),
        );
        ensure!(!touched, "Cancel was noticed on {}", actor.name);
    }

    admin.until_heartbeat().await?;
    let locked = stage.the(Kind::IPhoneClassic);
    let left = locked.cause();
    locked.tell("another app comes to the front");
    locked.perform(Command::Leave).await?;
    let awake = [
        (phone, "in use"),
        (stage.the(Kind::AndroidClassic), "in use"),
        (stage.the(Kind::Desktop), "in use"),
        (&stage.tablet, "in use"),
    ];
    let awake = awake.map(|(actor, part)| (actor, part, actor.cause()));
    let confirming = admin.cause();
    let pressed = now_ms();
    stage.admin_ends_everyone().await?;
    let confirmed_after = now_ms() - pressed;
    let awake = awake
        .map(|(actor, part, cause)| actor.shows_sign_in(part, cause, BY_ITSELF, Some(EXPIRED)));
    let (mut own, awake) = tokio::join!(
        admin.shows_sign_in("confirms", confirming, BY_ITSELF, Some(EXPIRED)),
        join_all(awake)
    );
    let covered_after = own.covered_ms.map(|ms| ms - confirmed_after);
    if own.passed && covered_after.is_some_and(|ms| ms > AT_ONCE_MS) {
        own.passed = false;
        "it waited for its heartbeat instead of asking at once".clone_into(&mut own.detail);
    }
    outcomes.push(own);
    outcomes.extend(awake);

    let in_grace = locked.lies_there(left).await?;
    let (asleep, locked) = tokio::join!(
        asleep.is_opened("asleep, then opened"),
        locked.is_opened(in_grace)
    );
    outcomes.push(asleep?);
    outcomes.push(locked?);
    stage.everybody_signs_in().await
}

/// The ids of the user's and the administrator's sessions.
async fn sessions(stage: &Stage<'_>) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    for actor in [stage.the(Kind::IPhone), &stage.admin] {
        ids.extend(actor.active_sessions().await?.into_iter().map(|row| row.id));
    }
    ids.sort();
    Ok(ids)
}
