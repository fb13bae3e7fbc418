//! What is left of a session's secrets in the memory of a process that signed in over a real wire.
//!
//! The process is looked at from outside, through `/proc`, so that looking for a secret does not put it there. Its allocator
//! is the one that the library for the apps has: it wipes what it gets back (docs/adr/0030-an-allocator-that-wipes.md).
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test, what does not hold stops the test"
)]

mod common;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Lines, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{PATIENCE, until_live};
use steadfast::secret::SecretText;
use steadfast::{
    Config, Device, DeviceKind, FileKeyStore, HostState, Method, Request, SignIn, Steadfast,
    WebView,
};
use steadfast_testserver::{Role, SecretKind, Server};
use tempfile::TempDir;
use zeroizing_alloc::ZeroAlloc;

#[global_allocator]
static WIPING: ZeroAlloc<std::alloc::System> = ZeroAlloc(std::alloc::System);

const FOLDER: &str = "STEADFAST_MEMORY_FOLDER";
const SERVER: &str = "STEADFAST_MEMORY_SERVER";
const AUTHORITY: &str = "STEADFAST_MEMORY_AUTHORITY";
/// In hexadecimal: the environment is memory too.
const PASSWORD: &str = "STEADFAST_MEMORY_PASSWORD";
const END: &str = "STEADFAST_MEMORY_END";

/// How a session comes to its end in a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The user signs out.
    SignedOut,
    /// The core is closed under a session that lives on.
    LeftSignedIn,
    /// The user signs out, but the app keeps a cookie with the token.
    CookieKept,
}

/// The life of a session, with a stop at each step.
#[test]
fn child() {
    // The body of a process that the tests below look at; by itself it has nothing to do.
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let end = [End::SignedOut, End::LeftSignedIn, End::CookieKept]
        .into_iter()
        .find(|end| std::env::var(END).unwrap() == format!("{end:?}"))
        .unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let core = open(Path::new(&folder), end);
    let (account, kept) = runtime.block_on(async {
        let server = std::env::var(SERVER).unwrap();
        let sign_in = SignIn::new(server, "alice", password());
        let account = core.sign_in(sign_in).await.unwrap();
        until_live(&core, account).await;
        let request = Request::new(Method::Get, "/api/v4/users/me");
        assert_eq!(core.request(account, request).await.unwrap().status, 200);
        // Over new connections.
        core.host_state(HostState::Suspended).await.unwrap();
        core.host_state(HostState::Focused).await.unwrap();
        until_live(&core, account).await;
        let kept = match end {
            End::CookieKept => Some(core.webview_cookies(account).await.unwrap()),
            End::SignedOut | End::LeftSignedIn => None,
        };
        (account, kept)
    });
    reached("live");
    if end != End::LeftSignedIn {
        runtime.block_on(core.sign_out(account)).unwrap();
    }
    runtime.block_on(core.close());
    drop(core);
    drop(runtime);
    reached("closed");
    drop(kept);
    std::process::exit(0);
}

fn open(folder: &Path, end: End) -> Steadfast {
    let device = Device::new(DeviceKind::IPhone, "2.43.0", "799", "18.1", "iPhone15,4");
    let mut config = Config::new(folder.join("vault"), device);
    let authority = std::fs::read_to_string(std::env::var(AUTHORITY).unwrap());
    config.network.extra_authorities = vec![authority.unwrap()];
    if end == End::CookieKept {
        config.web_view = WebView::CookiesForAccounts;
    }
    let keys = FileKeyStore::open(folder.join("keys")).unwrap();
    Steadfast::open(config, Arc::new(keys)).unwrap()
}

fn password() -> SecretText {
    let hex = std::env::var(PASSWORD).unwrap();
    let mut text = String::with_capacity(hex.len() / 2);
    for at in (0..hex.len()).step_by(2) {
        text.push(u8::from_str_radix(&hex[at..at + 2], 16).unwrap().into());
    }
    SecretText::new(text)
}

/// Says where the process is, and waits to be told to go on.
fn reached(step: &str) {
    println!("\nreached: {step}");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
}

/// How often each secret is in memory.
type Copies = BTreeMap<&'static str, usize>;

