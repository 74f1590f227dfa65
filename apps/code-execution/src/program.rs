//! Requests as programs for the sandbox, outcomes as responses.

use std::time::Duration;

use learnflow_proto::v1::{ExecuteBatchRequest, ExecuteRequest, ExecuteResponse};
use learnflow_sandbox::{InvalidProgram, Limit, Outcome, Program, SandboxError, SourceFile, Stdin};
use learnflow_service::Violations;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::admission::Refusal;

/// Most bytes of a program, and of what it reads.
pub const MAX_TEXT: usize = 64 * 1024;
const MAX_ARGS: usize = 32;
/// What a run may take unless the request says less, in milliseconds.
const TIME_LIMIT: u32 = 5_000;

/// Runs in a batch.
const MAX_RUNS: usize = 20;
/// What a run of a batch may take unless the request says otherwise, and what all of them may take one after the other.
const BATCH_TIME_LIMIT: u32 = 2_000;
const BATCH_TIME: u32 = 40_000;

/// The program of a request.
pub fn program(request: ExecuteRequest) -> Result<Program, Status> {
    program_in("", request)
}

/// The program in a field of a request, by which its own fields are named.
fn program_in(field: &str, request: ExecuteRequest) -> Result<Program, Status> {
    let at = |name: &str| format!("{field}{name}");
    let ExecuteRequest { code, stdin, files, args, time_limit_ms, memory_limit_mb } = request;
    let time_limit_ms = time_limit_ms.unwrap_or(TIME_LIMIT);
    let mut violations = Violations::default();
    violations.text(&code, &at("code"), usize::MAX).size(&code, &at("code"), MAX_TEXT);
    violations.size(stdin.as_deref().unwrap_or_default(), &at("stdin"), MAX_TEXT);
    violations.check(args.len() <= MAX_ARGS, &at("args"), || {
        format!("has {} arguments: at most {MAX_ARGS} are allowed", args.len())
    });
    check_time(&mut violations, &at("time_limit_ms"), time_limit_ms);
    violations.finish()?;

    let mut program = Program::new(code);
    program.stdin = stdin.unwrap_or_default().into();
    program.files = files.into_iter().map(|file| SourceFile { name: file.name, content: file.content }).collect();
    program.args = args;
    program.time_limit = Duration::from_millis(time_limit_ms.into());
    if let Some(memory) = memory_limit_mb {
        program.memory_limit_mb = memory;
    }
    program.validate().map_err(|invalid| refusal(InvalidProgram { field: at(&invalid.field), ..invalid }.into()))?;
    Ok(program)
}

/// Notes a time limit that is out of bounds.
pub fn check_time(violations: &mut Violations, field: &str, time_limit_ms: u32) {
    violations
        .check((100..=TIME_LIMIT).contains(&time_limit_ms), field, || format!("must be from 100 to {TIME_LIMIT}"));
}

/// The programs of a batch: one per input.
pub fn batch(request: ExecuteBatchRequest) -> Result<Vec<Program>, Status> {
    let ExecuteBatchRequest { program: common, stdins } = request;
    let runs = u32::try_from(stdins.len()).unwrap_or(u32::MAX);
    let mut violations = Violations::default();
    let mut common = common.unwrap_or_default();
    let time_limit = *common.time_limit_ms.get_or_insert(BATCH_TIME_LIMIT);
    violations.check(common.stdin.is_none(), "program.stdin", || "must be absent: each run has its own".to_owned());
    violations
        .check((1..=MAX_RUNS).contains(&stdins.len()), "stdins", || format!("must be from 1 to {MAX_RUNS} inputs"));
    violations.check(runs.saturating_mul(time_limit) <= BATCH_TIME, "program.time_limit_ms", || {
        format!("{runs} runs of at most {time_limit} ms may take more than {BATCH_TIME} ms: lower it")
    });
    for (index, stdin) in stdins.iter().enumerate() {
        violations.size(stdin, &format!("stdins[{index}]"), MAX_TEXT);
    }
    violations.finish()?;
    let program = program_in("program.", common)?;
    Ok(stdins.into_iter().map(|stdin| Program { stdin: Stdin::from(stdin), ..program.clone() }).collect())
}

/// How a run ended, as the caller is told.
pub fn response(outcome: Outcome) -> ExecuteResponse {
    ExecuteResponse {
        status: outcome.status.as_str().to_owned(),
        exit_code: outcome.exit_code,
        signal: outcome.signal,
        stdout: outcome.stdout,
        stderr: outcome.stderr,
        stdout_truncated: outcome.stdout_truncated,
        stderr_truncated: outcome.stderr_truncated,
        duration_ms: milliseconds(outcome.duration),
        cpu_ms: milliseconds(outcome.cpu),
        peak_memory_kb: u32::try_from(outcome.peak_memory_kb).unwrap_or(u32::MAX),
        limit: limit(outcome.limit),
    }
}

/// The word for a limit.
pub fn limit(limit: Option<Limit>) -> Option<String> {
    limit.map(|limit| limit.as_str().to_owned())
}

pub fn milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

/// Why the sandbox did not run a program.
pub fn refusal(error: SandboxError) -> Status {
    match error {
        SandboxError::Invalid(invalid) => {
            let details = ErrorDetails::with_bad_request_violation(&invalid.field, &invalid.problem);
            Status::with_error_details(Code::InvalidArgument, invalid.to_string(), details)
        }
        SandboxError::Busy { .. } => not_admitted(Refusal::Full(Duration::from_secs(2))),
        SandboxError::Draining => not_admitted(Refusal::Stopping),
        error => {
            tracing::error!(%error, "the sandbox failed");
            Status::internal(format!("the sandbox failed: {error}"))
        }
    }
}

/// Why a program was not admitted, and when to come again.
pub fn not_admitted(refusal: Refusal) -> Status {
    let (code, wait, message) = match refusal {
        Refusal::Full(wait) => (Code::ResourceExhausted, wait, "too many programs are waiting to run"),
        Refusal::StudentFull(wait) => (Code::ResourceExhausted, wait, "too many of your programs are waiting to run"),
        Refusal::TooLong(wait) => (Code::ResourceExhausted, wait, "programs wait too long to run now"),
        Refusal::Stopping => (Code::Unavailable, Duration::ZERO, "this instance is stopping"),
    };
    let seconds = wait.as_secs_f64().ceil().clamp(1.0, 30.0);
    let details = ErrorDetails::with_retry_info(Some(Duration::from_secs_f64(seconds)));
    Status::with_error_details(code, format!("{message}: try again in {seconds} s"), details)
}
