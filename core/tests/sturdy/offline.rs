//! Mobile Ephemeral Mode: the server says for how long a device may go without it.

use crate::clocks::{HOUR, Moved, move_clocks, suspend_and_leave};
use crate::common::{PASSWORD, until, until_live};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use steadfast::{
    ClearText, Config, Device, DeviceKind, FileKeyStore, NetworkPath, Shows, SignIn, Standing,
    Steadfast, message,
};
use steadfast_faults::Proxy;
use steadfast_testserver::{Role, Server};

fn open(folder: &Path) -> Steadfast {
    let device = Device::new(DeviceKind::IPhone, "2.43.0", "799", "18.1", "iPhone15,4");
    let mut config = Config::new(folder.join("vault"), device);
    config.clear_text = ClearText::AllowedByApp;
    let keys = FileKeyStore::open(folder.join("keys")).unwrap();
    Steadfast::open(config, Arc::new(keys)).unwrap()
}

fn away_for(hours: i64) -> Moved {
    Moved {
        wall: hours * HOUR,
        running: hours * HOUR,
        restarted: false,
    }
}

/// Hazard D23.
#[tokio::test]
async fn content_is_covered_beyond_the_time_that_the_server_allows_offline_until_it_is_asked() {
    let server = Server::builder()
        .user("alice", PASSWORD, Role::User)
        .settings(|settings| {
            settings.mobile_ephemeral_mode = true;
            settings.mobile_ephemeral_offline_hours = 3;
        })
        .start()
        .await
        .unwrap();
    let proxy = Proxy::http(server.url()).start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path());
    let sign_in = SignIn::new(proxy.url("http"), "alice", PASSWORD);
    let alice = core.sign_in(sign_in).await.unwrap();
    until_live(&core, alice).await;
    // What the server says of itself is stored by then.
    until(&core, alice, |seen| !seen.server_name.is_empty()).await;
    suspend_and_leave(core).await;
    let way = proxy.control();
    way.cut();

    move_clocks(folder.path(), away_for(2));
    let core = open(folder.path());
    assert_eq!(core.snapshot(alice).unwrap().shows(), Shows::Content);
    suspend_and_leave(core).await;

    move_clocks(folder.path(), away_for(2));
    let core = open(folder.path());
    let too_long = core.snapshot(alice).unwrap();
    assert_eq!(too_long.shows(), Shows::Cover(message::CHECKING_SESSION));
    assert_eq!(too_long.standing, Standing::Active);
    let in_vain = core.verify(alice, Duration::from_secs(1)).await;
    assert_ne!(in_vain.ok(), Some(Standing::Ended));
    assert!(core.snapshot(alice).unwrap().cover);

    way.restore();
    core.network_changed(NetworkPath::Up, None).unwrap();
    let back = until(&core, alice, |seen| !seen.cover).await;
    assert_eq!(back.shows(), Shows::Content);
    assert_eq!(core.notices(), []);
    assert_eq!(core.obligations(), []);
    assert_eq!(
        server.control().sessions("alice").len(),
        1,
        "the same session"
    );
    core.close().await;
}
