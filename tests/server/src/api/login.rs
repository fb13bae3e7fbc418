//! Signing in and out: `server/channels/api4/user.go` and
//! `server/channels/app/login.go` in mattermost/mattermost.

use super::answer::Answer;
use super::call::Call;
use super::error::ApiError;
use super::sessions::is_known_device_id;
use crate::state::World;
use crate::state::user_agent::session_props;
use crate::state::users::{CodeError, LDAP, User, View};
use std::sync::MutexGuard;

const INVALID_MFA: &str = "Invalid MFA token.";

/// `POST /users/login`.
pub(crate) async fn login(call: &mut Call) -> Result<Answer, ApiError> {
    if !call.shared.flavour.is_classic() && !call.map_text("magic_link_token").is_empty() {
        return super::other_sign_ins::magic_link(call).await;
    }
    let password = call.map_text("password");
    if password.is_empty() {
        return Err(ApiError::new(
            400,
            "api.user.login.blank_pwd.app_error",
            "Password field must not be blank",
        ));
    }
    let shared = call.shared.clone();
    if shared.reach_database(3).await.is_err() {
        return Err(masked(&shared.world()));
    }
    let now = shared.now();
    let mut world = shared.world();
    let user_id = find_user(call, &world).ok_or_else(|| masked(&world))?;
    check(call, &mut world, &user_id, &password, now)?;
    begin_session(call, world, &user_id, now)
}

/// Makes the session of somebody who may come in, and answers with it.
pub(super) fn begin_session(
    call: &mut Call,
    mut world: MutexGuard<'_, World>,
    user_id: &str,
    now: i64,
) -> Result<Answer, ApiError> {
    let flavour = world.flavour;
    let device_id = call.map_text("device_id");
    let strict = world.settings.strict_device_ids;
    if strict && !device_id.is_empty() && !is_known_device_id(&device_id) {
        return Err(masked(&world));
    }
    let props = session_props(call.header("user-agent"), flavour);
    let session = world
        .create_session(user_id, &device_id, props, now)
        .map_err(|_| masked(&world))?;
    let user = world
        .user_mut(user_id)
        .ok_or_else(ApiError::user_not_found)?;
    // The account was read before the success reset the counter.
    let body = user.json(View::Own, flavour);
    user.failed_attempts = 0;
    drop(world);
    call.answer_headers.add("Token", session.token.clone());
    if call.wants_cookies() {
        call.set_all_cookies(&session);
    }
    Ok(Answer::json_line(&body))
}

pub(super) fn find_user(call: &Call, world: &World) -> Option<String> {
    let id = call.map_text("id");
    if !id.is_empty() {
        return world.user(&id).map(|user| user.id.clone());
    }
    let login_id = call.map_text("login_id").trim().to_lowercase();
    let matches = |user: &&User| {
        (world.settings.enable_sign_in_with_username && user.username == login_id)
            || (world.settings.enable_sign_in_with_email && user.email == login_id)
    };
    world.users.iter().find(matches).map(|user| user.id.clone())
}

fn check(
    call: &Call,
    world: &mut World,
    user_id: &str,
    password: &str,
    now: i64,
) -> Result<(), ApiError> {
    let flavour = world.flavour;
    let allowed = world.settings.maximum_login_attempts;
    let second_factors = world.settings.enable_multifactor_authentication;
    let wrong_password = masked(world);
    let has_directory = world.settings.enable_ldap;
    let user = world
        .user_mut(user_id)
        .ok_or_else(ApiError::user_not_found)?;
    check_state(user)?;
    let in_directory = user.auth_service == LDAP;
    if user.failed_attempts >= allowed {
        return Err(locked(in_directory && !flavour.is_classic()));
    }
    // Whoever signs in elsewhere has no password here.
    let has_password = user.auth_service.is_empty() || (in_directory && has_directory);
    if !has_password || user.password != password {
        user.failed_attempts += 1;
        return Err(wrong_password);
    }
    if second_factors && user.second_factor.active {
        let code = call.map_text("token");
        let code = code.trim();
        if let Err(error) = user.second_factor.accept(code, now, flavour) {
            if !code.is_empty() {
                user.failed_attempts += 1;
            }
            return Err(match error {
                CodeError::Malformed => ApiError::new(
                    401,
                    "mfa.validate_token.authenticate.app_error",
                    INVALID_MFA,
                ),
                CodeError::Wrong => ApiError::new(
                    401,
                    "api.user.check_user_mfa.bad_code.app_error",
                    INVALID_MFA,
                ),
            });
        }
    }
    let entry = check_entry(world, user_id);
    if entry.is_err()
        && let Some(user) = world.user_mut(user_id)
    {
        // The success counted, though it let nobody in.
        user.failed_attempts = 0;
    }
    entry
}

