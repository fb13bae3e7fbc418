//! From the first evidence to a verdict, and everything that must not become one.

use super::rig::*;
use crate::policy;
use crate::session::*;

fn suspect() -> Rig {
    let mut rig = Rig::well();
    rig.feed(Event::VerifyRequested).answer(gone());
    rig
}

fn refused() -> Answer {
    Answer::Validation(Validation::Refused)
}

fn unknown(why: UnknownWhy) -> Answer {
    Answer::Validation(Validation::Unknown {
        why,
        retry_after: None,
    })
}

fn limited() -> Answer {
    Answer::Experiment(Experiment {
        with_token: ConfigSet::Limited,
        without_token: ConfigSet::Limited,
        same: true,
    })
}

/// Hazards D04, E17.
#[test]
fn the_first_evidence_covers_and_stores_and_ends_nothing() {
    let mut rig = suspect();
    assert!(rig.is("Suspect"));
    assert!(rig.state.cover());
    let names = rig.names();
    assert_eq!(names, ["Ask(UserMe)", "StoreStanding"]);
    let due = rig.due_in(Timer::Look).unwrap();
    assert!(due >= seconds(2) && due <= seconds(4), "{due:?}");
}

#[test]
fn evidence_twice_with_a_healthy_database_between_is_a_verdict() {
    let mut rig = suspect();
    rig.names();
    rig.second_look(Health::Healthy, gone());
    assert_eq!(
        rig.names(),
        [
            "Ask(Health)",
            "Ask(UserMe)",
            "CommitEnd(SessionEnded)",
            "CloseSocket"
        ]
    );
    assert!(rig.is("Suspect"), "only the transaction ends it");
    rig.commit();
    assert_eq!(rig.ended(), Some(Reason::SessionEnded));
    assert_eq!(rig.stored().code, "ended");
}

#[test]
fn a_200_on_the_second_look_clears_everything() {
    let mut rig = suspect();
    rig.second_look(Health::Healthy, valid());
    assert!(rig.is("Active") && !rig.state.cover());
    rig.feed(Event::VerifyRequested).answer(gone());
    assert_eq!(
        rig.state.suspicion_pieces(),
        1,
        "pieces from before the 200 are void"
    );
}

/// Hazard D01.
#[test]
fn an_unhealthy_or_silent_database_never_lets_it_end() {
    for health in [Health::Unhealthy, Health::Silent] {
        let mut rig = suspect();
        let mut waits = Vec::new();
        for _ in 0..7 {
            rig.second_look(health, gone());
            assert!(rig.is("Suspect") && !rig.state.is_ending());
            waits.push(rig.due_in(Timer::Look).unwrap().as_secs());
        }
        assert!((5..=10).contains(&waits[0]), "{waits:?}");
        assert!((20..=40).contains(&waits[1]), "{waits:?}");
        assert_eq!(waits[2..], [120, 600, 900, 900, 900]);
    }
}

/// Hazard D13.
#[test]
fn another_server_at_the_address_never_lets_it_end() {
    let mut rig = suspect();
    let begun = rig.now.boot;
    while rig.is("Suspect") {
        rig.second_look(Health::OtherServer, gone());
        assert!(rig.state.cover() && !rig.state.is_ending());
        assert!(rig.now.boot.since(begun) < minutes(120));
    }
    assert!(rig.is("Unverifiable"), "sign-in is offered");
    assert!(rig.now.boot.since(begun) >= policy::SUSPECT_LIMIT);
    rig.second_look(Health::OtherServer, gone());
    assert!(rig.is("Unverifiable") && !rig.state.is_ending());
    rig.second_look(Health::Healthy, valid());
    assert!(rig.is("Active") && !rig.state.cover());
}

