//! What a figure is: rows of samples, each beside its baseline and its aim. Nothing here judges.

use serde::Serialize;
use std::time::Duration;

/// Times taken of one thing, at least one.
#[derive(Debug, Clone, Default)]
pub struct Samples(Vec<Duration>);

impl Samples {
    /// Adds one.
    pub fn push(&mut self, sample: Duration) {
        let place = self.0.partition_point(|other| *other <= sample);
        self.0.insert(place, sample);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none yet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The middle one, or the mean of the two in the middle.
    ///
    /// # Panics
    /// Without samples.
    pub fn median(&self) -> Duration {
        let middle = self.0.len() / 2;
        if self.0.len().is_multiple_of(2) {
            (self.0[middle - 1] + self.0[middle]) / 2
        } else {
            self.0[middle]
        }
    }

    /// The shortest.
    ///
    /// # Panics
    /// Without samples.
    pub fn min(&self) -> Duration {
        self.0[0]
    }

    /// The longest.
    ///
    /// # Panics
    /// Without samples.
    pub fn max(&self) -> Duration {
        self.0[self.0.len() - 1]
    }
}

impl FromIterator<Duration> for Samples {
    fn from_iter<T: IntoIterator<Item = Duration>>(samples: T) -> Self {
        let mut sorted: Vec<_> = samples.into_iter().collect();
        sorted.sort();
        Self(sorted)
    }
}

/// What a row is compared with.
#[derive(Debug, Clone, Serialize)]
pub struct Baseline {
    /// What it is.
    pub what: String,
    /// How long that takes: the median if it was measured.
    pub median_ms: f64,
}

impl Baseline {
    /// The same work without the core, measured in the same run.
    pub fn measured(what: &str, samples: &Samples) -> Self {
        Self::calculated(what, samples.median())
    }

    /// What follows from the policy and from what was measured.
    pub fn calculated(what: &str, duration: Duration) -> Self {
        Self {
            what: what.to_owned(),
            median_ms: millis(duration),
        }
    }
}

/// One thing that was timed.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// From what to what.
    pub what: String,
    /// How often.
    pub runs: usize,
    /// Median in milliseconds.
    pub median_ms: f64,
    /// Shortest in milliseconds.
    pub min_ms: f64,
    /// Longest in milliseconds.
    pub max_ms: f64,
    /// What it is compared with.
    pub baseline: Option<Baseline>,
    /// Median over the baseline.
    pub ratio: Option<f64>,
    /// What it should be.
    pub aim: Option<String>,
}

impl Row {
    /// A row of these samples.
    pub fn new(what: &str, samples: &Samples) -> Self {
        Self {
            what: what.to_owned(),
            runs: samples.len(),
            median_ms: millis(samples.median()),
            min_ms: millis(samples.min()),
            max_ms: millis(samples.max()),
            baseline: None,
            ratio: None,
            aim: None,
        }
    }

    /// Compares the row with this.
    #[must_use]
    pub fn against(mut self, baseline: Baseline) -> Self {
        self.ratio = Some(self.median_ms / baseline.median_ms);
        self.baseline = Some(baseline);
        self
    }

    /// States what it should be.
    #[must_use]
    pub fn aim(mut self, aim: &str) -> Self {
        self.aim = Some(aim.to_owned());
        self
    }
}

/// Something that was counted and is no time: wake-ups, bytes.
#[derive(Debug, Clone, Serialize)]
pub struct Count {
    /// Of what.
    pub what: String,
    /// How many, or how much.
    pub value: f64,
    /// Of what unit.
    pub unit: &'static str,
    /// What it should be.
    pub aim: Option<String>,
}

impl Count {
    /// A count without an aim.
    pub fn new(what: &str, value: f64, unit: &'static str) -> Self {
        Self {
            what: what.to_owned(),
            value,
            unit,
            aim: None,
        }
    }

    /// States what it should be.
    #[must_use]
    pub fn aim(mut self, aim: &str) -> Self {
        self.aim = Some(aim.to_owned());
        self
    }
}

/// A question, answered.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// Its name on the command line.
    pub name: &'static str,
    /// What was done, in a sentence.
    pub title: String,
    /// What was timed.
    pub rows: Vec<Row>,
    /// What was counted.
    pub counts: Vec<Count>,
    /// What a reader must know to read the rows.
    pub notes: Vec<String>,
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_in_order_however_they_came() {
        let mut samples: Samples = [5, 1, 9].map(Duration::from_millis).into_iter().collect();
        assert_eq!(samples.median(), Duration::from_millis(5));
        samples.push(Duration::from_millis(2));
        assert_eq!(samples.min(), Duration::from_millis(1));
        assert_eq!(samples.median(), Duration::from_micros(3_500));
        assert_eq!(samples.max(), Duration::from_millis(9));
    }
}
