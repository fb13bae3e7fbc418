//! The app's own traffic over a real wire: messages on the socket, files to and from the server.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test, what does not hold stops the test"
)]

mod common;

use common::{live, server, until, until_live};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use steadfast::{
    AccountId, Download, Error, FileKeyStore, HostState, NetworkPath, Progress, Standing,
    Steadfast, Upload,
};
use steadfast_faults::{Proxy, Side};
use steadfast_testserver::Server;

/// Bytes of a file that is never whole while something happens to it at the pace of these tests.
const LARGE: usize = 40_000_000;

/// The same behind a proxy, which can make transfers slow enough to be met half-way.
async fn live_behind_a_proxy() -> (Server, Proxy, tempfile::TempDir, Steadfast, AccountId) {
    let server = Server::builder()
        .user("alice", common::PASSWORD, steadfast_testserver::Role::User)
        .start()
        .await
        .unwrap();
    let proxy = Proxy::http(server.url()).start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let device = steadfast::Device::new(
        steadfast::DeviceKind::IPhone,
        "2.43.0",
        "799",
        "18.1",
        "iPhone15,4",
    );
    let mut config = steadfast::Config::new(folder.path().join("vault"), device);
    config.clear_text = steadfast::ClearText::AllowedByApp;
    let keys = FileKeyStore::open(folder.path().join("keys")).unwrap();
    let core = Steadfast::open(config, Arc::new(keys)).unwrap();
    let sign_in = steadfast::SignIn::new(proxy.url("http"), "alice", common::PASSWORD);
    let account = core.sign_in(sign_in).await.unwrap();
    until_live(&core, account).await;
    (server, proxy, folder, core, account)
}

/// Bytes that are not all the same.
fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|place| (place * 31 % 251) as u8).collect()
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let file = folder.join(name);
    std::fs::write(&file, bytes).unwrap();
    file
}

fn upload(server: &Server, file: &Path) -> Upload {
    Upload::new("/api/v4/files", "application/octet-stream", file)
        .query("channel_id", server.control().channel_id())
        .query("filename", "picture.bin")
}

#[tokio::test]
async fn a_message_on_the_socket_gets_its_own_reply() {
    let (server, _folder, core, account) = live().await;
    let alice = server.control().user_id("alice").unwrap();
    let ids = json!({ "user_ids": [alice] });
    let asked = (0..20).map(|_| core.send(account, "get_statuses_by_ids", ids.clone()));
    for reply in futures_util::future::join_all(asked).await {
        assert_eq!(reply.unwrap()[&alice], "online");
    }
    let plugin = core.send(account, "custom_com.example_do", json!({})).await;
    assert_eq!(plugin, Ok(Value::Null), "plugins do not reply");
    assert!(matches!(
        core.send(account, "no_such_action", Value::Null).await,
        Err(Error::Refused { id: Some(id), .. }) if id == "api.web_socket_router.bad_action.app_error"
    ));
    until_live(&core, account).await;
    core.close().await;
}

#[tokio::test]
async fn a_message_that_would_cost_the_connection_is_not_sent() {
    let (server, _folder, core, account) = live().await;
    let sockets = server.control().live_sockets();
    for action in [
        "",
        "ping",
        "authentication_challenge",
        "two words",
        "ü",
        &"a".repeat(129),
    ] {
        assert_eq!(
            core.send(account, action, Value::Null).await,
            Err(Error::InvalidArgument { argument: "action" }),
            "{action}"
        );
    }
    assert_eq!(
        core.send(account, "presence", json!("text")).await,
        Err(Error::InvalidArgument { argument: "data" })
    );
    let large = json!({ "text": "x".repeat(8_192) });
    assert_eq!(
        core.send(account, "presence", large).await,
        Err(Error::TooLarge { limit: 8_192 })
    );
    assert_eq!(
        server.control().live_sockets(),
        sockets,
        "the same connection"
    );
    core.network_changed(NetworkPath::Down, None).unwrap();
    assert_eq!(
        core.send(account, "get_statuses", Value::Null).await,
        Err(Error::Offline)
    );
    core.close().await;
}

