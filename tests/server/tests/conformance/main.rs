//! Plays what real servers answered against the embedded server and compares:
//! status, header names and values in their order, error ids, JSON keys and
//! types in theirs, cookies, socket steps and their times. The data and its
//! format are in `tests/server/conformance`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod data;
mod http;
mod play;
mod play_socket;
mod shape;
mod socket;
mod stage;
mod values;

use data::{Postponed, Scenario, Shapes};
use stage::Stage;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many exchanges of 11.6 may still wait. It only ever goes down.
const POSTPONED_OF_11_6: usize = 3;
/// How many of 5.37, all of which need that generation's behaviour.
const POSTPONED_OF_5_37: usize = 417;

/// In what each exchange differed; nothing: it passed.
type Outcomes = BTreeMap<(String, String), Vec<String>>;

async fn play_scenario(file: String, scenario: Scenario, shapes: Arc<Shapes>) -> Outcomes {
    let mut outcomes = Outcomes::new();
    let mut stage = Stage::build(&scenario, shapes).await;
    for exchange in &scenario.exchanges {
        let mut differences = Vec::new();
        for _ in 0..exchange.tries {
            differences = play::play(&mut stage, exchange).await;
            if differences.is_empty() {
                break;
            }
        }
        outcomes.insert((file.clone(), exchange.name.clone()), differences);
    }
    outcomes
}

fn parts(scenario: Scenario) -> Vec<Scenario> {
    if !scenario.each_alone {
        return vec![scenario];
    }
    scenario
        .exchanges
        .iter()
        .map(|exchange| Scenario {
            exchanges: vec![exchange.clone()],
            ..scenario.clone()
        })
        .collect()
}

/// Only the scenarios whose name contains this, for work on one of them.
fn filter() -> Option<String> {
    std::env::var("CONFORMANCE_ONLY").ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_server_answers_as_mattermost_11_6_did() {
    let folder = data::folder();
    let shapes: Arc<Shapes> = Arc::new(data::read(&folder.join("v11.6/shapes.json")));
    let postponed: Postponed = data::read(&folder.join("postponed.json"));
    let only = filter();
    let mut playing = tokio::task::JoinSet::new();
    let mut count = 0;
    for (name, scenario) in data::scenarios("v11.6") {
        if only
            .as_ref()
            .is_some_and(|only| !name.contains(only.as_str()))
        {
            continue;
        }
        count += scenario.exchanges.len();
        for part in parts(scenario) {
            playing.spawn(play_scenario(format!("v11.6/{name}"), part, shapes.clone()));
        }
    }
    let mut outcomes = Outcomes::new();
    while let Some(outcome) = playing.join_next().await {
        outcomes.extend(outcome.unwrap());
    }
    assert_eq!(
        outcomes.len(),
        count,
        "two exchanges of a file share a name"
    );
    judge(&outcomes, &postponed, only.is_some());
}

fn judge(outcomes: &Outcomes, postponed: &Postponed, partly: bool) {
    let mut wrong = Vec::new();
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    let mut waiting = 0;
    for ((file, name), differences) in outcomes {
        let entry = postponed
            .exchanges
            .iter()
            .find(|entry| entry.file == *file && entry.name == *name);
        match (entry, differences.is_empty()) {
            (None, true) => {}
            (None, false) => {
                wrong.push(format!(
                    "{file}, {name}:\n    {}",
                    differences.join("\n    ")
                ));
            }
            (Some(entry), false) => {
                waiting += 1;
                *reasons.entry(&entry.reason).or_default() += 1;
            }
            (Some(_), true) => wrong.push(format!(
                "{file}, {name}: passes; remove it from postponed.json and lower the count"
            )),
        }
    }
    println!(
        "11.6: {} exchanges, {} as recorded, {} different, {waiting} postponed",
        outcomes.len(),
        outcomes.len() - wrong.len() - waiting,
        wrong.len(),
    );
    for (reason, count) in reasons {
        println!("  {count} postponed: {reason}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    if !partly {
        assert_eq!(
            waiting,
            postponed.exchanges.len(),
            "postponed.json names what is not there"
        );
        assert_eq!(
            waiting, POSTPONED_OF_11_6,
            "the number of postponed exchanges"
        );
    }
}

#[test]
fn what_waits_is_counted_and_has_a_reason() {
    let folder = data::folder();
    let postponed: Postponed = data::read(&folder.join("postponed.json"));
    let mut waiting = 0;
    for group in &postponed.groups {
        assert!(!group.reason.is_empty());
        let count: usize = data::scenarios(&group.folder)
            .iter()
            .map(|(_, scenario)| scenario.exchanges.len())
            .sum();
        println!(
            "{}: {count} exchanges, all postponed: {}",
            group.folder, group.reason
        );
        assert_eq!(count, group.count, "exchanges in {}", group.folder);
        waiting += count;
    }
    assert_eq!(waiting, POSTPONED_OF_5_37);
    assert!(
        postponed
            .exchanges
            .iter()
            .all(|entry| !entry.reason.is_empty())
    );
}
