//! An exercise with everything that its grading needs.

use learnflow_curriculum::Variation;
use learnflow_proto::v1::{
    Exercise, ExerciseGrading, ExerciseTest, FunctionCase, GradeRequest, ProgramCase, TestCase, VisibleTest,
    test_case::Kind,
};
use serde::{Deserialize, Serialize};

use crate::choice::Choice;

/// An exercise as students see it, and how it is graded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Made {
    pub exercise: Exercise,
    pub grading: ExerciseGrading,
}

impl Made {
    pub fn new(choice: &Choice<'_>, variation: Variation, grading: ExerciseGrading) -> Self {
        let visible = grading.tests.iter().filter(|test| test.visible);
        let visible_tests = visible
            .map(|test| VisibleTest {
                name: test.name.clone(),
                input: input(&grading, test),
                expected: test.expected.clone(),
            })
            .collect();
        let hidden = grading.tests.iter().filter(|test| !test.visible).count();
        let exercise = Exercise {
            id: choice.id(),
            topic: choice.topic.id.clone(),
            difficulty: choice.template.difficulty.as_str().to_owned(),
            title: variation.title,
            statement_markdown: variation.statement,
            starter_code: variation.starter,
            visible_tests,
            hidden_test_count: u32::try_from(hidden).unwrap_or(u32::MAX),
        };
        Self { exercise, grading }
    }
}

/// The call, or what the program reads.
fn input(grading: &ExerciseGrading, test: &ExerciseTest) -> String {
    match &grading.function {
        Some(function) => format!("{function}({})", test.arguments.join(", ")),
        None => test.stdin.clone(),
    }
}

/// The first `count` tests as a request to grade a program by. Visible ones come first: what a program keeps from a
/// hidden test must not show in the result of a later one.
pub fn request(grading: &ExerciseGrading, count: usize, code: &str) -> GradeRequest {
    let cases = grading.tests.iter().take(count).map(|test| case(grading, test)).collect();
    GradeRequest { code: code.to_owned(), cases, ..GradeRequest::default() }
}

fn case(grading: &ExerciseGrading, test: &ExerciseTest) -> TestCase {
    let kind = match &grading.function {
        Some(function) => Kind::Function(FunctionCase {
            function: function.clone(),
            arguments: test.arguments.clone(),
            expected: test.expected.clone(),
            comparison: grading.comparison.clone(),
        }),
        None => Kind::Program(ProgramCase {
            stdin: test.stdin.clone(),
            expected_stdout: test.expected.clone(),
            comparison: grading.comparison.clone(),
        }),
    };
    TestCase { name: test.name.clone(), kind: Some(kind), visible: test.visible }
}
