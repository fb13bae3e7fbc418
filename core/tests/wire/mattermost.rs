//! The wire layer against the embedded server, which answers as Mattermost 11.6 does: TLS, sign-in, sessions, the socket.

use steadfast::device::{DesktopSystem, Device, DeviceId, DeviceKind, Icon, is_listed, label};
use steadfast::secret::{SecretText, Token};
use steadfast::server::sign_in::Recognisable;
use steadfast::server::{
    ClearText, Credentials, DeviceNetwork, DeviceProperties, Dialler, Ended, Health, Outcome,
    Refusal, Rest, Resume, ServerAddress, SignInOutcome, SignedIn, Socket, SocketEvent,
    UpgradeError, UserQuery, probe_server,
};
use steadfast_testserver::{Database, Role, Server};

const ALICE: (&str, &str) = ("alice", "Passw0rd!alice");
const ADMIN: (&str, &str) = ("sysadmin", "Sys@dmin-pass1");

async fn server() -> Server {
    Server::builder()
        .tls(true)
        .user(ADMIN.0, ADMIN.1, Role::Admin)
        .user(ALICE.0, ALICE.1, Role::User)
        .start()
        .await
        .unwrap()
}

fn address(server: &Server) -> ServerAddress {
    ServerAddress::parse(server.url(), ClearText::Refused).unwrap()
}

fn dialler(server: &Server) -> Dialler {
    Dialler::new(&DeviceNetwork {
        extra_authorities: vec![server.ca_pem().unwrap().to_owned()],
        ..DeviceNetwork::default()
    })
    .unwrap()
}

fn device(kind: DeviceKind) -> Device {
    Device {
        kind,
        app_version: "2.43.0".into(),
        app_build: "799".into(),
        system_version: "18.5".into(),
        model: String::new(),
    }
}

fn rest(server: &Server, kind: DeviceKind) -> Rest {
    let agent = device(kind).user_agent();
    Rest::new(address(server), &dialler(server), &agent).unwrap()
}

fn credentials((name, password): (&str, &str)) -> Credentials {
    Credentials {
        login_id: name.into(),
        password: SecretText::new(password),
        mfa_code: None,
        ldap_only: false,
        device_id: None,
        recognisable: Recognisable::No,
    }
}

async fn signed_in(rest: &Rest, who: (&str, &str)) -> SignedIn {
    match rest.sign_in(&credentials(who)).await.unwrap() {
        SignInOutcome::SignedIn(signed_in) => *signed_in,
        other => panic!("{other:?}"),
    }
}

fn done<T: std::fmt::Debug>(outcome: Outcome<T>) -> T {
    match outcome {
        Outcome::Done(value) => value,
        other => panic!("{other:?}"),
    }
}

fn refused<T: std::fmt::Debug>(outcome: Outcome<T>) -> (u16, String) {
    match outcome {
        Outcome::Refused(Refusal { status, id }) => (status, id),
        other => panic!("{other:?}"),
    }
}

async fn connect(server: &Server, token: &Token, resume: Option<&Resume>) -> Socket {
    Socket::connect(
        &dialler(server),
        &address(server),
        "Tests/1.0",
        token,
        resume,
    )
    .await
    .unwrap()
}

async fn next(socket: &mut Socket) -> SocketEvent {
    loop {
        match socket.next().await.expect("the socket ended before") {
            SocketEvent::Bytes => {}
            SocketEvent::Event { event, .. } if event == "status_change" => {}
            event => return event,
        }
    }
}

async fn hello(socket: &mut Socket) -> String {
    match next(socket).await {
        SocketEvent::Hello { connection_id, .. } => connection_id.unwrap(),
        other => panic!("{other:?}"),
    }
}

async fn ping(socket: &mut Socket) -> Result<String, String> {
    let number = socket.handle().ping().unwrap();
    loop {
        if let SocketEvent::Reply {
            seq_reply,
            ok,
            error_id,
            data,
        } = next(socket).await
        {
            assert_eq!(seq_reply, Some(number));
            return match ok {
                true => Ok(data["text"].as_str().unwrap().to_owned()),
                false => Err(error_id.unwrap()),
            };
        }
    }
}

