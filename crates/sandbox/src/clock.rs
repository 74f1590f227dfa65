//! The time a program has, which stands still while it waits for input.

use std::time::{Duration, Instant};

/// A stopwatch with a limit on what it counts, and one on everything.
#[derive(Debug)]
pub(crate) struct Clock {
    limit: Duration,
    /// When it is over in any case.
    end: Instant,
    counted: Duration,
    running_since: Option<Instant>,
}

impl Clock {
    pub(crate) fn start(limit: Duration, in_total: Duration) -> Self {
        let now = Instant::now();
        Self { limit, end: now + in_total, counted: Duration::ZERO, running_since: Some(now) }
    }

    /// Stops counting; false if it did not count.
    pub(crate) fn pause(&mut self) -> bool {
        let Some(since) = self.running_since.take() else { return false };
        self.counted += since.elapsed();
        true
    }

    pub(crate) fn resume(&mut self) {
        self.running_since.get_or_insert_with(Instant::now);
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.running_since.is_none()
    }

    pub(crate) fn deadline(&self) -> Instant {
        let left = self.limit.saturating_sub(self.counted);
        self.running_since.map_or(self.end, |since| (since + left).min(self.end))
    }

    /// What it has counted.
    pub(crate) fn spent(&self) -> Duration {
        self.counted + self.running_since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}
