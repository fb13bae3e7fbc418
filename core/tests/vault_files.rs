//! The vault's files: what is left on the disk, damaged and newer files, full disks, several processes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test support"
)]

#[path = "common/files.rs"]
mod files;
mod vault_support;

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

fn signed_in_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut device = Device::open(folder.path());
    device.sign_in(SERVER, ALICE, FIRST_TOKEN);
    device.sign_in("https://other.example.com", BOB, SECOND_TOKEN);
    let _ = device.vault.close().unwrap();
    folder
}

/// Hazard B16.
#[test]
fn the_last_damaged_file_is_kept_with_its_own_log_and_no_other() {
    let folder = signed_in_folder();
    let with = |suffix: &str| {
        let mut name = database(folder.path()).into_os_string();
        name.push(suffix);
        std::path::PathBuf::from(name)
    };
    let set_aside = |bytes: &[u8], log: Option<&[u8]>| {
        fs::write(with(""), bytes).unwrap();
        match log {
            Some(log) => fs::write(with("-wal"), log).unwrap(),
            None => assert!(!with("-wal").exists()),
        }
        let mut device = Device::open(folder.path());
        assert_eq!(device.quarantined, Some(with(".damaged")));
        assert_eq!(fs::read(with(".damaged")).unwrap(), bytes);
        let _ = device.vault.close().unwrap();
    };
    set_aside(&[0x5a; 20_000], Some(b"a log"));
    assert_eq!(fs::read(with(".damaged-wal")).unwrap(), b"a log");
    set_aside(&[0x3c; 10_000], None);
    assert!(!with(".damaged-wal").exists(), "it was of the first");
}

/// Hazard B16.
#[test]
fn a_damaged_file_is_set_aside_and_its_accounts_are_named() {
    let folder = signed_in_folder();
    let damaged = vec![0x5a; 20_000];
    fs::write(database(folder.path()), &damaged).unwrap();

    let mut device = Device::open(folder.path());
    let aside = device.quarantined.clone().expect("set aside");
    assert_eq!(fs::read(aside).unwrap(), damaged);
    assert_eq!(device.vault.accounts().unwrap(), []);
    let lost: Vec<_> = device
        .lost
        .iter()
        .map(|lost| (lost.server_url.as_str(), lost.user_id.as_str()))
        .collect();
    assert_eq!(lost, [(SERVER, ALICE), ("https://other.example.com", BOB)]);
    assert_eq!(
        device.interrupted.orphan_keys.len(),
        2,
        "the keys of the tokens in the damaged file"
    );
    drop(device);

    let mut device = Device::open(folder.path());
    assert_eq!(device.quarantined, None);
    assert_eq!(device.lost.len(), 2, "told until it was dealt with");
    let lost = device.lost.clone();
    for lost in &lost {
        let restored = device.vault.restore_lost(
            lost,
            &standing("ended"),
            Some(&notice("storage_lost")),
            UnixMillis(5),
        );
        assert_eq!(restored.unwrap(), Outcome::Committed(()));
    }
    assert_eq!(
        device
            .vault
            .restore_lost(&lost[0], &standing("ended"), None, UnixMillis(5))
            .unwrap(),
        Outcome::Stale
    );
    drop(device);

    let mut device = Device::open(folder.path());
    assert_eq!(device.lost, []);
    assert_eq!(device.vault.notices().unwrap().len(), 2);
    let accounts = device.vault.accounts().unwrap();
    assert_eq!(accounts[0].id, lost[0].id);
    assert_eq!(accounts[0].user.username, "alice");
    assert_eq!(accounts[0].sealed_token, None);
    let again = device.sign_in(SERVER, ALICE, FIRST_TOKEN);
    assert_eq!(again.account, accounts[0].id);
    let carol = device.sign_in(SERVER, "carol", FIRST_TOKEN);
    assert!(
        lost.iter().all(|lost| lost.id < carol.account),
        "no number is used again"
    );
}

