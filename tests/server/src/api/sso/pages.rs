//! What a browser is shown at the end of a sign-in that an app began:
//! `RenderMobileAuthComplete` and `RenderMobileError` in
//! `server/channels/utils/api.go` of mattermost/mattermost.

use crate::api::answer::Answer;

/// Text made safe for HTML, between tags or in an attribute.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&#34;")
        .replace('\'', "&#39;")
}

pub(crate) fn page(title: &str, head: &str, body: &str) -> Answer {
    let title = escaped(title);
    let text = format!(
        "<!doctype html><html><head><meta charset=\"utf-8\"><title>{title}</title>{head}</head>\
         <body><h1>{title}</h1>{body}</body></html>\n"
    );
    Answer::text(200, "text/html", text)
}

/// Jumps to the app after two seconds, by script or without.
pub(super) fn complete(target: &str) -> Answer {
    let link = escaped(target);
    let for_script = serde_json::to_string(target)
        .expect("text is JSON")
        .replace('<', "\\u003c");
    let head = format!(
        "<noscript><meta http-equiv=\"refresh\" content=\"2; url={link}\"></noscript>\
         <script>setTimeout(function () {{ window.location.replace({for_script}); }}, 2000);</script>"
    );
    let body = format!(
        "<p>You will be redirected in a moment. <a href=\"{link}\">If not, click here</a></p>"
    );
    page("Authentication complete", &head, &body)
}

/// Says what went wrong. It is a 200, and nothing goes to the app by itself:
/// the way back is a link without parameters.
pub(super) fn failed(id: &str, message: &str, back: &str) -> Answer {
    let (id, message, back) = (escaped(id), escaped(message), escaped(back));
    let body = format!(
        "<p data-error=\"{id}\">{message}</p><p><a href=\"{back}\">Back to Mattermost</a></p>"
    );
    page("Error", "", &body)
}
