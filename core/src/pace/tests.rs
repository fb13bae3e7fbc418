//! Exact waits of the pace.

use super::*;

const fn seconds(value: u64) -> Duration {
    Duration::from_secs(value)
}

#[test]
fn the_curve_doubles_from_two_to_thirty_seconds() {
    let mut pace = Pace::default();
    let mut dice = Dice::new(1);
    let mut ceilings = Vec::new();
    for _ in 0..7 {
        ceilings.push(pace.ceiling(seconds(0)).as_secs());
        pace.after_failure(seconds(0), &mut dice);
    }
    assert_eq!(ceilings, [2, 4, 8, 16, 30, 30, 30]);
}

#[test]
fn ten_minutes_of_failure_raise_the_ceiling_and_a_reset_forgets_them() {
    let mut pace = Pace::default();
    let mut dice = Dice::new(1);
    for _ in 0..8 {
        pace.after_failure(seconds(100), &mut dice);
    }
    assert_eq!(pace.ceiling(seconds(100 + 599)), seconds(30));
    assert_eq!(pace.ceiling(seconds(100 + 600)), seconds(60));
    pace.reset();
    assert_eq!(pace.ceiling(seconds(100 + 600)), seconds(2));
}

#[test]
fn waits_are_drawn_from_the_whole_span_below_the_ceiling() {
    let mut lowest = Duration::MAX;
    let mut highest = Duration::ZERO;
    let mut sum = Duration::ZERO;
    for entropy in 0..10_000 {
        let wait = Pace::default().after_failure(seconds(0), &mut Dice::new(entropy));
        lowest = lowest.min(wait);
        highest = highest.max(wait);
        sum += wait;
    }
    assert!(lowest < Duration::from_millis(5), "{lowest:?}");
    assert!(highest > Duration::from_millis(1_995) && highest <= seconds(2));
    let mean = sum / 10_000;
    assert!(mean > Duration::from_millis(970) && mean < Duration::from_millis(1_030));
}

#[test]
fn the_same_entropy_draws_the_same_wait() {
    let draw = |entropy| Pace::default().after_failure(seconds(0), &mut Dice::new(entropy));
    assert_eq!(draw(42), draw(42));
    assert_eq!(draw(0), Duration::from_millis(1_767));
    assert_eq!(draw(42), Duration::from_millis(1_483));
}

/// Hazard A24.
#[test]
fn after_the_server_ended_a_live_socket_the_first_try_is_spread_over_fifteen_seconds() {
    let highest = (0..10_000)
        .map(|entropy| {
            let mut pace = Pace::default();
            let wait = pace.after_server_ended(seconds(0), &mut Dice::new(entropy));
            assert_eq!(
                pace.ceiling(seconds(0)),
                seconds(2),
                "the curve begins after it"
            );
            wait
        })
        .max()
        .unwrap();
    assert!(highest > Duration::from_millis(14_980) && highest <= seconds(15));
}

#[test]
fn a_flapping_server_is_never_tried_within_a_shorter_span() {
    let mut pace = Pace::default();
    let mut dice = Dice::new(7);
    for _ in 0..6 {
        pace.after_failure(seconds(0), &mut dice);
    }
    let highest = (0..1_000)
        .map(|entropy| {
            pace.clone_and(|pace| pace.after_server_ended(seconds(0), &mut Dice::new(entropy)))
        })
        .max()
        .unwrap();
    assert!(highest > seconds(29));
}

/// Hazard A12.
#[test]
fn retry_after_in_both_forms() {
    let date = Some("Tue, 24 Nov 2026 10:00:00 GMT");
    let table = [
        ("0", None, Some(0)),
        ("7", None, Some(7)),
        (" 7 ", None, Some(7)),
        ("300", None, Some(300)),
        ("301", None, Some(300)),
        ("99999999999999999999999999", None, Some(300)),
        ("Tue, 24 Nov 2026 10:00:20 GMT", date, Some(20)),
        ("Tue, 24 Nov 2026 11:00:00 GMT", date, Some(300)),
        ("Tue, 24 Nov 2026 09:00:00 GMT", date, Some(0)),
        ("Tue, 24 Nov 2026 10:00:20 GMT", None, None),
        ("Tue, 24 Nov 2026 10:00:20 GMT", Some("today"), None),
        ("", date, None),
        ("-5", date, None),
        ("1.5", date, None),
        ("soon", date, None),
    ];
    for (value, date, expected) in table {
        assert_eq!(retry_after(value, date), expected.map(seconds), "{value:?}");
    }
}

/// Hazard A12.
#[test]
fn retry_after_is_honoured_with_up_to_a_fifth_on_top() {
    for entropy in 0..1_000 {
        let wait = honour(seconds(10), &mut Dice::new(entropy));
        assert!(wait >= seconds(10) && wait <= seconds(12), "{wait:?}");
        let wait = honour(seconds(86_400), &mut Dice::new(entropy));
        assert!(wait >= seconds(300) && wait <= seconds(360), "{wait:?}");
    }
}

impl Pace {
    fn clone_and<T>(&self, act: impl FnOnce(&mut Self) -> T) -> T {
        act(&mut self.clone())
    }
}
