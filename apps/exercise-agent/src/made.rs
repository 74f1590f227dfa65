//! An exercise with everything that its grading needs.

use learnflow_curriculum::Variation;
use learnflow_proto::v1::{Exercise, ExerciseGrading, GradeRequest, VisibleTest};
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
        let exercise = Exercise {
            id: choice.id(),
            topic: choice.topic.id.clone(),
            difficulty: choice.template.difficulty.as_str().to_owned(),
            title: variation.title,
            statement_markdown: variation.statement,
            starter_code: variation.starter,
            source: "builtin".to_owned(),
            ..Exercise::default()
        };
        Self::with_tests(exercise, grading)
    }

    /// Shows students of the tests what they may see.
    pub fn with_tests(exercise: Exercise, grading: ExerciseGrading) -> Self {
        let visible = grading.cases().filter(|case| case.visible);
        let visible_tests = visible
            .map(|case| VisibleTest { input: case.input(), expected: case.expected().to_owned(), name: case.name })
            .collect();
        let hidden = grading.tests.iter().filter(|test| !test.visible).count();
        let hidden_test_count = u32::try_from(hidden).unwrap_or(u32::MAX);
        Self { exercise: Exercise { visible_tests, hidden_test_count, ..exercise }, grading }
    }
}

/// The first `count` tests as a request to grade a program by. Visible ones come first: what a program keeps from a
/// hidden test must not show in the result of a later one.
pub fn request(grading: &ExerciseGrading, count: usize, code: &str) -> GradeRequest {
    let cases = grading.cases().take(count).collect();
    GradeRequest { code: code.to_owned(), cases, ..GradeRequest::default() }
}
