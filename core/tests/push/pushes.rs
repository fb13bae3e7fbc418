//! Pushes: signed orders, forged ones, replayed ones, expiry notices, messages.

use crate::common::{self, until};
use crate::support::{
    DEVICE_ID, deliver, deliver_until_ended, expiry_notice, open_files, phone, questions,
    revoke_and_order, server, sign_in, suspend, upgrades,
};
use serde_json::json;
use std::sync::Arc;
use steadfast::{
    FileKeyStore, HostState, NoticeKind, PushPayload, Reason, Shows, Standing, Steadfast, ToShow,
    message,
};

/// Hazards D17.
#[tokio::test]
async fn a_signed_order_wipes_a_phone_whose_session_is_gone_and_the_phone_sleeps_on() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let (core, account) = phone(folder.path(), &server).await;
    suspend(&core).await;
    let dialled = upgrades(&server);

    let push = revoke_and_order(&server).await;
    let received = deliver_until_ended(&core, account, &push).await;

    let snapshot = core.snapshot(account).unwrap();
    assert_eq!(snapshot.reason, Some(Reason::Wiped));
    assert!(received.handled);
    let ToShow::Notices(notices) = received.to_show else {
        panic!("nothing to show: {received:?}");
    };
    assert_eq!(notices.len(), 1);
    assert_eq!(notices[0].kind, NoticeKind::SessionEnded);
    assert_eq!(core.obligations().len(), 1, "its data is to be erased");
    assert_eq!(open_files(folder.path()), 0);
    assert_eq!(upgrades(&server), dialled, "no socket");
    core.close().await;
}

/// The process was started by the push: nothing of an earlier one is in memory. Hazards D17.
#[tokio::test]
async fn a_process_that_the_push_started_carries_the_order_out_and_closes_again() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let (core, account) = phone(folder.path(), &server).await;
    core.close().await;
    let push = revoke_and_order(&server).await;

    let mut config = common::config(folder.path(), &server);
    config.host_state = HostState::Suspended;
    let keys = FileKeyStore::open(folder.path().join("keys")).unwrap();
    let core = Steadfast::open(config, Arc::new(keys)).unwrap();
    deliver_until_ended(&core, account, &push).await;

    assert_eq!(core.snapshot(account).unwrap().reason, Some(Reason::Wiped));
    assert_eq!(open_files(folder.path()), 0);
    core.close().await;
    let again = common::open(folder.path(), &server);
    assert_eq!(again.snapshot(account).unwrap().reason, Some(Reason::Wiped));
    again.close().await;
}

/// An order for a session that was replaced in the meantime: it arrives late, and then again. Hazards D17.
#[tokio::test]
async fn an_old_order_and_its_replays_leave_the_session_after_it_alone() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let (core, _) = phone(folder.path(), &server).await;
    let push = revoke_and_order(&server).await;
    let account = sign_in(&core, &server).await;

    for _ in 0..3 {
        deliver(&core, &push).await;
        let snapshot = until(&core, account, |snapshot| !snapshot.cover).await;
        assert_eq!(snapshot.shows(), Shows::Content);
    }
    // The order was taken once. Were it taken again, it would cover; now it is no more than a hint.
    server
        .control()
        .revoke_session(&crate::support::own_session(&server));
    deliver(&core, &push).await;
    let ended = until(&core, account, |snapshot| {
        snapshot.standing == Standing::Ended
    })
    .await;
    assert_eq!(ended.reason, Some(Reason::SessionEnded));
    assert!(core.obligations().is_empty(), "nothing is wiped");
    core.close().await;
}

/// Hazards D17.
#[tokio::test]
async fn an_order_that_is_not_signed_for_this_device_by_this_server_is_no_more_than_a_hint() {
    let server = server().await;
    let stranger = crate::support::server().await;
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (core, account) = phone(folder.path(), &server).await;
    let (another_core, _) = phone(other.path(), &stranger).await;
    let foreign = revoke_and_order(&stranger).await;
    another_core.close().await;
    let genuine = revoke_and_order(&server).await;
    assert_eq!(sign_in(&core, &server).await, account);
    core.set_device_id(Some("apple_rn-v2:another".to_owned()))
        .await
        .unwrap();

    let mut forged = foreign;
    forged["server_id"] = genuine["server_id"].clone();
    let mut unsigned = genuine.clone();
    unsigned["signature"] = json!("NO_SIGNATURE");
    // The last one was signed by the server, for the id that this device had before.
    for push in [&forged, &unsigned, &genuine] {
        let asked = questions(&server);
        deliver(&core, push).await;
        assert!(questions(&server) > asked, "a hint");
        assert!(!counted(&core, folder.path(), push).await, "{push}");
    }
    core.set_device_id(Some(DEVICE_ID.to_owned()))
        .await
        .unwrap();
    deliver(&core, &genuine).await;
    assert!(counted(&core, folder.path(), &genuine).await);
    core.close().await;
}

