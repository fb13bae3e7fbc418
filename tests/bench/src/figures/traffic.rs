//! The app's own traffic: a request with the session, and a burst of realtime events.

use crate::by_hand::{self, ByHand, SESSION, Socket};
use crate::figure::{Baseline, Figure, Row, Samples};
use crate::world::{Phone, World, progress};
use std::time::{Duration, Instant};
use steadfast::{Method, Request};

const NAME: &str = "traffic";
/// Requests before the first that counts.
const WARM_UP: usize = 10;
/// Events of a burst: below what the server holds back for a socket before it gives the socket up.
const BURST: usize = 200;
const AUTHOR: &str = "author";

pub(super) async fn take(runs: usize) -> Figure {
    let users = ["alice", AUTHOR].map(str::to_owned);
    let world = World::start(&users).await;
    let by_hand = ByHand::sign_in(&world).await;
    let client = by_hand.client();
    let phone = world.device("alice").await;
    let mut request = Samples::default();
    let mut request_by_hand = Samples::default();
    for run in 0..runs * 5 + WARM_UP {
        let began = Instant::now();
        let answer = phone
            .core
            .request(phone.account, Request::new(Method::Get, SESSION))
            .await
            .expect("an answer");
        let took = began.elapsed();
        assert_eq!(answer.status, 200);
        let began = Instant::now();
        by_hand.ask(&client, SESSION).await;
        let bare = began.elapsed();
        if run >= WARM_UP {
            request.push(took);
            request_by_hand.push(bare);
        }
    }
    let mut events = Samples::default();
    let mut events_by_hand = Samples::default();
    let (mut socket, _) = by_hand.hello().await;
    let mut seen = phone
        .core
        .events(phone.account, 0)
        .await
        .expect("an open core")
        .last_seq;
    for run in 0..runs {
        // Both sockets get every event; who is timed reads, and the other one catches up afterwards.
        events.push(burst(&world, &phone, run * 2, &mut seen).await);
        drain(&mut socket, run * 2).await;
        events_by_hand.push(burst_by_hand(&world, &mut socket, run * 2 + 1).await);
        read_events(&phone, run * 2 + 1, &mut seen).await;
        progress(NAME, run + 1, runs);
    }
    Figure {
        name: NAME,
        title: "the app's own traffic, without a slowed network".to_owned(),
        rows: vec![
            Row::new("request → answer", &request)
                .against(Baseline::measured(
                    "reqwest, kept connection",
                    &request_by_hand,
                ))
                .aim("≤ 1.15 ×"),
            Row::new(
                &format!("{BURST} events, first posted → last taken"),
                &events,
            )
            .against(Baseline::measured(
                "tokio-tungstenite, JSON read",
                &events_by_hand,
            ))
            .aim("≤ 1.15 ×"),
        ],
        counts: Vec::new(),
        notes: Vec::new(),
    }
}

fn text(burst: usize, number: usize) -> String {
    format!("burst {burst} post {number} of {BURST}")
}

fn post(world: &World, burst: usize) {
    for number in 1..=BURST {
        world.server.control().post(AUTHOR, &text(burst, number));
    }
}

async fn burst(world: &World, phone: &Phone, number: usize, seen: &mut i64) -> Duration {
    let began = Instant::now();
    post(world, number);
    read_events(phone, number, seen).await;
    began.elapsed()
}

async fn read_events(phone: &Phone, burst: usize, seen: &mut i64) {
    let last = text(burst, BURST);
    loop {
        let batch = phone
            .core
            .events(phone.account, *seen)
            .await
            .expect("an open core");
        assert!(!batch.gap, "no event is lost");
        *seen = batch.last_seq;
        if batch.events.iter().any(|event| event.json.contains(&last)) {
            return;
        }
    }
}

async fn burst_by_hand(world: &World, socket: &mut Socket, number: usize) -> Duration {
    let began = Instant::now();
    post(world, number);
    drain(socket, number).await;
    began.elapsed()
}

async fn drain(socket: &mut Socket, burst: usize) {
    let last = text(burst, BURST);
    by_hand::read(socket, |message| {
        message["data"]["post"]
            .as_str()
            .is_some_and(|post| post.contains(&last))
    })
    .await;
}