/// Hazard D13.
#[test]
fn what_another_server_said_is_no_piece_of_the_verdict_of_the_own() {
    let mut rig = suspect();
    rig.second_look(Health::OtherServer, gone());
    rig.second_look(Health::Healthy, gone());
    assert!(rig.is("Suspect") && !rig.state.is_ending());
    assert_eq!(rig.state.suspicion_pieces(), 1);
    rig.second_look(Health::Healthy, gone());
    assert!(rig.state.is_ending(), "two of its own");
}

/// Hazard D13.
#[test]
fn another_server_hastens_no_wipe() {
    let mut rig = suspect();
    rig.feed(Event::WipePush);
    for _ in 0..4 {
        rig.second_look(Health::OtherServer, gone());
        assert!(!rig.state.is_ending());
    }
}

/// Hazard D13.
#[test]
fn the_experiment_counts_for_nothing_with_another_server() {
    let mut rig = Rig::well();
    rig.feed(Event::ConfigSeen(ConfigSet::Full));
    rig.feed(Event::VerifyRequested)
        .answer(Answer::Validation(Validation::HeadersLost))
        .answer(limited());
    for _ in 0..12 {
        rig.at(Timer::Look);
        rig.answer(Answer::Health(Health::OtherServer));
        rig.answer(refused());
        rig.answer(limited());
        assert!(!rig.state.is_ending());
    }
}

#[test]
fn after_an_outage_the_next_healthy_look_decides() {
    let mut rig = suspect();
    rig.second_look(Health::Unhealthy, gone());
    rig.second_look(Health::Healthy, gone());
    assert!(rig.state.is_ending());

    let mut rig = suspect();
    rig.second_look(Health::Unhealthy, gone());
    rig.second_look(Health::Healthy, valid());
    assert!(rig.is("Active"));
}

/// Hazard D01.
#[test]
fn health_that_cannot_be_known_needs_four_pieces_over_twelve_minutes() {
    let mut rig = suspect();
    let begun = rig.now.boot;
    let mut looks = 0;
    while !rig.state.is_ending() {
        rig.second_look(Health::Absent, gone());
        looks += 1;
        assert!(looks < 20);
    }
    let took = rig.now.boot.since(begun);
    assert!(
        took >= policy::LONG_LADDER_SPAN && took < minutes(14),
        "{took:?}"
    );
    assert_eq!(rig.state.suspicion_pieces(), 4);
}

#[test]
fn coming_back_often_does_not_shorten_the_long_ladder() {
    let mut rig = suspect();
    let begun = rig.now.boot;
    while !rig.state.is_ending() {
        rig.advance(seconds(20));
        rig.feed(Event::VerifyRequested);
        while let Some(question) = rig.question() {
            match question {
                Question::Health => rig.answer(Answer::Health(Health::Absent)),
                Question::UserMe | Question::Sessions | Question::ConfigExperiment => {
                    rig.answer(gone())
                }
            };
        }
        assert!(rig.now.boot.since(begun) < minutes(30));
    }
    assert!(rig.now.boot.since(begun) >= policy::LONG_LADDER_SPAN);
}

/// Hazard D02.
#[test]
fn a_young_session_is_covered_and_asked_again_when_it_is_older() {
    let mut rig = Rig::opened(State::signed_in(
        parts(HostState::Focused),
        Some(UnixMillis(1_000_000)),
        now(START),
    ));
    let young = |date| {
        Answer::Validation(Validation::Gone {
            server_date: Some(UnixMillis(date)),
        })
    };
    rig.answer(young(1_004_000));
    assert!(rig.is("Suspect") && rig.state.cover());
    assert_eq!(rig.state.suspicion_pieces(), 0);
    let due = rig.due_in(Timer::Look).unwrap();
    assert!(due >= seconds(11), "{due:?}");
    rig.at(Timer::Look);
    assert_eq!(
        rig.question(),
        Some(Question::UserMe),
        "there is nothing to confirm yet"
    );
    rig.answer(young(1_015_000));
    assert_eq!(rig.state.suspicion_pieces(), 1);
    rig.second_look(Health::Healthy, young(1_019_000));
    assert!(rig.state.is_ending());
}

