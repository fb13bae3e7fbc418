//! The vault's operations against a real file: each is stored whole or not at all, and only for the epoch it was made for.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test support"
)]

mod vault_support;

use steadfast::session::{AccountId, Epoch, UnixMillis};
use steadfast::vault::{
    End, Forget, OldToken, OutboxKind, OutboxProof, Outcome, ServerFacts, Setting, SignOut,
    TokenFate, Validated, VaultError,
};
use tempfile::TempDir;
use vault_support::*;

fn device() -> (TempDir, Device) {
    let folder = tempfile::tempdir().unwrap();
    let device = Device::open(folder.path());
    (folder, device)
}

#[test]
fn a_sign_in_is_there_after_a_restart_with_all_that_it_stored() {
    let (folder, mut device) = device();
    let signed_in = device.sign_in(SERVER, ALICE, FIRST_TOKEN);
    assert_eq!(signed_in.epoch, Epoch(1));
    assert_eq!(signed_in.owed, None);
    assert!(signed_in.erase_first.is_empty());
    drop(device);

    let mut device = Device::open(folder.path());
    let accounts = device.vault.accounts().unwrap();
    let [account] = accounts.as_slice() else {
        panic!("one account: {accounts:?}")
    };
    assert_eq!(account.id, signed_in.account);
    assert_eq!(account.server_url, SERVER);
    assert_eq!(account.user_id, ALICE);
    assert_eq!(account.user, user_facts("alice"));
    assert_eq!(account.server.version.as_deref(), Some("11.6.0"));
    assert_eq!(account.standing, standing("active"));
    assert_eq!(account.validated_at, Some(stamp(1_000)));
    assert_eq!(account.signed_in_server_date, Some(UnixMillis(1_500)));
    assert_eq!(account.csrf_hash.as_deref(), Some("c5f"));
    assert_eq!(account.ended_at, None);
    assert_eq!(device.token(account).as_deref(), Some(FIRST_TOKEN));
}

/// Hazard D06.
#[test]
fn the_same_user_again_keeps_the_account_and_owes_the_old_token_to_the_server() {
    let (folder, mut device) = device();
    let first = device.sign_in(SERVER, ALICE, FIRST_TOKEN);
    assert!(matches!(
        device.end(first.account, first.epoch),
        Outcome::Committed(_)
    ));
    let second = device.sign_in(SERVER, ALICE, SECOND_TOKEN);

    assert_eq!(second.account, first.account);
    assert_eq!(second.epoch, first.epoch.next());
    let account = device.vault.account(second.account).unwrap().unwrap();
    assert_eq!(device.token(&account).as_deref(), Some(SECOND_TOKEN));
    assert_eq!(account.ended_at, None);
    assert_eq!(account.restore_until, None);
    assert_eq!(device.vault.notices().unwrap(), []);
    let outbox = device.vault.outbox().unwrap();
    assert_eq!(outbox.len(), 1);
    assert_eq!(Some(outbox[0].id), second.owed);
    assert_eq!(outbox[0].kind, OutboxKind::RevokeToken);
    assert_eq!(outbox[0].epoch, first.epoch);
    assert_eq!(outbox[0].server_url, SERVER);
    assert_eq!(device.owed_token(&outbox[0]), FIRST_TOKEN);
    let key = account.key_name.unwrap();
    assert_eq!(
        device.key_names(folder.path()),
        [key.as_str().to_owned(), "outbox".to_owned()]
    );
}

#[test]
fn a_sign_in_that_takes_a_token_away_must_say_what_becomes_of_it() {
    let (_folder, mut device) = device();
    device.sign_in(SERVER, ALICE, FIRST_TOKEN);
    let mut again = device.prepared_sign_in(SERVER, ALICE, SECOND_TOKEN);
    again.old_token = OldToken::None;
    assert!(matches!(
        device.vault.commit_sign_in(&again),
        Err(VaultError::Misuse(_))
    ));
    assert_eq!(device.vault.accounts().unwrap()[0].epoch, Epoch(1));
}

