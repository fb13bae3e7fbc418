//! When a user is signed out: what every event does in every standing. One flat match, arms grouped by standing, no wildcard.
//!
//! Read it for the calls of `end`. There are these ways out of a session and no other:
//! - the verdict `Gone` (evidence, a second look on a new connection, a healthy database of the account's own server between
//!   them; or the long ladder):
//!   `weigh` → `end(SessionEnded)`, or `end(Wiped)` if the server had ordered a wipe;
//! - the user's own act: `end(SignedOut)`;
//! - a key or a vault that is gone for good: `end(KeyLost)`, `end(StorageLost)`;
//! - a wipe order that got no usable answer in time: `end(Wiped)`.
//!
//! `end` only asks the vault for the transaction; the standing becomes `Ended` when [`Event::Committed`] says that it is on
//! disk under the same epoch.

use Standing::{Active, Ended, Locked, NeedsMfa, Suspect, Unverifiable};

use super::draft::{Draft, Return};
use super::effect::{Effect, Question};
use super::event::{
    Answer, ConfigSet, Event, Experiment, Hint, KeyTrouble, SessionsRead, Validation,
};
use super::state::{
    Cause, CommitKind, NetworkPath, PieceKind, Reason, Restore, Standing, Suspicion, Timer,
};
use crate::policy;

