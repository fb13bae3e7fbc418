//! MM-T938: an administrator revokes one user's sessions. The user's devices go to the sign-in page, at once where the
//! user does something, by themselves elsewhere; nobody else notices.

use anyhow::{Context, Result};
use futures_util::future::join_all;
use steadfast_lab::device::message::{Command, Kind};

use crate::{
    people::{BY_ITSELF, EXPIRED, Stage},
    report::DeviceOutcome,
};

pub(super) async fn play(stage: &mut Stage<'_>, outcomes: &mut Vec<DeviceOutcome>) -> Result<()> {
    stage.everybody_signs_in().await?;
    stage.sessions_grow_up().await?;
    let admin = &stage.admin;
    let name = stage.server.user.name.clone();
    admin.tell(&format!("looks for {name} and chooses \"Revoke Sessions\""));
    let user: Option<String> = admin
        .device
        .ask(Command::FindUser { name: name.clone() })
        .await?;
    let user_id = user.with_context(|| format!("{name} is not in the list of users"))?;

    let undisturbed = admin.cause();
    let others = stage.tablet.cause();
    let active = stage.the(Kind::IPhone);
    // Where there is no bystander, the tablet is the user's as well.
    let own_tablet = stage.server.bystander.is_none().then_some(&stage.tablet);
    let causes: Vec<_> = stage
        .devices
        .iter()
        .chain(own_tablet)
        .map(|actor| (actor, actor.cause()))
        .collect();
    admin.perform(Command::EndUserSessions { user_id }).await?;
    active.tell("writes a message");
    let text = "Is anybody there?".to_owned();
    let posted = active.device.perform(Command::Post { text });
    let pages = join_all(causes.into_iter().map(|(actor, cause)| {
        let part = if std::ptr::eq(actor, active) {
            "writes a message"
        } else {
            "idle"
        };
        actor.shows_sign_in(part, cause, BY_ITSELF, Some(EXPIRED))
    }));
    // That the message is refused is the teller's to say; what counts is the page.
    let (_, pages) = tokio::join!(posted, pages);
    outcomes.extend(pages);

    outcomes.push(admin.is_undisturbed("stays signed in", undisturbed).await);
    if stage.server.bystander.is_some() {
        let tablet = &stage.tablet;
        outcomes.push(
            tablet
                .is_undisturbed("somebody else's, stays", others)
                .await,
        );
    }
    stage.everybody_signs_in().await
}
