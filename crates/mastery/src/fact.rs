use std::collections::{BTreeMap, HashSet};

use learnflow_curriculum::{Difficulty, Level};
use time::OffsetDateTime;
use uuid::Uuid;

/// Something a student did, or that was found about their work. One act is one fact: a submission that is also run must
/// not come as a [`CodeRun`] too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Names the fact, however often it is delivered.
    pub id: Uuid,
    /// When it happened, not when it was delivered.
    pub at: OffsetDateTime,
    /// Topic id, when one is known.
    pub topic: Option<String>,
    /// What happened.
    pub kind: FactKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactKind {
    /// A solution was graded.
    Submission(Submission),
    /// A quiz was graded.
    QuizAttempt {
        /// 0 to 100; more counts as 100.
        score: u8,
    },
    /// A review rated the quality of code.
    CodeReview {
        /// 0 to 100; more counts as 100.
        rating: u8,
    },
    /// A program ran outside grading.
    CodeRun(CodeRun),
    /// The student said they are stuck.
    SaidStuck,
    /// The placement quiz said where the student begins with the topic: the start of the knowledge estimate, and no
    /// part of the mastery.
    Placement {
        /// Where to begin.
        level: Level,
    },
    /// Anything else the student did: opened an exercise, asked a question, edited.
    Activity {
        /// The exercise it was about.
        exercise: Option<String>,
    },
}

/// A graded solution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// Exercise id.
    pub exercise: String,
    /// How hard the exercise is.
    pub difficulty: Difficulty,
    /// How the tests ended.
    pub outcome: Outcome,
    /// 0 to 100; more counts as 100.
    pub score: u8,
    /// For example `NameError`.
    pub error_type: Option<String>,
    /// How long the student had been at the exercise, when the client says so.
    pub seconds: Option<u32>,
}

/// A run of a program without tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeRun {
    /// The exercise it was run for, when it was for one.
    pub exercise: Option<String>,
    /// [`Outcome::Passed`] when the program ended without an error.
    pub outcome: Outcome,
    /// For example `NameError`.
    pub error_type: Option<String>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// All tests passed, or a run without tests ended without an error.
    Passed,
    /// It ran, but not every test passed.
    Failed,
    /// It ended with an error.
    Error,
    /// It was stopped at its time limit.
    TimedOut,
}

impl Fact {
    /// Whether the student was active then. Reviews don't count: they are somebody else's work, and may be made days later.
    pub const fn shows_activity(&self) -> bool {
        !matches!(self.kind, FactKind::CodeReview { .. })
    }
}

impl FactKind {
    /// The outcome of a submission or a run, with the error's type if it did not pass.
    pub(crate) fn run(&self) -> Option<(Outcome, Option<&str>)> {
        let (outcome, error_type) = match self {
            Self::Submission(Submission { outcome, error_type, .. })
            | Self::CodeRun(CodeRun { outcome, error_type, .. }) => (*outcome, error_type.as_deref()),
            _ => return None,
        };
        Some((outcome, error_type.filter(|name| outcome != Outcome::Passed && !name.is_empty())))
    }

    /// The exercise it is about.
    pub(crate) fn exercise(&self) -> Option<&str> {
        let exercise = match self {
            Self::Submission(submission) => Some(submission.exercise.as_str()),
            Self::CodeRun(CodeRun { exercise, .. }) | Self::Activity { exercise } => exercise.as_deref(),
            _ => None,
        };
        exercise.filter(|id| !id.is_empty())
    }

    /// The exercise that was solved.
    pub(crate) fn solved(&self) -> Option<&str> {
        match self {
            Self::Submission(submission) if submission.outcome == Outcome::Passed => Some(&submission.exercise),
            _ => None,
        }
    }
}

/// Facts in the order of their times (then of their ids), each id once.
///
/// Two facts with one id are one fact; should they differ, the earlier one counts. An empty topic, exercise id or error type is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    facts: Vec<Fact>,
    /// Indices into `facts`; those without a topic are under the empty one.
    by_topic: BTreeMap<String, Vec<usize>>,
}

impl Facts {
    /// Puts facts, delivered in any order and any number of times, in order.
    pub fn new(facts: impl IntoIterator<Item = Fact>) -> Self {
        let mut facts: Vec<Fact> = facts.into_iter().collect();
        for fact in &mut facts {
            fact.topic.take_if(|topic| topic.is_empty());
        }
        // The last key only matters for facts that share an id and a time but differ otherwise.
        let content = |fact: &Fact| format!("{:?}", (&fact.topic, &fact.kind));
        facts.sort_by(|a, b| (a.at, a.id).cmp(&(b.at, b.id)).then_with(|| content(a).cmp(&content(b))));
        let mut seen = HashSet::with_capacity(facts.len());
        facts.retain(|fact| seen.insert(fact.id));

        let mut by_topic: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, fact) in facts.iter().enumerate() {
            let topic = fact.topic.as_deref().unwrap_or_default();
            match by_topic.get_mut(topic) {
                Some(indices) => indices.push(index),
                None => drop(by_topic.insert(topic.to_owned(), vec![index])),
            }
        }
        Self { facts, by_topic }
    }

    /// The facts in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Fact> {
        self.facts.iter()
    }

    /// The facts of a topic in order; of the empty topic those without one.
    pub fn on_topic(&self, topic: &str) -> impl Iterator<Item = &Fact> {
        self.by_topic.get(topic).into_iter().flatten().map(|index| &self.facts[*index])
    }

    /// The topics that have facts, in alphabetical order.
    pub fn topics(&self) -> impl Iterator<Item = &str> {
        self.by_topic.keys().map(String::as_str).filter(|topic| !topic.is_empty())
    }

    /// When the student was active, as [`Fact::shows_activity`] says.
    pub fn active_at(&self) -> impl Iterator<Item = OffsetDateTime> {
        self.iter().filter(|fact| fact.shows_activity()).map(|fact| fact.at)
    }
}

impl FromIterator<Fact> for Facts {
    fn from_iter<I: IntoIterator<Item = Fact>>(facts: I) -> Self {
        Self::new(facts)
    }
}

impl<'a> IntoIterator for &'a Facts {
    type Item = &'a Fact;
    type IntoIter = std::slice::Iter<'a, Fact>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// A score or rating as a number from 0 to 100.
pub(crate) fn percent(value: u8) -> f64 {
    f64::from(value.min(100))
}
