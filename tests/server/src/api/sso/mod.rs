//! Single sign-on of mobile apps, in the browser: `server/channels/web/oauth.go`
//! and `server/channels/web/saml.go` in mattermost/mattermost, and the identity
//! provider's own pages.

mod oauth;
pub(crate) mod pages;
mod saml;

use super::answer::Answer;
use super::call::Call;
use crate::provider;
use crate::state::SecretKind;
use crate::state::sessions::Session;
use crate::state::settings::{CodeExchange, NamedServer};
use crate::state::single_use::CODE;
use crate::state::sso::{Binding, LoginCode};
use crate::state::user_agent::session_props;
use std::collections::BTreeMap;

/// A page of a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    BeginOAuth,
    CompleteOAuth,
    BeginSaml,
    CompleteSaml,
    AskAtProvider,
    ChooseAtProvider,
}

/// Finds the page of a path, with the service in it.
pub(super) fn find(method: &str, path: &str) -> Option<(Page, Vec<String>)> {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let (page, service) = match (method, segments.as_slice()) {
        ("GET", ["oauth", service, "mobile_login"]) => (Page::BeginOAuth, *service),
        ("GET", ["signup" | "login" | "oauth", service, "complete"]) => {
            (Page::CompleteOAuth, *service)
        }
        ("GET", ["login", "sso", "saml"]) => (Page::BeginSaml, "saml"),
        ("POST", ["login", "sso", "saml"]) => (Page::CompleteSaml, "saml"),
        ("GET", ["provider", service, "authorize"]) => (Page::AskAtProvider, *service),
        ("POST", ["provider", service, "choose"]) => (Page::ChooseAtProvider, *service),
        _ => return None,
    };
    Some((page, vec![service.to_owned()]))
}

pub(super) async fn show(page: Page, call: &mut Call) -> Answer {
    let shown = match page {
        Page::BeginOAuth => oauth::begin(call),
        Page::CompleteOAuth => oauth::complete(call).await,
        Page::BeginSaml => saml::begin(call),
        Page::CompleteSaml => saml::complete(call).await,
        Page::AskAtProvider => Ok(provider::authorize(call)),
        Page::ChooseAtProvider => Ok(provider::choose(call)),
    };
    shown.unwrap_or_else(|failure| failure.page(call))
}

/// Why a sign-in in the browser came to nothing.
struct Failure {
    id: &'static str,
    message: String,
    /// Where the app wanted the browser to come back, as it asked.
    redirect_to: String,
}

impl Failure {
    fn new(redirect_to: &str, id: &'static str, message: impl Into<String>) -> Self {
        Self {
            id,
            message: message.into(),
            redirect_to: redirect_to.to_owned(),
        }
    }

    fn page(&self, call: &Call) -> Answer {
        let back = honoured(call, &self.redirect_to);
        pages::failed(self.id, &self.message, &back)
    }
}

type Shown = Result<Answer, Failure>;

/// Refuses a way back that does not begin with a scheme of the server's list.
fn check_scheme(call: &Call, redirect_to: &str) -> Result<(), Failure> {
    let world = call.shared.world();
    let schemes = &world.settings.app_custom_url_schemes;
    if redirect_to.is_empty() || schemes.iter().any(|scheme| redirect_to.starts_with(scheme)) {
        return Ok(());
    }
    Err(Failure::new(
        redirect_to,
        "api.invalid_custom_url_scheme",
        "An invalid custom url scheme has been provided",
    ))
}

/// Where the browser goes in the end: exactly `<scheme>://callback`, or the
/// site (`fullyQualifiedRedirectURL`).
fn honoured(call: &Call, redirect_to: &str) -> String {
    let world = call.shared.world();
    let settings = &world.settings;
    let own = |scheme: &String| format!("{scheme}callback") == redirect_to;
    if settings.app_custom_url_schemes.iter().any(own) {
        return redirect_to.to_owned();
    }
    settings.site_url_or(&call.shared.base_url).to_owned()
}

/// The binding that an app gave for a login code.
fn binding(read: impl Fn(&str) -> String) -> Binding {
    Binding {
        state: read("state"),
        challenge: read("code_challenge"),
        method: read("code_challenge_method"),
    }
}