#[tokio::test]
async fn a_message_of_a_revoked_session_ends_in_the_verdict_or_retryably() {
    let (server, _folder, core, account) = live().await;
    server.control().clock_advance(Duration::from_secs(60));
    server
        .control()
        .revoke_session(&server.control().sessions("alice")[0].id);
    let outcome = core.send(account, "get_statuses", Value::Null).await;
    assert!(
        matches!(outcome, Err(Error::SessionEnded | Error::Offline)),
        "{outcome:?}"
    );
    until(&core, account, |snapshot| {
        snapshot.standing == Standing::Ended
    })
    .await;
    assert_eq!(
        core.send(account, "get_statuses", Value::Null).await,
        Err(Error::SessionEnded)
    );
    core.close().await;
}

/// Hazard A22.
#[tokio::test]
async fn a_sleeping_reader_costs_a_gap_and_never_the_heartbeat() {
    let (server, _folder, core, account) = live().await;
    let seen = core.events(account, 0).await.unwrap().last_seq;
    let socket = server.control().live_sockets();
    for number in 0..1_500 {
        server.control().post("sysadmin", &format!("post {number}"));
        if number % 100 == 0 {
            // The server's own queue of a socket is short; a reply says that this one was emptied.
            core.send(account, "get_statuses", Value::Null)
                .await
                .unwrap();
        }
    }
    core.send(account, "get_statuses", Value::Null)
        .await
        .unwrap();
    assert_eq!(
        server.control().live_sockets(),
        socket,
        "the same connection"
    );
    let batch = core.events(account, seen).await.unwrap();
    assert!(batch.gap && batch.events.len() <= 1_000);
    assert!(batch.events.last().unwrap().json.contains("post 1499"));
    server.control().post("sysadmin", "after the gap");
    let next = core.events(account, batch.last_seq).await.unwrap();
    assert!(!next.gap);
    assert!(next.events[0].json.contains("after the gap"));
    core.close().await;
}

