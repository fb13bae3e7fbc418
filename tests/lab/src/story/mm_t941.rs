//! MM-T941: the administrator revokes all sessions while phones cannot be reached: switched off, in airplane mode, or in
//! the background; and the network comes back before or after the app is opened.

use std::time::Duration;

use anyhow::{Result, ensure};
use futures_util::future::join_all;
use steadfast_lab::device::message::{Command, Kind, Screen};

use crate::{
    people::{Actor, BY_ITSELF, EXPIRED, Policy, Stage},
    report::DeviceOutcome,
};

/// How long somebody looks at an app without a network before the network comes back.
const A_LOOK: Duration = Duration::from_secs(2);

pub(super) async fn play(stage: &mut Stage<'_>, outcomes: &mut Vec<DeviceOutcome>) -> Result<()> {
    stage.everybody_signs_in().await?;
    stage.sessions_grow_up().await;

    for kind in [Kind::IPhone, Kind::Android] {
        let phone = stage.the_mut(kind);
        phone.tell("is switched off (the process is killed)");
        phone.device.kill().await?;
        phone.control.cut();
    }
    for kind in [Kind::IPhoneClassic, Kind::AndroidClassic] {
        let phone = stage.the(kind);
        phone.tell("goes into airplane mode and is put away");
        phone.control.cut();
        phone.perform(Command::Network { up: false }).await?;
        phone.perform(Command::Lock).await?;
    }
    stage.tablet.tell("is put away, online");
    stage.tablet.perform(Command::Lock).await?;

    let awake = [
        (&stage.admin, "confirms"),
        (stage.the(Kind::Desktop), "in use"),
    ];
    let awake = awake.map(|(actor, part)| (actor, part, actor.cause()));
    stage.admin_ends_everyone().await?;
    outcomes.extend(
        join_all(awake.map(|(actor, part, cause)| {
            actor.shows_sign_in(part, cause, BY_ITSELF, Some(EXPIRED))
        }))
        .await,
    );

    switched_on_online(stage.the_mut(Kind::IPhone), outcomes).await?;
    switched_on_offline(stage.the_mut(Kind::Android), outcomes).await?;
    opened_online(stage.the(Kind::IPhoneClassic), outcomes).await?;
    opened_offline(stage.the(Kind::AndroidClassic), outcomes).await?;
    opened_from_background(&stage.tablet, outcomes).await?;
    stage.everybody_signs_in().await
}

async fn switched_on_online(phone: &mut Actor, outcomes: &mut Vec<DeviceOutcome>) -> Result<()> {
    phone.control.restore();
    let cause = phone.cause();
    phone.tell("is switched on, the network is there, the app is opened");
    phone.device.start().await?;
    outcomes.push(page(phone, "killed; network, then app", cause).await);
    Ok(())
}

async fn switched_on_offline(phone: &mut Actor, outcomes: &mut Vec<DeviceOutcome>) -> Result<()> {
    phone.tell("is switched on without a network, the app is opened");
    phone.device.start().await?;
    looked_at_offline(phone).await?;
    outcomes.push(network_returns(phone, "killed; app, then network").await?);
    Ok(())
}

async fn opened_online(phone: &Actor, outcomes: &mut Vec<DeviceOutcome>) -> Result<()> {
    phone.control.restore();
    let cause = phone.cause();
    phone.tell("leaves airplane mode, the app is opened");
    phone.perform(Command::Open).await?;
    phone.perform(Command::Network { up: true }).await?;
    outcomes.push(page(phone, "airplane; network, then app", cause).await);
    Ok(())
}

async fn opened_offline(phone: &Actor, outcomes: &mut Vec<DeviceOutcome>) -> Result<()> {
    phone.tell("is opened, still in airplane mode");
    phone.perform(Command::Open).await?;
    looked_at_offline(phone).await?;
    outcomes.push(network_returns(phone, "airplane; app, then network").await?);
    Ok(())
}

async fn opened_from_background(phone: &Actor, outcomes: &mut Vec<DeviceOutcome>) -> Result<()> {
    let cause = phone.cause();
    phone.tell("is taken up again");
    phone.perform(Command::Open).await?;
    outcomes.push(page(phone, "in the background", cause).await);
    Ok(())
}

async fn page(phone: &Actor, part: &str, cause: crate::people::Cause) -> DeviceOutcome {
    phone
        .shows_sign_in(part, cause, BY_ITSELF, Some(EXPIRED))
        .await
}

/// Without a network the app shows what its policy says, and nobody is signed out for it.
async fn looked_at_offline(phone: &Actor) -> Result<()> {
    tokio::time::sleep(A_LOOK).await;
    let screen = phone.device.screen();
    let as_the_policy_says = match phone.policy {
        Policy::Shown => screen == Screen::Content,
        Policy::Covered => matches!(screen, Screen::Cover { .. }),
    };
    ensure!(
        as_the_policy_says,
        "{} {screen} without a network",
        phone.name
    );
    Ok(())
}

async fn network_returns(phone: &Actor, part: &str) -> Result<DeviceOutcome> {
    let cause = phone.cause();
    phone.tell("has a network again");
    phone.control.restore();
    phone.perform(Command::Network { up: true }).await?;
    Ok(page(phone, part, cause).await)
}
