//! Clocks that jump, and a device that was away for a week, over a wire. The device's clock cannot be set for one process; what
//! the vault remembers of it can, and only the difference counts.

use crate::common::*;
use serde_json::Value;
use std::path::Path;
use steadfast::{HostState, Standing, Steadfast};

pub(crate) const HOUR: i64 = 60 * 60 * 1000;
const DAY: i64 = 24 * HOUR;
const YEARS: i64 = 20 * 365 * DAY;

/// How the device's clocks moved since the vault was written, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moved {
    pub(crate) wall: i64,
    pub(crate) running: i64,
    pub(crate) restarted: bool,
}

const A_WEEK_SUSPENDED: Moved = Moved {
    wall: 7 * DAY,
    running: 7 * DAY,
    restarted: false,
};
const A_WEEK_OFF: Moved = Moved {
    wall: 7 * DAY,
    running: 0,
    restarted: true,
};

fn put_back(stamped: &mut Value, moved: Moved) -> u32 {
    let mut found = 0;
    match stamped {
        Value::Object(fields) => {
            if fields.contains_key("boot_id") {
                found += 1;
                let wall = fields["wall"].as_i64().unwrap();
                let running = fields["boot"].as_i64().unwrap();
                fields.insert("wall".to_owned(), (wall - moved.wall).into());
                fields.insert("boot".to_owned(), (running - moved.running).into());
                if moved.restarted {
                    fields.insert("boot_id".to_owned(), "an earlier start".into());
                }
            }
            found += fields
                .values_mut()
                .map(|value| put_back(value, moved))
                .sum::<u32>();
        }
        Value::Array(values) => {
            found += values
                .iter_mut()
                .map(|value| put_back(value, moved))
                .sum::<u32>();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    found
}

/// Writes into the closed vault of one account what it would hold if the clocks had moved so since.
pub(crate) fn move_clocks(folder: &Path, moved: Moved) {
    let vault = rusqlite::Connection::open(folder.join("vault/vault.sqlite3")).unwrap();
    let detail: String = vault
        .query_row("SELECT standing_detail FROM accounts", [], |row| row.get(0))
        .unwrap();
    let mut detail: Value = serde_json::from_str(&detail).unwrap();
    assert!(put_back(&mut detail, moved) > 0, "{detail}");
    let changed = vault
        .execute(
            "UPDATE accounts SET standing_detail = ?1, signed_in_at = signed_in_at - ?2,
                 validated_wall = validated_wall - ?2, validated_boot = validated_boot - ?3,
                 validated_boot_id = iif(?4, 'an earlier start', validated_boot_id)",
            (
                detail.to_string(),
                moved.wall,
                moved.running,
                moved.restarted,
            ),
        )
        .unwrap();
    assert_eq!(changed, 1);
}

pub(crate) async fn suspend_and_leave(core: Steadfast) {
    core.host_state(HostState::Suspended).await.unwrap();
    core.close().await;
}

/// Hazards A27, A30.
#[tokio::test]
async fn no_jump_of_the_clock_and_no_week_away_ends_a_good_session() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path(), &server);
    let alice = sign_in(&core, &server, "alice").await;
    until_live(&core, alice).await;
    suspend_and_leave(core).await;
    let jump = |wall, restarted| Moved {
        wall,
        running: 0,
        restarted,
    };
    let all = [
        A_WEEK_SUSPENDED,
        A_WEEK_OFF,
        jump(YEARS, false),
        jump(-YEARS, false),
        jump(YEARS, true),
        jump(-YEARS, true),
        Moved {
            wall: 0,
            running: -YEARS,
            restarted: false,
        },
    ];
    for moved in all {
        move_clocks(folder.path(), moved);
        let core = open(folder.path(), &server);
        let snapshot = until_live(&core, alice).await;
        assert_eq!(snapshot.standing, Standing::Active, "{moved:?}");
        assert_eq!(core.notices(), [], "{moved:?}");
        assert_eq!(core.obligations(), [], "{moved:?}");
        suspend_and_leave(core).await;
    }
}

/// Hazards A27, A30.
#[tokio::test]
async fn no_jump_of_the_clock_and_no_week_away_keeps_a_revoked_session() {
    for moved in [
        A_WEEK_SUSPENDED,
        A_WEEK_OFF,
        Moved {
            wall: -YEARS,
            running: 0,
            restarted: true,
        },
    ] {
        let server = server().await;
        let folder = tempfile::tempdir().unwrap();
        let core = open(folder.path(), &server);
        let alice = sign_in(&core, &server, "alice").await;
        until_live(&core, alice).await;
        suspend_and_leave(core).await;
        let session = server.control().sessions("alice").remove(0);
        assert!(server.control().revoke_session(&session.id));
        move_clocks(folder.path(), moved);
        let core = open(folder.path(), &server);
        until(&core, alice, |seen| seen.standing == Standing::Ended).await;
        assert_eq!(core.notices().len(), 1, "{moved:?}");
        core.close().await;
    }
}