#[tokio::test]
async fn a_file_goes_up_and_comes_down_whole() {
    let (server, folder, core, account) = live().await;
    let sent = bytes(3_000_001);
    let file = write(folder.path(), "up", &sent);
    let transfer = core.upload(account, upload(&server, &file)).await.unwrap();
    let answer = transfer.finished().await.unwrap();
    assert_eq!(answer.status, 201);
    let whole = Progress {
        done: 3_000_001,
        total: Some(3_000_001),
    };
    assert_eq!(transfer.progress(), whole);
    let info: Value = serde_json::from_slice(&answer.body).unwrap();
    let id = info["file_infos"][0]["id"].as_str().unwrap();
    assert_eq!(*server.control().file(id).unwrap(), sent);

    let target = folder.path().join("down");
    let path = format!("/api/v4/files/{id}");
    let download = core.download(account, Download::new(&path, &target));
    let transfer = download.await.unwrap();
    let again = transfer.clone();
    let (first, second) = tokio::join!(transfer.finished(), again.finished());
    assert_eq!(first, second, "any number may wait");
    let answer = first.unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(std::fs::read(&target).unwrap(), sent);
    assert_eq!(transfer.progress(), whole);
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_string_lossy().contains("part"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    core.close().await;
}

#[tokio::test]
async fn a_range_is_fetched_and_a_missing_file_is_the_servers_answer() {
    let (server, folder, core, account) = live().await;
    let stored = bytes(10_000);
    let id = server.control().put_file(stored.clone());
    let target = folder.path().join("part of it");
    let mut download = Download::new(format!("/api/v4/files/{id}"), &target);
    download.range = Some((100, 199));
    let answer = core.download(account, download.clone()).await.unwrap();
    assert_eq!(answer.finished().await.unwrap().status, 206);
    assert_eq!(std::fs::read(&target).unwrap(), stored[100..200]);

    download.range = Some((20_000, 20_100));
    let answer = core.download(account, download.clone()).await.unwrap();
    assert_eq!(answer.finished().await.unwrap().status, 416);
    assert_eq!(
        std::fs::read(&target).unwrap(),
        stored[100..200],
        "left as it was"
    );
    download.range = Some((5, 4));
    assert_eq!(
        core.download(account, download).await.unwrap_err(),
        Error::InvalidArgument { argument: "range" }
    );

    let missing = Download::new("/api/v4/files/aaaaaaaaaaaaaaaaaaaaaaaaaa", &target);
    let answer = core.download(account, missing).await.unwrap();
    let answer = answer.finished().await.unwrap();
    assert_eq!(answer.status, 404);
    assert!(String::from_utf8_lossy(&answer.body).contains("app.file_info.get.app_error"));
    core.close().await;
}

/// What a try that was cut left behind.
fn leave_part(target: &Path, bytes: &[u8], tag: &str) {
    let part = target.with_file_name(format!(
        "{}.part",
        target.file_name().unwrap().to_string_lossy()
    ));
    std::fs::write(&part, bytes).unwrap();
    std::fs::write(
        part.with_file_name(format!(
            "{}.tag",
            part.file_name().unwrap().to_string_lossy()
        )),
        tag,
    )
    .unwrap();
}

#[tokio::test]
async fn an_interrupted_download_is_gone_on_with_only_if_the_file_is_the_same() {
    let (server, folder, core, account) = live().await;
    let stored = bytes(500_000);
    let id = server.control().put_file(stored.clone());
    let target = folder.path().join("resumed");
    let download = Download::new(format!("/api/v4/files/{id}"), &target);
    let whole = core.download(account, download.clone()).await.unwrap();
    let answer = whole.finished().await.unwrap();
    let (_, tag) = answer
        .headers
        .iter()
        .find(|(name, _)| name == "etag")
        .unwrap();

    leave_part(&target, &stored[..200_000], tag);
    let seen = server.control().request_count();
    let again = core.download(account, download.clone()).await.unwrap();
    assert_eq!(again.finished().await.unwrap().status, 200);
    assert_eq!(std::fs::read(&target).unwrap(), stored);
    let asked = server.control().requests()[seen..].to_vec();
    assert_eq!(asked.last().unwrap().status, Some(206), "the rest alone");

    let changed = bytes(400_000).into_iter().rev().collect::<Vec<_>>();
    server.control().replace_file(&id, changed.clone());
    leave_part(&target, &stored[..200_000], tag);
    let fresh = core.download(account, download.clone()).await.unwrap();
    assert_eq!(fresh.finished().await.unwrap().status, 200);
    assert_eq!(
        std::fs::read(&target).unwrap(),
        changed,
        "no mixture of two files"
    );

    // A part that is longer than the file can only be of another one.
    let answer = core.download(account, download.clone()).await.unwrap();
    let answer = answer.finished().await.unwrap();
    let (_, tag) = answer
        .headers
        .iter()
        .find(|(name, _)| name == "etag")
        .unwrap();
    leave_part(&target, &bytes(600_000), tag);
    let fresh = core.download(account, download).await.unwrap();
    assert_eq!(fresh.finished().await.unwrap().status, 200);
    assert_eq!(std::fs::read(&target).unwrap(), changed);
    core.close().await;
}

#[tokio::test]
async fn a_cancelled_transfer_leaves_nothing_and_a_suspended_one_can_be_gone_on_with() {
    let (server, proxy, folder, core, account) = live_behind_a_proxy().await;
    proxy.control().bandwidth(Side::Server, 1_000_000);
    let id = server.control().put_file(bytes(LARGE));
    let target = folder.path().join("large");
    let download = Download::new(format!("/api/v4/files/{id}"), &target);
    let transfer = core.download(account, download.clone()).await.unwrap();
    transfer.progress_after(Progress::default()).await;
    transfer.cancel();
    assert_eq!(transfer.finished().await, Err(Error::Cancelled));
    let part = folder.path().join("large.part");
    assert!(!target.exists() && !part.exists());

    let transfer = core.download(account, download.clone()).await.unwrap();
    let seen = transfer.progress_after(Progress::default()).await;
    transfer.progress_after(seen).await;
    core.host_state(HostState::Suspended).await.unwrap();
    assert_eq!(transfer.finished().await, Err(Error::Suspended));
    assert!(!target.exists());
    core.host_state(HostState::Focused).await.unwrap();
    proxy.control().bandwidth(Side::Server, None);
    let again = core.download(account, download).await.unwrap();
    again.finished().await.unwrap();
    let whole = std::fs::metadata(&target).unwrap().len();
    assert_eq!(usize::try_from(whole).unwrap(), LARGE);
    core.close().await;
}

/// A request of the app that waits for its answer does not keep its socket over a suspension.
#[tokio::test]
async fn a_request_under_way_ends_with_the_suspension() {
    let (_server, proxy, _folder, core, account) = live_behind_a_proxy().await;
    let path = "/api/v4/users/me/teams";
    let never = steadfast_faults::Answer::new(200).after(Duration::from_secs(3600));
    let faults = proxy.control();
    faults.answer(never.on(steadfast_faults::Match::path(path)));
    let request = steadfast::Request::new(steadfast::Method::Get, path);
    let asking = tokio::spawn({
        let core = core.clone();
        async move { core.request(account, request).await }
    });
    common::eventually(|| faults.requests().iter().any(|seen| seen.path == path)).await;
    core.host_state(HostState::Suspended).await.unwrap();
    assert!(matches!(asking.await.unwrap(), Err(Error::Suspended)));
    tokio::time::timeout(Duration::from_secs(60), faults.wait_for_open(0))
        .await
        .unwrap();
    core.close().await;
}

#[tokio::test]
async fn what_may_not_be_sent_is_refused_before_anything_is() {
    let (server, folder, core, account) = live().await;
    let file = write(folder.path(), "up", b"bytes");
    let foreign = Upload::new("//evil.example/api", "image/png", &file);
    assert_eq!(
        core.upload(account, foreign).await.unwrap_err(),
        Error::ForeignOrigin
    );
    let mut own = upload(&server, &file);
    own.headers = vec![("Authorization".to_owned(), "Bearer x".to_owned())];
    assert_eq!(
        core.upload(account, own).await.unwrap_err(),
        Error::InvalidArgument {
            argument: "headers"
        }
    );
    let mut read = upload(&server, &file);
    read.method = steadfast::Method::Get;
    assert_eq!(
        core.upload(account, read).await.unwrap_err(),
        Error::InvalidArgument { argument: "method" }
    );
    let missing = upload(&server, &folder.path().join("nowhere"));
    let error = core.upload(account, missing).await.unwrap_err();
    assert!(matches!(error, Error::File { .. }), "{error}");
    assert!(!error.to_string().contains("nowhere"), "no name of a file");
    let unwritable = Download::new("/api/v4/files/x", folder.path().join("no/such/folder"));
    let requests = server.control().requests();
    assert!(
        !requests
            .iter()
            .any(|request| request.path.contains("/files"))
    );
    let transfer = core.download(account, unwritable).await.unwrap();
    assert_eq!(transfer.finished().await.unwrap().status, 404);
    core.sign_out(account).await.unwrap();
    assert_eq!(
        core.upload(account, upload(&server, &file))
            .await
            .unwrap_err(),
        Error::NotSignedIn
    );
    core.close().await;
}

const CHILD: &str = "STEADFAST_TEST_TRANSFER";

/// Peak of this process's memory, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap()
}

