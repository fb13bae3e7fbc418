//! Revoked while the app is open and nobody touches it.

use std::time::Duration;

use steadfast::NoticeKind;
use steadfast_acceptance::{World, cases};
use steadfast_lab::device::message::Kind;

cases![told_by_itself_with_one_probe_and_at_most_two_reconnects];

/// What the user may have to wait.
const BY_ITSELF: Duration = Duration::from_secs(35);

/// Q1.
async fn told_by_itself_with_one_probe_and_at_most_two_reconnects(world: &World) {
    let device = world.signed_in(Kind::IPhone).await;
    // Nothing of the sign-in is still under way.
    device.verify().await;
    let from = world.control().request_count();
    world.revoke(&world.alice);
    let took = device.until_expired().await;
    assert!(took < BY_ITSELF, "{took:?}");
    let told = device.until_told(1).await;
    assert_eq!(told[0].kind, NoticeKind::SessionEnded);

    let asked = world.control().requests().split_off(from);
    let count = |part: &str| {
        let fits = asked.iter().filter(|record| record.path.ends_with(part));
        fits.count()
    };
    // The first look finds the session gone; the server's health is asked for once; the second look confirms.
    assert!(count("/websocket") <= 2, "{asked:#?}");
    assert_eq!(count("/system/ping"), 1, "{asked:#?}");
    assert_eq!(count("/users/me"), 2, "{asked:#?}");
}
