//! Which request is which: method and path to endpoint, and what each
//! endpoint demands. Anything else, a trailing slash or a HEAD included, is
//! the router's 404.

use crate::state::settings::Flavour;

/// What an endpoint demands of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing; a bad token is ignored.
    Public,
    /// A session, and a second factor where that is enforced.
    Session,
    /// A session, whether or not a second factor is still to be enrolled.
    SessionBeforeEnrolment,
}

macro_rules! endpoints {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Every endpoint.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Endpoint { $($(#[$doc])* $name),* }
    };
}

endpoints! {
    Login, CheckMfa, LoginType, LoginCodeExchange, DesktopTokenLogin, Logout,
    Sessions, RevokeSession, RevokeAllSessions, RevokeEveryone, AttachDevice,
    Users, SearchUsers, UsersByIds, User, UserByName, UserByEmail, PatchUser, SetActive,
    SetPassword, GenerateMfaSecret, SetMfa, GetStatus, SetStatus, Typing,
    CreateAccessToken, AccessTokens, RevokeAccessToken, DisableAccessToken, EnableAccessToken,
    Ping, ClientConfig, ClientLicense, WebSocket,
    OwnTeams, Team, TeamByName, ChannelByName, ChannelByTeamName, OwnChannels, Channel,
    ViewChannel, CreatePost, Post, ChannelPosts, CreateFile, File,
}

/// An endpoint and the variable parts of its path, in order.
pub(crate) type Matched<'a> = (Endpoint, Vec<&'a str>);

/// Finds the endpoint of a path below `/api/v4/`.
pub(crate) fn find<'a>(method: &str, path: &'a str, flavour: Flavour) -> Option<Matched<'a>> {
    use Endpoint as E;
    let classic = flavour.is_classic();
    let segments: Vec<&str> = path.split('/').collect();
    let (endpoint, parameters) = match (method, segments.as_slice()) {
        ("GET", ["websocket"] | ["websocket", ""]) => (E::WebSocket, vec![]),
        ("POST", ["users", "login"]) => (E::Login, vec![]),
        ("POST", ["users", "mfa"]) if classic => (E::CheckMfa, vec![]),
        ("POST", ["users", "login", "type"]) if !classic => (E::LoginType, vec![]),
        ("POST", ["users", "login", "sso", "code-exchange"]) if !classic => {
            (E::LoginCodeExchange, vec![])
        }
        ("POST", ["users", "login", "desktop_token"]) if !classic => (E::DesktopTokenLogin, vec![]),
        ("POST", ["users", "logout"]) => (E::Logout, vec![]),
        ("POST", ["users", "sessions", "revoke", "all"]) => (E::RevokeEveryone, vec![]),
        ("PUT", ["users", "sessions", "device"]) => (E::AttachDevice, vec![]),
        ("POST", ["users", "tokens", "revoke"]) => (E::RevokeAccessToken, vec![]),
        ("POST", ["users", "tokens", "disable"]) => (E::DisableAccessToken, vec![]),
        ("POST", ["users", "tokens", "enable"]) => (E::EnableAccessToken, vec![]),
        ("GET", ["users"]) => (E::Users, vec![]),
        ("POST", ["users", "search"]) => (E::SearchUsers, vec![]),
        ("POST", ["users", "ids"]) => (E::UsersByIds, vec![]),
        ("GET", ["users", "username", name]) => (E::UserByName, vec![*name]),
        ("GET", ["users", "email", email]) => (E::UserByEmail, vec![*email]),
        ("GET", ["users", id]) => (E::User, vec![*id]),
        ("PUT", ["users", id, "patch"]) => (E::PatchUser, vec![*id]),
        ("PUT", ["users", id, "active"]) => (E::SetActive, vec![*id]),
        ("PUT", ["users", id, "password"]) => (E::SetPassword, vec![*id]),
        ("POST", ["users", id, "mfa", "generate"]) => (E::GenerateMfaSecret, vec![*id]),
        ("PUT", ["users", id, "mfa"]) => (E::SetMfa, vec![*id]),
        ("GET", ["users", id, "status"]) => (E::GetStatus, vec![*id]),
        ("PUT", ["users", id, "status"]) => (E::SetStatus, vec![*id]),
        ("POST", ["users", id, "typing"]) => (E::Typing, vec![*id]),
        ("GET", ["users", id, "sessions"]) => (E::Sessions, vec![*id]),
        ("POST", ["users", id, "sessions", "revoke"]) => (E::RevokeSession, vec![*id]),
        ("POST", ["users", id, "sessions", "revoke", "all"]) => (E::RevokeAllSessions, vec![*id]),
        ("POST", ["users", id, "tokens"]) => (E::CreateAccessToken, vec![*id]),
        ("GET", ["users", id, "tokens"]) => (E::AccessTokens, vec![*id]),
        ("GET", ["users", id, "teams"]) => (E::OwnTeams, vec![*id]),
        ("GET", ["users", id, "teams", team, "channels"]) => (E::OwnChannels, vec![*id, *team]),
        ("GET", ["system", "ping"]) => (E::Ping, vec![]),
        ("GET", ["config", "client"]) => (E::ClientConfig, vec![]),
        ("GET", ["license", "client"]) => (E::ClientLicense, vec![]),
        ("GET", ["teams", "name", name]) => (E::TeamByName, vec![*name]),
        ("GET", ["teams", "name", team, "channels", "name", name]) => {
            (E::ChannelByTeamName, vec![*team, *name])
        }
        ("GET", ["teams", id, "channels", "name", name]) => (E::ChannelByName, vec![*id, *name]),
        ("GET", ["teams", id]) => (E::Team, vec![*id]),
        ("POST", ["channels", "members", id, "view"]) => (E::ViewChannel, vec![*id]),
        ("GET", ["channels", id]) => (E::Channel, vec![*id]),
        ("GET", ["channels", id, "posts"]) => (E::ChannelPosts, vec![*id]),
        ("POST", ["posts"]) => (E::CreatePost, vec![]),
        ("GET", ["posts", id]) => (E::Post, vec![*id]),
        ("POST", ["files"]) => (E::CreateFile, vec![]),
        ("GET", ["files", id]) => (E::File, vec![*id]),
        _ => return None,
    };
    if parameters.iter().any(|parameter| parameter.is_empty()) {
        return None;
    }
    Some((endpoint, parameters))
}

