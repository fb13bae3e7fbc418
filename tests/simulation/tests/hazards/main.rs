//! The index of hazards: every row, the tests that show it, or why none does. Tests name the rows that they show in their
//! documentation (`Hazards A02, B14.`, `Q8.`, `MM-T417.`); this reads the sources, not the tests' own word for it elsewhere.
//!
//! A row of `rows.txt` may carry a remark. `elsewhere: …` says what shows the row, or the rest of it, when no test of this
//! repository does. `not yet: …` says why it is still to be shown; it has to go as soon as a test shows the row.
// Test support may stop the test at once when its own assumptions do not hold.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod rows;
mod tags;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use rows::{Line, Remark};
use steadfast_simulation::golden;

#[test]
fn every_hazard_has_a_test_or_a_reason() {
    let lines = rows::read(include_str!("rows.txt"));
    let known: BTreeSet<&str> = lines
        .iter()
        .filter_map(|line| match line {
            Line::Row(row) => Some(row.id.as_str()),
            Line::Section(_) => None,
        })
        .collect();
    let found = tags::in_the_sources();
    assert!(found.places > 50, "the sources were not found: {found:?}");
    let mut wrong = found.on_no_test;
    let mut shown: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (id, place) in &found.tags {
        if known.contains(id.as_str()) {
            shown.entry(id).or_default().push(place);
        } else {
            wrong.push(format!("{place} names {id}, which is no row of rows.txt"));
        }
    }

    let mut page = String::from(
        "# What goes wrong, and what shows it\n\n\
         Each hazard of phones, networks and servers that the core was built against, each thing that a user must see, each \
         manual case; and the tests that show them. Generated from the tests' own documentation by \
         `tests/simulation/tests/hazards`, which also fails when a row has neither a test nor a reason.\n",
    );
    let mut counts = [0; 3];
    for line in &lines {
        let row = match line {
            Line::Section(title) => {
                write!(page, "\n## {title}\n\n| | | shown by |\n|---|---|---|\n").unwrap();
                continue;
            }
            Line::Row(row) => row,
        };
        let tests = shown.remove(row.id.as_str()).unwrap_or_default();
        let mut cells: Vec<String> = tests.iter().map(|test| format!("`{test}`")).collect();
        match &row.remark {
            None if tests.is_empty() => {
                wrong.push(format!("{} has neither a test nor a reason", row.id));
            }
            Some(Remark::NotYet(_)) if !tests.is_empty() => wrong.push(format!(
                "{} is shown by {tests:?}; its \"not yet\" is out of date",
                row.id
            )),
            None => {}
            Some(Remark::NotYet(why)) => cells.push(format!("*not yet:* {why}")),
            Some(Remark::Elsewhere(what)) => cells.push(format!("*elsewhere:* {what}")),
        }
        counts[match (&row.remark, tests.is_empty()) {
            (_, false) => 0,
            (Some(Remark::NotYet(_)), true) => 2,
            (_, true) => 1,
        }] += 1;
        writeln!(
            page,
            "| {} | {} | {} |",
            row.id,
            row.title,
            cells.join("<br>")
        )
        .unwrap();
    }
    let [by_tests, elsewhere, not_yet] = counts;
    let sum =
        format!("{by_tests} rows are shown by tests, {elsewhere} elsewhere, {not_yet} not yet.");
    println!("{sum}");
    writeln!(page, "\n{sum}").unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    golden::compare("docs/hazards.md", &page);
}