/// The process, seen from outside.
struct Watched {
    process: Child,
    go_on: ChildStdin,
    said: Lines<BufReader<ChildStdout>>,
    secrets: Vec<(&'static str, String)>,
    _folder: TempDir,
    server: Server,
}

impl Watched {
    /// A process with a session that is live, and that comes to this end.
    async fn live(end: End) -> Self {
        let password = "Passw0rd!of alice alone";
        let server = Server::builder()
            .tls(true)
            .user("alice", password, Role::User)
            .start()
            .await
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let hex: String = password.bytes().map(|byte| format!("{byte:02x}")).collect();
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture", "--test-threads=1"])
            .env(FOLDER, folder.path())
            .env(SERVER, server.url())
            .env(AUTHORITY, server.ca_file().unwrap())
            .env(PASSWORD, hex)
            .env(END, format!("{end:?}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut watched = Self {
            go_on: process.stdin.take().unwrap(),
            said: BufReader::new(process.stdout.take().unwrap()).lines(),
            process,
            secrets: vec![("password", password.to_owned())],
            _folder: folder,
            server,
        };
        watched.until("live");
        for (kind, secret) in watched.server.control().secrets() {
            match kind {
                SecretKind::SessionToken => watched.secrets.push(("token", secret)),
                SecretKind::Csrf => watched.secrets.push(("csrf", secret)),
                _ => {}
            }
        }
        watched
    }

    fn until(&mut self, step: &str) {
        let line = format!("reached: {step}");
        assert!(self.said.any(|said| said.unwrap() == line), "{step}");
    }

    fn close(&mut self) {
        self.go_on.write_all(b"\n").unwrap();
        self.until("closed");
    }

    /// What is left once the threads of the core, which a close does not wait for, have come to their end: looked for until it
    /// is what is `wanted`.
    async fn left(&self, wanted: &Copies) -> Copies {
        self.in_the_end(|copies| copies == wanted).await
    }

    /// What is there when that is as it should be, or has had its time to become so.
    async fn in_the_end(&self, fits: impl Fn(&Copies) -> bool) -> Copies {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let copies = self.copies();
            if fits(&copies) || Instant::now() > deadline {
                return copies;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Whole copies in what the process may write to: heap, stacks, and what the allocator got back and keeps.
    fn copies(&self) -> Copies {
        let id = self.process.id();
        let maps = std::fs::read_to_string(format!("/proc/{id}/maps")).unwrap();
        let mut memory = File::open(format!("/proc/{id}/mem")).unwrap();
        let mut copies: Copies = self.secrets.iter().map(|(name, _)| (*name, 0)).collect();
        for line in maps.lines() {
            let (range, rest) = line.split_once(' ').unwrap();
            if !rest.starts_with("rw") {
                continue;
            }
            let (from, to) = range.split_once('-').unwrap();
            let from = u64::from_str_radix(from, 16).unwrap();
            let to = u64::from_str_radix(to, 16).unwrap();
            memory.seek(SeekFrom::Start(from)).unwrap();
            let mut bytes = Vec::new();
            // Where reading fails the process has given the memory back since it was listed.
            let _ = (&mut memory).take(to - from).read_to_end(&mut bytes);
            for (name, secret) in &self.secrets {
                *copies.entry(name).or_default() += occurrences(&bytes, secret.as_bytes());
            }
        }
        copies
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// How often a text without zeros is in there. Most pages of a process hold nothing, and are passed over as a whole.
fn occurrences(bytes: &[u8], text: &[u8]) -> usize {
    const PAGE: usize = 4_096;
    let mut count = 0;
    for at in (0..bytes.len()).step_by(PAGE) {
        let page = &bytes[at..bytes.len().min(at + PAGE)];
        if page != &[0; PAGE][..page.len()] {
            let and_on = &bytes[at..bytes.len().min(at + PAGE + text.len() - 1)];
            let windows = and_on.windows(text.len());
            count += windows.filter(|window| *window == text).count();
        }
    }
    count
}

fn none() -> Copies {
    Copies::from([("csrf", 0), ("password", 0), ("token", 0)])
}

/// Hazard E03.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_sign_out_no_copy_of_a_secret_is_left_in_memory() {
    let mut watched = Watched::live(End::SignedOut).await;
    let live = watched.in_the_end(|copies| copies["password"] == 0).await;
    assert!(live["token"] > 0, "one who is signed in has a token");
    assert_eq!(live["password"], 0, "it was needed once");
    watched.close();
    assert_eq!(watched.left(&none()).await, none());
}

/// Hazard E03.
#[tokio::test(flavor = "multi_thread")]
async fn a_core_that_is_closed_leaves_no_copy_of_a_secret_in_memory() {
    let mut watched = Watched::live(End::LeftSignedIn).await;
    watched.close();
    assert_eq!(watched.left(&none()).await, none());
    assert_eq!(watched.server.control().sessions("alice").len(), 1);
}

/// That the search finds what is there.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_held_on_purpose_is_found() {
    let mut watched = Watched::live(End::CookieKept).await;
    watched.close();
    let held = Copies::from([("csrf", 1), ("password", 0), ("token", 1)]);
    assert_eq!(watched.left(&held).await, held);
}
