use std::time::Duration;

use learnflow_curriculum::Level;
use learnflow_diagnosis::STEPS;
use learnflow_proto::v1::{DebugRequest, DebugResponse, debug_service_server::DebugService};
use learnflow_service::Violations;
use learnflow_sidecar::{Context, Sidecar};
use tonic::{Request, Response, Status};

use crate::{
    examine::{Examiner, Finding, Problem, Work},
    ladder::{self, Step},
    record,
    tests::Tests,
    wording::{Asked, Wording},
};

/// How long a call waits for the model's words: its caller gives up after 5 s, and the program has run before.
const PATIENCE: Duration = Duration::from_secs(3);

/// Most bytes of a program and of what it reads.
const MAX_TEXT: usize = 64 * 1024;
/// Most bytes of an error message.
const MAX_ERROR: usize = 16 * 1024;
/// Most tests of one's own.
const MAX_CASES: usize = 20;

/// What to do when nothing is wrong as far as Python can tell.
pub const NOTHING_RAISED: &str = "The program ran to its end, and Python found nothing to complain about.";
pub const WRONG_ANYWAY: &str = "If the result isn't what you want: choose one input for which you know the right answer. Work \
    it out by hand, step by step, and print the same values in the program. At the first step where the two differ you \
    have found the place.";
const SEND_TESTS: &str = "If you have tests, send them along: `cases`, or the `exercise_id`.";
const TESTS_PASS: &str = "All tests pass.";
const STILL_UNSURE: &str = "If you don't trust it yet, think of inputs that the tests may have left out: nothing at all, 0, \
    negative numbers, equal items, very long ones. What should come out for each?";

/// Debugs on call, and answers questions. Cheap to clone.
#[derive(Clone)]
pub struct Debugging {
    examiner: Examiner,
    wording: Wording,
    sidecar: Sidecar,
}

impl Debugging {
    pub fn new(examiner: Examiner, wording: Wording, sidecar: Sidecar) -> Self {
        Self { examiner, wording, sidecar }
    }

    pub fn wording(&self) -> &Wording {
        &self.wording
    }

    pub fn examiner(&self) -> &Examiner {
        &self.examiner
    }

    /// The step for a student; a problem met for the first time is recorded.
    pub async fn step(
        &self,
        student_id: &str,
        exercise_id: Option<&str>,
        problem: &Problem,
        asked: Option<u32>,
    ) -> Result<Step, Status> {
        let step = ladder::climb(&self.sidecar, student_id, &problem.diagnosis.problem, asked).await?;
        if step.is_first && problem.outcome != "wrong_result" {
            record::error(&self.sidecar, student_id, exercise_id, problem).await;
        }
        metrics::counter!("hints_total", "outcome" => problem.outcome, "step" => step.number.to_string()).increment(1);
        Ok(step)
    }

    async fn tests(&self, request: &DebugRequest) -> Result<Option<Tests>, Status> {
        match &request.exercise_id {
            Some(id) => Tests::of_exercise(&self.sidecar, id).await.map(Some),
            None if request.cases.is_empty() => Ok(None),
            None => Ok(Some(Tests::own(request.cases.clone()))),
        }
    }
}

fn check(request: &DebugRequest) -> Result<(), Status> {
    let DebugRequest { code, error, stdin, hint_level, exercise_id, cases } = request;
    Violations::default()
        .text(code, "code", usize::MAX)
        .size(code, "code", MAX_TEXT)
        .size(error.as_deref().unwrap_or_default(), "error", MAX_ERROR)
        .size(stdin.as_deref().unwrap_or_default(), "stdin", MAX_TEXT)
        .check(hint_level.is_none_or(|level| (1..=STEPS).contains(&level)), "hint_level", || {
            format!("must be from 1 to {STEPS}")
        })
        .check(cases.len() <= MAX_CASES, "cases", || format!("must be at most {MAX_CASES}"))
        .check(exercise_id.is_none() || cases.is_empty(), "cases", || "must be empty beside exercise_id".to_owned())
        .finish()
}

#[tonic::async_trait]
impl DebugService for Debugging {
    async fn debug(&self, request: Request<DebugRequest>) -> Result<Response<DebugResponse>, Status> {
        let request = request.into_inner();
        let student_id = Context::current().caller()?.id.clone();
        check(&request)?;
        let tests = self.tests(&request).await?;
        let DebugRequest { code, error, stdin, hint_level, exercise_id, .. } = &request;
        let work = Work { code, error: error.as_deref(), stdin: stdin.as_deref(), tests: tests.as_ref() };
        match self.examiner.examine(work).await? {
            Finding::Well { tested } => Ok(Response::new(well(tested))),
            Finding::Problem(mut problem) => {
                let step = self.step(&student_id, exercise_id.as_deref(), &problem, *hint_level).await?.number;
                let asked = Asked {
                    student_id: &student_id,
                    text: "",
                    code,
                    error: error.as_deref(),
                    level: Level::Beginner,
                    step,
                    patience: PATIENCE,
                };
                let source = self.wording.reword(&mut problem.diagnosis, asked).await;
                Ok(Response::new(DebugResponse { source: source.to_owned(), ..response(*problem, step) }))
            }
        }
    }
}

