//! What the vault keeps of sign-ins that do not end where they begin: those that wait for the browser, sessions that nobody
//! can use, and the device id that a sign-in could not attach.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test support"
)]

mod vault_support;

use steadfast::session::{AccountId, Epoch, UnixMillis};
use steadfast::vault::{
    Forget, OutboxId, OutboxKind, OutboxProof, PendingSignInId, STRAY, Setting, VaultError,
};
use vault_support::*;

const OTHER: &str = "https://other.example.com";

fn device() -> (tempfile::TempDir, Device) {
    let folder = tempfile::tempdir().unwrap();
    let device = Device::open(folder.path());
    (folder, device)
}

fn begin(device: &mut Device, server: &str, account: Option<AccountId>) -> PendingSignInId {
    let pending = device.pending(server, account);
    device.vault.begin_pending_sign_in(&pending).unwrap()
}

fn waiting(device: &mut Device) -> Vec<PendingSignInId> {
    let pending = device.vault.pending_sign_ins().unwrap();
    pending.into_iter().map(|pending| pending.id).collect()
}

#[test]
fn one_sign_in_waits_per_server_and_the_newest_counts() {
    let (folder, mut device) = device();
    let first = begin(&mut device, SERVER, None);
    let other = begin(&mut device, OTHER, None);
    let second = begin(&mut device, SERVER, None);
    assert_eq!(waiting(&mut device), [other, second]);
    assert!(
        !device
            .vault
            .take_pending_sign_in(first, &stamp(2_000))
            .unwrap()
    );
    drop(device);
    let mut device = Device::open(folder.path());
    assert_eq!(waiting(&mut device), [other, second]);
}

#[test]
fn a_sign_in_is_taken_once() {
    let (folder, mut device) = device();
    let id = begin(&mut device, SERVER, None);
    assert!(
        device
            .vault
            .take_pending_sign_in(id, &stamp(2_000))
            .unwrap()
    );
    assert!(
        !device
            .vault
            .take_pending_sign_in(id, &stamp(2_000))
            .unwrap()
    );
    drop(device);
    let mut device = Device::open(folder.path());
    assert_eq!(waiting(&mut device), []);
    assert!(
        !device
            .vault
            .take_pending_sign_in(id, &stamp(2_000))
            .unwrap()
    );
}

#[test]
fn one_whose_time_is_over_can_be_neither_taken_nor_kept() {
    let (_folder, mut device) = device();
    let id = begin(&mut device, SERVER, None);
    assert!(
        !device
            .vault
            .take_pending_sign_in(id, &stamp(601_001))
            .unwrap()
    );
    assert_eq!(waiting(&mut device), []);
    begin(&mut device, SERVER, None);
    let mut later = device.pending(OTHER, None);
    later.begun = stamp(601_001);
    let later = device.vault.begin_pending_sign_in(&later).unwrap();
    assert_eq!(waiting(&mut device), [later]);
}

#[test]
fn forgetting_an_account_forgets_that_it_was_to_sign_in_again() {
    let (_folder, mut device) = device();
    let account = device.sign_in(SERVER, ALICE, FIRST_TOKEN).account;
    begin(&mut device, SERVER, Some(account));
    let other = begin(&mut device, OTHER, None);
    let forget = Forget {
        account,
        epoch: Epoch(1),
        old_token: device.sealed_for_outbox(account),
        reason: "forgotten".to_owned(),
        at: UnixMillis(2_000),
    };
    device.vault.forget(&forget).unwrap().committed().unwrap();
    assert_eq!(waiting(&mut device), [other]);
}

#[test]
fn the_end_of_a_session_that_no_account_holds_is_owed_like_any_other() {
    let (folder, mut device) = device();
    device.owe_stray(SERVER, FIRST_TOKEN);
    drop(device);
    let mut device = Device::open(folder.path());
    let outbox = device.vault.outbox().unwrap();
    assert_eq!(outbox.len(), 1);
    assert_eq!((outbox[0].account, outbox[0].epoch), STRAY);
    assert_eq!(outbox[0].kind, OutboxKind::RevokeToken);
    assert_eq!(device.owed_token(&outbox[0]), FIRST_TOKEN);
    let id: OutboxId = outbox[0].id;
    assert!(
        device
            .vault
            .outbox_done(id, OutboxProof::SessionGone)
            .unwrap()
    );
}

#[test]
fn a_session_that_is_owed_its_end_is_known_by_how_it_was_signed_in() {
    let (_folder, mut device) = device();
    let mut sign_in = device.prepared_sign_in(SERVER, ALICE, FIRST_TOKEN);
    sign_in.method = "access_token".to_owned();
    device.vault.commit_sign_in(&sign_in).unwrap().committed();
    device.sign_out(AccountId(1));
    let outbox = device.vault.outbox().unwrap();
    assert_eq!(outbox[0].payload, "access_token");
    let id = outbox[0].id;
    assert!(matches!(
        device.vault.outbox_done(id, OutboxProof::DeviceAttached),
        Err(VaultError::Misuse(_))
    ));
    assert!(
        device
            .vault
            .outbox_done(id, OutboxProof::LoggedOut)
            .unwrap()
    );
}

#[test]
fn a_sign_in_that_could_not_attach_the_device_owes_it() {
    let (_folder, mut device) = device();
    device
        .vault
        .set_setting(Setting::DeviceId, "device")
        .unwrap();
    let mut sign_in = device.prepared_sign_in(SERVER, ALICE, FIRST_TOKEN);
    sign_in.device_id = Some("device".to_owned());
    device.vault.commit_sign_in(&sign_in).unwrap().committed();
    assert_eq!(device.vault.outbox().unwrap(), []);

    device.sign_in(SERVER, BOB, FIRST_TOKEN);
    let outbox = device.vault.outbox().unwrap();
    assert_eq!(outbox.len(), 1);
    assert_eq!(
        (outbox[0].kind, outbox[0].payload.as_str()),
        (OutboxKind::AttachDevice, "device")
    );
    assert_eq!(outbox[0].account, AccountId(2));
}
