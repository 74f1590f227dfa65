//! From the verdicts of the sandbox to what a student sees and what the record keeps.

use std::iter::zip;

use learnflow_proto::{
    events::{ExerciseGraded, TestGraded},
    v1::{CaseResult, ExerciseGrading, ExerciseTest, TestResult},
};

/// Most bytes of an error's type.
const MAX_TYPE: usize = 100;

/// A graded submission.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// "passed" | "failed" | "error" | "timeout".
    pub status: &'static str,
    /// 0 to 100; 100 only when every test passed.
    pub score: u32,
    /// As the student sees them.
    pub tests: Vec<TestResult>,
    error_type: String,
    duration_ms: u32,
}

impl Verdict {
    /// The verdict on the results of all tests, in their order.
    pub fn of(grading: &ExerciseGrading, results: Vec<CaseResult>) -> Self {
        let duration_ms = results.iter().map(|result| result.duration_ms).fold(0, u32::saturating_add);
        // Only of visible tests: the name of an exception can be made of what a hidden test gave to the program.
        let mut visible = zip(&grading.tests, &results).filter(|(test, _)| test.visible);
        let error_type = visible.find_map(|(_, result)| result.error.as_deref().and_then(error_type));
        let is_call = grading.function.is_some();
        let tests: Vec<_> = zip(&grading.tests, results).map(|(test, result)| shown(is_call, test, result)).collect();

        let passed = tests.iter().filter(|test| test.status == "passed").count();
        let has = |status: &str| tests.iter().any(|test| test.status == status);
        let status = if passed == tests.len() {
            "passed"
        } else if has("timeout") {
            "timeout"
        } else if has("error") {
            "error"
        } else {
            "failed"
        };
        let score = u32::try_from(passed * 100 / tests.len().max(1)).unwrap_or_default();
        Self { status, score, tests, error_type: error_type.unwrap_or_default(), duration_ms }
    }

    /// As a fact for the record.
    pub fn fact(&self, submission_id: &str, exercise_id: &str, difficulty: &str, attempt: u32) -> ExerciseGraded {
        let tests = self.tests.iter();
        ExerciseGraded {
            submission_id: submission_id.to_owned(),
            exercise_id: exercise_id.to_owned(),
            status: self.status.to_owned(),
            score: self.score,
            difficulty: difficulty.to_owned(),
            error_type: self.error_type.clone(),
            duration_ms: self.duration_ms,
            attempt,
            tests: tests
                .map(|test| TestGraded { name: test.name.clone(), visible: test.visible, status: test.status.clone() })
                .collect(),
        }
    }
}

/// What a student sees of a test. Of a hidden one that is its name and status, whatever else came of it.
fn shown(is_call: bool, test: &ExerciseTest, result: CaseResult) -> TestResult {
    let status = match result.status.as_str() {
        status @ ("passed" | "failed" | "timeout") => status,
        _ => "error",
    };
    let seen = TestResult {
        name: test.name.clone(),
        visible: test.visible,
        status: status.to_owned(),
        ..TestResult::default()
    };
    if !test.visible {
        return seen;
    }
    TestResult {
        expected: Some(test.expected.clone()),
        actual: result.actual,
        message: result.error.or(result.message),
        output: result.stdout.filter(|text| is_call && !text.is_empty()),
        ..seen
    }
}

/// The type of the exception that a traceback ends with: it begins the first line behind the frames.
fn error_type(traceback: &str) -> Option<String> {
    let last = traceback.rsplit("Traceback (most recent call last):\n").next()?;
    let line = last.lines().find(|line| !line.starts_with(' ') && !line.is_empty())?;
    let name = line.split(':').next()?.rsplit('.').next()?;
    let is_name = name.len() <= MAX_TYPE
        && name.starts_with(|first: char| first.is_alphabetic() || first == '_')
        && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
    is_name.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grading(tests: &[(&str, bool)]) -> ExerciseGrading {
        let tests = tests.iter().map(|(name, visible)| ExerciseTest {
            name: (*name).to_owned(),
            visible: *visible,
            arguments: vec!["'secret'".to_owned()],
            expected: "'secret value'".to_owned(),
            ..ExerciseTest::default()
        });
        ExerciseGrading { function: Some("f".to_owned()), tests: tests.collect(), ..ExerciseGrading::default() }
    }

    fn result(status: &str, error: Option<&str>) -> CaseResult {
        let text = |text: &str| Some(text.to_owned());
        CaseResult {
            status: status.to_owned(),
            actual: text("'leak'"),
            stdout: text("leak"),
            message: text("leak"),
            error: error.map(ToOwned::to_owned),
            duration_ms: 3,
            ..CaseResult::default()
        }
    }

    /// FR-021..024: of hidden tests nothing but name and status gets out, even if the sandbox's answer had more.
    #[test]
    fn hidden_tests_keep_their_values() {
        let error = "Traceback (most recent call last):\n  File \"main.py\", line 1, in f\nLeak: leak\n";
        for status in ["passed", "failed", "error", "timeout", "violation"] {
            let verdict = Verdict::of(&grading(&[("one", false)]), vec![result(status, Some(error))]);
            let text = format!("{verdict:?} {:?}", verdict.fact("s", "e", "easy", 1));
            assert!(!text.contains("eak") && !text.contains("secret"), "{text}");
            assert!(text.contains("one"));
        }
    }

    /// FR-021..024: a program passes only with every test; the score is the share of tests.
    #[test]
    fn verdicts_add_up() {
        let tests = [("a", true), ("b", false), ("c", false)];
        let cases = [
            (["passed", "passed", "passed"], "passed", 100),
            (["passed", "passed", "failed"], "failed", 66),
            (["failed", "error", "failed"], "error", 0),
            (["timeout", "error", "passed"], "timeout", 33),
            (["passed", "memory_exceeded", "passed"], "error", 66),
            (["passed", "violation", "output_exceeded"], "error", 33),
        ];
        for (statuses, status, score) in cases {
            let results = statuses.iter().map(|status| result(status, None)).collect();
            let verdict = Verdict::of(&grading(&tests), results);
            assert_eq!((verdict.status, verdict.score, verdict.duration_ms), (status, score, 9), "{statuses:?}");
        }
    }

    /// FR-037: the error's type is found in every form of traceback, and is a name.
    #[test]
    fn error_types_are_read() {
        let cases = [
            (
                "Traceback (most recent call last):\n  File \"main.py\", line 2, in f\n    x\nNameError: no x\n",
                "NameError",
            ),
            ("  File \"main.py\", line 1\n    x =\n       ^\nSyntaxError: invalid syntax\n", "SyntaxError"),
            ("Traceback (most recent call last):\n  File \"main.py\", line 1\nmain.Mine: two\nlines: more\n", "Mine"),
            (
                "Traceback (most recent call last):\n  File \"main.py\"\nKeyError: 1\n\nDuring handling of the above \
                 exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"main.py\"\n\
                 ValueError\n",
                "ValueError",
            ),
        ];
        for (traceback, name) in cases {
            assert_eq!(error_type(traceback).as_deref(), Some(name), "{traceback}");
        }
        for text in ["", "\n", "a b: c", "  indented only", ": x"] {
            assert_eq!(error_type(text), None, "{text:?}");
        }
    }
}
