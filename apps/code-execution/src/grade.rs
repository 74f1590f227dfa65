//! Test cases: what goes into the sandbox, and the verdicts on what comes out.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use learnflow_grading::{Comparison, OutputComparison, Value, Verdict, judge_output, judge_value};
use learnflow_proto::v1::{CaseResult, FunctionCase, GradeRequest, ProgramCase, TestCase, test_case::Kind};
use learnflow_sandbox::{Case, CaseKind, CaseOutcome, Limit, Program, Status as Ending};
use learnflow_service::Violations;
use tonic::Status;
use tracing::{Instrument as _, info_span};

use crate::{
    execution::Execution,
    program::{MAX_TEXT, check_time, limit, milliseconds, refusal},
};

const MAX_CASES: usize = 50;
const MAX_NAME: usize = 200;
const MAX_ARGUMENTS: usize = 32;
/// What a case may take unless the request says otherwise, in milliseconds.
const TIME_LIMIT: u32 = 2_000;
/// What all cases together may take at most. Those that are not reached count as timed out.
const BUDGET: Duration = Duration::from_secs(20);
/// Most bytes of a text in a result.
const MAX_SHOWN: usize = 4 * 1024;

/// A program, its test cases, and apart from them what is expected.
pub struct Task {
    program: Program,
    cases: Vec<(Case, Expected)>,
}

/// What is expected of a case. This never goes into the sandbox.
struct Expected {
    visible: bool,
    kind: ExpectedKind,
}

enum ExpectedKind {
    Value(Value, Comparison),
    Output(String, OutputComparison),
}

impl Task {
    /// Checks a request, and tells what is run from what is expected.
    pub fn of(request: GradeRequest) -> Result<Self, Status> {
        let GradeRequest { code, cases, time_limit_ms, memory_limit_mb, coverage } = request;
        let time_limit_ms = time_limit_ms.unwrap_or(TIME_LIMIT);
        let mut violations = Violations::default();
        violations.text(&code, "code", usize::MAX).size(&code, "code", MAX_TEXT);
        violations
            .check((1..=MAX_CASES).contains(&cases.len()), "cases", || format!("must be from 1 to {MAX_CASES} cases"));
        check_time(&mut violations, "time_limit_ms", time_limit_ms);
        let mut names = HashSet::new();
        let mut read = Vec::new();
        for (index, case) in cases.into_iter().enumerate() {
            let field = format!("cases[{index}]");
            violations.text(&case.name, &format!("{field}.name"), MAX_NAME);
            let is_new = names.insert(case.name.clone());
            violations.check(is_new, &format!("{field}.name"), || "is the name of another case too".to_owned());
            read.extend(read_case(case, &field, &mut violations));
        }
        violations.finish()?;

        let mut program = Program::new(code);
        program.time_limit = Duration::from_millis(time_limit_ms.into());
        program.coverage = coverage;
        if let Some(memory) = memory_limit_mb {
            program.memory_limit_mb = memory;
        }
        program.validate().map_err(|invalid| refusal(invalid.into()))?;
        Ok(Self { program, cases: read })
    }
}

fn read_case(case: TestCase, field: &str, violations: &mut Violations) -> Option<(Case, Expected)> {
    let TestCase { name, kind, visible } = case;
    let (kind, expected) = match kind {
        None => {
            violations.check(false, field, || "is neither a function nor a program".to_owned());
            return None;
        }
        Some(Kind::Function(function)) => read_function(function, &format!("{field}.function"), violations)?,
        Some(Kind::Program(program)) => read_program(program, &format!("{field}.program"), violations)?,
    };
    Some((Case { name, kind }, Expected { visible, kind: expected }))
}

/// A value that was read, or a note of what is wrong with it.
fn note<T>(read: Result<T, impl ToString>, field: &str, violations: &mut Violations) -> Option<T> {
    match read {
        Ok(value) => Some(value),
        Err(error) => {
            violations.check(false, field, || error.to_string());
            None
        }
    }
}

fn read_function(case: FunctionCase, field: &str, violations: &mut Violations) -> Option<(CaseKind, ExpectedKind)> {
    let FunctionCase { function, arguments, expected, comparison } = case;
    violations.check(is_identifier(&function), &format!("{field}.function"), || "is no name of a function".to_owned());
    violations.check(arguments.len() <= MAX_ARGUMENTS, &format!("{field}.arguments"), || {
        format!("has {} arguments: at most {MAX_ARGUMENTS} are allowed", arguments.len())
    });
    let arguments: Vec<_> = arguments
        .iter()
        .enumerate()
        .filter_map(|(index, text)| note(Value::parse(text), &format!("{field}.arguments[{index}]"), violations))
        .map(|argument| argument.to_ascii())
        .collect();
    let expected = note(Value::parse(&expected), &format!("{field}.expected"), violations);
    let comparison = note(comparison.parse(), &format!("{field}.comparison"), violations);
    Some((CaseKind::Call { function, arguments }, ExpectedKind::Value(expected?, comparison?)))
}

