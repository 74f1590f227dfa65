//! Tests of an exercise as cases to run.

use crate::v1::{ExerciseGrading, ExerciseTest, FunctionCase, ProgramCase, TestCase, test_case::Kind};

impl ExerciseGrading {
    /// The tests in their order, as cases.
    pub fn cases(&self) -> impl Iterator<Item = TestCase> + '_ {
        self.tests.iter().map(|test| self.case(test))
    }

    /// A test as a case: a call of the exercise's function, or a run of the whole program.
    pub fn case(&self, test: &ExerciseTest) -> TestCase {
        let (expected, comparison) = (test.expected.clone(), self.comparison.clone());
        let kind = match &self.function {
            Some(function) => Kind::Function(FunctionCase {
                function: function.clone(),
                arguments: test.arguments.clone(),
                expected,
                comparison,
            }),
            None => Kind::Program(ProgramCase { stdin: test.stdin.clone(), expected_stdout: expected, comparison }),
        };
        TestCase { name: test.name.clone(), kind: Some(kind), visible: test.visible }
    }
}

impl TestCase {
    /// What the program gets: the call, or what it reads.
    pub fn input(&self) -> String {
        match &self.kind {
            Some(Kind::Function(call)) => format!("{}({})", call.function, call.arguments.join(", ")),
            Some(Kind::Program(run)) => run.stdin.clone(),
            None => String::new(),
        }
    }

    /// The value or the output that is expected of it.
    pub fn expected(&self) -> &str {
        match &self.kind {
            Some(Kind::Function(call)) => &call.expected,
            Some(Kind::Program(run)) => &run.expected_stdout,
            None => "",
        }
    }
}
