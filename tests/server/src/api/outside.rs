//! What is not below `/api/v4/`: the web client's page for every path, the
//! errors of other API versions, and paths that are not clean.

use super::answer::{Answer, Headers};
use super::error::ApiError;
use crate::state::clock::http_date;
use crate::state::settings::Flavour;

/// When the page was written, for the generation that serves it as a file.
const PAGE_WRITTEN_MS: i64 = 1_626_000_000_000;
pub(super) const WEB_PAGE: &str =
    "<!doctype html><html><head><title>Mattermost</title></head></html>\n";

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
    path: &str,
    mut headers: Headers,
    language: &str,
    request_id: &str,
    flavour: Flavour,
) -> (Headers, Answer) {
    if let Some(answer) = webhook(path, &mut headers, language, request_id, flavour) {
        return (headers, answer);
    }
    let policy = match flavour {
        Flavour::V11 => "frame-ancestors 'self' ; script-src 'self' 'unsafe-eval' 'unsafe-inline'",
        Flavour::V5 => {
            "frame-ancestors 'self'; script-src 'self' cdn.rudderlabs.com 'unsafe-eval' 'unsafe-inline'"
        }
    };
    headers.add("Content-Security-Policy", policy);
    headers.add("X-Frame-Options", "SAMEORIGIN");
    if path.starts_with("/api/") {
        return (headers, no_such_route(path, flavour));
    }
    headers.add("Cache-Control", "no-cache, max-age=31556926, public");
    if !flavour.is_classic() {
        return (headers, Answer::text(200, "text/html", WEB_PAGE));
    }
    headers.add("Accept-Ranges", "bytes");
    headers.add("Content-Length", WEB_PAGE.len().to_string());
    headers.add("Last-Modified", http_date(PAGE_WRITTEN_MS));
    (
        headers,
        Answer::text(200, "text/html; charset=utf-8", WEB_PAGE),
    )
}

/// What the proxy in front says of a server that is not there.
pub(super) fn in_maintenance(status: u16) -> (Headers, Answer) {
    let reason = http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Error");
    let mut headers = Headers::default();
    headers.add("Server", "nginx");
    let page = format!(
        "<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n\
         <center><h1>{status} {reason}</h1></center>\r\n<hr><center>nginx</center>\r\n\
         </body>\r\n</html>\r\n"
    );
    (headers, Answer::text(status, "text/html", page))
}

/// The router's 404: JSON that 5.37 does not call so.
pub(super) fn no_such_route(path: &str, flavour: Flavour) -> Answer {
    let answer = Answer::json_with_status(404, &ApiError::no_such_route(path));
    match flavour {
        Flavour::V11 => answer,
        Flavour::V5 => answer.with_guessed_type(),
    }
}

/// An unknown incoming webhook.
fn webhook(
    path: &str,
    headers: &mut Headers,
    language: &str,
    request_id: &str,
    flavour: Flavour,
) -> Option<Answer> {
    if path.starts_with("/hooks/") && flavour.is_classic() {
        let error = ApiError::new(
            400,
            "web.incoming_webhook.invalid.app_error",
            "Invalid webhook.",
        );
        let body = error.json(Some(request_id), language);
        return Some(Answer::json_with_status(400, &body));
    }
    if let Some(id) = path.strip_prefix("/hooks/") {
        headers.add("Vary", "Accept-Encoding");
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