/// Damage in any table is found when the file is opened, while there is a way to deal with it, and not at the first push.
///
/// Hazard B16.
#[test]
fn damage_in_any_table_shows_at_the_open() {
    let tables = {
        let folder = signed_in_folder();
        let connection = Connection::open(database(folder.path())).unwrap();
        let mut roots = connection
            .prepare("SELECT name, rootpage FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
            .unwrap();
        let roots = roots.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        roots
            .unwrap()
            .collect::<Result<Vec<(String, u32)>, _>>()
            .unwrap()
    };
    assert!(tables.iter().any(|(name, _)| name == "seen_pushes"));
    for (table, page) in tables {
        let folder = signed_in_folder();
        let mut bytes = fs::read(database(folder.path())).unwrap();
        // Bytes 16 and 17 of a file are its page's size (<https://sqlite.org/fileformat2.html#page_size>).
        let size = usize::from(u16::from_be_bytes([bytes[16], bytes[17]]));
        let start = (usize::try_from(page).unwrap() - 1) * size;
        bytes[start..][..size].fill(0x5a);
        fs::write(database(folder.path()), bytes).unwrap();
        let device = Device::open(folder.path());
        assert!(device.quarantined.is_some(), "damage in {table}");
    }
}

/// What the app encrypted lies in files of its own, and outlives a damaged vault.
#[test]
fn the_data_key_of_a_lost_account_is_kept() {
    let folder = signed_in_folder();
    let mut device = Device::open(folder.path());
    let names: Vec<_> = [AccountId(1), AccountId(2)]
        .into_iter()
        .map(|account| {
            let name = device.vault.prepare_data_key(account).unwrap();
            let made = device.vault.commit_data_key(account, &name).unwrap();
            assert_eq!(made, Outcome::Committed(()));
            name
        })
        .collect();
    drop(device);
    fs::write(database(folder.path()), vec![0x5a; 20_000]).unwrap();

    let mut device = Device::open(folder.path());
    let doomed = &device.interrupted.orphan_keys;
    assert!(
        names.iter().all(|name| !doomed.contains(name)),
        "{doomed:?}"
    );
    let alice = device.lost[0].clone();
    let restored = device
        .vault
        .restore_lost(&alice, &standing("ended"), None, UnixMillis(5));
    assert_eq!(restored.unwrap(), Outcome::Committed(()));
    let bob = device.sign_in("https://other.example.com", BOB, SECOND_TOKEN);
    for (account, name) in [(alice.id, &names[0]), (bob.account, &names[1])] {
        let kept = device.vault.data_key_name(account).unwrap();
        assert_eq!(kept.as_ref(), Some(name));
    }
}

#[test]
fn a_lost_user_who_signs_in_at_once_gets_the_old_number() {
    let folder = signed_in_folder();
    fs::remove_file(database(folder.path())).unwrap();
    let mut device = Device::open(folder.path());
    assert_eq!(device.quarantined, None);
    let alice = device.lost[0].clone();
    assert_eq!(device.sign_in(SERVER, ALICE, FIRST_TOKEN).account, alice.id);
    drop(device);
    let device = Device::open(folder.path());
    assert_eq!(device.lost.len(), 1);
}

/// Hazard B18.
#[test]
fn the_log_of_a_file_that_is_gone_is_not_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let mut device = Device::open(folder.path());
    device.sign_in(SERVER, ALICE, FIRST_TOKEN);
    let _ = device.vault.accounts().unwrap();
    let _ = device
        .vault
        .store_standing(AccountId(1), Epoch(1), &standing("suspect"))
        .unwrap();
    let copy = tempfile::tempdir().unwrap();
    copy_folder(folder.path(), copy.path());
    fs::remove_file(database(copy.path())).unwrap();
    let mut device = Device::open(copy.path());
    assert_eq!(device.vault.accounts().unwrap(), []);
    assert_eq!(device.lost.len(), 1);
}

