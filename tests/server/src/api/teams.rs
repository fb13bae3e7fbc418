//! The team and its channels.

use super::answer::Answer;
use super::call::Call;
use super::error::ApiError;
use crate::state::teams::{Channel, Team};
use serde_json::Value;

/// `GET /users/{user_id}/teams`.
pub(crate) async fn own(call: &mut Call) -> Result<Answer, ApiError> {
    call.user_id_in_charge_of()?;
    need_database(call).await?;
    Ok(Answer::json(&[call
        .shared
        .world()
        .team
        .json(call.shared.flavour)]))
}

/// `GET /teams/{team_id}`.
pub(crate) async fn by_id(call: &mut Call) -> Result<Answer, ApiError> {
    need_database(call).await?;
    the_team(call, 0)
}

/// `GET /teams/name/{name}`.
pub(crate) async fn by_name(call: &mut Call) -> Result<Answer, ApiError> {
    need_database(call).await?;
    if call.parameters[0] != Team::NAME {
        return Err(no_such_team());
    }
    Ok(Answer::json_line(
        &call.shared.world().team.json(call.shared.flavour),
    ))
}

/// `GET /teams/{team_id}/channels/name/{channel_name}`.
pub(crate) async fn channel_by_name(call: &mut Call) -> Result<Answer, ApiError> {
    need_database(call).await?;
    the_team(call, 0)?;
    let name = call.parameters[1].clone();
    one_channel(call, |channel| channel.name == name)
}

/// `GET /teams/name/{team_name}/channels/name/{channel_name}`.
pub(crate) async fn channel_by_team_name(call: &mut Call) -> Result<Answer, ApiError> {
    need_database(call).await?;
    if call.parameters[0] != Team::NAME {
        return Err(no_such_team());
    }
    let name = call.parameters[1].clone();
    one_channel(call, |channel| channel.name == name)
}

/// `GET /channels/{channel_id}`.
pub(crate) async fn channel(call: &mut Call) -> Result<Answer, ApiError> {
    need_database(call).await?;
    let id = call.parameters[0].clone();
    one_channel(call, |channel| channel.id == id)
}

/// `GET /users/{user_id}/teams/{team_id}/channels`.
pub(crate) async fn own_channels(call: &mut Call) -> Result<Answer, ApiError> {
    call.user_id_in_charge_of()?;
    need_database(call).await?;
    the_team(call, 1)?;
    let world = call.shared.world();
    let channels: Vec<Value> = world
        .channels
        .iter()
        .map(|channel| channel.json(&world.team.id, &world.posts))
        .collect();
    Ok(Answer::json(&channels))
}

fn the_team(call: &Call, parameter: usize) -> Result<Answer, ApiError> {
    let world = call.shared.world();
    if call.parameters[parameter] != world.team.id {
        return Err(no_such_team());
    }
    Ok(Answer::json_line(&world.team.json(call.shared.flavour)))
}

fn one_channel(call: &Call, wanted: impl Fn(&Channel) -> bool) -> Result<Answer, ApiError> {
    let world = call.shared.world();
    let channel = world.channels.iter().find(|channel| wanted(channel));
    let channel = channel.ok_or_else(|| {
        ApiError::new(
            404,
            "app.channel.get_by_name.missing.app_error",
            "Channel does not exist.",
        )
    })?;
    Ok(Answer::json_line(
        &channel.json(&world.team.id, &world.posts),
    ))
}

fn no_such_team() -> ApiError {
    ApiError::new(
        404,
        "app.team.get_by_name.missing.app_error",
        "Unable to find the existing team.",
    )
}

async fn need_database(call: &Call) -> Result<(), ApiError> {
    call.shared.reach_database(1).await.map_err(|_| {
        ApiError::new(
            500,
            "app.team.get_all.app_error",
            "We could not get all teams.",
        )
    })
}
