//! SIGKILL, full disks and failing disks at the writes of an import: nothing is lost, nothing is adopted twice, and nothing
//! may be erased that the vault does not hold.

use std::path::Path;
use std::sync::Arc;

use steadfast::keystore::{KeyAnswer, KeyStore};
use steadfast::vault::{Binding, Column, KeyName, LegacyState, Vault, unseal, unseal_legacy};
use steadfast::{
    FileKeyStore, HostState, LegacyEntry, LegacyOutcome, LegacySource, PreviousInstallation,
    Steadfast,
};

use crate::stopped::{Child, Run, SYNCS, Stop, WRITES, task};
use crate::support::*;

const USER: &str = "useruseruseruseruseruserus";
const KNOWN: &str = "http://127.0.0.1:9/known";
const UNKNOWN: &str = "http://127.0.0.1:9/unknown";
const TOKENS: [&str; 2] = ["tokenatokenatokenatokenaaa", "tokenbtokenbtokenbtokenbbb"];

const IMPORT: Child<'static> = Child {
    test: "kills::child_that_imports",
    task: "",
};

/// One of which the older app wrote down whose it is, and one of which nobody did.
fn entries() -> Vec<LegacyEntry> {
    let name = format!("apple_rn:old, {USER}");
    let [known, unknown] = TOKENS;
    vec![
        entry(LegacySource::ReactNative1Internet, KNOWN, &name, known),
        entry(LegacySource::ReactNative2, UNKNOWN, unknown, unknown),
    ]
}

fn open_running(folder: &Path) -> Steadfast {
    let mut config = config(folder);
    config.host_state = HostState::Running;
    open_with(config, folder)
}

/// A folder with a vault and a key store in it: the thread that makes a new file would be the first to reach any number.
async fn before() -> tempfile::TempDir {
    let before = tempfile::tempdir().unwrap();
    open_running(before.path()).close().await;
    before
}

/// Imports, and says how it went; asks what may be erased, and says that; and says that it was erased.
#[tokio::test]
async fn child_that_imports() {
    // The body of a process that the other tests start under strace; by itself it has nothing to do.
    let Some((folder, _)) = task() else {
        return;
    };
    let keys = FileKeyStore::open(folder.join("keys")).unwrap();
    let mut config = config(&folder);
    config.host_state = HostState::Running;
    let core = match Steadfast::open(config, Arc::new(keys)) {
        Ok(core) => core,
        Err(error) => {
            println!("outcome: {}", error.code());
            std::process::exit(0);
        }
    };
    let imported = core
        .import_legacy(entries(), PreviousInstallation::Updated)
        .await;
    let outcome = imported.map_or_else(|error| error.code(), |_| "done");
    println!("outcome: {outcome}");
    let erasable = match core.legacy_erasable().await {
        Ok(erasable) => erasable,
        Err(error) => {
            println!("refused: {}", error.code());
            std::process::exit(0);
        }
    };
    for erasable in &erasable {
        println!("{}: erasable", erasable.server_url);
    }
    let ids = erasable.into_iter().map(|erasable| erasable.id).collect();
    let erased = core.legacy_erased(ids).await;
    println!(
        "erased: {}",
        erased.map_or_else(|error| error.code(), |()| "done")
    );
    std::process::exit(0);
}

/// The entries that the child was told to erase: the older app has them no longer.
fn told_to_erase(run: &Run) -> Vec<LegacyEntry> {
    let told = |entry: &LegacyEntry| run.said(&entry.server) == "erasable";
    entries().into_iter().filter(told).collect()
}

/// What a vault holds of the entries, opened with the keys of the key store: the number of accounts, and the token of each
/// entry, if it is there.
fn held(folder: &Path) -> (usize, Vec<String>) {
    let mut vault = Vault::open(&folder.join("vault")).unwrap().vault;
    let keys = FileKeyStore::open(folder.join("keys")).unwrap();
    let key = |name: &KeyName| match keys.load(name.as_str()) {
        KeyAnswer::Value(key) => key,
        answer => panic!("{name:?}: {answer:?}"),
    };
    let accounts = vault.accounts().unwrap();
    let mut tokens = Vec::new();
    for account in &accounts {
        let binding = Binding {
            account: account.id,
            epoch: account.epoch,
            column: Column::AccountToken,
        };
        let sealed = account.sealed_token.as_ref().unwrap();
        let token = unseal(&key(account.key_name.as_ref().unwrap()), binding, sealed).unwrap();
        tokens.push(token.expose().to_owned());
    }
    for row in vault.legacy().unwrap() {
        if let Some(sealed) = &row.row.sealed_token {
            let token = unseal_legacy(&key(&KeyName::outbox()), &row.row.entry, sealed).unwrap();
            tokens.push(token.expose().to_owned());
        }
    }
    assert_eq!(vault.outbox().unwrap(), [], "nothing is owed to a server");
    (accounts.len(), tokens)
}

