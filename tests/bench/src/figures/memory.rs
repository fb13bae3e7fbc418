//! Accounts are connected and idle. What does one cost in memory?
//!
//! The devices run in a process of their own, so that the server's memory is not counted.

use crate::figure::{Count, Figure};
use crate::world::{self, PASSWORD, World, progress};
use std::process::Stdio;
use steadfast::{Link, Revision, SignIn};
use tokio::io::AsyncReadExt;
use tokio::process::Command;

const NAME: &str = "memory";
/// What a process is told that is to be such a device.
pub const CHILD: &str = "STEADFAST_BENCH_MEMORY";

/// `accounts` is how many are connected beside the first.
pub(super) async fn take(accounts: usize) -> Figure {
    let users: Vec<_> = (0..=accounts)
        .map(|number| format!("user-{number}"))
        .collect();
    let world = World::start(&users).await;
    let folder = tempfile::tempdir().expect("a folder");
    let authority = folder.path().join("ca.pem");
    std::fs::write(&authority, world.ca_pem()).expect("a file");
    let mut child = Command::new(std::env::current_exe().expect("a path"))
        .env(
            CHILD,
            format!("{} {} {accounts}", world.url(), authority.display()),
        )
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("a process");
    let mut told = String::new();
    let mut output = child.stdout.take().expect("an output");
    output.read_to_string(&mut told).await.expect("an output");
    let line = told
        .lines()
        .find_map(|line| line.strip_prefix("resident "))
        .unwrap_or_else(|| panic!("the process said {told:?}"));
    let mut numbers = line
        .split(' ')
        .map(|number| number.parse::<f64>().expect("a number"));
    let mut next = || numbers.next().expect("three numbers");
    let (empty, one, all) = (next(), next(), next());
    progress(NAME, accounts, accounts);
    Figure {
        name: NAME,
        title: format!("{accounts} further accounts are connected and idle"),
        rows: Vec::new(),
        counts: vec![
            Count::new(
                "an open core without accounts, resident beyond the bare process",
                empty,
                "KiB",
            ),
            Count::new("the first connected account", one - empty, "KiB"),
            Count::new(
                "each further connected account",
                (all - one) / accounts as f64,
                "KiB",
            ),
        ],
        notes: Vec::new(),
    }
}

/// Is the device if this process was started as one: says how much memory it holds without accounts, with one and with all.
/// True if it was.
pub async fn is_child() -> bool {
    let Ok(told) = std::env::var(CHILD) else {
        return false;
    };
    let mut words = told.split(' ');
    let mut word = || words.next().expect("three words");
    let (url, authority, accounts) = (word(), word(), word());
    let accounts: usize = accounts.parse().expect("a number");
    let ca_pem = std::fs::read_to_string(authority).expect("an authority");
    let folder = tempfile::tempdir().expect("a folder");
    let bare = resident();
    let core = world::open(&folder, &ca_pem);
    let empty = resident();
    let mut one = empty;
    for number in 0..=accounts {
        let account = core
            .sign_in(SignIn::new(url, format!("user-{number}"), PASSWORD))
            .await
            .expect("a sign-in");
        let mut revision = Revision::START;
        while core.snapshot(account).expect("an account").link != Link::Live {
            revision = core.changes(revision).await.expect("an open core").revision;
        }
        if number == 0 {
            one = resident();
        }
    }
    println!(
        "resident {} {} {}",
        empty - bare,
        one - bare,
        resident() - bare
    );
    core.close().await;
    true
}

/// Resident memory of this process in KiB; 0 where the system does not tell.
fn resident() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|line| line.trim().strip_suffix(" kB"))
        .and_then(|number| number.trim().parse().ok())
        .unwrap_or(0)
}