#[test]
fn of_two_sign_ins_at_once_one_wins_and_the_others_key_is_listed() {
    let (_folder, mut device) = device();
    let one = device.prepared_sign_in(SERVER, ALICE, FIRST_TOKEN);
    let other = device.prepared_sign_in(SERVER, ALICE, SECOND_TOKEN);
    assert_ne!(one.prepared.key_name, other.prepared.key_name);
    assert!(matches!(
        device.vault.commit_sign_in(&other).unwrap(),
        Outcome::Committed(_)
    ));
    assert_eq!(device.vault.commit_sign_in(&one).unwrap(), Outcome::Stale);
    let accounts = device.vault.accounts().unwrap();
    assert_eq!(accounts.len(), 1);
    assert_eq!(device.token(&accounts[0]).as_deref(), Some(SECOND_TOKEN));
    assert_eq!(device.vault.orphan_keys().unwrap(), [one.prepared.key_name]);
}

#[test]
fn an_abandoned_sign_in_leaves_a_key_to_delete_and_nothing_else() {
    let (folder, mut device) = device();
    let sign_in = device.prepared_sign_in(SERVER, ALICE, FIRST_TOKEN);
    assert!(device.vault.abandon_sign_in(&sign_in.prepared).unwrap());
    assert_eq!(
        device.vault.commit_sign_in(&sign_in).unwrap(),
        Outcome::Stale
    );
    drop(device);
    let device = Device::open(folder.path());
    assert_eq!(device.interrupted.orphan_keys, [sign_in.prepared.key_name]);
    assert_eq!(device.key_names(folder.path()), Vec::<String>::new());
    drop(device);
    let mut device = Device::open(folder.path());
    assert_eq!(device.interrupted.orphan_keys, []);
    assert_eq!(device.vault.accounts().unwrap(), []);
}

#[test]
fn a_sign_in_that_was_stored_after_all_keeps_its_key() {
    let (folder, mut device) = device();
    let sign_in = device.prepared_sign_in(SERVER, ALICE, FIRST_TOKEN);
    let _ = device.vault.commit_sign_in(&sign_in).unwrap();
    assert!(!device.vault.abandon_sign_in(&sign_in.prepared).unwrap());
    drop(device);
    let mut device = Device::open(folder.path());
    let account = device
        .vault
        .account(sign_in.prepared.account)
        .unwrap()
        .unwrap();
    assert_eq!(device.token(&account).as_deref(), Some(FIRST_TOKEN));
}

#[test]
fn a_sign_in_under_way_at_a_suspension_must_be_prepared_again() {
    let (_folder, mut device) = device();
    let sign_in = device.prepared_sign_in(SERVER, ALICE, FIRST_TOKEN);
    let _ = device.vault.close().unwrap();
    let interrupted = device.vault.reopen().unwrap();
    assert_eq!(
        interrupted.orphan_keys.as_slice(),
        std::slice::from_ref(&sign_in.prepared.key_name)
    );
    assert_eq!(
        device.vault.commit_sign_in(&sign_in).unwrap(),
        Outcome::Stale
    );
}

/// Q14. MM-T409.
#[test]
fn another_user_on_the_server_waits_for_the_erasing_of_one_who_left() {
    let (_folder, mut device) = device();
    let alice = device.sign_in(SERVER, ALICE, FIRST_TOKEN);
    device.sign_out(alice.account);
    let bob = device.sign_in(SERVER, BOB, SECOND_TOKEN);

    assert_ne!(bob.account, alice.account);
    let obligations = device.vault.obligations().unwrap();
    assert_eq!(obligations.len(), 1);
    assert_eq!(bob.erase_first, [obligations[0].id]);
    assert_eq!(obligations[0].account, alice.account);
    assert_eq!(obligations[0].user_id, ALICE);
    assert_eq!(obligations[0].blocks, [bob.account]);
    assert!(
        device
            .vault
            .acknowledge_obligation(obligations[0].id)
            .unwrap()
    );
    assert!(
        !device
            .vault
            .acknowledge_obligation(obligations[0].id)
            .unwrap()
    );

    let again = device.sign_in(SERVER, BOB, FIRST_TOKEN);
    assert!(again.erase_first.is_empty(), "erased once is erased");
}

#[test]
fn a_live_account_on_the_same_server_or_an_ended_one_elsewhere_is_left_alone() {
    let (_folder, mut device) = device();
    device.sign_in(SERVER, ALICE, FIRST_TOKEN);
    let elsewhere = device.sign_in("https://other.example.com", ALICE, FIRST_TOKEN);
    device.sign_out(elsewhere.account);
    let bob = device.sign_in(SERVER, BOB, SECOND_TOKEN);
    assert!(bob.erase_first.is_empty());
    assert_eq!(device.vault.obligations().unwrap(), []);
    assert_eq!(device.vault.accounts().unwrap().len(), 3);
}

