//! The log of the process has one sink, so one test tells the whole of it.

use super::hosts::{Behaviour, Host, STACK_TRACE};
use super::{World, eventually};
use crate::{Core, LogLevel, clear_log_sink, set_log_sink};

fn say(count: usize) {
    for number in 0..count {
        tracing::info!(target: "steadfast::test", number, "said");
    }
}

/// Hazards C02, C03.
#[tokio::test]
async fn records_come_in_order_from_one_thread_whatever_the_sink_throws() {
    let host = Host::new(Behaviour::Works);
    set_log_sink(LogLevel::Info, host.log_sink()).unwrap();
    tracing::debug!(target: "steadfast::test", "below the level");
    tracing::error!(target: "rustls::client", "not the core's own");
    let producers: Vec<_> = (0..16).map(|_| std::thread::spawn(|| say(20))).collect();
    producers
        .into_iter()
        .for_each(|producer| producer.join().unwrap());
    let said = |host: &Host| {
        let records = host.records();
        let said = records.iter().filter(|one| one.message.starts_with("said"));
        said.count()
    };
    eventually(|| said(&host) == 320).await;

    let before = host.threads().len();
    for fault in [
        Behaviour::Throws,
        Behaviour::ThrowsUndeclared,
        Behaviour::IsTorn,
    ] {
        host.behave(fault);
        let asked = host.threads().len();
        say(1);
        eventually(|| host.threads().len() > asked).await;
    }
    host.behave(Behaviour::Works);
    say(1);
    eventually(|| said(&host) >= 321).await;
    assert!(host.threads().len() > before + 3);

    // What another trait of the app throws is told without a word of it.
    let world = World::new().await;
    let keys = Host::new(Behaviour::ThrowsUndeclared);
    let core = Core::open(world.config(), keys.key_store(), None, None).unwrap();
    core.sign_in(world.alice(), None).await.unwrap_err();
    let told = |host: &Host| {
        let records = host.records();
        records
            .iter()
            .any(|one| one.message.contains("the app could not answer"))
    };
    eventually(|| told(&host)).await;
    core.shut_down().await.unwrap();

    let records = host.records();
    assert!(records.is_sorted_by(|one, next| one.seq < next.seq));
    assert!(
        records
            .iter()
            .all(|one| one.target.starts_with("steadfast"))
    );
    assert!(records.iter().all(|one| one.level <= LogLevel::Info));
    let text = format!("{records:?}");
    assert!(!text.contains("below the level") && !text.contains("CANARY"));
    assert!(STACK_TRACE.contains("CANARY"));
    let threads = host.threads();
    assert!(threads.iter().all(|thread| thread == "steadfast-log"));

    let later = Host::new(Behaviour::Works);
    set_log_sink(LogLevel::Warn, later.log_sink()).unwrap();
    eventually(|| host.handles() == 0).await;
    tracing::warn!(target: "steadfast::test", "to the new one");
    eventually(|| !later.records().is_empty()).await;
    clear_log_sink();
    eventually(|| later.handles() == 0).await;
}