/// What was left is whole, and holds every token that the older app was made to erase; importing what the older app still
/// has makes it complete. Whether the account was there before that.
async fn inspect(run: &Run) -> bool {
    let folder = run.folder.path();
    let (accounts, tokens) = held(folder);
    assert!(accounts <= 1, "{run:?}");
    let erased = told_to_erase(run);
    for entry in &erased {
        let token = entry.value.expose();
        assert!(tokens.iter().any(|held| held == token), "{run:?}");
    }
    let left: Vec<_> = entries()
        .into_iter()
        .filter(|entry| !erased.contains(entry))
        .collect();
    let core = open_running(folder);
    import(&core, &left).await;
    let outcomes = import(&core, &entries()).await;
    let account = adopted(&outcomes[..1]);
    assert_eq!(outcomes[1], LegacyOutcome::Pending);
    let accounts_now: Vec<_> = core.accounts().iter().map(|one| one.id).collect();
    assert_eq!(accounts_now, [account]);
    let _ = core.legacy_erasable().await.unwrap();
    core.close().await;
    drop(core);
    let (_, tokens) = held(folder);
    assert_eq!(tokens, TOKENS);
    let rows = Vault::open(&folder.join("vault")).unwrap().vault.legacy();
    let states: Vec<_> = rows.unwrap().iter().map(|row| row.state).collect();
    assert_eq!(states.len(), 2);
    assert!(!states.contains(&LegacyState::Copied), "{states:?}");
    accounts == 1
}

/// Q18. Hazards B11, B15.
#[tokio::test]
async fn a_kill_at_any_write_of_an_import_loses_nothing() {
    let before = before().await;
    let (mut runs, mut kills, mut adopted) = (0, 0, 0);
    for calls in [SYNCS, WRITES, "?rename,?renameat"] {
        for run in IMPORT.stopped(before.path(), calls, Stop::Kill) {
            runs += 1;
            let was_adopted = inspect(&run).await;
            if run.was_killed {
                kills += 1;
                adopted += usize::from(was_adopted);
            } else {
                assert_all_went_well(&run);
            }
        }
    }
    println!("{kills} kills, {adopted} of them after the commit");
    if runs > 0 {
        assert!(kills >= 20, "strace killed too little: {kills}");
        assert!(0 < adopted && adopted < kills, "both states are reached");
    }
}

/// Fails the calls of an import one by one: what goes wrong is told by its code, and the next import finishes.
async fn fail_every(calls: &str, stop: Stop, codes: &[&str]) {
    let before = before().await;
    let (mut outcomes, mut erased) = (Vec::new(), Vec::new());
    for run in IMPORT.stopped(before.path(), calls, stop) {
        let outcome = run.said("outcome");
        let is_told = |code: &String| code == "done" || codes.contains(&code.as_str());
        assert!(is_told(&outcome), "{calls} {stop:?}: {run:?}");
        for later in [run.said("refused"), run.said("erased")] {
            assert!(
                later.is_empty() || is_told(&later),
                "{calls} {stop:?}: {run:?}"
            );
        }
        inspect(&run).await;
        if run.came_through() {
            assert_all_went_well(&run);
        }
        erased.push(told_to_erase(&run).len());
        outcomes.push(outcome);
    }
    println!("{calls} {stop:?}: {outcomes:?}, told to erase {erased:?}");
    if !outcomes.is_empty() {
        for code in codes {
            assert!(
                outcomes.iter().any(|one| one == code),
                "{code}: {outcomes:?}"
            );
        }
        assert!(erased.contains(&0), "{erased:?}");
    }
}

fn assert_all_went_well(run: &Run) {
    assert_eq!(run.said("outcome"), "done", "{run:?}");
    assert_eq!(run.said("erased"), "done", "{run:?}");
    assert_eq!(told_to_erase(run), entries(), "{run:?}");
}

/// Q18. Hazard B21.
#[tokio::test]
async fn space_that_runs_out_for_good_during_an_import_is_told_and_loses_nothing() {
    fail_every(WRITES, Stop::FromThenOn("ENOSPC"), &["disk_full"]).await;
}

/// Q18. Hazard B22.
#[tokio::test]
async fn a_disk_that_fails_to_sync_during_an_import_is_told_and_nothing_is_lost() {
    let codes = ["store_unavailable", "key_store_unavailable"];
    fail_every(SYNCS, Stop::Once("EIO"), &codes).await;
}

/// Q18. Hazard B22.
#[tokio::test]
async fn a_disk_that_fails_to_write_during_an_import_is_told_and_nothing_is_lost() {
    fail_every(WRITES, Stop::Once("EIO"), &["store_unavailable"]).await;
}
