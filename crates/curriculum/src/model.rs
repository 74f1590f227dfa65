use serde::Deserialize;

use crate::{Exercise, Level, QuizQuestion};

/// A part of the curriculum: a handful of topics in the order in which they are best learned.
#[derive(Clone, Debug)]
pub struct Module {
    /// Kebab-case, the name of its folder.
    pub id: String,
    /// A short heading.
    pub title: String,
    /// Place among the modules, from 1.
    pub order: u32,
    /// One or two sentences on what the module gives.
    pub summary: String,
    /// The topics in order.
    pub topics: Vec<Topic>,
}

/// One thing to learn.
#[derive(Clone, Debug)]
pub struct Topic {
    /// Kebab-case, unique over all modules.
    pub id: String,
    /// The id of its module.
    pub module: String,
    /// A short heading.
    pub title: String,
    /// Place in the module, from 1.
    pub order: u32,
    /// Ids of the topics to know first.
    pub prerequisites: Vec<String>,
    /// Words, phrases and Python names by which students ask for it.
    pub keywords: Vec<String>,
    /// What is often believed and isn't so; at least one.
    pub misconceptions: Vec<Misconception>,
    /// Multiple-choice questions, possibly none.
    pub quiz: Vec<QuizQuestion>,
    /// Exercise templates, possibly none.
    pub exercises: Vec<Exercise>,
    pub(crate) explanations: Explanations,
    pub(crate) version: String,
}

/// What the levels' texts are and how they add up.
#[derive(Clone, Debug)]
pub(crate) struct Explanations {
    /// As they stand in the file, in the order of [`Level::ALL`].
    parts: [Option<String>; 4],
    /// As they are read.
    composed: [String; 4],
}

impl Explanations {
    pub(crate) fn new(parts: [Option<String>; 4]) -> Self {
        let [beginner, learning, proficient, mastered] = parts.each_ref().map(Option::as_deref);
        let beginner = beginner.unwrap_or_default().to_owned();
        let learning = extended(&beginner, learning);
        let proficient = proficient.map_or_else(|| learning.clone(), str::to_owned);
        let mastered = extended(&proficient, mastered);
        Self { composed: [beginner, learning, proficient, mastered], parts }
    }
}

fn extended(text: &str, addition: Option<&str>) -> String {
    addition.map_or_else(|| text.to_owned(), |addition| format!("{}\n\n{}", text.trim_end(), addition.trim_start()))
}

impl Topic {
    /// The explanation for a level as Markdown: the beginner's; with the addition for `Learning`; the one for
    /// `Proficient`, a text of its own; with the addition for `Mastered`. Where a part is missing, the text is that of
    /// the level below.
    pub fn explanation(&self, level: Level) -> &str {
        &self.explanations.composed[level as usize]
    }

    /// The level for which the text of [`Topic::explanation`] was written: `level` or a lower one.
    pub fn explanation_level(&self, level: Level) -> Level {
        let own = self.explanation_parts().map(|(level, _)| level);
        own.filter(|&own| own <= level).last().unwrap_or_default()
    }

    /// The parts of the explanations as they stand in the topic's file, lowest level first.
    pub fn explanation_parts(&self) -> impl Iterator<Item = (Level, &str)> {
        let parts = Level::ALL.into_iter().zip(&self.explanations.parts);
        parts.filter_map(|(level, part)| Some((level, part.as_deref()?)))
    }

    /// A fingerprint of the topic's file, 16 hexadecimal digits, the same on every machine. Use it in the keys of caches:
    /// it changes whenever the content does.
    pub fn version(&self) -> &str {
        &self.version
    }
}

/// Something often believed that isn't so.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Misconception {
    /// The belief, as the student would say it.
    pub belief: String,
    /// How it really is.
    pub correction: String,
}
