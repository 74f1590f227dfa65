use serde::Deserialize;

use crate::Level;

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
    /// Markdown by level, in the order of [`Level::ALL`]; the first is always there.
    pub(crate) explanations: [Option<String>; 4],
    pub(crate) version: String,
}

impl Topic {
    /// The explanation for a level as Markdown: that level's, or the nearest lower one's.
    pub fn explanation(&self, level: Level) -> &str {
        self.explanations[self.explanation_level(level) as usize].as_deref().unwrap_or_default()
    }

    /// The level for which the text of [`Topic::explanation`] was written: `level` or a lower one.
    pub fn explanation_level(&self, level: Level) -> Level {
        Level::ALL
            .into_iter()
            .rev()
            .find(|&candidate| candidate <= level && self.explanations[candidate as usize].is_some())
            .unwrap_or_default()
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

/// A multiple-choice question.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuizQuestion {
    /// Unique in the topic.
    pub id: String,
    /// The question, as Markdown.
    pub text: String,
    /// Two or more different answers to choose from.
    pub options: Vec<String>,
    /// The right one of the options, letter for letter.
    pub answer: String,
    /// Why it is right.
    pub explanation: String,
}

/// A template from which variations of an exercise are made: `{{name}}` in its texts stands for one of the values of the
/// parameter `name`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exercise {
    /// Unique in the topic.
    pub id: String,
    /// A short heading.
    pub title: String,
    /// How hard it is.
    pub difficulty: Difficulty,
    /// What to do, as Markdown.
    pub statement: String,
    /// The code the student starts from; may be empty.
    #[serde(default)]
    pub starter: String,
    /// A program that solves it; what it prints is what the tests expect.
    pub solution: String,
    /// The values of each parameter.
    #[serde(default)]
    pub parameters: std::collections::BTreeMap<String, Vec<String>>,
    /// At least one.
    pub tests: Vec<ExerciseTest>,
}

/// One run by which a submission is judged.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExerciseTest {
    /// Shown to the student, also of hidden tests.
    pub name: String,
    /// Standard input; may hold placeholders.
    #[serde(default)]
    pub input: String,
    /// Whether the student sees input and expected output.
    #[serde(default)]
    pub visible: bool,
}

/// How hard an exercise is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Difficulty {
    /// One step, one idea.
    Easy,
    /// A few steps.
    Medium,
    /// Several ideas together.
    Hard,
}