/// Hazards D04, D16.
#[test]
fn a_verdict_ends_a_session_once_and_tells_it_once() {
    let (_folder, mut device) = device();
    let alice = device.sign_in(SERVER, ALICE, FIRST_TOKEN);
    for _ in 0..3 {
        assert_eq!(
            device
                .end(alice.account, alice.epoch)
                .committed()
                .unwrap()
                .retired_key,
            None
        );
    }
    let notices = device.vault.notices().unwrap();
    assert_eq!(notices.len(), 1);
    assert_eq!(notices[0].kind, "session_ended");
    assert!(device.vault.acknowledge_notice(notices[0].id).unwrap());
    assert!(!device.vault.acknowledge_notice(notices[0].id).unwrap());
    let _ = device.end(alice.account, alice.epoch);
    assert_eq!(device.vault.notices().unwrap(), []);
    let account = device.vault.account(alice.account).unwrap().unwrap();
    assert_eq!(account.standing, standing("ended"));
    assert_eq!(account.ended_at, Some(UnixMillis(2_000)));
    assert_eq!(account.restore_until, Some(stamp(902_000)));
    assert_eq!(device.token(&account).as_deref(), Some(FIRST_TOKEN));
}

/// Hazard D03.
#[test]
fn nothing_that_was_decided_for_an_older_epoch_is_stored() {
    let (_folder, mut device) = device();
    let old = device.sign_in(SERVER, ALICE, FIRST_TOKEN);
    let new = device.sign_in(SERVER, ALICE, SECOND_TOKEN);
    let before = device.vault.accounts().unwrap();
    let outbox = device.vault.outbox().unwrap();
    let (account, epoch, vault) = (old.account, old.epoch, &mut device.vault);
    let ended = standing("ended");

    assert_eq!(
        vault.commit_end(&end(account, epoch)).unwrap(),
        Outcome::Stale
    );
    assert_eq!(
        vault.store_standing(account, epoch, &ended).unwrap(),
        Outcome::Stale
    );
    assert_eq!(
        vault.continue_session(account, epoch, &ended).unwrap(),
        Outcome::Stale
    );
    assert_eq!(
        vault
            .destroy_token(account, epoch, &ended, "may_continue")
            .unwrap(),
        Outcome::Stale
    );
    assert_eq!(
        vault
            .offer_continue(
                account,
                epoch,
                &ended,
                &notice("may_continue"),
                UnixMillis(1)
            )
            .unwrap(),
        Outcome::Stale
    );
    assert_eq!(
        vault
            .raise_notice(account, epoch, &notice("about_to_expire"), UnixMillis(1))
            .unwrap(),
        Outcome::Stale
    );
    assert_eq!(
        vault
            .raise_erase(account, epoch, "age", UnixMillis(1))
            .unwrap(),
        Outcome::Stale
    );
    assert_eq!(
        vault
            .owe_device(account, epoch, "device", UnixMillis(1))
            .unwrap(),
        Outcome::Stale
    );
    assert_eq!(
        vault
            .set_server_facts(account, epoch, &ServerFacts::default())
            .unwrap(),
        Outcome::Stale
    );
    assert_eq!(
        vault.set_session_id(account, epoch, "row").unwrap(),
        Outcome::Stale
    );
    assert_eq!(
        vault.set_attached_device(account, epoch, "device").unwrap(),
        Outcome::Stale
    );
    assert_eq!(
        vault.set_header_habits(account, epoch, "{}").unwrap(),
        Outcome::Stale
    );
    assert_eq!(
        vault
            .set_expiry(account, epoch, None, UnixMillis(1))
            .unwrap(),
        Outcome::Stale
    );
    let validated = Validated {
        at: stamp(5_000),
        user: user_facts("mallory"),
    };
    assert_eq!(
        vault.record_validated(account, epoch, &validated).unwrap(),
        Outcome::Stale
    );
    let sign_out = SignOut {
        account,
        epoch,
        standing: ended,
        old_token: OldToken::Dropped,
        at: UnixMillis(1),
    };
    assert_eq!(vault.sign_out(&sign_out).unwrap(), Outcome::Stale);
    let forget = Forget {
        account,
        epoch,
        old_token: OldToken::Dropped,
        reason: "forgotten".to_owned(),
        at: UnixMillis(1),
    };
    assert_eq!(vault.forget(&forget).unwrap(), Outcome::Stale);

    assert_eq!(vault.accounts().unwrap(), before);
    assert_eq!(vault.outbox().unwrap(), outbox);
    assert_eq!(vault.notices().unwrap(), []);
    assert_eq!(vault.obligations().unwrap(), []);
    assert_eq!(before[0].epoch, new.epoch);
    assert_eq!(
        vault
            .store_standing(AccountId(99), Epoch(1), &standing("active"))
            .unwrap(),
        Outcome::Stale,
        "an unknown account is no error"
    );
}