/// Hazard A26.
#[test]
fn a_server_clock_that_was_set_back_keeps_no_session_young() {
    let mut rig = Rig::opened(State::signed_in(
        parts(HostState::Focused),
        Some(UnixMillis(9_000_000)),
        now(START - 61_000),
    ));
    rig.answer(Answer::Validation(Validation::Gone {
        server_date: Some(UnixMillis(1_000)),
    }));
    assert_eq!(rig.state.suspicion_pieces(), 1);
}

/// Hazard D03.
#[test]
fn evidence_of_an_older_epoch_is_ignored() {
    let mut rig = Rig::well();
    rig.feed(Event::VerifyRequested);
    let (ticket, _) = rig.open_question().unwrap();
    rig.feed(Event::SignedIn {
        epoch: Epoch(4),
        server_date: None,
    });
    rig.feed(Event::Answered {
        ticket,
        answer: gone(),
    });
    assert!(rig.is("Active") && rig.question().is_none());
    assert_eq!(rig.state.epoch(), Epoch(4));
}

#[test]
fn a_socket_fail_is_a_hint_and_its_200_reads_the_sessions() {
    let mut rig = Rig::well();
    rig.socket(SocketEvent::Fail);
    assert_eq!(rig.names(), ["CloseSocket", "Ask(UserMe)"]);
    rig.answer(valid());
    assert_eq!(rig.question(), Some(Question::Sessions));
    rig.answer(Answer::Sessions(SessionsRead::Read));
    assert!(rig.is("Active"));
    rig.take();
    rig.at(Timer::Dial);
    assert!(rig.names().contains(&"Dial(fresh)"));
}

#[test]
fn a_socket_silenced_by_an_mfa_order_leads_to_needs_mfa_and_back() {
    let mut rig = Rig::well();
    rig.socket(SocketEvent::Fail).answer(valid());
    rig.answer(Answer::Sessions(SessionsRead::MfaRequired));
    assert!(rig.is("NeedsMfa") && rig.state.cover());
    assert_eq!(rig.state.link(), Link::Paused);
    rig.advance(minutes(10));
    assert!(rig.question().is_none(), "only the user's doing leads out");
    rig.feed(Event::VerifyRequested).answer(valid());
    assert!(rig.is("NeedsMfa"), "users/me is exempt from the order");
    rig.answer(Answer::Sessions(SessionsRead::Read));
    assert!(rig.is("Active") && !rig.state.cover());
    assert!(rig.due_in(Timer::Dial).is_some());
}

#[test]
fn evidence_in_needs_mfa_is_looked_into_and_a_200_goes_back_there() {
    let mut rig = Rig::well();
    rig.feed(Event::VerifyRequested)
        .answer(Answer::Validation(Validation::MfaRequired));
    rig.feed(Event::VerifyRequested).answer(gone());
    assert!(rig.is("Suspect"));
    rig.second_look(Health::Healthy, valid());
    assert!(rig.is("NeedsMfa"));
    assert_eq!(rig.question(), Some(Question::Sessions));
}

/// Hazard D04.
#[test]
fn hints_coalesce_into_one_question() {
    let mut rig = Rig::well();
    for number in 0..20 {
        rig.feed(Event::Hint(Hint::Request401 {
            path: format!("/plugins/{number}"),
        }));
    }
    rig.feed(Event::Hint(Hint::Push));
    assert_eq!(rig.names(), ["Ask(UserMe)"]);
}

#[test]
fn what_happens_while_a_question_is_open_is_asked_about_once_more() {
    let mut rig = Rig::well();
    rig.feed(Event::Hint(Hint::Push));
    rig.feed(Event::VerifyRequested);
    rig.feed(Event::VerifyRequested);
    rig.answer(valid());
    assert_eq!(rig.question(), Some(Question::UserMe));
    rig.answer(valid());
    assert_eq!(rig.question(), None);
}

