//! The server's own rate limits, in each of their layers: whoever meets one is told for how long, waits as long, and is neither
//! doubted nor signed out.

use std::time::Duration;

use futures_util::future::join_all;
use steadfast::{Error, Link, Method, Request, Response, Standing};
use steadfast_acceptance::{Device, Options, Shown, User, World, cases};
use steadfast_faults::SeenRequest;
use steadfast_lab::device::message::Kind;

cases![
    the_limit_of_the_whole_server,
    the_limit_of_a_user_over_all_sessions,
    the_limit_of_sign_ins,
];

/// Requests that are made in advance of a limit of one per second: so many seconds it takes to make up for them, in which
/// everything that is to meet the limit has to happen, on a busy machine too.
const IN_ADVANCE: u32 = 16;

/// Forms that are sent at once: more than the server lets through of them.
const FORMS: usize = 30;

/// An app's own request.
async fn ask(device: &Device) -> Response {
    let own = Request::new(Method::Get, "/api/v4/users/me/teams");
    device.request(own).await.expect("an answer")
}

/// From here on the server takes a request per second and a few more, and has been asked far too much by this device.
async fn overdrawn(world: &World, device: &Device, burst: u32) {
    world.control().settings(|settings| {
        settings.rate_limit_per_second = 1;
        settings.rate_limit_burst = 1_000;
    });
    let in_advance = (0..IN_ADVANCE).map(|_| ask(device));
    for answer in join_all(in_advance).await {
        assert_eq!(answer.status, 200);
    }
    world
        .control()
        .settings(|settings| settings.rate_limit_burst = burst);
}