/// Whether the core has taken this push for an order.
async fn counted(core: &Steadfast, folder: &std::path::Path, push: &serde_json::Value) -> bool {
    suspend(core).await;
    let mut vault = steadfast::vault::Vault::open(&folder.join("vault"))
        .unwrap()
        .vault;
    let seen = vault.has_seen_push(push["ack_id"].as_str().unwrap());
    drop(vault);
    core.host_state(HostState::Focused).await.unwrap();
    seen.unwrap()
}

#[tokio::test]
async fn messages_are_passed_on_but_not_past_a_cover_or_a_sign_out() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let (core, account) = phone(folder.path(), &server).await;
    let order = revoke_and_order(&server).await;
    let account_again = sign_in(&core, &server).await;
    assert_eq!(account, account_again);
    let message =
        json!({"type": "message", "server_id": order["server_id"], "message": "from Bob"});
    let received = deliver(&core, &message).await;
    assert_eq!(
        (received.handled, received.to_show),
        (false, ToShow::AsGiven)
    );
    for kind in ["clear", "update_badge", "test", "a kind of tomorrow"] {
        let push = json!({"type": kind, "server_id": order["server_id"], "badge": 3});
        let received = deliver(&core, &push).await;
        assert_eq!(
            (received.handled, received.to_show),
            (false, ToShow::AsGiven),
            "{kind}"
        );
    }
    let elsewhere = json!({"type": "message", "server_id": "forgotten", "message": "from Eve"});
    assert_eq!(deliver(&core, &elsewhere).await.to_show, ToShow::Nothing);

    server.control().mfa_enforced(true);
    core.verify(account, std::time::Duration::from_secs(60))
        .await
        .unwrap();
    let request = steadfast::Request::new(steadfast::Method::Get, "/api/v4/users/me/teams");
    let _ = core.request(account, request).await;
    until(&core, account, |snapshot| snapshot.cover).await;
    assert_eq!(
        deliver(&core, &message).await.to_show,
        ToShow::Instead(message::NEW_MESSAGE)
    );

    core.sign_out(account).await.unwrap();
    assert_eq!(deliver(&core, &message).await.to_show, ToShow::Nothing);
    core.close().await;
}

/// The server's own job sends the notice, up to ten minutes late.
#[tokio::test]
async fn an_expiry_notice_is_told_once_and_by_the_servers_word() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let (core, account) = phone(folder.path(), &server).await;
    suspend(&core).await;
    server
        .control()
        .expire_session(&crate::support::own_session(&server));
    assert_eq!(server.control().run_expiry_job().await, 1);
    let push = server
        .control()
        .wait_for_push(|push| push.body["type"] == "session")
        .await;
    let push = crate::support::as_delivered(push.body);

    let received = deliver_until_ended(&core, account, &push).await;
    let ToShow::Notices(notices) = received.to_show else {
        panic!("nothing to show");
    };
    assert_eq!(notices.len(), 1);
    assert_eq!(notices[0].kind, NoticeKind::SessionEnded);
    assert_eq!(notices[0].message(), message::SESSION_EXPIRED_NOTIFICATION);
    core.host_state(HostState::Focused).await.unwrap();
    core.acknowledge_notice(notices[0].id).await.unwrap();
    // It comes a second time, and the app looks as well: nothing more is told.
    assert_eq!(deliver(&core, &push).await.to_show, ToShow::Nothing);
    assert!(core.notices().is_empty());
    assert_eq!(
        core.snapshot(account).unwrap().shows(),
        Shows::SignIn(Some(message::SESSION_EXPIRED))
    );
    core.close().await;
}

/// Q11.
#[tokio::test]
async fn an_expiry_notice_for_a_session_that_lives_shows_nothing_and_ends_nothing() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let (core, account) = phone(folder.path(), &server).await;
    suspend(&core).await;
    let asked = questions(&server);
    let received = deliver(&core, &expiry_notice("")).await;
    assert_eq!(
        (received.handled, received.to_show),
        (true, ToShow::Nothing)
    );
    assert!(questions(&server) > asked, "the server was asked");
    assert_eq!(core.snapshot(account).unwrap().standing, Standing::Active);
    assert!(core.notices().is_empty());
    core.close().await;
}

#[tokio::test]
async fn what_is_no_push_is_refused() {
    for text in [
        "",
        "[]",
        "7",
        "{",
        &format!("{{\"a\":\"{}\"}}", "x".repeat(17_000)),
    ] {
        assert!(PushPayload::from_json(text).is_err());
    }
    let apple = PushPayload::from_json(r#"{"aps":{"alert":{"body":"hello"}},"badge":3,"x":[1]}"#);
    let apple = apple.unwrap();
    assert_eq!(
        (apple.get("message"), apple.get("badge"), apple.get("x")),
        ("hello", "3", "")
    );
    assert!(!format!("{apple:?}{DEVICE_ID:.0}").contains("hello"));
}
