//! SIGKILL and full disks at the writes of an import: nothing is lost, nothing is adopted twice, and nothing may be erased
//! that the vault does not hold.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output};

use steadfast::{
    HostState, LegacyEntry, LegacyOutcome, LegacySource, PreviousInstallation, Steadfast,
};

use crate::support::*;

const CHILD: &str = "STEADFAST_LEGACY_CHILD";
const USER: &str = "useruseruseruseruseruserus";
const KNOWN: &str = "http://127.0.0.1:9/known";
const UNKNOWN: &str = "http://127.0.0.1:9/unknown";

fn entries() -> Vec<LegacyEntry> {
    let name = format!("apple_rn:old, {USER}");
    let (first, second) = ("tokenatokenatokenatokenaaa", "tokenbtokenbtokenbtokenbbb");
    vec![
        entry(LegacySource::ReactNative1Internet, KNOWN, &name, first),
        entry(LegacySource::ReactNative2, UNKNOWN, second, second),
    ]
}

fn open_running(folder: &Path) -> Steadfast {
    let mut config = config(folder);
    config.host_state = HostState::Running;
    open_with(config, folder)
}

/// Imports, says how it went, and what may be erased then.
#[tokio::test]
async fn child_that_imports() {
    // The body of a process that the other tests start under strace; by itself it has nothing to do.
    let Ok(folder) = std::env::var(CHILD) else {
        return;
    };
    let folder = Path::new(&folder);
    let keys = steadfast::FileKeyStore::open(folder.join("keys")).unwrap();
    let mut config = config(folder);
    config.host_state = HostState::Running;
    let core = match Steadfast::open(config, std::sync::Arc::new(keys)) {
        Ok(core) => core,
        Err(error) => {
            println!("outcome: {}\nerasable: 0", error.code());
            std::process::exit(0);
        }
    };
    let imported = core
        .import_legacy(entries(), PreviousInstallation::Updated)
        .await;
    match imported {
        Ok(_) => println!("outcome: done"),
        Err(error) => println!("outcome: {}", error.code()),
    }
    let erasable = core.legacy_erasable().await.map_or(0, |list| list.len());
    println!("erasable: {erasable}");
    std::process::exit(0);
}

fn run_child(folder: &Path, calls: &str, injection: &str) -> (Output, bool) {
    let log = tempfile::NamedTempFile::new().unwrap();
    let output = Command::new("strace")
        .args(["-f", "-qq", "-o"])
        .arg(log.path())
        .args(["-e", &format!("trace={calls}")])
        .args(["-e", &format!("inject={calls}:{injection}")])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "kills::child_that_imports", "--nocapture"])
        .env(CHILD, folder)
        .output()
        .unwrap();
    let injected = std::fs::read_to_string(log.path())
        .unwrap()
        .contains("(INJECTED)");
    (output, injected)
}

fn said(output: &Output, what: &str) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    let after = text.split(what).nth(1);
    let line = after.and_then(|rest| rest.lines().next());
    line.unwrap_or_default().trim().to_owned()
}

fn has_strace() -> bool {
    let found = Command::new("strace")
        .arg("-V")
        .output()
        .is_ok_and(|output| output.status.success());
    if !found {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "NOT RUN: strace is not installed"
        );
        let line = "NOT RUN: strace is not installed, so no process was killed at its writes\n";
        std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()).unwrap();
    }
    found
}

/// What a kill left is whole, and importing again makes it complete. Whether the account was there before that.
async fn inspect(folder: &Path) -> bool {
    let core = open_running(folder);
    let erasable = core.legacy_erasable().await.unwrap().len();
    let accounts = core.accounts().len();
    assert!(accounts <= 1);
    assert!(erasable <= 2);
    let outcomes = import(&core, &entries()).await;
    assert_eq!(core.accounts().len(), 1);
    let account = adopted(&outcomes[..1]);
    assert_eq!(core.accounts()[0].id, account);
    assert_eq!(outcomes[1], LegacyOutcome::Pending);
    assert_eq!(core.legacy_erasable().await.unwrap().len(), 2);
    assert_eq!(import(&core, &entries()).await, outcomes);
    core.close().await;
    accounts == 1
}

#[tokio::test]
async fn a_kill_at_any_write_of_an_import_loses_nothing() {
    if !has_strace() {
        return;
    }
    // The vault is there before: strace counts the calls of each thread for itself, and the thread that makes a new file
    // would be the first to reach any number.
    let before = tempfile::tempdir().unwrap();
    open_running(before.path()).close().await;
    let (mut kills, mut adopted) = (0, 0);
    for calls in ["?fsync,?fdatasync", "?pwrite64", "?rename,?renameat"] {
        for number in 1.. {
            let folder = tempfile::tempdir().unwrap();
            copy_folder(before.path(), folder.path());
            let injection = format!("signal=SIGKILL:when={number}");
            let (output, _) = run_child(folder.path(), calls, &injection);
            let was_adopted = inspect(folder.path()).await;
            if output.status.signal() != Some(9) {
                assert_eq!(said(&output, "outcome: "), "done");
                assert_eq!(said(&output, "erasable: "), "2");
                break;
            }
            kills += 1;
            adopted += usize::from(was_adopted);
        }
    }
    println!("{kills} kills, {adopted} of them after the commit");
    assert!(kills >= 20, "strace killed too little: {kills}");
    assert!(0 < adopted && adopted < kills, "both states are reached");
}

#[tokio::test]
async fn a_disk_that_fills_up_during_an_import_is_told_and_nothing_is_erasable_that_is_not_there() {
    if !has_strace() {
        return;
    }
    // The vault and its keys are there before.
    let before = tempfile::tempdir().unwrap();
    open_running(before.path()).close().await;
    let mut outcomes = Vec::new();
    for number in (1..).step_by(2) {
        let folder = tempfile::tempdir().unwrap();
        copy_folder(before.path(), folder.path());
        let injection = format!("error=ENOSPC:when={number}+");
        let (output, injected) = run_child(folder.path(), "?pwrite64", &injection);
        let outcome = said(&output, "outcome: ");
        assert!(
            ["done", "disk_full"].contains(&outcome.as_str()),
            "{number}: {output:?}"
        );
        let erasable: usize = said(&output, "erasable: ").parse().unwrap();
        let core = open_running(folder.path());
        let there = core.legacy_erasable().await.unwrap().len();
        assert!(there >= erasable, "{number}");
        core.close().await;
        inspect(folder.path()).await;
        outcomes.push(outcome);
        if !injected {
            break;
        }
    }
    assert!(outcomes.contains(&"disk_full".to_owned()), "{outcomes:?}");
    assert_eq!(outcomes.last().map(String::as_str), Some("done"));
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