#[tokio::test]
async fn a_stranger_learns_what_the_server_is() {
    let server = server().await;
    let probe = probe_server(&dialler(&server), &address(&server), "Tests/1.0")
        .await
        .unwrap();
    assert!(probe.version.starts_with("11.6"), "{probe:?}");
    assert_eq!(probe.address.as_str(), server.url());
    assert!(probe.methods.email && probe.methods.username && !probe.methods.saml);
}

#[tokio::test]
async fn a_sign_in_gives_a_token_that_works_everywhere() {
    let server = server().await;
    let rest = rest(&server, DeviceKind::IPhone);
    let new = signed_in(&rest, ALICE).await;
    assert_eq!(new.user.username, "alice");
    assert_eq!(new.csrf, None, "no cookie was asked for");
    assert!(new.date.is_some() && new.version_id.is_some());

    let me = rest.users_me(&new.token, "1").await.unwrap();
    assert_eq!(me.status, 200);
    assert!(me.tls && me.same_origin && !me.has_www_authenticate && me.age_seconds.is_none());
    assert_eq!(me.request_id.as_deref().map(str::len), Some(26));
    assert_eq!(
        me.json::<steadfast::server::wire::User>().unwrap().id,
        new.user.id
    );

    let mut socket = connect(&server, &new.token, None).await;
    let SocketEvent::Hello {
        seq: 0, user_id, ..
    } = next(&mut socket).await
    else {
        panic!("no hello");
    };
    assert_eq!(user_id, Some(new.user.id));
    assert_eq!(ping(&mut socket).await, Ok("pong".into()));

    let limited = done(rest.config(None).await.unwrap().outcome);
    let full = done(rest.config(Some(&new.token)).await.unwrap().outcome);
    assert!(
        limited.len() < full.len(),
        "{} {}",
        limited.len(),
        full.len()
    );
}

#[tokio::test]
async fn wrong_sign_ins_are_told_apart() {
    let server = server().await;
    let rest = rest(&server, DeviceKind::Android);
    let outcome = async |change: &dyn Fn(&mut Credentials)| {
        let mut credentials = credentials(ALICE);
        change(&mut credentials);
        format!("{:?}", rest.sign_in(&credentials).await.unwrap())
    };
    let wrong = outcome(&|c| c.password = "wrong".into()).await;
    assert_eq!(
        wrong,
        "Refused { id: \"api.user.login.invalid_credentials_email_username\" }"
    );
    assert_eq!(outcome(&|c| c.login_id = "nobody".into()).await, wrong);
    assert_eq!(outcome(&|c| c.password = "".into()).await, "BlankPassword");

    server.control().enable_mfa("alice");
    assert_eq!(outcome(&|_| {}).await, "MfaNeeded");
    assert_eq!(
        outcome(&|c| c.mfa_code = Some("abc".into())).await,
        "MfaWrong"
    );
    let code = server.control().totp("alice");
    let right = outcome(&|c| c.mfa_code = Some(code.as_str().into())).await;
    assert!(right.starts_with("SignedIn"), "{right}");

    server.control().deactivate("alice", true);
    assert_eq!(outcome(&|_| {}).await, "Deactivated");
}