/// Hazard D05.
#[test]
fn a_sign_out_leaves_no_token_no_notice_and_a_debt_to_the_server() {
    let (folder, mut device) = device();
    let alice = device.sign_in(SERVER, ALICE, FIRST_TOKEN);
    let _ = device.end(alice.account, alice.epoch);
    let _ = device
        .vault
        .owe_device(alice.account, alice.epoch, "device", UnixMillis(1))
        .unwrap();
    let signed_out = device.sign_out(alice.account);

    assert_eq!(signed_out.epoch, alice.epoch.next());
    let account = device.vault.account(alice.account).unwrap().unwrap();
    assert_eq!(account.epoch, signed_out.epoch);
    assert_eq!(account.sealed_token, None);
    assert_eq!(account.key_name, None);
    assert_eq!(account.restore_until, None);
    assert_eq!(device.vault.notices().unwrap(), []);
    let outbox = device.vault.outbox().unwrap();
    assert_eq!(outbox.len(), 1, "the device id has no session to go to");
    assert_eq!(device.owed_token(&outbox[0]), FIRST_TOKEN);
    assert_eq!(device.key_names(folder.path()), ["outbox"]);
}

#[test]
fn an_end_by_wipe_destroys_the_token_and_asks_for_erasing_in_one_step() {
    let (folder, mut device) = device();
    let alice = device.sign_in(SERVER, ALICE, FIRST_TOKEN);
    let wiped = End {
        token: TokenFate::Destroyed,
        erase: Some("wiped".to_owned()),
        notice: Some(notice("wiped")),
        ..end(alice.account, alice.epoch)
    };
    let ended = device
        .vault
        .commit_end(&wiped)
        .unwrap()
        .committed()
        .unwrap();
    device.finish_removal(ended.retired_key.as_ref()).unwrap();
    assert_eq!(ended.owed, None);
    assert_eq!(device.vault.obligations().unwrap()[0].reason, "wiped");
    assert_eq!(device.vault.notices().unwrap()[0].kind, "wiped");
    assert_eq!(device.vault.outbox().unwrap(), []);
    assert_eq!(device.key_names(folder.path()), Vec::<String>::new());
    assert!(matches!(
        device
            .vault
            .continue_session(alice.account, alice.epoch, &standing("active"))
            .unwrap(),
        Outcome::Stale
    ));
}

#[test]
fn a_wrong_verdict_heals_and_a_later_end_is_told_again() {
    let (_folder, mut device) = device();
    let alice = device.sign_in(SERVER, ALICE, FIRST_TOKEN);
    let (account, epoch) = (alice.account, alice.epoch);
    let _ = device.end(account, epoch);
    let vault = &mut device.vault;
    let offer = notice("may_continue");
    let ended = standing("ended");
    assert!(matches!(
        vault
            .offer_continue(account, epoch, &ended, &offer, UnixMillis(3_000))
            .unwrap(),
        Outcome::Committed(Some(_))
    ));
    let kinds: Vec<_> = vault
        .notices()
        .unwrap()
        .into_iter()
        .map(|notice| notice.kind)
        .collect();
    assert_eq!(kinds, ["may_continue"]);
    assert_eq!(
        vault
            .offer_continue(account, epoch, &ended, &offer, UnixMillis(4_000))
            .unwrap(),
        Outcome::Committed(None)
    );
    assert_eq!(
        vault
            .continue_session(account, epoch, &standing("active"))
            .unwrap(),
        Outcome::Committed(())
    );
    assert_eq!(vault.notices().unwrap(), []);
    let record = vault.account(account).unwrap().unwrap();
    assert_eq!((record.ended_at, record.restore_until), (None, None));
    assert_eq!(record.epoch, epoch);

    let _ = device.end(account, epoch);
    assert_eq!(device.vault.notices().unwrap().len(), 1);
}

