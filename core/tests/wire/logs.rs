//! The libraries below the core log what they send and receive. Nothing of it may hold a token or a password, at any level.

use steadfast::secret::SecretText;
use steadfast::server::sign_in::Recognisable;
use steadfast::server::{Credentials, Socket, SocketEvent};
use tokio::io::AsyncWriteExt;

use crate::logged;
use crate::support::{CANARY, Listener, accept_upgrade, answer, dialler, frame, token};

/// Hazard E01.
#[tokio::test]
async fn no_log_line_of_any_library_holds_a_secret() {
    logged::listen();

    let headers = format!("Content-Type: application/json\r\nToken: {CANARY}\r\n");
    let body = format!(r#"{{"id":"api.x.app_error","message":"{CANARY}"}}"#);
    let server = Listener::answering(answer("500 Error", &headers, &body)).await;
    let rest = server.rest();
    rest.users_me(&token(), "1").await.unwrap();
    let credentials = Credentials {
        login_id: "alice".into(),
        password: SecretText::new(CANARY),
        mfa_code: Some(SecretText::new(CANARY)),
        ldap_only: false,
        device_id: None,
        recognisable: Recognisable::ByCsrf,
    };
    rest.sign_in(&credentials).await.unwrap();

    let fail = format!(
        r#"{{"status":"FAIL","seq_reply":1,"error":{{"id":"api.context.invalid_token.error","message":"{CANARY}"}}}}"#
    );
    let server = Listener::raw(move |mut stream, _| {
        let bytes = frame(0x81, fail.as_bytes());
        async move {
            accept_upgrade(&mut stream).await;
            stream.write_all(&bytes).await.unwrap();
        }
    })
    .await;
    let mut socket = Socket::connect(&dialler(), &server.address, "Tests/1.0", &token(), None)
        .await
        .unwrap();
    let mut replies = 0;
    while let Some(event) = socket.next().await {
        replies += usize::from(matches!(event, SocketEvent::Reply { .. }));
    }
    assert_eq!(replies, 1);

    let lines = logged::heard();
    let found = lines.lines().find(|line| line.contains(CANARY));
    assert_eq!(found, None);
}
