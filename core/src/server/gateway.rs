//! What stands before a server and answers in its place: recognised here, once for every call.

use http::HeaderName;
use http::header::{CONTENT_TYPE, HeaderMap};

/// Marks an answer by which a gateway refuses whoever did not show its secret (`app/client/rest/constants.ts` in
/// mattermost/mattermost-mobile).
const REJECT_REASON: HeaderName = HeaderName::from_static("x-reject-reason");

/// What something before a server wants, or would not take. Says nothing about a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Gateway {
    /// A secret, and the request carried none.
    PreAuthenticationNeeded,
    /// Another secret than the one that the request carried.
    PreAuthenticationRefused,
    /// A client certificate, or another one.
    ClientCertificateNeeded,
    /// Something of the user that no app can give: a portal, or a proxy that was not asked for.
    Portal,
}

/// Whether a request carried the secret of its profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PreAuth {
    Shown,
    None,
}

impl Gateway {
    /// Who answered, if it was not the server: none of these answers is one of Mattermost's.
    pub(super) fn of(
        status: u16,
        headers: &HeaderMap,
        body: &[u8],
        pre_auth: PreAuth,
    ) -> Option<Self> {
        match status {
            403 if headers
                .get(REJECT_REASON)
                .is_some_and(|reason| reason == "pre-auth") =>
            {
                Some(match pre_auth {
                    PreAuth::Shown => Self::PreAuthenticationRefused,
                    PreAuth::None => Self::PreAuthenticationNeeded,
                })
            }
            // What nginx says, by the number that it logs or by the words of its page.
            495 | 496 => Some(Self::ClientCertificateNeeded),
            400 if is_html(headers) && says_certificate(body) => {
                Some(Self::ClientCertificateNeeded)
            }
            407 | 511 => Some(Self::Portal),
            _ => None,
        }
    }
}

fn says_certificate(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    text.contains("No required SSL certificate was sent")
        || text.contains("The SSL certificate error")
}

pub(super) fn is_html(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|text| text.to_ascii_lowercase().starts_with("text/html"))
}
