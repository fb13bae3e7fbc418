//! The app starts. How long until it can show its accounts?

use crate::figure::{Baseline, Figure, Row, Samples};
use crate::world::{self, PASSWORD, World, progress};
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::{Duration, Instant};
use steadfast::vault::DATABASE_FILE;
use steadfast::{HostState, SignIn, Steadfast};
use tempfile::TempDir;

const NAME: &str = "open";
const ACCOUNTS: usize = 10;
/// Opens before the first that counts.
const WARM_UP: usize = 3;

pub(super) async fn take(runs: usize) -> Figure {
    let users: Vec<_> = (0..ACCOUNTS)
        .map(|number| format!("user-{number}"))
        .collect();
    let world = World::start(&users).await;
    let folder = tempfile::tempdir().expect("a folder");
    let core = world::open(&folder, world.ca_pem());
    for user in &users {
        core.sign_in(SignIn::new(world.url(), user, PASSWORD))
            .await
            .expect("a sign-in");
    }
    core.close().await;

    let file = folder.path().join("vault").join(DATABASE_FILE);
    let mut in_front = Samples::default();
    let mut in_background = Samples::default();
    let mut by_hand = Samples::default();
    for run in 0..runs + WARM_UP {
        let taken = (
            open(&world, &folder, HostState::Focused).await,
            open(&world, &folder, HostState::Suspended).await,
            open_by_hand(&file),
        );
        if run >= WARM_UP {
            in_front.push(taken.0);
            in_background.push(taken.1);
            by_hand.push(taken.2);
        }
    }
    progress(NAME, runs, runs);
    let baseline = || Baseline::measured("rusqlite: open, select all accounts", &by_hand);
    Figure {
        name: NAME,
        title: format!("a vault of {ACCOUNTS} accounts is opened"),
        rows: vec![
            Row::new("open → accounts, in front", &in_front)
                .against(baseline())
                .aim("≤ 3 ×, ≤ 5 ms"),
            Row::new("open → accounts, in the background", &in_background).against(baseline()),
        ],
        counts: Vec::new(),
        notes: vec![
            "in front, the accounts' workers begin to validate and to dial while the rest of the open goes on"
                .to_owned(),
        ],
    }
}

async fn open(world: &World, folder: &TempDir, host: HostState) -> Duration {
    let mut config = world::config(folder, world.ca_pem());
    config.host_state = host;
    let keys = world::keys(folder);
    let began = Instant::now();
    let core = Steadfast::open(config, keys).expect("a core");
    let accounts = core.accounts();
    let took = began.elapsed();
    assert_eq!(accounts.len(), ACCOUNTS);
    core.close().await;
    took
}

fn open_by_hand(file: &Path) -> Duration {
    let began = Instant::now();
    let connection = Connection::open_with_flags(
        file,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .expect("a database");
    let accounts = connection
        .prepare("SELECT * FROM accounts ORDER BY position")
        .expect("a table of accounts")
        .query_map([], |row| row.get::<_, i64>("id"))
        .expect("a query")
        .collect::<Result<Vec<_>, _>>()
        .expect("rows");
    let took = began.elapsed();
    assert_eq!(accounts.len(), ACCOUNTS);
    took
}
