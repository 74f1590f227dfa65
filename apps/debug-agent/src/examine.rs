//! From a program to what is wrong with it.

use std::time::Duration;

use learnflow_diagnosis::{CaseRun, Diagnosis, Failed, Stopped, Suspect, diagnose, stopped, suspects, wrong_result};
use learnflow_proto::v1::{
    CaseResult, ExecuteRequest, ExecuteResponse, FailedCase, SuspiciousLine,
    execution_service_client::ExecutionServiceClient,
};
use learnflow_sidecar::Sidecar;
use learnflow_tutor::{Query, Tutor};
use tonic::{Request, Status};

use crate::tests::Tests;

/// How long a call may take, the wait for its turn included; shorter than what the gateway grants.
const DEADLINE: Duration = Duration::from_secs(24);
/// Suspicious lines that are shown.
const SHOWN: usize = 5;

/// A student's program and what is known of it.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    pub code: &'a str,
    pub error: Option<&'a str>,
    pub stdin: Option<&'a str>,
    pub tests: Option<&'a Tests>,
}

/// What is wrong with a program.
pub struct Problem {
    pub diagnosis: Diagnosis,
    /// "error" | "`wrong_result`" | "stopped".
    pub outcome: &'static str,
    /// As `ExecuteResponse.status`.
    pub status: &'static str,
    pub failed_case: Option<FailedCase>,
    pub suspicious_lines: Vec<SuspiciousLine>,
}

/// What an examination found.
pub enum Finding {
    /// The program ended well. Whether tests said so, too.
    Well {
        tested: bool,
    },
    Problem(Box<Problem>),
}

/// Examines programs. Cheap to clone.
#[derive(Clone)]
pub struct Examiner {
    tutor: Tutor,
    sidecar: Sidecar,
}

impl Examiner {
    pub fn new(tutor: Tutor, sidecar: Sidecar) -> Self {
        Self { tutor, sidecar }
    }

    pub fn tutor(&self) -> &Tutor {
        &self.tutor
    }

    /// Finds what is wrong: from the error if there is one, else from the tests if there are any, else by running it.
    pub async fn examine(&self, work: Work<'_>) -> Result<Finding, Status> {
        if let Some(diagnosis) = work.error.and_then(|error| diagnose(&self.tutor, work.code, error)) {
            return Ok(error(diagnosis));
        }
        match work.tests {
            Some(tests) => self.test(work.code, tests).await,
            None => self.run(work).await,
        }
    }

    async fn run(&self, work: Work<'_>) -> Result<Finding, Status> {
        let request = ExecuteRequest {
            code: work.code.to_owned(),
            stdin: work.stdin.map(str::to_owned),
            ..ExecuteRequest::default()
        };
        let mut client = ExecutionServiceClient::new(self.sidecar.app("code-execution"));
        let result = client.execute(within_deadline(request)).await?.into_inner();
        Ok(self.judge(work.code, &result))
    }

    fn judge(&self, code: &str, result: &ExecuteResponse) -> Finding {
        if result.status == "completed" {
            return Finding::Well { tested: false };
        }
        // A limit is the cause even where Python still could say something.
        let reported = matches!(result.status.as_str(), "runtime_error" | "memory_exceeded");
        if let Some(diagnosis) =
            Some(&result.stderr).filter(|_| reported).and_then(|text| self.diagnose_traceback(code, text))
        {
            return error(diagnosis);
        }
        match result.status.as_str() {
            // It ended itself, with a status of its own.
            "runtime_error" => {
                let text = format!("SystemExit: {}", result.exit_code.unwrap_or_default());
                match diagnose(&self.tutor, code, &text) {
                    Some(diagnosis) => error(diagnosis),
                    None => Finding::Well { tested: false },
                }
            }
            status => ended(code, status),
        }
    }

    /// A student's own print to standard error isn't a traceback.
    fn diagnose_traceback(&self, code: &str, stderr: &str) -> Option<Diagnosis> {
        stderr.contains("File \"").then(|| diagnose(&self.tutor, code, stderr)).flatten()
    }