fn well(tested: bool) -> DebugResponse {
    let (cause, hint) = if tested {
        (TESTS_PASS, STILL_UNSURE.to_owned())
    } else {
        (NOTHING_RAISED, format!("{WRONG_ANYWAY} {SEND_TESTS}"))
    };
    DebugResponse {
        message: cause.to_owned(),
        root_cause: cause.to_owned(),
        hint_level: 1,
        hint,
        source: "builtin".to_owned(),
        outcome: "none".to_owned(),
        topic: "debugging-techniques".to_owned(),
        ..DebugResponse::default()
    }
}

fn response(problem: Problem, step: u32) -> DebugResponse {
    let Problem { diagnosis, outcome, failed_case, suspicious_lines, .. } = problem;
    let hint = diagnosis.hints.into_iter().zip(1..).find(|(_, number)| *number == step).map(|(hint, _)| hint);
    // Where to look is what the second step tells.
    let knows_where = outcome != "wrong_result" || step > 1;
    DebugResponse {
        error_type: diagnosis.error_type,
        message: diagnosis.message,
        line: if knows_where { diagnosis.line } else { 0 },
        root_cause: diagnosis.root_cause,
        hint_level: step,
        hint: hint.unwrap_or_default(),
        next_hint_available: step < STEPS,
        solution: diagnosis.solution.filter(|_| step == STEPS).map(|fix| fix.text.trim().to_owned()),
        source: "builtin".to_owned(),
        outcome: outcome.to_owned(),
        topic: diagnosis.topic,
        problem: diagnosis.problem,
        failed_case,
        suspicious_lines: if knows_where { suspicious_lines } else { Vec::new() },
    }
}

#[cfg(test)]
mod tests {
    use learnflow_diagnosis::{Diagnosis, Fix};

    use super::*;

    fn problem(outcome: &'static str) -> Problem {
        let diagnosis = Diagnosis {
            error_type: "NameError".to_owned(),
            message: String::new(),
            line: 2,
            title: String::new(),
            root_cause: "a name".to_owned(),
            topic: "variables".to_owned(),
            hints: ["nudge", "where", "what", "nearly: print(total)"].map(str::to_owned),
            solution: Some(Fix { line: 2, text: "    print(total)".to_owned(), is_new: false }),
            is_from_program: true,
            problem: "p".to_owned(),
        };
        let suspicious_lines = vec![learnflow_proto::v1::SuspiciousLine { line: 2, score: 1.0 }];
        Problem { diagnosis, outcome, status: "runtime_error", failed_case: None, suspicious_lines }
    }

    /// FR-019: the solution and the suspicious lines come with their steps, not before.
    #[test]
    fn a_response_tells_no_more_than_its_step() {
        for step in 1..=STEPS {
            let response = response(problem("error"), step);
            let is_last = step == STEPS;
            assert_eq!(response.solution.as_deref(), is_last.then_some("print(total)"));
            assert_eq!(response.next_hint_available, !is_last);
            assert_eq!(serde_json::to_string(&response).unwrap().contains("print(total)"), is_last);
        }
        let first = response(problem("wrong_result"), 1);
        assert!(first.suspicious_lines.is_empty() && first.line == 0);
        assert_eq!(response(problem("wrong_result"), 2).suspicious_lines.len(), 1);
    }

    /// FR-017: a request that can't be served is refused, field by field.
    #[test]
    fn requests_are_checked() {
        let good = DebugRequest { code: "x".to_owned(), ..DebugRequest::default() };
        assert!(check(&good).is_ok());
        for bad in [
            DebugRequest::default(),
            DebugRequest { hint_level: Some(0), ..good.clone() },
            DebugRequest { hint_level: Some(5), ..good.clone() },
            DebugRequest { error: Some("x".repeat(MAX_ERROR + 1)), ..good.clone() },
            DebugRequest { cases: vec![learnflow_proto::v1::TestCase::default(); 21], ..good.clone() },
            DebugRequest {
                exercise_id: Some("x".to_owned()),
                cases: vec![learnflow_proto::v1::TestCase::default()],
                ..good.clone()
            },
        ] {
            assert_eq!(check(&bad).unwrap_err().code(), tonic::Code::InvalidArgument, "{bad:?}");
        }
    }
}