/// Takes the standing through one event that [`Draft::admit`] let in.
pub(super) fn transition(draft: &mut Draft<'_>, event: &Event) {
    let standing = draft.state.standing.clone();
    match (&standing, event) {
        // ---- In every standing ------------------------------------------------------------------------------------------
        (
            Active | Suspect(_) | Ended(_) | NeedsMfa | Locked { .. } | Unverifiable(_),
            Event::SignedIn { epoch, server_date },
        ) => draft.begin_epoch(*epoch, *server_date),
        (
            Active | Suspect(_) | Ended(_) | NeedsMfa | Locked { .. } | Unverifiable(_),
            Event::Committed { epoch, .. },
        ) => {
            if draft.committed(*epoch) == Some(CommitKind::Continue) {
                draft.watch_max_offline();
                draft.want(Cause::Resume);
            }
        }
        (
            Active | Suspect(_) | Ended(_) | NeedsMfa | Locked { .. } | Unverifiable(_),
            Event::CommitStale { .. },
        ) => draft.commit_was_stale(),
        (
            Active | Suspect(_) | Ended(_) | NeedsMfa | Locked { .. } | Unverifiable(_),
            Event::CommitFailed { .. },
        ) => draft.commit_failed(),
        (
            Active | Suspect(_) | Ended(_) | NeedsMfa | Locked { .. } | Unverifiable(_),
            Event::TimerFired(Timer::CommitRetry),
        ) => draft.retry_commit(),
        (
            Active | Suspect(_) | Ended(_) | NeedsMfa | Locked { .. } | Unverifiable(_),
            Event::Stored { .. },
        ) => draft.is_stored(),
        (
            Active | Suspect(_) | Ended(_) | NeedsMfa | Locked { .. } | Unverifiable(_),
            Event::StoreFailed { .. },
        ) => draft.store_failed(),
        // What is owed to the disk is written at the end of the step.
        (
            Active | Suspect(_) | Ended(_) | NeedsMfa | Locked { .. } | Unverifiable(_),
            Event::TimerFired(Timer::StoreRetry | Timer::Answer)
            | Event::ConfigSeen(_)
            | Event::Socket { .. }
            | Event::TimerFired(
                Timer::Dial
                | Timer::HelloDue
                | Timer::Heartbeat
                | Timer::PongDue
                | Timer::PaceReset,
            ),
        ) => {}

        // ---- In every standing but Ended --------------------------------------------------------------------------------
        (Active | Suspect(_) | NeedsMfa | Locked { .. } | Unverifiable(_), Event::SignedOut) => {
            draft.end(Reason::SignedOut)
        }
        (
            Active | Suspect(_) | NeedsMfa | Locked { .. } | Unverifiable(_),
            Event::KeyUnreadable(KeyTrouble::Absent),
        ) => draft.end(Reason::KeyLost),
        (Active | Suspect(_) | NeedsMfa | Locked { .. } | Unverifiable(_), Event::StorageLost) => {
            draft.end(Reason::StorageLost)
        }
        (
            Active | Suspect(_) | NeedsMfa | Locked { .. } | Unverifiable(_),
            Event::TimerFired(Timer::Wipe),
        ) => {
            // Time in which the process was frozen is no time without an answer: it is asked first, and armed again.
            if draft.returned == Return::No {
                draft.end(Reason::Wiped);
            }
        }
        (
            Active | Suspect(_) | NeedsMfa | Unverifiable(_),
            Event::KeyUnreadable(KeyTrouble::Unavailable),
        ) => {
            lock(draft, &standing);
            draft.key_was_withheld();
        }
        (
            Active | Suspect(_) | NeedsMfa | Unverifiable(_),
            Event::KeyUnreadable(KeyTrouble::Other),
        ) => lock(draft, &standing),
        (
            Active | Suspect(_) | NeedsMfa | Locked { .. } | Unverifiable(_),
            Event::ContinueRequested
            | Event::RestoreWithdrawn
            | Event::TimerFired(Timer::RestoreLook | Timer::RestoreEnd),
        ) => {}
        (Active | Suspect(_) | NeedsMfa | Unverifiable(_), Event::KeyReadable) => {
            draft.key_was_given();
        }
        (Active | Suspect(_) | NeedsMfa | Unverifiable(_), Event::TimerFired(Timer::KeyRetry)) => {}

        // ---- Active -----------------------------------------------------------------------------------------------------
        (Active, Event::Opened | Event::HostChanged(_)) => {
            if draft.returned != Return::No {
                draft.resume_commit();
                draft.resume_wipe();
                draft.watch_max_offline();
                draft.want(Cause::Resume);
            }
        }
        (Active, Event::NetworkChanged(_)) => {
            if draft.network_returned {
                draft.want(Cause::Resume);
            } else {
                draft.ask_wanted();
            }
        }
        (Active, Event::SettingsChanged(_)) => draft.watch_max_offline(),
        (Active, Event::VerifyRequested) => draft.want(Cause::User),
        (Active, Event::WipePush) => {
            draft.begin_wipe();
            draft.want(Cause::Resume);
        }
        (Active, Event::Hint(hint)) => draft.want_for(hint),
        (Active, Event::TimerFired(Timer::Ask)) => draft.ask_wanted(),
        (Active, Event::TimerFired(Timer::Poll)) => draft.want(Cause::Poll),
        (Active, Event::TimerFired(Timer::MaxOffline)) => {
            // Whoever was frozen meanwhile is covered and asked about first, and the timer is armed again.
            if draft.returned == Return::No {
                draft.become_unverifiable(Suspicion::begun(draft.state.online));
            }
        }
        (Active, Event::TimerFired(Timer::Look)) => {}
        (
            Active,
            Event::Answered {
                answer: Answer::Validation(Validation::Valid { server_date }),
                ..
            },
        ) => {
            draft.proved_valid(*server_date);
            // `users/me` is not guarded by MFA, and an MFA order silences the socket: the sessions tell the two apart.
            if draft
                .answered
                .as_ref()
                .is_some_and(|asked| asked.socket_hint)
            {
                draft.ask_next(Question::Sessions);
            } else {
                draft.settle();
            }
        }
        (
            Active,
            Event::Answered {
                answer: Answer::Validation(Validation::Gone { server_date }),
                ..
            },
        ) => draft.suspect(PieceKind::Genuine, *server_date, false),
        (
            Active,
            Event::Answered {
                answer:
                    Answer::Validation(Validation::MfaRequired)
                    | Answer::Sessions(SessionsRead::MfaRequired),
                ..
            },
        ) => needs_mfa(draft),
        (
            Active | NeedsMfa,
            Event::Answered {
                answer: Answer::Validation(Validation::HeadersLost),
                ..
            },
        ) => {
            draft.count_refusal();
            draft.ask_next(Question::ConfigExperiment);
        }
        (
            Active | NeedsMfa,
            Event::Answered {
                answer: Answer::Validation(Validation::Refused),
                ..
            },
        ) => {
            draft.count_refusal();
            if draft.experiment_is_due() {
                draft.ask_next(Question::ConfigExperiment);
            } else {
                draft.retry_or_give_up();
            }
        }
        (
            Active | NeedsMfa,
            Event::Answered {
                answer: Answer::Validation(Validation::Unknown { why, retry_after }),
                ..
            },
        ) => {
            draft.hold_for(*retry_after);
            draft.count_unknown(*why);
            draft.retry_or_give_up();
        }
        (
            Active,
            Event::Answered {
                answer: Answer::Sessions(SessionsRead::Read | SessionsRead::Other),
                ..
            },
        ) => draft.settle(),
        (
            Active | NeedsMfa,
            Event::Answered {
                answer: Answer::Experiment(experiment),
                ..
            },
        ) => {
            note_config(draft, experiment);
            if speaks_against(draft, experiment) {
                draft.suspect(PieceKind::Experiment, None, standing == NeedsMfa);
            } else {
                draft.retry_or_give_up();
            }
        }
        // The health is asked about only by a look, and looks are taken in Suspect and Unverifiable.
        (
            Active | NeedsMfa,
            Event::Answered {
                answer: Answer::Health(_),
                ..
            },
        ) => draft.settle(),

        // ---- Suspect and Unverifiable: covered, and looked into -------------------------------------------------------------
        (Suspect(_) | Unverifiable(_), Event::Opened | Event::HostChanged(_)) => {
            if draft.returned != Return::No {
                draft.resume_commit();
                draft.resume_wipe();
                draft.look_soon();
            }
        }
        (Suspect(_) | Unverifiable(_), Event::NetworkChanged(path)) => {
            draft.restart_ladder();
            if *path != NetworkPath::Down {
                draft.look_soon();
            }
        }
        (Suspect(_) | Unverifiable(_), Event::VerifyRequested) => draft.look_soon(),
        (Suspect(_) | Unverifiable(_), Event::WipePush) => {
            draft.begin_wipe();
            draft.look_soon();
        }
        (Suspect(_) | Unverifiable(_), Event::TimerFired(Timer::Look)) => draft.look(),
        // It is being looked into already; more hints make it neither truer nor faster.
        (
            Suspect(_) | Unverifiable(_),
            Event::Hint(
                Hint::SocketFail
                | Hint::SocketDroppedAfterHello
                | Hint::NoHello
                | Hint::Push
                | Hint::ExpiryPassed
                | Hint::Request401 { .. }
                | Hint::MfaRequired
                | Hint::WebView
                | Hint::ShrunkenConfig,
            ),
        ) => {}
        (
            Suspect(suspicion) | Unverifiable(suspicion),
            Event::Answered {
                answer: Answer::Validation(Validation::Valid { server_date }),
                ..
            },
        ) => {
            draft.proved_valid(*server_date);
            if suspicion.from_mfa {
                draft.stand(NeedsMfa);
                draft.ask_next(Question::Sessions);
            } else {
                draft.stand(Active);
                draft.settle();
            }
        }
        (
            Suspect(_) | Unverifiable(_),
            Event::Answered {
                answer: Answer::Validation(Validation::Gone { server_date }),
                ..
            },
        ) => draft.weigh(PieceKind::Genuine, *server_date),
        (
            Suspect(_) | Unverifiable(_),
            Event::Answered {
                answer:
                    Answer::Validation(Validation::MfaRequired)
                    | Answer::Sessions(SessionsRead::MfaRequired),
                ..
            },
        ) => needs_mfa(draft),
        (
            Suspect(suspicion) | Unverifiable(suspicion),
            Event::Answered {
                answer: Answer::Validation(Validation::Refused | Validation::HeadersLost),
                ..
            },
        ) => {
            draft.count_refusal();
            if suspicion.long_ladder || draft.experiment_is_due() {
                draft.ask_next(Question::ConfigExperiment);
            } else {
                draft.look_in_vain(true);
            }
        }
        (
            Suspect(_) | Unverifiable(_),
            Event::Answered {
                answer: Answer::Validation(Validation::Unknown { why, retry_after }),
                ..
            },
        ) => {
            draft.hold_for(*retry_after);
            draft.count_unknown(*why);
            draft.look_in_vain(why.is_answer());
        }
        (
            Suspect(_) | Unverifiable(_),
            Event::Answered {
                answer: Answer::Health(health),
                ..
            },
        ) => draft.weigh_health(*health),
        (
            Suspect(_) | Unverifiable(_),
            Event::Answered {
                answer: Answer::Experiment(experiment),
                ..
            },
        ) => {
            note_config(draft, experiment);
            if speaks_against(draft, experiment) && draft.health_allows_experiment() {
                draft.weigh(PieceKind::Experiment, None);
            } else {
                draft.look_in_vain(true);
            }
        }
        (
            Suspect(_) | Unverifiable(_),
            Event::Answered {
                answer: Answer::Sessions(SessionsRead::Read | SessionsRead::Other),
                ..
            },
        ) => draft.look_in_vain(true),
        (
            Suspect(_) | Unverifiable(_),
            Event::SettingsChanged(_)
            | Event::TimerFired(Timer::Ask | Timer::Poll | Timer::MaxOffline),
        ) => {}

        // ---- NeedsMfa: covered, no socket, left by the user's doing --------------------------------------------------------
        (NeedsMfa, Event::Opened | Event::HostChanged(_)) => {
            if draft.returned != Return::No {
                draft.resume_commit();
                draft.resume_wipe();
                draft.want(Cause::Resume);
            }
        }
        (NeedsMfa, Event::NetworkChanged(_) | Event::TimerFired(Timer::Ask)) => draft.ask_wanted(),
        (NeedsMfa, Event::VerifyRequested) => draft.want(Cause::User),
        (NeedsMfa, Event::WipePush) => {
            draft.begin_wipe();
            draft.want(Cause::Resume);
        }
        (NeedsMfa, Event::Hint(hint)) => draft.want_for(hint),
        (
            NeedsMfa,
            Event::Answered {
                answer: Answer::Validation(Validation::Valid { server_date }),
                ..
            },
        ) => {
            // `users/me` is exempt from the MFA order, so it cannot tell that the order is met.
            draft.proved_valid(*server_date);
            draft.ask_next(Question::Sessions);
        }
        (
            NeedsMfa,
            Event::Answered {
                answer: Answer::Sessions(SessionsRead::Read),
                ..
            },
        ) => {
            draft.stand(Active);
            draft.watch_max_offline();
            draft.settle();
        }
        (
            NeedsMfa,
            Event::Answered {
                answer: Answer::Validation(Validation::Gone { server_date }),
                ..
            },
        ) => draft.suspect(PieceKind::Genuine, *server_date, true),
        (
            NeedsMfa,
            Event::Answered {
                answer:
                    Answer::Validation(Validation::MfaRequired)
                    | Answer::Sessions(SessionsRead::MfaRequired),
                ..
            },
        ) => needs_mfa(draft),
        (
            NeedsMfa,
            Event::Answered {
                answer: Answer::Sessions(SessionsRead::Other),
                ..
            },
        ) => draft.retry_or_give_up(),
        (
            NeedsMfa,
            Event::SettingsChanged(_)
            | Event::TimerFired(Timer::Look | Timer::Poll | Timer::MaxOffline),
        ) => {}

        // ---- Locked: the key store is tried again; nothing is written but for how long that has been so ----------------------
        (Locked { .. }, Event::Opened | Event::HostChanged(_)) => {
            if draft.returned != Return::No {
                draft.resume_commit();
                draft.resume_wipe();
                read_key(draft);
            }
        }
        (Locked { .. }, Event::VerifyRequested | Event::TimerFired(Timer::KeyRetry)) => {
            read_key(draft);
        }
        (Locked { .. }, Event::KeyUnreadable(KeyTrouble::Unavailable)) => {
            draft.key_was_withheld();
            draft.arm_in(Timer::KeyRetry, policy::KEY_RETRY);
        }
        (Locked { .. }, Event::KeyUnreadable(KeyTrouble::Other)) => {
            draft.arm_in(Timer::KeyRetry, policy::KEY_RETRY);
        }
        (Locked { beneath }, Event::KeyReadable) => {
            draft.key_was_given();
            draft.disarm(Timer::KeyRetry);
            draft.state.standing = (**beneath).clone();
            match **beneath {
                Active => {
                    draft.want(Cause::Resume);
                    draft.watch_max_offline();
                }
                NeedsMfa => draft.want(Cause::Resume),
                Suspect(_) | Unverifiable(_) => draft.look_soon(),
                Ended(_) | Locked { .. } => {}
            }
        }
        (Locked { .. }, Event::WipePush) => draft.begin_wipe(),
        // As soon as the key can be read the session is asked about, so hints need not be kept; no question is open.
        (
            Locked { .. },
            Event::Hint(
                Hint::SocketFail
                | Hint::SocketDroppedAfterHello
                | Hint::NoHello
                | Hint::Push
                | Hint::ExpiryPassed
                | Hint::Request401 { .. }
                | Hint::MfaRequired
                | Hint::WebView
                | Hint::ShrunkenConfig,
            )
            | Event::NetworkChanged(_)
            | Event::Answered { .. }
            | Event::SettingsChanged(_)
            | Event::TimerFired(Timer::Ask | Timer::Look | Timer::Poll | Timer::MaxOffline),
        ) => {}

        // ---- Ended: over; a kept token may still prove that it should not be ------------------------------------------------
        (Ended(_), Event::Opened) => draft.watch_restore(),
        (Ended(_), Event::HostChanged(_)) => {
            if draft.returned != Return::No {
                draft.resume_commit();
                draft.watch_restore();
            }
        }
        (Ended(_), Event::NetworkChanged(_) | Event::SettingsChanged(_)) => draft.watch_restore(),
        (Ended(_), Event::VerifyRequested | Event::TimerFired(Timer::RestoreLook)) => {
            draft.look_at_kept_token();
        }
        (
            Ended(_),
            Event::TimerFired(Timer::RestoreEnd)
            | Event::RestoreWithdrawn
            | Event::KeyUnreadable(KeyTrouble::Absent)
            | Event::StorageLost,
        ) => draft.destroy_token(),
        (
            Ended(_),
            Event::Answered {
                answer: Answer::Validation(Validation::Valid { .. }),
                ..
            },
        ) => draft.commit(CommitKind::MayContinue, 0),
        (
            Ended(_),
            Event::Answered {
                answer:
                    Answer::Validation(
                        Validation::Gone { .. }
                        | Validation::MfaRequired
                        | Validation::Refused
                        | Validation::HeadersLost
                        | Validation::Unknown { .. },
                    )
                    | Answer::Health(_)
                    | Answer::Sessions(_)
                    | Answer::Experiment(_),
                ..
            },
        ) => draft.watch_restore(),
        (Ended(ended), Event::ContinueRequested) => {
            if ended.restore == Restore::Offered && draft.state.commit.is_none() {
                // A process that was held up learns of the end of the window later than the user can press a button.
                if draft.restore_window_is_over(ended) {
                    draft.destroy_token();
                } else {
                    draft.commit(CommitKind::Continue, 0);
                }
            }
        }
        (Ended(ended), Event::SignedOut) => {
            if ended.restore != Restore::None {
                draft.end(Reason::SignedOut);
            }
        }
        (Ended(ended), Event::WipePush) => {
            if ended.reason == Reason::SessionEnded {
                draft.end(Reason::Wiped);
            }
        }
        (
            Ended(_),
            Event::Hint(
                Hint::SocketFail
                | Hint::SocketDroppedAfterHello
                | Hint::NoHello
                | Hint::Push
                | Hint::ExpiryPassed
                | Hint::Request401 { .. }
                | Hint::MfaRequired
                | Hint::WebView
                | Hint::ShrunkenConfig,
            )
            | Event::KeyUnreadable(KeyTrouble::Unavailable | KeyTrouble::Other)
            | Event::KeyReadable
            | Event::TimerFired(
                Timer::Ask
                | Timer::Look
                | Timer::Wipe
                | Timer::KeyRetry
                | Timer::MaxOffline
                | Timer::Poll,
            ),
        ) => {}
    }
}