#[tokio::test]
async fn each_kind_of_device_has_its_label() {
    let server = server().await;
    let desktop = DeviceKind::Desktop;
    for (kind, before, after) in [
        (DeviceKind::IPhone, "iPhone", "iPhone Native App"),
        (DeviceKind::IPad, "iPad", "iPhone Native App"),
        (DeviceKind::Android, "Android", "Android Native App"),
        (
            DeviceKind::ClassicIPhone,
            "iPhone",
            "iPhone Native Classic App",
        ),
        (
            DeviceKind::ClassicAndroid,
            "Android",
            "Android Native Classic App",
        ),
        (desktop(DesktopSystem::Windows), "Native Desktop App", ""),
        (desktop(DesktopSystem::MacOs), "Native Desktop App", ""),
        (desktop(DesktopSystem::Linux), "Native Desktop App", ""),
    ] {
        let rest = rest(&server, kind);
        let mut asking = credentials(ALICE);
        asking.recognisable = Recognisable::ByCsrf;
        let SignInOutcome::SignedIn(new) = rest.sign_in(&asking).await.unwrap() else {
            panic!("not signed in");
        };
        let csrf = new.csrf.unwrap();
        let own = async || {
            let rows = done(rest.sessions(&new.token, "me").await.unwrap().outcome);
            rows.into_iter()
                .find(|row| row.property("csrf") == csrf.expose())
                .expect("the own row is recognised")
        };
        assert_eq!(label(&own().await).text, before, "{kind:?}");
        if let Ok(id) = DeviceId::of_push_token(kind, &format!("push-{}", before.len())) {
            let properties = DeviceProperties {
                device_id: Some(id.as_str().to_owned()),
                notifications_disabled: Some(false),
                app_version: Some("2.43.0".into()),
            };
            done(
                rest.attach_device(&new.token, &properties)
                    .await
                    .unwrap()
                    .outcome,
            );
            let row = own().await;
            assert_eq!(label(&row).text, after, "{kind:?}");
            assert_ne!(label(&row).icon, Icon::None);
        }
    }
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let server = server().await;
    let rest = rest(&server, DeviceKind::IPhone);
    let ids = || {
        server
            .control()
            .sessions("alice")
            .into_iter()
            .map(|session| session.id)
    };
    let first = signed_in(&rest, ALICE).await;
    let first_id = ids().next().unwrap();
    let second = signed_in(&rest, ALICE).await;
    let second_id = ids().find(|id| *id != first_id).unwrap();
    let answer = rest.sessions(&first.token, "me").await.unwrap();
    let now = answer.reply.date.unwrap();
    let rows = done(answer.outcome);
    assert_eq!(rows.iter().filter(|row| is_listed(row, now)).count(), 2);

    let revoke = async || {
        rest.revoke_session(&first.token, "me", &second_id)
            .await
            .unwrap()
            .outcome
    };
    done(revoke().await);
    assert_eq!(
        refused(revoke().await),
        (400, "app.session.get.app_error".into())
    );
    let gone = rest.users_me(&second.token, "1").await.unwrap();
    assert_eq!(gone.status, 401);
    let error = gone.error_body().unwrap();
    assert_eq!(error.id, "api.context.session_expired.app_error");
    assert_eq!(
        (error.status_code, Some(error.request_id)),
        (401, gone.request_id)
    );

    let other = refused(
        rest.sessions(&first.token, &signed_in(&rest, ADMIN).await.user.id)
            .await
            .unwrap()
            .outcome,
    );
    assert_eq!(other, (403, "api.context.permissions.app_error".into()));
    done(rest.logout(&first.token).await.unwrap().outcome);
    done(rest.logout(&first.token).await.unwrap().outcome);
    assert_eq!(rest.users_me(&first.token, "2").await.unwrap().status, 401);
}

#[tokio::test]
async fn an_administrator_finds_users_and_ends_their_sessions() {
    let server = server().await;
    let rest = rest(&server, DeviceKind::Desktop(DesktopSystem::Linux));
    let admin = signed_in(&rest, ADMIN).await;
    let alice = signed_in(&rest, ALICE).await;
    let all = UserQuery::Page {
        page: 0,
        per_page: 60,
    };
    let all = done(rest.users(&admin.token, &all).await.unwrap().outcome);
    assert!(all.iter().any(|user| user.id == alice.user.id));
    let search = UserQuery::Search {
        term: "ali".into(),
        limit: 10,
    };
    let found = done(rest.users(&admin.token, &search).await.unwrap().outcome);
    assert_eq!(
        found
            .iter()
            .map(|user| user.username.as_str())
            .collect::<Vec<_>>(),
        ["alice"]
    );

    let denied = rest.revoke_everyone(&alice.token).await.unwrap().outcome;
    assert_eq!(refused(denied).0, 403);
    done(
        rest.revoke_all_of_user(&admin.token, &alice.user.id)
            .await
            .unwrap()
            .outcome,
    );
    assert_eq!(rest.users_me(&alice.token, "1").await.unwrap().status, 401);
    done(rest.revoke_everyone(&admin.token).await.unwrap().outcome);
    assert_eq!(rest.users_me(&admin.token, "2").await.unwrap().status, 401);
}

