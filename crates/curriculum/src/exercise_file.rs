//! An exercise as it stands in a topic's file: its fields with their positions, and their checks.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use toml::Spanned;

use crate::{
    Comparison, Difficulty, Exercise, ExerciseTest, Parameter, RandomTest, TestInput, WrongSolution,
    source::{Problem, Source, is_kebab_case},
    template::{Braces, braces, is_name},
};

/// Far more than anybody needs, and few enough for arithmetic without overflow.
const MOST_VARIATIONS: u64 = 1 << 40;
const MOST_RANDOM_TESTS: u32 = 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExerciseFields {
    pub(crate) id: Spanned<String>,
    title: Spanned<String>,
    difficulty: Difficulty,
    statement: Spanned<String>,
    starter: Option<Spanned<String>>,
    solution: Spanned<String>,
    function: Option<Spanned<String>>,
    comparison: Option<Spanned<Comparison>>,
    #[serde(default)]
    hints: Vec<Spanned<String>>,
    #[serde(default)]
    parameters: BTreeMap<Spanned<String>, Spanned<ParameterFields>>,
    #[serde(default)]
    tests: Vec<Spanned<TestFields>>,
    #[serde(default)]
    random_tests: Vec<RandomTestFields>,
    #[serde(default)]
    wrong: Vec<WrongFields>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a list of strings or integers, or a range such as { from = 1, to = 9 }")]
enum ParameterFields {
    Values(Vec<ValueFields>),
    Range(RangeFields),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ValueFields {
    Integer(i64),
    Text(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RangeFields {
    from: i64,
    to: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestFields {
    name: Spanned<String>,
    #[serde(default)]
    visible: bool,
    args: Option<Spanned<String>>,
    input: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RandomTestFields {
    name: Spanned<String>,
    count: Spanned<u32>,
    generate: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrongFields {
    why: Spanned<String>,
    code: Spanned<String>,
}

impl ExerciseFields {
    /// What is wrong with the exercise that begins at `start`.
    pub(crate) fn check(&self, source: &Source, start: usize, problems: &mut Vec<Problem>) {
        let mut refuse = |position, reason: String| problems.push(source.problem_at(position, reason));
        let id = self.id.get_ref();
        if !is_kebab_case(id) {
            refuse(self.id.span().start, format!("the id {id:?} must be lower-case words joined by hyphens"));
        }
        if let Some(function) = self.function.as_ref().filter(|function| !is_identifier(function.get_ref())) {
            refuse(function.span().start, format!("{:?} is no name of a function", function.get_ref()));
        }
        if let Some(comparison) = &self.comparison
            && !comparison.get_ref().fits(self.function.is_some())
        {
            let (name, with) = (comparison.get_ref().as_str(), if self.function.is_some() { "out" } else { "" });
            refuse(comparison.span().start, format!("the comparison {name:?} is for exercises with{with} `function`"));
        }
        if !self.tests.iter().any(|test| test.get_ref().visible) {
            refuse(start, format!("the exercise {id:?} has no visible test: give at least one"));
        }
        for test in &self.tests {
            let (position, test) = (test.span().start, test.get_ref());
            match (&self.function, &test.args, &test.input) {
                (Some(_), _, Some(input)) => {
                    refuse(input.span().start, "`input` is for exercises without `function`: give `args`".to_owned());
                }
                (Some(_), None, None) => refuse(position, "this test has no `args` (\"\" for none)".to_owned()),
                (None, Some(args), _) => {
                    refuse(args.span().start, "`args` is for exercises with `function`: give `input`".to_owned());
                }
                _ => {}
            }
        }
        for random in &self.random_tests {
            if !(1..=MOST_RANDOM_TESTS).contains(random.count.get_ref()) {
                refuse(random.count.span().start, format!("`count` must be from 1 to {MOST_RANDOM_TESTS}"));
            }
        }
        self.check_texts(source, problems);
        self.check_parameters(source, start, problems);
    }

    /// Every text with placeholders; the flag says whether it may be empty.
    fn texts(&self) -> impl Iterator<Item = (&Spanned<String>, bool)> {
        let tests = self.tests.iter().map(Spanned::get_ref);
        let given = tests.clone().flat_map(|test| test.args.iter().chain(&test.input));
        let random = self.random_tests.iter().flat_map(|random| [&random.name, &random.generate]);
        let wrong = self.wrong.iter().flat_map(|wrong| [&wrong.why, &wrong.code]);
        [&self.title, &self.statement, &self.solution]
            .into_iter()
            .chain(&self.hints)
            .chain(tests.map(|test| &test.name))
            .chain(random)
            .chain(wrong)
            .map(|text| (text, false))
            .chain(self.starter.iter().chain(given).map(|text| (text, true)))
    }

    fn check_texts(&self, source: &Source, problems: &mut Vec<Problem>) {
        for (text, may_be_empty) in self.texts() {
            if !may_be_empty && text.get_ref().trim().is_empty() {
                problems.push(source.problem(text.span(), "this text is empty"));
            }
            for (position, found) in braces(text.get_ref()) {
                let reason = match found {
                    Braces::Placeholder(name) if self.parameters.contains_key(name) => continue,
                    Braces::Placeholder(name) => format!("{{{{{name}}}}} is none of the exercise's parameters"),
                    Braces::Other => "two opening braces begin a placeholder such as {{name}}, of lower-case letters, \
                                      digits and underscores; write braces of Python apart: { {"
                        .to_owned(),
                };
                let line = source.line_inside(text.span(), text.get_ref()[..position].matches('\n').count());
                problems.push(Problem { file: source.path.clone(), line, reason });
            }
        }
    }

    fn check_parameters(&self, source: &Source, start: usize, problems: &mut Vec<Problem>) {
        let mut variations = 1_u64;
        for (name, fields) in &self.parameters {
            let mut refuse = |reason: String| problems.push(source.problem(name.span(), reason));
            let name = name.get_ref();
            if !is_name(name) {
                refuse(format!("the parameter {name:?} must be lower-case letters, digits and underscores"));
                continue;
            }
            let is_used = |text: &str| braces(text).any(|(_, found)| found == Braces::Placeholder(name));
            if !self.texts().any(|(text, _)| is_used(text.get_ref())) {
                refuse(format!("the parameter {name:?} is used nowhere: write {{{{{name}}}}}, or remove it"));
            }
            let parameter = fields.get_ref().parameter();
            match &parameter {
                Parameter::Values(values) if values.is_empty() => {
                    refuse(format!("the parameter {name:?} has no values"));
                }
                Parameter::Values(values) if values.iter().collect::<BTreeSet<_>>().len() < values.len() => {
                    refuse(format!("the parameter {name:?} has a value twice"));
                }
                Parameter::Values(values) if values.iter().any(|value| value.contains("{{")) => {
                    refuse(format!("a value of the parameter {name:?} holds two opening braces"));
                }
                Parameter::Range { from, to } if from > to => {
                    refuse(format!("the parameter {name:?} has no values: `from` is above `to`"));
                }
                _ => {}
            }
            variations = variations.saturating_mul(parameter.count());
        }
        if variations > MOST_VARIATIONS {
            problems
                .push(source.problem_at(start, "the parameters have too many combinations: above 10^12".to_owned()));
        }
    }

    pub(crate) fn into_exercise(self) -> Exercise {
        let default = if self.function.is_some() { Comparison::Exact } else { Comparison::TrailingWhitespace };
        let test = |test: TestFields| {
            let input = match test.args {
                Some(args) => TestInput::Arguments(args.into_inner()),
                None => TestInput::Stdin(test.input.map(Spanned::into_inner).unwrap_or_default()),
            };
            ExerciseTest { name: test.name.into_inner(), visible: test.visible, input }
        };
        let random = |random: RandomTestFields| RandomTest {
            name: random.name.into_inner(),
            count: random.count.into_inner(),
            generate: random.generate.into_inner(),
        };
        let wrong = |wrong: WrongFields| WrongSolution { why: wrong.why.into_inner(), code: wrong.code.into_inner() };
        let parameters = self.parameters.into_iter();
        Exercise {
            id: self.id.into_inner(),
            title: self.title.into_inner(),
            difficulty: self.difficulty,
            statement: self.statement.into_inner(),
            starter: self.starter.map(Spanned::into_inner).unwrap_or_default(),
            solution: self.solution.into_inner(),
            function: self.function.map(Spanned::into_inner),
            comparison: self.comparison.map_or(default, Spanned::into_inner),
            hints: self.hints.into_iter().map(Spanned::into_inner).collect(),
            parameters: parameters.map(|(name, fields)| (name.into_inner(), fields.get_ref().parameter())).collect(),
            tests: self.tests.into_iter().map(Spanned::into_inner).map(test).collect(),
            random_tests: self.random_tests.into_iter().map(random).collect(),
            wrong: self.wrong.into_iter().map(wrong).collect(),
        }
    }
}

impl ParameterFields {
    fn parameter(&self) -> Parameter {
        let text = |value: &ValueFields| match value {
            ValueFields::Integer(value) => value.to_string(),
            ValueFields::Text(value) => value.clone(),
        };
        match self {
            Self::Values(values) => Parameter::Values(values.iter().map(text).collect()),
            Self::Range(RangeFields { from, to }) => Parameter::Range { from: *from, to: *to },
        }
    }
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
