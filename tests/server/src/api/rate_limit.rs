//! The layers of rate limits and what they add to answers. Off by default.

use super::answer::{Answer, Headers};
use crate::state::Shared;
use crate::state::rate_limit::{Verdict, header_seconds};
use std::time::Instant;

/// The sign-in route's own limit: so many a second, and a burst.
const SIGN_IN: (u32, u32) = (5, 10);

/// Headers to add, or the refusal with its own.
type Checked = Result<Headers, (Headers, Answer)>;

/// The limit of the whole server. It comes before everything else: a refusal
/// has no header of Mattermost's.
pub(super) fn check(shared: &Shared) -> Checked {
    let mut world = shared.world();
    let per_second = world.settings.rate_limit_per_second;
    if per_second == 0 {
        return Ok(Headers::default());
    }
    let burst = world.settings.rate_limit_burst;
    let verdict = world.rate_limiter.check(Instant::now(), per_second, burst);
    judge(verdict, true)
}

/// The limit of the sign-in route, which 5.37 does not have.
pub(super) fn check_sign_in(shared: &Shared) -> Checked {
    let mut world = shared.world();
    if world.settings.rate_limit_per_second == 0 || world.flavour.is_classic() {
        return Ok(Headers::default());
    }
    let (per_second, burst) = SIGN_IN;
    let limiter = &mut world.sign_in_rate_limiter;
    judge(limiter.check(Instant::now(), per_second, burst), false)
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
