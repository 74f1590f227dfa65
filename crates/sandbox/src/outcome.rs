//! What a program did.

use std::time::Duration;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// It ended by itself with exit code 0. This says nothing about the answer being right.
    Completed,
    /// It ended by itself with another exit code, usually after an uncaught exception.
    RuntimeError,
    /// A signal ended it.
    Signaled,
    /// It was still running when its time was up.
    Timeout,
    /// It wanted more memory than allowed.
    MemoryExceeded,
    /// It wrote more than 64 KiB to standard output or standard error.
    OutputExceeded,
    /// It made a system call that only an attack makes.
    Violation,
}

impl Status {
    /// The name used in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::RuntimeError => "runtime_error",
            Self::Signaled => "signaled",
            Self::Timeout => "timeout",
            Self::MemoryExceeded => "memory_exceeded",
            Self::OutputExceeded => "output_exceeded",
            Self::Violation => "violation",
        }
    }
}

/// A limit that ended a run, or made it fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// The time on the clock.
    WallTime,
    /// The time on the processor.
    CpuTime,
    /// The memory of the jail or of a process.
    Memory,
    /// The bytes on standard output or standard error.
    Output,
    /// The number of processes and threads.
    Processes,
    /// The size of a file.
    FileSize,
}

impl Limit {
    /// The name used in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WallTime => "wall_time",
            Self::CpuTime => "cpu_time",
            Self::Memory => "memory",
            Self::Output => "output",
            Self::Processes => "processes",
            Self::FileSize => "file_size",
        }
    }
}

/// The result of one run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How it ended.
    pub status: Status,
    /// The exit code, if it ended by itself.
    pub exit_code: Option<i32>,
    /// The signal, if one ended it that the sandbox did not send.
    pub signal: Option<i32>,
    /// At most 64 KiB of standard output; bytes that are not UTF-8 are replaced.
    pub stdout: String,
    /// The same of standard error.
    pub stderr: String,
    /// Whether some of standard output is missing.
    pub stdout_truncated: bool,
    /// Whether some of standard error is missing.
    pub stderr_truncated: bool,
    /// Time on the clock from handing the program over to its end.
    pub duration: Duration,
    /// User and system time of all its processes, the interpreter's start included. Zero in the rare
    /// case that the jail could not report it.
    pub cpu: Duration,
    /// The most memory it held at a time: of the whole jail where there are cgroups, otherwise of
    /// its largest process. Zero when not known, as above.
    pub peak_memory_kb: u64,
    /// The limit that ended it, if one did.
    pub limit: Option<Limit>,
    /// The executed lines of `main.py` in ascending order, if they were asked for and could be told:
    /// a program that was stopped from outside tells nothing.
    pub lines: Option<Vec<u32>>,
}

/// Why a run was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The jail reported.
    Reported(Report),
    /// The jail ended without a report.
    Lost,
    Deadline,
    Flood,
}

/// The record that the jail's first process writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) wait_status: i32,
    pub(crate) cpu: Duration,
    pub(crate) peak_memory_kb: u64,
}

impl Report {
    pub(crate) const LENGTH: usize = 20;

    pub(crate) fn parse(record: &[u8]) -> Option<Self> {
        let (wait_status, rest) = record.split_first_chunk()?;
        let (cpu, rest) = rest.split_first_chunk()?;
        let peak = rest.try_into().ok()?;
        Some(Self {
            wait_status: i32::from_le_bytes(*wait_status),
            cpu: Duration::from_micros(u64::from_le_bytes(*cpu)),
            peak_memory_kb: u64::from_le_bytes(peak),
        })
    }
}

/// What a run's ending says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) status: Status,
    pub(crate) exit_code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) limit: Option<Limit>,
}

/// Status, exit code, signal and limit. `None` if the jail was lost without a reason.
pub(crate) fn classify(ending: Ending, cpu_seconds: u32, out_of_memory: bool, stderr: &str) -> Option<Verdict> {
    let verdict = |status, exit_code, signal, limit| Some(Verdict { status, exit_code, signal, limit });
    let killed = Some(libc::SIGKILL);
    let report = match ending {
        Ending::Deadline => return verdict(Status::Timeout, None, None, Some(Limit::WallTime)),
        Ending::Flood => return verdict(Status::OutputExceeded, None, None, Some(Limit::Output)),
        Ending::Lost if out_of_memory => return verdict(Status::MemoryExceeded, None, killed, Some(Limit::Memory)),
        Ending::Lost => return None,
        Ending::Reported(report) => report,
    };
    if libc::WIFSIGNALED(report.wait_status) {
        let signal = libc::WTERMSIG(report.wait_status);
        // The program can send itself these signals as well, and then it is the program's own doing.
        // (The kernel's limit counts by ticks and the report by the clock: they differ by some tenths.)
        let is_out_of_time = report.cpu.as_secs_f64() > 0.6 * f64::from(cpu_seconds);
        let (status, limit) = match signal {
            libc::SIGSYS => (Status::Violation, None),
            libc::SIGKILL if out_of_memory => (Status::MemoryExceeded, Some(Limit::Memory)),
            libc::SIGXCPU | libc::SIGKILL if is_out_of_time => (Status::Timeout, Some(Limit::CpuTime)),
            libc::SIGXFSZ => (Status::Signaled, Some(Limit::FileSize)),
            _ => (Status::Signaled, None),
        };
        return verdict(status, None, Some(signal), limit);
    }
    let code = libc::WEXITSTATUS(report.wait_status);
    let (status, limit) = match code {
        0 => (Status::Completed, None),
        1 if ends_in_memory_error(stderr) => (Status::MemoryExceeded, Some(Limit::Memory)),
        _ => (Status::RuntimeError, limit_of_error(stderr)),
    };
    verdict(status, Some(code), None, limit)
}

