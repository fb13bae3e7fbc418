//! What the server answers over HTTP: the request pipeline of
//! `server/channels/web/handlers.go` in mattermost/mattermost, and one file
//! per topic behind it.

mod access_tokens;
mod account;
mod answer;
mod authentication;
mod call;
mod client_config;
mod error;
mod files;
mod login;
mod other_sign_ins;
mod outside;
mod posts;
mod rate_limit;
mod route;
mod sessions;
pub(crate) mod sso;
mod system;
mod teams;
mod users;

use crate::state::Shared;
use crate::state::clock::http_date;
use crate::state::ids::new_id;
use crate::state::requests::RequestRecord;
use crate::state::settings::Flavour;
use crate::websocket;
use answer::{Body, Headers};
use bytes::Bytes;
use call::header;
use error::ApiError;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use route::Endpoint;
use std::sync::Arc;

pub(crate) use answer::{Answer, Body as AnswerBody};
pub(crate) use call::Call;

const API: &str = "/api/v4/";
/// `MaximumPayloadSizeBytes`: a larger JSON body reads as an empty one (seen
/// with 400 kB on a running 11.6), so nothing of it is kept.
const KEPT_BODY: usize = 300_000;

/// Answers one request and keeps record of it.
pub(crate) async fn serve(shared: Arc<Shared>, request: Request<Incoming>) -> Response<Body> {
    let query = parse_query(request.uri().query().unwrap_or_default());
    let path = request.uri().path().to_owned();
    let number = shared.requests.arrived(RequestRecord {
        number: 0,
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        query: query_without_token(&query),
        had_token: authentication::has_token(request.headers(), &query),
        user_agent: header(request.headers(), "user-agent").to_owned(),
        at_ms: shared.now(),
        status: None,
    });
    let response = answer(&shared, request, query).await;
    shared.requests.answered(number, response.status().as_u16());
    let mut held_back = shared.held_back.subscribe();
    // Fails only when the server has gone, and with it the one who asked.
    let _ = held_back
        .wait_for(|held| held.as_ref() != Some(&path))
        .await;
    response
}

async fn answer(
    shared: &Arc<Shared>,
    request: Request<Incoming>,
    query: Vec<(String, String)>,
) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let language = header(request.headers(), "accept-language").to_owned();
    let request_id = new_id();
    let maintenance = shared.world().maintenance;
    if let Some(status) = maintenance {
        let (headers, answer) = outside::in_maintenance(status);
        return respond(shared, headers, answer, false);
    }
    let rate_limit_headers =
        match rate_limit::check(shared, &authentication::token(&request, &query)) {
            Ok(headers) => headers,
            Err((headers, answer)) => return respond(shared, headers, answer, false),
        };
    if let Some(clean) = outside::cleaned(&path) {
        let mut headers = Headers::default();
        headers.add("Location", clean);
        let mut answer = Answer::empty(301);
        answer.content_type = None;
        return respond(shared, headers, answer, false);
    }
    let length = request
        .uri()
        .path_and_query()
        .map_or(0, |uri| uri.as_str().len());
    if length > shared.world().settings.maximum_url_length && !shared.flavour.is_classic() {
        let mut headers = Headers::default();
        headers.add("Vary", "Accept-Encoding");
        let error = ApiError::new(
            414,
            "basic_security_check.url.too_long_error",
            "URL is too long",
        );
        let body = error.json(Some(&request_id), &language);
        return respond(shared, headers, Answer::json_with_status(414, &body), false);
    }
    let matched = match path.strip_prefix(API) {
        Some(rest) => match route::find(request.method().as_str(), rest, shared.flavour) {
            Some((endpoint, parameters)) => Some((
                endpoint,
                parameters.into_iter().map(str::to_owned).collect(),
            )),
            None => {
                let answer = outside::no_such_route(&path, shared.flavour);
                return respond(shared, Headers::default(), answer, false);
            }
        },
        None => match sso::find(request.method().as_str(), &path) {
            Some((page, parameters)) => {
                return show_page(shared, request, query, page, parameters, request_id).await;
            }
            None => None,
        },
    };
    let Some((endpoint, parameters)) = matched else {
        let headers = common_headers(shared, &request_id);
        let flavour = shared.flavour;
        let (headers, answer) = outside::answer(&path, headers, &language, &request_id, flavour);
        return respond(shared, headers, answer, false);
    };

    let (mut parts, body) = request.into_parts();
    let mut call = Call {
        shared: shared.clone(),
        method: parts.method.to_string(),
        own_path: path == "/api/v4/users/me",
        parameters,
        query,
        headers: std::mem::take(&mut parts.headers),
        body: Vec::new(),
        session: None,
        answer_headers: common_headers(shared, &request_id),
        request_id,
    };
    call.answer_headers.extend(rate_limit_headers);
    call.answer_headers.add("Vary", "Accept-Encoding");
    if call.method == "GET" {
        call.answer_headers.add("Expires", "0");
    }

    let access = route::access(endpoint, call.own_path);
    if endpoint == Endpoint::WebSocket {
        if let Err(error) = authentication::authenticate(&mut call, access).await {
            return respond_with_error(call, &error, &language);
        }
        return upgrade(call, parts, body, &language);
    }
    if let Some(layer) = rate_limit::Layer::of(endpoint) {
        match rate_limit::check_route(shared, layer) {
            Ok(headers) => call.answer_headers.extend(headers),
            Err((headers, answer)) => {
                call.answer_headers.extend(headers);
                let headers = std::mem::take(&mut call.answer_headers);
                return respond(shared, headers, answer, false);
            }
        }
    }
    let limit = call.shared.world().settings.maximum_body_bytes;
    let body = match shared.flavour {
        Flavour::V11 if endpoint == Endpoint::CreateFile => read_body(body, limit, limit).await,
        Flavour::V11 => read_body(body, limit, KEPT_BODY).await,
        Flavour::V5 => read_body(body, usize::MAX, usize::MAX).await,
    };
    if let Err(error) = authentication::authenticate(&mut call, access).await {
        return respond_with_error(call, &error, &language);
    }
    let user_id = call.session.as_ref().map(|session| session.user_id.clone());
    if let Some(user_id) = user_id {
        match rate_limit::check_user(shared, &user_id) {
            Ok(headers) => call.answer_headers.extend(headers),
            Err((headers, answer)) => {
                call.answer_headers.extend(headers);
                let headers = std::mem::take(&mut call.answer_headers);
                return respond(shared, headers, answer, false);
            }
        }
    }
    match body {
        Ok(body) => call.body = body,
        Err(error) => return respond_with_error(call, &error, &language),
    }
    if route::can_do_without(endpoint) && shared.world().settings.busy {
        return respond_with_error(call, &ApiError::server_busy(), &language);
    }
    match dispatch(endpoint, &mut call).await {
        Ok(answer) => {
            let headers = std::mem::take(&mut call.answer_headers);
            respond(shared, headers, answer, false)
        }
        Err(error) => respond_with_error(call, &error, &language),
    }
}