/// A hundred megabytes up and down with a few megabytes of memory: in a process of its own, so that only the core's counts.
#[tokio::test]
async fn a_large_file_needs_little_memory() {
    const LENGTH: usize = 100 * 1024 * 1024;
    if let Ok(told) = std::env::var(CHILD) {
        return transfer_in_child(&told).await;
    }
    let server = server().await;
    let limit = LENGTH + 1;
    server
        .control()
        .settings(|settings| settings.maximum_body_bytes = limit);
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "large", &bytes(LENGTH));
    let authority = write(folder.path(), "ca.pem", server.ca_pem().unwrap().as_bytes());
    let told = json!({
        "url": server.url(),
        "authority": authority,
        "folder": folder.path(),
        "file": file,
        "channel": server.control().channel_id(),
    });
    let output = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_large_file_needs_little_memory", "--nocapture"])
        .env(CHILD, told.to_string())
        .output()
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let line = text
        .lines()
        .find_map(|line| line.split("extra memory ").nth(1));
    let extra: u64 = line.unwrap().split(' ').next().unwrap().parse().unwrap();
    println!("100 MB up and down: {extra} KiB of extra memory");
    assert!(extra <= 4 * 1024, "{extra} KiB");
    assert_eq!(
        std::fs::read(folder.path().join("back")).unwrap(),
        bytes(LENGTH)
    );
}