fn read_program(case: ProgramCase, field: &str, violations: &mut Violations) -> Option<(CaseKind, ExpectedKind)> {
    let ProgramCase { stdin, expected_stdout, comparison } = case;
    violations.size(&stdin, &format!("{field}.stdin"), MAX_TEXT);
    violations.size(&expected_stdout, &format!("{field}.expected_stdout"), MAX_TEXT);
    let comparison = note(comparison.parse(), &format!("{field}.comparison"), violations);
    Some((CaseKind::Program { stdin }, ExpectedKind::Output(expected_stdout, comparison?)))
}

fn is_identifier(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name.starts_with(|first: char| first.is_alphabetic() || first == '_')
        && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
}

impl Execution {
    /// Runs the cases and judges each, within a time for all.
    pub(crate) async fn judge(&self, task: Task, patience: Duration) -> Result<Vec<CaseResult>, Status> {
        let Task { program, mut cases } = task;
        let budget = patience.min(BUDGET);
        let begun = Instant::now();
        let mut results = Vec::new();
        while !cases.is_empty() {
            // As many as surely fit into the time that is left; they mostly take much less.
            let left = budget.saturating_sub(begun.elapsed()).as_millis();
            let fit = usize::try_from(left / program.time_limit.as_millis().max(1)).unwrap_or(usize::MAX);
            // One is tried in any case.
            let fit = if results.is_empty() { fit.max(1) } else { fit };
            if fit == 0 {
                results.extend(cases.drain(..).map(|(case, _)| not_reached(case)));
                break;
            }
            let rest = cases.split_off(fit.min(cases.len()));
            let (next, expected): (Vec<_>, Vec<_>) = std::mem::replace(&mut cases, rest).into_iter().unzip();
            let grading = self.sandbox().grade(program.clone(), next).instrument(info_span!("run"));
            let outcomes = grading.await.map_err(|error| self.failed(error))?;
            self.works();
            if outcomes.len() != expected.len() {
                return Err(Status::internal("the sandbox lost a test case"));
            }
            results.extend(outcomes.into_iter().zip(&expected).map(|(outcome, expected)| verdict(outcome, expected)));
        }
        for result in &results {
            metrics::counter!("execution_verdicts_total", "status" => result.status.clone()).increment(1);
        }
        Ok(results)
    }
}

fn not_reached(case: Case) -> CaseResult {
    CaseResult {
        name: case.name,
        status: "timeout".to_owned(),
        limit: limit(Some(Limit::WallTime)),
        ..CaseResult::default()
    }
}

/// What is said of a case.
fn verdict(outcome: CaseOutcome, expected: &Expected) -> CaseResult {
    let Judged { status, actual, message } = judge(&outcome, expected);
    let CaseOutcome { name, limit: ended_by, stdout, error, duration, lines, .. } = outcome;
    let result = CaseResult {
        name,
        status: status.to_owned(),
        duration_ms: milliseconds(duration),
        limit: limit(ended_by),
        executed_lines: lines.unwrap_or_default(),
        ..CaseResult::default()
    };
    if !expected.visible {
        return result;
    }
    CaseResult {
        actual: actual.map(shown),
        stdout: Some(shown(stdout)),
        error: (!error.is_empty()).then(|| shown(error)),
        message: message.map(shown),
        ..result
    }
}

struct Judged {
    status: &'static str,
    actual: Option<String>,
    message: Option<String>,
}

fn judge(outcome: &CaseOutcome, expected: &Expected) -> Judged {
    let ended =
        |status, message: Option<&str>| Judged { status, actual: None, message: message.map(ToOwned::to_owned) };
    match outcome.status {
        Ending::Completed => {}
        Ending::RuntimeError | Ending::Signaled => return ended("error", None),
        Ending::Timeout => return ended("timeout", Some("the program was still running when its time was up")),
        Ending::MemoryExceeded => {
            return ended("memory_exceeded", Some("the program wanted more memory than there is"));
        }
        Ending::OutputExceeded => return ended("output_exceeded", Some("the program printed too much")),
        Ending::Violation => return ended("violation", Some("the program did what no program may do here")),
    }
    let judged = |Verdict { passed, message }: Verdict, actual| Judged {
        status: if passed { "passed" } else { "failed" },
        actual: Some(actual),
        message,
    };
    match (&expected.kind, &outcome.value) {
        (ExpectedKind::Output(..), _) if outcome.stdout_truncated => {
            ended("output_exceeded", Some("the program printed too much"))
        }
        (ExpectedKind::Output(text, comparison), _) => {
            judged(judge_output(text, &outcome.stdout, *comparison, expected.visible), outcome.stdout.clone())
        }
        // It ended by itself, but not by returning from the call: that passes nothing.
        (ExpectedKind::Value(..), None) => ended("error", Some("the program ended before the function returned")),
        (ExpectedKind::Value(value, comparison), Some(encoded)) => match Value::from_tagged_json(encoded) {
            Ok(actual) => judged(judge_value(value, &actual, *comparison, expected.visible), actual.to_string()),
            Err(error) => {
                tracing::error!(%error, "the sandbox gave a value that cannot be read");
                ended("error", Some("the value cannot be read"))
            }
        },
    }
}

/// A text, cut where results end.
fn shown(mut text: String) -> String {
    if text.len() > MAX_SHOWN {
        text.truncate(text.floor_char_boundary(MAX_SHOWN - '…'.len_utf8()));
        text.push('…');
    }
    text
}
