//! A sign-in is stored. What does it cost beside one row that is written durably?

use crate::figure::{Baseline, Figure, Row, Samples};
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;
use std::time::{Duration, Instant};
use steadfast::secret::{Key, Token};
use steadfast::session::{BootId, BootMillis, UnixMillis};
use steadfast::vault::{
    Binding, Column, OldToken, Outcome, SignIn, Stamp, StoredStanding, UserFacts, Vault, seal,
};

const NAME: &str = "commit";
/// Commits before the first that counts.
const WARM_UP: usize = 5;
const SERVER: &str = "https://chat.example.com";
const USER: &str = "alicealicealicealicealicea";

pub(super) fn take(runs: usize) -> Figure {
    let folder = tempfile::tempdir().expect("a folder");
    let mut vault = Vault::open(&folder.path().join("vault"))
        .expect("a vault")
        .vault;
    let bare = bare(&folder.path().join("bare.sqlite3"));
    let mut set_aside = Samples::default();
    let mut committed = Samples::default();
    let mut by_hand = Samples::default();
    for run in 0..runs + WARM_UP {
        let (aside, stored) = sign_in(&mut vault);
        let row = durable_row(&bare, run);
        if run >= WARM_UP {
            set_aside.push(aside);
            committed.push(stored);
            by_hand.push(row);
        }
    }
    crate::world::progress(NAME, runs, runs);
    let baseline = || Baseline::measured("rusqlite: one row, durable", &by_hand);
    Figure {
        name: NAME,
        title: "a sign-in is stored".to_owned(),
        rows: vec![
            Row::new("the sign-in's transaction", &committed)
                .against(baseline())
                .aim("≤ 1.5 ×"),
            Row::new("setting number and key name aside before it", &set_aside).against(baseline()),
        ],
        counts: Vec::new(),
        notes: vec![
            "each run replaces the session of the same user, so the old token moves to the outbox in the same transaction"
                .to_owned(),
        ],
    }
}

/// How long it took to set aside what a sign-in needs, and to make it true.
fn sign_in(vault: &mut Vault) -> (Duration, Duration) {
    let began = Instant::now();
    let prepared = vault.prepare_sign_in(SERVER, USER).expect("a preparation");
    let aside = began.elapsed();
    let key = Key::generate().expect("a key");
    let token = Token::new("tokentokentokentokentokent").expect("a token");
    let binding = |epoch, column| Binding {
        account: prepared.account,
        epoch,
        column,
    };
    let sealed_token =
        seal(&key, binding(prepared.epoch, Column::AccountToken), &token).expect("a sealed token");
    let old_token = match &prepared.existing {
        Some(existing) if existing.sealed_token.is_some() => OldToken::Owed(
            seal(&key, binding(existing.epoch, Column::OutboxToken), &token)
                .expect("a sealed token"),
        ),
        _ => OldToken::None,
    };
    let sign_in = SignIn {
        prepared,
        sealed_token,
        old_token,
        standing: StoredStanding {
            code: "active".to_owned(),
            detail: "{}".to_owned(),
        },
        user: UserFacts {
            username: "alice".to_owned(),
            roles: "system_user".to_owned(),
            locale: "en".to_owned(),
        },
        server_version: None,
        method: "password".to_owned(),
        csrf_hash: None,
        device_id: None,
        server_date: Some(UnixMillis(1)),
        network_profile: None,
        at: Stamp {
            wall: UnixMillis(1),
            boot: BootMillis(1),
            boot_id: BootId("bench".to_owned()),
        },
        proved: true,
    };
    let began = Instant::now();
    let outcome = vault.commit_sign_in(&sign_in).expect("a commit");
    let stored = began.elapsed();
    let Outcome::Committed(signed_in) = outcome else {
        panic!("nobody else signs in");
    };
    // What an app would owe grows no further than that of one sign-in.
    if let Some(owed) = signed_in.owed {
        let proof = steadfast::vault::OutboxProof::SessionGone;
        vault.outbox_done(owed, proof).expect("a paid debt");
    }
    (aside, stored)
}

/// A database with the settings of the vault and one table.
fn bare(file: &Path) -> Connection {
    let connection = Connection::open(file).expect("a database");
    for (pragma, value) in [
        ("secure_delete", "ON"),
        ("journal_mode", "WAL"),
        ("synchronous", "FULL"),
    ] {
        connection
            .pragma_update(None, pragma, value)
            .expect("a setting");
    }
    connection
        .execute_batch(
            "CREATE TABLE accounts (id INTEGER PRIMARY KEY, run INTEGER, token BLOB) STRICT",
        )
        .expect("a table");
    connection
}

fn durable_row(connection: &Connection, run: usize) -> Duration {
    let began = Instant::now();
    let transaction =
        rusqlite::Transaction::new_unchecked(connection, TransactionBehavior::Immediate)
            .expect("a transaction");
    transaction
        .prepare_cached(
            "INSERT INTO accounts (id, run, token) VALUES (1, ?1, ?2)
             ON CONFLICT (id) DO UPDATE SET run = excluded.run, token = excluded.token",
        )
        .expect("a statement")
        .execute((run as i64, [7_u8; 75].as_slice()))
        .expect("a row");
    transaction.commit().expect("a commit");
    began.elapsed()
}
