//! MM-T941: the administrator revokes all sessions while phones cannot be reached: switched off, in airplane mode, or in
//! the background; and the network comes back before or after the app is opened.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use futures_util::future::join_all;
use steadfast_lab::device::message::{Command, Event, Kind, Screen};

use crate::{
    people::{Actor, BY_ITSELF, Cause, EXPIRED, Policy, Stage},
    report::DeviceOutcome,
};

/// How long somebody looks at an app without a network before the network comes back.
const A_LOOK: Duration = Duration::from_secs(2);

pub(super) async fn play(stage: &mut Stage<'_>, outcomes: &mut Vec<DeviceOutcome>) -> Result<()> {
    stage.everybody_signs_in().await?;
    stage.sessions_grow_up().await?;

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
    let pages = awake
        .map(|(actor, part, cause)| actor.shows_sign_in(part, cause, BY_ITSELF, Some(EXPIRED)));
    outcomes.extend(join_all(pages).await);

    let tablet = stage.tablet.is_opened("in the background");
    let [iphone, android, iphone_classic, android_classic, ..] = stage.devices.as_mut_slice()
    else {
        bail!("a device is missing");
    };
    let (iphone, android, iphone_classic, android_classic, tablet) = tokio::join!(
        switched_on_online(iphone),
        switched_on_offline(android),
        opened_online(iphone_classic),
        opened_offline(android_classic),
        tablet,
    );
    outcomes.extend([
        iphone?,
        android?,
        iphone_classic?,
        android_classic?,
        tablet?,
    ]);
    stage.everybody_signs_in().await
}

async fn switched_on_online(phone: &mut Actor) -> Result<DeviceOutcome> {
    phone.control.restore();
    let cause = phone.cause();
    phone.tell("is switched on, the network is there, the app is opened");
    phone.device.start().await?;
    Ok(page(phone, "killed; network, then app", cause).await)
}

async fn switched_on_offline(phone: &mut Actor) -> Result<DeviceOutcome> {
    let cause = phone.cause();
    phone.tell("is switched on without a network, the app is opened");
    phone.device.start().await?;
    looked_at_offline(phone, cause).await?;
    network_returns(phone, "killed; app, then network").await
}

async fn opened_online(phone: &Actor) -> Result<DeviceOutcome> {
    phone.control.restore();
    let cause = phone.cause();
    phone.tell("leaves airplane mode, the app is opened");
    phone.perform(Command::Open).await?;
    phone.perform(Command::Network { up: true }).await?;
    Ok(page(phone, "airplane; network, then app", cause).await)
}

async fn opened_offline(phone: &Actor) -> Result<DeviceOutcome> {
    let cause = phone.cause();
    phone.tell("is opened, still in airplane mode");
    phone.perform(Command::Open).await?;
    looked_at_offline(phone, cause).await?;
    network_returns(phone, "airplane; app, then network").await
}

async fn page(phone: &Actor, part: &str, cause: Cause) -> DeviceOutcome {
    phone
        .shows_sign_in(part, cause, BY_ITSELF, Some(EXPIRED))
        .await
}

/// Without a network the app shows what its policy says from its first frame on, and nobody is signed out for it.
async fn looked_at_offline(phone: &Actor, opened: Cause) -> Result<()> {
    tokio::time::sleep(A_LOOK).await;
    for entry in phone.device.entries_from(opened.mark) {
        let Event::Shows(screen) = entry.event else {
            continue;
        };
        let as_the_policy_says = match phone.policy {
            Policy::Shown => screen == Screen::Content,
            Policy::Covered => matches!(screen, Screen::Cover { .. }),
        };
        ensure!(
            as_the_policy_says,
            "{} {screen} without a network",
            phone.name
        );
    }
    Ok(())
}

async fn network_returns(phone: &Actor, part: &str) -> Result<DeviceOutcome> {
    let cause = phone.cause();
    phone.tell("has a network again");
    phone.control.restore();
    phone.perform(Command::Network { up: true }).await?;
    Ok(page(phone, part, cause).await)
}
