//! Faults of the wire on connections whose bytes are passed untouched.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test"
)]

mod support;

use std::{
    io,
    time::{Duration, Instant},
};

use steadfast_faults::{Control, Proxy, Side};
use support::{
    Identity, RawServer, assert_silent, connect, hear, is_reset, patiently, say, tls, to_the_end,
};
use tokio::{io::AsyncWriteExt, net::TcpStream};

struct Line {
    server: RawServer,
    proxy: Proxy,
    control: Control,
}

impl Line {
    async fn start() -> Self {
        let server = RawServer::start().await;
        let proxy = Proxy::tcp(server.addr).start().await.unwrap();
        let control = proxy.control();
        Self {
            server,
            proxy,
            control,
        }
    }

    /// Both ends of a connection that has been shown to work.
    async fn connection(&mut self) -> (TcpStream, TcpStream) {
        let mut client = connect(self.proxy.addr()).await;
        say(&mut client, b"hello").await;
        let mut server = self.server.accept().await;
        hear(&mut server, b"hello").await;
        say(&mut server, b"welcome").await;
        hear(&mut client, b"welcome").await;
        (client, server)
    }

    async fn assert_refused(&self) {
        let refused = patiently(TcpStream::connect(self.proxy.addr())).await;
        assert_eq!(
            refused.unwrap_err().kind(),
            io::ErrorKind::ConnectionRefused
        );
    }
}

#[tokio::test]
async fn passes_bytes_both_ways_and_counts_them() {
    let mut line = Line::start().await;
    let (client, mut server) = line.connection().await;

    let report = line.control.report();
    assert_eq!((report.accepted, report.open), (1, 1));
    assert_eq!((report.bytes_from_client, report.bytes_from_server), (5, 7));

    drop(client);
    assert_eq!(to_the_end(&mut server).await.unwrap(), b"");
    patiently(line.control.wait_for_open(0)).await;
    assert_eq!(line.control.accepted(), 1);
}

#[tokio::test]
async fn an_end_of_one_direction_leaves_the_other_open() {
    let mut line = Line::start().await;
    let (mut client, mut server) = line.connection().await;

    client.shutdown().await.unwrap();
    assert_eq!(to_the_end(&mut server).await.unwrap(), b"");
    say(&mut server, b"last words").await;
    drop(server);
    assert_eq!(to_the_end(&mut client).await.unwrap(), b"last words");
}

#[tokio::test]
async fn a_megabyte_arrives_whole_and_in_order_in_spite_of_jitter() {
    let mut line = Line::start().await;
    line.control
        .latency(Duration::from_millis(1), Duration::from_millis(20));
    let bytes: Vec<u8> = (0..1_048_576_u32).map(|n| (n % 251) as u8).collect();
    let mut client = connect(line.proxy.addr()).await;
    let mut server = line.server.accept().await;

    let sent = bytes.clone();
    let sender = tokio::spawn(async move {
        for piece in sent.chunks(4_001) {
            client.write_all(piece).await.unwrap();
        }
    });
    assert_eq!(to_the_end(&mut server).await.unwrap(), bytes);
    sender.await.unwrap();
}

#[tokio::test]
async fn latency_delays_each_way_on_existing_and_new_connections() {
    let mut line = Line::start().await;
    let (mut client, mut server) = line.connection().await;
    line.control
        .latency(Duration::from_millis(60), Duration::ZERO);

    let start = Instant::now();
    say(&mut client, b"ping").await;
    hear(&mut server, b"ping").await;
    assert!(start.elapsed() >= Duration::from_millis(60));
    say(&mut server, b"pong").await;
    hear(&mut client, b"pong").await;
    assert!(start.elapsed() >= Duration::from_millis(120));

    let start = Instant::now();
    let _connection = line.connection().await;
    let handshake_and_exchange = Duration::from_millis(4 * 60);
    assert!(start.elapsed() >= handshake_and_exchange);
}

