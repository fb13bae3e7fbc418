//! Listing and ending sessions, and attaching a push device to one's own.

use super::answer::Answer;
use super::call::Call;
use super::error::ApiError;
use crate::state::sessions::Session;
use crate::state::settings::Flavour;

/// `GET /users/{user_id}/sessions`.
pub(crate) async fn list(call: &mut Call) -> Result<Answer, ApiError> {
    let user_id = call.user_id_in_charge_of()?;
    let shared = call.shared.clone();
    if shared.reach_database(1).await.is_err() {
        return Err(ApiError::sessions_unreadable());
    }
    let world = shared.world();
    let rows: Vec<_> = world
        .sessions_of(&user_id)
        .iter()
        .map(|session| session.json(&world.team.id))
        .collect();
    Ok(Answer::json(&rows))
}

/// `POST /users/{user_id}/sessions/revoke`.
pub(crate) async fn revoke(call: &mut Call) -> Result<Answer, ApiError> {
    let user_id = call.user_id_in_charge_of()?;
    let wanted = call.map_text("session_id");
    if wanted.is_empty() {
        return Err(ApiError::invalid_body_param("session_id"));
    }
    let shared = call.shared.clone();
    // An outage is told in the very words of a session that is not there.
    if shared.reach_database(1).await.is_err() {
        return Err(ApiError::session_not_found());
    }
    let mut world = shared.world();
    let row = world
        .session_row(&wanted)
        .ok_or_else(ApiError::session_not_found)?;
    if row.user_id != user_id {
        return Err(ApiError::invalid_url_param("user_id"));
    }
    let id = row.id.clone();
    world.revoke(&id);
    Ok(Answer::ok())
}

/// `POST /users/{user_id}/sessions/revoke/all`: the caller's own included.
pub(crate) async fn revoke_all(call: &mut Call) -> Result<Answer, ApiError> {
    let user_id = call.user_id_in_charge_of()?;
    let shared = call.shared.clone();
    if shared.reach_database(1).await.is_err() {
        return Err(ApiError::sessions_unreadable());
    }
    shared.world().revoke_all_of(&user_id);
    Ok(Answer::ok())
}

/// `POST /users/sessions/revoke/all`: every session of the server.
pub(crate) async fn revoke_everyone(call: &mut Call) -> Result<Answer, ApiError> {
    if !call.is_admin() {
        return Err(ApiError::permissions());
    }
    let shared = call.shared.clone();
    if shared.reach_database(1).await.is_err() {
        return Err(ApiError::new(
            500,
            "app.oauth.remove_access_data.app_error",
            "We encountered an error removing the access token.",
        ));
    }
    shared.world().revoke_everyone();
    Ok(Answer::ok())
}

/// `PUT /users/sessions/device`.
pub(crate) async fn attach_device(call: &mut Call) -> Result<Answer, ApiError> {
    let session = call.session().clone();
    let shared = call.shared.clone();
    let device_id = call.map_text("device_id");
    if shared.flavour.is_classic() && device_id.is_empty() {
        return Err(ApiError::invalid_body_param("device_id"));
    }
    // 5.37 knows the device id alone.
    let props = match shared.flavour {
        Flavour::V11 => device_props(call)?,
        Flavour::V5 => Vec::new(),
    };
    let strict = shared.world().settings.strict_device_ids;
    if strict && !device_id.is_empty() && !is_known_device_id(&device_id) {
        return Err(ApiError::invalid_body_param("device_id"));
    }
    if !device_id.is_empty() {
        if shared.reach_database(1).await.is_err() {
            return Err(ApiError::sessions_unreadable());
        }
        attach(call, &session, &device_id)?;
    }
    if !props.is_empty() {
        if shared.reach_database(1).await.is_err() {
            return Err(ApiError::new(
                500,
                "app.session.set_extra_session_prop.app_error",
                "Unable to set extra session props.",
            ));
        }
        let props: Vec<(&str, &str)> = props
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        shared.world().set_session_props(&session.id, &props);
    }
    Ok(Answer::ok())
}

fn device_props(call: &Call) -> Result<Vec<(&'static str, String)>, ApiError> {
    let mut props = Vec::new();
    let disabled = call.map_text("device_notification_disabled");
    if !disabled.is_empty() {
        if disabled != "true" && disabled != "false" {
            return Err(ApiError::invalid_body_param("device_notification_disabled"));
        }
        props.push(("device_notification_disabled", disabled));
    }
    let version = call.map_text("mobile_version");
    if !version.is_empty() {
        if !is_strict_version(&version) {
            return Err(ApiError::invalid_body_param("mobile_version"));
        }
        props.push(("mobile_version", version));
    }
    Ok(props)
}

fn attach(call: &mut Call, session: &Session, device_id: &str) -> Result<(), ApiError> {
    let shared = call.shared.clone();
    let hours = shared.world().settings.session_length_mobile_hours;
    // The cookie goes out before the row is written, even if that fails.
    call.set_session_cookie(session, hours);
    shared
        .world()
        .attach_device(&session.id, device_id, shared.now())
        .map_err(|_| {
            ApiError::new(
                500,
                "app.session.update_device_id.app_error",
                "Unable to update the device id.",
            )
        })
}

/// `apple_rn`, `apple_rnbeta` or `android_rn`, a version or none, a token.
pub(super) fn is_known_device_id(device_id: &str) -> bool {
    let Some((platform, token)) = device_id.split_once(':') else {
        return false;
    };
    let (platform, version) = match platform.split_once("-v") {
        Some((platform, version)) => (platform, Some(version)),
        None => (platform, None),
    };
    let numbered = version.is_none_or(|version| {
        !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit())
    });
    let known = ["apple_rn", "apple_rnbeta", "android_rn"].contains(&platform);
    known && numbered && !token.is_empty()
}

/// Three numbers without leading zeros, then a pre-release or build part.
fn is_strict_version(version: &str) -> bool {
    let core = version.split(['-', '+']).next().unwrap_or_default();
    let numbers: Vec<&str> = core.split('.').collect();
    let is_number = |part: &&str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && (part.len() == 1 || !part.starts_with('0'))
    };
    numbers.len() == 3 && numbers.iter().all(is_number)
}

#[cfg(test)]
mod tests {
    use super::{is_known_device_id, is_strict_version};

    #[test]
    fn device_ids_have_few_forms() {
        for good in ["apple_rn:x", "apple_rnbeta-v2:x", "android_rn-v0:x:y"] {
            assert!(is_known_device_id(good), "{good}");
        }
        for bad in [
            "",
            "apple:x",
            "android_rnbeta:x",
            "apple_rn:",
            "apple_rn-v:x",
            "apple_rn",
        ] {
            assert!(!is_known_device_id(bad), "{bad}");
        }
    }

    #[test]
    fn versions_are_strict() {
        for good in ["2.43.0", "2.43.0+799", "2.43.0-beta1"] {
            assert!(is_strict_version(good), "{good}");
        }
        for bad in ["2.43", "v2.43.0", "02.43.0", "abc", ""] {
            assert!(!is_strict_version(bad), "{bad}");
        }
    }
}