/// Lets somebody in whom the identity provider vouches for, and sends the
/// browser back with what the app then signs in with.
async fn let_in(
    call: &mut Call,
    voucher: &str,
    service: &str,
    redirect_to: &str,
    binding: Binding,
) -> Shown {
    let shared = call.shared.clone();
    if shared.reach_database(2).await.is_err() {
        return Err(Failure::new(
            redirect_to,
            "app.user.get.app_error",
            "We encountered an error finding the account.",
        ));
    }
    let user_id = vouched_user(call, voucher, service)
        .map_err(|(id, message)| Failure::new(redirect_to, id, message))?;
    let now = shared.now();
    let exchanges = shared.world().settings.code_exchange == CodeExchange::On;
    let bound = !binding.state.is_empty() && !binding.challenge.is_empty();
    let by_code = exchanges && bound && !redirect_to.is_empty() && !shared.flavour.is_classic();
    let mut parameters = Vec::new();
    if by_code {
        let code = LoginCode { user_id, binding };
        let mut world = shared.world();
        let code = world.sso.login_codes.hand_out(code, now, CODE);
        world.secrets.push((SecretKind::LoginCode, code.clone()));
        parameters.push(("login_code", code));
    } else {
        let session = create_session(call, &user_id, service).ok_or_else(|| {
            Failure::new(redirect_to, "app.session.save.app_error", "No session.")
        })?;
        if service == "saml" || redirect_to.is_empty() {
            call.set_all_cookies(&session);
        }
        if redirect_to.is_empty() {
            return Ok(Answer::ok());
        }
        parameters.push(("MMAUTHTOKEN", session.token.clone()));
        parameters.push(("MMCSRF", session.prop("csrf").to_owned()));
    }
    parameters.extend(named_server(call).map(|name| ("srv", name)));
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish();
    let target = format!("{}?{query}", honoured(call, redirect_to));
    Ok(pages::complete(&target))
}

fn named_server(call: &Call) -> Option<String> {
    if call.shared.flavour.is_classic() {
        return None;
    }
    let world = call.shared.world();
    let settings = &world.settings;
    match &settings.named_server {
        NamedServer::Own => Some(settings.site_url_or(&call.shared.base_url).to_owned()),
        NamedServer::None => None,
        NamedServer::Another(url) => Some(url.clone()),
    }
}

/// The account of somebody who was vouched for, if it signs in that way.
fn vouched_user(
    call: &Call,
    voucher: &str,
    service: &str,
) -> Result<String, (&'static str, &'static str)> {
    let now = call.shared.now();
    let mut world = call.shared.world();
    let name = world.sso.vouched_for.redeem(voucher, now).ok_or((
        "api.user.authorize_oauth_user.bad_response.app_error",
        "Bad response from token request.",
    ))?;
    let user = world
        .user_named(&name)
        .filter(|user| !user.is_bot)
        .cloned()
        .ok_or((
            "api.user.create_oauth_user.create.app_error",
            "Could not create user out of the identity provider's answer.",
        ))?;
    if user.auth_service != service {
        return Err((
            "api.user.create_oauth_user.already_attached.app_error",
            "There is already an account associated with that email address using a sign in \
             method other than this one.",
        ));
    }
    if user.delete_at != 0 {
        return Err((
            "api.user.login.inactive.app_error",
            "Login failed because your account has been deactivated.  \
             Please contact an administrator.",
        ));
    }
    if user.is_guest() && !world.settings.enable_guest_accounts {
        return Err((
            "api.user.login.guest_accounts.disabled.error",
            "Guest accounts are disabled",
        ));
    }
    Ok(user.id)
}

/// A session as a sign-in in the browser makes it: mobile by what was asked
/// for, not by the browser; without a device.
fn create_session(call: &Call, user_id: &str, service: &str) -> Option<Session> {
    let shared = &call.shared;
    let mut props = session_props(call.header("user-agent"), shared.flavour);
    props.insert("isMobile".into(), "true".into());
    mark(&mut props, service);
    let now = shared.now();
    shared.world().create_session(user_id, "", props, now).ok()
}

fn mark(props: &mut BTreeMap<String, String>, service: &str) {
    let kind = if service == "saml" {
        "isSaml"
    } else {
        "isOAuthUser"
    };
    props.insert(kind.into(), "true".into());
}