#[test]
fn a_200_mutes_the_hints_of_the_same_path_for_a_minute() {
    let mut rig = Rig::well();
    let noisy = || {
        Event::Hint(Hint::Request401 {
            path: "/plugins/noisy".to_owned(),
        })
    };
    rig.feed(noisy()).answer(valid());
    rig.advance(seconds(59)).feed(noisy());
    assert_eq!(rig.question(), None);
    rig.feed(Event::Hint(Hint::Request401 {
        path: "/plugins/other".to_owned(),
    }));
    assert_eq!(rig.question(), Some(Question::UserMe));
    rig.answer(valid());
    rig.advance(seconds(2)).feed(noisy());
    assert_eq!(rig.question(), Some(Question::UserMe));
}

#[test]
fn a_noisy_plugin_gets_four_validations_a_minute_and_delays_nobody_else() {
    let mut rig = Rig::well();
    for number in 0..4 {
        rig.feed(Event::Hint(Hint::Request401 {
            path: format!("/plugins/{number}"),
        }));
        rig.answer(valid());
    }
    rig.feed(Event::Hint(Hint::WebView));
    assert_eq!(rig.question(), None);
    assert_eq!(rig.due_in(Timer::Ask), Some(seconds(60)));
    rig.feed(Event::VerifyRequested);
    assert_eq!(rig.question(), Some(Question::UserMe));
    rig.answer(valid());
    assert_eq!(rig.due_in(Timer::Ask), None, "one answer serves all");
    rig.socket(SocketEvent::Fail);
    assert_eq!(rig.question(), Some(Question::UserMe));
}

#[test]
fn what_could_not_be_answered_is_asked_again_and_changes_nothing() {
    for why in [
        UnknownWhy::Offline,
        UnknownWhy::Transport,
        UnknownWhy::Tls,
        UnknownWhy::Portal,
        UnknownWhy::ServerTrouble,
        UnknownWhy::Other,
    ] {
        let mut rig = Rig::well();
        rig.feed(Event::VerifyRequested).answer(unknown(why));
        assert!(rig.is("Active") && !rig.state.cover());
        assert!(rig.due_in(Timer::Ask).unwrap() <= seconds(2));
        rig.at(Timer::Ask);
        assert_eq!(rig.question(), Some(Question::UserMe));
    }
}

/// Hazard A12.
#[test]
fn what_the_server_asked_for_outlasts_a_network_change_but_not_the_users_wish() {
    let mut rig = Rig::well();
    rig.feed(Event::Hint(Hint::Push))
        .answer(Answer::Validation(Validation::Unknown {
            why: UnknownWhy::ServerTrouble,
            retry_after: Some(seconds(100)),
        }));
    let due = rig.due_in(Timer::Ask).unwrap();
    assert!(due >= seconds(100) && due <= seconds(120), "{due:?}");
    rig.feed(Event::NetworkChanged(NetworkPath::Up));
    let dial = rig.due_in(Timer::Dial).unwrap();
    assert!(dial >= seconds(100), "{dial:?}");
    assert_eq!(rig.question(), None);
    rig.feed(Event::VerifyRequested);
    assert_eq!(rig.question(), Some(Question::UserMe));
}

#[test]
fn a_question_that_is_never_answered_is_given_up() {
    let mut rig = Rig::well();
    rig.feed(Event::VerifyRequested);
    rig.at(Timer::Answer);
    assert!(rig.is("Active") && rig.question().is_none());
    assert!(rig.due_in(Timer::Ask).is_some());

    let mut rig = suspect();
    rig.at(Timer::Look).at(Timer::Answer);
    assert_eq!(
        rig.question(),
        Some(Question::UserMe),
        "silence of the health query is no absence"
    );
    rig.answer(gone());
    assert!(!rig.state.is_ending());
}

