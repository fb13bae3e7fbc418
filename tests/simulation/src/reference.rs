//! A plain model of the standing, written from the product's rules and not from the machine: what has been proved, and what
//! follows. It knows no timers, no tickets and no link.

use steadfast::session::Health;

/// What the model believes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Belief {
    /// Nothing speaks against it.
    Active,
    /// There is evidence.
    Doubt {
        /// It began under an MFA order.
        under_mfa: bool,
    },
    /// MFA is wanted.
    Mfa,
    /// It is over.
    Over,
}

/// Ends, from the one that gives way to the one that takes precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// The verdict.
    Gone,
    /// The key is lost.
    KeyLost,
    /// The vault is lost.
    StorageLost,
    /// Wiped by order.
    Wiped,
    /// The user's act.
    SignedOut,
}

/// The model.
#[derive(Debug, Clone)]
pub struct Reference {
    /// What it believes.
    pub belief: Belief,
    /// The key store is not readable.
    pub locked: bool,
    /// The end that the vault has been asked for.
    pub ending: Option<End>,
    /// A wipe order is open.
    pub wipe: bool,
    signed_in: i64,
    /// Times at which evidence counted, and whether it was the server's own.
    evidence: Vec<(i64, bool)>,
    health: Option<Health>,
    absent_in_a_row: u32,
    slow: bool,
    /// Somebody else answered at the address.
    stranger: bool,
}

impl Reference {
    /// An account that was signed in at this time.
    pub fn new(signed_in: i64) -> Self {
        Self {
            belief: Belief::Active,
            locked: false,
            ending: None,
            wipe: false,
            signed_in,
            evidence: Vec::new(),
            health: None,
            absent_in_a_row: 0,
            slow: false,
            stranger: false,
        }
    }

    /// Content must be covered.
    pub fn covered(&self) -> bool {
        self.belief != Belief::Active || self.ending.is_some() || self.wipe
    }

    /// A health answer arrived within a look.
    pub fn health(&mut self, health: Health) {
        self.health = Some(health);
        if matches!(health, Health::Healthy | Health::Absent) && self.stranger {
            self.stranger = false;
            self.evidence.clear();
        }
        match health {
            Health::Healthy => self.absent_in_a_row = 0,
            Health::Unhealthy | Health::Silent => {
                self.absent_in_a_row = 0;
                self.evidence.truncate(1);
            }
            Health::OtherServer => {
                self.absent_in_a_row = 0;
                self.evidence.truncate(1);
                self.stranger = true;
            }
            Health::Absent => {
                self.absent_in_a_row += 1;
                self.slow |= self.absent_in_a_row >= 2;
            }
        }
    }

    /// `users/me` proved the session valid.
    pub fn valid(&mut self) {
        self.forget();
        self.wipe = false;
        self.belief = match self.belief {
            Belief::Active | Belief::Doubt { under_mfa: false } => Belief::Active,
            Belief::Mfa | Belief::Doubt { under_mfa: true } => Belief::Mfa,
            Belief::Over => Belief::Over,
        };
    }

    /// The server wants MFA.
    pub fn mfa(&mut self) {
        if self.belief != Belief::Over {
            self.forget();
            self.wipe = false;
            self.belief = Belief::Mfa;
        }
    }

    /// The sessions could be read.
    pub fn sessions_read(&mut self) {
        if self.belief == Belief::Mfa {
            self.belief = Belief::Active;
        }
    }

    /// The long ladder had begun.
    pub fn was_slow(&self) -> bool {
        self.slow
    }

    /// In this look the database was unwell, or another server's.
    pub fn is_unwell(&self) -> bool {
        matches!(
            self.health,
            Some(Health::Unhealthy | Health::Silent | Health::OtherServer)
        )
    }

    /// A look ended without proof.
    pub fn in_vain(&mut self) {
        self.health = None;
    }

    /// Evidence arrived: the server's own, or the experiment's.
    pub fn evidence(&mut self, now: i64, genuine: bool) {
        let health = self.health.take();
        match self.belief {
            Belief::Over => return,
            Belief::Active | Belief::Mfa => {
                self.forget();
                self.belief = Belief::Doubt {
                    under_mfa: self.belief == Belief::Mfa,
                };
            }
            Belief::Doubt { .. } => {}
        }
        self.slow |= !genuine;
        if now - self.signed_in < 15_000 {
            return;
        }
        let waited = self.evidence.last().map_or(i64::MAX, |last| now - last.0);
        let slow_wait = [0, 30_000, 120_000, 600_000][self.evidence.len().min(3)];
        let first = self.evidence.is_empty();
        let confirmed = genuine
            && health == Some(Health::Healthy)
            && self
                .evidence
                .iter()
                .any(|piece| piece.1 && now - piece.0 >= 2_000);
        let counts = match health {
            Some(Health::Unhealthy | Health::Silent | Health::OtherServer) => false,
            Some(Health::Healthy) if genuine => first || waited >= 2_000,
            Some(Health::Healthy | Health::Absent) => first || waited >= slow_wait,
            None => first,
        };
        if counts && self.evidence.len() < 8 {
            self.evidence.push((now, genuine));
        }
        let slowly = self.slow
            && matches!(health, Some(Health::Healthy | Health::Absent))
            && self.evidence.len() >= 4
            && now - self.evidence[0].0 >= 12 * 60_000;
        if confirmed || slowly {
            self.end(if self.wipe { End::Wiped } else { End::Gone });
        }
    }

    /// Somebody wants it over.
    pub fn end(&mut self, end: End) {
        self.ending = self.ending.max(Some(end));
    }

    /// The end is on disk.
    pub fn ended(&mut self) {
        self.belief = Belief::Over;
        self.ending = None;
        self.locked = false;
        self.wipe = false;
        self.forget();
    }

    /// A new sign-in.
    pub fn signed_in(&mut self, now: i64) {
        *self = Self::new(now);
    }

    fn forget(&mut self) {
        self.evidence.clear();
        self.health = None;
        self.absent_in_a_row = 0;
        self.slow = false;
        self.stranger = false;
    }
}
