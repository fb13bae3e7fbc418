//! What a server and the identity provider beside it remember of sign-ins
//! that are going on in browsers.

use super::single_use::SingleUse;

/// A sign-in that a browser began.
#[derive(Clone, Default)]
pub(crate) struct Start {
    pub(crate) service: String,
    /// Where the browser is to be sent at the end; empty for an old app with a
    /// web view, which takes the session from its cookies.
    pub(crate) redirect_to: String,
    pub(crate) binding: Binding,
    /// What the browser that began has in a cookie.
    pub(crate) cookie: String,
}

/// What a login code is bound to, as the app gave it.
#[derive(Clone, Default)]
pub(crate) struct Binding {
    pub(crate) state: String,
    pub(crate) challenge: String,
    pub(crate) method: String,
}

/// What a login code stands for.
#[derive(Clone)]
pub(crate) struct LoginCode {
    pub(crate) user_id: String,
    pub(crate) binding: Binding,
}

#[derive(Clone, Default)]
pub(crate) struct SignIns {
    /// By the `state` of OAuth.
    pub(crate) starts: SingleUse<Start>,
    /// Names of users, by the code or the assertion of the identity provider.
    pub(crate) vouched_for: SingleUse<String>,
    pub(crate) login_codes: SingleUse<LoginCode>,
}
