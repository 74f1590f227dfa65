use std::time::{Duration, Instant};

/// When the breaker opens and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerConfig {
    /// It opens after this many failures in a row, at least 1.
    pub failures: u32,
    /// It stays open for this long before it lets a trial through.
    pub open: Duration,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self { failures: 10, open: Duration::from_secs(20) }
    }
}

/// Where a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Calls pass.
    Closed,
    /// No call passes.
    Open,
    /// One call, the trial, may pass or is under way; its end decides.
    HalfOpen,
}

/// Leave to make one call. Hand it back with how the call ended.
#[derive(Debug)]
#[must_use = "a permit that is not handed back blocks the next trial"]
pub struct Permit {
    /// The breaker's period in which it was given: what belongs to an earlier one decides nothing any more.
    period: u64,
}

/// A circuit breaker: keeps calls from an endpoint that fails, and tries it again one call at a time.
///
/// Closed, it counts failures in a row; at [`BreakerConfig::failures`] it opens. After [`BreakerConfig::open`] it is half
/// open and lets one trial through: success closes it, failure opens it again. A pure state machine, time is handed in.
#[derive(Debug)]
pub struct Breaker {
    config: BreakerConfig,
    state: Inner,
    period: u64,
}

#[derive(Debug)]
enum Inner {
    Closed { failures: u32 },
    Open { until: Instant },
    Trial,
}

impl Breaker {
    /// A closed breaker.
    pub fn new(config: BreakerConfig) -> Self {
        Self { config, state: Inner::Closed { failures: 0 }, period: 0 }
    }

    /// Where it stands.
    pub fn state(&self, now: Instant) -> State {
        match self.state {
            Inner::Closed { .. } => State::Closed,
            Inner::Open { until } if now < until => State::Open,
            Inner::Open { .. } | Inner::Trial => State::HalfOpen,
        }
    }

    /// Leave for a call, if there is any.
    pub fn acquire(&mut self, now: Instant) -> Option<Permit> {
        match self.state {
            Inner::Closed { .. } => {}
            Inner::Open { until } if now >= until => self.enter(Inner::Trial),
            Inner::Open { .. } | Inner::Trial => return None,
        }
        Some(Permit { period: self.period })
    }

    /// The call succeeded.
    pub fn succeeded(&mut self, permit: &Permit) {
        if permit.period == self.period {
            match &mut self.state {
                Inner::Closed { failures } => *failures = 0,
                Inner::Trial => self.enter(Inner::Closed { failures: 0 }),
                Inner::Open { .. } => {}
            }
        }
    }

    /// The call failed; `rest` is how long the endpoint wants to be left alone, if it said so.
    pub fn failed(&mut self, permit: &Permit, now: Instant, rest: Option<Duration>) {
        if permit.period != self.period {
            return;
        }
        let opens = match &mut self.state {
            Inner::Closed { failures } => {
                *failures += 1;
                *failures >= self.config.failures.max(1) || rest.is_some()
            }
            Inner::Trial => true,
            Inner::Open { .. } => false,
        };
        if opens {
            let until = now + self.config.open.max(rest.unwrap_or_default());
            self.enter(Inner::Open { until });
        }
    }

    /// The call was given up by its caller: that says nothing about the endpoint. A trial is free again.
    pub fn abandoned(&mut self, permit: &Permit, now: Instant) {
        if permit.period == self.period && matches!(self.state, Inner::Trial) {
            self.enter(Inner::Open { until: now });
        }
    }

    /// Closes it: what is known about the endpoint no longer holds, as after a change of its key.
    pub fn reset(&mut self) {
        self.enter(Inner::Closed { failures: 0 });
    }

    fn enter(&mut self, state: Inner) {
        self.state = state;
        self.period += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OPEN: Duration = Duration::from_secs(20);

    #[derive(Clone, Debug)]
    enum Step {
        Wait(u64),
        Call,
        Succeed(usize),
        Fail(usize),
        Abandon(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0_u64..30).prop_map(Step::Wait),
            Just(Step::Call),
            Just(Step::Call),
            (0_usize..8).prop_map(Step::Succeed),
            (0_usize..8).prop_map(Step::Fail),
            (0_usize..8).prop_map(Step::Abandon),
        ]
    }

    proptest! {
        /// Model use, circuit breaker: no call passes while it is open, one at a time while it is half open, and it
        /// opens only after the failures in a row that its configuration names.
        #[test]
        fn it_keeps_its_word(steps in proptest::collection::vec(step(), 1..200), failures in 1_u32..5) {
            let mut breaker = Breaker::new(BreakerConfig { failures, open: OPEN });
            let mut now = Instant::now();
            let mut calls: Vec<(Permit, bool)> = Vec::new();
            let mut in_a_row = 0;
            let mut opened: Option<Instant> = None;
            for step in steps {
                let before = breaker.state(now);
                match step {
                    Step::Wait(seconds) => now += Duration::from_secs(seconds),
                    Step::Call => {
                        let permit = breaker.acquire(now);
                        let trial = before == State::HalfOpen;
                        match before {
                            State::Closed => prop_assert!(permit.is_some()),
                            State::Open => prop_assert!(permit.is_none()),
                            State::HalfOpen => {
                                prop_assert!(now >= opened.expect("it was open") + OPEN);
                                let under_way = calls.iter().any(|(_, trial)| *trial);
                                prop_assert!(permit.is_some() != under_way, "one trial at a time");
                            }
                        }
                        calls.extend(permit.map(|permit| (permit, trial)));
                    }
                    Step::Succeed(index) | Step::Fail(index) | Step::Abandon(index) => {
                        if calls.is_empty() { continue }
                        let (permit, trial) = calls.swap_remove(index % calls.len());
                        let counts = permit.period == breaker.period;
                        match step {
                            Step::Succeed(_) => {
                                breaker.succeeded(&permit);
                                if counts { in_a_row = 0 }
                                prop_assert!(!trial || breaker.state(now) == State::Closed);
                            }
                            Step::Fail(_) => {
                                breaker.failed(&permit, now, None);
                                if counts { in_a_row += 1 }
                                if counts && (trial || in_a_row == failures) {
                                    prop_assert_eq!(breaker.state(now), State::Open);
                                    (opened, in_a_row) = (Some(now), 0);
                                }
                            }
                            _ => breaker.abandoned(&permit, now),
                        }
                        prop_assert!(counts || breaker.state(now) == before, "a late end decides nothing");
                        if trial { in_a_row = 0 }
                        let opens = before == State::Closed && breaker.state(now) == State::Open;
                        prop_assert!(!opens || opened == Some(now), "it opened too early");
                    }
                }
            }
        }
    }

    /// Model use, circuit breaker: an endpoint that names a time is left alone for that long, and a reset ends it.
    #[test]
    fn it_rests_as_long_as_asked() {
        let now = Instant::now();
        let mut breaker = Breaker::new(BreakerConfig { failures: 3, open: OPEN });
        let permit = breaker.acquire(now).unwrap();
        breaker.failed(&permit, now, Some(OPEN * 3));
        assert_eq!(breaker.state(now + OPEN * 2), State::Open);
        assert_eq!(breaker.state(now + OPEN * 3), State::HalfOpen);
        breaker.reset();
        assert_eq!(breaker.state(now), State::Closed);
        breaker.failed(&permit, now, Some(OPEN));
        assert_eq!(breaker.state(now), State::Closed, "a call from before the reset decides nothing");
    }
}
