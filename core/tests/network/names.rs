//! Names that are found late, never, or at the wrong place; IPv6; servers below a path; sockets elsewhere.

use std::time::{Duration, Instant};

use steadfast::policy::CONNECT_TIMEOUT;
use steadfast::{Error, Link, Method, Request, Shows, Standing, message};

use crate::support::{
    Answer, Gate, NAME, Names, Rules, alice_at, config, open, server, until, until_live,
};

/// Hazards A06.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_not_found_at_first_is_asked_for_again() {
    let (folder, server) = (tempfile::tempdir().unwrap(), server().await);
    let gate = Gate::before(&server, Rules::default()).await;
    let core = open(folder.path(), {
        let mut config = config(folder.path(), &gate);
        config.network.resolver = Names::of(NAME, &[Answer::At(gate.address)]);
        config
    });
    let id = core.sign_in(alice_at(NAME)).await.unwrap();
    until_live(&core, id).await;
    core.close().await;

    let names = Names::of(
        NAME,
        &[
            Answer::Nothing,
            Answer::Nothing,
            Answer::Nothing,
            Answer::At(gate.address),
        ],
    );
    let mut config = config(folder.path(), &gate);
    config.network.resolver = names.clone();
    let core = open(folder.path(), config);
    let live = until_live(&core, id).await;
    assert_eq!(live.standing, steadfast::Standing::Active);
    assert!(names.times_asked(NAME) > 3);
}

/// Hazards A06, A09.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_to_a_portal_gets_no_token_there() {
    let (folder, server) = (tempfile::tempdir().unwrap(), server().await);
    let gate = Gate::before(&server, Rules::default()).await;
    let portal = Gate::before(&server, Rules::default()).await;
    let core = open(folder.path(), {
        let mut config = config(folder.path(), &gate);
        config.network.resolver = Names::of(NAME, &[Answer::At(gate.address)]);
        config
    });
    let id = core.sign_in(alice_at(NAME)).await.unwrap();
    until_live(&core, id).await;
    core.close().await;

    let names = Names::of(NAME, &[Answer::At(portal.address)]);
    let mut config = config(folder.path(), &gate);
    config.network.resolver = names.clone();
    let core = open(folder.path(), config);
    until(&core, id, |snapshot| {
        matches!(snapshot.link, Link::Waiting { .. })
    })
    .await;
    let standing = core.verify(id, Duration::from_secs(5)).await.unwrap();
    assert_eq!(standing, steadfast::Standing::Active);
    let asked = core.active_sessions(id).await;
    let untrusted = Error::InsecureConnection {
        reason: "unknown issuer",
    };
    assert_eq!(asked.err(), Some(untrusted));
    assert!(names.times_asked(NAME) > 0);
    assert!(portal.heads().is_empty());
}