#[test]
fn the_end_of_the_window_takes_token_and_offer_away() {
    let (folder, mut device) = device();
    let alice = device.sign_in(SERVER, ALICE, FIRST_TOKEN);
    let _ = device.end(alice.account, alice.epoch);
    let _ = device
        .vault
        .offer_continue(
            alice.account,
            alice.epoch,
            &standing("ended"),
            &notice("may_continue"),
            UnixMillis(1),
        )
        .unwrap();
    let retired = device
        .vault
        .destroy_token(
            alice.account,
            alice.epoch,
            &standing("ended"),
            "may_continue",
        )
        .unwrap()
        .committed()
        .unwrap();
    device.finish_removal(retired.as_ref()).unwrap();
    assert_eq!(device.vault.notices().unwrap(), []);
    let account = device.vault.account(alice.account).unwrap().unwrap();
    assert_eq!(account.sealed_token, None);
    assert_eq!(account.restore_until, None);
    assert_eq!(device.key_names(folder.path()), Vec::<String>::new());
}

#[test]
fn forgetting_removes_the_account_and_keeps_what_is_owed() {
    let (_folder, mut device) = device();
    let alice = device.sign_in(SERVER, ALICE, FIRST_TOKEN);
    let _ = device
        .vault
        .raise_notice(
            alice.account,
            alice.epoch,
            &notice("about_to_expire"),
            UnixMillis(1),
        )
        .unwrap();
    let owed = device
        .prepared_sign_in(SERVER, ALICE, SECOND_TOKEN)
        .old_token;
    let forgotten = device
        .vault
        .forget(&Forget {
            account: alice.account,
            epoch: alice.epoch,
            old_token: owed,
            reason: "forgotten".to_owned(),
            at: UnixMillis(5),
        })
        .unwrap()
        .committed()
        .unwrap();
    device
        .finish_removal(forgotten.retired_key.as_ref())
        .unwrap();
    assert_eq!(device.vault.accounts().unwrap(), []);
    assert_eq!(device.vault.notices().unwrap(), []);
    assert_eq!(
        Some(device.vault.obligations().unwrap()[0].id),
        forgotten.erase
    );
    let outbox = device.vault.outbox().unwrap();
    assert_eq!(device.owed_token(&outbox[0]), FIRST_TOKEN);

    let again = device.sign_in(SERVER, ALICE, SECOND_TOKEN);
    assert_ne!(again.account, alice.account, "a number is never used again");
}

/// Hazard D05.
#[test]
fn what_is_owed_is_struck_out_only_with_the_proof_that_fits() {
    let (_folder, mut device) = device();
    let alice = device.sign_in(SERVER, ALICE, FIRST_TOKEN);
    device.sign_out(alice.account);
    let vault = &mut device.vault;
    let entry = vault.outbox().unwrap()[0].clone();
    assert_eq!(vault.outbox_due(UnixMillis(1_999)).unwrap().len(), 0);
    assert_eq!(vault.outbox_due(UnixMillis(2_000)).unwrap().len(), 1);
    assert!(
        vault
            .outbox_attempted(entry.id, UnixMillis(10_000))
            .unwrap()
    );
    assert_eq!(vault.outbox_due(UnixMillis(9_999)).unwrap().len(), 0);
    assert_eq!(vault.outbox_due(UnixMillis(10_000)).unwrap()[0].attempts, 1);
    assert_eq!(
        vault.outbox_due(UnixMillis(-86_400_000)).unwrap().len(),
        1,
        "a clock that was set back does not put a debt off"
    );
    assert!(matches!(
        vault.outbox_done(entry.id, OutboxProof::DeviceAttached),
        Err(VaultError::Misuse(_))
    ));
    assert!(
        vault
            .outbox_done(entry.id, OutboxProof::SessionGone)
            .unwrap()
    );
    assert!(
        !vault
            .outbox_done(entry.id, OutboxProof::SessionGone)
            .unwrap()
    );
    assert!(!vault.outbox_attempted(entry.id, UnixMillis(1)).unwrap());
    assert_eq!(vault.outbox().unwrap(), []);
}

