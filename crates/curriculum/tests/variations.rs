//! FR-021: variations of exercises.
#![allow(clippy::unwrap_used, reason = "a step that fails is to fail the test")]

use std::{
    collections::{BTreeMap, HashSet},
    process::Command,
};

use learnflow_curriculum::{
    Comparison, Difficulty, Exercise, ExerciseTest, Parameter, RandomTest, TestInput, Variation, WrongSolution,
};
use proptest::prelude::*;

/// An exercise that uses all of its parameters in every text.
fn exercise(id: &str, parameters: BTreeMap<String, Parameter>) -> Exercise {
    let all = parameters.keys().map(|name| format!("<{{{{{name}}}}}>")).collect::<Vec<_>>().concat();
    let text = |what: &str| format!("{what} {all}\n{all}");
    Exercise {
        id: id.to_owned(),
        title: text("title"),
        difficulty: Difficulty::Easy,
        statement: text("statement"),
        starter: text("starter"),
        solution: text("solution"),
        function: None,
        comparison: Comparison::TrailingWhitespace,
        hints: vec![text("hint")],
        tests: vec![ExerciseTest {
            name: text("name"),
            visible: true,
            input: TestInput::Stdin(text("{ \"a\": {} } {x}")),
        }],
        random_tests: vec![RandomTest { name: text("name"), count: 2, generate: text("generate") }],
        wrong: vec![WrongSolution { why: text("why"), code: text("code") }],
        parameters,
    }
}

fn parameter() -> impl Strategy<Value = Parameter> {
    prop_oneof![
        proptest::collection::hash_set("[a-z0-9 }'é]{0,4}", 1..6)
            .prop_map(|values| Parameter::Values(values.into_iter().collect())),
        (-1000_i64..1000, 0_i64..12).prop_map(|(from, more)| Parameter::Range { from, to: from + more }),
    ]
}

proptest! {
    /// Every combination comes once before any comes again, whatever the first seed.
    #[test]
    fn seeds_in_a_row_give_every_combination(
        id in "[a-z]{1,8}",
        parameters in proptest::collection::btree_map("[a-z][a-z0-9_]{0,5}", parameter(), 0..4),
        first in 0..u64::MAX / 2,
    ) {
        let exercise = exercise(&id, parameters);
        let count = exercise.variations();
        // The product of the numbers of values, counted in another way.
        let product = exercise.parameters.values().fold(1, |product, parameter| product * match parameter {
            Parameter::Values(values) => values.len() as u64,
            Parameter::Range { from, to } => (*from..=*to).count() as u64,
        });
        prop_assert_eq!(count, product);
        let variations: Vec<Variation> = (0..count).map(|more| exercise.instantiate(first + more)).collect();
        let different: HashSet<_> = variations.iter().map(|variation| &variation.parameters).collect();
        prop_assert_eq!(different.len() as u64, count);
        for (name, parameter) in &exercise.parameters {
            for variation in &variations {
                let value = &variation.parameters[name];
                let known = match parameter {
                    Parameter::Values(values) => values.contains(value),
                    Parameter::Range { from, to } => (*from..=*to).contains(&value.parse().unwrap()),
                };
                prop_assert!(known, "{value} is no value of {name}");
            }
        }
        prop_assert_eq!(&exercise.instantiate(first), &variations[0]);
    }

    #[test]
    fn no_placeholder_reaches_a_student(
        parameters in proptest::collection::btree_map("[a-z][a-z0-9_]{0,5}", parameter(), 1..4),
        seed: u64,
    ) {
        let variation = exercise("e", parameters).instantiate(seed);
        let all = variation.parameters.values().map(|value| format!("<{value}>")).collect::<Vec<_>>().concat();
        let expected = |what: &str| format!("{what} {all}\n{all}");
        prop_assert_eq!(&variation.title, &expected("title"));
        prop_assert_eq!(&variation.statement, &expected("statement"));
        prop_assert_eq!(&variation.starter, &expected("starter"));
        prop_assert_eq!(&variation.solution, &expected("solution"));
        prop_assert_eq!(&variation.hints[0], &expected("hint"));
        prop_assert_eq!(&variation.tests[0].name, &expected("name"));
        prop_assert_eq!(variation.tests[0].input.as_str(), &expected("{ \"a\": {} } {x}"));
        prop_assert_eq!(&variation.random_tests[0].generate, &expected("generate"));
        prop_assert_eq!(&variation.wrong[0].code, &expected("code"));
        prop_assert_eq!(&variation.wrong[0].why, &expected("why"));
        let shown = format!("{variation:?}");
        prop_assert!(!shown.contains("{{"), "{}", shown);
    }
}

