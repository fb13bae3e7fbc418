//! The own server was given a new id after a sign-out that it does not know of yet.

use crate::clocks::HOUR;
use crate::common::*;
use rusqlite::Connection;
use std::path::Path;
use steadfast::NetworkPath;

fn vault(folder: &Path) -> Connection {
    let vault = Connection::open(folder.join("vault/vault.sqlite3")).unwrap();
    vault
        .busy_timeout(std::time::Duration::from_secs(30))
        .unwrap();
    vault
}

fn attempts(vault: &Connection) -> Option<i64> {
    vault
        .query_row("SELECT sum(attempts) FROM outbox", [], |row| row.get(0))
        .unwrap()
}

/// Nobody who is signed out can learn the new id, so it must not keep a revocation from the server for ever.
///
/// Hazard D13.
#[tokio::test]
async fn a_sign_out_is_paid_to_the_own_server_under_a_new_id_after_a_day() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path(), &server);
    let alice = sign_in(&core, &server, "alice").await;
    until_live(&core, alice).await;
    until(&core, alice, |seen| !seen.server_name.is_empty()).await;
    // What the server says of itself may be read twice after a sign-in, and not at a start.
    core.close().await;
    let vault = vault(folder.path());
    let set = "UPDATE accounts SET diagnostic_id = 'anotherinstallation2222222'";
    assert_eq!(vault.execute(set, []).unwrap(), 1);
    let core = open(folder.path(), &server);
    until_live(&core, alice).await;
    let before = server.control().request_count();

    core.sign_out(alice).await.unwrap();
    eventually(|| attempts(&vault) >= Some(1)).await;
    let control = server.control();
    assert_eq!(control.sessions("alice").len(), 1, "not sent to a stranger");
    let sent = control.requests().split_off(before);
    let logouts = sent.iter().filter(|sent| sent.path.ends_with("/logout"));
    assert_eq!(logouts.count(), 0, "{sent:#?}");

    let age = "UPDATE outbox SET created_at = created_at - ?1, next_try_at = 0";
    assert_eq!(vault.execute(age, [25 * HOUR]).unwrap(), 1);
    core.network_changed(NetworkPath::Up, None).unwrap();
    eventually(|| attempts(&vault).is_none()).await;
    assert_eq!(control.sessions("alice").len(), 0);
    core.close().await;
}