/// Hazard D25.
#[test]
fn refusals_again_and_again_call_for_the_experiment() {
    let mut rig = Rig::well();
    rig.feed(Event::ConfigSeen(ConfigSet::Full));
    rig.feed(Event::VerifyRequested).answer(refused());
    rig.at(Timer::Ask).answer(refused());
    rig.at(Timer::Ask).answer(refused());
    assert_eq!(rig.question(), Some(Question::ConfigExperiment));
    rig.answer(limited());
    assert!(rig.is("Suspect"));
    let begun = rig.now.boot;
    while !rig.state.is_ending() {
        rig.at(Timer::Look);
        rig.answer(Answer::Health(Health::Healthy));
        rig.answer(refused());
        rig.answer(limited());
        assert!(rig.now.boot.since(begun) < minutes(20));
    }
    assert!(rig.now.boot.since(begun) >= policy::LONG_LADDER_SPAN);
}

#[test]
fn the_experiment_proves_nothing_where_the_full_set_was_never_seen() {
    let mut rig = Rig::well();
    rig.feed(Event::VerifyRequested)
        .answer(Answer::Validation(Validation::HeadersLost));
    assert_eq!(rig.question(), Some(Question::ConfigExperiment));
    rig.answer(limited());
    assert!(rig.is("Active"));
}

/// Hazard D01.
#[test]
fn an_unhealthy_database_gives_a_good_token_the_limited_set_so_it_counts_for_nothing() {
    let mut rig = Rig::well();
    rig.feed(Event::ConfigSeen(ConfigSet::Full));
    rig.feed(Event::VerifyRequested)
        .answer(Answer::Validation(Validation::HeadersLost))
        .answer(limited());
    for _ in 0..12 {
        rig.at(Timer::Look);
        rig.answer(Answer::Health(Health::Unhealthy));
        rig.answer(refused());
        rig.answer(limited());
        assert!(!rig.state.is_ending());
    }
}

/// Hazard D25.
#[test]
fn a_day_of_unusable_answers_offers_sign_in_and_ends_nothing() {
    let mut rig = Rig::well();
    rig.feed(Event::VerifyRequested);
    let begun = rig.now.boot;
    while rig.is("Active") {
        if let Some(question) = rig.question() {
            match question {
                Question::ConfigExperiment => rig.answer(Answer::Experiment(Experiment {
                    with_token: ConfigSet::Unreadable,
                    without_token: ConfigSet::Unreadable,
                    same: false,
                })),
                Question::UserMe | Question::Health | Question::Sessions => rig.answer(refused()),
            };
        }
        if rig.is("Active") {
            rig.advance(seconds(60));
        }
        assert!(rig.now.boot.since(begun) < minutes(25 * 60));
    }
    assert!(rig.is("Unverifiable") && rig.state.cover() && !rig.state.is_ending());
    assert!(rig.now.boot.since(begun) >= policy::UNVERIFIABLE_AFTER);
    rig.advance(seconds(11)).answer(valid());
    assert!(rig.is("Active"));
}

/// Hazard A10.
#[test]
fn an_outage_with_5xx_never_makes_an_account_unverifiable() {
    let mut rig = Rig::well();
    rig.feed(Event::VerifyRequested);
    for _ in 0..(50 * 60) {
        if rig.question().is_some() {
            rig.answer(unknown(UnknownWhy::ServerTrouble));
        }
        rig.advance(seconds(60));
        assert!(rig.is("Active"));
    }
}

#[test]
fn a_suspicion_of_an_hour_offers_sign_in_and_looking_goes_on() {
    let mut rig = suspect();
    let begun = rig.now.boot;
    while rig.is("Suspect") {
        rig.second_look(Health::Unhealthy, gone());
        assert!(!rig.state.is_ending());
        assert!(rig.now.boot.since(begun) < minutes(120));
    }
    assert!(rig.is("Unverifiable"));
    assert!(rig.now.boot.since(begun) >= policy::SUSPECT_LIMIT);
    rig.second_look(Health::Healthy, gone());
    assert!(rig.state.is_ending());
}

