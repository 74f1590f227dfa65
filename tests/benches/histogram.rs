use std::collections::BTreeMap;

/// A histogram as Prometheus keeps it: how many observations lie at or below each bound.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    /// By the bound in nanoseconds; the last one is without bound.
    counts: BTreeMap<u64, f64>,
}

impl Histogram {
    /// Reads one from the text of `/metrics`: all series of this name and topic together.
    pub fn read(metrics: &str, name: &str, topic: &str) -> Self {
        let (start, label) = (format!("{name}_bucket{{"), format!("topic=\"{topic}\""));
        let mut counts = BTreeMap::new();
        for line in metrics.lines().filter(|line| line.starts_with(&start) && line.contains(&label)) {
            let bound = line.split("le=\"").nth(1).and_then(|rest| rest.split('"').next()?.parse().ok());
            let count = line.rsplit(' ').next().and_then(|count| count.parse::<f64>().ok());
            if let (Some(bound), Some(count)) = (bound, count) {
                *counts.entry(nanoseconds(bound)).or_default() += count;
            }
        }
        Self { counts }
    }

    /// What was observed after `before` was read.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let earlier = |bound| before.counts.get(bound).copied().unwrap_or_default();
        Self { counts: self.counts.iter().map(|(bound, count)| (*bound, count - earlier(bound))).collect() }
    }

    /// Both together.
    pub fn add(&mut self, other: &Self) {
        for (bound, count) in &other.counts {
            *self.counts.entry(*bound).or_default() += count;
        }
    }

    /// How many were observed.
    pub fn count(&self) -> f64 {
        self.counts.values().last().copied().unwrap_or_default()
    }

    /// The share at or below `seconds`, which must be one of the bounds.
    pub fn share_within(&self, seconds: f64) -> f64 {
        self.counts.get(&nanoseconds(seconds)).copied().unwrap_or(f64::NAN) / self.count()
    }

    /// A quantile in seconds: between the bounds of its bucket, observations count as evenly spread. Beyond the last
    /// bound, that bound.
    #[allow(clippy::cast_precision_loss, reason = "bounds are below a minute")]
    pub fn quantile(&self, quantile: f64) -> f64 {
        let wanted = quantile * self.count();
        let (mut lower, mut below) = (0.0, 0.0);
        for (bound, count) in &self.counts {
            if *bound == u64::MAX {
                break;
            }
            let upper = *bound as f64 / 1e9;
            if *count >= wanted && *count > below {
                return lower + (upper - lower) * (wanted - below) / (count - below);
            }
            (lower, below) = (upper, *count);
        }
        lower
    }
}

/// Infinity becomes the largest number.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, as wanted")]
fn nanoseconds(seconds: f64) -> u64 {
    (seconds * 1e9).round() as u64
}
