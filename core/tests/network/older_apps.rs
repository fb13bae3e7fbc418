//! A session that an older app left behind a gateway, taken over with the gateway's secret.

use steadfast::{
    Changes, LegacyEntry, LegacyErasable, LegacyOutcome, LegacySource, NetworkPath,
    PreviousInstallation, Snapshot, Steadfast,
};
use steadfast_faults::Proxy;
use steadfast_testserver::Server;

use crate::common::until_changes;
use crate::support::{Gate, Rules, config, holds, open, server, session_of_alice, until_live};

const SECRET: &str = "CANARYpreauth";

async fn gate(server: &Server) -> Gate {
    let rules = Rules {
        pre_auth: Some(SECRET),
        ..Rules::default()
    };
    Gate::before(server, rules).await
}

fn secret(url: &str) -> LegacyEntry {
    let source = LegacySource::ReactNative2PreSharedSecret;
    LegacyEntry::new(source, url, "preshared_secret", SECRET)
}

async fn import(core: &Steadfast, entries: &[LegacyEntry]) -> Vec<LegacyOutcome> {
    let updated = PreviousInstallation::Updated;
    let report = core.import_legacy(entries.to_vec(), updated).await.unwrap();
    report.entries.into_iter().map(|(_, one)| one).collect()
}

async fn until_heard(core: &Steadfast) -> Snapshot {
    let alice = |changes: &Changes| {
        let mut accounts = changes.accounts.iter();
        accounts.find(|one| one.username == "alice").cloned()
    };
    alice(&until_changes(core, |changes| alice(changes).is_some()).await).unwrap()
}

fn every_request_passed(gate: &Gate) {
    let header = format!("x-mattermost-preauth-secret: {SECRET}");
    let heads = gate.heads();
    assert!(heads.iter().any(|head| head.contains("/users/me")));
    assert!(heads.iter().any(|head| head.contains("/websocket")));
    for head in heads {
        let carries = head.lines().any(|line| line.eq_ignore_ascii_case(&header));
        assert!(carries, "{}", head.lines().next().unwrap());
    }
}

async fn erasable(core: &Steadfast) -> Vec<LegacySource> {
    let source = |one: LegacyErasable| one.source;
    let erasable = core.legacy_erasable().await.unwrap();
    erasable.into_iter().map(source).collect()
}

/// Q18.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_behind_a_gateway_is_taken_over_with_its_secret() {
    for user_is_known in [false, true] {
        let (folder, server) = (tempfile::tempdir().unwrap(), server().await);
        let gate = gate(&server).await;
        let session = session_of_alice(&server).await;
        let (token, user) = (session.token.expose().to_owned(), session.user.id.clone());
        let url = gate.url();
        let entry = if user_is_known {
            let name = format!("apple_rn:old, {user}");
            let source = LegacySource::ReactNative1Internet;
            LegacyEntry::new(source, &url, name.as_str(), token.as_str())
        } else {
            LegacyEntry::new(
                LegacySource::ReactNative2,
                &url,
                token.as_str(),
                token.as_str(),
            )
        };
        let entries = [secret(&url), entry];
        let core = open(folder.path(), config(folder.path(), &gate));
        for outcome in import(&core, &entries).await {
            assert!(!outcome.is_left_alone(), "{outcome:?}");
        }
        let id = until_heard(&core).await.id;
        until_live(&core, id).await;
        assert_eq!(
            import(&core, &entries).await,
            [LegacyOutcome::Noted, LegacyOutcome::Adopted(id)]
        );
        assert_eq!(erasable(&core).await.len(), 2);
        core.close().await;
        // The secret came into the account, so what the older app has of it is not needed any more.
        let core = open(folder.path(), config(folder.path(), &gate));
        until_live(&core, id).await;
        core.active_sessions(id).await.unwrap();
        every_request_passed(&gate);
        core.close().await;
        assert_eq!(holds(folder.path(), SECRET), Vec::<String>::new());
    }
}

/// Q18.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_waits_for_its_server_waits_with_the_secret() {
    let (folder, server) = (tempfile::tempdir().unwrap(), server().await);
    let gate = gate(&server).await;
    let session = session_of_alice(&server).await;
    let token = session.token.expose().to_owned();
    let wire = Proxy::tcp(gate.address).start().await.unwrap();
    wire.control().refuse(true);
    let url = wire.url("https");
    let source = LegacySource::ReactNative2;
    let entries = [
        LegacyEntry::new(source, &url, token.as_str(), token.as_str()),
        secret(&url),
    ];
    let core = open(folder.path(), config(folder.path(), &gate));
    // The secret may come after the token.
    assert_eq!(import(&core, &entries[..1]).await, [LegacyOutcome::Pending]);
    let waiting = [LegacyOutcome::Pending, LegacyOutcome::Pending];
    assert_eq!(import(&core, &entries).await, waiting);
    let both = [source, LegacySource::ReactNative2PreSharedSecret];
    assert_eq!(erasable(&core).await, both);
    let erased = entries.iter().map(LegacyEntry::id).collect();
    core.legacy_erased(erased).await.unwrap();
    core.close().await;
    assert_eq!(holds(folder.path(), SECRET), Vec::<String>::new());

    let core = open(folder.path(), config(folder.path(), &gate));
    assert!(core.accounts().is_empty());
    wire.control().refuse(false);
    core.network_changed(NetworkPath::Up, None).unwrap();
    let id = until_heard(&core).await.id;
    until_live(&core, id).await;
    let settled = [LegacyOutcome::Adopted(id), LegacyOutcome::Noted];
    assert_eq!(import(&core, &entries).await, settled);
    every_request_passed(&gate);
    core.close().await;
    assert_eq!(holds(folder.path(), SECRET), Vec::<String>::new());
}
