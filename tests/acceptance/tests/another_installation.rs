//! Another installation answers at the address, with a certificate that is trusted: it was set up anew there, or the name leads
//! elsewhere. It knows no session of the device's and says so in the server's own words.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use steadfast::{
    Link, NetworkPath, Standing,
    vault::{Outcome, ServerFacts, Vault},
};
use steadfast_acceptance::{Device, Options, Shown, User, World, cases};
use steadfast_faults::{Answer, Match};
use steadfast_lab::device::message::Kind;
use steadfast_testserver::{Control, Database, RequestRecord, Server};
use url::Url;

cases![
    it_ends_nothing_and_the_session_is_there_when_the_own_server_is,
    a_sign_out_stays_owed_to_the_own_server,
    a_sign_out_is_not_paid_where_the_question_who_answers_was_lost,
    a_sign_out_is_not_paid_where_the_question_who_answers_failed,
    a_sign_out_that_another_network_overtakes_stays_owed,
    an_own_server_under_a_new_id_is_known_by_its_200,
    a_revocation_counts_although_the_server_hides_its_id,
    a_revocation_counts_although_the_server_does_not_answer_for_its_id,
];

/// By so much the clock of the world's own server is moved too, so that the session is not young by either.
const GROWN_UP: Duration = Duration::from_secs(60);
const CONFIG: &str = "/api/v4/config/client";
const ME: &str = "/api/v4/users/me";
const PING: &str = "/api/v4/system/ping";
const LOGOUT: &str = "/api/v4/users/logout";

/// Signed in, and the core knows which installation it is.
async fn acquainted(device: &Device, user: &User) {
    device.sign_in_and_connect(user).await;
    device
        .until("the server's name", |snapshot| {
            !snapshot.server_name.is_empty()
        })
        .await;
}

fn address(server: &Server) -> SocketAddr {
    let url = Url::parse(server.url()).expect("a URL");
    SocketAddr::from((Ipv4Addr::LOCALHOST, url.port().expect("a port")))
}

/// Waits until a server has answered a request for this path, from this place in its log on, and gives the next place.
async fn until_asked(device: &Device, server: &Control, from: usize, path: &str) -> usize {
    let asked = |record: &RequestRecord| record.path == path && record.status.is_some();
    let record = server.wait_from(from, asked);
    device.patiently(path, record).await.number + 1
}

/// Hazard D13.
async fn it_ends_nothing_and_the_session_is_there_when_the_own_server_is(world: &World) {
    let other = world.second_server().await;
    let device = world.device(Kind::IPhone).await;
    acquainted(&device, &world.alice).await;
    world.sessions_grow_up();
    other.control().clock_advance(GROWN_UP);
    device.suspend().await;
    device.network.lead_to(address(other));
    device.open().await;
    device.until_shows(Shown::Cover).await;
    // The first evidence, the second look, and one more on the ladder.
    let mut from = 0;
    for _ in 0..3 {
        from = until_asked(&device, other.control(), from, ME).await;
    }
    let asked = other.control().requests();
    let config: Vec<_> = asked
        .iter()
        .filter(|record| record.path == CONFIG)
        .collect();
    assert!(!config.is_empty(), "{asked:#?}");
    assert!(!config.iter().any(|record| record.had_token), "{config:#?}");
    // Everything that it answered has been judged.
    device.suspend().await;
    assert_eq!(device.snapshot().standing, Standing::Suspect);
    assert_eq!(device.shows(), Shown::Cover);
    device.network.lead_to(None).reset();
    device.open().await;
    device.say_network(NetworkPath::Up);
    device
        .until("a live link", |snapshot| {
            snapshot.link == Link::Live && Shown::of(snapshot) == Shown::Content
        })
        .await;
    let shown = device.shown();
    let signed_out = |shown: &Shown| matches!(shown, Shown::SignIn(_));
    assert_eq!(shown.iter().filter(|shown| signed_out(shown)).count(), 0);
    assert!(device.told().is_empty());
    assert_eq!(world.control().sessions(world.alice.name).len(), 1);
}

/// Hazard D13.
async fn a_sign_out_stays_owed_to_the_own_server(world: &World) {
    let other = world.second_server().await;
    let device = world.device(Kind::Android).await;
    acquainted(&device, &world.alice).await;
    world.sessions_grow_up();
    device.airplane_on();
    let signed_out = device.core().sign_out(device.account()).await;
    signed_out.expect("signed out");
    device.network.lead_to(address(other));
    device.airplane_off();
    // The second try begins when the first has come to nothing.
    let from = until_asked(&device, other.control(), 0, CONFIG).await;
    until_asked(&device, other.control(), from, CONFIG).await;
    assert_eq!(world.control().sessions(world.alice.name).len(), 1);
    let asked = other.control().requests();
    assert!(!asked.iter().any(shows_the_token), "{asked:#?}");
    until_paid_at_home(world, &device).await;
}

fn shows_the_token(record: &RequestRecord) -> bool {
    record.path == ME || record.path == LOGOUT
}

/// Signed out without a network, which then leads to the own server.
async fn signed_out_at_home(world: &World) -> Device {
    let device = world.device(Kind::Android).await;
    acquainted(&device, &world.alice).await;
    world.sessions_grow_up();
    device.airplane_on();
    let signed_out = device.core().sign_out(device.account()).await;
    signed_out.expect("signed out");
    device
}

