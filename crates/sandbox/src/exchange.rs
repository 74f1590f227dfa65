//! The conversation with one jail: hand the program over, collect what comes, stop the clock.

use std::io;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::time::timeout;

use crate::cgroup::RunCgroup;
use crate::error::SandboxError;
use crate::jail::{Jail, READY, START_LIMIT};
use crate::outcome::{Ending, Outcome, Report, classify};
use crate::output::{Captured, Output};
use crate::program::{Limits, Program};

/// What the interpreter says when its limits are set and the program comes next.
const STARTED: u8 = b'S';
/// How long a jail may take to report on a program that was stopped. It is killed after that.
const REPORT_LIMIT: Duration = Duration::from_millis(100);
const MIB: u64 = 1 << 20;

/// Private memory a program may have below what the jail as a whole may have. The rest holds the
/// supervisor, the first process, page tables and the interpreter's own pages, so that a program
/// meets a readable `MemoryError` before the kernel kills it.
const DATA_MARGIN: u64 = 4 * MIB;
const DATA_RESERVE: u64 = MIB;
/// Where no cgroup counts shared memory, the address space is limited: private memory, the
/// interpreter's mapped files, and threads' stacks.
const ADDRESS_SPACE_MARGIN: u64 = 48 * MIB;

/// A jail whose interpreter waits for a program.
#[derive(Debug)]
pub(crate) struct ReadyJail {
    jail: Jail,
    control: UnixStream,
    stdin: Sender,
    stdout: Output,
    stderr: Output,
    status: Receiver,
}

impl ReadyJail {
    /// Waits until the jail is ready.
    pub(crate) async fn wait(mut jail: Jail) -> Result<Self, SandboxError> {
        let ends = jail.take_ends().ok_or_else(|| SandboxError::Start("the jail was used before".to_owned()))?;
        let mut control = into_async(ends.control).map_err(SandboxError::host("watch a socket"))?;
        let mut byte = [0];
        let ready = timeout(START_LIMIT, control.read_exact(&mut byte)).await;
        if !matches!(ready, Ok(Ok(_)) if byte[0] == READY) {
            let stderr = Output::new(ends.stderr).map_err(SandboxError::host("watch a pipe"))?;
            return Err(SandboxError::Start(reason(jail, stderr)));
        }
        let watch = || -> io::Result<_> {
            Ok((
                Sender::from_owned_fd(ends.stdin)?,
                Output::new(ends.stdout)?,
                Output::new(ends.stderr)?,
                Receiver::from_owned_fd(ends.status)?,
            ))
        };
        let (stdin, stdout, stderr, status) = watch().map_err(SandboxError::host("watch a pipe"))?;
        Ok(Self { jail, control, stdin, stdout, stderr, status })
    }

    /// Runs the program and ends the jail.
    pub(crate) async fn run(self, program: &Program) -> Result<Outcome, SandboxError> {
        let Self { mut jail, mut control, stdin, mut stdout, mut stderr, status } = self;
        let memory = u64::from(program.memory_limit_mb) * MIB;
        if let Some(cgroup) = jail.cgroup() {
            cgroup.limit_memory(memory).map_err(SandboxError::host("limit a cgroup's memory"))?;
        }
        let message = program.message(&limits(program, memory, jail.cgroup().is_some()));

        let submitted = Instant::now();
        let mut handover = std::pin::pin!(hand_over(&mut control, &message));
        let mut feeding = std::pin::pin!(feed(stdin, &program.stdin));
        let mut reporting = std::pin::pin!(read_report(status));
        let mut deadline = std::pin::pin!(tokio::time::sleep_until((submitted + program.time_limit).into()));
        let (mut started, mut handed_over, mut fed) = (false, false, false);
        let ending = loop {
            tokio::select! {
                biased;
                report = &mut reporting => break report.map_or(Ending::Lost, Ending::Reported),
                () = &mut deadline => break Ending::Deadline,
                result = &mut handover, if !handed_over => (handed_over, started) = (true, result.is_ok()),
                () = &mut feeding, if !fed => fed = true,
                () = stdout.fill(), if stdout.is_open() => {}
                () = stderr.fill(), if stderr.is_open() => {}
            }
            if stdout.overflowed() || stderr.overflowed() {
                break Ending::Flood;
            }
        };
        let duration = submitted.elapsed();
        let report = match ending {
            Ending::Reported(report) => Some(report),
            Ending::Lost => None,
            Ending::Deadline | Ending::Flood => {
                jail.kill_program();
                timeout(REPORT_LIMIT, reporting).await.ok().flatten()
            }
        };
        jail.kill();
        let over = matches!(ending, Ending::Reported(_) | Ending::Lost);
        if over && !handed_over {
            // It may have been too quick for the order in which things are looked at above.
            started = timeout(Duration::from_secs(1), handover).await.is_ok_and(|result| result.is_ok());
        }
        if over && !started {
            return Err(SandboxError::Start(reason(jail, stderr)));
        }
        conclude(jail, ending, report, duration, stdout.finish(), stderr.finish())
    }
}

/// Puts the outcome together.
fn conclude(
    mut jail: Jail,
    ending: Ending,
    report: Option<Report>,
    duration: Duration,
    stdout: Captured,
    stderr: Captured,
) -> Result<Outcome, SandboxError> {
    let ending = if stdout.overflowed || stderr.overflowed { Ending::Flood } else { ending };
    let out_of_memory = jail.cgroup().is_some_and(RunCgroup::out_of_memory);
    let Some((status, exit_code, signal)) = classify(ending, out_of_memory, &stderr.text) else {
        return Err(SandboxError::Lost(jail.log()));
    };
    let peak_of_jail = jail.cgroup().and_then(RunCgroup::peak_memory).map(|bytes| bytes / 1024);
    Ok(Outcome {
        status,
        exit_code,
        signal,
        stdout: stdout.text,
        stderr: stderr.text,
        stdout_truncated: stdout.truncated,
        stderr_truncated: stderr.truncated,
        duration,
        cpu: report.map_or(Duration::ZERO, |report| report.cpu),
        peak_memory_kb: peak_of_jail.or(report.map(|report| report.peak_memory_kb)).unwrap_or(0),
    })
}

fn limits(program: &Program, memory: u64, has_cgroup: bool) -> Limits {
    Limits {
        cpu_seconds: program.time_limit.as_secs() + 2,
        data: memory - DATA_MARGIN,
        data_reserve: DATA_RESERVE,
        address_space: if has_cgroup { 0 } else { memory + ADDRESS_SPACE_MARGIN },
    }
}

/// Sends the program and waits until the jail has taken it and set its limits.
async fn hand_over(control: &mut UnixStream, message: &[u8]) -> io::Result<()> {
    control.write_all(message).await?;
    match control.read_u8().await? {
        STARTED => Ok(()),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Writes standard input and closes it. A program need not read it.
async fn feed(mut stdin: Sender, bytes: &[u8]) {
    let _ = stdin.write_all(bytes).await;
}

async fn read_report(mut status: Receiver) -> Option<Report> {
    let mut record = [0; Report::LENGTH];
    status.read_exact(&mut record).await.ok()?;
    Report::parse(&record)
}

/// Why a jail did not run its program, from nsjail's log and what came out of the interpreter.
fn reason(mut jail: Jail, stderr: Output) -> String {
    let log = jail.log();
    format!("{log}{}", stderr.finish().text)
}

fn into_async(stream: std::os::unix::net::UnixStream) -> io::Result<UnixStream> {
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}
