//! OAuth and OpenID Connect.

use super::{Failure, Shown, binding, check_scheme, let_in};
use crate::api::answer::Answer;
use crate::api::call::{Call, cookie};
use crate::api::outside::WEB_PAGE;
use crate::state::ids::new_id;
use crate::state::single_use::SIGN_IN;
use crate::state::sso::Start;

/// Binds a sign-in to the browser that began it.
const COOKIE: &str = "MMOAUTH";

/// `GET /oauth/{service}/mobile_login`: on to the identity provider.
pub(super) fn begin(call: &mut Call) -> Shown {
    let service = call.parameters[0].clone();
    let redirect_to = call.query("redirect_to").to_owned();
    check_scheme(call, &redirect_to)?;
    if service == "saml" || !call.shared.world().settings.offers(&service) {
        return Ok(Answer::text(501, "text/html", WEB_PAGE));
    }
    let start = Start {
        service: service.clone(),
        redirect_to,
        binding: binding(|name| call.query(name).to_owned()),
        cookie: new_id(),
    };
    let value = &start.cookie;
    let secure = if call.is_secure() { "; Secure" } else { "" };
    let seconds = SIGN_IN.as_secs();
    let cookie = format!("{COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly{secure}");
    call.answer_headers.add("Set-Cookie", cookie);
    let now = call.shared.now();
    let state = call.shared.world().sso.starts.hand_out(start, now, SIGN_IN);
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", "mattermost")
        .append_pair("redirect_uri", &format!("/signup/{service}/complete"))
        .append_pair("response_type", "code")
        .append_pair("state", &state)
        .finish();
    Ok(call.redirect(&format!("/provider/{service}/authorize?{query}")))
}

/// `GET /signup/{service}/complete`, and the same below `/login/` and
/// `/oauth/`: where the identity provider sends the browser back to.
pub(super) async fn complete(call: &mut Call) -> Shown {
    let service = call.parameters[0].clone();
    let now = call.shared.now();
    let state = call.query("state").to_owned();
    let start = call.shared.world().sso.starts.redeem(&state, now);
    let start = start.filter(|start| start.service == service);
    let start = start.ok_or_else(|| {
        Failure::new(
            "",
            "api.oauth.invalid_state_token.app_error",
            "Invalid state token.",
        )
    })?;
    let fail = |id, message: &str| Failure::new(&start.redirect_to, id, message);
    if cookie(&call.headers, COOKIE) != Some(&start.cookie) {
        return Err(fail(
            "api.user.authorize_oauth_user.invalid_state.app_error",
            "Invalid state.",
        ));
    }
    let code = call.query("code").to_owned();
    if code.is_empty() {
        return Err(fail(
            "api.user.authorize_oauth_user.missing.app_error",
            "The identity provider did not authorize the sign-in.",
        ));
    }
    let (redirect_to, binding) = (start.redirect_to.clone(), start.binding.clone());
    let_in(call, &code, &service, &redirect_to, binding).await
}