async fn transfer_in_child(told: &str) {
    let told: Value = serde_json::from_str(told).unwrap();
    let text = |name: &str| told[name].as_str().unwrap().to_owned();
    let folder = std::path::PathBuf::from(text("folder"));
    let device = steadfast::Device::new(
        steadfast::DeviceKind::IPhone,
        "2.43.0",
        "799",
        "18.1",
        "iPhone15,4",
    );
    let mut config = steadfast::Config::new(folder.join("vault"), device);
    config.network.extra_authorities = vec![std::fs::read_to_string(text("authority")).unwrap()];
    let keys = FileKeyStore::open(folder.join("keys")).unwrap();
    let core = Steadfast::open(config, Arc::new(keys)).unwrap();
    let account = core
        .sign_in(steadfast::SignIn::new(
            text("url"),
            "alice",
            common::PASSWORD,
        ))
        .await
        .unwrap();
    until_live(&core, account).await;
    let request = |file: &Path| {
        Upload::new("/api/v4/files", "application/octet-stream", file)
            .query("channel_id", text("channel"))
            .query("filename", "large.bin")
    };
    // Code and buffers of a first transfer are no cost of the length.
    let small = write(&folder, "small", &bytes(2_000_000));
    let info = core.upload(account, request(&small)).await.unwrap();
    let info: Value = serde_json::from_slice(&info.finished().await.unwrap().body).unwrap();
    let path = |info: &Value| {
        let id = info["file_infos"][0]["id"].as_str().unwrap();
        format!("/api/v4/files/{id}")
    };
    let fetched = Download::new(path(&info), folder.join("small back"));
    let fetched = core.download(account, fetched).await.unwrap();
    fetched.finished().await.unwrap();
    let before = peak();
    let transfer = core
        .upload(account, request(Path::new(&text("file"))))
        .await
        .unwrap();
    let answer = transfer.finished().await.unwrap();
    assert_eq!(answer.status, 201);
    let info: Value = serde_json::from_slice(&answer.body).unwrap();
    let fetched = Download::new(path(&info), folder.join("back"));
    let fetched = core.download(account, fetched).await.unwrap();
    assert_eq!(fetched.finished().await.unwrap().status, 200);
    println!("extra memory {} KiB", peak() - before);
    core.close().await;
}

/// Where the part file cannot be made, that is what went wrong, and the server's answer is not taken for a file.
#[tokio::test]
async fn a_file_that_cannot_be_written_is_told_as_that() {
    let (server, folder, core, account) = live().await;
    let id = server.control().put_file(bytes(100_000));
    let target = folder.path().join("no such folder").join("file");
    let download = Download::new(format!("/api/v4/files/{id}"), target);
    let transfer = core.download(account, download).await.unwrap();
    let error = transfer.finished().await.unwrap_err();
    assert!(matches!(error, Error::File { .. }), "{error}");
    core.close().await;
}