async fn dispatch(endpoint: Endpoint, call: &mut Call) -> Result<Answer, ApiError> {
    use Endpoint as E;
    match endpoint {
        E::Login => login::login(call).await,
        E::LoginType => other_sign_ins::login_type(call).await,
        E::LoginCodeExchange => other_sign_ins::exchange_code(call).await,
        E::DesktopTokenLogin => other_sign_ins::desktop_token(call).await,
        E::CheckMfa => Ok(login::check_mfa(call)),
        E::Logout => login::logout(call).await,
        E::Sessions => sessions::list(call).await,
        E::RevokeSession => sessions::revoke(call).await,
        E::RevokeAllSessions => sessions::revoke_all(call).await,
        E::RevokeEveryone => sessions::revoke_everyone(call).await,
        E::AttachDevice => sessions::attach_device(call).await,
        E::Users => users::list(call).await,
        E::SearchUsers => users::search(call).await,
        E::UsersByIds => users::by_ids(call).await,
        E::User => users::by_id(call).await,
        E::UserByName => users::by_name(call).await,
        E::UserByEmail => users::by_email(call).await,
        E::PatchUser => account::patch(call).await,
        E::SetActive => account::set_active(call).await,
        E::SetPassword => account::set_password(call).await,
        E::GenerateMfaSecret => account::generate_mfa_secret(call).await,
        E::SetMfa => account::set_mfa(call).await,
        E::GetStatus => account::get_status(call),
        E::SetStatus => account::set_status(call),
        E::Typing => account::typing(call),
        E::CreateAccessToken => access_tokens::create(call).await,
        E::AccessTokens => access_tokens::list(call).await,
        E::RevokeAccessToken => access_tokens::revoke(call).await,
        E::DisableAccessToken => access_tokens::set_active(call, false).await,
        E::EnableAccessToken => access_tokens::set_active(call, true).await,
        E::Ping => system::ping(call).await,
        E::ClientConfig => client_config::client_config(call),
        E::ClientLicense => system::client_license(call),
        E::OwnTeams => teams::own(call).await,
        E::Team => teams::by_id(call).await,
        E::TeamByName => teams::by_name(call).await,
        E::ChannelByName => teams::channel_by_name(call).await,
        E::ChannelByTeamName => teams::channel_by_team_name(call).await,
        E::OwnChannels => teams::own_channels(call).await,
        E::Channel => teams::channel(call).await,
        E::ViewChannel => posts::view_channel(call).await,
        E::CreatePost => posts::create(call).await,
        E::Post => posts::by_id(call).await,
        E::ChannelPosts => posts::of_channel(call).await,
        E::CreateFile => files::create(call).await,
        E::File => files::get(call),
        // The caller takes upgrades out before bodies are read.
        E::WebSocket => Ok(Answer::empty(400)),
    }
}

