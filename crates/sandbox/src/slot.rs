//! A place where one jail is made after the other: a process of nsjail, its cgroup, and the socket
//! to the jails' first processes.

use std::fs::File;
use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::cgroup::{Cgroups, RunCgroup, Share};
use crate::error::SandboxError;
use crate::image::JailImage;
use crate::outcome::Report;
use crate::program::Limits;
use crate::sys;

/// How long a supervisor may take to end itself and its jail before it is killed.
const GRACE: Duration = Duration::from_secs(2);
/// When to give up on a supervisor that cannot be cleared away.
const HOPELESS: Duration = Duration::from_secs(30);
const MAX_LOG: usize = 8 * 1024;

/// Ends the jail's processes, so that its first process reports.
const KILL: &[u8] = b"K";
/// Makes the jail's processes step back behind others.
const STEP_BACK: &[u8] = b"N";
/// Ends the jail.
const END: &[u8] = b"X";
/// A new jail is there.
const HELLO: u8 = b'H';
const REPORT: u8 = b'R';
/// The longest message of a jail's first process, and one byte more.
const MESSAGE: usize = 1 + Report::LENGTH + 1;

/// The host's ends of an interpreter's descriptors.
#[derive(Debug)]
pub(crate) struct Ends {
    pub(crate) control: UnixStream,
    pub(crate) stdin: OwnedFd,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
}

/// What a jail's first process says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// A jail is there and waits to be begun.
    Hello,
    /// The interpreter has ended, and everything else in the jail.
    Report(Report),
    /// The supervisor has ended, or something else is wrong.
    Nonsense,
}

impl Said {
    pub(crate) fn parse(message: &[u8]) -> Self {
        match message.split_first() {
            Some((&HELLO, [])) => Self::Hello,
            Some((&REPORT, record)) => Report::parse(record).map_or(Self::Nonsense, Self::Report),
            _ => Self::Nonsense,
        }
    }
}

/// See the module. Dropping it asks the supervisor to end; [`Remains`] waits for that.
#[derive(Debug)]
pub(crate) struct Slot {
    remains: Option<Remains>,
    socket: OwnedFd,
    log: PipeReader,
    memory_limit: u64,
    share: Share,
    /// Jails begun so far.
    pub(crate) jails: u32,
}

/// What there is to clear away after a slot.
#[derive(Debug)]
pub(crate) struct Remains {
    supervisor: Child,
    cgroup: Option<RunCgroup>,
    ended_at: Instant,
}

impl Slot {
    /// Starts a supervisor, which makes its first jail at once. Blocks for the time of a fork; the
    /// calling thread has to outlive the slot.
    pub(crate) fn start(image: &JailImage, cgroups: &Cgroups) -> Result<Self, SandboxError> {
        let cgroup = cgroups.create().map_err(SandboxError::host("make a cgroup"))?;
        let (socket, inside) = sys::message_pair().map_err(SandboxError::host("make a socket pair"))?;
        let (log, log_inside) = io::pipe().map_err(SandboxError::host("make a pipe"))?;
        // A supervisor that has much to say must not wait until somebody listens.
        sys::set_nonblocking(log_inside.as_fd()).map_err(SandboxError::host("set up a pipe"))?;
        sys::set_nonblocking(log.as_fd()).map_err(SandboxError::host("set up a pipe"))?;

        sys::set_nonblocking(socket.as_fd()).map_err(SandboxError::host("set up a socket"))?;

        let mut command = image.command(inside.as_raw_fd(), log_inside.as_raw_fd(), cgroup.is_some());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let entrances = cgroup.as_ref().map_or(Ok(Vec::new()), RunCgroup::entrances);
        let entrances = entrances.map_err(SandboxError::host("open a cgroup"))?;
        sys::prepare_child(&mut command, vec![inside, log_inside.into()], entrances, image.leaves_network);
        let supervisor = command.spawn().map_err(SandboxError::host("start nsjail"))?;
        let remains = Remains { supervisor, cgroup, ended_at: Instant::now() };
        Ok(Self { remains: Some(remains), socket, log, memory_limit: 0, share: Share::Full, jails: 0 })
    }