/// Hazard B04.
#[test]
fn a_key_store_that_is_not_readable_now_causes_no_write_and_no_end() {
    let mut rig = suspect();
    rig.feed(Event::HostChanged(HostState::Suspended));
    rig.feed(Event::HostChanged(HostState::Checking));
    rig.take();
    rig.feed(Event::KeyUnreadable(KeyTrouble::Unavailable));
    assert!(rig.is("Locked") && rig.state.cover());
    assert_eq!(rig.stored().code, "suspect");
    rig.advance(minutes(5));
    rig.feed(Event::VerifyRequested);
    rig.feed(Event::Hint(Hint::Push));
    let names = rig.names();
    assert!(!names.contains(&"StoreStanding"), "{names:?}");
    assert!(!names.iter().any(|name| name.starts_with("Commit")));
    assert!(names.iter().filter(|name| **name == "ReadKey").count() >= 10);
    rig.feed(Event::KeyReadable);
    assert!(rig.is("Suspect"));
    assert_eq!(rig.question(), Some(Question::Health));
}

/// Hazard A03.
#[test]
fn resume_validates_and_dials_at_the_same_time() {
    let mut rig = Rig::well();
    rig.feed(Event::HostChanged(HostState::Suspended));
    assert!(rig.state.timers().is_empty());
    assert_eq!(rig.state.link(), Link::Paused);
    assert_eq!(
        rig.names(),
        ["DropPooledConnections", "CloseSocket", "StoreStanding"]
    );
    rig.freeze(minutes(30));
    rig.feed(Event::HostChanged(HostState::Focused));
    assert_eq!(rig.question(), Some(Question::UserMe));
    assert!(rig.due_in(Timer::Dial).unwrap() <= policy::DIAL_NOW_JITTER);
    rig.take();
    rig.at(Timer::Dial);
    assert_eq!(rig.names(), ["Dial(resume)"]);
}

#[test]
fn focus_validates_only_after_more_than_a_minute_without() {
    let mut rig = Rig::well();
    rig.feed(Event::HostChanged(HostState::Running));
    rig.freeze(seconds(60))
        .feed(Event::HostChanged(HostState::Focused));
    assert_eq!(rig.question(), None);
    rig.feed(Event::HostChanged(HostState::Running));
    rig.freeze(seconds(61))
        .feed(Event::HostChanged(HostState::Focused));
    assert_eq!(rig.question(), Some(Question::UserMe));
}

/// Hazards A28, A29.
#[test]
fn a_process_that_was_frozen_without_a_word_validates_and_dials_anew() {
    let mut rig = Rig::well();
    rig.freeze(minutes(10));
    rig.at(Timer::Heartbeat);
    assert_eq!(rig.question(), Some(Question::UserMe));
    assert!(rig.due_in(Timer::Dial).unwrap() <= policy::DIAL_NOW_JITTER);
}

#[test]
fn network_back_validates_and_dials() {
    let mut rig = Rig::well();
    rig.feed(Event::NetworkChanged(NetworkPath::Down));
    assert_eq!(rig.state.link(), Link::Offline);
    rig.advance(minutes(5));
    rig.feed(Event::NetworkChanged(NetworkPath::Up));
    assert_eq!(rig.question(), Some(Question::UserMe));
    assert!(rig.due_in(Timer::Dial).is_some());
}

/// Hazard E17.
#[test]
fn strict_policy_covers_on_resume_until_validated() {
    let settings = strict();
    for (away, covered) in [(minutes(14), false), (minutes(16), true)] {
        let mut rig = Rig::with_settings(settings);
        rig.feed(Event::HostChanged(HostState::Suspended));
        rig.freeze(away)
            .feed(Event::HostChanged(HostState::Focused));
        assert_eq!(rig.state.cover(), covered);
        rig.answer(valid());
        assert!(!rig.state.cover());
    }
}

