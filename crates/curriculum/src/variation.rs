//! Making a variation of an exercise from its template and a seed.

use std::collections::BTreeMap;

use crate::{Comparison, Exercise, ExerciseTest, RandomTest, TestInput, WrongSolution, source::fnv1a, template::fill};

/// An exercise for one student: a template with a value chosen for each parameter and put into all texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variation {
    /// The seed from which it was made, and from which its random tests are made.
    pub seed: u64,
    /// The value of each parameter.
    pub parameters: BTreeMap<String, String>,
    /// A short heading.
    pub title: String,
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
    /// The fixed tests.
    pub tests: Vec<ExerciseTest>,
    /// The random tests, see [`Variation::inputs_program`].
    pub random_tests: Vec<RandomTest>,
    /// Typical mistakes.
    pub wrong: Vec<WrongSolution>,
}

impl Exercise {
    /// Makes the variation of a seed: the same on every machine. As many seeds in a row as there are combinations of
    /// parameters ([`Exercise::variations`]) give each combination once; the next ones begin again, but with other
    /// random tests.
    pub fn instantiate(&self, seed: u64) -> Variation {
        let combinations = self.variations();
        let mut index = permuted(seed % combinations.max(1), combinations, fnv1a(self.id.as_bytes()));
        let parameters: BTreeMap<String, String> = self
            .parameters
            .iter()
            .map(|(name, parameter)| {
                let value = parameter.value(index);
                index /= parameter.count().max(1);
                (name.clone(), value)
            })
            .collect();
        let fill = |text: &str| fill(text, &parameters);
        let test = |test: &ExerciseTest| ExerciseTest {
            name: fill(&test.name),
            visible: test.visible,
            input: match &test.input {
                TestInput::Arguments(text) => TestInput::Arguments(fill(text)),
                TestInput::Stdin(text) => TestInput::Stdin(fill(text)),
            },
        };
        let random = |test: &RandomTest| RandomTest {
            name: fill(&test.name),
            count: test.count,
            generate: fill(&test.generate),
        };
        Variation {
            seed,
            title: fill(&self.title),
            statement: fill(&self.statement),
            starter: fill(&self.starter),
            solution: fill(&self.solution),
            function: self.function.clone(),
            comparison: self.comparison,
            hints: self.hints.iter().map(|hint| fill(hint)).collect(),
            tests: self.tests.iter().map(test).collect(),
            random_tests: self.random_tests.iter().map(random).collect(),
            wrong: self
                .wrong
                .iter()
                .map(|wrong| WrongSolution { why: fill(&wrong.why), code: fill(&wrong.code) })
                .collect(),
            parameters,
        }
    }
}

/// A place below `count` for each place below `count`, one to one, so that neighbouring seeds look unrelated. Every step
/// is a one-to-one map of the numbers of `bits` bits; results at or above `count` are mapped on until they fall below.
fn permuted(place: u64, count: u64, key: u64) -> u64 {
    if count < 2 {
        return 0;
    }
    let bits = 64 - (count - 1).leading_zeros();
    let mask = u64::MAX >> (64 - bits);
    let shift = bits / 2 + 1;
    let mut place = place;
    loop {
        for round in 0..3 {
            place = place.wrapping_add(key >> (16 * round)) & mask;
            place = place.wrapping_mul(0x9e37_79b9_7f4a_7c15) & mask;
            place ^= place >> shift;
        }
        if place < count {
            return place;
        }
    }
}
