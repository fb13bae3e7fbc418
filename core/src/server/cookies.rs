//! The server's cookies (`AttachSessionCookies` in `server/channels/app/login.go` of mattermost/mattermost).

use http::header::{HeaderMap, SET_COOKIE};

/// Holds the session's token.
pub(crate) const TOKEN: &str = "MMAUTHTOKEN";
/// Holds the user's id.
pub(crate) const USER_ID: &str = "MMUSERID";
/// Holds the session's CSRF token.
pub(crate) const CSRF: &str = "MMCSRF";

/// The values of the cookies of that name that an answer sets.
pub(super) fn values<'a>(
    headers: &'a HeaderMap,
    name: &'static str,
) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(SET_COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok()?.split(';').next())
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(move |(known, _)| *known == name)
        .map(|(_, value)| value)
}
