use std::collections::HashSet;

use crate::fact::{FactKind, Facts, Outcome};

/// Published measures of how a student fares with a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measures {
    /// Runs and submissions: what the two error measures look at.
    pub runs: usize,
    /// As [`error_quotient`].
    pub error_quotient: f64,
    /// As [`repeated_error_density`].
    pub repeated_error_density: f64,
    /// As [`wheel_spinning`].
    pub wheel_spinning: WheelSpinning,
}

/// Whether a student gets anywhere with a topic by trying on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WheelSpinning {
    /// How often they tried.
    pub tries: usize,
    /// The try that was the third right one in a row, counted from 1.
    pub mastered_at: Option<usize>,
}

impl WheelSpinning {
    /// Tries after which the verdict falls.
    pub const TRIES: usize = 10;
    /// Right ones in a row that count as mastery.
    pub const IN_A_ROW: usize = 3;

    /// Whether ten tries went by without three right ones in a row. Mastery after more than ten tries doesn't change
    /// the verdict, but stands in `mastered_at`.
    pub fn is_spinning(self) -> bool {
        self.tries >= Self::TRIES && self.mastered_at.is_none_or(|try_number| try_number > Self::TRIES)
    }
}

/// All measures of a topic. Its events are code runs and submissions, in the order of time; an event has an error when
/// it ended with one or was stopped at the time limit, and an error without a known type has a type of its own. A wrong
/// result is not an error in this sense. A try, for wheel-spinning, is a submission to an exercise not solved before.
pub fn measures(facts: &Facts, topic: &str) -> Measures {
    let errors: Vec<Option<&str>> = facts
        .on_topic(topic)
        .filter_map(|fact| fact.kind.run())
        .map(|(outcome, error_type)| match outcome {
            Outcome::Passed | Outcome::Failed => None,
            Outcome::Error => Some(error_type.unwrap_or("unknown")),
            Outcome::TimedOut => Some(error_type.unwrap_or("time limit")),
        })
        .collect();
    let mut solved = HashSet::new();
    let tries = facts.on_topic(topic).filter_map(|fact| {
        let FactKind::Submission(submission) = &fact.kind else { return None };
        let exercise = submission.exercise.as_str();
        if solved.contains(exercise) {
            return None;
        }
        let right = submission.outcome == Outcome::Passed;
        if right {
            solved.insert(exercise);
        }
        Some(right)
    });
    Measures {
        runs: errors.len(),
        error_quotient: error_quotient(&errors),
        repeated_error_density: repeated_error_density(&errors),
        wheel_spinning: wheel_spinning(tries),
    }
}

/// The Error Quotient, 0 to 1: how persistently runs end in errors, and in the same ones.
///
/// Each pair of neighbouring runs scores 8 if both ended in an error, and 3 more if the errors are of the same type; a
/// pair's score is divided by the most it can be, 11, and the quotient is the mean over all pairs. Fewer than two runs:
/// 0. Source: M. C. Jadud, "Methods and Tools for Exploring Novice Compilation Behaviour", ICER 2006, 73-84.
///
/// `runs` holds the type of each run's error, `None` for a run without one.
pub fn error_quotient<T: PartialEq>(runs: &[Option<T>]) -> f64 {
    let mut pairs = 0.0;
    let mut sum = 0.0;
    for pair in runs.windows(2) {
        pairs += 1.0;
        if let [Some(first), Some(second)] = pair {
            sum += if first == second { 11.0 } else { 8.0 };
        }
    }
    if pairs == 0.0 { 0.0 } else { sum / 11.0 / pairs }
}

/// The Repeated Error Density, 0 or more: how often, and how densely, a student meets the same error again at once.
///
/// Σ r²/(r + 1) over the unbroken sequences of runs with errors of one type, where r is how often the error was
/// **repeated**: a sequence of n such runs has r = n - 1, so a single error adds nothing. Source: B. A. Becker, "A New
/// Metric to Quantify Repeated Compiler Errors for Novice Programmers", `ITiCSE` 2016, 296-301.
///
/// `runs` as for [`error_quotient`].
pub fn repeated_error_density<T: PartialEq>(runs: &[Option<T>]) -> f64 {
    runs.chunk_by(|first, second| first == second)
        .filter(|sequence| sequence[0].is_some())
        .map(|sequence| {
            #[expect(clippy::cast_precision_loss, reason = "a number of runs is small")]
            let repeated = (sequence.len() - 1) as f64;
            repeated * repeated / (repeated + 1.0)
        })
        .sum()
}

/// Wheel-spinning: no three right tries in a row within ten. Source: J. E. Beck, Y. Gong, "Wheel-Spinning: Students Who
/// Fail to Master a Skill", AIED 2013, LNCS 7926, 431-440.
pub fn wheel_spinning(tries: impl IntoIterator<Item = bool>) -> WheelSpinning {
    let mut result = WheelSpinning::default();
    let mut in_a_row = 0;
    for right in tries {
        result.tries += 1;
        in_a_row = if right { in_a_row + 1 } else { 0 };
        if in_a_row == WheelSpinning::IN_A_ROW {
            result.mastered_at.get_or_insert(result.tries);
        }
    }
    result
}
