//! SIGKILL, full disks and failing disks at every write of what a vault stores: sign-ins, verdicts, wipes, sign-outs, erasing
//! that is owed and done, and the outbox.
//!
//! A child process does one operation while `strace` kills it, or fails its call, at the N-th call of one kind; N rises
//! until a run comes through. After each the vault must be in the state before or in the state after, never between;
//! nothing may be lost, nothing told twice, and no key may be left that nothing uses.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test support"
)]

#[path = "common/files.rs"]
mod files;
#[path = "vault_kills/operation.rs"]
mod operation;
#[path = "common/stopped.rs"]
mod stopped;
mod vault_support;

use std::path::Path;
use std::process::Command;

use files::copy_of;
use operation::Operation;
use steadfast::session::AccountId;
use steadfast::vault::{Outcome, VaultError};
use stopped::{Child, SYNCS, Stop, WRITES, not_run, task};
use tempfile::TempDir;
use vault_support::*;

/// Calls that change a file.
const CHANGES: [&str; 9] = [
    "?pwrite64",
    "?write",
    "?fdatasync",
    "?fsync",
    "?ftruncate",
    "?unlink",
    "?unlinkat",
    "?rename",
    "?renameat",
];

/// Opens what a kill left, checks it, does the operation if it did not take place, and checks that too.
fn inspect(operation: Operation, folder: &Path) -> bool {
    let mut device = Device::open(folder);
    assert_eq!(device.quarantined, None);
    assert_eq!(device.lost, []);
    let took_place = operation.took_place(&mut device);
    check_leftovers(&mut device, folder);
    if !took_place {
        operation.run(&mut device).unwrap();
        assert!(operation.took_place(&mut device));
        check_leftovers(&mut device, folder);
    }
    drop(device);
    let mut device = Device::open(folder);
    assert!(operation.took_place(&mut device));
    took_place
}

/// The key store holds the keys in use and no other; the files hold no token that was taken away.
fn check_leftovers(device: &mut Device, folder: &Path) {
    let accounts = device.vault.accounts().unwrap();
    let mut used: Vec<_> = accounts
        .iter()
        .filter_map(|account| Some(account.key_name.as_ref()?.as_str().to_owned()))
        .collect();
    for account in &accounts {
        let data_key = device.vault.data_key_name(account.id).unwrap();
        used.extend(data_key.map(|name| name.as_str().to_owned()));
    }
    used.sort();
    let held: Vec<_> = device
        .key_names(folder)
        .into_iter()
        .filter(|name| name != "outbox")
        .collect();
    assert_eq!(held, used);
    assert_eq!(device.vault.orphan_keys().unwrap(), []);
    for token in [FIRST_TOKEN, SECOND_TOKEN] {
        assert_eq!(occurrences(folder, token.as_bytes()), 0);
    }
    // What was sealed before the operation, kept beside the vault by the test.
    if let Ok(sealed) = std::fs::read(folder.join("sealed-before"))
        && !accounts.iter().any(|account| {
            account
                .sealed_token
                .as_ref()
                .is_some_and(|token| token.as_bytes() == sealed)
        })
    {
        assert_eq!(
            occurrences(folder, &sealed),
            0,
            "the token's bytes are still there"
        );
    }
}

/// One operation in a process of its own. Says on standard output how it went.
#[test]
fn child() {
    // The body of a process that the other tests start under strace; by itself it has nothing to do.
    let Some((folder, task)) = task() else {
        return;
    };
    let operation = Operation::ALL
        .into_iter()
        .find(|operation| operation.name() == task)
        .unwrap();
    let outcome = Device::open_only(&folder).and_then(|mut device| operation.run(&mut device));
    match outcome {
        Ok(()) => println!("outcome: done"),
        Err(VaultError::DiskFull) => println!("outcome: full"),
        Err(VaultError::Io { .. }) => println!("outcome: failed"),
        Err(other) => println!("outcome: {other}"),
    }
}

fn remember_sealed(folder: &Path) {
    let mut device = Device::open(folder);
    let accounts = device.vault.accounts().unwrap();
    let sealed = accounts
        .first()
        .and_then(|account| account.sealed_token.as_ref());
    if let Some(sealed) = sealed {
        std::fs::write(folder.join("sealed-before"), sealed.as_bytes()).unwrap();
    }
    let _ = device.vault.close().unwrap();
}

