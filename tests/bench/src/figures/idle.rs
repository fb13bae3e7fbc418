//! A session is revoked while its user does nothing. The server does not say so; how long until the sign-in page?

use crate::by_hand::{ByHand, SESSION};
use crate::figure::{Baseline, Figure, Row, Samples};
use crate::world::{Phone, World, progress, random_part};
use futures_util::future::join_all;
use std::time::{Duration, Instant};
use steadfast::{Shows, policy};

const NAME: &str = "idle";
/// Devices that wait side by side: idle ones cost next to nothing, and a hundred waits in a row would take a quarter of an
/// hour.
const SIDE_BY_SIDE: usize = 25;

pub(super) async fn take(runs: usize) -> Figure {
    let users: Vec<_> = (0..SIDE_BY_SIDE.min(runs))
        .map(|number| format!("user-{number}"))
        .collect();
    let world = World::start(&users).await;
    let by_hand = ByHand::sign_in(&world).await;
    let mut one_request = Samples::default();
    let mut covered = Samples::default();
    let mut page = Samples::default();
    by_hand.get(SESSION).await;
    while page.len() < runs {
        let wanted = &users[..users.len().min(runs - page.len())];
        let mut phones = Vec::new();
        for user in wanted {
            phones.push(world.device(user).await);
        }
        world.age_sessions();
        let began = Instant::now();
        by_hand.get(SESSION).await;
        one_request.push(began.elapsed());
        let ends = wanted
            .iter()
            .zip(&phones)
            .map(|(user, phone)| end(&world, user, phone));
        for (to_cover, to_page) in join_all(ends).await {
            covered.push(to_cover);
            page.push(to_page);
        }
        for phone in phones {
            phone.core.close().await;
        }
        progress(NAME, page.len(), runs);
    }
    figure(&covered, &page, &one_request)
}

/// Waits for a random time within a heartbeat, revokes the session and watches.
async fn end(world: &World, user: &str, phone: &Phone) -> (Duration, Duration) {
    tokio::time::sleep(random_part(policy::HEARTBEAT_FOCUSED)).await;
    let began = Instant::now();
    world.revoke(user);
    let (covered, page) = tokio::join!(
        phone.until(|snapshot| matches!(snapshot.shows(), Shows::Cover(_))),
        phone.until(|snapshot| matches!(snapshot.shows(), Shows::SignIn(_))),
    );
    (covered - began, page - began)
}

fn figure(covered: &Samples, page: &Samples, one_request: &Samples) -> Figure {
    let heartbeat = policy::HEARTBEAT_FOCUSED;
    let (shortest, longest) = (*policy::SECOND_LOOK.start(), *policy::SECOND_LOOK.end());
    let request = one_request.median();
    Figure {
        name: NAME,
        title: "the session of an idle user is revoked at a random phase of the heartbeat"
            .to_owned(),
        rows: vec![
            Row::new("revoked → covered", covered).against(Baseline::calculated(
                "half a heartbeat + one request by hand",
                heartbeat / 2 + request,
            )),
            Row::new("revoked → sign-in page", page)
                .against(Baseline::calculated(
                    "half a heartbeat + middle of second_look + 3 requests by hand",
                    heartbeat / 2 + (shortest + longest) / 2 + request * 3,
                ))
                .aim("median ≤ 9 s, worst ≤ 16 s"),
        ],
        notes: vec![format!(
            "the policy's own bounds: from {} s (a heartbeat at once, the shortest second look) to {} s (a whole heartbeat, the longest)",
            shortest.as_secs(),
            (heartbeat + longest).as_secs()
        )],
    }
}