/// What comes after the app has erased a user's data would be there for the next one.
#[tokio::test]
async fn a_transfer_ends_with_the_session_and_leaves_nothing() {
    let (server, proxy, folder, core, account) = live_behind_a_proxy().await;
    proxy.control().bandwidth(Side::Server, 1_000_000);
    let id = server.control().put_file(bytes(LARGE));
    let target = folder.path().join("large");
    let download = Download::new(format!("/api/v4/files/{id}"), &target);
    let transfer = core.download(account, download.clone()).await.unwrap();
    transfer.progress_after(Progress::default()).await;
    core.sign_out(account).await.unwrap();
    assert_eq!(transfer.finished().await, Err(Error::NotSignedIn));
    assert!(!target.exists() && !folder.path().join("large.part").exists());

    let again = steadfast::SignIn::new(proxy.url("http"), "alice", common::PASSWORD);
    assert_eq!(core.sign_in(again).await.unwrap(), account);
    let transfer = core.download(account, download).await.unwrap();
    transfer.progress_after(Progress::default()).await;
    core.forget(account).await.unwrap();
    assert_eq!(transfer.finished().await, Err(Error::NoSuchAccount));
    assert!(!target.exists() && !folder.path().join("large.part").exists());
    core.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn downloads_to_one_file_come_one_after_the_other() {
    let (server, folder, core, account) = live().await;
    let stored = bytes(4_000_000);
    let id = server.control().put_file(stored.clone());
    let target = folder.path().join("file");
    let download = Download::new(format!("/api/v4/files/{id}"), &target);
    let begin = || core.download(account, download.clone());
    for _ in 0..5 {
        let first = begin().await.unwrap();
        first.progress_after(Progress::default()).await;
        first.cancel();
        let second = begin().await.unwrap();
        let (first, second) = tokio::join!(first.finished(), second.finished());
        if first.is_err() {
            assert_eq!(first, Err(Error::Cancelled));
        }
        assert_eq!(second.unwrap().status, 200);
        assert_eq!(std::fs::read(&target).unwrap(), stored);

        let (first, second) = (begin().await.unwrap(), begin().await.unwrap());
        let third = begin().await.unwrap();
        third.cancel();
        let (first, second) = tokio::join!(first.finished(), second.finished());
        assert_eq!((first.unwrap().status, second.unwrap().status), (200, 200));
        assert_eq!(third.finished().await, Err(Error::Cancelled));
        assert_eq!(std::fs::read(&target).unwrap(), stored);
        std::fs::remove_file(&target).unwrap();
    }
    core.close().await;
}

/// A part that cannot be written over keeps the tag of the version that it is of.
#[tokio::test]
async fn a_part_is_never_left_under_the_tag_of_another_version() {
    let (server, folder, core, account) = live().await;
    let id = server.control().put_file(bytes(100_000));
    let target = folder.path().join("file");
    // Something that has a length and cannot be opened for writing, whoever runs this test.
    std::fs::create_dir(folder.path().join("file.part")).unwrap();
    let tag = write(folder.path(), "file.part.tag", b"\"an older version\"");
    let download = Download::new(format!("/api/v4/files/{id}"), &target);
    let transfer = core.download(account, download).await.unwrap();
    let error = transfer.finished().await.unwrap_err();
    assert!(matches!(error, Error::File { .. }), "{error}");
    assert_eq!(
        std::fs::read_to_string(tag).unwrap(),
        "\"an older version\""
    );
    core.close().await;
}

#[tokio::test]
async fn a_file_that_becomes_shorter_while_it_is_sent_is_told_as_that() {
    let (server, proxy, folder, core, account) = live_behind_a_proxy().await;
    proxy.control().bandwidth(Side::Client, 1_000_000);
    let file = write(folder.path(), "shrinks", &bytes(LARGE));
    let transfer = core.upload(account, upload(&server, &file)).await.unwrap();
    let shrinks = std::fs::File::options().write(true).open(&file).unwrap();
    shrinks.set_len(1_000).unwrap();
    let error = transfer.finished().await.unwrap_err();
    assert!(matches!(error, Error::File { .. }), "{error}");
    core.close().await;
}
