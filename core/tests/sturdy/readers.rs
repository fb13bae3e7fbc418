//! Other processes of the app: they read what is stored, leave hints, and disturb nothing.

use crate::common::*;
use crate::vault_support::{self, ALICE, FIRST_TOKEN, SERVER};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};
use steadfast::vault::{self, Vault};
use steadfast::{AccountId, HostState, Link, Reader, Standing};

fn files(folder: &Path) -> BTreeMap<PathBuf, (u64, SystemTime)> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            (entry.path(), (metadata.len(), metadata.modified().unwrap()))
        })
        .collect()
}

/// Hazards B12.
#[tokio::test]
async fn a_reader_sees_what_is_stored_and_changes_no_file() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let vault = folder.path().join("vault");
    let reader = Reader::new(&vault);
    assert_eq!(reader.accounts().unwrap(), [], "no vault yet");
    assert!(!vault.exists());
    let core = open(folder.path(), &server);
    let alice = sign_in(&core, &server, "alice").await;
    until_live(&core, alice).await;
    // While the app runs.
    let seen = reader.accounts().unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].id, seen[0].standing), (alice, Standing::Active));
    assert_eq!(seen[0].link, Link::Paused);
    // While it is frozen: no log, no shared memory, no lock.
    core.host_state(HostState::Suspended).await.unwrap();
    let before = files(&vault);
    assert_eq!(reader.accounts().unwrap()[0].username, "alice");
    assert_eq!(files(&vault), before);

    // A hint waits for the app and is taken once.
    reader.leave_hint(alice).unwrap();
    assert_eq!(
        std::fs::read_to_string(vault.join("hints")).unwrap(),
        "push 1\n"
    );
    core.host_state(HostState::Focused).await.unwrap();
    assert!(!vault.join("hints").exists());
    core.sign_out(alice).await.unwrap();
    let seen = reader.accounts().unwrap();
    assert_eq!(seen[0].standing, Standing::Ended);
    core.close().await;
}

/// Hazards B12.
#[test]
fn hints_are_bounded_and_nonsense_in_them_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let reader = Reader::new(folder.path());
    let mut vault = Vault::open(folder.path()).unwrap().vault;
    for _ in 0..1_000 {
        reader.leave_hint(AccountId(7)).unwrap();
    }
    reader.leave_hint(AccountId(8)).unwrap();
    let path = folder.path().join("hints");
    assert!(std::fs::metadata(&path).unwrap().len() < 2 * steadfast::policy::HINT_FILE_LIMIT);
    assert_eq!(vault.take_hints(), [AccountId(7)]);
    assert_eq!(vault.take_hints(), []);
    std::fs::write(&path, b"push\npush x\n\xff\xfe\nwipe 3\npush 9\npush 2\n").unwrap();
    assert_eq!(vault.take_hints(), [AccountId(2), AccountId(9)]);
}

/// Sign-ins of the writing process.
const ROUNDS: i64 = 100;
const READS: &str = "STEADFAST_READS";
/// What such a process says once it has begun.
const READING: &str = "it reads";
/// Such a process ends by then if nobody tells it to stop, and says so by failing: its parent waits for what it says, or is
/// gone. Far longer than the writing process needs.
const READS_AT_MOST: Duration = Duration::from_secs(180);

/// A process that reads until it is told to stop, and says what it saw.
#[test]
fn reading_child() {
    // The body of a process that the next test starts; by itself it has nothing to do.
    let Some(folder) = std::env::var_os(READS) else {
        return;
    };
    let stop = Path::new(&folder).join("stop");
    let reader = Reader::new(&folder);
    let (mut reads, mut busy) = (0, 0);
    let mut newest = BTreeMap::new();
    let begun = Instant::now();
    while !stop.exists() {
        assert!(
            begun.elapsed() < READS_AT_MOST,
            "nobody stops it: reads {reads} busy {busy}"
        );
        match vault::read_accounts(Path::new(&folder)) {
            Ok(accounts) => {
                if reads == 0 {
                    println!("{READING}");
                }
                reads += 1;
                for account in accounts {
                    let before = newest.insert(account.id, account.epoch);
                    assert!(before <= Some(account.epoch), "time went backwards");
                }
            }
            Err(vault::VaultError::Unavailable { .. }) => busy += 1,
            Err(other) => panic!("{other}"),
        }
        reader.leave_hint(AccountId(1)).unwrap();
    }
    println!("reads {reads} busy {busy}");
}

/// Hazards B12, B13.
#[test]
fn two_processes_read_while_the_app_writes_suspends_and_resumes() {
    let folder = tempfile::tempdir().unwrap();
    let mut device = vault_support::Device::open(folder.path());
    let vault_folder = vault_support::vault_folder(folder.path());
    let children: Vec<_> = (0..2)
        .map(|_| {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "readers::reading_child", "--nocapture"])
                .env(READS, &vault_folder)
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
            assert!(said.any(|line| line.unwrap().ends_with(READING)));
            (child, said)
        })
        .collect();
    let mut scrubs = (0, 0);
    for round in 1..=ROUNDS {
        let signed_in = device.sign_in(SERVER, ALICE, FIRST_TOKEN);
        assert_eq!(signed_in.epoch.0, round, "nothing is lost");
        match device.vault.scrub().unwrap() {
            vault::Scrub::Done => scrubs.0 += 1,
            vault::Scrub::Blocked => scrubs.1 += 1,
        }
        if round % 3 == 0 {
            let _ = device.vault.close().unwrap();
            device.vault.reopen().unwrap();
        }
        let _ = device.vault.take_hints();
    }
    std::fs::write(vault_folder.join("stop"), "").unwrap();
    for (mut child, said) in children {
        let said: Vec<_> = said.map(Result::unwrap).collect();
        assert!(child.wait().unwrap().success(), "{said:?}");
        println!("{said:?}");
    }
    println!("scrubs done {} blocked {}", scrubs.0, scrubs.1);
    let scrub = device.vault.scrub().unwrap();
    assert_eq!(scrub, vault::Scrub::Done, "with the readers gone");
}
