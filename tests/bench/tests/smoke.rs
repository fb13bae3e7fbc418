//! Every figure can be taken. How long anything takes is not looked at.

use steadfast_bench::{Figure, figures::Name};

fn assert_produced(figure: &Figure) {
    assert!(!figure.rows.is_empty());
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
