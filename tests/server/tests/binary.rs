//! The server as a process: one JSON line, then it serves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests"
)]

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(arguments: &[&str]) -> (Running, Value) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_steadfast-testserver"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let output = child.stdout.take().unwrap();
    BufReader::new(output).read_line(&mut line).unwrap();
    (Running(child), serde_json::from_str(&line).unwrap())
}

fn post(url: &str, path: &str, body: &str) -> String {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn it_prints_where_it_is_and_serves_the_default_users() {
    let (_server, line) = start(&["--port", "0"]);
    let url = line["url"].as_str().unwrap();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    assert!(line["ca_file"].is_null());
    assert!(
        line["control_url"]
            .as_str()
            .unwrap()
            .starts_with("http://127.0.0.1:")
    );
    let body = r#"{"login_id":"sysadmin","password":"Sys@dmin-pass1"}"#;
    let answer = post(url, "/api/v4/users/login", body);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("system_admin"), "{answer}");
}

#[test]
fn it_serves_the_named_users_alone_and_tells_its_authority() {
    let (_server, line) = start(&["--tls", "--user", "carol:a:b:admin", "--user", "dave:pw"]);
    assert!(
        line["url"]
            .as_str()
            .unwrap()
            .starts_with("https://127.0.0.1:")
    );
    let authority = std::fs::read_to_string(line["ca_file"].as_str().unwrap()).unwrap();
    assert!(authority.starts_with("-----BEGIN CERTIFICATE-----"));
    let control = line["control_url"].as_str().unwrap();
    let answer = post(control, "/create_access_token", r#"{"user":"carol"}"#);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let answer = post(control, "/create_access_token", r#"{"user":"alice"}"#);
    assert!(
        answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
        "{answer}"
    );
}

#[test]
fn it_ends_with_its_standard_input_where_that_is_asked_for() {
    let (mut server, line) = start(&["--until-stdin-ends"]);
    assert!(line["url"].is_string());
    assert_eq!(server.0.try_wait().unwrap(), None);
    drop(server.0.stdin.take());
    assert!(server.0.wait().unwrap().success());
}