/// What an endpoint demands; `own_account` tells that the path is exactly
/// `/users/me`, which is exempt from enforcement when it is read.
pub(crate) fn access(endpoint: Endpoint, own_account: bool) -> Access {
    use Endpoint as E;
    match endpoint {
        E::Login
        | E::CheckMfa
        | E::LoginType
        | E::LoginCodeExchange
        | E::DesktopTokenLogin
        | E::Logout
        | E::Ping
        | E::ClientConfig
        | E::ClientLicense
        | E::WebSocket => Access::Public,
        E::GenerateMfaSecret | E::SetMfa => Access::SessionBeforeEnrolment,
        E::User if own_account => Access::SessionBeforeEnrolment,
        _ => Access::Session,
    }
}

/// Whether a busy server leaves it undone.
pub(crate) fn can_do_without(endpoint: Endpoint) -> bool {
    matches!(endpoint, Endpoint::SearchUsers | Endpoint::Typing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_exact() {
        let find = |method, path| super::find(method, path, Flavour::V11);
        assert_eq!(find("GET", "users/me"), Some((Endpoint::User, vec!["me"])));
        assert_eq!(find("GET", "users/me/"), None);
        assert_eq!(find("HEAD", "users/me"), None);
        assert_eq!(find("DELETE", "users/me/sessions"), None);
        assert_eq!(find("POST", "users/mfa"), None);
        let classic = super::find("POST", "users/mfa", Flavour::V5);
        assert_eq!(classic, Some((Endpoint::CheckMfa, vec![])));
        assert_eq!(
            find("GET", "users/login"),
            Some((Endpoint::User, vec!["login"]))
        );
    }
}