/// What is looked at before anything is proved.
pub(super) fn check_state(user: &User) -> Result<(), ApiError> {
    if user.delete_at != 0 {
        return Err(ApiError::new(
            401,
            "api.user.login.inactive.app_error",
            "Login failed because your account has been deactivated.  \
             Please contact an administrator.",
        ));
    }
    if user.is_bot {
        return Err(ApiError::new(
            401,
            "api.user.login.bot_login_forbidden.app_error",
            "Bot login is forbidden.",
        ));
    }
    Ok(())
}

fn locked(in_directory: bool) -> ApiError {
    if in_directory {
        return ApiError::new(
            401,
            "api.user.check_user_login_attempts.too_many_ldap.app_error",
            "Your account is locked because of too many failed password attempts. \
             Please contact your System Administrator.",
        );
    }
    ApiError::new(
        401,
        "api.user.check_user_login_attempts.too_many.app_error",
        "Your account is locked because of too many failed password attempts. \
         Please reset your password.",
    )
}

/// What is looked at once somebody has proved to be the user.
pub(super) fn check_entry(world: &World, user_id: &str) -> Result<(), ApiError> {
    let settings = &world.settings;
    let user = world.user(user_id).ok_or_else(ApiError::user_not_found)?;
    if settings.require_email_verification && !user.email_verified {
        return Err(ApiError::new(
            401,
            "api.user.login.not_verified.app_error",
            "Login failed because email address has not been verified.",
        ));
    }
    let guests_may = settings.enable_guest_accounts && settings.guest_accounts_licensed;
    if user.is_guest() && !guests_may {
        return Err(masked(world));
    }
    if !user.remote_id.is_empty() {
        return Err(ApiError::new(
            401,
            "api.user.login.remote_users.login.error",
            "Login failed because remote users are not allowed to log in.",
        ));
    }
    Ok(())
}

/// What every sign-in error is turned into that would tell too much.
pub(super) fn masked(world: &World) -> ApiError {
    let settings = &world.settings;
    if settings.has_single_sign_on() {
        return ApiError::new(
            401,
            "api.user.login.invalid_credentials_sso",
            "Enter a valid email or username and/or password, or sign in using another method.",
        );
    }
    let (id, subject) = match (
        settings.enable_sign_in_with_username,
        settings.enable_sign_in_with_email,
    ) {
        (true, false) => ("api.user.login.invalid_credentials_username", "username"),
        (false, true) => ("api.user.login.invalid_credentials_email", "email"),
        _ => (
            "api.user.login.invalid_credentials_email_username",
            "email or username",
        ),
    };
    ApiError::new(401, id, format!("Enter a valid {subject} and/or password."))
}

/// `POST /users/logout`: always well, even where nothing happened.
pub(crate) async fn logout(call: &mut Call) -> Result<Answer, ApiError> {
    call.clear_session_cookie();
    let shared = call.shared.clone();
    if let Some(session) = call.session.take() {
        if shared.reach_database(1).await.is_err() {
            return Err(ApiError::session_not_found());
        }
        shared.world().revoke(&session.id);
    } else if !shared.database_is_healthy() {
        // The lookup of the token took two operations, the rest takes one.
        let _ = shared.reach_database(1).await;
    }
    Ok(Answer::ok())
}

/// `POST /users/mfa` of old servers: whether a code will be asked for.
pub(crate) fn check_mfa(call: &mut Call) -> Answer {
    let world = call.shared.world();
    let active = find_user(call, &world)
        .and_then(|id| world.user(&id))
        .is_some_and(|user| user.second_factor.active);
    let required = world.settings.enable_multifactor_authentication && active;
    Answer::json(&serde_json::json!({"mfa_required": required}))
}
