//! The server is away, in six ways. The device goes on dialling, always comes back by itself, and signs nobody out. How
//! often it dials in an hour is counted in virtual time, in `tests/simulation`.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use steadfast::{
    Link,
    server::{Resolve, ResolveError, SystemResolver, resolver::Resolving},
};
use steadfast_acceptance::{Device, Options, Shown, World, cases};
use steadfast_faults::{Answer, Presented};
use steadfast_lab::device::message::Kind;

cases![
    the_port_is_closed,
    every_connection_is_reset,
    the_name_is_not_resolved,
    nobody_answers,
    a_gateway_answers_502,
    somebody_else_has_the_address,
];

/// How many waits for the next dial are watched; all but the first follow a dial that failed.
const WAITS: usize = 3;

fn waits(links: &[Link]) -> usize {
    let is_wait = |link: &&Link| matches!(link, Link::Waiting { .. } | Link::Polling);
    links.iter().filter(is_wait).count()
}

/// The server goes away, is looked for in vain for a while, and comes back.
async fn away_and_back(device: &Device, away: impl FnOnce(), back: impl FnOnce()) {
    let seen = device.links().len();
    away();
    device
        .until_links("dials that fail", |links| waits(&links[seen..]) >= WAITS)
        .await;
    assert!(!device.shown().contains(&Shown::EXPIRED));
    back();
    device.until_live().await;
    device.verify().await;
    device.look_until(Shown::Content).await;
    assert!(!device.shown().contains(&Shown::EXPIRED));
    assert!(device.told().is_empty());
}

async fn connected(world: &World) -> Device {
    world
        .signed_in_with(Kind::Desktop, Options::meddling())
        .await
}

/// Q6.
async fn the_port_is_closed(world: &World) {
    let device = connected(world).await;
    let network = device.network.clone();
    let away = || {
        network.refuse(true).reset();
    };
    let back = || {
        network.refuse(false);
    };
    away_and_back(&device, away, back).await;
}

/// Something in front of the server takes each connection, and drops it.
///
/// Q6.
async fn every_connection_is_reset(world: &World) {
    let device = connected(world).await;
    let network = device.network.clone();
    let away = || {
        network.reset_new(true).reset();
    };
    let back = || {
        network.reset_new(false);
    };
    away_and_back(&device, away, back).await;
}

/// The system's resolver, until it finds nothing.
#[derive(Default)]
struct Flaky {
    system: SystemResolver,
    broken: AtomicBool,
    failed: AtomicUsize,
}

impl Resolve for Flaky {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolving<'a> {
        if self.broken.load(Ordering::Relaxed) {
            self.failed.fetch_add(1, Ordering::Relaxed);
            return Box::pin(async { Err(ResolveError) });
        }
        self.system.resolve(host, port)
    }
}

/// Q6. Hazard A06.
async fn the_name_is_not_resolved(world: &World) {
    let resolver = Arc::new(Flaky::default());
    let options = Options {
        resolver: Some(Arc::clone(&resolver) as Arc<dyn Resolve>),
        ..Options::meddling()
    };
    let device = world.device_with(Kind::Desktop, options).await;
    let by_name = device.server().replace("127.0.0.1", "localhost");
    let signed_in = device.core().sign_in(world.alice.types(&by_name)).await;
    signed_in.expect("signed in");
    device.until_live().await;
    world.sessions_grow_up();
    let network = device.network.clone();
    let away = || {
        resolver.broken.store(true, Ordering::Relaxed);
        network.reset();
    };
    let back = || resolver.broken.store(false, Ordering::Relaxed);
    away_and_back(&device, away, back).await;
    assert!(resolver.failed.load(Ordering::Relaxed) >= WAITS - 1);
}

/// Q6.
async fn nobody_answers(world: &World) {
    let device = connected(world).await;
    let network = device.network.clone();
    let away = || {
        network.freeze(true).reset();
    };
    let back = || {
        network.freeze(false).reset();
    };
    away_and_back(&device, away, back).await;
}

/// Q6. Hazard A10.
async fn a_gateway_answers_502(world: &World) {
    let device = connected(world).await;
    let network = device.network.clone();
    let away = || {
        let page = "<html><h1>502 Bad Gateway</h1></html>";
        network.answer(Answer::new(502).html(page)).reset();
    };
    let back = || {
        network.clear_answers();
    };
    away_and_back(&device, away, back).await;
}

/// Q6. Hazard A09.
async fn somebody_else_has_the_address(world: &World) {
    let device = connected(world).await;
    let network = device.network.clone();
    let away = || {
        network.present(Presented::Stranger).reset();
    };
    let back = || {
        network.present(Presented::Genuine).reset();
    };
    away_and_back(&device, away, back).await;
}