/// The server wants multi-factor authentication: the session lives, so whatever spoke against it is void.
fn needs_mfa(draft: &mut Draft<'_>) {
    draft.usable_answer();
    draft.void_wipe();
    draft.state.wanted = None;
    draft.disarm(Timer::Ask);
    draft.disarm(Timer::Look);
    draft.stand(NeedsMfa);
    draft.answered = None;
    draft.settle();
}

/// The key store is not readable now. Nothing is written but for how long that has been so, and without the token nothing can
/// be asked.
fn lock(draft: &mut Draft<'_>, beneath: &Standing) {
    draft.withdraw_question();
    draft.disarm(Timer::Ask);
    draft.disarm(Timer::Look);
    draft.state.standing = Locked {
        beneath: Box::new(beneath.clone()),
    };
    draft.arm_in(Timer::KeyRetry, policy::KEY_RETRY);
}

fn read_key(draft: &mut Draft<'_>) {
    if draft.state.host != super::state::HostState::Suspended {
        draft.effect(Effect::ReadKey);
        draft.arm_in(Timer::KeyRetry, policy::KEY_RETRY);
    }
}

fn note_config(draft: &mut Draft<'_>, experiment: &Experiment) {
    if experiment.with_token == ConfigSet::Full && !draft.state.full_config_seen {
        draft.state.full_config_seen = true;
        draft.must_store();
    }
}

/// With the token the server gives what it gives anybody, though this account has once been given more.
fn speaks_against(draft: &Draft<'_>, experiment: &Experiment) -> bool {
    draft.state.full_config_seen
        && experiment.same
        && experiment.with_token == ConfigSet::Limited
        && experiment.without_token == ConfigSet::Limited
}
