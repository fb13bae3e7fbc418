//! What is not below `/api/v4/`: the web client's page for every path, the
//! errors of other API versions, and paths that are not clean.

use super::answer::{Answer, Headers};
use super::error::ApiError;
use http::Request;
use hyper::body::Incoming;

const PAGE: &str = "<!doctype html><html><head><title>Mattermost</title></head></html>\n";

/// The clean form of a path that is not; the router redirects there.
pub(crate) fn cleaned(path: &str) -> Option<String> {
    if !path.contains("//") && !path.contains("/./") && !path.contains("/../") {
        return None;
    }
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            segment => kept.push(segment),
        }
    }
    let mut clean = format!("/{}", kept.join("/"));
    if path.ends_with('/') && clean != "/" {
        clean.push('/');
    }
    Some(clean)
}

/// Answers a path outside of the API.
pub(crate) fn answer(
    request: &Request<Incoming>,
    path: &str,
    mut headers: Headers,
    language: &str,
    request_id: &str,
) -> (Headers, Answer) {
    if let Some(answer) = sso(request, path, &mut headers, language, request_id) {
        return (headers, answer);
    }
    headers.add(
        "Content-Security-Policy",
        "frame-ancestors 'self' ; script-src 'self' 'unsafe-eval' 'unsafe-inline'",
    );
    headers.add("X-Frame-Options", "SAMEORIGIN");
    if path.starts_with("/api/") {
        let body = ApiError::no_such_route(path);
        return (headers, Answer::json_with_status(404, &body));
    }
    headers.add("Cache-Control", "no-cache, max-age=31556926, public");
    (headers, Answer::text(200, "text/html", PAGE))
}

/// The start of a single sign-on on a server that has none set up, and an
/// unknown incoming webhook.
fn sso(
    request: &Request<Incoming>,
    path: &str,
    headers: &mut Headers,
    language: &str,
    request_id: &str,
) -> Option<Answer> {
    let mut handled = |get: bool| {
        headers.add("Vary", "Accept-Encoding");
        if get {
            headers.add("Expires", "0");
        }
    };
    let query = request.uri().query().unwrap_or_default();
    if path.starts_with("/oauth/") && path.ends_with("/mobile_login") {
        handled(true);
        let own_scheme = url::form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == "redirect_to")
            .is_none_or(|(_, to)| to.starts_with("mmauth://") || to.starts_with("mmauthbeta://"));
        let status = if own_scheme { 501 } else { 200 };
        return Some(Answer::text(status, "text/html", PAGE));
    }
    if path == "/login/sso/saml" {
        handled(true);
        headers.add(
            "Location",
            "/error?message=SAML+2.0+is+not+configured+or+supported+on+this+server.&s=none",
        );
        return Some(Answer::empty(302));
    }
    if let Some(id) = path.strip_prefix("/hooks/") {
        handled(false);
        let error = ApiError::new(
            400,
            "web.incoming_webhook.general.app_error",
            format!(
                "Failed to handle the payload of media type application/json \
                 for incoming webhook {id}."
            ),
        );
        let body = error.json(Some(request_id), language);
        return Some(Answer::json_with_status(400, &body));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::cleaned;

    #[test]
    fn paths_are_cleaned_as_the_router_does() {
        assert_eq!(
            cleaned("/api/v4//users/me").as_deref(),
            Some("/api/v4/users/me")
        );
        assert_eq!(cleaned("/a/../b/").as_deref(), Some("/b/"));
        assert_eq!(cleaned("/api/v4/users/me/"), None);
    }
}