    /// Starts the interpreter of the jail that has just said hello.
    pub(crate) fn begin(&mut self, limits: &Limits) -> Result<Ends, SandboxError> {
        let (control, control_inside) = UnixStream::pair().map_err(SandboxError::host("make a socket pair"))?;
        let pipe = || io::pipe().map_err(SandboxError::host("make a pipe"));
        let ((stdin_inside, stdin), (stdout, stdout_inside), (stderr, stderr_inside)) = (pipe()?, pipe()?, pipe()?);
        for end in [control.as_fd(), stdin.as_fd(), stdout.as_fd(), stderr.as_fd()] {
            sys::set_nonblocking(end).map_err(SandboxError::host("set up a pipe"))?;
        }
        let mut message = vec![b'G'];
        message.extend(limits.to_bytes());
        let inside = [stdin_inside.as_fd(), stdout_inside.as_fd(), stderr_inside.as_fd(), control_inside.as_fd()];
        sys::send_descriptors(self.socket.as_fd(), &message, inside)
            .map_err(SandboxError::host("send a jail its descriptors"))?;
        self.jails += 1;
        Ok(Ends { control, stdin: stdin.into(), stdout: stdout.into(), stderr: stderr.into() })
    }

    /// The socket to the first process, to wait on.
    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// A copy of the socket's descriptor.
    pub(crate) fn socket_copy(&self) -> io::Result<OwnedFd> {
        self.socket.try_clone()
    }

    /// What the first process says, without waiting.
    pub(crate) fn said(&self) -> Option<Said> {
        let mut space = [0; MESSAGE];
        let message = sys::receive(self.socket.as_fd(), &mut space)?;
        Some(Said::parse(message))
    }

    /// Ends all processes of the jail but the first, which reports.
    pub(crate) fn kill_program(&self) {
        // If the jail is gone already, so is the program.
        let _ = sys::send(self.socket.as_fd(), KILL);
    }

    /// Ends the jail; the supervisor makes the next one.
    pub(crate) fn end_jail(&self) -> bool {
        sys::send(self.socket.as_fd(), END).is_ok()
    }

    pub(crate) fn cgroup(&mut self) -> Option<&mut RunCgroup> {
        self.remains.as_mut()?.cgroup.as_mut()
    }

    /// Sets what the jail's processes may hold together, in bytes. Nothing happens without a cgroup.
    pub(crate) fn limit_memory(&mut self, bytes: u64) -> Result<(), SandboxError> {
        if self.memory_limit != bytes
            && let Some(cgroup) = self.cgroup()
        {
            cgroup.limit_memory(bytes).map_err(SandboxError::host("limit a cgroup's memory"))?;
            self.memory_limit = bytes;
        }
        Ok(())
    }

    /// Sets what the jail gets of busy processors, where there are cgroups for that.
    pub(crate) fn share(&mut self, share: Share) {
        if self.share != share
            && let Some(cgroup) = self.cgroup()
        {
            cgroup.share(share);
            self.share = share;
        }
    }

    /// Lets the program run behind others, whatever there is to limit resources.
    pub(crate) fn step_back(&mut self) {
        if self.cgroup().is_some() {
            self.share(Share::Small);
        } else {
            // If the jail is gone already, so is the program.
            let _ = sys::send(self.socket.as_fd(), STEP_BACK);
        }
    }

    /// What nsjail has said.
    pub(crate) fn log(&mut self) -> String {
        let mut log = vec![0; MAX_LOG];
        let length = self.log.read(&mut log).unwrap_or(0);
        String::from_utf8_lossy(&log[..length]).into_owned()
    }

    /// Asks the supervisor to end its jail and itself.
    pub(crate) fn end(mut self) -> Option<Remains> {
        let mut remains = self.remains.take()?;
        remains.ended_at = Instant::now();
        sys::terminate(&remains.supervisor);
        Some(remains)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(remains) = &mut self.remains {
            sys::terminate(&remains.supervisor);
            while !remains.collect() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

impl Remains {
    /// Clears away what can be cleared away now; true when nothing is left.
    pub(crate) fn collect(&mut self) -> bool {
        if self.ended_at.elapsed() > HOPELESS {
            tracing::error!(supervisor = self.supervisor.id(), "a jail does not go away");
            return true;
        }
        match self.supervisor.try_wait() {
            Ok(None) => {
                if self.ended_at.elapsed() > GRACE {
                    let _ = self.supervisor.kill();
                }
                false
            }
            Ok(Some(_)) | Err(_) => self.cgroup.as_ref().is_none_or(RunCgroup::remove),
        }
    }
}

/// Everything that is in a pipe now, up to a few kilobytes.
pub(crate) fn drain(pipe: OwnedFd) -> String {
    let mut bytes = vec![0; MAX_LOG];
    let length = File::from(pipe).read(&mut bytes).unwrap_or(0);
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}
