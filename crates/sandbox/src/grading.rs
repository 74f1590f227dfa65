//! Running a program against test cases.
//!
//! Where a jail may start processes (with cgroups), all cases run in one jail: `harness.py` never
//! runs the student's code itself. It receives a case only when the one before is over, forks a child
//! for it, and passes on what the child gives back; the child holds neither the socket to the service
//! nor anything of other cases. Between cases every process is killed and `/tmp` emptied. A child can
//! kill or stop the harness, which ends its own case; the next case gets another jail.
//!
//! What the cases of one call share is what the same program could as well keep to itself: the hash seed
//! and the addresses of one interpreter.
//!
//! Without cgroups a jail may start two processes at most, so every case gets a jail of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{Instrument, Span};

use crate::cgroup::Mode;
use crate::control::{Note, lines_of};
use crate::error::SandboxError;
use crate::exchange::{Exchange, Failure, hear, until};
use crate::grade::{Case, CaseKind, CaseOutcome};
use crate::outcome::{Ending, Limit, Outcome, Report, Status, Verdict, classify};
use crate::pool::Pool;
use crate::program::{Limits, Program, Purpose, Stdin, with_length};

/// Jails tried in a row that run no case.
const TRIES: usize = 3;
/// How long the harness may take to start, to end a case that was stopped, or to clear up after one.
const HARNESS_LIMIT: Duration = Duration::from_secs(1);
/// Asks the harness to end its case.
const STOP: u8 = b'K';
/// The frame that says that a case is over, and how.
const DONE: u8 = b'D';

/// A program and where its cases run.
pub(crate) struct Grading<'a> {
    pool: &'a Arc<Pool>,
    program: Program,
    mode: Mode,
}

/// What came of a case.
struct Done {
    /// How its process ended, or why it was stopped.
    ending: Ending,
    /// What it gave back.
    result: Vec<u8>,
    /// Whether the jail can run another case.
    is_usable: bool,
}

impl Done {
    /// From the harness's frame: a report on the child as that of a jail, and what the child gave back.
    fn of(frame: &[u8]) -> Self {
        let (record, result) = frame.split_at(frame.len().min(Report::LENGTH));
        let report = Report::parse(record);
        Self {
            ending: report.map_or(Ending::Lost, Ending::Reported),
            result: result.to_vec(),
            is_usable: report.is_some(),
        }
    }

    fn without_jail(ending: Ending) -> Self {
        Self { ending, result: Vec::new(), is_usable: false }
    }
}

impl<'a> Grading<'a> {
    pub(crate) fn new(pool: &'a Arc<Pool>, program: &Program, mode: Mode) -> Self {
        Self { pool, program: Program { stdin: Stdin::default(), ..program.clone() }, mode }
    }

    /// Runs all cases, in their order.
    pub(crate) async fn all(&self, cases: &[Case]) -> Result<Vec<CaseOutcome>, SandboxError> {
        let mut outcomes = Vec::with_capacity(cases.len());
        let mut failures = 0;
        let end = self.program.total_time.map(|time| Instant::now() + time);
        while outcomes.len() < cases.len() {
            let before = outcomes.len();
            if end.is_some_and(|end| end <= Instant::now()) {
                outcomes.push(not_reached(&cases[before]));
                continue;
            }
            let result = if self.mode == Mode::NoCgroup {
                self.one(&cases[before], end).await.map(|outcome| outcomes.push(outcome))
            } else {
                self.some(&cases[before..], end, &mut outcomes).await
            };
            failures = if outcomes.len() > before { 0 } else { failures + 1 };
            match result {
                Ok(()) => {}
                Err(Failure::NotStarted(_)) if failures < TRIES => {}
                Err(failure) => return Err(failure.into()),
            }
        }
        Ok(outcomes)
    }

    async fn exchange(&self) -> Result<Exchange, Failure> {
        let taking = self.pool.take(self.program.wants_rich()).instrument(tracing::info_span!("hand_over"));
        let lease = taking.await.map_err(Failure::Broken)?;
        Exchange::new(lease, self.program.memory_limit_mb)
    }