#[tokio::test]
async fn frozen_connections_are_silent_both_ways_and_go_on_when_thawed() {
    let mut line = Line::start().await;
    let (mut client, mut server) = line.connection().await;

    line.control.freeze(true);
    say(&mut client, b"from client").await;
    say(&mut server, b"from server").await;
    assert_silent(&mut client).await;
    assert_silent(&mut server).await;

    line.control.freeze(false);
    hear(&mut server, b"from client").await;
    hear(&mut client, b"from server").await;
}

#[tokio::test]
async fn a_frozen_proxy_accepts_and_says_nothing() {
    let line = Line::start().await;
    line.control.freeze(true);

    let mut client = connect(line.proxy.addr()).await;
    patiently(line.control.wait_for_connection(1)).await;
    say(&mut client, b"anybody?").await;
    assert_silent(&mut client).await;
    assert_eq!(line.control.report().bytes_from_client, 0);

    drop(client);
    patiently(line.control.wait_for_open(0)).await;
}

#[tokio::test]
async fn half_open_connections_hear_no_end_from_the_other_side() {
    let mut line = Line::start().await;
    let (mut client, mut server) = line.connection().await;
    let (left_by_server, gone_server) = line.connection().await;
    let (gone_client, left_by_client) = line.connection().await;

    line.control.half_open();

    say(&mut client, b"into nothing").await;
    say(&mut server, b"into nothing").await;
    drop(gone_server);
    drop(gone_client);
    for mut end in [client, server, left_by_server, left_by_client] {
        assert_silent(&mut end).await;
    }
    assert_eq!(line.control.report().vanished, 3);
    // Two clients still believe in theirs.
    patiently(line.control.wait_for_open(0)).await;
}

#[tokio::test]
async fn after_half_open_new_connections_work() {
    let mut line = Line::start().await;
    let (mut old, _server) = line.connection().await;

    line.control.half_open();

    line.connection().await;
    assert_silent(&mut old).await;
}

#[tokio::test]
async fn reset_ends_existing_connections_with_rst() {
    let mut line = Line::start().await;
    let (mut client, mut server) = line.connection().await;

    line.control.reset();

    assert!(is_reset(&to_the_end(&mut client).await.unwrap_err()));
    assert!(is_reset(&to_the_end(&mut server).await.unwrap_err()));
    assert_eq!(line.control.open(), 0);
    line.connection().await;
}

#[tokio::test]
async fn reset_new_accepts_and_resets() {
    let mut line = Line::start().await;
    let (mut old_client, mut old_server) = line.connection().await;
    line.control.reset_new(true);

    let mut client = connect(line.proxy.addr()).await;
    assert!(is_reset(&to_the_end(&mut client).await.unwrap_err()));

    say(&mut old_client, b"still here").await;
    hear(&mut old_server, b"still here").await;
    line.control.reset_new(false);
    line.connection().await;
}

#[tokio::test]
async fn the_first_of_the_new_connections_are_lost_then_late_then_as_ever() {
    let mut line = Line::start().await;
    let (mut old_client, mut old_server) = line.connection().await;
    let hour = Duration::from_secs(3600);
    line.control.lose_new(1).delay_new(1, hour);

    let mut lost = connect(line.proxy.addr()).await;
    say(&mut lost, b"into nothing").await;
    patiently(line.control.wait_for_connection(2)).await;
    let mut late = connect(line.proxy.addr()).await;
    let mut late_server = line.server.accept().await;
    say(&mut late, b"in an hour").await;
    say(&mut late_server, b"in an hour").await;
    line.connection().await;
    for mut end in [lost, late, late_server] {
        assert_silent(&mut end).await;
    }
    assert_eq!(line.control.report().vanished, 1);
    say(&mut old_client, b"as ever").await;
    hear(&mut old_server, b"as ever").await;

    let while_it_wakes = Duration::from_millis(80);
    line.control.delay_new(1, while_it_wakes);
    let start = Instant::now();
    let (mut client, mut server) = line.connection().await;
    assert!(start.elapsed() >= while_it_wakes);
    // Only the first bytes are late.
    line.control.delay_new(1, hour);
    say(&mut client, b"awake").await;
    hear(&mut server, b"awake").await;
    line.control.clear();
    line.connection().await;
}

