//! Closing: who waits is told, later calls are told, and nothing of the app is held any longer.

use super::hosts::{Behaviour, Host};
use super::{World, code, eventually, sign_in_at, until_live};
use crate::{
    Core, Destination, HostState, Method, NetworkPath, Request, SignInAgain, SteadfastError,
    UserQuery,
};
use std::collections::HashMap;
use std::sync::Arc;

/// Hazard C06.
#[tokio::test]
async fn who_waits_is_told_and_later_calls_fail_with_closed() {
    let world = World::new().await;
    let core = world.open();
    let account = core.sign_in(world.alice(), None).await.unwrap();
    until_live(&core, account).await;
    let events = async {
        let mut seen = 0;
        loop {
            match core.events(account, seen, None).await {
                Ok(batch) => seen = batch.last_seq,
                Err(error) => return error.code(),
            }
        }
    };
    let changes = async {
        let mut revision = 0;
        loop {
            match core.changes(revision, None).await {
                Ok(changes) => revision = changes.revision,
                Err(error) => return error.code(),
            }
        }
    };
    let (events, changes, closed) = tokio::join!(events, changes, core.shut_down());
    closed.unwrap();
    assert_eq!((events.as_str(), changes.as_str()), ("closed", "closed"));

    for (call, result) in every_call(&core, account).await {
        assert_eq!(result.unwrap_err().code(), "closed", "{call}");
    }
    let shown = core.snapshot(account).unwrap();
    assert_eq!(shown.username, "alice", "what stood last is still shown");
    core.shut_down().await.unwrap();
}

async fn every_call(core: &Core, account: i64) -> Vec<(&'static str, Result<(), SteadfastError>)> {
    let at = || Destination {
        server: "chat.example.com".to_owned(),
        profile: None,
    };
    let again = SignInAgain {
        password: "password".into(),
        login_id: None,
        mfa_code: None,
        ldap_only: false,
    };
    let query = UserQuery {
        term: None,
        page: 0,
        per_page: 60,
    };
    let request = Request {
        method: Method::Get,
        path: "/api/v4/users/me".to_owned(),
        query: Vec::new(),
        headers: Vec::new(),
        body: None,
    };
    let push = HashMap::from([("type".to_owned(), "session".to_owned())]);
    macro_rules! results {
        ($($name:literal: $call:expr,)+) => {
            vec![$(($name, $call.map(drop)),)+]
        };
    }
    results! {
        "changes": core.changes(0, None).await,
        "events": core.events(account, 0, None).await,
        "sign_in": core.sign_in(sign_in_at("chat.example.com", "password"), None).await,
        "probe_server": core.probe_server(at(), None).await,
        "adopt_token": core.adopt_token(at(), "token".into(), None).await,
        "reauthenticate": core.reauthenticate(account, again, None).await,
        "begin_sso": core.begin_sso(at(), crate::SsoMethod::Saml, None).await,
        "finish_sso": core.finish_sso("mmauth://callback".into(), None).await,
        "request_magic_link": core.request_magic_link(at(), "guest".to_owned(), None).await,
        "sign_in_with_magic_link": core.sign_in_with_magic_link(at(), "token".into(), None).await,
        "sign_out": core.sign_out(account, None).await,
        "forget": core.forget(account, None).await,
        "continue_session": core.continue_session(account, None).await,
        "data_key": core.data_key(account, None).await,
        "active_sessions": core.active_sessions(account, None).await,
        "end_session": core.end_session(account, "x".repeat(26), None).await,
        "end_all_my_sessions": core.end_all_my_sessions(account, None).await,
        "users": core.users(account, query, None).await,
        "end_user_sessions": core.end_user_sessions(account, "x".repeat(26), None).await,
        "prepare_end_everyone": core.prepare_end_everyone(account, None).await,
        "request": core.request(account, request, None).await,
        "send": core.send(account, "user_typing".to_owned(), None, None).await,
        "verify": core.verify(account, 1_000, None).await,
        "host_state": core.host_state(HostState::Focused).await,
        "network_changed": core.network_changed(NetworkPath::Up, None),
        "push_received": core.push_received(push, None).await,
        "background_check": core.background_check(1_000, None).await,
        "acknowledge_notice": core.acknowledge_notice(1).await,
        "acknowledge_obligation": core.acknowledge_obligation(1).await,
        "set_device_id": core.set_device_id(None).await,
        "legacy_erasable": core.legacy_erasable().await,
    }
}

/// Hazard C06.
#[tokio::test]
async fn it_waits_for_no_key_store_that_hangs() {
    let world = World::new().await;
    let host = Host::new(Behaviour::Hangs);
    let core = Core::open(world.config(), host.key_store(), None, None).unwrap();
    let signing_in = core.sign_in(world.alice(), None);
    let closing = async {
        eventually(|| !host.threads().is_empty()).await;
        core.shut_down().await
    };
    let (signed_in, closed) = tokio::join!(signing_in, closing);
    closed.unwrap();
    assert_eq!(code(signed_in), "closed");
    assert_eq!(host.threads().len(), 1, "it still hangs");
    host.behave(Behaviour::Works);
    drop(core);
    eventually(|| host.handles() == 0).await;
}

/// Hazard C06.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_from_many_threads_while_it_closes_are_done_or_told() {
    let world = World::new().await;
    let core = world.open();
    let account = core.sign_in(world.alice(), None).await.unwrap();
    until_live(&core, account).await;
    let callers: Vec<_> = (0..16)
        .map(|_| {
            let core = core.clone();
            tokio::spawn(async move {
                let mut calls = 0;
                loop {
                    calls += 1;
                    core.snapshot(account).unwrap();
                    let set = core.set_device_id(None).await;
                    let listed = core.legacy_erasable().await.map(drop);
                    match set.and(listed) {
                        Ok(()) => {}
                        Err(error) => return (calls, error.code()),
                    }
                }
            })
        })
        .collect();
    tokio::task::yield_now().await;
    core.shut_down().await.unwrap();
    for caller in callers {
        let (calls, code) = caller.await.unwrap();
        assert_eq!(code, "closed", "after {calls}");
    }
}

/// Hazard C10.
#[tokio::test]
async fn a_core_that_is_let_go_of_lets_go_of_everything_of_the_app() {
    let world = World::new().await;
    let host = Host::new(Behaviour::Works);
    for round in 0..50 {
        let core = Core::open(
            world.config(),
            host.key_store(),
            Some(host.resolver()),
            Some(host.certificates()),
        )
        .unwrap();
        if round == 0 {
            core.sign_in(world.alice(), None).await.unwrap();
        }
        assert!(host.handles() >= 3);
        // A well-behaved app closes; one that forgets to only lets go of the object.
        if round % 2 == 0 {
            core.shut_down().await.unwrap();
        }
        assert_eq!(Arc::strong_count(&core), 1, "nothing else holds the core");
        drop(core);
        eventually(|| host.handles() == 0).await;
    }
}
