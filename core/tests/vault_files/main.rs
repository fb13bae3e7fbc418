//! The vault's files: what is left on the disk, damaged, older and newer files, several processes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test support"
)]

mod damage;
#[path = "../common/files.rs"]
mod files;
#[path = "../vault_support/mod.rs"]
mod vault_support;
mod versions;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use files::copy_folder;
use rusqlite::Connection;
use steadfast::keystore::KeyStore;
use steadfast::secret::{Key, Token};
use steadfast::session::{AccountId, Epoch, UnixMillis};
use steadfast::vault::{
    KeyName, LegacyState, NewLegacyRow, OutboxKind, Outcome, STRAY, Scrub, Vault, VaultError,
    seal_legacy, unseal_legacy,
};
use vault_support::*;

/// Hazards B17, E20.
#[test]
fn the_bundled_sqlite_is_past_the_wal_reset_bug() {
    assert!(rusqlite::version_number() >= 3_051_003);
}

/// Hazard E02.
#[test]
fn after_a_sign_out_no_byte_of_the_token_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let mut device = Device::open(folder.path());
    let mut accounts = Vec::new();
    for number in 0..30 {
        accounts.push(device.sign_in(SERVER, &format!("user{number}"), FIRST_TOKEN));
    }
    // Once through the log into the main file, so that old copies lie in both.
    let _ = device.vault.scrub().unwrap();
    let sealed: Vec<Vec<u8>> = device
        .vault
        .accounts()
        .unwrap()
        .into_iter()
        .map(|account| account.sealed_token.unwrap().as_bytes().to_vec())
        .collect();
    for (signed_in, sealed) in accounts.iter().zip(&sealed) {
        let _ = device
            .vault
            .store_standing(signed_in.account, signed_in.epoch, &standing("suspect"))
            .unwrap();
        assert!(occurrences(folder.path(), sealed) > 0);
        device.sign_out(signed_in.account);
        for part in [
            sealed.as_slice(),
            &sealed[33..49],
            &sealed[sealed.len() - 16..],
        ] {
            assert_eq!(occurrences(folder.path(), part), 0);
        }
        assert_eq!(occurrences(folder.path(), FIRST_TOKEN.as_bytes()), 0);
    }
}

/// Hazard E02.
#[test]
fn a_scrub_that_a_reader_blocks_says_so_and_is_made_up_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut device = Device::open(folder.path());
    let alice = device.sign_in(SERVER, ALICE, FIRST_TOKEN);
    let account = device.vault.account(alice.account).unwrap().unwrap();
    let sealed = account.sealed_token.unwrap().as_bytes().to_vec();
    let reader = Connection::open(database(folder.path())).unwrap();
    reader
        .execute_batch("BEGIN; SELECT * FROM accounts")
        .unwrap();
    let _: i64 = reader
        .query_row("SELECT count(*) FROM accounts", [], |row| row.get(0))
        .unwrap();

    device.try_sign_out(alice.account).unwrap();
    assert_eq!(device.vault.scrub().unwrap(), Scrub::Blocked);
    assert!(occurrences(folder.path(), &sealed) > 0);
    reader.execute_batch("COMMIT").unwrap();
    drop(reader);
    assert_eq!(device.vault.close().unwrap(), Scrub::Done);
    assert_eq!(occurrences(folder.path(), &sealed), 0);
}

/// Hazard B02.
#[cfg(target_os = "linux")]
#[test]
fn a_closed_vault_holds_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let held = || {
        let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
        open.filter_map(|entry| fs::read_link(entry.path()).ok())
            .filter(|target| target.starts_with(folder.path()))
            .count()
    };
    let mut device = Device::open(folder.path());
    device.sign_in(SERVER, ALICE, FIRST_TOKEN);
    assert!(held() > 0);
    let _ = device.vault.close().unwrap();
    assert_eq!(
        held(),
        0,
        "the system kills an app that is frozen while it holds a lock"
    );
}

/// Hazards B18, E02.
#[test]
fn an_open_wipes_the_log_that_a_killed_process_left() {
    let folder = tempfile::tempdir().unwrap();
    let mut device = Device::open(folder.path());
    let alice = device.sign_in(SERVER, ALICE, FIRST_TOKEN);
    let account = device.vault.account(alice.account).unwrap().unwrap();
    let sealed = account.sealed_token.unwrap().as_bytes().to_vec();
    device.try_sign_out(alice.account).unwrap();
    // A copy taken now is what a kill before the scrub leaves.
    let killed = tempfile::tempdir().unwrap();
    copy_folder(folder.path(), killed.path());
    assert!(occurrences(killed.path(), &sealed) > 0);
    let device = Device::open(killed.path());
    assert_eq!(device.interrupted.scrub, Scrub::Done);
    assert_eq!(occurrences(killed.path(), &sealed), 0);
    assert_eq!(device.key_names(killed.path()), ["outbox"]);
}

/// Hazard B20.
#[test]
fn a_newer_file_is_refused_and_left_as_it_is() {
    for newer in [4, 100] {
        let folder = tempfile::tempdir().unwrap();
        let mut device = Device::open(folder.path());
        device.sign_in(SERVER, ALICE, FIRST_TOKEN);
        let _ = device.vault.close().unwrap();
        drop(device);
        let connection = Connection::open(database(folder.path())).unwrap();
        connection
            .pragma_update(None, "user_version", newer)
            .unwrap();
        drop(connection);
        let before = fs::read(database(folder.path())).unwrap();

        assert_eq!(
            Vault::open(&vault_folder(folder.path())).unwrap_err(),
            VaultError::NewerSchema {
                found: newer,
                known: 3
            }
        );
        assert_eq!(fs::read(database(folder.path())).unwrap(), before);
    }
}

