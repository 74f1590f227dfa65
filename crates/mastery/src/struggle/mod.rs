//! Struggle by the rules of FR-037, as episodes: one alert per episode, however many facts it is made of.

mod detect;
mod episode;
mod reconcile;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use time::Duration;

use crate::config::{ConfigError, require};

pub use episode::{Ending, Episode, Resolution, episodes};
pub use reconcile::{Reconciliation, StoredAlert, reconcile};

/// A sign of struggle. Each is looked for per topic; facts without a topic are looked at together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Errors of one type, `same_error_count` of them within `same_error_minutes`. Over when an exercise of the topic is
    /// solved.
    SameError,
    /// A submission or a run for an exercise was stopped at its time limit. Over when that exercise is solved.
    ExerciseTimeout,
    /// More than `exercise_minutes` at one exercise, in one sitting, without solving it. Facts about the exercise not
    /// more than `sitting_gap_minutes` apart make a sitting. Over when that exercise is solved.
    NoPassingRun,
    /// A quiz below `quiz_fail_below`. Over when the topic's quiz reaches that score.
    FailedQuiz,
    /// `failed_runs_count` runs or submissions within `failed_runs_minutes` did not pass, and none in between did. Over
    /// when an exercise of the topic is solved.
    FailedRuns,
    /// The student said they are stuck. Over when an exercise of the topic is solved.
    SaidStuck,
}

/// The given text names no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown kind of alert {0:?}: use same_error, exercise_timeout, no_passing_run, failed_quiz, failed_runs or said_stuck"
)]
pub struct UnknownRule(pub String);

impl Rule {
    /// All rules.
    pub const ALL: [Self; 6] = [
        Self::SameError,
        Self::ExerciseTimeout,
        Self::NoPassingRun,
        Self::FailedQuiz,
        Self::FailedRuns,
        Self::SaidStuck,
    ];

    /// The rule's name in alerts and events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SameError => "same_error",
            Self::ExerciseTimeout => "exercise_timeout",
            Self::NoPassingRun => "no_passing_run",
            Self::FailedQuiz => "failed_quiz",
            Self::FailedRuns => "failed_runs",
            Self::SaidStuck => "said_stuck",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Rule {
    type Err = UnknownRule;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == text).ok_or_else(|| UnknownRule(text.to_owned()))
    }
}

/// The numbers in the rules; each is at least 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StruggleConfig {
    /// 3 by default.
    pub same_error_count: u32,
    /// 60 by default.
    pub same_error_minutes: u32,
    /// 10 by default.
    pub exercise_minutes: u32,
    /// 30 by default.
    pub sitting_gap_minutes: u32,
    /// 0 to 100; 50 by default.
    pub quiz_fail_below: u8,
    /// 5 by default.
    pub failed_runs_count: u32,
    /// 1440, a day, by default.
    pub failed_runs_minutes: u32,
    /// An episode ends by itself so long after its last sign; 1440, a day, by default.
    pub quiet_minutes: u32,
}

impl Default for StruggleConfig {
    fn default() -> Self {
        Self {
            same_error_count: 3,
            same_error_minutes: 60,
            exercise_minutes: 10,
            sitting_gap_minutes: 30,
            quiz_fail_below: 50,
            failed_runs_count: 5,
            failed_runs_minutes: 24 * 60,
            quiet_minutes: 24 * 60,
        }
    }
}

impl StruggleConfig {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let numbers = [
            ("same_error_count", self.same_error_count),
            ("same_error_minutes", self.same_error_minutes),
            ("exercise_minutes", self.exercise_minutes),
            ("sitting_gap_minutes", self.sitting_gap_minutes),
            ("failed_runs_count", self.failed_runs_count),
            ("failed_runs_minutes", self.failed_runs_minutes),
            ("quiet_minutes", self.quiet_minutes),
        ];
        for (name, value) in numbers {
            require(value >= 1, format!("struggle.{name}"), value, "use at least 1")?;
        }
        let fail_below = self.quiz_fail_below;
        require(fail_below <= 100, "struggle.quiz_fail_below", fail_below, "use a number from 0 to 100")
    }
}

fn minutes(count: u32) -> Duration {
    Duration::minutes(count.into())
}
