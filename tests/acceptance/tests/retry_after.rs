//! The server asks to be left alone for a while. It is, and nobody is signed out.

use std::time::Duration;

use steadfast::{Link, Standing};
use steadfast_acceptance::{Options, Shown, World, cases};
use steadfast_faults::{Answer, Match};
use steadfast_lab::device::message::Kind;

cases![
    a_socket_that_is_turned_away_waits_as_long_as_it_was_asked_to,
    a_network_change_does_not_shorten_what_the_server_asked_for,
    a_sign_in_that_is_turned_away_says_for_how_long,
    a_limit_on_the_validation_of_a_good_session_ends_nothing,
    a_limit_on_the_validation_of_a_revoked_session_puts_the_end_off,
    a_block_page_at_the_validation_of_a_good_session_ends_nothing,
    a_block_page_at_the_validation_of_a_revoked_session_puts_the_end_off,
];

const ASKED: Duration = Duration::from_secs(8);

/// More than the first waits of the pace can be, and short enough to be waited for thrice.
const ASKED_OF_VALIDATIONS: Duration = Duration::from_secs(5);

fn limited_for(wait: Duration) -> Answer {
    Answer::new(429)
        .body("text/plain; charset=utf-8", "limit exceeded\n")
        .header("retry-after", &wait.as_secs().to_string())
}

fn limited() -> Answer {
    limited_for(ASKED)
}

async fn turned_away(world: &World, change_network: bool) {
    let device = world
        .signed_in_with(Kind::IPhone, Options::meddling())
        .await;
    let before = device.network.report().requests.len() as u64;
    let once = limited()
        .on(Match::when(|request| request.upgrade))
        .times(1);
    device.network.answer(once).reset();
    let seen = device
        .network
        .wait_for_request(|request| request.upgrade && request.number > before);
    let first = device.patiently("an upgrade", seen).await;
    device
        .until("waiting", |snapshot| {
            matches!(snapshot.link, Link::Waiting { .. })
        })
        .await;
    if change_network {
        device.airplane_off();
    }
    let again = device
        .network
        .wait_for_request(|request| request.upgrade && request.number > first.number);
    let second = device.patiently("another upgrade", again).await;
    let waited = second.at.duration_since(first.at);
    assert!(waited >= ASKED, "{waited:?}");
    device.until_live().await;
    assert!(!device.shown().contains(&Shown::EXPIRED));
    assert!(device.told().is_empty());
}

/// Hazard A12.
async fn a_socket_that_is_turned_away_waits_as_long_as_it_was_asked_to(world: &World) {
    turned_away(world, false).await;
}

async fn a_network_change_does_not_shorten_what_the_server_asked_for(world: &World) {
    turned_away(world, true).await;
}

async fn a_sign_in_that_is_turned_away_says_for_how_long(world: &World) {
    let device = world.device_with(Kind::Android, Options::meddling()).await;
    device
        .network
        .answer(limited().on(Match::path("/api/v4/users/login")));
    let refused = device
        .core()
        .sign_in(world.alice.types(&device.server()))
        .await;
    let error = world.expect_error(refused);
    assert_eq!(error.code(), "rate_limited");
    assert!(error.is_retryable());
    device.network.clear_answers();
    device.sign_in_and_connect(&world.alice).await;
}

const VALIDATION: &str = "/api/v4/users/me";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Session {
    Good,
    Revoked,
}

/// Two validations meet this answer, the third gets through. Before that there is no verdict, and the questions keep the
/// distance that was asked for, if one was; after it the truth is told.
async fn validation_meets(
    world: &World,
    answer: Answer,
    asked_for: Option<Duration>,
    session: Session,
) {
    let device = world
        .signed_in_with(Kind::IPhone, Options::meddling())
        .await;
    let before = device.network.report().requests.len() as u64;
    device
        .network
        .answer(answer.on(Match::path(VALIDATION)).times(2));
    if session == Session::Revoked {
        world.revoke(&world.alice);
    }
    let asked = device
        .core()
        .verify(device.account(), Duration::from_secs(1));
    assert_eq!(asked.await, Ok(Standing::Active));

    let mut questions = Vec::new();
    let mut after = before;
    for blocked in [true, true, false] {
        let next = device
            .network
            .wait_for_request(|request| request.path == VALIDATION && request.number > after);
        let question = device.patiently("a validation", next).await;
        if blocked {
            assert_eq!(device.snapshot().standing, Standing::Active);
            assert_eq!(device.shows(), Shown::Content);
        }
        after = question.number;
        questions.push(question);
    }
    for pair in questions.windows(2) {
        let waited = pair[1].at.duration_since(pair[0].at);
        println!("asked again after {waited:?}");
        assert!(asked_for.is_none_or(|apart| waited >= apart), "{waited:?}");
    }
    match session {
        Session::Good => {
            assert_eq!(device.verify().await, Standing::Active);
            assert_eq!(device.shows(), Shown::Content);
            assert!(device.told().is_empty());
        }
        Session::Revoked => {
            device.until_expired().await;
            assert_eq!(device.until_told(1).await.len(), 1);
        }
    }
}

async fn limited_validation(world: &World, session: Session) {
    let answer = limited_for(ASKED_OF_VALIDATIONS);
    validation_meets(world, answer, Some(ASKED_OF_VALIDATIONS), session).await;
}

async fn blocked_validation(world: &World, session: Session) {
    let answer = Answer::new(403).html("<html><body>Access denied by policy.</body></html>");
    validation_meets(world, answer, None, session).await;
}

/// Hazards D21, A12.
async fn a_limit_on_the_validation_of_a_good_session_ends_nothing(world: &World) {
    limited_validation(world, Session::Good).await;
}

/// Hazards D21, A12.
async fn a_limit_on_the_validation_of_a_revoked_session_puts_the_end_off(world: &World) {
    limited_validation(world, Session::Revoked).await;
}

/// Hazards D21, A10.
async fn a_block_page_at_the_validation_of_a_good_session_ends_nothing(world: &World) {
    blocked_validation(world, Session::Good).await;
}

/// Hazards D21, A10.
async fn a_block_page_at_the_validation_of_a_revoked_session_puts_the_end_off(world: &World) {
    blocked_validation(world, Session::Revoked).await;
}
