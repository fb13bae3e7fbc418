//! Files that are damaged, gone or locked.

use super::*;

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
