//! The realtime socket against servers that behave, break off, overflow or speak something else.

use std::time::Duration;

use steadfast::server::{
    Ended, Resume, SendError, Socket, SocketEvent, TransportErrorKind, UpgradeError,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::support::{
    CANARY, Listener, accept_upgrade, answer, dialler, frame, read_request, token,
};

const HELLO: &str = r#"{"event":"hello","data":{"server_version":"11.6.0.dev.h.false","connection_id":"cccccccccccccccccccccccccc","server_hostname":"node"},"broadcast":{"user_id":"uuuuuuuuuuuuuuuuuuuuuuuuuu"},"seq":0}"#;

async fn connect(server: &Listener) -> Result<Socket, UpgradeError> {
    Socket::connect(&dialler(), &server.address, "Tests/1.0", &token(), None).await
}

/// The next event that is more than a sign of life.
async fn next(socket: &mut Socket) -> SocketEvent {
    loop {
        match socket.next().await.expect("the socket ended before") {
            SocketEvent::Bytes => {}
            event => return event,
        }
    }
}

/// A server that upgrades, sends these bytes and then keeps the connection as `after` says.
async fn sending<F>(bytes: Vec<u8>, after: fn(TcpStream) -> F) -> Listener
where
    F: Future<Output = ()> + Send + 'static,
{
    Listener::raw(move |mut stream, _| {
        let bytes = bytes.clone();
        async move {
            accept_upgrade(&mut stream).await;
            let _ = stream.write_all(&bytes).await;
            after(stream).await;
        }
    })
    .await
}

async fn stay(stream: TcpStream) {
    std::future::pending::<()>().await;
    drop(stream);
}

async fn leave(mut stream: TcpStream) {
    let _ = stream.shutdown().await;
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
}

async fn reset(stream: TcpStream) {
    stream.set_zero_linger().unwrap();
}

async fn ended(bytes: Vec<u8>) -> Ended {
    let server = sending(bytes, stay).await;
    let mut socket = connect(&server).await.unwrap();
    match next(&mut socket).await {
        SocketEvent::Ended(how) => {
            assert_eq!(socket.next().await, None, "the end comes once and last");
            how
        }
        other => panic!("{other:?}"),
    }
}

/// Hazards A21, E15.
#[tokio::test]
async fn the_upgrade_carries_the_token_in_its_header_and_offers_nothing() {
    let (heads, mut seen) = mpsc::unbounded_channel();
    let server = Listener::raw(move |mut stream, _| {
        let heads = heads.clone();
        async move {
            heads.send(accept_upgrade(&mut stream).await).unwrap();
            stay(stream).await;
        }
    })
    .await;
    connect(&server).await.unwrap();
    let head = seen.recv().await.unwrap().to_ascii_lowercase();
    assert!(
        head.starts_with("get /api/v4/websocket http/1.1\r\n"),
        "{head}"
    );
    assert!(
        head.contains(&format!("authorization: bearer {CANARY}\r\n")),
        "{head}"
    );
    assert!(head.contains("user-agent: tests/1.0\r\n"), "{head}");
    for absent in ["extensions", "protocol:", "origin", "cookie"] {
        assert!(!head.contains(absent), "{head}");
    }

    let mut resume = Resume {
        connection_id: "cccccccccccccccccccccccccc".into(),
        sequence_number: 7,
    };
    let connect = async |resume: &Resume| {
        Socket::connect(
            &dialler(),
            &server.address,
            "Tests/1.0",
            &token(),
            Some(resume),
        )
        .await
    };
    connect(&resume).await.unwrap();
    let head = seen.recv().await.unwrap();
    assert!(
        head.starts_with(
            "GET /api/v4/websocket?connection_id=cccccccccccccccccccccccccc&sequence_number=7 "
        ),
        "{head}"
    );
    // With 0 the server would resume without a hello.
    resume.sequence_number = 0;
    connect(&resume).await.unwrap();
    assert!(
        seen.recv()
            .await
            .unwrap()
            .starts_with("GET /api/v4/websocket HTTP")
    );
}

#[tokio::test]
async fn hello_events_and_replies_are_read() {
    let mut bytes = frame(0x81, HELLO.as_bytes());
    bytes.extend(frame(
        0x81,
        br#"{"event":"posted","data":{"post":"{}"},"broadcast":{},"seq":1}"#,
    ));
    bytes.extend(frame(
        0x81,
        br#"{"status":"OK","seq_reply":1,"data":{"text":"pong"}}"#,
    ));
    let fail = format!(
        r#"{{"status":"FAIL","seq_reply":2,"error":{{"id":"api.context.invalid_token.error","message":"Invalid session token={CANARY}, err={CANARY}","status_code":401}}}}"#
    );
    bytes.extend(frame(0x81, fail.as_bytes()));
    let server = sending(bytes, stay).await;
    let mut socket = connect(&server).await.unwrap();
    assert_eq!(
        next(&mut socket).await,
        SocketEvent::Hello {
            seq: 0,
            connection_id: Some("cccccccccccccccccccccccccc".into()),
            server_version: Some("11.6.0.dev.h.false".into()),
            server_hostname: Some("node".into()),
            user_id: Some("uuuuuuuuuuuuuuuuuuuuuuuuuu".into()),
        }
    );
    let SocketEvent::Event {
        seq: 1,
        event,
        json,
    } = next(&mut socket).await
    else {
        panic!("no event");
    };
    assert_eq!(event, "posted");
    assert!(json.contains(r#""post":"{}""#));
    assert_eq!(
        next(&mut socket).await,
        SocketEvent::Reply {
            seq_reply: Some(1),
            ok: true,
            error_id: None,
            data: serde_json::json!({ "text": "pong" }),
        }
    );
    let failed = next(&mut socket).await;
    assert!(!format!("{failed:?}").contains(CANARY));
    assert_eq!(
        failed,
        SocketEvent::Reply {
            seq_reply: Some(2),
            ok: false,
            error_id: Some("api.context.invalid_token.error".into()),
            data: serde_json::Value::Null,
        }
    );
}

#[tokio::test]
async fn requests_are_numbered_from_one() {
    let (frames, mut seen) = mpsc::unbounded_channel();
    let server = Listener::raw(move |mut stream, _| {
        let frames = frames.clone();
        async move {
            accept_upgrade(&mut stream).await;
            while let Some(text) = read_text(&mut stream).await {
                frames.send(text).unwrap();
            }
        }
    })
    .await;
    let socket = connect(&server).await.unwrap();
    assert_eq!(socket.handle().ping(), Ok(1));
    let data = serde_json::json!({ "channel_id": "c" });
    assert_eq!(socket.handle().send("user_typing", data), Ok(2));
    assert_eq!(seen.recv().await.unwrap(), r#"{"seq":1,"action":"ping"}"#);
    assert_eq!(
        seen.recv().await.unwrap(),
        r#"{"seq":2,"action":"user_typing","data":{"channel_id":"c"}}"#
    );
}

/// Reads one short masked text frame.
async fn read_text(stream: &mut TcpStream) -> Option<String> {
    let mut head = [0; 2];
    stream.read_exact(&mut head).await.ok()?;
    let mut mask = [0; 4];
    stream.read_exact(&mut mask).await.ok()?;
    let mut payload = vec![0; usize::from(head[1] & 0x7f)];
    stream.read_exact(&mut payload).await.ok()?;
    for (index, byte) in payload.iter_mut().enumerate() {
        *byte ^= mask[index % 4];
    }
    (head[0] == 0x81).then(|| String::from_utf8(payload).unwrap())
}

/// Hazard A21.
#[tokio::test]
async fn every_way_to_end_is_one_event() {
    assert_eq!(
        ended(frame(0x88, &[])).await,
        Ended::CloseFrame { code: 1005 }
    );
    assert_eq!(
        ended(frame(0x88, &1009u16.to_be_bytes())).await,
        Ended::CloseFrame { code: 1009 }
    );
    // Compressed though nothing was offered, masked, unknown opcode, not UTF-8.
    assert_eq!(ended(frame(0xc1, b"x")).await, Ended::ProtocolError);
    assert_eq!(
        ended(vec![0x81, 0x81, 0, 0, 0, 0, b'x']).await,
        Ended::ProtocolError
    );
    assert_eq!(ended(frame(0x83, b"x")).await, Ended::ProtocolError);
    assert_eq!(
        ended(frame(0x81, &[0xff, 0xfe])).await,
        Ended::ProtocolError
    );
    assert_eq!(
        ended(frame(0x81, &vec![b'x'; 5 * 1024 * 1024])).await,
        Ended::TooLarge
    );

    for (after, expected) in [(0, Ended::Eof), (1, Ended::Reset)] {
        let server = match after {
            0 => sending(frame(0x81, HELLO.as_bytes()), leave).await,
            _ => sending(Vec::new(), reset).await,
        };
        let mut socket = connect(&server).await.unwrap();
        if after == 0 {
            assert!(matches!(next(&mut socket).await, SocketEvent::Hello { .. }));
        }
        assert_eq!(next(&mut socket).await, SocketEvent::Ended(expected));
        assert_eq!(socket.next().await, None);
    }
}

/// Hazard A21.
#[tokio::test]
async fn many_fragments_are_limited_as_one_message() {
    let mut bytes = frame(0x01, &[b'x'; 65_000]);
    for _ in 0..80 {
        bytes.extend(frame(0x00, &[b'x'; 65_000]));
    }
    assert_eq!(ended(bytes).await, Ended::TooLarge);
}

#[tokio::test]
async fn a_part_of_a_message_is_a_sign_of_life() {
    let mut bytes = frame(0x81, HELLO.as_bytes());
    bytes.truncate(20);
    let server = sending(bytes, stay).await;
    let mut socket = connect(&server).await.unwrap();
    assert_eq!(socket.next().await, Some(SocketEvent::Bytes));
}

#[tokio::test]
async fn a_protocol_ping_is_a_sign_of_life_and_is_answered() {
    let (pongs, mut seen) = mpsc::unbounded_channel();
    let server = Listener::raw(move |mut stream, _| {
        let pongs = pongs.clone();
        async move {
            accept_upgrade(&mut stream).await;
            stream.write_all(&frame(0x89, b"")).await.unwrap();
            let mut pong = [0; 6];
            stream.read_exact(&mut pong).await.unwrap();
            pongs.send(pong[..2].to_vec()).unwrap();
            stay(stream).await;
        }
    })
    .await;
    let mut socket = connect(&server).await.unwrap();
    assert_eq!(socket.next().await, Some(SocketEvent::Bytes));
    assert_eq!(seen.recv().await.unwrap(), [0x8a, 0x80]);
}

#[tokio::test]
async fn text_that_is_no_message_is_passed_over() {
    let mut bytes = Vec::new();
    for text in [
        "",
        "not json",
        "[]",
        "{}",
        r#"{"event":"x"}"#,
        r#"{"event":7,"seq":1}"#,
    ] {
        bytes.extend(frame(0x81, text.as_bytes()));
    }
    bytes.extend(frame(0x82, b"\x81\xa5event"));
    bytes.extend(frame(0x81, HELLO.as_bytes()));
    let server = sending(bytes, stay).await;
    let mut socket = connect(&server).await.unwrap();
    assert!(matches!(next(&mut socket).await, SocketEvent::Hello { .. }));
}

#[tokio::test]
async fn a_close_of_ours_is_polite_and_ends_the_socket() {
    let (frames, mut seen) = mpsc::unbounded_channel();
    let server = Listener::raw(move |mut stream, _| {
        let frames = frames.clone();
        async move {
            accept_upgrade(&mut stream).await;
            frames.send(stream.read_u8().await.unwrap()).unwrap();
        }
    })
    .await;
    let mut socket = connect(&server).await.unwrap();
    let handle = socket.handle().clone();
    handle.close().unwrap();
    assert_eq!(seen.recv().await, Some(0x88));
    assert_eq!(next(&mut socket).await, SocketEvent::Ended(Ended::ByUs));
    drop(socket);
    assert_eq!(handle.ping(), Err(SendError::Closed));
}

#[tokio::test]
async fn dropping_the_socket_ends_the_connection() {
    let (ends, mut ended) = mpsc::unbounded_channel();
    let server = Listener::raw(move |mut stream, _| {
        let ends = ends.clone();
        async move {
            accept_upgrade(&mut stream).await;
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
            ends.send(()).unwrap();
        }
    })
    .await;
    drop(connect(&server).await.unwrap());
    ended.recv().await.unwrap();
}

/// Hazard A22.
#[tokio::test]
async fn a_server_that_does_not_read_fills_the_queue_and_not_the_memory() {
    let server = sending(Vec::new(), stay).await;
    let socket = connect(&server).await.unwrap();
    let data = serde_json::json!({ "text": "x".repeat(64 * 1024) });
    let mut sent = 0;
    let full = loop {
        match socket.handle().send("user_typing", data.clone()) {
            Ok(_) => sent += 1,
            Err(error) => break error,
        }
        assert!(sent < 10_000, "the queue has no end");
        tokio::task::yield_now().await;
    };
    assert!(
        matches!(full, SendError::Full | SendError::Closed),
        "{full:?}"
    );
}

/// Hazard A20.
#[tokio::test]
async fn a_refused_upgrade_says_how() {
    let refused = |bytes: Vec<u8>| async move {
        let server = Listener::answering(bytes).await;
        connect(&server).await.unwrap_err()
    };
    let retry_after = Some(Duration::from_secs(9));
    assert_eq!(
        refused(answer(
            "429 Too Many",
            "Retry-After: 9\r\n",
            "limit exceeded\n"
        ))
        .await,
        UpgradeError::Refused {
            status: 429,
            retry_after
        }
    );
    for status in [
        "200 OK",
        "302 Found",
        "403 Forbidden",
        "426 Upgrade",
        "502 Bad Gateway",
    ] {
        let expected = UpgradeError::Refused {
            status: status[..3].parse().unwrap(),
            retry_after: None,
        };
        let bytes = answer(status, "Content-Type: text/html\r\n", "<html>");
        assert_eq!(refused(bytes).await, expected);
    }
    let wrong = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: wrong\r\n\r\n";
    assert_eq!(refused(wrong.into()).await, UpgradeError::NotWebSocket);
    let bare = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
    assert_eq!(refused(bare.into()).await, UpgradeError::NotWebSocket);
}

#[tokio::test]
async fn a_connection_that_ends_during_the_upgrade_is_a_transport_error() {
    let server = Listener::raw(|mut stream, _| async move {
        read_request(&mut stream).await;
    })
    .await;
    let UpgradeError::Transport(error) = connect(&server).await.unwrap_err() else {
        panic!("not a transport error");
    };
    assert_eq!(error.kind, TransportErrorKind::Reset);
    assert!(!format!("{error:?} {error}").contains(CANARY));
}
