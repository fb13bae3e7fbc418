//! When the session is asked about: hints coalesce into one question in flight, allowances and mutes hold back the noisy, and
//! what could not be answered is asked again at the pace.

use super::basics::{BootMillis, UnixMillis};
use super::draft::Draft;
use super::effect::{Effect, Question};
use super::event::{Hint, UnknownWhy};
use super::state::{
    Asked, Cause, HostState, Inquiry, NetworkPath, Standing, Suspicion, Timer, Wanted,
};
use crate::policy;

impl Draft<'_> {
    /// Wants a validation for a hint.
    pub(super) fn want_for(&mut self, hint: &Hint) {
        match hint {
            Hint::Request401 { path } => {
                let muted = self.state.mutes.get(path);
                if muted.is_none_or(|until| *until <= self.now.boot) {
                    self.want_with(Cause::Request, Some(path.clone()));
                }
            }
            // `users/me` is not guarded by MFA; after a hint of this kind the sessions are read too.
            Hint::SocketFail
            | Hint::SocketDroppedAfterHello
            | Hint::NoHello
            | Hint::MfaRequired => {
                self.want(Cause::Socket);
            }
            Hint::Push | Hint::ExpiryPassed | Hint::WebView | Hint::ShrunkenConfig => {
                self.want(Cause::Request);
            }
        }
    }

    /// Wants a validation.
    pub(super) fn want(&mut self, cause: Cause) {
        self.want_with(cause, None);
    }

    fn want_with(&mut self, cause: Cause, path: Option<String>) {
        if self.state.is_ending() {
            return;
        }
        let socket_hint = cause == Cause::Socket;
        if let Some(inquiry) = &mut self.state.inquiry {
            inquiry.socket_hint |= socket_hint;
            remember_path(&mut inquiry.paths, path);
            match cause {
                // The answer on its way may be older than what they saw.
                Cause::Socket | Cause::User => inquiry.again = inquiry.again.max(Some(cause)),
                Cause::Retry | Cause::Poll | Cause::Request | Cause::Resume => {}
            }
            return;
        }
        let wanted = self.state.wanted.get_or_insert(Wanted {
            cause,
            socket_hint,
            paths: Vec::new(),
        });
        wanted.cause = wanted.cause.max(cause);
        wanted.socket_hint |= socket_hint;
        remember_path(&mut wanted.paths, path);
        self.ask_wanted();
    }

    /// Asks what is wanted, as soon as it may be asked.
    pub(super) fn ask_wanted(&mut self) {
        let Some(wanted) = self.state.wanted.clone() else {
            return;
        };
        let no_way = self.state.path == NetworkPath::Down && wanted.cause != Cause::User;
        if self.state.inquiry.is_some() || self.state.host == HostState::Suspended || no_way {
            return;
        }
        let now = self.now.boot;
        let hold = match wanted.cause {
            Cause::User => now,
            Cause::Retry | Cause::Poll | Cause::Request | Cause::Socket | Cause::Resume => {
                self.hold()
            }
        };
        let allowances = &mut self.state.allowances;
        let allowance = match wanted.cause {
            Cause::Retry | Cause::Poll => None,
            Cause::Request => Some(&mut allowances.requests),
            Cause::Socket => Some(&mut allowances.socket),
            Cause::Resume => Some(&mut allowances.resume),
            Cause::User => Some(&mut allowances.user),
        };
        let at = allowance
            .as_ref()
            .map_or(now, |allowance| allowance.free_at(now))
            .max(hold);
        if at > now {
            self.arm(Timer::Ask, at);
            return;
        }
        if let Some(allowance) = allowance {
            allowance.note(now);
        }
        self.disarm(Timer::Ask);
        self.state.wanted = None;
        self.ask(Question::UserMe);
        if let Some(inquiry) = &mut self.state.inquiry {
            inquiry.socket_hint = wanted.socket_hint;
            inquiry.paths = wanted.paths;
        }
    }

    /// Asks the server. There is at most one question open.
    pub(super) fn ask(&mut self, question: Question) {
        let ticket = self.ticket();
        let epoch = self.state.epoch;
        self.state.inquiry = Some(Inquiry {
            ticket,
            epoch,
            question,
            socket_hint: false,
            paths: Vec::new(),
            again: None,
            health: None,
            asked: Asked::OverThis,
        });
        self.arm_in(
            Timer::Answer,
            policy::REQUEST_DEADLINE + policy::ANSWER_SLACK,
        );
        self.effect(Effect::Ask {
            ticket,
            epoch,
            question,
        });
    }

    /// Asks a further question in the place of the one that was answered.
    pub(super) fn ask_next(&mut self, question: Question) {
        let answered = self.answered.take();
        self.ask(question);
        if let (Some(inquiry), Some(answered)) = (&mut self.state.inquiry, answered) {
            inquiry.socket_hint = answered.socket_hint;
            inquiry.paths = answered.paths;
            inquiry.again = answered.again;
            inquiry.health = answered.health;
            if answered.asked == Asked::OnceMore {
                inquiry.asked = Asked::OnceMore;
            }
        }
    }

    /// Asks the question that was answered once more, over the network that is there now: with all of its look, since the
    /// database that was well may have been another server's.
    pub(super) fn ask_once_more(&mut self, question: Question) {
        let health = self.answered.as_ref().and_then(|answered| answered.health);
        self.ask_next(if health.is_some() && self.suspicion().is_some() {
            Question::Health
        } else {
            question
        });
        if let Some(inquiry) = &mut self.state.inquiry {
            inquiry.health = None;
            inquiry.asked = Asked::OnceMore;
        }
    }

    /// The server knows the session: whatever spoke against it is void.
    pub(super) fn proved_valid(&mut self, server_date: Option<UnixMillis>) {
        let now = self.now.boot;
        let state = &mut self.state;
        state.validated_at = Some(now);
        state.validated_wall = Some(self.now.wall);
        state.validated_server = server_date.or(state.validated_server);
        state.cover_until_valid = false;
        state.ask_pace.reset();
        state.wanted = None;
        state.mutes.retain(|_, until| *until > now);
        if let Some(answered) = &self.answered {
            for path in &answered.paths {
                if state.mutes.len() < policy::MUTED_PATHS {
                    let until = now.after(policy::HINT_MUTE);
                    state.mutes.insert(path.clone(), until);
                }
            }
        }
        self.disarm(Timer::Ask);
        self.disarm(Timer::Look);
        self.usable_answer();
        self.void_wipe();
        self.watch_max_offline();
    }

    /// An answer that says something about the session.
    pub(super) fn usable_answer(&mut self) {
        let unusable = &mut self.state.unusable;
        unusable.answers = 0;
        unusable.refused = 0;
        unusable.online_before = std::time::Duration::ZERO;
        unusable.online_from = self.state.online;
    }

    /// A validation came to its end. What happened meanwhile is asked about once more.
    pub(super) fn settle(&mut self) {
        self.state.verdicts += 1;
        if let Some(cause) = self.answered.take().and_then(|answered| answered.again) {
            self.want(cause);
        }
    }

    /// A 401 that is no evidence.
    pub(super) fn count_refusal(&mut self) {
        self.state.unusable.answers += 1;
        self.state.unusable.refused += 1;
    }

    /// Whether refusals, again and again, call for the config experiment.
    pub(super) fn experiment_is_due(&self) -> bool {
        self.state.unusable.refused >= policy::EXPERIMENT_AFTER
    }

    pub(super) fn count_unknown(&mut self, why: UnknownWhy) {
        self.state.unusable.refused = 0;
        if why.is_unusable_answer() {
            self.state.unusable.answers += 1;
        }
    }

    /// Too long without a usable answer: sign-in is offered. Otherwise the question is asked again at the pace.
    pub(super) fn retry_or_give_up(&mut self) {
        let unusable = self.state.unusable;
        let online = unusable.online_before + (self.state.online - unusable.online_from);
        if self.state.standing == Standing::Active
            && online >= policy::UNVERIFIABLE_AFTER
            && unusable.answers >= policy::UNVERIFIABLE_ANSWERS
        {
            self.become_unverifiable(Suspicion::begun(self.state.online));
            return;
        }
        let running = self.running();
        let wait = self.state.ask_pace.after_failure(running, &mut self.dice);
        let at = self.now.boot.after(wait).max(self.hold());
        if let Some(answered) = self.answered.take() {
            self.state.wanted = Some(Wanted {
                cause: Cause::Retry,
                socket_hint: answered.socket_hint,
                paths: answered.paths,
            });
        }
        self.state.verdicts += 1;
        self.arm(Timer::Ask, at);
    }

    pub(super) fn become_unverifiable(&mut self, suspicion: Suspicion) {
        self.state.wanted = None;
        self.disarm(Timer::Ask);
        self.stand(Standing::Unverifiable(suspicion));
        self.state.verdicts += 1;
        self.arm_look_on_ladder();
    }

    /// `max_offline` runs from the last validation; after a restart of the device from its start, which can only be later.
    pub(super) fn max_offline_ends(&self) -> Option<BootMillis> {
        let limit = self.state.settings.max_offline?;
        let from = self.state.validated_at.unwrap_or(BootMillis(0));
        Some(from.after(limit))
    }

    /// An app that comes back late is given the time of one question first, with its content covered.
    pub(super) fn watch_max_offline(&mut self) {
        match self.max_offline_ends() {
            Some(end) => {
                let soonest = self.now.boot.after(policy::REQUEST_DEADLINE);
                self.arm(Timer::MaxOffline, end.max(soonest));
            }
            None => self.disarm(Timer::MaxOffline),
        }
    }

    /// A wipe push arrived: content is covered and the session asked about; without any usable answer in time it wipes.
    pub(super) fn begin_wipe(&mut self) {
        let deadline = self.now.boot.after(policy::WIPE_DEADLINE);
        let deadline = *self.state.wipe_deadline.get_or_insert(deadline);
        self.arm(Timer::Wipe, deadline);
        self.must_store();
    }

    pub(super) fn void_wipe(&mut self) {
        self.disarm(Timer::Wipe);
        if self.state.wipe_deadline.take().is_some() {
            self.must_store();
        }
    }

    /// Timers do not run while suspended; an app that comes back asks first and wipes after.
    pub(super) fn resume_wipe(&mut self) {
        if let Some(deadline) = self.state.wipe_deadline {
            let patience = if self.state.host == HostState::Checking {
                policy::WIPE_WAITS_IN_A_CHECK
            } else {
                policy::REQUEST_DEADLINE
            };
            let soonest = self.now.boot.after(patience);
            self.arm(Timer::Wipe, deadline.max(soonest));
        }
    }
}

fn remember_path(paths: &mut Vec<String>, path: Option<String>) {
    if let Some(path) = path
        && paths.len() < policy::MUTED_PATHS
        && !paths.contains(&path)
    {
        paths.push(path);
    }
}
