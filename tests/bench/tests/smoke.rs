//! Every figure can be taken. How long anything takes is not looked at.
#![allow(
    clippy::unwrap_used,
    reason = "in a test, what does not hold stops the test"
)]

use steadfast_bench::{Figure, figures::Name};

fn assert_produced(figure: &Figure) {
    assert!(!figure.rows.is_empty() || !figure.counts.is_empty());
    for row in &figure.rows {
        assert!(row.runs > 0, "{}: {}", figure.name, row.what);
        assert!(row.min_ms <= row.median_ms && row.median_ms <= row.max_ms);
        assert!(row.ratio.is_some_and(f64::is_finite));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn resume_is_produced() {
    assert_produced(&Name::Resume.take(Some(1)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_is_produced() {
    assert_produced(&Name::Idle.take(Some(2)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn reconnect_is_produced() {
    assert_produced(&Name::Reconnect.take(Some(1)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn open_is_produced() {
    assert_produced(&Name::Open.take(Some(2)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn commit_is_produced() {
    assert_produced(&Name::Commit.take(Some(2)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn traffic_is_produced() {
    assert_produced(&Name::Traffic.take(Some(1)).await);
}

/// Takes a figure in a process of its own and gives what it counted.
fn counted(name: &str, runs: &str) -> Vec<serde_json::Value> {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_steadfast-bench"))
        .args(["--only", name, "--runs", runs, "--json"])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let report: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    report["figures"][0]["counts"].as_array().unwrap().clone()
}

#[test]
fn a_suspended_core_does_nothing_at_all() {
    let counts = counted("quiet", "5");
    assert_eq!(counts.len(), 6);
    for count in &counts[..3] {
        assert!(count["what"].as_str().unwrap().starts_with("suspended"));
        assert_eq!(count["value"], 0.0, "{count}");
    }
}

#[test]
fn memory_is_counted() {
    let counts = counted("memory", "2");
    assert_eq!(counts.len(), 3);
    assert!(counts[1]["value"].as_f64().unwrap() > 0.0);
}
