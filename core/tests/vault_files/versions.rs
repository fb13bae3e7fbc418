//! Files that earlier versions wrote, kept for ever.

use super::*;

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
