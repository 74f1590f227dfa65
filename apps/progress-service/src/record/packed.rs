//! Facts in a quarter of their space.

use learnflow_curriculum::{Difficulty, Level};
use learnflow_mastery::{CodeRun, Fact, FactKind, Outcome, Submission};
use time::OffsetDateTime;
use uuid::Uuid;

/// The facts of a student on one topic, in no particular order.
#[derive(Clone, Debug, Default)]
pub(super) struct Packed {
    facts: Vec<Row>,
    /// Exercises and errors, each once: there are few of them.
    names: Vec<Box<str>>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    id: Uuid,
    /// Microseconds since 1970, as the database keeps them.
    at: i64,
    exercise: Name,
    error_type: Name,
    kind: Kind,
}

/// A place in the names, counted from 1; 0 is none.
type Name = u32;

#[derive(Clone, Copy, Debug)]
enum Kind {
    Submission { difficulty: Difficulty, outcome: Outcome, score: u8 },
    QuizAttempt { score: u8 },
    CodeReview { rating: u8 },
    CodeRun { outcome: Outcome },
    SaidStuck,
    Placement { level: Level },
    Activity,
}

impl Packed {
    /// How many facts there are.
    pub fn len(&self) -> usize {
        self.facts.len()
    }

    /// Adds a fact; its topic is known from elsewhere.
    pub fn push(&mut self, fact: &Fact) {
        let (kind, exercise, error_type) = match &fact.kind {
            FactKind::Submission(Submission { exercise, difficulty, outcome, score, error_type, seconds: _ }) => (
                Kind::Submission { difficulty: *difficulty, outcome: *outcome, score: *score },
                Some(exercise.as_str()),
                error_type.as_deref(),
            ),
            FactKind::QuizAttempt { score } => (Kind::QuizAttempt { score: *score }, None, None),
            FactKind::CodeReview { rating } => (Kind::CodeReview { rating: *rating }, None, None),
            FactKind::CodeRun(CodeRun { exercise, outcome, error_type }) => {
                (Kind::CodeRun { outcome: *outcome }, exercise.as_deref(), error_type.as_deref())
            }
            FactKind::SaidStuck => (Kind::SaidStuck, None, None),
            FactKind::Placement { level } => (Kind::Placement { level: *level }, None, None),
            FactKind::Activity { exercise } => (Kind::Activity, exercise.as_deref(), None),
        };
        let at = i64::try_from(fact.at.unix_timestamp_nanos() / 1_000).unwrap_or_default();
        let (exercise, error_type) = (self.name(exercise), self.name(error_type));
        self.facts.push(Row { id: fact.id, at, exercise, error_type, kind });
    }

    /// The facts, as they were.
    pub fn facts<'a>(&'a self, topic: &'a str) -> impl Iterator<Item = Fact> + 'a {
        self.facts.iter().map(move |row| {
            let text = |name: Name| self.names.get((name as usize).wrapping_sub(1)).map(ToString::to_string);
            let (exercise, error_type) = (text(row.exercise), text(row.error_type));
            let kind = match row.kind {
                Kind::Submission { difficulty, outcome, score } => FactKind::Submission(Submission {
                    exercise: exercise.unwrap_or_default(),
                    difficulty,
                    outcome,
                    score,
                    error_type,
                    seconds: None,
                }),
                Kind::QuizAttempt { score } => FactKind::QuizAttempt { score },
                Kind::CodeReview { rating } => FactKind::CodeReview { rating },
                Kind::CodeRun { outcome } => FactKind::CodeRun(CodeRun { exercise, outcome, error_type }),
                Kind::SaidStuck => FactKind::SaidStuck,
                Kind::Placement { level } => FactKind::Placement { level },
                Kind::Activity => FactKind::Activity { exercise },
            };
            let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(row.at) * 1_000);
            let topic = (!topic.is_empty()).then(|| topic.to_owned());
            Fact { id: row.id, at: at.unwrap_or(OffsetDateTime::UNIX_EPOCH), topic, kind }
        })
    }

    fn name(&mut self, text: Option<&str>) -> Name {
        let Some(text) = text else { return 0 };
        // Students go on with what they were at: the newest names are the likeliest.
        let place = self.names.iter().rposition(|name| &**name == text).unwrap_or_else(|| {
            self.names.push(text.into());
            self.names.len() - 1
        });
        Name::try_from(place + 1).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FR-025: what is remembered of a fact is the whole fact, in no more than 40 bytes beside its names.
    #[test]
    fn facts_come_out_as_they_went_in() {
        let submission = |error_type| Submission {
            exercise: "e1".to_owned(),
            difficulty: Difficulty::Hard,
            outcome: Outcome::Error,
            score: 40,
            error_type,
            seconds: None,
        };
        let run = |exercise, error_type| CodeRun { exercise, outcome: Outcome::TimedOut, error_type };
        let kinds = [
            FactKind::Submission(submission(Some("NameError".to_owned()))),
            FactKind::Submission(submission(None)),
            FactKind::QuizAttempt { score: 100 },
            FactKind::CodeReview { rating: 7 },
            FactKind::CodeRun(run(None, Some("NameError".to_owned()))),
            FactKind::CodeRun(run(Some("e2".to_owned()), None)),
            FactKind::SaidStuck,
            FactKind::Placement { level: Level::Proficient },
            FactKind::Activity { exercise: Some("e1".to_owned()) },
            FactKind::Activity { exercise: None },
        ];
        for topic in ["", "lists"] {
            let at =
                |second: i64| OffsetDateTime::from_unix_timestamp_nanos(i128::from(second) * 1_000_001_000).unwrap();
            let topic_of = || (!topic.is_empty()).then(|| topic.to_owned());
            let facts: Vec<Fact> = (-3..)
                .zip(kinds.clone())
                .map(|(second, kind)| Fact { id: Uuid::now_v7(), at: at(second), topic: topic_of(), kind })
                .collect();
            let mut packed = Packed::default();
            for fact in &facts {
                packed.push(fact);
            }
            assert_eq!(packed.facts(topic).collect::<Vec<_>>(), facts);
            assert_eq!((packed.len(), packed.names.len()), (10, 3));
        }
        assert!(size_of::<Row>() <= 40, "{}", size_of::<Row>());
    }
}
