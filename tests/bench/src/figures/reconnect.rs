//! The network was away and is back. How long until the socket is live?

use crate::by_hand::ByHand;
use crate::figure::{Baseline, Figure, Row, Samples};
use crate::world::{BY_HAND, Phone, World, progress};
use std::time::{Duration, Instant};
use steadfast::{Link, NetworkPath, policy};
use steadfast_testserver::SocketInfo;

const NAME: &str = "reconnect";
const ROUND_TRIP: Duration = Duration::from_millis(50);

/// What became of the old connection while the network was away.
#[derive(Clone, Copy)]
enum OldConnection {
    /// The server does not know that it is dead, so it greets the new one with a hello.
    Vanished,
    /// The server heard of its end, so the new one takes it up: without a hello, a ping's reply is the sign.
    Ended,
}

impl OldConnection {
    /// Whose it is. A vanished connection stays with its user, as the server sees it, until the server's own patience ends.
    fn user(self) -> &'static str {
        match self {
            Self::Vanished => "alice",
            Self::Ended => "bob",
        }
    }
}

#[derive(Default)]
struct Taken {
    live: Samples,
    waited: Samples,
    dialled: Samples,
    by_hand: Samples,
}

pub(super) async fn take(runs: usize) -> Figure {
    let users = [OldConnection::Vanished, OldConnection::Ended].map(|old| old.user().to_owned());
    let world = World::start(&users).await;
    let by_hand = ByHand::sign_in(&world).await;
    // Another device keeps the users online: else a connection that is taken up brings the change of status that it missed,
    // and nobody has to wait for a ping's reply.
    let mut others = Vec::new();
    for user in [OldConnection::Ended.user(), BY_HAND] {
        let other = ByHand::sign_in_as(user, world.server_addr(), &world).await;
        others.push(other.hello().await);
    }
    by_hand.hello().await;
    let mut vanished = Taken::default();
    let mut ended = Taken::default();
    for run in 0..runs {
        for (old, taken) in [
            (OldConnection::Vanished, &mut vanished),
            (OldConnection::Ended, &mut ended),
        ] {
            // A device of its own for each: the core dials no more than ten times a minute.
            let phone = world.device(old.user()).await;
            world.round_trip(ROUND_TRIP);
            taken
                .by_hand
                .push(dial_by_hand(&world, &by_hand, old).await);
            come_back(&world, &phone, old, taken).await;
            world.round_trip(Duration::ZERO);
            phone.core.close().await;
        }
        progress(NAME, run + 1, runs);
    }
    Figure {
        name: NAME,
        title: format!(
            "the network comes back, round trip {} ms",
            ROUND_TRIP.as_millis()
        ),
        rows: [
            rows(
                "a new connection",
                "dial + TLS + upgrade + hello by hand",
                &vanished,
            ),
            rows(
                "the old one taken up",
                "dial + TLS + upgrade + reply to a ping by hand",
                &ended,
            ),
        ]
        .concat(),
        counts: Vec::new(),
        notes: vec![format!(
            "before a dial the policy waits for up to {} ms, so that a fleet does not move in step; the first row of three has that wait in it",
            policy::DIAL_NOW_JITTER.as_millis()
        )],
    }
}

async fn dial_by_hand(world: &World, by_hand: &ByHand, old: OldConnection) -> Duration {
    match old {
        OldConnection::Vanished => {
            let began = Instant::now();
            let _socket = by_hand.hello().await;
            began.elapsed()
        }
        OldConnection::Ended => {
            let (socket, id) = by_hand.hello().await;
            drop(socket);
            // A connection can be taken up once the server knows that it was left.
            world
                .server
                .control()
                .wait_for_sockets(|open| open.iter().all(|socket| socket.connection_id != id))
                .await;
            let began = Instant::now();
            let _socket = by_hand.take_up(&id).await;
            began.elapsed()
        }
    }
}

async fn come_back(world: &World, phone: &Phone, old: OldConnection, taken: &mut Taken) {
    let network = world.network();
    match old {
        OldConnection::Vanished => {
            network.cut();
        }
        OldConnection::Ended => {
            network.refuse(true).reset();
            world
                .server
                .control()
                .wait_for_sockets(|open| {
                    let of_user = |socket: &&SocketInfo| socket.user.as_deref() == Some(old.user());
                    open.iter().filter(of_user).count() == 1
                })
                .await;
        }
    }
    phone
        .core
        .network_changed(NetworkPath::Down, None)
        .expect("an open core");
    phone.until(|snapshot| snapshot.link == Link::Offline).await;
    network.restore();
    let began = Instant::now();
    phone
        .core
        .network_changed(NetworkPath::Up, None)
        .expect("an open core");
    let (dialled, live) = tokio::join!(
        phone.until(|snapshot| matches!(snapshot.link, Link::Connecting | Link::Live)),
        phone.until(|snapshot| snapshot.link == Link::Live),
    );
    taken.live.push(live - began);
    taken.waited.push(dialled - began);
    taken.dialled.push(live - dialled);
}

fn rows(which: &str, by_hand: &str, taken: &Taken) -> Vec<Row> {
    let baseline = || Baseline::measured(by_hand, &taken.by_hand);
    vec![
        Row::new(
            &format!("{which}: network back → live, jitter included"),
            &taken.live,
        )
        .against(baseline()),
        Row::new(&format!("{which}: network back → dial"), &taken.waited).against(
            Baseline::calculated("middle of the jitter", policy::DIAL_NOW_JITTER / 2),
        ),
        Row::new(&format!("{which}: dial → live"), &taken.dialled)
            .against(baseline())
            .aim("≤ 1.2 ×"),
    ]
}