/// Hazard D23.
#[test]
fn one_who_was_offline_for_too_long_is_covered_on_resume_until_validated() {
    let settings = an_hour_offline();
    for (away, covered) in [(minutes(59), false), (minutes(61), true)] {
        let mut rig = Rig::with_settings(settings);
        rig.feed(Event::HostChanged(HostState::Suspended));
        rig.freeze(away)
            .feed(Event::HostChanged(HostState::Focused));
        assert!(rig.is("Active"));
        assert_eq!(rig.state.cover(), covered);
        rig.answer(valid());
        assert!(rig.is("Active"));
        assert!(!rig.state.cover());
    }
}

/// Hazard D23.
#[test]
fn max_offline_makes_unverifiable_and_a_200_heals() {
    let mut rig = Rig::with_settings(an_hour_offline());
    rig.feed(Event::NetworkChanged(NetworkPath::Down));
    rig.advance(minutes(59));
    assert!(rig.is("Active"));
    rig.advance(minutes(2));
    assert!(rig.is("Unverifiable"));
    rig.feed(Event::NetworkChanged(NetworkPath::Up))
        .answer(valid());
    assert!(rig.is("Active"));
}

/// Hazards D23, B04.
#[test]
fn max_offline_that_passes_while_the_key_cannot_be_read_counts_afterwards() {
    let mut rig = Rig::with_settings(an_hour_offline());
    rig.feed(Event::NetworkChanged(NetworkPath::Down));
    rig.feed(Event::KeyUnreadable(KeyTrouble::Unavailable));
    rig.advance(minutes(61));
    assert!(rig.is("Locked"));
    rig.feed(Event::KeyReadable);
    assert!(rig.is("Active"));
    rig.advance(minutes(2));
    assert!(rig.is("Unverifiable"));
}

/// A computer that slept has no time of its own in which nobody answered. Hazard D23.
#[test]
fn a_process_that_slept_through_max_offline_is_covered_and_asked_about_first() {
    let mut rig = Rig::with_settings(an_hour_offline());
    rig.freeze(minutes(2 * 24 * 60)).at(Timer::MaxOffline);
    assert!(rig.is("Active"));
    assert!(rig.state.cover());
    assert_eq!(rig.question(), Some(Question::UserMe));
    rig.answer(valid());
    assert!(rig.is("Active") && !rig.state.cover());

    rig.freeze(minutes(2 * 24 * 60)).at(Timer::MaxOffline);
    rig.at(Timer::MaxOffline);
    assert!(rig.is("Unverifiable"), "nobody answered in time");
}

/// Hazard E17.
#[test]
fn strict_policy_covers_a_process_that_was_frozen_without_a_word() {
    let settings = strict();
    for (away, covered) in [(minutes(14), false), (minutes(16), true)] {
        let mut rig = Rig::with_settings(settings);
        rig.freeze(away).at(Timer::Heartbeat);
        assert_eq!(rig.state.cover(), covered);
        rig.answer(valid());
        assert!(!rig.state.cover());
    }
}

#[test]
fn a_wipe_whose_time_passed_in_sleep_asks_first() {
    let mut rig = Rig::well();
    rig.feed(Event::WipePush);
    rig.feed(Event::NetworkChanged(NetworkPath::Down));
    rig.answer(unknown(UnknownWhy::Transport));
    rig.freeze(minutes(60))
        .feed(Event::NetworkChanged(NetworkPath::Up))
        .at(Timer::Wipe);
    assert!(!rig.state.is_ending(), "not before the server was asked");
    assert_eq!(rig.question(), Some(Question::UserMe));
    rig.answer(valid());
    assert!(rig.due_in(Timer::Wipe).is_none() && rig.is("Active"));
}
