//! The layers of rate limits and what they add to answers. Off by default.

use super::answer::{Answer, Headers};
use super::route::Endpoint;
use crate::state::Shared;
use crate::state::rate_limit::{Verdict, header_seconds};
use std::time::Instant;

/// A route with a limit of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    SignIn,
    DesktopToken,
}

impl Layer {
    pub(super) fn of(endpoint: Endpoint) -> Option<Self> {
        match endpoint {
            Endpoint::Login => Some(Self::SignIn),
            Endpoint::DesktopTokenLogin => Some(Self::DesktopToken),
            _ => None,
        }
    }
}

/// Headers to add, or the refusal with its own.
type Checked = Result<Headers, (Headers, Answer)>;

/// The limit of the whole server. It comes before everything else: a refusal
/// has no header of Mattermost's.
pub(super) fn check(shared: &Shared, token: &str) -> Checked {
    let mut world = shared.world();
    let per_second = world.settings.rate_limit_per_second;
    if per_second == 0 {
        return Ok(Headers::default());
    }
    let burst = world.settings.rate_limit_burst;
    let key = match world.settings.rate_limit_vary_by_user {
        true => token.to_owned(),
        false => String::new(),
    };
    let limiter = world.rate_limits.server.entry(key).or_default();
    judge(limiter.check(Instant::now(), per_second, burst), true)
}

/// The limit of one user over all sessions, once it is known who asks.
pub(super) fn check_user(shared: &Shared, user_id: &str) -> Checked {
    let mut world = shared.world();
    let per_second = world.settings.rate_limit_per_second;
    if per_second == 0 || !world.settings.rate_limit_vary_by_user {
        return Ok(Headers::default());
    }
    let burst = world.settings.rate_limit_burst;
    let users = &mut world.rate_limits.users;
    let limiter = users.entry(user_id.to_owned()).or_default();
    judge(limiter.check(Instant::now(), per_second, burst), false)
}

/// The limits of single routes, which 5.37 does not have.
pub(super) fn check_route(shared: &Shared, layer: Layer) -> Checked {
    let mut world = shared.world();
    if world.settings.rate_limit_per_second == 0 || world.flavour.is_classic() {
        return Ok(Headers::default());
    }
    let now = Instant::now();
    let limits = &mut world.rate_limits;
    let verdict = match layer {
        Layer::SignIn => limits.sign_in.check(now, 5, 10),
        Layer::DesktopToken => limits.desktop_token.check(now, 2, 1),
    };
    judge(verdict, false)
}

fn judge(verdict: Verdict, bare: bool) -> Checked {
    let mut headers = Headers::default();
    headers.add("X-Ratelimit-Limit", verdict.limit.to_string());
    headers.add("X-Ratelimit-Remaining", verdict.remaining.to_string());
    headers.add("X-Ratelimit-Reset", header_seconds(verdict.reset_after));
    let Some(retry_after) = verdict.retry_after else {
        return Ok(headers);
    };
    headers.add("Retry-After", header_seconds(retry_after));
    if bare {
        headers.add("X-Content-Type-Options", "nosniff");
    }
    let answer = Answer::text(429, "text/plain; charset=utf-8", "limit exceeded\n");
    Err((headers, answer))
}
