//! How a session ends, and how a wrong end heals. Nothing ends but through a transaction of the vault, which compares the
//! epoch: the standing follows when the transaction is on disk.

use super::basics::{Epoch, Now};
use super::draft::{Draft, retry_wait};
use super::effect::{Effect, Notice, Question, TokenFate};
use super::state::{
    Commit, CommitKind, Ended, HostState, NetworkPath, Reason, Restore, Standing, State, Timer,
};
use crate::policy;

impl Draft<'_> {
    /// Has the session ended. The user's own act and a wipe take the place of an end that is not on disk yet.
    pub(super) fn end(&mut self, reason: Reason) {
        if let Some(Commit {
            kind: CommitKind::End(pending),
            ..
        }) = self.state.commit
            && rank(pending) >= rank(reason)
        {
            return;
        }
        self.withdraw_question();
        self.answered = None;
        self.state.wanted = None;
        self.disarm(Timer::Ask);
        self.disarm(Timer::Look);
        self.commit(CommitKind::End(reason), 0);
    }

    /// Asks the vault for a transaction; a later one takes the place of an earlier one.
    pub(super) fn commit(&mut self, kind: CommitKind, failures: u32) {
        let ticket = self.ticket();
        self.disarm(Timer::CommitRetry);
        self.state.commit = Some(Commit {
            ticket,
            kind,
            failures,
        });
        let epoch = self.state.epoch;
        let mut after = self.state.clone();
        after.apply(kind, epoch, self.now);
        let stored = after.stored(self.now);
        self.effect(match kind {
            CommitKind::End(reason) => Effect::CommitEnd {
                ticket,
                epoch,
                reason,
                notice: notice(reason),
                token: self.token_fate(reason),
                stored,
            },
            CommitKind::MayContinue => Effect::CommitMayContinue {
                ticket,
                epoch,
                stored,
            },
            CommitKind::Continue => Effect::CommitContinue {
                ticket,
                epoch,
                stored,
            },
            CommitKind::DestroyToken => Effect::DestroyToken {
                ticket,
                epoch,
                stored,
            },
        });
    }

    /// The transaction is on disk, and with it the standing that follows from it.
    pub(super) fn committed(&mut self, epoch: Epoch) -> Option<CommitKind> {
        let commit = self.settled_commit.take()?;
        self.state.commit = None;
        self.disarm(Timer::CommitRetry);
        self.state.apply(commit.kind, epoch, self.now);
        self.is_stored();
        match commit.kind {
            CommitKind::End(_) => {
                for timer in Timer::ALL {
                    self.disarm(timer);
                }
                self.state.mutes.clear();
                self.state.verdicts += 1;
                self.watch_restore();
            }
            CommitKind::MayContinue | CommitKind::DestroyToken => self.watch_restore(),
            CommitKind::Continue => {
                self.disarm(Timer::RestoreEnd);
                self.disarm(Timer::RestoreLook);
            }
        }
        Some(commit.kind)
    }

    /// Another epoch is current: nothing ends. The sign-in that raised it will be told of.
    pub(super) fn commit_was_stale(&mut self) {
        self.settled_commit = None;
        self.state.commit = None;
        self.disarm(Timer::CommitRetry);
        if self.suspicion().is_some() {
            self.arm_look_on_ladder();
        }
    }

    pub(super) fn commit_failed(&mut self) {
        if let Some(commit) = self.settled_commit.take() {
            let failures = commit.failures.saturating_add(1);
            self.state.commit = Some(Commit { failures, ..commit });
            self.arm_in(Timer::CommitRetry, retry_wait(failures));
        }
    }

    pub(super) fn retry_commit(&mut self) {
        if let Some(commit) = self.state.commit {
            self.commit(commit.kind, commit.failures);
        }
    }

    /// A transaction that failed while the app was away is tried again when it is back.
    pub(super) fn resume_commit(&mut self) {
        if self.state.commit.is_some_and(|commit| commit.failures > 0) {
            self.retry_commit();
        }
    }

    /// A sign-in was committed under a higher epoch; nothing of the old session is left here.
    pub(super) fn begin_epoch(
        &mut self,
        epoch: Epoch,
        server_date: Option<super::basics::UnixMillis>,
    ) {
        self.withdraw_question();
        self.answered = None;
        let state = &mut self.state;
        state.epoch = epoch;
        state.standing = Standing::Active;
        state.wanted = None;
        state.commit = None;
        state.mutes.clear();
        state.ask_pace.reset();
        state.wipe_deadline = None;
        state.unreadable = None;
        state.signed_in_at = Some(self.now.boot);
        state.signed_in_server = server_date;
        state.validated_at = Some(self.now.boot);
        state.validated_wall = Some(self.now.wall);
        state.validated_server = server_date;
        state.cover_until_valid = false;
        state.link_memory.connection = None;
        state.link_memory.pace.reset();
        self.usable_answer();
        for timer in Timer::ALL {
            self.disarm(timer);
        }
        self.is_stored();
        self.watch_max_offline();
    }

    /// The kept token's time has passed.
    pub(super) fn restore_window_is_over(&self, ended: &Ended) -> bool {
        self.now.boot >= ended.since.after(self.state.settings.restore_window)
    }

    /// Looks at the kept token when one is due, and destroys it when its time is over.
    pub(super) fn watch_restore(&mut self) {
        let Standing::Ended(ended) = self.state.standing else {
            return;
        };
        let now = self.now.boot;
        let window = self.state.settings.restore_window;
        let window_end = ended.since.after(window);
        let looks = match ended.restore {
            Restore::None => {
                self.disarm(Timer::RestoreLook);
                self.disarm(Timer::RestoreEnd);
                return;
            }
            Restore::Looking { looks } => Some(looks),
            Restore::Offered => None,
        };
        if self.restore_window_is_over(&ended) {
            self.destroy_token();
            return;
        }
        self.arm(Timer::RestoreEnd, window_end);
        let next = looks
            .and_then(|looks| usize::try_from(looks).ok())
            .and_then(|looks| policy::RESTORE_LOOKS.get(looks).copied());
        match next {
            Some(wait) => {
                let drawn = self.dice.around(wait, policy::RESTORE_SPREAD_PERCENT);
                // The last look must leave time for its answer.
                let latest = window
                    .checked_sub(policy::REQUEST_DEADLINE)
                    .unwrap_or(window / 2);
                let at = ended.since.after(drawn.min(latest));
                self.arm(Timer::RestoreLook, at.max(now));
            }
            None => self.disarm(Timer::RestoreLook),
        }
    }

    /// Asks about the kept token, while the host is in front.
    pub(super) fn look_at_kept_token(&mut self) {
        let Standing::Ended(ended) = self.state.standing else {
            return;
        };
        let Restore::Looking { looks } = ended.restore else {
            return;
        };
        let blocked = self.state.inquiry.is_some()
            || self.state.commit.is_some()
            || self.state.host == HostState::Suspended
            || self.state.path == NetworkPath::Down;
        if blocked {
            return;
        }
        // Looks whose time passed while nobody was there are not made up for.
        let elapsed = self.now.boot.since(ended.since);
        let passed = policy::RESTORE_LOOKS
            .iter()
            .filter(|wait| **wait <= elapsed)
            .count();
        let passed = u32::try_from(passed).unwrap_or(u32::MAX);
        self.stand(Standing::Ended(Ended {
            restore: Restore::Looking {
                looks: passed.max(looks + 1),
            },
            ..ended
        }));
        self.disarm(Timer::RestoreLook);
        self.ask(Question::UserMe);
    }

    /// Destroys the kept token, if there is one.
    pub(super) fn destroy_token(&mut self) {
        let kept = match &self.state.standing {
            Standing::Ended(ended) => ended.restore != Restore::None,
            Standing::Active
            | Standing::Suspect(_)
            | Standing::NeedsMfa
            | Standing::Locked { .. }
            | Standing::Unverifiable(_) => false,
        };
        let under_way = self
            .state
            .commit
            .is_some_and(|commit| commit.kind == CommitKind::DestroyToken);
        if kept && !under_way && !self.state.is_ending() {
            self.withdraw_question();
            self.disarm(Timer::RestoreLook);
            self.disarm(Timer::RestoreEnd);
            self.commit(CommitKind::DestroyToken, 0);
        }
    }

    fn token_fate(&self, reason: Reason) -> TokenFate {
        match reason {
            Reason::SessionEnded if !self.state.settings.restore_window.is_zero() => {
                TokenFate::Keep
            }
            Reason::SignedOut => TokenFate::Owe,
            Reason::SessionEnded
            | Reason::Wiped
            | Reason::KeyLost
            | Reason::StorageLost
            | Reason::Replaced => TokenFate::Destroy,
        }
    }
}