fn kill_at_every_write(operation: Operation) {
    let before = operation.before();
    if operation != Operation::FirstSignIn {
        remember_sealed(before.path());
    }
    let task = &operation.name();
    let child = Child {
        test: "child",
        task,
    };
    let (mut runs, mut kills, mut done) = (0, 0, 0);
    for call in CHANGES {
        for run in child.stopped(before.path(), call, Stop::Kill) {
            runs += 1;
            let took_place = inspect(operation, run.folder.path());
            if run.was_killed {
                kills += 1;
                done += usize::from(took_place);
            } else {
                assert_eq!(run.said("outcome"), "done", "{call} {}", run.number);
                assert!(took_place);
            }
        }
    }
    println!("{operation:?}: {kills} kills, {done} of them after the commit");
    if runs > 0 {
        assert!(kills >= 5, "strace killed nothing");
        assert!(done > 0 && done < kills, "both states are reached");
    }
}

/// Hazard B11.
#[test]
fn a_kill_at_any_write_of_the_first_sign_in() {
    kill_at_every_write(Operation::FirstSignIn);
}

/// Hazards B11, D06.
#[test]
fn a_kill_at_any_write_of_a_sign_in_over_an_ended_session() {
    kill_at_every_write(Operation::SignInAgain);
}

/// Hazards B11, B09.
#[test]
fn a_kill_at_any_write_of_a_sign_in_over_a_session_that_is_given_up() {
    kill_at_every_write(Operation::GiveUp);
}

/// Hazards B11, B09.
#[test]
fn a_kill_at_any_write_of_counting_how_long_a_key_could_not_be_read() {
    kill_at_every_write(Operation::Count);
}

/// Hazards B11, D04.
#[test]
fn a_kill_at_any_write_of_a_verdict() {
    kill_at_every_write(Operation::Verdict);
}

/// Hazard B11.
#[test]
fn a_kill_at_any_write_of_a_sign_out() {
    kill_at_every_write(Operation::SignOut);
}

/// Q9. Hazards B11.
#[test]
fn a_kill_at_any_write_of_forgetting_an_account() {
    kill_at_every_write(Operation::Forget);
}

/// Q9. Hazards B11.
#[test]
fn a_kill_at_any_write_of_a_wipe() {
    kill_at_every_write(Operation::Wipe);
}

/// Q9. Hazards B11.
#[test]
fn a_kill_at_any_write_of_owing_the_erasing_of_what_ended_long_ago() {
    kill_at_every_write(Operation::RaiseErase);
}

/// Q9. Hazards B11.
#[test]
fn a_kill_at_any_write_of_noting_that_all_is_erased() {
    kill_at_every_write(Operation::AcknowledgeErase);
}

/// Hazards B11.
#[test]
fn a_kill_at_any_write_of_striking_out_what_was_owed() {
    kill_at_every_write(Operation::Pay);
}

/// Hazards B11.
#[test]
fn a_kill_at_any_write_of_noting_an_attempt_in_vain() {
    kill_at_every_write(Operation::Attempt);
}

/// Hazards B21.
#[test]
fn space_that_runs_out_for_good_leaves_forgetting_whole() {
    fail_every(
        Operation::Forget,
        WRITES,
        Stop::FromThenOn("ENOSPC"),
        &["done", "full"],
    );
}

/// Hazards B22.
#[test]
fn a_disk_that_fails_to_sync_leaves_forgetting_whole() {
    fail_every(
        Operation::Forget,
        SYNCS,
        Stop::Once("EIO"),
        &["done", "failed"],
    );
}

/// Opens an older file, which brings it to the present version.
#[test]
fn migrating_child() {
    // The body of a process that the next test starts under strace; by itself it has nothing to do.
    let Some((folder, _)) = task() else {
        return;
    };
    match Device::open_only(&folder) {
        Ok(_) => println!("outcome: done"),
        Err(error) => println!("outcome: {error:?}"),
    }
}

