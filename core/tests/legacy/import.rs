//! What an import makes of what it is given.

use steadfast::{
    LegacyOutcome, LegacySource, PreviousInstallation, Shows, SignIn, SignInMethod, Standing,
};

use crate::support::*;

/// Q18.
#[tokio::test]
async fn a_session_of_every_source_is_taken_over_and_heard() {
    for source in [
        LegacySource::ReactNative2,
        LegacySource::ReactNative1Internet,
        LegacySource::ReactNative1Generic,
        LegacySource::ClassicIosCookie,
        LegacySource::ClassicAndroidCookie,
        LegacySource::ClassicIosDefaults,
    ] {
        let server = server().await;
        let session = session_of(&server, Some("apple_rn:old")).await;
        let (url, token, user) = (server.url(), &session.token, &session.user_id);
        let name = format!("apple_rn:old, {user}");
        let entries = match source {
            LegacySource::ReactNative1Internet => vec![entry(source, url, &name, token)],
            LegacySource::ReactNative1Generic => {
                vec![entry(source, "", &name, &format!("{token},{url}"))]
            }
            LegacySource::ClassicIosCookie => vec![
                entry(LegacySource::ClassicIosDefaults, url, "MMAUTHTOKEN", token),
                entry(source, url, "MMUSERID", user),
                entry(source, url, "MMAUTHTOKEN", token),
                entry(source, url, "MMCSRF", &session.csrf),
            ],
            LegacySource::ClassicAndroidCookie => vec![
                entry(source, url, "MMAUTHTOKEN", token),
                entry(source, url, "MMUSERID", user),
            ],
            LegacySource::ClassicIosDefaults => vec![entry(source, url, "MMAUTHTOKEN", token)],
            _ => vec![entry(source, url, token, token)],
        };
        let folder = tempfile::tempdir().unwrap();
        let core = open(folder.path());
        import(&core, &entries).await;
        let changes = until_changes(&core, |changes| {
            let mut accounts = changes.accounts.iter();
            accounts.any(|one| one.validated_at.is_some() && one.username == "alice")
        })
        .await;
        assert_eq!(changes.accounts.len(), 1, "{source:?}");
        let account = changes.accounts[0].id;
        assert_eq!(adopted(&import(&core, &entries).await), account);
        assert_eq!(
            changes.accounts[0].sign_in_method,
            Some(SignInMethod::Adopted)
        );
        // What follows a sign-in followed here too.
        until(&core, account, |snapshot| !snapshot.server_name.is_empty()).await;
        assert_eq!(
            server.control().sessions("alice").len(),
            1,
            "the session itself, no other"
        );
        assert_eq!(occurrences(folder.path(), token), 0);
        core.close().await;
    }
}

#[tokio::test]
async fn the_old_apps_device_id_tells_which_session_is_ours() {
    let server = server().await;
    let session = session_of(&server, Some("apple_rn:old")).await;
    session_of(&server, Some("apple_rn:other")).await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path());
    let name = format!("apple_rn:old, {}", session.user_id);
    let source = LegacySource::ReactNative1Internet;
    let entries = [entry(source, server.url(), &name, &session.token)];
    let account = adopted(&import(&core, &entries).await);
    until_heard(&core, account).await;
    let sessions = core.active_sessions(account).await.unwrap();
    assert_eq!(sessions.len(), 2);
    let own: Vec<_> = sessions.iter().filter(|one| one.current).collect();
    assert_eq!(own.len(), 1);
    let rows = server.control().sessions("alice");
    let row = rows.iter().find(|row| row.id == own[0].id).unwrap();
    assert_eq!(row.device_id, "apple_rn:old");
    core.close().await;
}

#[tokio::test]
async fn an_account_that_the_core_has_counts_before_anything_left_behind() {
    let world = World::new().await;
    let core = world.open();
    let own = core
        .sign_in(SignIn::new(world.url(), "alice", ALICE))
        .await
        .unwrap();
    let before = core.snapshot(own).unwrap();
    assert_eq!(
        import(&core, &[world.known(), world.unknown()]).await,
        [LegacyOutcome::Superseded, LegacyOutcome::Superseded]
    );
    assert_eq!(core.accounts().len(), 1);
    assert_eq!(
        core.snapshot(own).unwrap().sign_in_method,
        before.sign_in_method
    );

    // Nor does what was left behind undo a sign-out.
    core.sign_out(own).await.unwrap();
    let late = session_of(&world.server, None).await;
    let source = LegacySource::ReactNative2;
    let late = entry(source, &world.url(), &late.token, &late.token);
    assert_eq!(import(&core, &[late]).await, [LegacyOutcome::Superseded]);
    assert_eq!(core.snapshot(own).unwrap().standing, Standing::Ended);
    core.close().await;
}

#[tokio::test]
async fn a_sign_in_overtakes_a_session_that_was_not_heard_yet() {
    let world = World::new().await;
    let core = world.open();
    world.faults().refuse(true);
    let entry = world.unknown();
    assert_eq!(
        import(&core, std::slice::from_ref(&entry)).await,
        [LegacyOutcome::Pending]
    );
    assert!(core.accounts().is_empty(), "nobody's content is shown");
    world.faults().refuse(false);
    core.sign_in(SignIn::new(world.url(), "alice", ALICE))
        .await
        .unwrap();
    way_back(&core);
    let settled = until_outcome(&core, &entry, |outcome| outcome != LegacyOutcome::Pending).await;
    // Whichever came first, there is one account, and nobody was signed out.
    assert!(matches!(
        settled,
        LegacyOutcome::Superseded | LegacyOutcome::Adopted(_)
    ));
    assert_eq!(core.accounts().len(), 1);
    assert_eq!(core.accounts()[0].shows(), Shows::Content);
    core.close().await;
}

#[tokio::test]
async fn importing_again_changes_nothing() {
    let world = World::new().await;
    let core = world.open();
    let entries = [world.unknown(), world.known()];
    let first = import(&core, &entries).await;
    assert_eq!(
        first,
        [LegacyOutcome::Pending, LegacyOutcome::Superseded],
        "the better source counts"
    );
    until_changes(&core, |changes| changes.accounts.len() == 1).await;
    let account = core.accounts()[0].id;
    let adopted = [LegacyOutcome::Adopted(account), LegacyOutcome::Superseded];
    for _ in 0..3 {
        assert_eq!(import(&core, &entries).await, adopted);
    }
    core.close().await;
    let core = world.open();
    assert_eq!(import(&core, &entries).await, adopted);
    assert_eq!(core.accounts().len(), 1);
    core.close().await;
}

/// Hazards B06.
#[tokio::test]
async fn what_outlived_an_uninstall_is_erased_and_nobody_is_signed_in_by_it() {
    let world = World::new().await;
    let core = world.open();
    let entries = vec![world.known(), world.unknown()];
    let report = core
        .import_legacy(entries, PreviousInstallation::Gone)
        .await
        .unwrap();
    for (_, outcome) in &report.entries {
        assert_eq!(*outcome, LegacyOutcome::OtherInstallation);
    }
    assert!(core.accounts().is_empty());
    assert_eq!(core.legacy_erasable().await.unwrap().len(), 2);
    core.close().await;
}