/// A generator that is the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % below
    }
}

/// Hazards B16, E20.
#[test]
fn no_damage_makes_the_vault_panic_and_only_damage_moves_a_file() {
    let source = signed_in_folder();
    let whole = fs::read(database(source.path())).unwrap();
    let mut dice = Dice(7);
    let mut samples: Vec<Vec<u8>> = Vec::new();
    for index in 0..100 {
        let mut bytes = whole.clone();
        bytes[index] ^= 0xff;
        samples.push(bytes);
    }
    for _ in 0..120 {
        let mut bytes = whole.clone();
        let page = dice.roll(bytes.len() / 4_096) * 4_096;
        match dice.roll(3) {
            0 => bytes[page..page + 4_096].fill(0),
            1 => bytes[page..page + 64].fill(0xff),
            _ => bytes.truncate(page + dice.roll(4_096)),
        }
        samples.push(bytes);
    }
    let (mut opened, mut aside, mut refused) = (0, 0, 0);
    for bytes in samples {
        let folder = tempfile::tempdir().unwrap();
        copy_folder(source.path(), folder.path());
        fs::write(database(folder.path()), &bytes).unwrap();
        match Device::open_only(folder.path()) {
            Ok(mut device) => {
                let accounts = device.vault.accounts().unwrap();
                match device.quarantined {
                    Some(path) => {
                        aside += 1;
                        assert!(fs::read(path).unwrap() == bytes);
                        assert_eq!(device.lost.len(), 2);
                    }
                    None => {
                        opened += 1;
                        assert_eq!(accounts.len() + device.lost.len(), 2);
                    }
                }
            }
            Err(error) => {
                refused += 1;
                assert!(!matches!(error, VaultError::Corrupt { .. }), "{error}");
                assert!(
                    fs::read(database(folder.path())).unwrap() == bytes,
                    "{error}"
                );
            }
        }
    }
    println!("opened {opened}, set aside {aside}, refused {refused}");
    assert!(opened > 0 && aside > 0);
}

/// Hazards B16, B18.
#[test]
fn garbage_in_the_log_costs_nothing_that_was_in_the_file() {
    let folder = signed_in_folder();
    fs::write(
        database(folder.path()).with_extension("sqlite3-wal"),
        vec![0x5a; 9_000],
    )
    .unwrap();
    let mut device = Device::open(folder.path());
    assert_eq!(device.quarantined, None);
    assert_eq!(device.vault.accounts().unwrap().len(), 2);
}

/// Hazard B13.
#[test]
fn a_locked_vault_is_unavailable_and_not_broken() {
    let folder = signed_in_folder();
    let mut device = Device::open(folder.path());
    let other = Connection::open(database(folder.path())).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(matches!(
        device
            .vault
            .store_standing(AccountId(1), Epoch(1), &standing("suspect")),
        Err(VaultError::Unavailable { .. })
    ));
    assert_eq!(device.vault.accounts().unwrap().len(), 2, "reading goes on");
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(
        device
            .vault
            .store_standing(AccountId(1), Epoch(1), &standing("suspect"))
            .unwrap(),
        Outcome::Committed(())
    );
}