#[tokio::test]
async fn refuse_closes_the_port_at_once_and_opens_the_same_one_again() {
    let mut line = Line::start().await;
    let (mut client, mut server) = line.connection().await;
    let addr = line.proxy.addr();

    for _ in 0..20 {
        line.control.refuse(true);
        line.assert_refused().await;
        line.control.refuse(false);
        assert_eq!(line.proxy.addr(), addr);
        line.connection().await;
    }

    say(&mut client, b"still here").await;
    hear(&mut server, b"still here").await;
}

#[tokio::test]
async fn closes_after_exactly_so_many_bytes_from_the_server() {
    let mut line = Line::start().await;
    let (mut old_client, mut old_server) = line.connection().await;
    line.control.close_after(Side::Server, 10);

    say(&mut old_server, b"0123456789abcdef").await;
    assert_eq!(to_the_end(&mut old_client).await.unwrap(), b"0123456789");

    let mut client = connect(line.proxy.addr()).await;
    let mut server = line.server.accept().await;
    say(&mut server, b"0123").await;
    hear(&mut client, b"0123").await;
    say(&mut server, b"456789abcdef").await;
    assert_eq!(to_the_end(&mut client).await.unwrap(), b"456789");
    assert_eq!(line.control.open(), 0);

    line.control.close_after(Side::Server, None);
    line.connection().await;
}

#[tokio::test]
async fn closes_after_exactly_so_many_bytes_from_the_client() {
    let mut line = Line::start().await;
    line.control.close_after(Side::Client, 3);

    let mut client = connect(line.proxy.addr()).await;
    let mut server = line.server.accept().await;
    say(&mut client, b"abcdef").await;
    assert_eq!(to_the_end(&mut server).await.unwrap(), b"abc");
    assert_eq!(to_the_end(&mut client).await.unwrap(), b"");
}

#[tokio::test]
async fn a_reset_by_the_server_is_passed_on() {
    let mut line = Line::start().await;
    let (mut client, server) = line.connection().await;

    server.set_zero_linger().unwrap();
    drop(server);

    assert!(is_reset(&to_the_end(&mut client).await.unwrap_err()));
}

#[tokio::test]
async fn a_reset_by_the_client_is_passed_on() {
    let mut line = Line::start().await;
    let (client, mut server) = line.connection().await;

    client.set_zero_linger().unwrap();
    drop(client);

    assert!(is_reset(&to_the_end(&mut server).await.unwrap_err()));
    patiently(line.control.wait_for_open(0)).await;
}

#[tokio::test]
async fn a_server_that_is_not_there_resets_the_client() {
    let line = Line::start().await;
    drop(line.server);

    let mut client = connect(line.proxy.addr()).await;
    assert!(is_reset(&to_the_end(&mut client).await.unwrap_err()));
}

#[tokio::test]
async fn cut_is_airplane_mode_and_restore_ends_it() {
    let mut line = Line::start().await;
    let (mut client, mut server) = line.connection().await;

    line.control.cut();
    say(&mut client, b"lost").await;
    line.assert_refused().await;
    assert_silent(&mut server).await;

    line.control.restore();
    line.connection().await;
    assert_silent(&mut client).await;
    assert_silent(&mut server).await;
}

#[tokio::test]
async fn clear_lifts_every_fault() {
    let mut line = Line::start().await;
    line.control
        .freeze(true)
        .refuse(true)
        .reset_new(true)
        .close_after(Side::Server, 1)
        .latency(Duration::from_secs(3600), Duration::ZERO);

    line.control.clear();

    line.connection().await;
}