/// Hazard B20.
#[test]
fn a_newer_file_whose_version_is_still_in_the_log_is_left_as_it_is_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut device = Device::open(folder.path());
    device.sign_in(SERVER, ALICE, FIRST_TOKEN);
    let _ = device.vault.close().unwrap();
    drop(device);
    let connection = Connection::open(database(folder.path())).unwrap();
    connection.pragma_update(None, "user_version", 4).unwrap();
    // A copy taken now is what a kill right after a newer version's migration leaves.
    let killed = tempfile::tempdir().unwrap();
    copy_folder(folder.path(), killed.path());
    drop(connection);
    let log = database(killed.path()).with_extension("sqlite3-wal");
    let before = (
        fs::read(database(killed.path())).unwrap(),
        fs::read(&log).unwrap(),
    );
    assert!(!before.1.is_empty());

    assert!(matches!(
        Vault::open(&vault_folder(killed.path())),
        Err(VaultError::NewerSchema { .. })
    ));
    let after = (
        fs::read(database(killed.path())).unwrap(),
        fs::read(&log).unwrap(),
    );
    assert!(before == after);
}

#[test]
fn opening_ten_accounts_to_a_snapshot_is_quick() {
    let folder = tempfile::tempdir().unwrap();
    let mut device = Device::open(folder.path());
    for number in 0..10 {
        device.sign_in(SERVER, &format!("user{number}"), FIRST_TOKEN);
    }
    drop(device);
    let mut times = Vec::new();
    for _ in 0..21 {
        let start = Instant::now();
        let mut opened = Vault::open(&vault_folder(folder.path())).unwrap();
        assert_eq!(opened.vault.accounts().unwrap().len(), 10);
        times.push(start.elapsed());
    }
    times.sort();
    println!(
        "open and snapshot of 10 accounts: median {:?}, worst {:?}",
        times[10], times[20]
    );
    assert!(times[10] < Duration::from_secs(1), "far off: {times:?}");
}

/// Hazards B23.
#[test]
fn a_second_vault_on_the_same_folder_is_refused_until_the_first_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = Device::open(folder.path());
    let second = || Vault::open(&vault_folder(folder.path()));
    assert_eq!(second().unwrap_err(), VaultError::InUse);
    let _ = first.vault.close().unwrap();
    let opened = second().unwrap();
    assert_eq!(first.vault.reopen().unwrap_err(), VaultError::InUse);
    drop(opened);
    first.vault.reopen().unwrap();
}

const HOLDER: &str = "STEADFAST_HOLDER";

/// A process that opens the vault and keeps it.
#[test]
fn holder_child() {
    // The body of a process that the next test starts; by itself it has nothing to do.
    let Some(folder) = std::env::var_os(HOLDER) else {
        return;
    };
    let _held = Vault::open(&vault_folder(Path::new(&folder))).unwrap();
    println!("held");
    let _ = std::io::stdin().read_line(&mut String::new());
}

/// Hazards B23, B15.
#[test]
fn a_vault_that_another_process_holds_is_free_when_that_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "holder_child", "--nocapture"])
        .env(HOLDER, folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = std::io::BufReader::new(holder.stdout.take().unwrap());
    assert!(
        std::io::BufRead::lines(said).any(|line| line.unwrap().contains("held")),
        "the vault was opened there"
    );
    let open = || Vault::open(&vault_folder(folder.path()));
    assert_eq!(open().unwrap_err(), VaultError::InUse);
    holder.kill().unwrap();
    holder.wait().unwrap();
    open().unwrap();
}

const HAMMER: &str = "STEADFAST_HAMMER";
const BLOWS: usize = 60;

/// One process of the hammer: stores notices, each acknowledged on standard output once it is committed.
#[test]
fn hammer_child() {
    // The body of a process that `the_hammer_of_two_processes_loses_nothing` starts; by itself it has nothing to do.
    let Ok(role) = std::env::var(HAMMER) else {
        return;
    };
    let (folder, name) = role.split_once('|').unwrap();
    for blow in 0..BLOWS {
        // One writes at a time: the other waits for its turn.
        let mut vault = loop {
            match Vault::open(&vault_folder(Path::new(folder))) {
                Ok(opened) => break opened.vault,
                Err(VaultError::InUse) => {}
                Err(other) => panic!("{other}"),
            }
        };
        let kind = format!("{name}-{blow}");
        let raised = vault
            .raise_notice(AccountId(1), Epoch(1), &notice(&kind), UnixMillis(1))
            .unwrap();
        assert!(matches!(raised, Outcome::Committed(Some(_))));
        println!("stored {kind}");
        let _ = vault.close().unwrap();
    }
}

/// Hazard B17.
#[test]
fn the_hammer_of_two_processes_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut device = Device::open(folder.path());
    device.sign_in(SERVER, ALICE, FIRST_TOKEN);
    let _ = device.vault.close().unwrap();
    let children: Vec<_> = ["left", "right"]
        .into_iter()
        .map(|name| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "hammer_child", "--nocapture"])
                .env(HAMMER, format!("{}|{name}", folder.path().display()))
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut acknowledged = Vec::new();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        acknowledged.extend(
            text.lines()
                .filter_map(|line| line.split_once("stored ").map(|(_, kind)| kind.to_owned())),
        );
    }
    assert_eq!(acknowledged.len(), 2 * BLOWS);
    device.vault.reopen().unwrap();
    let stored: Vec<_> = device
        .vault
        .notices()
        .unwrap()
        .into_iter()
        .map(|notice| notice.kind)
        .collect();
    for kind in &acknowledged {
        assert!(stored.contains(kind), "{kind} was acknowledged and lost");
    }
    drop(device);
    let connection = Connection::open(database(folder.path())).unwrap();
    let integrity: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(integrity, "ok");
}
