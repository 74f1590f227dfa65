//! What is computed from a student's facts, as it is stored.

use std::collections::BTreeMap;

use learnflow_curriculum::Level;
use learnflow_mastery::{Ending, Resolution, Rule};
use time::{Date, OffsetDateTime};
use uuid::Uuid;

/// All that is computed for one student.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Derived {
    /// What it was computed under, as [`super::compute::basis`] says; 0 when that is not known.
    pub basis: i64,
    /// The first fact that is said to happen later than the computation.
    pub next_fact_at: Option<OffsetDateTime>,
    /// Days in a row up to now.
    pub streak_days: i32,
    /// The most days in a row ever.
    pub longest_streak_days: i32,
    /// The last day with activity, in the student's time zone.
    pub last_active: Option<Date>,
    /// When time alone will change any of this.
    pub valid_until: Option<OffsetDateTime>,
    /// By topic id.
    pub topics: BTreeMap<String, TopicRow>,
    /// By alert id.
    pub alerts: BTreeMap<Uuid, AlertRow>,
}

/// A row of the table `progress`.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicRow {
    /// 0 to 100.
    pub mastery: f64,
    /// Its word.
    pub level: &'static str,
    /// Exercises, quizzes, code quality, consistency, each 0 to 100; `None` when not yet attempted.
    pub parts: [Option<f64>; 4],
    /// 0 to 1.
    pub knowledge: f64,
    /// When to practise again.
    pub next_review_at: Option<OffsetDateTime>,
    /// Runs and submissions.
    pub runs: i32,
    /// Jadud's Error Quotient.
    pub error_quotient: f64,
    /// Becker's Repeated Error Density.
    pub repeated_error_density: f64,
    /// Submissions to exercises not solved before.
    pub tries: i32,
    /// The try that was the third right one in a row.
    pub mastered_at_try: Option<i32>,
    /// Where the placement quiz let the student begin.
    pub starting_level: Option<&'static str>,
}

/// A row of the table `alerts`, without what is told once, at its raising.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertRow {
    /// The rule that holds.
    pub rule: Rule,
    /// Topic id.
    pub topic: Option<String>,
    /// The exercise it began with.
    pub exercise: Option<String>,
    /// The error it began with.
    pub error_type: Option<String>,
    /// The fact at which the rule first held.
    pub opened_at: OffsetDateTime,
    /// The last sign.
    pub last_at: OffsetDateTime,
    /// How many facts speak for it.
    pub signs: i32,
    /// When and how it ended.
    pub ended: Option<(OffsetDateTime, Ending)>,
    /// When a teacher dealt with it, or the student overcame it.
    pub resolved_at: Option<OffsetDateTime>,
    /// There was no such episode, in the light of what came later.
    pub withdrawn: bool,
}

/// A teacher dealt with an alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// The alert.
    pub alert: Uuid,
    /// What that means for its rule.
    pub resolution: Resolution,
}

/// Whose record it is.
#[derive(Clone, Debug)]
pub struct Owner {
    /// The user's id.
    pub id: Uuid,
    /// IANA name of their time zone.
    pub zone: String,
    /// Teachers try exercises too, but nobody needs to be told how they fare.
    pub is_student: bool,
}

/// Which rows of a record have changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changed {
    /// Topics that are new or other than before.
    pub topics: Vec<String>,
    /// Those of them whose mastery came to a higher level.
    pub risen: Vec<String>,
    /// Topics that are no more.
    pub gone: Vec<String>,
    /// Alerts that are new or other than before.
    pub alerts: Vec<Uuid>,
    /// The new ones of these.
    pub raised: Vec<Uuid>,
}

impl Changed {
    /// Compares two states of a record.
    pub fn between(before: &Derived, after: &Derived) -> Self {
        let mut changed = Self::default();
        for (id, row) in &after.topics {
            let before = before.topics.get(id);
            if before != Some(row) {
                changed.topic(id, before.map(|row| row.level), row.level);
            }
        }
        let gone = before.topics.keys().filter(|id| !after.topics.contains_key(*id));
        let alerts = after.alerts.iter().filter(|(id, row)| before.alerts.get(*id) != Some(*row));
        let raised = after.alerts.keys().filter(|id| !before.alerts.contains_key(*id));
        Self {
            gone: gone.cloned().collect(),
            alerts: alerts.map(|(id, _)| *id).collect(),
            raised: raised.copied().collect(),
            ..changed
        }
    }

    /// Notes that a topic has changed, and from which level to which; one that is new was at the lowest.
    pub fn topic(&mut self, id: &str, before: Option<&str>, after: &str) {
        let level = |word: &str| word.parse::<Level>().unwrap_or_default();
        if level(after) > before.map(level).unwrap_or_default() {
            self.risen.push(id.to_owned());
        }
        self.topics.push(id.to_owned());
    }
}

/// The word of an ending in the database and the API.
pub(super) fn ending_word(ending: Ending) -> &'static str {
    match ending {
        Ending::Success => "success",
        Ending::Resolved => "resolved",
        Ending::Quiet => "quiet",
    }
}

impl AlertRow {
    /// One sentence for the teacher.
    pub fn message(&self) -> String {
        let what = match self.rule {
            Rule::SameError => match &self.error_type {
                Some(error) => format!("ran into {error} {} times", self.signs),
                None => format!("ran into the same error {} times", self.signs),
            },
            Rule::ExerciseTimeout => "ran into the time limit of an exercise".to_owned(),
            Rule::NoPassingRun => "has been at one exercise for long without solving it".to_owned(),
            Rule::FailedQuiz => "did not pass a quiz".to_owned(),
            Rule::FailedRuns => format!("had {} runs in a row that did not work", self.signs),
            Rule::SaidStuck => "said they are stuck".to_owned(),
        };
        match &self.topic {
            Some(topic) => format!("The student {what} (topic {topic})."),
            None => format!("The student {what}."),
        }
    }
}
