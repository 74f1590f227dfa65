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
    pub(crate) const LENGTH: usize = 24;
    const MAGIC: u32 = 0x4C46_0001;

    pub(crate) fn parse(record: &[u8; Self::LENGTH]) -> Option<Self> {
        let (magic, rest) = record.split_first_chunk()?;
        let (wait_status, rest) = rest.split_first_chunk()?;
        let (cpu, rest) = rest.split_first_chunk()?;
        let (peak, _) = rest.split_first_chunk()?;
        (u32::from_le_bytes(*magic) == Self::MAGIC).then(|| Self {
            wait_status: i32::from_le_bytes(*wait_status),
            cpu: Duration::from_micros(u64::from_le_bytes(*cpu)),
            peak_memory_kb: u64::from_le_bytes(*peak),
        })
    }
}

/// Status, exit code and signal. `None` if the jail was lost without a reason.
pub(crate) fn classify(
    ending: Ending,
    out_of_memory: bool,
    stderr: &str,
) -> Option<(Status, Option<i32>, Option<i32>)> {
    let report = match ending {
        Ending::Deadline => return Some((Status::Timeout, None, None)),
        Ending::Flood => return Some((Status::OutputExceeded, None, None)),
        Ending::Lost if out_of_memory => return Some((Status::MemoryExceeded, None, Some(libc::SIGKILL))),
        Ending::Lost => return None,
        Ending::Reported(report) => report,
    };
    if libc::WIFSIGNALED(report.wait_status) {
        let signal = libc::WTERMSIG(report.wait_status);
        let status = match signal {
            libc::SIGSYS => Status::Violation,
            libc::SIGKILL if out_of_memory => Status::MemoryExceeded,
            _ => Status::Signaled,
        };
        return Some((status, None, Some(signal)));
    }
    let code = libc::WEXITSTATUS(report.wait_status);
    let status = match code {
        0 => Status::Completed,
        1 if ends_in_memory_error(stderr) => Status::MemoryExceeded,
        _ => Status::RuntimeError,
    };
    Some((status, Some(code), None))
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

    fn reported(wait_status: i32) -> Ending {
        Ending::Reported(Report { wait_status, cpu: Duration::ZERO, peak_memory_kb: 0 })
    }

    /// FR-030: exit codes that look like signals are not, and only a real kill for memory is one.
    #[test]
    fn the_ending_decides_the_status() {
        let exit = |code: i32| reported(code << 8);
        assert_eq!(classify(exit(0), false, ""), Some((Status::Completed, Some(0), None)));
        assert_eq!(classify(exit(137), true, ""), Some((Status::RuntimeError, Some(137), None)));
        assert_eq!(classify(exit(1), false, "x\nMemoryError\n"), Some((Status::MemoryExceeded, Some(1), None)));
        assert_eq!(classify(exit(0), false, "MemoryError\n"), Some((Status::Completed, Some(0), None)));
        assert_eq!(classify(reported(9), false, ""), Some((Status::Signaled, None, Some(9))));
        assert_eq!(classify(reported(9), true, ""), Some((Status::MemoryExceeded, None, Some(9))));
        assert_eq!(classify(reported(11), true, ""), Some((Status::Signaled, None, Some(11))));
        assert_eq!(classify(reported(31), false, ""), Some((Status::Violation, None, Some(31))));
        assert_eq!(classify(Ending::Deadline, true, ""), Some((Status::Timeout, None, None)));
        assert_eq!(classify(Ending::Lost, false, ""), None);
    }

    #[test]
    fn a_record_with_another_magic_is_no_report() {
        assert_eq!(Report::parse(&[0; Report::LENGTH]), None);
    }
}
