use std::collections::{HashMap, HashSet, VecDeque};

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::episode::Episode;
use super::{Rule, StruggleConfig, minutes};
use crate::fact::{Fact, FactKind, Outcome};

/// What a fact means for a rule.
pub(super) enum Signal {
    /// Nothing.
    None,
    /// The rule holds, on this evidence.
    Holds(Vec<Uuid>),
    /// One more of the kind that keeps an open episode going.
    Continues,
    /// What the student struggled with is overcome.
    Success,
}

/// One rule on one topic, fed with the topic's facts in the order of time.
pub(super) struct Detector<'a> {
    rule: Rule,
    config: &'a StruggleConfig,
    /// The latest errors by type, or failed runs; no more of them than the rule asks for.
    recent: HashMap<&'a str, VecDeque<&'a Fact>>,
    /// The present sitting at each exercise.
    sittings: HashMap<&'a str, Sitting>,
    solved: HashSet<&'a str>,
}

/// Time spent at an exercise without long breaks.
struct Sitting {
    first: Uuid,
    since: OffsetDateTime,
    until: OffsetDateTime,
}

impl<'a> Detector<'a> {
    pub(super) fn new(rule: Rule, config: &'a StruggleConfig) -> Self {
        Self { rule, config, recent: HashMap::new(), sittings: HashMap::new(), solved: HashSet::new() }
    }

    /// After this, earlier facts no longer speak for struggle.
    pub(super) fn forget(&mut self) {
        self.recent.clear();
        self.sittings.clear();
    }

    pub(super) fn judge(&mut self, fact: &'a Fact, open: Option<&Episode>) -> Signal {
        let solved = fact.kind.solved();
        match self.rule {
            Rule::SameError | Rule::FailedRuns if solved.is_some() => Signal::Success,
            Rule::SameError => self.same_error(fact, open),
            Rule::ExerciseTimeout => match (fact.kind.run(), fact.kind.exercise()) {
                (Some((Outcome::TimedOut, _)), Some(_)) => Signal::Holds(vec![fact.id]),
                _ if solves(solved, open) => Signal::Success,
                _ => Signal::None,
            },
            Rule::NoPassingRun => self.no_passing_run(fact, open),
            Rule::FailedQuiz => match fact.kind {
                FactKind::QuizAttempt { score } if score < self.config.quiz_fail_below => Signal::Holds(vec![fact.id]),
                FactKind::QuizAttempt { .. } => Signal::Success,
                _ => Signal::None,
            },
            Rule::FailedRuns => self.failed_runs(fact),
            Rule::SaidStuck => match fact.kind {
                FactKind::SaidStuck => Signal::Holds(vec![fact.id]),
                _ if solved.is_some() => Signal::Success,
                _ => Signal::None,
            },
        }
    }

    fn same_error(&mut self, fact: &'a Fact, open: Option<&Episode>) -> Signal {
        let Some((_, Some(error_type))) = fact.kind.run() else { return Signal::None };
        let evidence = self.count(error_type, fact, self.config.same_error_count, self.config.same_error_minutes);
        match evidence {
            Some(evidence) => Signal::Holds(evidence),
            None if open.is_some_and(|episode| episode.error_type.as_deref() == Some(error_type)) => Signal::Continues,
            None => Signal::None,
        }
    }

    fn failed_runs(&mut self, fact: &'a Fact) -> Signal {
        match fact.kind.run() {
            None => Signal::None,
            Some((Outcome::Passed, _)) => {
                self.recent.clear();
                Signal::None
            }
            Some(_) => {
                let evidence = self.count("", fact, self.config.failed_runs_count, self.config.failed_runs_minutes);
                evidence.map_or(Signal::Continues, Signal::Holds)
            }
        }
    }

    /// Counts a fact of a kind, and returns the latest ones once there are `count` of them within the window.
    fn count(&mut self, kind: &'a str, fact: &'a Fact, count: u32, window: u32) -> Option<Vec<Uuid>> {
        let recent = self.recent.entry(kind).or_default();
        recent.push_back(fact);
        let enough = count as usize;
        while recent.len() > enough || recent.front().is_some_and(|oldest| fact.at - oldest.at > minutes(window)) {
            recent.pop_front();
        }
        (recent.len() == enough).then(|| recent.iter().map(|fact| fact.id).collect())
    }

    fn no_passing_run(&mut self, fact: &'a Fact, open: Option<&Episode>) -> Signal {
        let Some(exercise) = fact.kind.exercise() else { return Signal::None };
        if fact.kind.solved().is_some() {
            self.solved.insert(exercise);
            self.sittings.remove(exercise);
            return if solves(Some(exercise), open) { Signal::Success } else { Signal::None };
        }
        if self.solved.contains(exercise) {
            return Signal::None;
        }
        let gap = minutes(self.config.sitting_gap_minutes);
        // What the client says about time spent counts up to one gap: the page may have been left open overnight.
        let spent = match &fact.kind {
            FactKind::Submission(submission) => Duration::seconds(submission.seconds.unwrap_or(0).into()).min(gap),
            _ => Duration::ZERO,
        };
        let since = fact.at.checked_sub(spent).unwrap_or(fact.at);
        let sitting = match self.sittings.remove(exercise) {
            Some(Sitting { first, since: earlier, until }) if since - until <= gap => {
                Sitting { first, since: earlier.min(since), until: fact.at }
            }
            _ => Sitting { first: fact.id, since, until: fact.at },
        };
        let signal = if sitting.until - sitting.since > minutes(self.config.exercise_minutes) {
            let mut evidence = vec![sitting.first, fact.id];
            evidence.dedup();
            Signal::Holds(evidence)
        } else if open.is_some_and(|episode| episode.exercise.as_deref() == Some(exercise)) {
            Signal::Continues
        } else {
            Signal::None
        };
        self.sittings.insert(exercise, sitting);
        signal
    }
}

/// Whether the exercise solved is the one that the episode is about.
fn solves(exercise: Option<&str>, open: Option<&Episode>) -> bool {
    exercise.is_some() && open.is_some_and(|episode| episode.exercise.as_deref() == exercise)
}