fn lifted(world: &World) {
    world
        .control()
        .settings(|settings| settings.rate_limit_per_second = 0);
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    let found = response
        .headers
        .iter()
        .find(|(header, _)| header.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

/// What a refusal says that one should wait.
fn asked_for(response: &Response) -> Duration {
    assert_eq!(response.status, 429);
    let seconds = header(response, "retry-after").expect("Retry-After");
    Duration::from_secs(seconds.parse().expect("seconds"))
}

fn expect_wait(error: &Error) {
    let Error::RateLimited { retry_after } = *error else {
        panic!("{error:?}");
    };
    assert_eq!(error.code(), "rate_limited");
    assert!(error.is_retryable());
    let longest = Duration::from_secs(u64::from(IN_ADVANCE) + 1);
    assert!((Duration::from_secs(1)..=longest).contains(&retry_after));
}

fn nothing_doubted(world: &World, device: &Device) {
    assert_eq!(device.shown(), [Shown::Content]);
    assert!(device.told().is_empty(), "{:?}", device.told());
    let user = device.snapshot().username;
    assert!(!world.control().sessions(&user).is_empty());
}

/// Takes the device's socket away until an upgrade has met the limit, and gives that upgrade. It takes more than one try if the
/// socket was taken at its fifth second, which has the device ask about its session first, or if this machine is so busy that
/// the limit was made up for before the upgrade was sent.
async fn refused_upgrade(world: &World, device: &Device) -> SeenRequest {
    // What the device asks by itself after a sign-in is answered by then.
    assert_eq!(device.verify().await, Standing::Active);
    loop {
        device.until_live().await;
        overdrawn(world, device, 0).await;
        let before = device.network.requests().len() as u64;
        let from = world.control().request_count();
        device.network.reset();
        device
            .until("waiting", |snapshot| {
                matches!(snapshot.link, Link::Waiting { .. })
            })
            .await;
        // Somebody who comes back to look does not wait until the server's fleet is back.
        device.leave().await;
        device.open().await;
        let answered = world.control().wait_from(from, |record| {
            record.path.ends_with("/websocket") && record.status.is_some()
        });
        let answered = device.patiently("an upgrade", answered).await;
        if answered.status == Some(429) {
            let seen = device
                .network
                .wait_for_request(|seen| seen.upgrade && seen.number > before);
            return seen.await;
        }
    }
}

/// It is refused before Mattermost sees it: no header of Mattermost's.
///
/// Hazards A12, D21.
async fn the_limit_of_the_whole_server(world: &World) {
    let device = world
        .signed_in_with(Kind::IPhone, Options::meddling())
        .await;
    let other = world.device(Kind::Android).await;
    device.forget_shown().await;
    let first = refused_upgrade(world, &device).await;

    // The app gets the answer as it came. What the socket was told before it can only have been longer.
    let refusal = ask(&device).await;
    assert_eq!(header(&refusal, "x-request-id"), None);
    let asked = asked_for(&refusal);
    let from = world.control().request_count();
    assert_eq!(device.verify().await, Standing::Active);
    let about_the_session = world.control().wait_from(from, |record| {
        record.path == "/api/v4/users/me" && record.status == Some(429)
    });
    device.patiently("a refused look", about_the_session).await;
    let sessions = device.core().active_sessions(device.account()).await;
    expect_wait(&world.expect_error(sessions));
    let form = world.bob.types(&other.server());
    expect_wait(&world.expect_error(other.core().sign_in(form).await));

    // Nobody else asks in the meantime, and even so the device keeps to what it was asked.
    lifted(world);
    let again = device
        .network
        .wait_for_request(|seen| seen.upgrade && seen.number > first.number);
    let second = device.patiently("another upgrade", again).await;
    let waited = second.at.duration_since(first.at);
    assert!(waited >= asked, "{waited:?} of {asked:?}");
    device.until_live().await;
    let upgrades = device.network.requests();
    let upgrades = upgrades
        .iter()
        .filter(|seen| seen.upgrade && seen.number >= first.number);
    assert_eq!(upgrades.count(), 2, "a storm");
    assert_eq!(device.verify().await, Standing::Active);
    nothing_doubted(world, &device);
}

/// One of the user's devices asks too much, and another one is refused for it, by Mattermost itself.
///
/// Hazard D21.
async fn the_limit_of_a_user_over_all_sessions(world: &World) {
    world
        .control()
        .settings(|settings| settings.rate_limit_vary_by_user = true);
    let busy = world.signed_in(Kind::Desktop).await;
    let phone = world.signed_in(Kind::IPhone).await;
    phone.forget_shown().await;
    // As many as the phone's own session lets through of what follows.
    assert_eq!(phone.verify().await, Standing::Active);
    overdrawn(world, &busy, 3).await;
    let from = world.control().request_count();
    assert_eq!(phone.verify().await, Standing::Active);
    let about_the_session = world.control().wait_from(from, |record| {
        record.path == "/api/v4/users/me" && record.status == Some(429)
    });
    phone.patiently("a refused look", about_the_session).await;
    let refusal = ask(&phone).await;
    assert!(header(&refusal, "x-request-id").is_some());
    assert!(asked_for(&refusal) > Duration::ZERO);
    let sessions = phone.core().active_sessions(phone.account()).await;
    expect_wait(&world.expect_error(sessions));
    assert_eq!(phone.snapshot().link, Link::Live);
    lifted(world);
    assert_eq!(phone.verify().await, Standing::Active);
    nothing_doubted(world, &phone);
    assert_eq!(world.control().sessions(world.alice.name).len(), 2);
}

/// So many forms of nobody at once; answers whether one of them met the limit.
async fn forms_at_once(world: &World, device: &Device, round: usize) -> bool {
    let forms = (0..FORMS).map(|number| {
        let mut form = world.bob.types(&device.server());
        form.login_id = format!("nobody-{round}-{number}");
        device.core().sign_in(form)
    });
    let mut limited = false;
    for refused in join_all(forms).await {
        match world.expect_error(refused) {
            Error::InvalidCredentials => {}
            error => {
                expect_wait(&error);
                limited = true;
            }
        }
    }
    limited
}

/// Signs in, and waits wherever it is told to.
async fn signs_in_patiently(device: &Device, world: &World, user: &User) {
    let signing_in = async {
        loop {
            match device.core().sign_in(user.types(&device.server())).await {
                Ok(_) => return,
                Err(error) => {
                    expect_wait(&error);
                    world.note(&format!("{error:?}"));
                    let Error::RateLimited { retry_after } = error else {
                        unreachable!("{error:?}");
                    };
                    tokio::time::sleep(retry_after).await;
                }
            }
        }
    };
    device.patiently("a sign-in", signing_in).await;
}

/// Five forms per second and ten more, whoever sends them. Whoever is signed in notices nothing.
async fn the_limit_of_sign_ins(world: &World) {
    let bystander = world.signed_in(Kind::Desktop).await;
    bystander.forget_shown().await;
    let device = world.device(Kind::Android).await;
    world.control().settings(|settings| {
        settings.rate_limit_per_second = 10_000;
        settings.rate_limit_burst = 10_000;
    });
    let met = async {
        let mut round = 0;
        while !forms_at_once(world, &device, round).await {
            round += 1;
        }
    };
    device.patiently("the limit", met).await;
    assert!(device.core().accounts().is_empty());
    signs_in_patiently(&device, world, &world.bob).await;
    device.until_live().await;
    assert_eq!(bystander.verify().await, Standing::Active);
    nothing_doubted(world, &bystander);
    nothing_doubted(world, &device);
}