    async fn test(&self, code: &str, tests: &Tests) -> Result<Finding, Status> {
        let mut client = ExecutionServiceClient::new(self.sidecar.app("code-execution"));
        let results = client.grade(within_deadline(tests.request(code))).await?.into_inner().results;
        Ok(self.verdict(code, tests, &results))
    }

    /// What is wrong by the verdicts on tests. Hidden tests give their names only: not even the lines that they execute
    /// are used, since a program can be written so that those tell of its arguments.
    fn verdict(&self, code: &str, tests: &Tests, results: &[CaseResult]) -> Finding {
        let all: Vec<_> = tests.cases.iter().zip(results).collect();
        let failing =
            |visible: bool| all.iter().find(|(case, result)| case.visible == visible && result.status != "passed");
        let Some((case, result)) = failing(true).or_else(|| failing(false)) else {
            return Finding::Well { tested: true };
        };
        if case.visible {
            if let Some(diagnosis) = result.error.as_deref().and_then(|text| self.diagnose_traceback(code, text)) {
                return error(diagnosis);
            }
            if !matches!(result.status.as_str(), "failed" | "error") {
                return ended(code, &result.status);
            }
        }
        let runs: Vec<CaseRun> = all
            .iter()
            .filter(|(case, _)| case.visible)
            .map(|(_, result)| CaseRun { passed: result.status == "passed", lines: result.executed_lines.clone() })
            .collect();
        let ranked: Vec<Suspect> = if case.visible { suspects(code, &runs) } else { Vec::new() };
        let shown = |text: String| case.visible.then_some(text);
        let failed_case = FailedCase {
            name: case.name.clone(),
            input: shown(case.input()),
            expected: shown(case.expected().to_owned()),
            actual: result.actual.clone().filter(|_| case.visible),
            difference: result.message.clone().filter(|_| case.visible),
        };
        let failed = Failed {
            name: &failed_case.name,
            input: failed_case.input.as_deref(),
            expected: failed_case.expected.as_deref(),
            actual: failed_case.actual.as_deref(),
            difference: failed_case.difference.as_deref(),
            problem: tests.exercise_id.as_deref(),
            passed: results.iter().filter(|result| result.status == "passed").count(),
            total: results.len(),
        };
        let topic = tests.topic.clone().unwrap_or_else(|| self.topic(code));
        let diagnosis = wrong_result(code, &failed, &ranked, &topic);
        let suspicious_lines = ranked
            .iter()
            .take(SHOWN)
            .map(|suspect| SuspiciousLine { line: suspect.line, score: suspect.score })
            .collect();
        Finding::Problem(Box::new(Problem {
            diagnosis,
            outcome: "wrong_result",
            status: "completed",
            failed_case: Some(failed_case),
            suspicious_lines,
        }))
    }

    /// The topic a program is about, as far as it can be told.
    fn topic(&self, code: &str) -> String {
        let query = Query { code: Some(code), ..Query::default() };
        self.tutor.find_topic(&query).topic.map_or_else(String::new, |topic| topic.id.clone())
    }
}

fn error(diagnosis: Diagnosis) -> Finding {
    problem(diagnosis, "error", "runtime_error")
}

/// A run that was ended from outside, by its status.
fn ended(code: &str, status: &str) -> Finding {
    let (how, status) = match status {
        "timeout" => (Stopped::Time, "timeout"),
        "memory_exceeded" => (Stopped::Memory, "memory_exceeded"),
        "output_exceeded" => (Stopped::Output, "output_exceeded"),
        "signaled" => (Stopped::Other, "signaled"),
        _ => (Stopped::Other, "violation"),
    };
    problem(stopped(code, how), "stopped", status)
}

fn problem(diagnosis: Diagnosis, outcome: &'static str, status: &'static str) -> Finding {
    let problem = Problem { diagnosis, outcome, status, failed_case: None, suspicious_lines: Vec::new() };
    Finding::Problem(Box::new(problem))
}

fn within_deadline<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(DEADLINE);
    request
}