/// Every call that changes a file, at which a migration is stopped in this way, for each kept version of the file.
fn stop_the_migration(calls: &[&str], stop: Stop) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut versions: Vec<_> = std::fs::read_dir(fixtures)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir() && path.join("vault").exists())
        .collect();
    versions.sort();
    // The newest is of the present version: nothing is to be done with it.
    versions.pop();
    assert!(versions.len() >= 2);
    let child = Child {
        test: "migrating_child",
        task: "",
    };
    for version in versions {
        let whole = copy_of(&version);
        let mut device = Device::open(whole.path());
        let accounts = device.vault.accounts().unwrap();
        let owed = device.vault.outbox().unwrap();
        let (mut runs, mut stops) = (0, 0);
        for call in calls {
            for run in child.stopped(&version, call, stop) {
                let mut device = Device::open(run.folder.path());
                assert_eq!((&device.quarantined, device.lost.len()), (&None, 0));
                assert_eq!(device.vault.accounts().unwrap(), accounts);
                assert_eq!(device.vault.outbox().unwrap(), owed);
                runs += 1;
                stops += usize::from(!run.came_through());
            }
        }
        println!("{}: {stops} stops", version.display());
        assert!(runs == 0 || stops >= 3, "strace stopped nothing");
    }
}

/// Hazards B19.
#[test]
fn a_kill_at_any_write_of_a_migration_loses_nothing() {
    stop_the_migration(&CHANGES, Stop::Kill);
}

/// Hazards B19, B21, B22.
#[test]
fn a_disk_that_fails_or_is_full_during_a_migration_loses_nothing() {
    stop_the_migration(&[WRITES], Stop::FromThenOn("ENOSPC"));
    stop_the_migration(&[SYNCS], Stop::Once("EIO"));
}

/// What the administrator ordered and what is owed to servers and to the app.
const ORDERED_AND_OWED: [Operation; 5] = [
    Operation::Wipe,
    Operation::RaiseErase,
    Operation::AcknowledgeErase,
    Operation::Pay,
    Operation::Attempt,
];

/// Hazards B21.
#[test]
fn space_that_runs_out_for_good_leaves_wipe_erasing_and_outbox_whole() {
    for operation in ORDERED_AND_OWED {
        fail_every(
            operation,
            WRITES,
            Stop::FromThenOn("ENOSPC"),
            &["done", "full"],
        );
    }
}

/// Hazards B22.
#[test]
fn a_disk_that_fails_to_sync_leaves_wipe_erasing_and_outbox_whole() {
    for operation in ORDERED_AND_OWED {
        fail_every(operation, SYNCS, Stop::Once("EIO"), &["done", "failed"]);
    }
}

/// Fails the N-th call, or all from the N-th on, for every N: the state must be legal, and what was said must be true.
fn fail_every(operation: Operation, calls: &str, stop: Stop, allowed: &[&str]) {
    let before = operation.before();
    remember_sealed(before.path());
    let mut all = Vec::new();
    let task = &operation.name();
    let child = Child {
        test: "child",
        task,
    };
    for run in child.stopped(before.path(), calls, stop) {
        let said = run.said("outcome");
        assert!(
            allowed.contains(&said.as_str()),
            "{calls} {stop:?}: {run:?}"
        );
        let took_place = inspect(operation, run.folder.path());
        if said == "done" {
            assert!(took_place, "{calls} {stop:?} {} said done", run.number);
        }
        if said == "full" {
            assert!(!took_place, "{calls} {stop:?} {} said full", run.number);
        }
        all.push(said);
    }
    println!("{operation:?} {calls} {stop:?}: {all:?}");
    if let Some(last) = all.last() {
        assert!(all.len() > 2, "strace failed nothing");
        assert_eq!(last, "done");
    }
}

/// Hazard B22.
#[test]
fn a_disk_that_fails_to_sync_leaves_a_verdict_whole() {
    fail_every(
        Operation::Verdict,
        SYNCS,
        Stop::Once("EIO"),
        &["done", "failed"],
    );
}

/// Hazard B22.
#[test]
fn a_disk_that_fails_to_sync_leaves_a_sign_out_whole() {
    fail_every(
        Operation::SignOut,
        SYNCS,
        Stop::Once("EIO"),
        &["done", "failed"],
    );
}