/// Hazards B04, B16.
#[test]
fn a_file_that_cannot_be_opened_is_left_as_it_is() {
    let folder = signed_in_folder();
    let path = database(folder.path());
    let whole = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(matches!(
        Vault::open(&vault_folder(folder.path())),
        Err(VaultError::Unavailable { .. } | VaultError::Io { .. })
    ));
    fs::remove_dir(&path).unwrap();
    fs::write(&path, whole).unwrap();
    assert_eq!(
        Device::open(folder.path()).vault.accounts().unwrap().len(),
        2
    );
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

/// The kept file of a version, opened: everything that it has held since version 1.
fn kept_file(version: i64, folder: &Path) -> Device {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    copy_folder(&fixtures.join(format!("vault-v{version}")), folder);
    let mut device = Device::open(folder);
    assert_eq!((&device.quarantined, device.lost.len()), (&None, 0));

    let accounts = device.vault.accounts().unwrap();
    let summary: Vec<_> = accounts
        .iter()
        .map(|account| {
            (
                account.id.0,
                account.user_id.as_str(),
                account.epoch.0,
                account.standing.code.as_str(),
                device.token(account),
            )
        })
        .collect();
    assert_eq!(
        summary,
        [
            (1, ALICE, 2, "active", Some(SECOND_TOKEN.to_owned())),
            (2, BOB, 1, "ended", Some(FIRST_TOKEN.to_owned())),
            (3, "carol", 2, "ended", None),
        ]
    );
    assert_eq!(accounts[1].restore_until, Some(stamp(902_000)));
    let notices = device.vault.notices().unwrap();
    assert_eq!(notices.len(), 1);
    assert_eq!(
        (notices[0].account, notices[0].kind.as_str()),
        (AccountId(2), "session_ended")
    );
    let obligations = device.vault.obligations().unwrap();
    assert_eq!(obligations.len(), 1);
    assert_eq!(obligations[0].reason, "age");
    let outbox = device.vault.outbox().unwrap();
    let owed: Vec<_> = outbox
        .iter()
        .filter(|entry| entry.sealed_token.is_some())
        .map(|entry| (entry.account.0, device.owed_token(entry)))
        .collect();
    assert_eq!(
        owed[..2],
        [(1, FIRST_TOKEN.to_owned()), (3, SECOND_TOKEN.to_owned())]
    );
    let devices: Vec<_> = outbox
        .iter()
        .filter(|entry| entry.kind == OutboxKind::AttachDevice)
        .map(|entry| entry.payload.as_str())
        .collect();
    assert_eq!(devices, ["device"]);
    device
}

/// Hazard B19.
#[test]
fn a_file_of_version_1_opens_with_all_that_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut device = kept_file(1, folder.path());
    assert_eq!(device.vault.pending_sign_ins().unwrap(), []);
    let id = device
        .vault
        .begin_pending_sign_in(&device.pending(SERVER, None))
        .unwrap();
    assert!(
        device
            .vault
            .take_pending_sign_in(id, &stamp(1_000))
            .unwrap()
    );
}

/// Hazard B19.
#[test]
fn a_file_of_version_2_opens_with_all_that_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut device = kept_file(2, folder.path());
    let pending = device.vault.pending_sign_ins().unwrap();
    assert_eq!(pending.len(), 1);
    let begun = &pending[0].begun;
    assert_eq!(
        (
            begun.server_url.as_str(),
            begun.account,
            begun.state.as_str()
        ),
        (SERVER, Some(AccountId(1)), "state")
    );
    assert_eq!(device.verifier(begun), "verifier");
    let outbox = device.vault.outbox().unwrap();
    let stray = outbox.last().unwrap();
    assert_eq!((stray.account, stray.epoch), STRAY);
    assert_eq!(device.owed_token(stray), SECOND_TOKEN);
}

/// Hazards B19.
#[test]
fn a_file_of_version_3_opens_with_all_that_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut device = kept_file(3, folder.path());
    assert_eq!(device.vault.pending_sign_ins().unwrap().len(), 1);
    let alice = AccountId(1);
    let name = device.vault.data_key_name(alice).unwrap().unwrap();
    assert!(device.key(&name).is_some(), "what it opens can be opened");
    let cookies = device.vault.web_cookies(alice).unwrap().unwrap();
    assert_eq!((cookies.generation, cookies.written), (1, 0));
    let legacy = device.vault.legacy().unwrap();
    assert_eq!(legacy.len(), 1);
    assert_eq!(
        (legacy[0].row.entry.as_str(), legacy[0].state),
        ("entry", LegacyState::Copied)
    );
    let sealed = legacy[0].row.sealed_token.as_ref().unwrap();
    let key = device.key(&KeyName::outbox()).unwrap();
    let token = unseal_legacy(&key, "entry", sealed).unwrap();
    assert_eq!(token.expose(), SECOND_TOKEN);
    assert!(device.vault.has_seen_push("acknowledgement").unwrap());
    let told = device
        .vault
        .tell_may_have_expired(alice, Epoch(2), UnixMillis(10_000))
        .unwrap();
    assert_eq!(told, Outcome::Committed(None), "the reminder told it");
}

