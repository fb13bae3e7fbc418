//! A session is revoked while its user does nothing. The server does not say so; how long until the sign-in page?

use crate::by_hand::{ByHand, SESSION};
use crate::figure::{Baseline, Figure, Row, Samples};
use crate::world::{World, progress, random_part};
use futures_util::future::join_all;
use std::time::{Duration, Instant};
use steadfast::{Shows, policy};

const NAME: &str = "idle";
/// Devices that wait side by side: idle ones cost next to nothing, and a hundred waits in a row would take a quarter of an
/// hour.
const SIDE_BY_SIDE: usize = 25;
/// How long the server waits before it looks whether a new socket is authenticated; it does so once
/// (`authTicker` in `server/channels/app/platform/web_conn.go` of mattermost/mattermost).
const SERVER_LOOKS_AFTER: Duration = Duration::from_secs(5);

/// How old the socket is when its session is revoked.
#[derive(Clone, Copy)]
enum Socket {
    /// The server has looked at it and never will again: it falls silent.
    Old,
    /// The server is still to look at it, and will drop it when it does.
    Young,
}

#[derive(Default)]
struct Taken {
    covered: Samples,
    page: Samples,
}

pub(super) async fn take(runs: usize) -> Figure {
    let abreast = SIDE_BY_SIDE.min(runs);
    let names = |kind: &str| -> Vec<String> {
        (0..abreast)
            .map(|number| format!("{kind}-{number}"))
            .collect()
    };
    let (old_users, young_users) = (names("old"), names("young"));
    let world = World::start(&[old_users.clone(), young_users.clone()].concat()).await;
    let by_hand = ByHand::sign_in(&world).await;
    let mut one_request = Samples::default();
    by_hand.get(SESSION).await;
    for _ in 0..runs {
        let began = Instant::now();
        by_hand.get(SESSION).await;
        one_request.push(began.elapsed());
    }
    let mut old = Taken::default();
    let mut young = Taken::default();
    while old.page.len() < runs {
        let wanted = &old_users[..abreast.min(runs - old.page.len())];
        if young.page.is_empty() {
            tokio::join!(
                wave(&world, wanted, Socket::Old, &mut old),
                wave(&world, &young_users, Socket::Young, &mut young),
            );
        } else {
            wave(&world, wanted, Socket::Old, &mut old).await;
        }
        progress(NAME, old.page.len(), runs);
    }
    figure(&old, &young, &one_request)
}

async fn wave(world: &World, users: &[String], socket: Socket, taken: &mut Taken) {
    let ends = join_all(users.iter().map(|user| end(world, user, socket))).await;
    for (covered, page) in ends {
        taken.covered.push(covered);
        taken.page.push(page);
    }
}

/// Signs in, waits for a random time, revokes the session and watches.
async fn end(world: &World, user: &str, socket: Socket) -> (Duration, Duration) {
    let phone = world.device(user).await;
    world.age_sessions();
    let wait = match socket {
        Socket::Old => policy::DROPPED_RIGHT_AFTER_HELLO + random_part(policy::HEARTBEAT_FOCUSED),
        Socket::Young => random_part(SERVER_LOOKS_AFTER),
    };
    tokio::time::sleep(wait).await;
    let began = Instant::now();
    world.revoke(user);
    let (covered, page) = tokio::join!(
        phone.until(|snapshot| matches!(snapshot.shows(), Shows::Cover(_))),
        phone.until(|snapshot| matches!(snapshot.shows(), Shows::SignIn(_))),
    );
    phone.core.close().await;
    (covered - began, page - began)
}

fn figure(old: &Taken, young: &Taken, one_request: &Samples) -> Figure {
    let heartbeat = policy::HEARTBEAT_FOCUSED;
    let (shortest, longest) = (*policy::SECOND_LOOK.start(), *policy::SECOND_LOOK.end());
    let second_look = (shortest + longest) / 2;
    let request = one_request.median();
    Figure {
        name: NAME,
        title: "the session of an idle user is revoked at a random phase of the heartbeat"
            .to_owned(),
        rows: vec![
            Row::new("revoked → covered", &old.covered).against(Baseline::calculated(
                "half a heartbeat + one request by hand",
                heartbeat / 2 + request,
            )),
            Row::new("revoked → sign-in page", &old.page)
                .against(Baseline::calculated(
                    "half a heartbeat + middle of second_look + 3 requests by hand",
                    heartbeat / 2 + second_look + request * 3,
                ))
                .aim("median ≤ 9 s, worst ≤ 16 s"),
            Row::new("socket under 5 s old: revoked → covered", &young.covered).against(
                Baseline::calculated(
                    "half of the server's 5 s + one request by hand",
                    SERVER_LOOKS_AFTER / 2 + request,
                ),
            ),
            Row::new("socket under 5 s old: revoked → sign-in page", &young.page)
                .against(Baseline::calculated(
                    "half of the server's 5 s + middle of second_look + 3 requests by hand",
                    SERVER_LOOKS_AFTER / 2 + second_look + request * 3,
                ))
                .aim("median ≤ 9 s, worst ≤ 16 s"),
        ],
        counts: Vec::new(),
        notes: vec![
            format!(
                "the policy's own bounds for an old socket: from {} s (a heartbeat at once, the shortest second look) to {} s (a whole heartbeat, the longest)",
                shortest.as_secs(),
                (heartbeat + longest).as_secs()
            ),
            "a socket whose session is revoked in its first 5 s is dropped by the server at its fifth second"
                .to_owned(),
        ],
    }
}
