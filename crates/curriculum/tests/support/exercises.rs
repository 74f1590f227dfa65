//! Trying exercises in several variations, each in one Python process.

use std::time::Duration;

use learnflow_curriculum::{Exercise, ExerciseTest, TestInput, Variation};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Finding, Subject, Trial, python};

const HARNESS: &str = include_str!("harness.py");
const LIMIT: Duration = Duration::from_mins(3);

#[derive(Deserialize, PartialEq)]
struct Report {
    problems: Vec<String>,
    /// What goes into each test and what the solution gives for it.
    results: Option<Vec<(String, String)>>,
}

/// Of the first seeds, which give different combinations as long as there are any.
pub fn trials(subject: &Subject, seeds: u64) -> Vec<Trial<'_>> {
    let exercises = subject.topic.exercises.iter();
    exercises
        .flat_map(|exercise| (0..seeds.min(4 * exercise.variations())).map(move |seed| (exercise, seed)))
        .map(|(exercise, seed)| -> Trial<'_> { Box::new(move || try_variation(subject, exercise, seed)) })
        .collect()
}

fn try_variation(subject: &Subject, exercise: &Exercise, seed: u64) -> Vec<Finding> {
    let variation = exercise.instantiate(seed);
    let problems = match report(&variation) {
        Ok(mut first) => {
            // Python's hash seed differs between the two processes, so the order of sets does as well.
            if seed == 0 && first.problems.is_empty() && report(&variation).is_ok_and(|second| second != first) {
                first.problems.push("a second run makes other inputs or gives other results".to_owned());
            }
            first.problems
        }
        Err(error) => vec![format!("it can't be tried: {error}")],
    };
    let place = format!("id = \"{}\"", exercise.id);
    let chosen: Vec<_> = variation.parameters.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    let variation = format!("exercise {:?} (seed {seed}; {})", exercise.id, chosen.join(", "));
    problems.into_iter().map(|problem| subject.finding(&place, format!("{variation}: {problem}"))).collect()
}

fn report(variation: &Variation) -> Result<Report, String> {
    let job = json!({
        "function": variation.function,
        "comparison": variation.comparison.as_str(),
        "starter": variation.starter,
        "solution": variation.solution,
        "wrong": variation.wrong.iter().map(|wrong| json!({"why": wrong.why, "code": wrong.code})).collect::<Vec<_>>(),
        "tests": variation.tests.iter().map(test).collect::<Vec<_>>(),
        "random_tests": variation.random_tests.iter().map(|test| (&test.name, test.count)).collect::<Vec<_>>(),
        "inputs_program": variation.inputs_program(),
    });
    let run = python::run(HARNESS, &job.to_string(), LIMIT);
    serde_json::from_str(&run.stdout).map_err(|_| run.stderr)
}

fn test(test: &ExerciseTest) -> Value {
    match &test.input {
        TestInput::Arguments(args) => json!({"name": test.name, "args": args}),
        TestInput::Stdin(input) => json!({"name": test.name, "input": input}),
    }
}
