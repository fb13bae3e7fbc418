//! The proxy as a process of its own, controlled over HTTP and JSON.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test"
)]

mod support;

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use support::{HttpClient, HttpServer, Told, patiently};
use tokio::net::TcpStream;

struct Process {
    child: Child,
    line: Value,
}

impl Process {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_steadfast-faults"))
            .args(arguments)
            .arg("--until-stdin-ends")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        Self {
            child,
            line: serde_json::from_str(&line).unwrap(),
        }
    }

    fn addr(&self, name: &str) -> SocketAddr {
        let url = self.line[name].as_str().unwrap();
        url.split_once("://").unwrap().1.parse().unwrap()
    }

    async fn get(&self, target: &str) -> Told {
        let mut control = HttpClient::plain(self.addr("control_url")).await;
        control.get(target).await.unwrap()
    }

    async fn order(&self, command: Value) -> Told {
        let mut control = HttpClient::plain(self.addr("control_url")).await;
        let request = Request::post("/do")
            .header("host", "control")
            .body(Full::from(Bytes::from(command.to_string())))
            .unwrap();
        control.send(request).await.unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_process_is_scripted_over_its_control_url() {
    let server = HttpServer::start(None).await;
    let url = format!("http://{}", server.addr);
    let process = Process::start(&["--http", &url, "--tls"]);
    let authority = std::fs::read_to_string(process.line["ca_file"].as_str().unwrap()).unwrap();
    let mut client = HttpClient::secure(process.addr("url"), &authority).await;
    assert_eq!(client.get("/a").await.unwrap().status, 200);

    let done = process
        .order(json!([
            {"do": "strip", "headers": ["X-Request-Id"]},
            {"do": "answer", "status": 401, "path": "/b", "times": 1, "mattermost_headers": true,
             "json": {"id": "some.id", "request_id": ""}},
            {"do": "latency", "each_way_ms": 1},
        ]))
        .await;
    assert_eq!(done.status, 200);
    assert_eq!(done.json()["accepted"], 1);
    let answer = client.get("/b").await.unwrap();
    assert_eq!(answer.status, 401);
    assert_eq!(
        answer.json()["request_id"],
        answer.header("x-request-id").unwrap()
    );
    assert_eq!(client.get("/b").await.unwrap().header("x-request-id"), None);

    let report = process.get("/report").await.json();
    let paths: Vec<_> = report["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| &r["path"])
        .collect();
    assert_eq!(paths, ["/a", "/b", "/b"]);
    let waited = process.get("/wait?method=GET&path=/b&after=2").await;
    assert_eq!(waited.json()["request"]["number"], 3);
    assert_eq!(
        process.get("/wait?accepted=99&timeout_ms=10").await.status,
        408
    );

    process.order(json!({"do": "cut"})).await;
    assert!(
        patiently(TcpStream::connect(process.addr("url")))
            .await
            .is_err()
    );
    process.order(json!({"do": "restore"})).await;
    let mut client = HttpClient::secure(process.addr("url"), &authority).await;
    assert_eq!(client.get("/a").await.unwrap().status, 200);
}

#[tokio::test]
async fn every_command_is_understood_and_wrong_ones_are_named() {
    let server = HttpServer::start(None).await;
    let upstream = server.addr.to_string();
    let process = Process::start(&["--tcp", &upstream]);
    assert_eq!(process.line["ca_file"], Value::Null);

    for command in [
        json!({"do": "latency", "each_way_ms": 5, "jitter_ms": 2}),
        json!({"do": "freeze", "on": true}),
        json!({"do": "refuse", "on": true}),
        json!({"do": "half_open"}),
        json!({"do": "reset"}),
        json!({"do": "reset_new", "on": true}),
        json!({"do": "close_after", "from": "server", "bytes": 10}),
        json!({"do": "close_after", "from": "client", "bytes": null}),
        json!({"do": "answer", "status": 511, "html": "<html>", "headers": [["a", "b"]]}),
        json!({"do": "clear_answers"}),
        json!({"do": "strip", "headers": ["a"]}),
        json!({"do": "refuse_upgrades", "answer": {"status": 403, "text": "no"}}),
        json!({"do": "refuse_upgrades", "answer": null}),
        json!({"do": "add_headers", "headers": [["token", "b"]]}),
        json!({"do": "trickle", "from": "server", "pace": {"bytes": 1, "every_ms": 5}}),
        json!({"do": "trickle", "from": "server", "pace": null}),
        json!({"do": "replay", "path_prefix": "/api"}),
        json!({"do": "rewrite_request_ids", "on": true}),
        json!({"do": "replace_bodies", "status": 401, "html": "<html>"}),
        json!({"do": "replace_bodies", "status": 401, "html": null}),
        json!({"do": "mute_upgraded", "on": true}),
        json!({"do": "portal", "kind": "network_authentication_required"}),
        json!({"do": "gzip_bomb"}),
        json!({"do": "present", "certificate": "wrong_name"}),
        json!({"do": "speak", "language": "only_http2"}),
        json!({"do": "lose_new", "connections": 1}),
        json!({"do": "delay_new", "connections": 1, "by_ms": 5}),
        json!({"do": "cut"}),
        json!({"do": "restore"}),
        json!({"do": "clear"}),
    ] {
        let done = process.order(command.clone()).await;
        assert_eq!(done.status, 200, "{command}: {:?}", done.body);
    }
    for command in [
        json!({"do": "explode"}),
        json!({"do": "freeze"}),
        json!({"do": "answer", "status": 100}),
        json!({"do": "answer", "status": 200, "json": {}, "html": ""}),
        json!({"do": "strip", "headers": ["not a header"]}),
        json!({"do": "add_headers", "headers": [["token", "a\nb"]]}),
        json!({"do": "trickle", "from": "server", "pace": {"bytes": 0, "every_ms": 5}}),
        json!({"do": "replace_bodies", "status": 1, "html": ""}),
        json!({"do": "portal", "kind": "open"}),
        json!({"do": "speak", "language": "spdy"}),
    ] {
        let refused = process.order(command.clone()).await;
        assert_eq!(refused.status, 400, "{command}");
        assert!(refused.json()["error"].is_string());
    }
    let mut client = HttpClient::plain(process.addr("url")).await;
    assert_eq!(client.get("/a").await.unwrap().status, 200);
}

#[tokio::test]
async fn a_process_ends_with_its_standard_input() {
    let server = HttpServer::start(None).await;
    let mut process = Process::start(&["--tcp", &server.addr.to_string()]);

    drop(process.child.stdin.take());

    let status = tokio::task::spawn_blocking(move || process.child.wait().unwrap())
        .await
        .unwrap();
    assert!(status.success());
}
