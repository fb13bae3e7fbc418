//! Changing accounts: profile, activation, password, second factor, status.

use super::answer::Answer;
use super::call::Call;
use super::error::ApiError;
use super::users::view;
use crate::state::SecretKind;
use base64::Engine;
use serde_json::{Value, json};

/// `PUT /users/{user_id}/patch`.
pub(crate) async fn patch(call: &mut Call) -> Result<Answer, ApiError> {
    let user_id = call.user_id_in_charge_of()?;
    need_database(call).await?;
    let shared = call.shared.clone();
    let now = shared.now();
    let healthy = shared.database_is_healthy();
    let mut world = shared.world();
    let user = world
        .user_mut(&user_id)
        .ok_or_else(ApiError::user_not_found)?;
    let body = call.object();
    for (key, field) in [
        ("nickname", &mut user.nickname),
        ("first_name", &mut user.first_name),
        ("last_name", &mut user.last_name),
    ] {
        if let Some(text) = body.get(key).and_then(Value::as_str) {
            *field = text.to_owned();
        }
    }
    user.update_at = now;
    let flavour = shared.flavour;
    let answer = user.json(view(call, user), flavour);
    let profile = user.json(crate::state::users::View::Administrator, flavour);
    world.publish_user_updated(&user_id, profile, now, healthy);
    Ok(Answer::json_line(&answer))
}

/// `PUT /users/{user_id}/active`.
pub(crate) async fn set_active(call: &mut Call) -> Result<Answer, ApiError> {
    let user_id = call.user_id()?;
    let active = call.object().get("active").and_then(Value::as_bool);
    let active = active.ok_or_else(|| ApiError::invalid_body_param("active"))?;
    if !call.is_admin() {
        return Err(ApiError::permissions());
    }
    need_database(call).await?;
    let shared = call.shared.clone();
    let (now, healthy) = (shared.now(), shared.database_is_healthy());
    let mut world = shared.world();
    world.user(&user_id).ok_or_else(ApiError::user_not_found)?;
    world.set_deactivated(&user_id, !active, now, healthy);
    Ok(Answer::ok())
}

/// `PUT /users/{user_id}/password`.
pub(crate) async fn set_password(call: &mut Call) -> Result<Answer, ApiError> {
    let user_id = call.user_id_in_charge_of()?;
    let own = user_id == call.session().user_id;
    let new = call.map_text("new_password");
    if new.is_empty() {
        return Err(ApiError::invalid_body_param("new_password"));
    }
    need_database(call).await?;
    let shared = call.shared.clone();
    let mut world = shared.world();
    let user = world.user(&user_id).ok_or_else(ApiError::user_not_found)?;
    if own && user.password != call.map_text("current_password") {
        return Err(ApiError::new(
            400,
            "api.user.update_password.incorrect.app_error",
            "The \"Current Password\" you entered is incorrect. \
             Please check that Caps Lock is off and try again.",
        ));
    }
    world.set_password(&user_id, &new, shared.now());
    // 5.37 has no such setting: every session survives.
    if world.settings.terminate_sessions_on_password_change && !world.flavour.is_classic() {
        if own {
            let kept = call.session().id.clone();
            world.revoke_others_of(&user_id, &kept);
        } else {
            world.revoke_all_of(&user_id);
        }
    }
    Ok(Answer::ok())
}

/// `POST /users/{user_id}/mfa/generate`.
pub(crate) async fn generate_mfa_secret(call: &mut Call) -> Result<Answer, ApiError> {
    let user_id = call.user_id_in_charge_of()?;
    need_database(call).await?;
    let mut world = call.shared.world();
    let user = world
        .user_mut(&user_id)
        .ok_or_else(ApiError::user_not_found)?;
    let secret = user.second_factor.generate();
    let minted = (SecretKind::SecondFactor, secret.clone());
    world.secrets.push(minted);
    // No picture is drawn: nothing here reads one.
    let picture = base64::engine::general_purpose::STANDARD.encode("no picture");
    Ok(Answer::json(&json!({"secret": secret, "qr_code": picture})))
}

/// `PUT /users/{user_id}/mfa`.
pub(crate) async fn set_mfa(call: &mut Call) -> Result<Answer, ApiError> {
    let user_id = call.user_id_in_charge_of()?;
    let activate = call.object().get("activate").and_then(Value::as_bool);
    let activate = activate.ok_or_else(|| ApiError::invalid_body_param("activate"))?;
    need_database(call).await?;
    let shared = call.shared.clone();
    let now = shared.now();
    let mut world = shared.world();
    let user = world
        .user_mut(&user_id)
        .ok_or_else(ApiError::user_not_found)?;
    if activate
        && user
            .second_factor
            .accept(&call.text("code"), now, shared.flavour)
            .is_err()
    {
        return Err(ApiError::new(
            401,
            "mfa.activate.bad_token.app_error",
            "Invalid MFA token.",
        ));
    }
    user.second_factor.active = activate;
    user.update_at = now;
    Ok(Answer::ok())
}

/// `GET /users/{user_id}/status`.
pub(crate) fn get_status(call: &mut Call) -> Result<Answer, ApiError> {
    let user_id = call.user_id()?;
    status_of(call, &user_id)
}

/// `PUT /users/{user_id}/status`.
pub(crate) fn set_status(call: &mut Call) -> Result<Answer, ApiError> {
    let user_id = call.user_id_in_charge_of()?;
    let status = call.text("status");
    if !["online", "away", "offline", "dnd"].contains(&status.as_str()) {
        return Err(ApiError::invalid_body_param("status"));
    }
    let shared = call.shared.clone();
    let (now, healthy) = (shared.now(), shared.database_is_healthy());
    shared.world().set_status(&user_id, &status, now, healthy);
    status_of(call, &user_id)
}

/// `POST /users/{user_id}/typing`.
pub(crate) fn typing(call: &mut Call) -> Result<Answer, ApiError> {
    let user_id = call.user_id_in_charge_of()?;
    let channel_id = call.text("channel_id");
    let shared = call.shared.clone();
    let (now, healthy) = (shared.now(), shared.database_is_healthy());
    let mut world = shared.world();
    if world.channel(&channel_id).is_none() {
        return Err(ApiError::permissions());
    }
    world.publish_typing(&user_id, &channel_id, &call.text("parent_id"), now, healthy);
    Ok(Answer::ok())
}

fn status_of(call: &Call, user_id: &str) -> Result<Answer, ApiError> {
    let now = call.shared.now();
    let world = call.shared.world();
    let user = world.user(user_id).ok_or_else(ApiError::user_not_found)?;
    Ok(Answer::json_line(&json!({
        "user_id": user.id, "status": user.status, "manual": false,
        "last_activity_at": now, "dnd_end_time": 0,
    })))
}

async fn need_database(call: &Call) -> Result<(), ApiError> {
    call.shared.reach_database(1).await.map_err(|_| {
        ApiError::new(
            500,
            "app.user.get.app_error",
            "We encountered an error finding the account.",
        )
    })
}
