//! From a request to a session: which of its tokens counts, what a bad one
//! does, cross-site protection. Follows `ParseAuthTokenFromRequest` in
//! `server/channels/app/authentication.go` and `ServeHTTP` in
//! `server/channels/web/handlers.go` of mattermost/mattermost.

use super::call::{Call, cookie, header};
use super::error::ApiError;
use super::route::Access;
use crate::state::sessions::Lookup;
use http::HeaderMap;

/// Tokens are cut to this many characters.
const TOKEN_LENGTH: usize = 50;

/// Where a token was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Cookie,
    Header,
    Query,
}

/// The token that counts; first match wins, be it empty or dead.
fn token_of(headers: &HeaderMap, query: &str) -> Option<(String, Place)> {
    let (token, place) = if let Some(token) = cookie(headers, "MMAUTHTOKEN") {
        (token.to_owned(), Place::Cookie)
    } else if let Some(token) = authorization(header(headers, "authorization")) {
        (token.to_owned(), Place::Header)
    } else {
        (query.to_owned(), Place::Query)
    };
    let token: String = token.chars().take(TOKEN_LENGTH).collect();
    (!token.is_empty()).then_some((token, place))
}

fn authorization(value: &str) -> Option<&str> {
    let scheme = value.get(..7).unwrap_or_default();
    if scheme.eq_ignore_ascii_case("bearer ") {
        return value.get(7..);
    }
    let scheme = value.get(..6).unwrap_or_default();
    if scheme.eq_ignore_ascii_case("token ") {
        return value.get(6..);
    }
    None
}

/// Whether a request carries a token of any kind.
pub(crate) fn has_token(headers: &HeaderMap, query: &[(String, String)]) -> bool {
    token_of(headers, query_token(query)).is_some()
}

/// The token that a request is counted by.
pub(crate) fn token<T>(request: &http::Request<T>, query: &[(String, String)]) -> String {
    token_of(request.headers(), query_token(query)).map_or_else(String::new, |(token, _)| token)
}

fn query_token(query: &[(String, String)]) -> &str {
    query
        .iter()
        .find(|(key, _)| key == "access_token")
        .map_or("", |(_, value)| value)
}

/// Finds the caller's session and checks what the endpoint demands.
pub(crate) async fn authenticate(call: &mut Call, access: Access) -> Result<(), ApiError> {
    let found = token_of(&call.headers, query_token(&call.query));
    if let Some((token, place)) = found {
        let lookup = call.shared.clone().session_of(&token).await;
        match lookup {
            Lookup::Found(_) if place == Place::Query => {
                return Err(ApiError::new(
                    401,
                    "api.context.token_provided.app_error",
                    "Session is not OAuth but token was provided in the query string.",
                ));
            }
            Lookup::Found(session) => {
                if place == Place::Cookie && !passes_csrf(call, session.prop("csrf")) {
                    if !call.shared.flavour.is_classic() {
                        call.clear_session_cookie();
                    }
                    return Err(ApiError::session_expired());
                }
                call.session = Some(*session);
            }
            Lookup::Invalid if access != Access::Public => {
                call.clear_session_cookie();
                return Err(ApiError::session_expired());
            }
            Lookup::Invalid | Lookup::AccessTokensOff => {}
        }
    }
    if access == Access::Public {
        return Ok(());
    }
    let Some(session) = &call.session else {
        return Err(ApiError::session_expired());
    };
    if access == Access::Session && call.shared.world().must_enrol(session) {
        let status = match call.shared.world().settings.mfa_required_with_401 {
            true => 401,
            false => 403,
        };
        return Err(ApiError::new(
            status,
            "api.context.mfa_required.app_error",
            "Multi-factor authentication is required on this server.",
        ));
    }
    Ok(())
}

fn passes_csrf(call: &Call, csrf: &str) -> bool {
    let strict = call.shared.world().settings.strict_csrf;
    call.method == "GET" || call.header("x-csrf-token") == csrf || (!strict && call.wants_cookies())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    http::HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn the_cookie_counts_before_the_header_even_when_empty() {
        let both = headers(&[("cookie", "MMAUTHTOKEN=c"), ("authorization", "Bearer b")]);
        assert_eq!(token_of(&both, ""), Some(("c".into(), Place::Cookie)));
        let empty = headers(&[("cookie", "MMAUTHTOKEN="), ("authorization", "Bearer b")]);
        assert_eq!(token_of(&empty, ""), None);
    }

    #[test]
    fn schemes_are_read_without_regard_to_case() {
        let bearer = headers(&[("authorization", "bearer x")]);
        assert_eq!(token_of(&bearer, "q"), Some(("x".into(), Place::Header)));
        let basic = headers(&[("authorization", "Basic YTpi")]);
        assert_eq!(token_of(&basic, ""), None);
        assert_eq!(token_of(&basic, "q"), Some(("q".into(), Place::Query)));
    }
}