/// The other installation is asked who it is, and again in the next try; it never sees the token.
async fn until_passed_by(device: &Device, other: &Server) {
    let control = other.control();
    let telling = |record: &RequestRecord| record.path == CONFIG || shows_the_token(record);
    let mut from = 0;
    for _ in 0..2 {
        let asked = control.wait_from(from, telling);
        let asked = device.patiently("who it is", asked).await;
        assert_eq!(asked.path, CONFIG, "{:#?}", control.requests());
        from = asked.number + 1;
    }
}

async fn until_paid_at_home(world: &World, device: &Device) {
    assert_eq!(world.control().sessions(world.alice.name).len(), 1);
    device.network.lead_to(None).reset();
    device.open().await;
    device.say_network(NetworkPath::Up);
    world.until_sessions(&world.alice, 0).await;
}

/// While its own server still owes the answer who it is, the name comes to lead elsewhere, as `lead` does it.
async fn not_paid_before_it_is_known_who_answers(world: &World, lead: fn(&Device, &Server)) {
    let other = world.second_server().await;
    let device = signed_out_at_home(world).await;
    let from = world.control().request_count();
    world.control().hold_back(Some(CONFIG));
    device.airplane_off();
    until_asked(&device, world.control(), from, CONFIG).await;
    lead(&device, other);
    until_passed_by(&device, other).await;
    world.control().hold_back(None);
    until_paid_at_home(world, &device).await;
}

/// Hazard D13.
async fn a_sign_out_is_not_paid_where_the_question_who_answers_was_lost(world: &World) {
    not_paid_before_it_is_known_who_answers(world, |device, other| {
        device.network.lead_to(address(other));
        device.say_network(NetworkPath::Up);
    })
    .await;
}

/// The app says nothing of the network that it is on now.
///
/// Hazard D13.
async fn a_sign_out_is_not_paid_where_the_question_who_answers_failed(world: &World) {
    not_paid_before_it_is_known_who_answers(world, |device, other| {
        device.network.lead_to(address(other)).reset();
    })
    .await;
}

/// Its own server takes a sign-out and does not end the session, since its database is away; then the name leads elsewhere.
///
/// Hazard D13.
async fn a_sign_out_that_another_network_overtakes_stays_owed(world: &World) {
    let other = world.second_server().await;
    let device = signed_out_at_home(world).await;
    let control = world.control();
    let from = control.request_count();
    control.database(Database::Stopped);
    control.hold_back(Some(LOGOUT));
    device.airplane_off();
    let from = until_asked(&device, control, from, LOGOUT).await;
    control.database(Database::Healthy);
    control.hold_back(Some(PING));
    until_asked(&device, control, from, PING).await;
    device.network.lead_to(address(other));
    device.say_network(NetworkPath::Up);
    control.hold_back(None);
    until_passed_by(&device, other).await;
    until_paid_at_home(world, &device).await;
}

/// Somebody deleted the id, and the server made itself another; the device still has the old one. It must not keep anybody in.
async fn an_own_server_under_a_new_id_is_known_by_its_200(world: &World) {
    let mut device = world.device(Kind::Desktop).await;
    acquainted(&device, &world.alice).await;
    world.sessions_grow_up();
    let account = device.account();
    device.switch_off().await;
    {
        let mut vault = Vault::open(device.vault()).expect("the vault").vault;
        let record = vault.account(account).expect("read").expect("an account");
        let facts = ServerFacts {
            diagnostic_id: Some("anotherinstallation2222222".to_owned()),
            ..record.server
        };
        let set = vault.set_server_facts(account, record.epoch, &facts);
        assert_eq!(set.expect("stored"), Outcome::Committed(()));
    }
    // A database that is away for a moment answers like a server that does not know the session.
    world.control().database(Database::Stopped);
    world.control().clear_token_cache();
    device.switch_on();
    device.until_shows(Shown::Cover).await;
    let from = world.control().request_count();
    world.control().database(Database::Healthy);
    device.until_shows(Shown::Content).await;
    let learned = |record: &RequestRecord| {
        record.path == CONFIG && record.had_token && record.status == Some(200)
    };
    let learned = world.control().wait_from(from, learned);
    device.patiently("the configuration", learned).await;
    world.revoke(&world.alice);
    device.until_expired().await;
}

/// What blocks the answer must not keep anybody in.
async fn a_revocation_counts_although_the_server_hides_its_id(world: &World) {
    let device = world.device_with(Kind::Desktop, Options::meddling()).await;
    acquainted(&device, &world.alice).await;
    world.sessions_grow_up();
    device.network.answer(
        Answer::new(403)
            .json(serde_json::json!({}))
            .on(Match::prefix(CONFIG)),
    );
    world.revoke(&world.alice);
    device.until_expired().await;
    let asked = device.network.requests();
    assert!(asked.iter().any(|request| request.path == CONFIG));
}

async fn a_revocation_counts_although_the_server_does_not_answer_for_its_id(world: &World) {
    let device = world.device_with(Kind::Desktop, Options::meddling()).await;
    acquainted(&device, &world.alice).await;
    world.sessions_grow_up();
    let never = Duration::from_secs(600);
    device
        .network
        .answer(Answer::new(200).after(never).on(Match::prefix(CONFIG)));
    world.revoke(&world.alice);
    device.until_expired().await;
}
