//! The built-in tutor: answers questions about Python from the curriculum, without a model and without a network.
//!
//! It ranks the topics for a free-form question ([`Tutor::find_topic`]), explains the best one at the student's level
//! ([`Tutor::explain`]), and explains Python's error messages ([`Tutor::explain_error`]). It says what it doesn't know and
//! never makes up a fact. Everything is precomputed: an answer takes microseconds.

mod debug;
mod explain;
mod index;
mod python_error;
mod spelling;
mod terms;

use std::sync::Arc;

use learnflow_curriculum::{Curriculum, Level, Topic};

pub use debug::Diagnosis;
pub use python_error::PythonError;

use explain::Misconceptions;
use index::Index;

/// What a student asks. Only `text` is always there, and it may be empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query<'a> {
    /// The question in the student's own words.
    pub text: &'a str,
    /// The id of the topic the question is about, if the student chose one.
    pub topic: Option<&'a str>,
    /// The student's program.
    pub code: Option<&'a str>,
    /// What Python said: a traceback or its last line.
    pub error: Option<&'a str>,
    /// The id of the topic to offer next; the next one of the curriculum if there is none.
    pub next: Option<&'a str>,
}

/// How certain it is that a topic is the one asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// A guess at best; ask back.
    Unsure,
    /// Probably right; name the alternatives.
    Likely,
    /// As good as certain.
    Sure,
}

/// The topic found for a question.
#[derive(Clone, Debug)]
pub struct Match<'a> {
    /// The best topic; none if nothing in the question has to do with any topic.
    pub topic: Option<&'a Topic>,
    /// The rank's value: higher is better, comparable between topics of one question only.
    pub score: f32,
    /// How certain it is.
    pub confidence: Confidence,
    /// The next best topics, best first, at most three.
    pub alternatives: Vec<&'a Topic>,
    /// False if the question has words of its own, but hardly any that belong to Python.
    pub about_python: bool,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The id of the topic explained, or of the one to read about an error; none if the tutor had to ask back.
    pub topic: Option<String>,
    /// The level for which the text was written: the one asked for or, if there is no text for it, a lower one.
    pub level: Level,
    /// The answer as Markdown; never empty.
    pub markdown: String,
}

/// The built-in tutor. Cheap to clone.
#[derive(Clone)]
pub struct Tutor {
    curriculum: Arc<Curriculum>,
    index: Arc<Index>,
    misconceptions: Arc<Misconceptions>,
}

impl Tutor {
    /// Prepares the index over a curriculum: some milliseconds.
    pub fn new(curriculum: Arc<Curriculum>) -> Self {
        let index = Arc::new(Index::new(&curriculum));
        let misconceptions = Arc::new(Misconceptions::new(&curriculum));
        Self { curriculum, index, misconceptions }
    }

    /// The curriculum it teaches from.
    pub fn curriculum(&self) -> &Arc<Curriculum> {
        &self.curriculum
    }

    /// Finds the topic that a question is about.
    pub fn find_topic(&self, query: &Query<'_>) -> Match<'_> {
        if let Some(topic) = query.topic.and_then(|id| self.curriculum.topic(id)) {
            return Match {
                topic: Some(topic),
                score: f32::INFINITY,
                confidence: Confidence::Sure,
                alternatives: Vec::new(),
                about_python: true,
            };
        }
        let error_topic = self.error_topic(query);
        let ranking = self.index.rank(query, error_topic.as_deref());
        let mut topics = ranking.topics.iter().filter_map(|id| self.curriculum.topic(id));
        Match {
            topic: topics.next(),
            score: ranking.score,
            confidence: ranking.confidence,
            alternatives: topics.take(3).collect(),
            about_python: ranking.about_python,
        }
    }
}
