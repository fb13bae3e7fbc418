//! How a suspicion becomes a verdict: which piece of evidence counts, when the next look is taken, and when looking is given
//! up. One piece is never enough, and nothing is a verdict while the server's database is not known to be well, but for the
//! long ladder, or while another server answers at the address.

use std::time::Duration;

use super::basics::{BootMillis, UnixMillis};
use super::draft::Draft;
use super::effect::Question;
use super::event::Health;
use super::state::{HostState, NetworkPath, Piece, PieceKind, Reason, Standing, Suspicion, Timer};
use crate::policy;

/// Pieces beyond these decide nothing more.
const PIECES_KEPT: usize = policy::LONG_LADDER.len() * 2;

impl Draft<'_> {
    /// The first evidence of a gone session: content is covered, nothing is deleted, the token is kept.
    pub(super) fn suspect(
        &mut self,
        kind: PieceKind,
        server_date: Option<UnixMillis>,
        from_mfa: bool,
    ) {
        self.state.wanted = None;
        self.disarm(Timer::Ask);
        let mut suspicion = Suspicion::begun(self.state.online);
        suspicion.from_mfa = from_mfa;
        self.stand(Standing::Suspect(suspicion));
        self.weigh(kind, server_date);
    }

    /// Weighs a piece of evidence: it may complete the verdict, count, or only cover.
    pub(super) fn weigh(&mut self, kind: PieceKind, server_date: Option<UnixMillis>) {
        let health = self.answered.take().and_then(|answered| answered.health);
        let Some(mut suspicion) = self.suspicion() else {
            return;
        };
        self.state.verdicts += 1;
        let now = self.now.boot;
        suspicion.answers += 1;
        match kind {
            PieceKind::Genuine => self.usable_answer(),
            PieceKind::Experiment => suspicion.long_ladder = true,
        }
        if let Some(youth) = self.youth_left(server_date) {
            // A replica may not know a session this young: it covers, it does not count, it is asked again later.
            self.keep_suspicion(suspicion);
            let wait = youth.max(self.dice.within(&policy::SECOND_LOOK));
            self.arm_in(Timer::Look, wait);
            return;
        }
        match health {
            Some(Health::Unhealthy | Health::Silent | Health::OtherServer) => {
                self.keep_suspicion(suspicion);
                self.arm_look_on_ladder();
                self.give_up_looking();
            }
            Some(Health::Healthy) => {
                let second = kind == PieceKind::Genuine
                    && suspicion.pieces.iter().any(|piece| {
                        piece.kind == PieceKind::Genuine
                            && now.since(piece.at) >= *policy::SECOND_LOOK.start()
                    });
                let spacing = match kind {
                    PieceKind::Genuine => *policy::SECOND_LOOK.start(),
                    PieceKind::Experiment => suspicion.long_spacing(),
                };
                suspicion.count(kind, now, spacing);
                let gone = second || suspicion.long_verdict(now);
                let on_long_ladder = kind == PieceKind::Experiment;
                self.keep_suspicion(suspicion);
                self.conclude(gone, on_long_ladder);
            }
            Some(Health::Absent) => {
                let spacing = suspicion.long_spacing();
                suspicion.count(kind, now, spacing);
                let gone = suspicion.long_verdict(now);
                let on_long_ladder = suspicion.long_ladder;
                self.keep_suspicion(suspicion);
                self.conclude(gone, on_long_ladder);
            }
            None => {
                // The look that begins a suspicion asks for no health, so it can only count as the first piece.
                if suspicion.pieces.is_empty() {
                    suspicion.count(kind, now, Duration::ZERO);
                }
                let on_long_ladder = kind == PieceKind::Experiment;
                self.keep_suspicion(suspicion);
                self.conclude(false, on_long_ladder);
            }
        }
    }

    /// The server's health came in; the session itself is asked about next, whatever it said, because a 200 clears.
    pub(super) fn weigh_health(&mut self, health: Health) {
        if let Some(mut suspicion) = self.suspicion() {
            match health {
                Health::Healthy => {
                    suspicion.void_what_another_said();
                    suspicion.health_absent = 0;
                }
                Health::Unhealthy | Health::Silent => {
                    // Pieces from an outage are worth no more than the first one: it says where to begin again.
                    suspicion.health_absent = 0;
                    suspicion.pieces.truncate(1);
                }
                Health::Absent => {
                    suspicion.void_what_another_said();
                    suspicion.health_absent += 1;
                    suspicion.long_ladder |= suspicion.health_absent >= policy::HEALTH_ABSENT_LIMIT;
                }
                Health::OtherServer => {
                    suspicion.health_absent = 0;
                    // One is left for the looks to go on from; it does not count.
                    suspicion.pieces.truncate(1);
                    suspicion.other_server = true;
                }
            }
            self.keep_suspicion(suspicion);
        }
        if let Some(answered) = &mut self.answered {
            answered.health = Some(health);
        }
        self.ask_next(Question::UserMe);
    }

    /// A look that proved nothing.
    pub(super) fn look_in_vain(&mut self, answered: bool) {
        self.answered = None;
        if let Some(mut suspicion) = self.suspicion() {
            suspicion.answers += u32::from(answered);
            self.keep_suspicion(suspicion);
        }
        self.state.verdicts += 1;
        self.arm_look_on_ladder();
        self.give_up_looking();
    }

    /// Whether the experiment's result may count in this look: not while the database is unwell, because then a good token
    /// gets the limited set too, and so it does from another server.
    pub(super) fn health_allows_experiment(&self) -> bool {
        match self.answered.as_ref().and_then(|answered| answered.health) {
            Some(Health::Unhealthy | Health::Silent | Health::OtherServer) => false,
            Some(Health::Healthy | Health::Absent) | None => true,
        }
    }

    /// Somebody came to see: look now, as far as the spacing allows.
    pub(super) fn look_soon(&mut self) {
        let Some(suspicion) = self.suspicion() else {
            return;
        };
        let spaced = suspicion.pieces.last().map_or(self.now.boot, |piece| {
            piece.at.after(*policy::SECOND_LOOK.start())
        });
        if spaced > self.now.boot {
            let wait = self.dice.within(&policy::SECOND_LOOK);
            let at = spaced.max(self.last_piece_after(wait));
            self.arm(Timer::Look, at);
        } else {
            self.look();
        }
    }

    /// Takes a look, unless one is under way.
    pub(super) fn look(&mut self) {
        let blocked = self.state.inquiry.is_some()
            || self.state.is_ending()
            || self.state.host == HostState::Suspended
            || self.state.path == NetworkPath::Down;
        if blocked {
            return;
        }
        let hold = self.hold();
        if hold > self.now.boot {
            self.arm(Timer::Look, hold);
            return;
        }
        self.disarm(Timer::Look);
        match self.suspicion() {
            // The health query costs the server a database write, and says nothing before there is a piece to confirm.
            Some(suspicion) if suspicion.pieces.is_empty() => self.ask(Question::UserMe),
            Some(_) => self.ask(Question::Health),
            None => {}
        }
    }

    /// Our own failures are forgotten when the network changes.
    pub(super) fn restart_ladder(&mut self) {
        if let Some(mut suspicion) = self.suspicion() {
            suspicion.ladder_step = 0;
            self.keep_suspicion(suspicion);
        }
    }

    /// The next look, one step further on the ladder of outages.
    pub(super) fn arm_look_on_ladder(&mut self) {
        let Some(mut suspicion) = self.suspicion() else {
            return;
        };
        let step = usize::try_from(suspicion.ladder_step).unwrap_or(usize::MAX);
        let window = &policy::LADDER[step.min(policy::LADDER.len() - 1)];
        suspicion.ladder_step = suspicion.ladder_step.saturating_add(1);
        self.keep_suspicion(suspicion);
        let wait = self.dice.within(window);
        let at = self.now.boot.after(wait).max(self.hold());
        self.arm(Timer::Look, at);
    }

    fn conclude(&mut self, gone: bool, on_long_ladder: bool) {
        if gone {
            let reason = if self.state.wipe_deadline.is_some() {
                Reason::Wiped
            } else {
                Reason::SessionEnded
            };
            self.end(reason);
        } else if on_long_ladder {
            self.arm_look_on_long_ladder();
            self.give_up_looking();
        } else {
            let wait = self.dice.within(&policy::SECOND_LOOK);
            self.arm_in(Timer::Look, wait);
            self.give_up_looking();
        }
    }

    fn arm_look_on_long_ladder(&mut self) {
        let Some(suspicion) = self.suspicion() else {
            return;
        };
        let soonest = self.dice.within(&policy::SECOND_LOOK);
        let at = self.last_piece_after(suspicion.long_spacing());
        self.arm(Timer::Look, at.max(self.now.boot.after(soonest)));
    }

    fn give_up_looking(&mut self) {
        if let Standing::Suspect(suspicion) = &self.state.standing
            && suspicion.online_age(self.state.online) >= policy::SUSPECT_LIMIT
            && suspicion.answers >= policy::SUSPECT_ANSWERS
        {
            let suspicion = suspicion.clone();
            self.stand(Standing::Unverifiable(suspicion));
        }
    }

    fn last_piece_after(&self, wait: Duration) -> BootMillis {
        let last = self
            .suspicion()
            .and_then(|suspicion| suspicion.pieces.last().copied());
        last.map_or(self.now.boot, |piece| piece.at).after(wait)
    }

    pub(super) fn suspicion(&self) -> Option<Suspicion> {
        match &self.state.standing {
            Standing::Suspect(suspicion) | Standing::Unverifiable(suspicion) => {
                Some(suspicion.clone())
            }
            Standing::Active
            | Standing::Ended(_)
            | Standing::NeedsMfa
            | Standing::Locked { .. } => None,
        }
    }

    fn keep_suspicion(&mut self, suspicion: Suspicion) {
        match self.state.standing {
            Standing::Suspect(_) => self.stand(Standing::Suspect(suspicion)),
            Standing::Unverifiable(_) => self.stand(Standing::Unverifiable(suspicion)),
            Standing::Active
            | Standing::Ended(_)
            | Standing::NeedsMfa
            | Standing::Locked { .. } => {}
        }
    }

    /// How much longer the session is young by the server's clock. Where the server says no date, and as a bound on a clock
    /// that was set back, the device's running time decides.
    fn youth_left(&self, server_date: Option<UnixMillis>) -> Option<Duration> {
        let here = self.state.signed_in_at.map(|at| self.now.boot.since(at))?;
        if here >= policy::YOUNG_SESSION_BOUND {
            return None;
        }
        let age = match (self.state.signed_in_server, server_date) {
            (Some(begun), Some(date)) => date.since(begun),
            (None, _) | (_, None) => here,
        };
        policy::YOUNG_SESSION
            .checked_sub(age)
            .filter(|left| !left.is_zero())
    }
}

impl Suspicion {
    /// The account's own server answers again, or none that can be told from it: what counted before may have been another's.
    fn void_what_another_said(&mut self) {
        if std::mem::take(&mut self.other_server) {
            self.pieces.clear();
        }
    }

    fn count(&mut self, kind: PieceKind, now: BootMillis, spacing: Duration) {
        let spaced = self
            .pieces
            .last()
            .is_none_or(|last| now.since(last.at) >= spacing);
        if spaced && self.pieces.len() < PIECES_KEPT {
            self.pieces.push(Piece { at: now, kind });
            self.ladder_step = 0;
        }
    }

    /// The wait on the long ladder before the next piece.
    fn long_spacing(&self) -> Duration {
        policy::LONG_LADDER[self.pieces.len().min(policy::LONG_LADDER.len() - 1)]
    }

    fn long_verdict(&self, now: BootMillis) -> bool {
        self.long_ladder
            && self.pieces.len() >= policy::LONG_LADDER.len()
            && self
                .pieces
                .first()
                .is_some_and(|first| now.since(first.at) >= policy::LONG_LADDER_SPAN)
    }
}
