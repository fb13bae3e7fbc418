//! Something else than the server has its address for a while, with its certificate: a peer of HTTP/2 alone, or of a TLS
//! that is too old. Nobody is signed out, the device goes on trying, and who wants to sign in is told what is wrong.

use steadfast::{Error, Link, Standing};
use steadfast_acceptance::{Options, Shown, World, cases};
use steadfast_faults::Speaks;
use steadfast_lab::device::message::Kind;

cases![
    http2_alone,
    http2_at_once,
    http2_in_reply,
    tls_1_0,
    an_alert_about_the_version,
];

const NOTHING_IN_COMMON: Error = Error::InsecureConnection {
    reason: "no common version or protocol",
};

/// How many waits for the next dial are watched; all but the first follow a dial that failed.
const WAITS: usize = 3;

/// The dials themselves fail faster than a host that is busy looks.
fn waits(links: &[Link]) -> usize {
    let is_wait = |link: &&Link| matches!(link, Link::Waiting { .. });
    links.iter().filter(is_wait).count()
}

async fn is_told_apart_and_survived(world: &World, language: Speaks, problem: Error) {
    let device = world
        .signed_in_with(Kind::IPhone, Options::meddling())
        .await;
    device.suspend().await;
    device.forget_shown().await;
    let seen = device.links().len();
    device.network.speak(language);
    device.open().await;
    device
        .until_links("dials that fail", |links| waits(&links[seen..]) >= WAITS)
        .await;
    let probed = device.core().probe_server(device.server()).await;
    assert_eq!(world.expect_error(probed), problem);
    let typed = world.bob.types(&device.server());
    let refused = world.expect_error(device.core().sign_in(typed).await);
    assert_ne!(refused.code(), "invalid_credentials");
    assert_eq!(device.shown(), [Shown::Content]);

    device.network.speak(Speaks::Http1);
    device.until_live().await;
    assert_eq!(device.verify().await, Standing::Active);
    assert_eq!(device.shown(), [Shown::Content]);
    assert!(device.told().is_empty());
}

/// Hazard A05.
async fn http2_alone(world: &World) {
    is_told_apart_and_survived(world, Speaks::OnlyHttp2, NOTHING_IN_COMMON).await;
}

/// Hazard A05.
async fn http2_at_once(world: &World) {
    is_told_apart_and_survived(world, Speaks::Http2AtOnce, Error::NotMattermost).await;
}

/// Hazard A05.
async fn http2_in_reply(world: &World) {
    is_told_apart_and_survived(world, Speaks::Http2InReply, Error::NotMattermost).await;
}

/// Hazard E05.
async fn tls_1_0(world: &World) {
    is_told_apart_and_survived(world, Speaks::Tls10, NOTHING_IN_COMMON).await;
}

/// Hazard E05.
async fn an_alert_about_the_version(world: &World) {
    is_told_apart_and_survived(world, Speaks::RefusesTls12, NOTHING_IN_COMMON).await;
}
