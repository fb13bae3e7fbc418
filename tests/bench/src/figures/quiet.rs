//! Nothing happens. What does the core do all the same?

use crate::figure::{Count, Figure};
use crate::world::{World, progress};
use std::time::Duration;
use steadfast::HostState;

const NAME: &str = "quiet";
/// What follows a change of the host state is not idling: the runtime lets go of a thread that looked a name up after ten
/// seconds.
const SETTLE: Duration = Duration::from_secs(12);
const HOUR: f64 = 3_600.0;

/// What was counted at one instant.
struct Counters {
    wake_ups: u64,
    connections: u64,
    bytes: u64,
}

/// `seconds` is how long each state is watched.
pub(super) async fn take(seconds: usize) -> Figure {
    let world = World::start(&["quiet".to_owned()]).await;
    let phone = world.device("quiet").await;
    let watched = Duration::from_secs(seconds as u64);
    let mut counts = Vec::new();
    for (name, host) in [
        ("suspended", HostState::Suspended),
        ("focused", HostState::Focused),
    ] {
        phone.core.host_state(host).await.expect("a host state");
        if host == HostState::Focused {
            phone
                .until(|snapshot| snapshot.link == steadfast::Link::Live)
                .await;
        }
        tokio::time::sleep(SETTLE).await;
        let before = count(&world);
        tokio::time::sleep(watched).await;
        let after = count(&world);
        let hourly = |difference: u64| difference as f64 * HOUR / watched.as_secs_f64();
        let aim = |count: Count| {
            if host == HostState::Suspended {
                count.aim("0")
            } else {
                count
            }
        };
        let of = |what: &str| format!("{name}, {what} in an hour");
        counts.extend([
            aim(Count::new(
                &of("wake-ups of the core's threads"),
                hourly(after.wake_ups - before.wake_ups),
                "",
            )),
            aim(Count::new(
                &of("dials"),
                hourly(after.connections - before.connections),
                "",
            )),
            aim(Count::new(
                &of("bytes on the wire, both ways"),
                hourly(after.bytes - before.bytes),
                "B",
            )),
        ]);
        progress(NAME, counts.len() / 3, 2);
    }
    Figure {
        name: NAME,
        title: "one account, and nothing happens".to_owned(),
        rows: Vec::new(),
        counts,
        notes: vec![format!(
            "counted over {seconds} s each and scaled to an hour; TLS included, TCP's own headers not"
        )],
    }
}

fn count(world: &World) -> Counters {
    let report = world.network().report();
    Counters {
        wake_ups: wake_ups(),
        connections: report.accepted,
        bytes: report.bytes_from_client + report.bytes_from_server,
    }
}

/// How often a thread of the core went to sleep of its own accord, and so was woken before. Its threads are known by name,
/// which the first thread of this process shares; on a system without `/proc` there is nothing to count.
fn wake_ups() -> u64 {
    let first = std::process::id().to_string();
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else {
        return 0;
    };
    tasks
        .filter_map(|task| {
            let folder = task.ok()?.path();
            let name = std::fs::read_to_string(folder.join("comm")).ok()?;
            let of_the_core = name.starts_with("steadfast") && !folder.ends_with(&first);
            of_the_core.then_some(())?;
            let status = std::fs::read_to_string(folder.join("status")).ok()?;
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
            line.trim().parse::<u64>().ok()
        })
        .sum()
}