/// Hazard B22.
#[test]
fn a_disk_that_fails_to_write_leaves_a_sign_out_whole() {
    fail_every(
        Operation::SignOut,
        WRITES,
        Stop::Once("EIO"),
        &["done", "failed"],
    );
}

/// Hazard B21.
#[test]
fn one_refusal_for_want_of_space_does_not_stop_a_sign_out() {
    fail_every(Operation::SignOut, WRITES, Stop::Once("ENOSPC"), &["done"]);
}

/// Hazard B21.
#[test]
fn space_that_runs_out_for_good_leaves_a_sign_out_whole() {
    fail_every(
        Operation::SignOut,
        WRITES,
        Stop::FromThenOn("ENOSPC"),
        &["done", "full"],
    );
}

/// A file system of its own that is nearly full. `None` where this process may not mount one.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(folder.path())
            .output()
            .is_ok_and(|output| output.status.success());
        if !mounted {
            not_run("no file system could be mounted, so no disk was filled");
            return None;
        }
        Some(Self(folder))
    }

    fn fill(&self) {
        let filler = self.0.path().join("filler");
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(filler)
            .unwrap();
        for size in [4_096, 1] {
            while std::io::Write::write(&mut file, &vec![1; size]).is_ok_and(|written| written > 0)
            {
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}

/// Hazard B21.
#[test]
fn a_full_disk_does_not_stop_a_sign_out_because_of_the_reserve() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let folder = disk.0.path();
    let mut device = Device::open(folder);
    let alice = device.sign_in(SERVER, ALICE, FIRST_TOKEN);
    device.make_data_key(alice.account);
    let record = device.vault.account(alice.account).unwrap().unwrap();
    let sealed = record.sealed_token.unwrap().as_bytes().to_vec();
    let owed = device.sealed_for_outbox(alice.account);
    disk.fill();

    assert_eq!(
        device.vault.prepare_sign_in(SERVER, BOB),
        Err(VaultError::DiskFull),
        "a sign-in does not use the reserve up"
    );
    let outcome = device
        .vault
        .sign_out(&sign_out(alice.account, alice.epoch, owed))
        .unwrap();
    let signed_out = outcome.committed().unwrap();
    device
        .finish_removal(signed_out.retired_key.as_ref())
        .unwrap();
    assert_eq!(occurrences(folder, &sealed), 0);
    drop(device);
    let mut device = Device::open(folder);
    assert!(Operation::SignOut.took_place(&mut device));
}

/// Hazard B21.
#[test]
fn a_full_disk_without_the_reserve_is_told_and_changes_nothing() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let folder = disk.0.path();
    let mut device = Device::open(folder);
    let alice = device.sign_in(SERVER, ALICE, FIRST_TOKEN);
    device.make_data_key(alice.account);
    let owed = device.sealed_for_outbox(alice.account);
    std::fs::remove_file(vault_folder(folder).join("reserve")).unwrap();
    disk.fill();

    let sign_out = sign_out(alice.account, alice.epoch, owed);
    assert_eq!(device.vault.sign_out(&sign_out), Err(VaultError::DiskFull));
    assert!(!Operation::SignOut.took_place(&mut device));
    // What the engine does then: without its key the token is gone, whatever the disk holds.
    let record = device.vault.account(alice.account).unwrap().unwrap();
    let name = record.key_name.unwrap();
    steadfast::keystore::KeyStore::delete(&device.keys, name.as_str()).unwrap();
    assert_eq!(device.key(&name), None);
    std::fs::remove_file(folder.join("filler")).unwrap();
    assert!(matches!(
        device.vault.sign_out(&sign_out).unwrap(),
        Outcome::Committed(_)
    ));
}

#[test]
fn an_account_number_outlives_a_kill_before_the_sign_in_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let mut device = Device::open(folder.path());
    let first = device.prepared_sign_in(SERVER, ALICE, FIRST_TOKEN);
    drop(device);
    let mut device = Device::open(folder.path());
    let second = device.sign_in(SERVER, ALICE, FIRST_TOKEN);
    assert!(second.account > first.prepared.account);
    assert!(second.account > AccountId(0));
}
