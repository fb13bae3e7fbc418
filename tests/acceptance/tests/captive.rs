//! Something in between answers in the server's place: a captive portal, a proxy that wants a login, a block page. Whatever
//! it says, nobody is signed out, and the account comes back by itself.

use std::time::{Duration, Instant};

use steadfast::{Link, NetworkPath, Standing};
use steadfast_acceptance::{Device, Options, Shown, World, cases};
use steadfast_faults::{Answer, Portal};
use steadfast_lab::device::message::Kind;

cases![
    a_page_with_status_200,
    a_redirect,
    a_page_with_status_401,
    a_401_that_lacks_the_servers_headers,
    a_proxy_that_wants_a_login,
    network_authentication_required,
    a_certificate_of_somebody_else,
    a_refused_sign_in_is_not_a_wrong_password,
    a_portal_that_redirects_is_named_and_goes_by_itself,
    a_portal_with_status_511_is_named_and_goes_by_itself,
    a_portal_with_a_page_is_named_and_goes_by_itself,
    a_portal_that_the_system_says_is_passed_is_behind_in_seconds,
];

/// Once the system has said that a portal is passed, the socket is up in a second or two; the rest is allowance for a busy
/// machine.
const IN_SECONDS: Duration = Duration::from_secs(2 + 8);

/// How the way to the server is to be shown. What cannot be told from a server in trouble is not called a portal.
#[derive(Clone, Copy)]
enum Named {
    Portal,
    Waiting,
}

impl Named {
    fn is(self, link: Link) -> bool {
        match self {
            Self::Portal => link == Link::Portal,
            Self::Waiting => matches!(link, Link::Waiting { .. }),
        }
    }
}

/// Waits until the way is shown as that; since it had shown so many it was nothing better, and never the other.
async fn is_shown(device: &Device, seen: usize, named: Named) {
    let links = device
        .until_links("the name of the way", |links| {
            links[seen..].iter().any(|link| named.is(*link))
        })
        .await;
    let wrong = |link: &&Link| match named {
        Named::Portal => **link == Link::Live,
        Named::Waiting => matches!(link, Link::Live | Link::Portal | Link::Offline),
    };
    let wrong = links[seen..].iter().find(wrong);
    assert_eq!(wrong, None, "{links:?}");
}

async fn stays_signed_in_behind(world: &World, answer: Answer, named: Named) {
    let device = world
        .signed_in_with(Kind::IPhone, Options::meddling())
        .await;
    device.suspend().await;
    device.network.answer(answer);
    device.network.reset();
    device
        .until_links("paused", |links| links.last() == Some(&Link::Paused))
        .await;
    let seen = device.links().len();
    device.open().await;
    is_shown(&device, seen, named).await;
    for _ in 0..3 {
        let asked = device
            .core()
            .verify(device.account(), Duration::from_secs(10));
        let standing = asked.await.expect("asked");
        assert_ne!(standing, Standing::Ended);
    }
    assert!(!matches!(device.shows(), Shown::SignIn(_)));
    device.network.clear();
    device.open().await;
    device.verify().await;
    device.look_until(Shown::Content).await;
    device.until_live().await;
    assert!(device.told().is_empty(), "{:?}", device.told());
}

/// Hazard A08. Q5.
async fn a_page_with_status_200(world: &World) {
    stays_signed_in_behind(world, Answer::portal(Portal::Page), Named::Portal).await;
}

/// Hazards A08, A17. Q5.
async fn a_redirect(world: &World) {
    stays_signed_in_behind(world, Answer::portal(Portal::Redirect), Named::Portal).await;
}

/// A 401 may be a server's own gateway as well, so it is shown as a way that is tried again.
///
/// Hazard A10. Q4, Q5.
async fn a_page_with_status_401(world: &World) {
    stays_signed_in_behind(world, Answer::portal(Portal::Unauthorized), Named::Waiting).await;
}

/// Hazard A11. Q4.
async fn a_401_that_lacks_the_servers_headers(world: &World) {
    let error = Answer::error(401, "api.context.session_expired.app_error");
    stays_signed_in_behind(world, error, Named::Waiting).await;
}

/// Hazard A11. Q4.
async fn a_proxy_that_wants_a_login(world: &World) {
    let error = Answer::error(401, "api.context.session_expired.app_error")
        .mattermost_headers()
        .header("www-authenticate", "Basic realm=\"proxy\"");
    stays_signed_in_behind(world, error, Named::Waiting).await;
}