#[test]
fn of_several_device_ids_the_last_one_is_owed() {
    let (_folder, mut device) = device();
    let alice = device.sign_in(SERVER, ALICE, FIRST_TOKEN);
    for id in ["one", "two"] {
        let _ = device
            .vault
            .owe_device(alice.account, alice.epoch, id, UnixMillis(1))
            .unwrap();
    }
    let outbox = device.vault.outbox().unwrap();
    assert_eq!(outbox.len(), 1);
    assert_eq!(outbox[0].payload, "two");
    assert!(
        device
            .vault
            .outbox_done(outbox[0].id, OutboxProof::DeviceAttached)
            .unwrap()
    );
}

#[test]
fn facts_about_an_account_are_kept() {
    let (folder, mut device) = device();
    let alice = device.sign_in(SERVER, ALICE, FIRST_TOKEN);
    let (account, epoch, vault) = (alice.account, alice.epoch, &mut device.vault);
    let server = ServerFacts {
        name: Some("Renamed".to_owned()),
        version: None,
        websocket_url: Some("wss://push.example.com".to_owned()),
        ..ServerFacts::default()
    };
    let validated = Validated {
        at: stamp(7_000),
        user: user_facts("alice2"),
    };
    assert_eq!(
        vault.record_validated(account, epoch, &validated).unwrap(),
        Outcome::Committed(())
    );
    assert_eq!(
        vault.set_server_facts(account, epoch, &server).unwrap(),
        Outcome::Committed(())
    );
    let expiry = Some(UnixMillis(9_000));
    assert_eq!(
        vault
            .set_expiry(account, epoch, expiry, UnixMillis(1))
            .unwrap(),
        Outcome::Committed(())
    );
    assert_eq!(
        vault.set_session_id(account, epoch, "row").unwrap(),
        Outcome::Committed(())
    );
    assert_eq!(
        vault.set_attached_device(account, epoch, "device").unwrap(),
        Outcome::Committed(())
    );
    assert_eq!(
        vault.set_header_habits(account, epoch, "[1]").unwrap(),
        Outcome::Committed(())
    );
    vault.set_setting(Setting::DeviceId, "one").unwrap();
    vault.set_setting(Setting::DeviceId, "two").unwrap();
    let installation = vault.setting(Setting::InstallationId).unwrap();
    assert!(installation.is_some());
    drop(device);

    let mut device = Device::open(folder.path());
    let record = device.vault.account(account).unwrap().unwrap();
    assert_eq!(record.validated_at, Some(stamp(7_000)));
    assert_eq!(record.user, user_facts("alice2"));
    assert_eq!(record.expires_at, expiry);
    assert_eq!(record.server, server);
    assert_eq!(record.session_id.as_deref(), Some("row"));
    assert_eq!(record.device_id.as_deref(), Some("device"));
    assert_eq!(record.header_habits.as_deref(), Some("[1]"));
    assert_eq!(
        device.vault.setting(Setting::DeviceId).unwrap().as_deref(),
        Some("two")
    );
    assert_eq!(
        device.vault.setting(Setting::InstallationId).unwrap(),
        installation
    );
    assert_eq!(
        device
            .vault
            .set_expiry(account, epoch, None, UnixMillis(1))
            .unwrap(),
        Outcome::Committed(())
    );
    assert_eq!(
        device.vault.account(account).unwrap().unwrap().expires_at,
        None
    );
}

#[test]
fn a_closed_vault_refuses_work_and_reopens_as_it_was() {
    let (_folder, mut device) = device();
    device.sign_in(SERVER, ALICE, FIRST_TOKEN);
    let before = device.vault.accounts().unwrap();
    let _ = device.vault.close().unwrap();
    let _ = device.vault.close().unwrap();
    assert_eq!(device.vault.accounts(), Err(VaultError::Closed));
    assert_eq!(device.vault.scrub(), Err(VaultError::Closed));
    let _ = device.vault.reopen().unwrap();
    let _ = device.vault.reopen().unwrap();
    assert_eq!(device.vault.accounts().unwrap(), before);
}
