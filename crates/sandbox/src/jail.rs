//! One jail: a process of nsjail with a first process and an interpreter inside.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Child;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;

use crate::cgroup::{Cgroups, RunCgroup};
use crate::error::SandboxError;
use crate::image::JailImage;
use crate::sys::{self, ProcessHandle};

/// How long a supervisor may take to follow its jail before it is killed as well.
const GRACE: Duration = Duration::from_secs(2);
/// When to give up on a jail that cannot be cleared away.
const HOPELESS: Duration = Duration::from_secs(30);
/// How long a jail may take to become ready; a cold one on a busy machine needs tens of milliseconds.
pub(crate) const START_LIMIT: Duration = Duration::from_secs(10);
/// What the interpreter says when it is ready for a program.
pub(crate) const READY: u8 = b'R';
const MAX_LOG: u64 = 8 * 1024;

/// The host's ends of a jail's descriptors.
#[derive(Debug)]
pub(crate) struct Ends {
    pub(crate) control: UnixStream,
    pub(crate) stdin: OwnedFd,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
    pub(crate) status: OwnedFd,
}

/// A jail that waits for its program or runs it. Dropping it ends all its processes at once; what
/// remains of it is collected in the background.
#[derive(Debug)]
pub(crate) struct Jail {
    remains: Option<Remains>,
    ends: Option<Ends>,
    log: io::PipeReader,
    collector: mpsc::Sender<Remains>,
}

/// What there is to clear away after a jail.
#[derive(Debug)]
pub(crate) struct Remains {
    supervisor: Child,
    cgroup: Option<RunCgroup>,
    killed_at: Instant,
    /// Given back when the jail is really gone.
    _slot: Option<OwnedSemaphorePermit>,
}

impl Jail {
    /// Starts a jail. Blocks for the time of a fork; the calling thread has to outlive the jail.
    pub(crate) fn start(
        image: &JailImage,
        cgroups: &Cgroups,
        slot: Option<OwnedSemaphorePermit>,
        collector: mpsc::Sender<Remains>,
    ) -> Result<Self, SandboxError> {
        let cgroup = cgroups.create().map_err(SandboxError::host("make a cgroup"))?;
        let (control, control_inside) = UnixStream::pair().map_err(SandboxError::host("make a socket pair"))?;
        let pipe = || io::pipe().map_err(SandboxError::host("make a pipe"));
        let ((stdin_inside, stdin), (stdout, stdout_inside)) = (pipe()?, pipe()?);
        let ((stderr, stderr_inside), (status, status_inside)) = (pipe()?, pipe()?);
        let (log, log_inside) = pipe()?;

        let [control_fd, status_fd, log_fd] =
            [control_inside.as_raw_fd(), status_inside.as_raw_fd(), log_inside.as_raw_fd()];
        let mut command = image.command(control_fd, status_fd, log_fd, cgroup.is_some());
        command.stdin(stdin_inside).stdout(stdout_inside).stderr(stderr_inside).process_group(0);
        let entrances = cgroup.as_ref().map_or(Ok(Vec::new()), RunCgroup::entrances);
        sys::prepare_child(
            &mut command,
            vec![control_inside.into(), status_inside.into(), log_inside.into()],
            entrances.map_err(SandboxError::host("open a cgroup"))?,
        );
        let supervisor = command.spawn().map_err(SandboxError::host("start nsjail"))?;

        let ends =
            Ends { control, stdin: stdin.into(), stdout: stdout.into(), stderr: stderr.into(), status: status.into() };
        let remains = Remains { supervisor, cgroup, killed_at: Instant::now(), _slot: slot };
        Ok(Self { remains: Some(remains), ends: Some(ends), log, collector })
    }

    /// Hands out the host's ends, once.
    pub(crate) fn take_ends(&mut self) -> Option<Ends> {
        self.ends.take()
    }

    pub(crate) fn cgroup(&self) -> Option<&RunCgroup> {
        self.remains.as_ref()?.cgroup.as_ref()
    }

    /// Waits, blocking, until the jail is ready, and ends it.
    pub(crate) fn check(mut self) -> Result<(), SandboxError> {
        let mut byte = [0];
        let ends = self.take_ends();
        let ready = ends.as_ref().is_some_and(|Ends { control, .. }| {
            control.set_read_timeout(Some(START_LIMIT)).and_then(|()| (&*control).read_exact(&mut byte)).is_ok()
        });
        if ready && byte[0] == READY {
            return Ok(());
        }
        let mut said = self.log();
        if let Some(ends) = ends {
            let _ = File::from(ends.stderr).take(MAX_LOG).read_to_string(&mut said);
        }
        Err(SandboxError::Start(said))
    }

    /// Ends the jail, if it has not ended, and returns what nsjail said about it.
    pub(crate) fn log(&mut self) -> String {
        self.kill();
        if let Some(remains) = &mut self.remains {
            remains.wait();
        }
        let mut log = Vec::new();
        let _ = (&mut self.log).take(MAX_LOG).read_to_end(&mut log);
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Ends the program alone: the jail's first process clears up after it and reports.
    pub(crate) fn kill_program(&self) {
        let first = self.remains.as_ref().and_then(|remains| first_child(remains.supervisor.id()));
        if let Some((_, program)) = first.and_then(|(pid, _)| first_child(pid)) {
            // It may have ended by itself in this moment.
            let _ = program.kill();
        }
    }

    /// Ends every process of the jail. Its supervisor follows by itself once it has collected them:
    /// killed first, it would leave them to whatever process is the machine's or the pod's first.
    pub(crate) fn kill(&mut self) {
        let Some(remains) = &mut self.remains else { return };
        let killed = first_child(remains.supervisor.id()).is_some_and(|(_, first)| first.kill().is_ok());
        if !killed {
            let _ = remains.supervisor.kill();
        }
    }
}

/// The first child of a process: of a supervisor the jail's first process, of that the interpreter.
fn first_child(parent: u32) -> Option<(u32, ProcessHandle)> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let child = || std::fs::read_to_string(&path).ok()?.split_whitespace().next()?.parse().ok();
    let pid = child()?;
    let handle = ProcessHandle::open(pid).ok()?;
    // Still its child, so the number did not go to another process in between.
    (child() == Some(pid)).then_some((pid, handle))
}

impl Drop for Jail {
    fn drop(&mut self) {
        self.kill();
        if let Some(mut remains) = self.remains.take() {
            remains.killed_at = Instant::now();
            // Without a collector, the drops inside do what can be done at once.
            let _ = self.collector.send(remains);
        }
    }
}

impl Remains {
    /// Waits, blocking, until the killed jail's supervisor has ended.
    fn wait(&mut self) {
        let begun = Instant::now();
        while begun.elapsed() < GRACE && matches!(self.supervisor.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let _ = self.supervisor.kill();
        let _ = self.supervisor.wait();
    }

    /// Clears away what can be cleared away now; true when nothing is left.
    pub(crate) fn collect(&mut self) -> bool {
        if self.killed_at.elapsed() > HOPELESS {
            tracing::error!(supervisor = self.supervisor.id(), "a killed jail does not go away");
            return true;
        }
        match self.supervisor.try_wait() {
            Ok(None) => {
                if self.killed_at.elapsed() > GRACE {
                    let _ = self.supervisor.kill();
                }
                false
            }
            Ok(Some(_)) | Err(_) => self.cgroup.as_ref().is_none_or(RunCgroup::remove),
        }
    }
}