#[tokio::test]
async fn a_revoked_socket_is_silent_and_fails_the_ping() {
    let server = server().await;
    let rest = rest(&server, DeviceKind::IPhone);
    let alice = signed_in(&rest, ALICE).await;
    let admin = signed_in(&rest, ADMIN).await;
    let mut socket = connect(&server, &alice.token, None).await;
    hello(&mut socket).await;
    done(
        rest.revoke_all_of_user(&admin.token, &alice.user.id)
            .await
            .unwrap()
            .outcome,
    );
    assert_eq!(
        ping(&mut socket).await,
        Err("api.web_socket_router.not_authenticated.app_error".into())
    );

    let alice = signed_in(&rest, ALICE).await;
    let mut socket = connect(&server, &alice.token, None).await;
    hello(&mut socket).await;
    done(rest.revoke_everyone(&admin.token).await.unwrap().outcome);
    server.control().post("sysadmin", "still heard");
    let mut heard = false;
    let number = socket.handle().ping().unwrap();
    loop {
        match next(&mut socket).await {
            SocketEvent::Event { event, .. } => heard |= event == "posted",
            SocketEvent::Reply {
                seq_reply,
                ok,
                error_id,
                ..
            } => {
                assert_eq!((seq_reply, ok), (Some(number), false));
                assert_eq!(error_id.as_deref(), Some("api.context.invalid_token.error"));
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(heard, "events go on after everyone was revoked");
}

#[tokio::test]
async fn a_dead_token_gets_a_socket_without_a_hello() {
    let server = server().await;
    let dead = Token::new("abcdefghijklmnopqrstuvwxyz").unwrap();
    let mut socket = connect(&server, &dead, None).await;
    assert_eq!(next(&mut socket).await, SocketEvent::Ended(Ended::Eof));
}

#[tokio::test]
async fn a_broken_connection_is_resumed_where_it_was() {
    let server = server().await;
    let rest = rest(&server, DeviceKind::Android);
    let alice = signed_in(&rest, ALICE).await;
    let mut socket = connect(&server, &alice.token, None).await;
    let connection_id = hello(&mut socket).await;
    let posted = async |socket: &mut Socket| loop {
        if let SocketEvent::Event { seq, event, json } = next(socket).await
            && event == "posted"
        {
            return (seq, json);
        }
    };
    server.control().post("sysadmin", "before");
    let (seq, _) = posted(&mut socket).await;
    drop(socket);
    server
        .control()
        .wait_for_sockets(|sockets| sockets.is_empty())
        .await;
    server.control().post("sysadmin", "meanwhile");
    let resume = Resume {
        connection_id,
        sequence_number: seq + 1,
    };
    let mut socket = connect(&server, &alice.token, Some(&resume)).await;
    let (_, json) = posted(&mut socket).await;
    assert!(json.contains("meanwhile"), "{json}");
}

#[tokio::test]
async fn an_outage_answers_like_a_revocation_and_only_the_ping_tells() {
    let server = server().await;
    let rest = rest(&server, DeviceKind::IPhone);
    let alice = signed_in(&rest, ALICE).await;
    let status = async || {
        let (reply, ping) = rest.ping(Health::Database).await.unwrap();
        (reply.status, ping.unwrap().database_status.unwrap())
    };
    assert_eq!(status().await, (200, "OK".into()));
    server.control().clear_token_cache();
    server.control().database(Database::Stopped);
    let reply = rest.users_me(&alice.token, "1").await.unwrap();
    assert_eq!(
        reply.error_body().unwrap().id,
        "api.context.session_expired.app_error"
    );
    assert!(matches!(
        rest.sign_in(&credentials(ALICE)).await.unwrap(),
        SignInOutcome::Refused { .. }
    ));
    assert_eq!(status().await.1, "UNHEALTHY");
    done(rest.logout(&alice.token).await.unwrap().outcome);
    server.control().database(Database::Healthy);
    assert_eq!(rest.users_me(&alice.token, "2").await.unwrap().status, 200);
}

#[tokio::test]
async fn a_restart_ends_the_socket_without_a_frame() {
    let server = server().await;
    let alice = signed_in(&rest(&server, DeviceKind::IPhone), ALICE).await;
    let mut socket = connect(&server, &alice.token, None).await;
    let before = hello(&mut socket).await;
    server.control().restart(std::time::Duration::ZERO).await;
    assert_eq!(next(&mut socket).await, SocketEvent::Ended(Ended::Eof));
    let (dialler, address) = (dialler(&server), address(&server));
    let mut socket = loop {
        match Socket::connect(&dialler, &address, "Tests/1.0", &alice.token, None).await {
            Ok(socket) => break socket,
            Err(UpgradeError::Transport(error)) => assert!(!error.may_have_been_received),
            Err(other) => panic!("{other:?}"),
        }
    };
    assert_ne!(hello(&mut socket).await, before);
}