/// Hazard A08. Q5.
async fn network_authentication_required(world: &World) {
    let answer = Answer::portal(Portal::NetworkAuthenticationRequired);
    stays_signed_in_behind(world, answer, Named::Portal).await;
}

/// What the stranger would answer cannot be read over a connection that nobody trusts; so it must be seen that the core dials,
/// gives up, and asks the stranger nothing: a request would carry the token.
///
/// Hazard A09. Q5.
async fn a_certificate_of_somebody_else(world: &World) {
    let device = world
        .signed_in_with(Kind::Android, Options::meddling())
        .await;
    device.suspend().await;
    device
        .network
        .present(steadfast_faults::Presented::Stranger)
        .answer(Answer::error(401, "api.context.session_expired.app_error").mattermost_headers())
        .reset();
    device
        .until_links("paused", |links| links.last() == Some(&Link::Paused))
        .await;
    let seen = device.links().len();
    let (dialled, heard) = (device.network.accepted(), device.network.requests().len());
    device.open().await;
    let asked = device
        .core()
        .verify(device.account(), Duration::from_secs(10));
    assert_ne!(asked.await, Ok(Standing::Ended));
    assert_eq!(device.shows(), Shown::Content);
    device.network.wait_for_connection(dialled + 1).await;
    is_shown(&device, seen, Named::Waiting).await;
    let told = device.network.requests().split_off(heard);
    assert!(told.is_empty(), "the stranger was asked: {told:?}");
    device.network.clear();
    device.open().await;
    device.verify().await;
    assert_eq!(device.shows(), Shown::Content);
    assert!(device.told().is_empty());
}

/// Hazard A10.
async fn a_refused_sign_in_is_not_a_wrong_password(world: &World) {
    let device = world.device_with(Kind::Desktop, Options::meddling()).await;
    device.network.answer(Answer::portal(Portal::Unauthorized));
    let refused = device
        .core()
        .sign_in(world.alice.types(&device.server()))
        .await;
    let error = world.expect_error(refused);
    assert_ne!(error.code(), "invalid_credentials");
}

/// Signed in, resumed behind a portal, and told so.
async fn behind(world: &World, portal: Portal) -> Device {
    let device = world
        .signed_in_with(Kind::IPhone, Options::meddling())
        .await;
    device.suspend().await;
    device.network.answer(Answer::portal(portal)).reset();
    device.open().await;
    device
        .until("a portal in the way", |snapshot| {
            snapshot.link == Link::Portal
        })
        .await;
    assert_eq!(device.shows(), Shown::Content);
    device
}

async fn behind_it(device: &Device) {
    device.until_live().await;
    let shown = device.shown();
    assert_eq!(shown.last(), Some(&Shown::Content));
    assert!(!shown.contains(&Shown::EXPIRED), "{shown:?}");
    assert!(device.told().is_empty(), "{:?}", device.told());
}

/// The user accepts the terms. The system says nothing of it, and nobody asks.
async fn goes_by_itself(world: &World, portal: Portal) {
    let device = behind(world, portal).await;
    device.network.clear_answers();
    behind_it(&device).await;
}

/// Hazard A08.
async fn a_portal_that_redirects_is_named_and_goes_by_itself(world: &World) {
    goes_by_itself(world, Portal::Redirect).await;
}

/// Hazard A08.
async fn a_portal_with_status_511_is_named_and_goes_by_itself(world: &World) {
    goes_by_itself(world, Portal::NetworkAuthenticationRequired).await;
}

/// Hazard A08.
async fn a_portal_with_a_page_is_named_and_goes_by_itself(world: &World) {
    goes_by_itself(world, Portal::Page).await;
}

/// Hazard A08. Q5.
async fn a_portal_that_the_system_says_is_passed_is_behind_in_seconds(world: &World) {
    for portal in [
        Portal::Redirect,
        Portal::NetworkAuthenticationRequired,
        Portal::Page,
    ] {
        let device = behind(world, portal).await;
        device.network.clear_answers();
        let passed = Instant::now();
        device.say_network(NetworkPath::Up);
        behind_it(&device).await;
        let waited = passed.elapsed();
        println!("{portal:?}: behind after {waited:?}");
        assert!(waited <= IN_SECONDS, "{portal:?}: {waited:?}");
        device
            .core()
            .sign_out(device.account())
            .await
            .expect("signed out");
    }
}
