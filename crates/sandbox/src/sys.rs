//! The few system calls the standard library has no safe wrapper for. The only unsafe code of the
//! library.

#![allow(unsafe_code, reason = "each block says why it is sound")]

use std::fs::File;
use std::io::{Error, Result};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Makes the command inherit `descriptors` under their own numbers, enter the cgroups behind
/// `cgroup_procs`, and die with the thread that starts it.
///
/// The numbers are kept because moving them could overwrite the descriptor over which the standard
/// library reports a failed start.
pub(crate) fn prepare_child(command: &mut Command, descriptors: Vec<OwnedFd>, cgroup_procs: Vec<File>) {
    let enter = move || {
        for descriptor in &descriptors {
            // SAFETY: fcntl with F_SETFD takes an integer and touches no memory.
            check(unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_SETFD, 0) })?;
        }
        for procs in &cgroup_procs {
            // SAFETY: the buffer is one byte long, and so is the length.
            let written = unsafe { libc::write(procs.as_raw_fd(), b"0".as_ptr().cast(), 1) };
            if written != 1 {
                return Err(Error::last_os_error());
            }
        }
        // SAFETY: PR_SET_PDEATHSIG takes one integer.
        check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) })
    };
    // SAFETY: between fork and exec the closure only makes system calls that are safe after a fork
    // of a threaded process; it allocates nothing and takes no lock.
    unsafe { command.pre_exec(enter) };
}

/// A process that can be signalled without fear of hitting another one with the same number.
#[derive(Debug)]
pub(crate) struct ProcessHandle(OwnedFd);

impl ProcessHandle {
    /// The process must be known to exist, or this may open one that took its number.
    pub(crate) fn open(pid: u32) -> Result<Self> {
        // SAFETY: pidfd_open takes two integers and returns a new descriptor.
        let descriptor = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        let descriptor = i32::try_from(descriptor).map_err(Error::other)?;
        check(descriptor)?;
        // SAFETY: the kernel has just made this descriptor and nobody else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(descriptor) }))
    }

    pub(crate) fn kill(&self) -> Result<()> {
        let no_info = std::ptr::null::<libc::siginfo_t>();
        // SAFETY: a null siginfo is allowed and means that the kernel fills it in.
        let result =
            unsafe { libc::syscall(libc::SYS_pidfd_send_signal, self.0.as_raw_fd(), libc::SIGKILL, no_info, 0) };
        if result == 0 { Ok(()) } else { Err(Error::last_os_error()) }
    }
}

/// Whether this process runs as root.
pub(crate) fn is_root() -> bool {
    // SAFETY: geteuid takes nothing and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

fn check(result: libc::c_int) -> Result<()> {
    if result < 0 { Err(Error::last_os_error()) } else { Ok(()) }
}