/// The limit behind the error that ended a program, from the last line of standard error.
fn limit_of_error(stderr: &str) -> Option<Limit> {
    let last = stderr.trim_end().lines().next_back().unwrap_or_default();
    let starts = |beginnings: &[&str]| beginnings.iter().any(|beginning| last.starts_with(beginning));
    if starts(&["RuntimeError: can't start new thread", "BlockingIOError: [Errno 11]"]) {
        Some(Limit::Processes)
    } else if starts(&["OSError: [Errno 27]", "OSError: [Errno 28]"]) {
        Some(Limit::FileSize)
    } else {
        None
    }
}

/// Whether the last thing on standard error is an uncaught `MemoryError`. A program can print that
/// itself, and then only changes the name of its own failure.
fn ends_in_memory_error(stderr: &str) -> bool {
    let last = stderr.trim_end().lines().next_back().unwrap_or_default();
    last == "MemoryError" || last.starts_with("MemoryError:")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(wait_status: i32, seconds: u64) -> Ending {
        Ending::Reported(Report { wait_status, cpu: Duration::from_secs(seconds), peak_memory_kb: 0 })
    }

    type Found = (Status, Option<i32>, Option<i32>, Option<Limit>);

    fn found(ending: Ending, out_of_memory: bool, stderr: &str) -> Option<Found> {
        classify(ending, 6, out_of_memory, stderr)
            .map(|verdict| (verdict.status, verdict.exit_code, verdict.signal, verdict.limit))
    }

    /// FR-030: exit codes that look like signals are not, only a real kill for memory is one, and the
    /// limit is named.
    #[test]
    fn the_ending_decides_the_status() {
        use Status::{Completed, MemoryExceeded, RuntimeError, Signaled, Timeout, Violation};
        let exit = |code: i32| reported(code << 8, 0);
        let memory = Some(Limit::Memory);
        assert_eq!(found(exit(0), false, ""), Some((Completed, Some(0), None, None)));
        assert_eq!(found(exit(137), true, ""), Some((RuntimeError, Some(137), None, None)));
        assert_eq!(found(exit(1), false, "x\nMemoryError\n"), Some((MemoryExceeded, Some(1), None, memory)));
        assert_eq!(found(exit(0), false, "MemoryError\n"), Some((Completed, Some(0), None, None)));
        let threads = "x\nRuntimeError: can't start new thread\n";
        assert_eq!(found(exit(1), false, threads), Some((RuntimeError, Some(1), None, Some(Limit::Processes))));
        let file = "OSError: [Errno 28] No space left on device\n";
        assert_eq!(found(exit(1), false, file), Some((RuntimeError, Some(1), None, Some(Limit::FileSize))));
        assert_eq!(found(reported(9, 0), false, ""), Some((Signaled, None, Some(9), None)));
        assert_eq!(found(reported(9, 0), true, ""), Some((MemoryExceeded, None, Some(9), memory)));
        assert_eq!(found(reported(9, 7), false, ""), Some((Timeout, None, Some(9), Some(Limit::CpuTime))));
        assert_eq!(found(reported(24, 6), false, ""), Some((Timeout, None, Some(24), Some(Limit::CpuTime))));
        assert_eq!(found(reported(24, 0), false, ""), Some((Signaled, None, Some(24), None)));
        assert_eq!(found(reported(11, 0), true, ""), Some((Signaled, None, Some(11), None)));
        assert_eq!(found(reported(31, 0), false, ""), Some((Violation, None, Some(31), None)));
        assert_eq!(found(Ending::Deadline, true, ""), Some((Timeout, None, None, Some(Limit::WallTime))));
        assert_eq!(found(Ending::Lost, true, ""), Some((MemoryExceeded, None, Some(9), memory)));
        assert_eq!(found(Ending::Lost, false, ""), None);
    }
    #[test]
    fn a_record_of_another_length_is_no_report() {
        assert_eq!(Report::parse(&[0; Report::LENGTH + 1]), None);
        assert_eq!(Report::parse(&[0; Report::LENGTH - 1]), None);
        assert!(Report::parse(&[0; Report::LENGTH]).is_some());
    }
}