#[tokio::test]
async fn faults_may_be_switched_from_outside_of_the_runtime() {
    let mut line = Line::start().await;
    let control = line.control.clone();
    std::thread::spawn(move || {
        control.cut().restore();
    })
    .join()
    .unwrap();

    line.connection().await;
}

#[tokio::test]
async fn a_dropped_proxy_closes_its_port_and_its_connections() {
    let mut line = Line::start().await;
    let (mut client, mut server) = line.connection().await;
    let (mut vanished, _server) = line.connection().await;
    line.control.half_open();
    let (mut client_2, mut server_2) = line.connection().await;
    let addr = line.proxy.addr();

    drop(line.proxy);
    line.control.refuse(false);

    let refused = patiently(TcpStream::connect(addr)).await;
    assert_eq!(
        refused.unwrap_err().kind(),
        io::ErrorKind::ConnectionRefused
    );
    for end in [
        &mut client,
        &mut server,
        &mut vanished,
        &mut client_2,
        &mut server_2,
    ] {
        assert_eq!(to_the_end(end).await.unwrap(), b"");
    }
}

#[tokio::test]
async fn stop_returns_when_everything_is_closed() {
    let mut line = Line::start().await;
    let (mut client, _server) = line.connection().await;

    patiently(line.proxy.stop()).await;

    assert_eq!(line.control.open(), 0);
    assert_eq!(to_the_end(&mut client).await.unwrap(), b"");
}

#[tokio::test]
async fn proxies_do_not_touch_each_other() {
    let mut one = Line::start().await;
    let mut other = Line::start().await;

    one.control.cut();

    one.assert_refused().await;
    other.connection().await;
    one.control.restore();
    one.connection().await;
}

#[tokio::test]
async fn tls_stays_end_to_end() {
    let mut line = Line::start().await;
    let identity = Identity::new();
    let client = connect(line.proxy.addr()).await;
    let server = line.server.accept().await;
    let (client, server) = tokio::join!(
        tls(client, &identity.authority_pem),
        identity.acceptor().accept(server),
    );
    let (mut client, mut server) = (client.unwrap(), server.unwrap());

    say(&mut client, b"sealed").await;
    hear(&mut server, b"sealed").await;
    line.control.freeze(true);
    say(&mut server, b"held").await;
    assert_silent(&mut client).await;
    line.control.freeze(false);
    hear(&mut client, b"held").await;

    line.control.half_open();
    say(&mut server, b"lost").await;
    assert_silent(&mut client).await;
}

#[tokio::test]
async fn tls_cannot_begin_through_a_frozen_or_resetting_proxy() {
    let mut line = Line::start().await;
    let identity = Identity::new();

    line.control.freeze(true);
    let client = connect(line.proxy.addr()).await;
    let handshake = tls(client, &identity.authority_pem);
    let _server = line.server.accept().await;
    let waited = tokio::time::timeout(Duration::from_millis(150), handshake).await;
    assert!(waited.is_err());

    line.control.clear().reset_new(true);
    let client = connect(line.proxy.addr()).await;
    let error = tls(client, &identity.authority_pem).await.unwrap_err();
    assert!(is_reset(&error), "{error}");
}

/// Bytes in a steady stream, on several threads: what the server hears after a fault has been
/// switched can only be what was underway before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_is_in_force_when_the_call_returns() {
    for round in 0..40 {
        let mut line = Line::start().await;
        let (mut client, mut server) = line.connection().await;
        let streaming =
            tokio::spawn(async move { while client.write_all(&[7; 997]).await.is_ok() {} });
        let hearing = tokio::spawn(async move {
            let mut sink = tokio::io::sink();
            let _ = tokio::io::copy(&mut server, &mut sink).await;
        });
        while line.control.report().bytes_from_client < 100_000 {
            tokio::task::yield_now().await;
        }

        if round % 2 == 0 {
            line.control.freeze(true);
        } else {
            line.control.half_open();
        }

        let before = line.control.report().bytes_from_client;
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert_eq!(line.control.report().bytes_from_client, before);
        streaming.abort();
        hearing.abort();
    }
}
