//! A session is revoked while the app is suspended; the app comes back. How long is content visible, and when is the
//! sign-in page up?

use crate::by_hand::{ByHand, HEALTH, HEALTH_PATH, SESSION};
use crate::figure::{Baseline, Figure, Row, Samples};
use crate::world::{Phone, World, progress};
use std::time::{Duration, Instant};
use steadfast::{HostState, Shows, policy};

const NAME: &str = "resume";
const USER: &str = "alice";
const ROUND_TRIP: Duration = Duration::from_millis(50);

#[derive(Default)]
struct Taken {
    covered: Samples,
    page: Samples,
    answered: Samples,
    one_request: Samples,
    health_to_session: Samples,
}

pub(super) async fn take(runs: usize) -> Figure {
    let world = World::start(&[USER.to_owned()]).await;
    let by_hand = ByHand::sign_in(&world).await;
    warm_up(&by_hand).await;
    let mut taken = Taken::default();
    for run in 0..runs {
        let phone = world.device(USER).await;
        world.age_sessions();
        world.round_trip(ROUND_TRIP);
        look_by_hand(&world, &by_hand, &mut taken).await;
        look_with_the_core(&world, &phone, &mut taken).await;
        world.round_trip(Duration::ZERO);
        phone.core.close().await;
        progress(NAME, run + 1, runs);
    }
    figure(&taken)
}

async fn warm_up(by_hand: &ByHand) {
    by_hand.get(SESSION).await;
    by_hand.get(HEALTH).await;
}

async fn look_by_hand(world: &World, by_hand: &ByHand, taken: &mut Taken) {
    let began = Instant::now();
    by_hand.get(SESSION).await;
    taken.one_request.push(began.elapsed());

    let first = world.server.control().request_count();
    let both = async {
        by_hand.get(HEALTH).await;
        by_hand.get(SESSION).await;
        Instant::now()
    };
    let (asked, answered) = tokio::join!(health_asked(world, first), both);
    taken.health_to_session.push(answered - asked);
}

async fn look_with_the_core(world: &World, phone: &Phone, taken: &mut Taken) {
    phone
        .core
        .host_state(HostState::Suspended)
        .await
        .expect("a suspension");
    world.revoke(USER);
    let first = world.server.control().request_count();
    let began = Instant::now();
    let (resumed, covered, asked, page) = tokio::join!(
        phone.core.host_state(HostState::Focused),
        phone.until(|snapshot| matches!(snapshot.shows(), Shows::Cover(_))),
        health_asked(world, first),
        phone.until(|snapshot| matches!(snapshot.shows(), Shows::SignIn(_))),
    );
    resumed.expect("a resume");
    taken.covered.push(covered - began);
    taken.page.push(page - began);
    taken.answered.push(page - asked);
}

/// When the server was asked for its health.
async fn health_asked(world: &World, first: usize) -> Instant {
    let control = world.server.control();
    control
        .wait_from(first, |request| request.path == HEALTH_PATH)
        .await;
    Instant::now()
}

fn figure(taken: &Taken) -> Figure {
    let one_request = taken.one_request.median();
    let second_look = (*policy::SECOND_LOOK.start() + *policy::SECOND_LOOK.end()) / 2;
    Figure {
        name: NAME,
        title: format!(
            "the session is revoked while the app is suspended, round trip {} ms",
            ROUND_TRIP.as_millis()
        ),
        rows: vec![
            Row::new("resume → covered", &taken.covered).against(Baseline::measured(
                "dial + TLS + GET by hand",
                &taken.one_request,
            )),
            Row::new("resume → sign-in page", &taken.page).against(Baseline::calculated(
                "middle of second_look + 3 × dial + TLS + GET by hand",
                second_look + one_request * 3,
            )),
            Row::new(
                "health query at the server → sign-in page",
                &taken.answered,
            )
            .against(Baseline::measured(
                "the same two requests by hand",
                &taken.health_to_session,
            )),
        ],
        counts: Vec::new(),
        notes: vec![
            format!(
                "second_look is drawn from {} to {} s and is part of the second row's times, not of the first's or third's",
                policy::SECOND_LOOK.start().as_secs(),
                policy::SECOND_LOOK.end().as_secs()
            ),
            "every request of a verdict uses a connection of its own: TCP, TLS and request take a round trip each"
                .to_owned(),
        ],
    }
}
