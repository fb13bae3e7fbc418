//! Things that are handed out under a random name, may be had back once, and
//! only for a while: states and codes of single sign-on, mailed links,
//! desktop tokens. Like rows of the database they survive a restart.

use super::ids::new_id;
use std::collections::HashMap;
use std::time::Duration;

/// How long the browser may take for a sign-in.
pub(crate) const SIGN_IN: Duration = Duration::from_secs(30 * 60);
/// How long a code of the identity provider, or a login code, is good.
pub(crate) const CODE: Duration = Duration::from_secs(5 * 60);
/// How long a mailed link is good.
pub(crate) const MAGIC_LINK: Duration = Duration::from_secs(5 * 60);
/// How long a desktop token is good.
pub(crate) const DESKTOP_TOKEN: Duration = Duration::from_secs(3 * 60);

/// What is handed out at the moment.
#[derive(Clone)]
pub(crate) struct SingleUse<T> {
    entries: HashMap<String, (T, i64)>,
}

impl<T> Default for SingleUse<T> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
        }
    }
}

impl<T> SingleUse<T> {
    /// Keeps something until it is asked for, at most this long; returns its
    /// name, 26 characters.
    pub(crate) fn hand_out(&mut self, value: T, now: i64, lifetime: Duration) -> String {
        let name = new_id();
        let ends = now + lifetime.as_millis() as i64;
        self.entries.insert(name.clone(), (value, ends));
        name
    }

    /// Gives it back, once and in time.
    pub(crate) fn redeem(&mut self, name: &str, now: i64) -> Option<T> {
        let (value, ends) = self.entries.remove(name)?;
        (now <= ends).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_works_once_and_in_time() {
        let mut handed_out = SingleUse::default();
        let name = handed_out.hand_out(7, 1000, CODE);
        assert_eq!(handed_out.redeem("another", 1000), None);
        assert_eq!(handed_out.redeem(&name, 1000), Some(7));
        assert_eq!(handed_out.redeem(&name, 1000), None);
        let late = handed_out.hand_out(8, 1000, CODE);
        assert_eq!(handed_out.redeem(&late, 1001 + 300_000), None);
    }
}
