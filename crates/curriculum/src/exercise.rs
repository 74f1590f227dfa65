//! Exercise templates.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A template from which variations of an exercise are made, see [`Exercise::instantiate`]. `{{name}}` in its texts stands
/// for a value of the parameter `name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exercise {
    /// Kebab-case, unique in the topic.
    pub id: String,
    /// A short heading.
    pub title: String,
    /// How hard it is.
    pub difficulty: Difficulty,
    /// What to do, as Markdown.
    pub statement: String,
    /// The code the student starts from; may be empty.
    pub starter: String,
    /// A program that solves it; the tests expect what it gives.
    pub solution: String,
    /// The function that the tests call; none if they run the whole program.
    pub function: Option<String>,
    /// How a result is compared with the expected one.
    pub comparison: Comparison,
    /// From a nudge to nearly the answer; may be empty.
    pub hints: Vec<String>,
    /// What varies; every parameter is used in some text.
    pub parameters: BTreeMap<String, Parameter>,
    /// At least one, and at least one visible.
    pub tests: Vec<ExerciseTest>,
    /// Hidden tests made afresh for every seed; may be empty.
    pub random_tests: Vec<RandomTest>,
    /// Typical mistakes; may be empty.
    pub wrong: Vec<WrongSolution>,
}

impl Exercise {
    /// How many different combinations of parameters there are; at least 1.
    pub fn variations(&self) -> u64 {
        self.parameters.values().map(Parameter::count).fold(1, u64::saturating_mul)
    }
}

/// How hard an exercise is. Ordered: `Easy < Medium < Hard`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Difficulty {
    /// One step, one idea.
    Easy,
    /// A few steps.
    Medium,
    /// Several ideas together.
    Hard,
}

impl Difficulty {
    /// All difficulties, easiest first.
    pub const ALL: [Self; 3] = [Self::Easy, Self::Medium, Self::Hard];

    /// Its name as it stands in files, events and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Easy => "easy",
            Self::Medium => "medium",
            Self::Hard => "hard",
        }
    }
}

/// How a result is compared with the expected one: values of functions, or the text a program printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// Functions: the same type and value. Programs: the same text.
    Exact,
    /// Functions only: numbers may differ by rounding, a millionth at most.
    Approximate,
    /// Functions only: a list's items may come in any order.
    Unordered,
    /// Programs only: spaces at line ends and empty lines at the end don't count.
    TrailingWhitespace,
    /// Programs only: runs of white space are equal to one another.
    Whitespace,
}

impl Comparison {
    /// Its name as it stands in files, events and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Approximate => "approximate",
            Self::Unordered => "unordered",
            Self::TrailingWhitespace => "trailing_whitespace",
            Self::Whitespace => "whitespace",
        }
    }

    /// Whether it fits tests that call a function, or else tests that run a program.
    pub(crate) fn fits(self, has_function: bool) -> bool {
        match self {
            Self::Exact => true,
            Self::Approximate | Self::Unordered => has_function,
            Self::TrailingWhitespace | Self::Whitespace => !has_function,
        }
    }
}

/// The values that a parameter may take; never none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// One of these, all different.
    Values(Vec<String>),
    /// An integer from `from` to `to`, both included.
    Range {
        /// The smallest value.
        from: i64,
        /// The largest value, not below `from`.
        to: i64,
    },
}

impl Parameter {
    /// How many values there are.
    pub fn count(&self) -> u64 {
        match self {
            Self::Values(values) => values.len() as u64,
            Self::Range { from, to } => to.abs_diff(*from).saturating_add(1),
        }
    }

    /// The value at a place, from 0; places at or after [`Parameter::count`] begin again.
    pub fn value(&self, index: u64) -> String {
        let index = index % self.count().max(1);
        match self {
            Self::Values(values) => {
                usize::try_from(index).ok().and_then(|index| values.get(index)).cloned().unwrap_or_default()
            }
            Self::Range { from, .. } => from.saturating_add_unsigned(index).to_string(),
        }
    }
}

/// One run by which a submission is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExerciseTest {
    /// Shown to the student, also of hidden tests.
    pub name: String,
    /// Whether the student sees what goes in and what is expected.
    pub visible: bool,
    /// What goes in.
    pub input: TestInput,
}

/// What a test gives to a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TestInput {
    /// The arguments of the function's call, as written between its brackets: Python literals.
    Arguments(String),
    /// What the program reads from standard input.
    Stdin(String),
}

impl TestInput {
    /// The text: of the arguments or of standard input.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Arguments(text) | Self::Stdin(text) => text,
        }
    }
}

/// Hidden tests of which a Python expression makes the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RandomTest {
    /// Shown to the student.
    pub name: String,
    /// How many tests to make, from 1 to 20.
    pub count: u32,
    /// A Python expression with `rng`, a `random.Random`: a list of the arguments, or the text for standard input.
    pub generate: String,
}

/// A typical mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongSolution {
    /// The mistake in words.
    pub why: String,
    /// A program that makes it, and so fails at least one of the fixed tests.
    pub code: String,
}