/// A page of a sign-in in a browser. Nobody's session is looked at.
async fn show_page(
    shared: &Arc<Shared>,
    request: Request<Incoming>,
    query: Vec<(String, String)>,
    page: sso::Page,
    parameters: Vec<String>,
    request_id: String,
) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    let mut call = Call {
        shared: shared.clone(),
        method: parts.method.to_string(),
        own_path: false,
        parameters,
        query,
        headers: std::mem::take(&mut parts.headers),
        body: read_body(body, KEPT_BODY, KEPT_BODY)
            .await
            .unwrap_or_default(),
        session: None,
        answer_headers: common_headers(shared, &request_id),
        request_id,
    };
    call.answer_headers.add("Vary", "Accept-Encoding");
    if call.method == "GET" {
        call.answer_headers.add("Expires", "0");
    }
    let answer = sso::show(page, &mut call).await;
    let headers = std::mem::take(&mut call.answer_headers);
    respond(shared, headers, answer, false)
}

fn upgrade(
    call: Call,
    mut parts: http::request::Parts,
    body: Incoming,
    language: &str,
) -> Response<Body> {
    parts.headers = call.headers.clone();
    let shared = call.shared.clone();
    let request = Request::from_parts(parts, body);
    match websocket::upgrade::accept(&shared, request, &call.query, call.session.clone()) {
        Ok(response) => response,
        Err(refusal) => {
            let mut call = call;
            let status = if shared.flavour.is_classic() {
                500
            } else {
                400
            };
            let error = ApiError::new(
                status,
                "api.web_socket.connect.upgrade.app_error",
                format!("URL Blocked because of CORS. Url: {}", refusal.origin),
            );
            let body = error.json(Some(&call.request_id), language);
            let text = format!("{}\n{}", refusal.reason, body);
            let mut headers = std::mem::take(&mut call.answer_headers);
            headers.add("Sec-Websocket-Version", "13");
            if shared.flavour.is_classic() {
                headers.add("X-Content-Type-Options", "nosniff");
            }
            let answer = Answer::text(refusal.status, "text/plain; charset=utf-8", text);
            respond(&call.shared, headers, answer, false)
        }
    }
}

fn respond_with_error(mut call: Call, error: &ApiError, language: &str) -> Response<Body> {
    let hidden = error.status >= 500 && call.shared.world().settings.hardened_mode;
    let body = match hidden {
        true => ApiError::hardened(error.status).json(Some(&call.request_id), language),
        false => error.json(Some(&call.request_id), language),
    };
    let headers = std::mem::take(&mut call.answer_headers);
    let answer = Answer::json_with_status(error.status, &body);
    respond(&call.shared, headers, answer, error.status == 413)
}

fn respond(shared: &Shared, headers: Headers, mut answer: Answer, closing: bool) -> Response<Body> {
    let is_json = answer.content_type == Some("application/json");
    if shared.flavour.is_classic() && is_json && answer.body.last() == Some(&b'\n') {
        // 5.37 marshals where later generations encode.
        answer.body.pop();
    }
    let stripped = shared.world().stripped_headers.clone();
    headers.respond(answer, http_date(shared.now()), &stripped, closing)
}

/// What every handled answer carries.
fn common_headers(shared: &Shared, request_id: &str) -> Headers {
    let mut headers = Headers::default();
    if !shared.flavour.is_classic() {
        headers.add("Permissions-Policy", "");
        headers.add("Referrer-Policy", "no-referrer");
        headers.add("X-Content-Type-Options", "nosniff");
    }
    headers.add("X-Request-Id", request_id);
    headers.add("X-Version-Id", shared.version_id.clone());
    headers
}

/// Reads a body to its end; fails when it is larger than the limit, or cut
/// off. One that is larger than `kept_most` reads as empty.
async fn read_body(
    mut body: Incoming,
    limit: usize,
    kept_most: usize,
) -> Result<Vec<u8>, ApiError> {
    let mut kept = Vec::new();
    let mut length = 0_usize;
    while let Some(frame) = body.frame().await {
        // Its client has left, so nobody will read which error it is.
        let frame = frame.map_err(|_| {
            ApiError::new(
                400,
                "api.context.invalid_body_param.app_error",
                "Invalid or missing body in request.",
            )
        })?;
        let data: Bytes = frame.into_data().unwrap_or_default();
        length += data.len();
        if length <= kept_most {
            kept.extend_from_slice(&data);
        } else {
            kept.clear();
        }
    }
    if length > limit {
        return Err(ApiError::new(
            413,
            "api.context.request_body_too_large.app_error",
            "Unable to process request. Request body too large.",
        ));
    }
    Ok(kept)
}

fn parse_query(query: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

fn query_without_token(query: &[(String, String)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(query.iter().filter(|(key, _)| key != "access_token"))
        .finish()
}