    /// Runs one case in a jail of its own.
    async fn one(&self, case: &Case, end: Option<Instant>) -> Result<CaseOutcome, Failure> {
        let exchange = self.exchange().await?;
        let mut program = self.program.clone();
        program.time_limit = self.time(end);
        if let CaseKind::Program { stdin } = &case.kind {
            program.stdin = stdin.as_str().into();
        }
        let message = program.message(Purpose::Case(&case.message()), exchange.has_cgroup);
        let (outcome, result) = exchange.run(&program, &message, None, Span::none()).await?;
        Ok(self.complete(case, outcome, &result.unwrap_or_default()))
    }

    /// Runs as many of the cases as one jail can, at least one.
    async fn some(&self, cases: &[Case], end: Option<Instant>, outcomes: &mut Vec<CaseOutcome>) -> Result<(), Failure> {
        let mut exchange = self.exchange().await?;
        exchange.feed.close();
        exchange.feed.step().await;
        let message = self.program.message(Purpose::Cases, exchange.has_cgroup);
        let starting = async {
            exchange.writer.write_all(&message).await.ok()?;
            exchange.control.next().await.filter(|note| *note == Note::Started)
        };
        if timeout(HARNESS_LIMIT, starting).await.ok().flatten().is_none() {
            exchange.stderr.fill_now();
            return Err(Failure::NotStarted(exchange.reason()));
        }
        for case in cases {
            if !outcomes.is_empty() && end.is_some_and(|end| end <= Instant::now()) {
                break;
            }
            if let Some(cgroup) = exchange.lease.slot().and_then(|slot| slot.cgroup()) {
                cgroup.begin_jail();
            }
            let begun = Instant::now();
            let mut done = run(&mut exchange, case, self.time(end)).await;
            let duration = begun.elapsed();
            outcomes.push(self.judge(&mut exchange, case, &mut done, duration));
            if !done.is_usable {
                return Ok(());
            }
        }
        // It ends by itself when nobody can ask for more.
        drop(exchange.writer);
        Ok(())
    }

    /// What a case may take.
    fn time(&self, end: Option<Instant>) -> Duration {
        let left = end.map_or(self.program.time_limit, |end| end - Instant::now());
        left.min(self.program.time_limit)
    }

    /// Puts a case's outcome together.
    fn judge(&self, exchange: &mut Exchange, case: &Case, done: &mut Done, duration: Duration) -> CaseOutcome {
        exchange.stdout.fill_now();
        exchange.stderr.fill_now();
        let (stdout, stderr) = (exchange.stdout.finish(), exchange.stderr.finish());
        let ending = if stdout.overflowed || stderr.overflowed { Ending::Flood } else { done.ending };
        let out_of_memory =
            exchange.lease.slot().and_then(|slot| slot.cgroup()).is_some_and(|cgroup| cgroup.out_of_memory());
        let cpu_seconds = Limits::of(&self.program, exchange.has_cgroup).cpu_seconds;
        // A harness that is lost without a reason was ended by the case: nothing else could.
        let lost = Verdict { status: Status::Violation, exit_code: None, signal: Some(libc::SIGKILL), limit: None };
        let mut verdict = classify(ending, cpu_seconds, out_of_memory, &stderr.text).unwrap_or(lost);
        if !done.is_usable && matches!(verdict.status, Status::Completed | Status::RuntimeError) {
            verdict = lost;
        }
        if matches!(ending, Ending::Deadline | Ending::Flood) {
            exchange.lease.count_kill();
        }
        // The rest of a flood is still in the pipes.
        done.is_usable &= ending != Ending::Flood;
        let outcome = Outcome {
            status: verdict.status,
            exit_code: verdict.exit_code,
            signal: verdict.signal,
            limit: verdict.limit,
            stdout: stdout.text,
            stdout_truncated: stdout.truncated,
            stderr: stderr.text,
            stderr_truncated: stderr.truncated,
            duration,
            cpu: Duration::ZERO,
            peak_memory_kb: 0,
            lines: None,
        };
        self.complete(case, outcome, &done.result)
    }

