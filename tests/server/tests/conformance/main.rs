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
use steadfast_testserver::Flavour;

/// How many exchanges may still wait. It only ever goes down.
const POSTPONED: usize = 0;

/// In what each exchange differed; nothing: it passed.
type Outcomes = BTreeMap<(String, String), Vec<String>>;

async fn play_scenario(
    file: String,
    scenario: Scenario,
    shapes: Arc<Shapes>,
    flavour: Flavour,
) -> Outcomes {
    let mut outcomes = Outcomes::new();
    let mut stage = Stage::build(&scenario, shapes, flavour).await;
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
    play_folder("v11.6", Flavour::V11).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_server_answers_as_mattermost_5_37_did() {
    play_folder("v5.37", Flavour::V5).await;
}

async fn play_folder(version: &str, flavour: Flavour) {
    let folder = data::folder();
    let shapes: Arc<Shapes> = Arc::new(data::read(&folder.join(version).join("shapes.json")));
    let postponed: Postponed = data::read(&folder.join("postponed.json"));
    let only = filter();
    let mut playing = tokio::task::JoinSet::new();
    let mut count = 0;
    for (name, scenario) in data::scenarios(version) {
        let file = format!("{version}/{name}");
        if only
            .as_ref()
            .is_some_and(|only| !file.contains(only.as_str()))
        {
            continue;
        }
        count += scenario.exchanges.len();
        for part in parts(scenario) {
            playing.spawn(play_scenario(file.clone(), part, shapes.clone(), flavour));
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
    judge(version, &outcomes, &postponed);
}

fn judge(version: &str, outcomes: &Outcomes, postponed: &Postponed) {
    let mut wrong = Vec::new();
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
                println!("postponed: {file}, {name}: {}", entry.reason);
            }
            (Some(_), true) => wrong.push(format!(
                "{file}, {name}: passes; remove it from postponed.json"
            )),
        }
    }
    println!(
        "{version}: {} exchanges, {} as recorded, {} different, {waiting} postponed",
        outcomes.len(),
        outcomes.len() - wrong.len() - waiting,
        wrong.len(),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_waits() {
    let postponed: Postponed = data::read(&data::folder().join("postponed.json"));
    assert_eq!(postponed.exchanges.len(), POSTPONED);
}
