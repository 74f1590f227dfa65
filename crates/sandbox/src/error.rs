use std::io;
use std::path::PathBuf;

use crate::program::InvalidProgram;

/// Why a sandbox could not be set up, or a program not be run. What the program itself does wrong
/// is never an error: see [`Status`](crate::Status).
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The program breaks a rule about its size, names or limits.
    #[error(transparent)]
    Invalid(#[from] InvalidProgram),
    /// As many programs as allowed are running and waiting: try again later.
    #[error("{running} programs are running and {waiting} are waiting: try again later")]
    Busy {
        /// Programs that run at the same time.
        running: usize,
        /// Places in the queue, all taken.
        waiting: usize,
    },
    /// The sandbox takes no more programs: the service is stopping.
    #[error("the sandbox takes no more programs: ask another instance")]
    Draining,
    /// nsjail is not where the configuration says.
    #[error("no nsjail at {}: install it or set NSJAIL", .0.display())]
    NoNsjail(PathBuf),
    /// The interpreter does not start or does not say where its files are.
    #[error("cannot use {} as the interpreter: {reason}", path.display())]
    Python {
        /// The configured interpreter.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// The jails' files could not be written.
    #[error("cannot prepare the jails' files in {}: {source}", path.display())]
    Prepare {
        /// The runtime directory.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A jail did not come up. Usually the runtime forbids a system call that nsjail needs.
    #[error("the jail did not start: {0}")]
    Start(String),
    /// The jail ended without a report although nothing in it explains that.
    #[error("the jail ended without a report: {0}")]
    Lost(String),
    /// Descriptors, threads or processes ran out on the host.
    #[error("cannot {action}: {source}")]
    Host {
        /// What was tried.
        action: &'static str,
        /// The system's answer.
        source: io::Error,
    },
}

impl SandboxError {
    pub(crate) fn host(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Host { action, source }
    }
}
