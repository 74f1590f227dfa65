//! Making an exercise: a variation whose expected values come from its reference solution, accepted only when the
//! sandbox has shown that its tests tell right from wrong.

use std::{collections::HashSet, sync::Arc, time::Instant};

use futures::{future::try_join_all, try_join};
use learnflow_curriculum::{Comparison, TestInput, Variation};
use learnflow_grading::Value;
use learnflow_proto::v1::{CaseResult, ExecuteRequest, Exercise, ExerciseGrading, ExerciseTest, GradeRequest};
use learnflow_sidecar::Context;
use tokio::sync::Semaphore;
use tonic::Status;

use crate::{
    choice::Choice,
    made::{Made, request},
    sandbox::Sandbox,
};

/// Exercises made at a time: each keeps several programs running.
const AT_A_TIME: usize = 2;
/// Most tests of an exercise: those of one grading.
const MAX_TESTS: usize = 50;
/// Wrong solutions that must fail.
const MUST_FAIL: usize = 2;
/// From this many bytes on, a result may have been cut.
const LONGEST_VALUE: usize = 4_000;
/// What a wrong solution may take for a test, in milliseconds.
const WRONG_TIME_LIMIT: u32 = 1_000;

/// Makes exercises.
pub struct Maker {
    sandbox: Arc<dyn Sandbox>,
    turns: Semaphore,
}

/// An exercise that nobody has verified.
#[derive(Debug)]
pub struct Draft {
    /// As students are to see it, without its tests.
    pub exercise: Exercise,
    /// With all tests, the visible ones first.
    pub grading: ExerciseGrading,
    pub solution: String,
    pub wrong: Vec<String>,
}

/// Why an exercise was not made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// The sandbox did not do its part; it may later.
    #[error("the sandbox did not answer: {0}")]
    Sandbox(#[from] Status),
    /// The variation is no good: a mistake in the curriculum.
    #[error("{0}")]
    Unfit(String),
}

fn unfit<T>(reason: impl Into<String>) -> Result<T, MakeError> {
    Err(MakeError::Unfit(reason.into()))
}

impl Maker {
    pub fn new(sandbox: Arc<dyn Sandbox>) -> Self {
        Self { sandbox, turns: Semaphore::new(AT_A_TIME) }
    }

    /// Makes and verifies the exercise of a choice.
    pub async fn make(&self, choice: &Choice<'_>) -> Result<Made, MakeError> {
        self.timed(self.made(choice)).await
    }

    /// Verifies an exercise that somebody else has written: its solution gives what its tests expect, and wrong ones don't.
    pub async fn verify(&self, draft: Draft) -> Result<Made, MakeError> {
        let Draft { exercise, grading, solution, wrong } = draft;
        let wrong: Vec<&str> = wrong.iter().map(String::as_str).collect();
        let tests = grading.tests.len();
        let (passing, failing) =
            (self.must_pass(&solution, &grading), self.must_fail(&wrong, &exercise.starter_code, &grading, tests));
        self.timed(async { try_join!(passing, failing) }).await?;
        Ok(Made::with_tests(exercise, grading))
    }

    /// Programs run on nobody's behalf: they are no student's runs.
    async fn timed<T>(&self, making: impl Future<Output = Result<T, MakeError>>) -> Result<T, MakeError> {
        let _turn = self.turns.acquire().await.map_err(|_| Status::unavailable("shutting down"))?;
        let begun = Instant::now();
        let result = Context { caller: None, ..Context::current() }.scope(making).await;
        let word = match &result {
            Ok(_) => "made",
            Err(MakeError::Sandbox(_)) => "sandbox",
            Err(MakeError::Unfit(_)) => "unfit",
        };
        metrics::histogram!("exercise_make_seconds", "result" => word).record(begun.elapsed());
        result
    }

    async fn made(&self, choice: &Choice<'_>) -> Result<Made, MakeError> {
        let variation = choice.template.instantiate(choice.seed);
        let (tests, fixed) = self.tests(&variation).await?;
        let mut grading = ExerciseGrading {
            template: choice.template.id.clone(),
            seed: choice.seed,
            content_version: choice.topic.version().to_owned(),
            function: variation.function.clone(),
            comparison: variation.comparison.as_str().to_owned(),
            tests,
        };
        self.expect(&variation.solution, &mut grading).await?;
        let wrong: Vec<&str> = variation.wrong.iter().map(|wrong| wrong.code.as_str()).collect();
        let failing = self.must_fail(&wrong, &variation.starter, &grading, fixed);
        try_join!(self.must_pass(&variation.solution, &grading), failing)?;
        Ok(Made::new(choice, variation, grading))
    }

