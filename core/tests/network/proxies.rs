//! Through a proxy: requests and the socket, and nothing beside it.

use steadfast::{Error, HttpProxy, NetworkPath, NetworkProfile, Proxy};

use crate::common::eventually;
use crate::support::{
    ALICE, Answer, ConnectProxy, Gate, NAME, Names, Rules, alice_at, config, holds, open, server,
    until, until_live,
};

fn through(proxy: &ConnectProxy) -> HttpProxy {
    HttpProxy::new("127.0.0.1", proxy.address.port())
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_and_the_socket_go_through_the_proxy_and_nothing_goes_around_it() {
    let (folder, server) = (tempfile::tempdir().unwrap(), server().await);
    let gate = Gate::before(&server, Rules::default()).await;
    let proxy = ConnectProxy::to(gate.address, Some(("worker", "CANARYpassword"))).await;
    let names = Names::of("127.0.0.1", &[Answer::At(proxy.address)]);
    let mut config = config(folder.path(), &gate);
    config.network.resolver = names.clone();
    let profile = NetworkProfile {
        proxy: Proxy::Http(through(&proxy).with_credentials("worker", "CANARYpassword")),
        ..NetworkProfile::default()
    };
    let core = open(folder.path(), config.clone());
    let id = core
        .sign_in(alice_at(NAME).with_profile(profile))
        .await
        .unwrap();
    until_live(&core, id).await;
    core.active_sessions(id).await.unwrap();

    let target = format!("CONNECT {NAME}:443 HTTP/1.1");
    let asked = proxy.asked();
    assert!(asked.iter().all(|line| *line == target), "{asked:?}");
    // Each request that reached the server came through a way of its own; the socket's is among them.
    let heads = gate.heads();
    assert!(heads.iter().any(|head| head.contains("/api/v4/websocket")));
    assert!(
        heads.len() <= proxy.tunnels(),
        "{} {}",
        heads.len(),
        proxy.tunnels()
    );
    assert_eq!(
        names.times_asked(NAME),
        0,
        "the proxy finds the server, not the device"
    );
    core.close().await;

    // A new process goes the same way, and no file shows the password.
    let before = proxy.tunnels();
    let core = open(folder.path(), config);
    until_live(&core, id).await;
    assert!(proxy.tunnels() > before);
    assert_eq!(names.times_asked(NAME), 0);
    core.close().await;
    let found = holds(&folder.path().join("vault"), "CANARYpassword");
    assert!(found.is_empty(), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_wants_credentials_says_so_and_ends_nothing() {
    let (folder, server) = (tempfile::tempdir().unwrap(), server().await);
    let gate = Gate::before(&server, Rules::default()).await;
    let proxy = ConnectProxy::to(gate.address, Some(("worker", "secret"))).await;
    let core = open(folder.path(), config(folder.path(), &gate));
    let with = |way: HttpProxy| NetworkProfile {
        proxy: Proxy::Http(way),
        ..NetworkProfile::default()
    };
    for way in [
        through(&proxy),
        through(&proxy).with_credentials("worker", "wrong"),
    ] {
        let refused = core
            .sign_in(alice_at(&gate.url()).with_profile(with(way)))
            .await;
        assert_eq!(refused, Err(Error::ProxyCredentialsNeeded));
    }
    assert!(gate.heads().is_empty());

    let right = with(through(&proxy).with_credentials("worker", "secret"));
    let id = core
        .sign_in(alice_at(&gate.url()).with_profile(right.clone()))
        .await
        .unwrap();
    until_live(&core, id).await;
    // The password was changed at the proxy: the way is gone, the session is not.
    core.set_network_profile(id, with(through(&proxy).with_credentials("worker", "old")))
        .await
        .unwrap();
    until(&core, id, |snapshot| snapshot.link != steadfast::Link::Live).await;
    let verified = core
        .verify(id, std::time::Duration::from_secs(5))
        .await
        .unwrap();
    assert_ne!(verified, steadfast::Standing::Ended);
    let asked = core.active_sessions(id).await;
    assert_eq!(asked.err(), Some(Error::ProxyCredentialsNeeded));
    core.set_network_profile(id, right).await.unwrap();
    until_live(&core, id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_systems_proxy_is_used_where_the_profile_says_so() {
    let (folder, server) = (tempfile::tempdir().unwrap(), server().await);
    let gate = Gate::before(&server, Rules::default()).await;
    let proxy = ConnectProxy::to(gate.address, None).await;
    let core = open(folder.path(), config(folder.path(), &gate));
    let id = core.sign_in(alice_at(&gate.url())).await.unwrap();
    until_live(&core, id).await;
    assert_eq!(proxy.tunnels(), 0);

    core.network_changed(NetworkPath::Up, Some(through(&proxy)))
        .unwrap();
    core.active_sessions(id).await.unwrap();
    assert!(proxy.tunnels() > 0);

    core.set_network_profile(
        id,
        NetworkProfile {
            proxy: Proxy::Direct,
            ..NetworkProfile::default()
        },
    )
    .await
    .unwrap();
    until_live(&core, id).await;
    // What was under way through the proxy may be counted late; what is asked from here on goes past it.
    let mut through_the_proxy = Vec::new();
    for _ in 0..5 {
        let before = proxy.tunnels();
        core.active_sessions(id).await.unwrap();
        through_the_proxy.push(proxy.tunnels() - before);
    }
    assert!(through_the_proxy.contains(&0), "{through_the_proxy:?}");

    let nonsense = core.network_changed(NetworkPath::Up, Some(HttpProxy::new("a b", 1)));
    assert_eq!(nonsense, Err(Error::InvalidArgument { argument: "proxy" }));
    core.active_sessions(id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_owed_after_a_sign_out_goes_through_the_proxy_too() {
    let (folder, server) = (tempfile::tempdir().unwrap(), server().await);
    let gate = Gate::before(&server, Rules::default()).await;
    let proxy = ConnectProxy::to(gate.address, Some(("worker", "secret"))).await;
    let profile = NetworkProfile {
        proxy: Proxy::Http(through(&proxy).with_credentials("worker", "secret")),
        ..NetworkProfile::default()
    };
    let mut config = config(folder.path(), &gate);
    config.network.resolver = Names::of("127.0.0.1", &[Answer::At(proxy.address)]);
    let core = open(folder.path(), config);
    let sign_in = steadfast::SignIn::new(NAME, "alice", ALICE).with_profile(profile);
    let id = core.sign_in(sign_in).await.unwrap();
    until_live(&core, id).await;
    core.sign_out(id).await.unwrap();
    eventually(|| server.control().sessions("alice").is_empty()).await;
}