/// A seed kept for a student must mean the same exercise after an update of LearnFlow. If this fails, seeds got another
/// meaning: restore the old one.
#[test]
fn a_seed_means_the_same_for_ever() {
    let parameters = BTreeMap::from([
        ("step".to_owned(), Parameter::Values(["2", "3", "5", "7"].map(str::to_owned).to_vec())),
        ("limit".to_owned(), Parameter::Range { from: 5, to: 20 }),
    ]);
    let exercise = exercise("total-of-multiples", parameters);
    let chosen = [0, 1, 2, 63, 64, u64::MAX].map(|seed| {
        let parameters = exercise.instantiate(seed).parameters;
        format!("{} {}", parameters["limit"], parameters["step"])
    });
    assert_eq!(chosen, ["10 7", "5 2", "20 3", "20 5", "10 7", "20 5"]);
}

fn inputs(variation: &Variation) -> Result<String, String> {
    let output = Command::new("/usr/bin/python3").args(["-I", "-c", &variation.inputs_program()]).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// FR-022: random tests are the same whenever they are made for a seed, and differ between seeds of one combination.
#[test]
fn random_tests_follow_the_seed() {
    let generate = |function: Option<&str>, expression: &str| {
        let mut template = exercise("e", BTreeMap::new());
        template.function = function.map(str::to_owned);
        template.random_tests[0].name = "it's a \"name\" \\ über 🐍".to_owned();
        template.random_tests[0].generate = expression.to_owned();
        template
    };
    let calls = generate(Some("f"), "[rng.randint(0, 10**9), 'it\\'s', {'a': (1,)}]");
    let first = calls.instantiate(7);
    let printed = inputs(&first).unwrap();
    assert_eq!(printed, inputs(&first).unwrap());
    assert_ne!(printed, inputs(&calls.instantiate(8)).unwrap());
    let tests = first.read_inputs(&printed).unwrap();
    assert_eq!(tests.len(), 2);
    for test in &tests {
        assert_eq!((test.name.as_str(), test.visible), ("it's a \"name\" \\ über 🐍", false));
        let TestInput::Arguments(arguments) = &test.input else { panic!("{test:?}") };
        let (number, rest) = arguments.split_once(", ").unwrap();
        assert!(number.parse::<u32>().is_ok(), "{arguments}");
        assert_eq!(rest, "\"it's\", {'a': (1,)}");
    }
    assert_ne!(tests[0].input, tests[1].input);
    assert!(first.read_inputs("[[\"1\"]]").unwrap_err().to_string().contains("1 inputs were generated for 2"));

    let program = generate(None, "f'{rng.randint(1, 9)}\\n'").instantiate(u64::MAX);
    let tests = program.read_inputs(&inputs(&program).unwrap()).unwrap();
    assert!(matches!(&tests[0].input, TestInput::Stdin(text) if text.len() == 2 && text.ends_with('\n')), "{tests:?}");

    let none = generate(None, "''");
    let none = Exercise { random_tests: Vec::new(), ..none }.instantiate(1);
    assert_eq!(none.read_inputs(&inputs(&none).unwrap()).unwrap(), []);

    for (function, expression, error) in [
        (Some("f"), "(1, 2)", "expected a list of the arguments"),
        (Some("f"), "[float('nan')]", "malformed node"),
        (Some("f"), "[print]", "invalid syntax"),
        (None, "[1]", "expected the text"),
        (None, "1 +", "invalid syntax"),
    ] {
        let message = inputs(&generate(function, expression).instantiate(1)).unwrap_err();
        assert!(message.contains(error), "{expression}: {message}");
    }
}