    /// The tests without what they expect, visible ones first, and how many of them are not random.
    async fn tests(&self, variation: &Variation) -> Result<(Vec<ExerciseTest>, usize), MakeError> {
        let mut tests = variation.tests.clone();
        tests.sort_by_key(|test| !test.visible);
        tests.truncate(MAX_TESTS);
        let fixed = tests.len();
        if !variation.random_tests.is_empty() {
            let program = ExecuteRequest { code: variation.inputs_program(), ..ExecuteRequest::default() };
            let run = self.sandbox.execute(program).await?;
            if run.status != "completed" || run.stdout_truncated {
                return unfit(format!("its random tests cannot be made: {} {}", run.status, run.stderr.trim()));
            }
            match variation.read_inputs(&run.stdout) {
                Ok(random) => tests.extend(random),
                Err(error) => return unfit(error.to_string()),
            }
        }
        tests.truncate(MAX_TESTS);
        let mut names = HashSet::new();
        let tests = tests.into_iter().map(|test| {
            let name = unlike(&mut names, &test.name);
            let mut made = ExerciseTest { name, visible: test.visible, ..ExerciseTest::default() };
            match test.input {
                TestInput::Arguments(text) => made.arguments = arguments(&text)?,
                TestInput::Stdin(text) => made.stdin = text,
            }
            Ok(made)
        });
        Ok((tests.collect::<Result<_, MakeError>>()?, fixed))
    }

    /// Fills in what the tests expect: what the reference solution gives.
    async fn expect(&self, solution: &str, grading: &mut ExerciseGrading) -> Result<(), MakeError> {
        // Every case is shown here, and expects something: the verdicts don't matter, only the values.
        let shown = |test: &ExerciseTest| ExerciseTest {
            visible: true,
            expected: if grading.function.is_some() { "None".to_owned() } else { String::new() },
            ..test.clone()
        };
        let probe = ExerciseGrading {
            tests: grading.tests.iter().map(shown).collect(),
            comparison: Comparison::Exact.as_str().to_owned(),
            ..grading.clone()
        };
        let results = self.sandbox.grade(request(&probe, MAX_TESTS, solution)).await?;
        let is_call = grading.function.is_some();
        for (test, result) in grading.tests.iter_mut().zip(results) {
            test.expected = value(is_call, result)?;
        }
        Ok(())
    }

    async fn must_pass(&self, solution: &str, grading: &ExerciseGrading) -> Result<(), MakeError> {
        let results = self.sandbox.grade(request(grading, MAX_TESTS, solution)).await?;
        match results.iter().find(|result| result.status != "passed") {
            Some(result) => {
                unfit(format!("its solution does not pass its own test {:?}: {}", result.name, result.status))
            }
            None => Ok(()),
        }
    }

    /// Wrong solutions must fail tests that every variation has. Where there are fewer than two, it is tried with what
    /// nobody may pass with either.
    async fn must_fail(
        &self,
        wrong: &[&str],
        starter: &str,
        grading: &ExerciseGrading,
        fixed: usize,
    ) -> Result<(), MakeError> {
        let others = [starter, "pass"].into_iter().filter(|code| !code.trim().is_empty());
        let tried = MUST_FAIL.max(wrong.len());
        let verdicts = wrong.iter().copied().chain(others).take(tried).map(|code| async move {
            let request = GradeRequest { time_limit_ms: Some(WRONG_TIME_LIMIT), ..request(grading, fixed, code) };
            let results = self.sandbox.grade(request).await?;
            Ok::<_, MakeError>(results.iter().any(|result| result.status != "passed"))
        });
        let failed = try_join_all(verdicts).await?.into_iter().filter(|failed| *failed).count();
        if failed < MUST_FAIL {
            unfit(format!("only {failed} wrong solutions of {tried} fail its tests"))
        } else {
            Ok(())
        }
    }
}

/// What the reference solution gave.
fn value(is_call: bool, result: CaseResult) -> Result<String, MakeError> {
    let CaseResult { name, status, actual, error, .. } = result;
    let Some(actual) = actual else {
        return unfit(format!(
            "its solution gives nothing in the test {name:?}: {status} {}",
            error.unwrap_or_default()
        ));
    };
    if actual.len() >= LONGEST_VALUE {
        return unfit(format!("its solution gives too much in the test {name:?}: {LONGEST_VALUE} bytes or more"));
    }
    match is_call.then(|| Value::parse(&actual)) {
        Some(Err(error)) => unfit(format!("its solution gives no literal in the test {name:?}: {error}")),
        _ => Ok(actual),
    }
}

/// The literals of a call's arguments.
fn arguments(text: &str) -> Result<Vec<String>, MakeError> {
    match Value::parse(&format!("[{text}]")) {
        Ok(Value::List(items)) => Ok(items.iter().map(Value::to_string).collect()),
        Ok(_) => unfit(format!("the arguments {text:?} are no list of literals")),
        Err(error) => unfit(format!("the arguments {text:?} are no literals: {error}")),
    }
}

/// The name, with a number behind it where others have it already.
pub fn unlike(names: &mut HashSet<String>, name: &str) -> String {
    let mut unlike = name.to_owned();
    let mut number = 2;
    while !names.insert(unlike.clone()) {
        unlike = format!("{name} ({number})");
        number += 1;
    }
    unlike
}

#[cfg(test)]
mod tests;