/// Hazards A07.
#[tokio::test(flavor = "multi_thread")]
async fn a_resolver_that_hangs_holds_up_no_close() {
    let (folder, server) = (tempfile::tempdir().unwrap(), server().await);
    let gate = Gate::before(&server, Rules::default()).await;
    let names = Names::of(NAME, &[Answer::Never]);
    let mut config = config(folder.path(), &gate);
    config.network.resolver = names.clone();
    let core = open(folder.path(), config);
    let asking = core.clone();
    let probing = tokio::spawn(async move { asking.probe_server(NAME).await });
    while names.times_asked(NAME) == 0 {
        tokio::task::yield_now().await;
    }
    let began = Instant::now();
    core.close().await;
    // Well before a connection is given up.
    assert!(
        began.elapsed() < CONNECT_TIMEOUT - Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(probing.await.unwrap(), Err(Error::Closed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_has_only_an_ipv6_address_is_reached() {
    let (folder, server) = (tempfile::tempdir().unwrap(), server().await);
    let upstream = server.url().strip_prefix("http://").unwrap().to_owned();
    let gate = Gate::at("[::1]:0", &upstream, Rules::default()).await;
    let mut config = config(folder.path(), &gate);
    config.network.resolver = Names::of(NAME, &[Answer::At(gate.address)]);
    let core = open(folder.path(), config);
    // Typed as an address, which asks no resolver for a name, and by a name that has no other address.
    for typed in [gate.url(), NAME.to_owned()] {
        let id = core.sign_in(alice_at(&typed)).await;
        match id {
            Ok(id) => {
                until_live(&core, id).await;
            }
            Err(error) => panic!("{typed}: {error:?}"),
        }
    }
}

/// Hazards D09.
#[tokio::test(flavor = "multi_thread")]
async fn servers_below_paths_of_one_host_are_different_servers() {
    let folder = tempfile::tempdir().unwrap();
    let server = server().await;
    let rules = Rules {
        below: "/chat",
        ..Rules::default()
    };
    let gate = Gate::before(&server, rules).await;
    let core = open(folder.path(), config(folder.path(), &gate));
    let elsewhere = core.probe_server(&gate.url()).await;
    assert_eq!(elsewhere, Err(Error::NotMattermost));
    let url = format!("{}/chat", gate.url());
    assert_eq!(
        core.probe_server(format!("{url}/"))
            .await
            .unwrap()
            .server_url,
        url
    );
    let id = core.sign_in(alice_at(&url)).await.unwrap();
    assert_eq!(until_live(&core, id).await.server_url, url);
    let heads = gate.heads();
    let socket = heads
        .iter()
        .find(|head| head.contains("websocket"))
        .unwrap();
    assert!(socket.starts_with("GET /chat/api/v4/websocket"), "{socket}");
}

/// Hazards D08, D09. Q13.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_at_the_root_and_one_below_a_path_are_used_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let (root, below) = (server().await, server().await);
    let rules = Rules {
        below: "/chat",
        beside: root.url().strip_prefix("http://").map(str::to_owned),
        ..Rules::default()
    };
    let gate = Gate::before(&below, rules).await;
    let core = open(folder.path(), config(folder.path(), &gate));
    let mut ids = Vec::new();
    for url in [gate.url(), format!("{}/chat", gate.url())] {
        let id = core.sign_in(alice_at(&url)).await.unwrap();
        assert_eq!(until_live(&core, id).await.server_url, url);
        ids.push(id);
    }
    let [at_root, at_path] = ids[..] else {
        panic!("{ids:?}");
    };
    for (id, server) in [(at_root, &root), (at_path, &below)] {
        let from = server.control().request_count();
        let request = Request::new(Method::Get, "/api/v4/users/me/teams");
        assert_eq!(core.request(id, request).await.unwrap().status, 200);
        let seen = server.control().requests();
        assert!(
            seen[from..]
                .iter()
                .any(|one| one.path == "/api/v4/users/me/teams")
        );
    }

    for server in [&root, &below] {
        server.control().clock_advance(Duration::from_secs(60));
    }
    let session = below.control().sessions("alice").remove(0);
    assert!(below.control().revoke_session(&session.id));
    let out = until(&core, at_path, |seen| seen.standing == Standing::Ended).await;
    assert_eq!(out.shows(), Shows::SignIn(Some(message::SESSION_EXPIRED)));
    let other = core.verify(at_root, Duration::from_secs(60)).await;
    assert_eq!(other, Ok(Standing::Active));
    assert_eq!(core.snapshot(at_root).unwrap().shows(), Shows::Content);
    assert_eq!(root.control().sessions("alice").len(), 1);

    let url = format!("{}/chat/", gate.url());
    assert_eq!(core.sign_in(alice_at(&url)).await, Ok(at_path));
    until_live(&core, at_path).await;
    assert_eq!(core.accounts().len(), 2);
    core.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_is_where_the_server_says_unless_that_is_without_tls() {
    let (folder, server) = (tempfile::tempdir().unwrap(), server().await);
    let gate = Gate::before(&server, Rules::default()).await;
    let sockets = Gate::before(&server, Rules::default()).await;
    let config = || {
        let mut config = config(folder.path(), &gate);
        config
            .network
            .extra_authorities
            .push(sockets.issuer_pem.clone());
        config
    };
    let upgrades = |gate: &Gate| {
        let heads = gate.heads();
        let upgrades = heads.iter().filter(|head| head.contains("/websocket"));
        upgrades.count()
    };
    let say = |url: String| {
        let control = server.control();
        control.settings(|settings| settings.websocket_url = url);
    };
    let learned = async |url: &str| {
        let file = folder.path().join("vault/vault.sqlite3");
        let vault = rusqlite::Connection::open(file).unwrap();
        // Nothing tells when the background has stored it, so the vault is looked at again and again.
        let look = async {
            loop {
                let stored: Option<String> = vault
                    .query_row("SELECT websocket_url FROM accounts", [], |row| row.get(0))
                    .unwrap();
                if stored.as_deref() == Some(url) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), look)
            .await
            .unwrap_or_else(|_| panic!("{url} was not learned"));
    };

    let without_tls = server.url().replace("http://", "ws://");
    say(without_tls.clone());
    let core = open(folder.path(), config());
    let id = core.sign_in(alice_at(&gate.url())).await.unwrap();
    learned(&without_tls).await;
    core.close().await;
    let core = open(folder.path(), config());
    until_live(&core, id).await;
    assert_eq!(upgrades(&sockets), 0);
    let at_home = upgrades(&gate);
    assert!(at_home > 0);

    let elsewhere = format!("wss://{}", sockets.address);
    say(elsewhere.clone());
    core.sign_in(alice_at(&gate.url())).await.unwrap();
    // A dial that is under way would be counted late.
    until_live(&core, id).await;
    learned(&elsewhere).await;
    core.close().await;
    let at_home = upgrades(&gate);
    let core = open(folder.path(), config());
    until_live(&core, id).await;
    assert_eq!(upgrades(&gate), at_home);
    assert!(upgrades(&sockets) > 0);
    let others = sockets.heads().len() - upgrades(&sockets);
    assert_eq!(others, 0, "requests stay with the server itself");
}
