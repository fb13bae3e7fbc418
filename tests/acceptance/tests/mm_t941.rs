//! MM-T941: revoke all sessions while a phone cannot be reached.
//!
//! Content may be shown until the server's first answer if the app so chooses (the default), and never again after it; a
//! strict app shows none.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use steadfast::Standing;
use steadfast_acceptance::{EXPIRED, Options, Shown, World, cases};
use steadfast_lab::device::{
    self,
    message::{Command, Event, Kind, Screen},
};

cases![
    killed_and_the_network_is_back_before_the_app_is_opened,
    killed_and_the_app_is_opened_before_the_network_is_back,
    strict_killed_and_the_network_is_back_before_the_app_is_opened,
    strict_killed_and_the_app_is_opened_before_the_network_is_back,
    airplane_and_the_network_is_back_before_the_app_is_opened,
    airplane_and_the_app_is_opened_before_the_network_is_back,
    strict_airplane_and_the_network_is_back_before_the_app_is_opened,
    strict_airplane_and_the_app_is_opened_before_the_network_is_back,
    in_the_background_with_a_network,
    strict_in_the_background_with_a_network,
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Policy {
    Shown,
    Covered,
}

impl Policy {
    fn options(self) -> Options {
        match self {
            Self::Shown => Options::default(),
            Self::Covered => Options::strict(),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    Network,
    App,
}

async fn revoke_everyone(world: &World) {
    let admin = world.device(Kind::Desktop).await;
    admin.sign_in(&world.admin).await;
    admin.end_everyone().await;
}

fn check(shown: &[Shown], policy: Policy) {
    assert_eq!(shown.last(), Some(&Shown::EXPIRED), "{shown:?}");
    let content = shown.iter().rposition(|shown| *shown == Shown::Content);
    let first_other = shown.iter().position(|shown| *shown != Shown::Content);
    match policy {
        Policy::Shown => assert!(content < first_other, "{shown:?}"),
        Policy::Covered => assert_eq!(content, None, "{shown:?}"),
    }
}

/// What decided was asked of the server by the phone with this in its user agent, since so many requests: a question, and
/// after the second look another one, with the health between them. The page is up `second_look` (2–4 s) and two round trips
/// after the first answer, so a busy machine is allowed one question more and the time is printed and not judged.
fn check_looks(world: &World, from: usize, agent: &str, since: Instant) {
    let requests = world.control().requests().split_off(from);
    let of_phone = |path: &str| {
        let path = format!("/api/v4/{path}");
        let looks = requests
            .iter()
            .filter(|request| request.path == path && request.user_agent.contains(agent))
            .map(|request| (request.at_ms, request.status));
        looks.collect::<Vec<_>>()
    };
    let looks = of_phone("users/me");
    println!(
        "the sign-in page is up after {:?}: {looks:?}",
        since.elapsed()
    );
    assert!((2..=3).contains(&looks.len()), "{looks:?}");
    assert!(
        looks.iter().all(|(_, status)| *status == Some(401)),
        "{looks:?}"
    );
    let apart = looks[1].0 - looks[0].0;
    assert!(apart >= 2_000, "no second look: {looks:?}");
    assert!(!of_phone("system/ping").is_empty(), "{requests:?}");
}

async fn airplane(world: &World, policy: Policy, first: First) {
    let phone = world.signed_in_with(Kind::Android, policy.options()).await;
    phone.airplane_on();
    phone.suspend().await;
    revoke_everyone(world).await;

    let from = world.control().request_count();
    if first == First::Network {
        phone.airplane_off();
    }
    let mut since = Instant::now();
    phone.open().await;
    if first == First::App {
        let expected = match policy {
            Policy::Shown => Shown::Content,
            Policy::Covered => Shown::Cover,
        };
        assert_eq!(phone.shows(), expected);
        assert_eq!(phone.snapshot().standing, Standing::Active);
        since = Instant::now();
        phone.airplane_off();
    }
    phone.forget_shown().await;
    check(&phone.until_shown(Shown::EXPIRED).await, policy);
    check_looks(world, from, "Android", since);
    assert_eq!(phone.until_told(1).await.len(), 1);
}

async fn in_the_background(world: &World, policy: Policy) {
    let phone = world.signed_in_with(Kind::IPhone, policy.options()).await;
    phone.suspend().await;
    revoke_everyone(world).await;
    let (from, since) = (world.control().request_count(), Instant::now());
    phone.open().await;
    phone.forget_shown().await;
    check(&phone.until_shown(Shown::EXPIRED).await, policy);
    check_looks(world, from, "iPhone", since);
}

/// A phone that is a process of its own, so that it can be killed.
async fn killed(world: &World, policy: Policy, first: First) {
    let (setup, proxy) = world.process(Kind::IPhoneClassic, policy.options()).await;
    let network = proxy.control();
    let program: PathBuf = std::env::current_exe().expect("this program");
    let mut phone = device::Device::new(program, setup, |_| {});
    phone.start().await.expect("started");
    let signed_in = phone.perform(Command::SignIn {
        login_id: world.alice.name.to_owned(),
        password: world.alice.password.clone(),
        mfa_code: None,
    });
    signed_in.await.expect("signed in");
    world.sessions_grow_up();
    phone.kill().await.expect("killed");
    network.cut();
    revoke_everyone(world).await;

    let mark = phone.mark();
    if first == First::Network {
        network.restore();
    }
    phone.start().await.expect("started again");
    if first == First::App {
        let expected = |screen: &Screen| match policy {
            Policy::Shown => *screen == Screen::Content,
            Policy::Covered => matches!(screen, Screen::Cover { .. }),
        };
        assert!(expected(&phone.screen()), "it {}", phone.screen());
        network.restore();
        let told = phone.perform(Command::Network { up: true }).await;
        told.expect("the network noted");
    }
    let patience = Duration::from_secs(100);
    let page = |screen: &Screen| matches!(screen, Screen::SignIn { .. });
    assert!(
        phone.wait_for_screen(patience, page).await,
        "it {}",
        phone.screen()
    );
    let shown: Vec<Shown> = phone
        .entries_from(mark)
        .into_iter()
        .filter_map(|entry| match entry.event {
            Event::Shows(Screen::Content) => Some(Shown::Content),
            Event::Shows(Screen::Cover { .. }) => Some(Shown::Cover),
            Event::Shows(Screen::SignIn { text }) if text.as_deref() == Some(EXPIRED) => {
                Some(Shown::EXPIRED)
            }
            Event::Shows(Screen::SignIn { .. }) => Some(Shown::SignIn(None)),
            _ => None,
        })
        .collect();
    check(&shown, policy);
    phone.kill().await.expect("killed");
}

async fn killed_and_the_network_is_back_before_the_app_is_opened(world: &World) {
    killed(world, Policy::Shown, First::Network).await;
}

/// Hazard B15.
async fn killed_and_the_app_is_opened_before_the_network_is_back(world: &World) {
    killed(world, Policy::Shown, First::App).await;
}

async fn strict_killed_and_the_network_is_back_before_the_app_is_opened(world: &World) {
    killed(world, Policy::Covered, First::Network).await;
}

async fn strict_killed_and_the_app_is_opened_before_the_network_is_back(world: &World) {
    killed(world, Policy::Covered, First::App).await;
}

async fn airplane_and_the_network_is_back_before_the_app_is_opened(world: &World) {
    airplane(world, Policy::Shown, First::Network).await;
}

/// The cover is up with the first answer, the page as [`check_looks`] says.
///
/// Q2.
async fn airplane_and_the_app_is_opened_before_the_network_is_back(world: &World) {
    airplane(world, Policy::Shown, First::App).await;
}

async fn strict_airplane_and_the_network_is_back_before_the_app_is_opened(world: &World) {
    airplane(world, Policy::Covered, First::Network).await;
}

async fn strict_airplane_and_the_app_is_opened_before_the_network_is_back(world: &World) {
    airplane(world, Policy::Covered, First::App).await;
}

/// With a second look of 2–4 s the page cannot be promised within 3 s of the resume; what is: [`check_looks`].
///
/// Q3.
async fn in_the_background_with_a_network(world: &World) {
    in_the_background(world, Policy::Shown).await;
}

async fn strict_in_the_background_with_a_network(world: &World) {
    in_the_background(world, Policy::Covered).await;
}