impl State {
    /// What a transaction makes of the state.
    fn apply(&mut self, kind: CommitKind, epoch: Epoch, now: Now) {
        self.epoch = self.epoch.max(epoch);
        match (kind, &self.standing) {
            (CommitKind::End(reason), _) => {
                let keeps =
                    reason == Reason::SessionEnded && !self.settings.restore_window.is_zero();
                self.standing = Standing::Ended(Ended {
                    reason,
                    since: now.boot,
                    restore: if keeps {
                        Restore::Looking { looks: 0 }
                    } else {
                        Restore::None
                    },
                });
                self.wipe_deadline = None;
                self.unreadable = None;
                self.cover_until_valid = false;
            }
            (CommitKind::MayContinue, Standing::Ended(ended)) => {
                self.standing = Standing::Ended(Ended {
                    restore: Restore::Offered,
                    ..*ended
                });
            }
            (CommitKind::DestroyToken, Standing::Ended(ended)) => {
                self.standing = Standing::Ended(Ended {
                    restore: Restore::None,
                    ..*ended
                });
            }
            (CommitKind::Continue, Standing::Ended(_)) => self.standing = Standing::Active,
            (
                CommitKind::MayContinue | CommitKind::DestroyToken | CommitKind::Continue,
                Standing::Active
                | Standing::Suspect(_)
                | Standing::NeedsMfa
                | Standing::Locked { .. }
                | Standing::Unverifiable(_),
            ) => {}
        }
    }
}

/// Which end takes the place of which, while none is on disk.
fn rank(reason: Reason) -> u8 {
    match reason {
        Reason::SessionEnded => 0,
        Reason::Replaced => 1,
        Reason::KeyLost => 2,
        Reason::StorageLost => 3,
        Reason::Wiped => 4,
        Reason::SignedOut => 5,
    }
}

fn notice(reason: Reason) -> Option<Notice> {
    match reason {
        Reason::SessionEnded => Some(Notice::SessionEnded),
        Reason::Wiped => Some(Notice::Wiped),
        Reason::KeyLost => Some(Notice::KeyLost),
        Reason::StorageLost => Some(Notice::StorageLost),
        Reason::SignedOut | Reason::Replaced => None,
    }
}