    /// A case's outcome from that of its process and what it gave back.
    fn complete(&self, case: &Case, outcome: Outcome, result: &[u8]) -> CaseOutcome {
        let (lines, value) = split_result(result).unwrap_or_default();
        let is_call = matches!(case.kind, CaseKind::Call { .. });
        let has_ended_well = outcome.status == Status::Completed;
        let value = value.filter(|_| is_call && has_ended_well);
        // A program can leave with code 0 at any point, and then its function has not returned.
        let has_left = is_call && has_ended_well && value.is_none();
        let mut error = outcome.stderr;
        if has_left {
            error.push_str("the program ended before the call returned\n");
        }
        CaseOutcome {
            name: case.name.clone(),
            status: if has_left { Status::RuntimeError } else { outcome.status },
            limit: outcome.limit,
            exit_code: outcome.exit_code,
            signal: outcome.signal,
            value,
            stdout: outcome.stdout,
            stdout_truncated: outcome.stdout_truncated,
            error,
            duration: outcome.duration,
            lines: lines.filter(|_| self.program.coverage),
        }
    }
}

/// The outcome of a case for which there was no time.
fn not_reached(case: &Case) -> CaseOutcome {
    CaseOutcome {
        name: case.name.clone(),
        status: Status::Timeout,
        limit: Some(Limit::WallTime),
        exit_code: None,
        signal: None,
        value: None,
        stdout: String::new(),
        stdout_truncated: false,
        error: String::new(),
        duration: Duration::ZERO,
        lines: None,
    }
}

/// Has the harness run one case. An ending other than a report of it ends the jail.
async fn run(exchange: &mut Exchange, case: &Case, time: Duration) -> Done {
    let mut message = vec![0; 4];
    message.extend(case.message());
    let message = with_length(message);
    let deadline = Instant::now() + time;
    let Exchange { lease, control, writer, stdout, stderr, socket, .. } = exchange;
    let stopped = {
        let mut sending = std::pin::pin!(writer.write_all(&message));
        let mut sent = false;
        loop {
            let long = lease.long_at();
            tokio::select! {
                biased;
                note = control.next() => match note {
                    Some(Note::Frame(DONE, content)) => return Done::of(&content),
                    Some(_) => {}
                    None => break Ending::Lost,
                },
                () = sleep_until(deadline) => break Ending::Deadline,
                _ = &mut sending, if !sent => sent = true,
                () = until(long), if long.is_some() => lease.has_run_long(),
                () = stdout.fill(), if stdout.is_open() => {}
                () = stderr.fill(), if stderr.is_open() => {}
            }
            if stdout.overflowed() || stderr.overflowed() {
                break Ending::Flood;
            }
        }
    };
    if stopped == Ending::Lost {
        // The harness has ended: its first process says how.
        let report = timeout(HARNESS_LIMIT, hear(socket)).await.ok().flatten();
        return Done::without_jail(report.map_or(Ending::Lost, Ending::Reported));
    }
    let stopping = async {
        writer.write_all(&with_length(vec![0, 0, 0, 0, STOP])).await.ok()?;
        loop {
            if let Note::Frame(DONE, content) = control.next().await? {
                return Some(Done::of(&content));
            }
        }
    };
    match timeout(HARNESS_LIMIT, stopping).await {
        Ok(Some(done)) => Done { ending: stopped, ..done },
        _ => Done::without_jail(stopped),
    }
}

/// Takes apart what a case gave back: whether lines were noted, their bits with their length (u32) in
/// front, and the value's text, empty if there is none.
fn split_result(result: &[u8]) -> Option<(Option<Vec<u32>>, Option<String>)> {
    let (has_lines, rest) = result.split_first()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (bits, value) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    let lines = (*has_lines == 1).then(|| lines_of(bits));
    let value = std::str::from_utf8(value).ok().filter(|value| !value.is_empty());
    Some((lines, value.map(str::to_owned)))
}
