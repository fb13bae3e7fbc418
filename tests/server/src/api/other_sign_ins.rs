//! Signing in without a password: login codes of single sign-on, mailed links
//! for guests, desktop tokens. `loginSSOCodeExchange`, `getLoginType` and
//! `loginWithDesktopToken` in `server/channels/api4/user.go` of
//! mattermost/mattermost.

use super::answer::Answer;
use super::call::Call;
use super::error::ApiError;
use super::login::{begin_session, check_entry, check_state, find_user, masked};
use crate::state::SecretKind;
use crate::state::settings::CodeExchange;
use crate::state::single_use;
use crate::state::sso::Binding;
use crate::state::user_agent::session_props;
use crate::state::users::{MAGIC_LINK, View};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest, Sha256};

/// `POST /users/login/sso/code-exchange`. It is on its way out, and says so.
pub(super) async fn exchange_code(call: &mut Call) -> Result<Answer, ApiError> {
    call.answer_headers.add("Deprecation", "true");
    let shared = call.shared.clone();
    let refused = || {
        ApiError::new(
            400,
            "api.oauth.get_access_token.bad_request.app_error",
            "invalid_request: Bad request.",
        )
    };
    let exchange = shared.world().settings.code_exchange;
    match exchange {
        CodeExchange::On => {}
        CodeExchange::OffWith400 => return Err(refused()),
        CodeExchange::Off => {
            return Err(ApiError::new(
                410,
                "api.user.login_sso_code_exchange.deprecated.app_error",
                "This endpoint is deprecated and disabled. Please update your mobile app.",
            ));
        }
    }
    let (code, verifier) = (call.map_text("login_code"), call.map_text("code_verifier"));
    let state = call.map_text("state");
    for (name, value) in [
        ("login_code", &code),
        ("code_verifier", &verifier),
        ("state", &state),
    ] {
        if value.is_empty() {
            return Err(ApiError::invalid_body_param(name));
        }
    }
    shared.reach_database(2).await.map_err(|_| refused())?;
    let now = shared.now();
    let mut world = shared.world();
    let told = (SecretKind::CodeVerifier, verifier.clone());
    world.secrets.push(told);
    let known = world.sso.login_codes.redeem(&code, now);
    let known = known.ok_or_else(refused)?;
    if !answers(&known.binding, &verifier, &state) {
        return Err(refused());
    }
    let mut props = session_props(call.header("user-agent"), shared.flavour);
    props.insert("isSaml".into(), "true".into());
    let session = world
        .create_session(&known.user_id, "", props, now)
        .map_err(|_| refused())?;
    drop(world);
    call.answer_headers.add("Token", session.token.clone());
    call.set_all_cookies(&session);
    let csrf = session.prop("csrf");
    Ok(Answer::json_line(
        &json!({"token": session.token, "csrf": csrf}),
    ))
}

/// Whether a verifier fits what the app gave when it began. `plain` is taken
/// from nobody.
fn answers(binding: &Binding, verifier: &str, state: &str) -> bool {
    let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
    binding.method == "S256" && binding.state == state && binding.challenge == digest
}

/// `POST /users/login/type`: how somebody signs in, and a mail to a guest who
/// signs in with links.
pub(super) async fn login_type(call: &mut Call) -> Result<Answer, ApiError> {
    let shared = call.shared.clone();
    if !shared.world().settings.enable_guest_magic_link {
        return Ok(Answer::empty(404));
    }
    if call.map_text("login_id").is_empty() {
        return Err(ApiError::invalid_body_param("login_id"));
    }
    shared.reach_database(1).await.map_err(|_| {
        ApiError::new(
            500,
            "app.user.get.app_error",
            "We encountered an error finding the account.",
        )
    })?;
    let now = shared.now();
    let mut world = shared.world();
    let user = find_user(call, &world).and_then(|id| world.user(&id).cloned());
    let (mut service, mut is_deactivated) = ("", false);
    if let Some(user) = user {
        is_deactivated = user.delete_at != 0;
        if user.auth_service == MAGIC_LINK && !is_deactivated {
            service = MAGIC_LINK;
            world.mail_magic_link(&user.id, now);
        }
    }
    Ok(Answer::json_line(
        &json!({"auth_service": service, "is_deactivated": is_deactivated}),
    ))
}

impl crate::state::World {
    pub(crate) fn mail_magic_link(&mut self, user_id: &str, now: i64) -> String {
        let lifetime = single_use::MAGIC_LINK;
        let token = self.magic_links.hand_out(user_id.into(), now, lifetime);
        self.mailbox.push((user_id.to_owned(), token.clone()));
        self.secrets.push((SecretKind::MagicLink, token.clone()));
        token
    }
}

/// `POST /users/login` with a `magic_link_token`. What is wrong with one is
/// masked like a wrong password.
pub(super) async fn magic_link(call: &mut Call) -> Result<Answer, ApiError> {
    let shared = call.shared.clone();
    if shared.reach_database(2).await.is_err() {
        return Err(masked(&shared.world()));
    }
    let now = shared.now();
    let mut world = shared.world();
    if !world.settings.enable_guest_magic_link {
        return Err(masked(&world));
    }
    let token = call.map_text("magic_link_token");
    let user_id = world.magic_links.redeem(&token, now);
    let user_id = user_id.ok_or_else(|| masked(&world))?;
    let user = world.user(&user_id).ok_or_else(|| masked(&world))?;
    check_state(user)?;
    check_entry(&world, &user_id)?;
    begin_session(call, world, &user_id, now)
}

/// `POST /users/login/desktop_token`: how a desktop app takes over a sign-in
/// in the browser. Cookies come whether wanted or not, and the account with
/// everything in it.
pub(super) async fn desktop_token(call: &mut Call) -> Result<Answer, ApiError> {
    let shared = call.shared.clone();
    let refused = || {
        ApiError::new(
            401,
            "app.desktop_token.validate.invalid",
            "Token is not valid or has expired.",
        )
    };
    if call.map_text("token").is_empty() {
        return Err(ApiError::invalid_body_param("token"));
    }
    shared.reach_database(2).await.map_err(|_| refused())?;
    let now = shared.now();
    let mut world = shared.world();
    let user_id = world
        .desktop_tokens
        .redeem(&call.map_text("token"), now)
        .ok_or_else(refused)?;
    let mut user = world.user(&user_id).cloned().ok_or_else(refused)?;
    check_state(&user)?;
    let props = session_props(call.header("user-agent"), shared.flavour);
    let session = world
        .create_session(&user_id, &call.map_text("device_id"), props, now)
        .map_err(|_| refused())?;
    drop(world);
    call.answer_headers.add("Token", session.token.clone());
    call.set_all_cookies(&session);
    user.failed_attempts = 0;
    let mut body = user.json(View::Own, shared.flavour);
    // Nobody takes these away here.
    body["password"] = json!("$2a$10$not.a.real.hash");
    body["auth_data"] = json!("");
    body["mfa_secret"] = json!("");
    Ok(Answer::json_line(&body))
}