#[test]
fn the_tables_of_every_version_are_still_those_that_shipped() {
    let fresh = tempfile::tempdir().unwrap();
    drop(Device::open(fresh.path()));
    for version in [1, 2, 3] {
        let folder = tempfile::tempdir().unwrap();
        drop(kept_file(version, folder.path()));
        assert_eq!(
            tables(&database(folder.path())),
            tables(&database(fresh.path()))
        );
    }
}

fn tables(path: &Path) -> Vec<(String, Option<String>)> {
    let connection = Connection::open(path).unwrap();
    let mut query = connection
        .prepare("SELECT name, sql FROM sqlite_master ORDER BY name")
        .unwrap();
    query
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

/// Writes the fixture of the present version into the folder named by `STEADFAST_FIXTURE`.
#[test]
fn write_fixture() {
    // For a version that is about to ship; otherwise there is nothing to write.
    let Some(folder) = std::env::var_os("STEADFAST_FIXTURE") else {
        return;
    };
    let folder = Path::new(&folder);
    let mut device = Device::open(folder);
    device.sign_in(SERVER, ALICE, FIRST_TOKEN);
    let bob = device.sign_in("https://other.example.com", BOB, FIRST_TOKEN);
    let carol = device.sign_in(SERVER, "carol", SECOND_TOKEN);
    let _ = device.end(bob.account, bob.epoch);
    let alice = device.sign_in(SERVER, ALICE, SECOND_TOKEN);
    device.sign_out(carol.account);
    let _ = device
        .vault
        .raise_erase(carol.account, Epoch(2), "age", UnixMillis(1))
        .unwrap();
    let _ = device
        .vault
        .owe_device(alice.account, alice.epoch, "device", UnixMillis(1))
        .unwrap();
    let pending = device.pending(SERVER, Some(alice.account));
    device.vault.begin_pending_sign_in(&pending).unwrap();
    device.owe_stray(SERVER, SECOND_TOKEN);
    // From version 3 on.
    let name = device.vault.prepare_data_key(alice.account).unwrap();
    let key = Key::generate().unwrap();
    device.keys.store(name.as_str(), &key).unwrap();
    let stored = device.vault.commit_data_key(alice.account, &name).unwrap();
    assert_eq!(stored, Outcome::Committed(()));
    device
        .vault
        .export_web_cookies(alice.account, None)
        .unwrap();
    let outbox_key = device.key(&KeyName::outbox()).unwrap();
    let token = Token::new(SECOND_TOKEN).unwrap();
    let row = NewLegacyRow {
        entry: "entry".to_owned(),
        source: "source".to_owned(),
        server_url: "https://older.example.com".to_owned(),
        outcome: "pending".to_owned(),
        account: None,
        sealed_token: Some(seal_legacy(&outbox_key, "entry", &token).unwrap()),
        device_id: Some("device".to_owned()),
        csrf_hash: None,
    };
    device.vault.add_legacy(&[row], UnixMillis(1)).unwrap();
    device
        .vault
        .push_seen("acknowledgement", UnixMillis(1))
        .unwrap();
    let set = device
        .vault
        .set_reminder(alice.account, alice.epoch, UnixMillis(9_000))
        .unwrap();
    assert_eq!(set, Outcome::Committed(()));
    let _ = device.vault.close().unwrap();
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
