//! Personal access tokens. Each makes itself a session when it is used and
//! none is there, so that revoking that session changes nothing.

use super::answer::Answer;
use super::call::Call;
use super::error::ApiError;
use crate::state::SecretKind;
use crate::state::ids::new_id;
use crate::state::users::{AccessToken, User};
use serde_json::{Value, json};

/// `POST /users/{user_id}/tokens`: the one time that the token is shown.
pub(crate) async fn create(call: &mut Call) -> Result<Answer, ApiError> {
    let user_id = call.user_id_in_charge_of()?;
    let description = call.text("description");
    if description.is_empty() {
        return Err(ApiError::invalid_body_param("user_access_token"));
    }
    need_database(call).await?;
    let mut world = call.shared.world();
    if !world.settings.enable_user_access_tokens {
        return Err(ApiError::new(
            501,
            "app.user_access_token.disabled",
            "Personal access tokens are disabled on this server. \
             Please contact your system administrator for details.",
        ));
    }
    let caller = world.user(&call.session().user_id);
    if !caller.is_some_and(User::may_create_access_tokens) {
        return Err(ApiError::permissions());
    }
    let made = AccessToken {
        id: new_id(),
        token: new_id(),
        user_id,
        description,
        is_active: true,
    };
    let mut body = describe(&made);
    body["token"] = json!(made.token);
    let minted = (SecretKind::AccessToken, made.token.clone());
    world.secrets.push(minted);
    world.access_tokens.push(made);
    Ok(Answer::json_line(&body))
}

/// `GET /users/{user_id}/tokens`.
pub(crate) async fn list(call: &mut Call) -> Result<Answer, ApiError> {
    let user_id = call.user_id_in_charge_of()?;
    need_database(call).await?;
    let world = call.shared.world();
    let tokens: Vec<Value> = world
        .access_tokens
        .iter()
        .filter(|token| token.user_id == user_id)
        .map(|token| {
            let mut body = describe(token);
            if let Some(object) = body.as_object_mut() {
                object.remove("token");
            }
            body
        })
        .collect();
    Ok(Answer::json(&tokens))
}

/// `POST /users/tokens/revoke`.
pub(crate) async fn revoke(call: &mut Call) -> Result<Answer, ApiError> {
    let token = named_token(call).await?;
    let mut world = call.shared.world();
    world
        .access_tokens
        .retain(|candidate| candidate.id != token.id);
    if let Some(session) = world.session_row(&token.token).map(|row| row.id.clone()) {
        world.revoke(&session);
    }
    Ok(Answer::ok())
}

/// `POST /users/tokens/disable` and `…/enable`.
pub(crate) async fn set_active(call: &mut Call, active: bool) -> Result<Answer, ApiError> {
    let token = named_token(call).await?;
    let mut world = call.shared.world();
    if let Some(stored) = world
        .access_tokens
        .iter_mut()
        .find(|candidate| candidate.id == token.id)
    {
        stored.is_active = active;
    }
    if !active && let Some(session) = world.session_row(&token.token).map(|row| row.id.clone()) {
        world.revoke(&session);
    }
    Ok(Answer::ok())
}

async fn named_token(call: &Call) -> Result<AccessToken, ApiError> {
    let id = call.map_text("token_id");
    if id.is_empty() {
        return Err(ApiError::invalid_body_param("token_id"));
    }
    need_database(call).await?;
    let world = call.shared.world();
    let token = world
        .access_tokens
        .iter()
        .find(|token| token.id == id)
        .cloned()
        .ok_or_else(|| {
            ApiError::new(
                404,
                "app.user_access_token.get_by_user.app_error",
                "Unable to get the personal access token.",
            )
        })?;
    if token.user_id != call.session().user_id && !call.is_admin() {
        return Err(ApiError::permissions());
    }
    Ok(token)
}

fn describe(token: &AccessToken) -> Value {
    json!({
        "id": token.id, "token": "", "user_id": token.user_id,
        "description": token.description, "is_active": token.is_active,
    })
}

async fn need_database(call: &Call) -> Result<(), ApiError> {
    call.shared.reach_database(1).await.map_err(|_| {
        ApiError::new(
            500,
            "app.user_access_token.get_by_user.app_error",
            "Unable to get the personal access tokens.",
        )
    })
}
