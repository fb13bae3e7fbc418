//! How often something may be done within a minute.

use std::time::Duration;

use super::basics::BootMillis;
use crate::policy;

const MINUTE: Duration = Duration::from_secs(60);

/// Counts what was done within the last minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Allowance {
    limit: u32,
    used: Vec<BootMillis>,
}

impl Allowance {
    fn new(limit: u32) -> Self {
        Self {
            limit,
            used: Vec::new(),
        }
    }

    /// When the next one may be done; `now` if at once.
    pub(crate) fn free_at(&self, now: BootMillis) -> BootMillis {
        let recent: Vec<BootMillis> = self
            .used
            .iter()
            .copied()
            .filter(|at| at.after(MINUTE) > now)
            .collect();
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        if recent.len() < limit {
            now
        } else {
            recent[recent.len() - limit].after(MINUTE)
        }
    }

    /// Notes that one was done.
    pub(crate) fn note(&mut self, now: BootMillis) {
        self.used.retain(|at| at.after(MINUTE) > now);
        self.used.push(now);
    }
}

/// The allowances of one account. Each kind has its own, so that a noisy plugin never delays a resume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Allowances {
    pub(crate) dials: Allowance,
    pub(crate) requests: Allowance,
    pub(crate) socket: Allowance,
    pub(crate) resume: Allowance,
    pub(crate) user: Allowance,
}

impl Allowances {
    pub(crate) fn new() -> Self {
        let validations = || Allowance::new(policy::HINTED_VALIDATIONS_PER_MINUTE);
        Self {
            dials: Allowance::new(policy::DIALS_PER_MINUTE),
            requests: validations(),
            socket: validations(),
            resume: validations(),
            user: validations(),
        }
    }
}
