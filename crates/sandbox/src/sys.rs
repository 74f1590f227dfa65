//! The few system calls the standard library has no safe wrapper for. The only unsafe code of the
//! library.

#![allow(unsafe_code, reason = "each block says why it is sound")]

use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::time::Duration;

/// Makes the command inherit `descriptors` under their own numbers, enter the cgroups behind
/// `cgroup_procs` and, if `leaves_network`, an empty network namespace, and die with the thread that
/// starts it.
///
/// The numbers are kept because moving them could overwrite the descriptor over which the standard
/// library reports a failed start.
pub(crate) fn prepare_child(
    command: &mut Command,
    descriptors: Vec<OwnedFd>,
    cgroup_procs: Vec<File>,
    leaves_network: bool,
) {
    let service = std::process::id();
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
        if leaves_network {
            leave_network()?;
        }
        // SAFETY: PR_SET_PDEATHSIG takes one integer.
        check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) })?;
        // Whoever was killed before that line sends no signal any more, and nobody would end the child.
        // SAFETY: getppid takes nothing and cannot fail.
        let parent = unsafe { libc::getppid() };
        if u32::try_from(parent) == Ok(service) { Ok(()) } else { Err(Error::from_raw_os_error(libc::ESRCH)) }
    };
    // SAFETY: between fork and exec the closure only makes system calls that are safe after a fork
    // of a threaded process; it allocates nothing and takes no lock.
    unsafe { command.pre_exec(enter) };
}

/// Enters a new network namespace, in which nothing is. It takes a privilege.
fn leave_network() -> Result<()> {
    // SAFETY: unshare takes one integer.
    check(unsafe { libc::unshare(libc::CLONE_NEWNET) })
}

/// Whether this process may enter a new network namespace without a user namespace.
pub(crate) fn may_leave_network() -> bool {
    // The namespace is the thread's, and ends with it.
    std::thread::spawn(|| leave_network().is_ok()).join().unwrap_or(false)
}

/// A connected pair of sockets that keep messages whole.
pub(crate) fn message_pair() -> Result<(OwnedFd, OwnedFd)> {
    let mut pair: [RawFd; 2] = [-1; 2];
    // SAFETY: the array has room for the two descriptors.
    check(unsafe { libc::socketpair(libc::AF_UNIX, libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC, 0, pair.as_mut_ptr()) })?;
    // SAFETY: the kernel has just made both descriptors and nobody else owns them.
    Ok(unsafe { (OwnedFd::from_raw_fd(pair[0]), OwnedFd::from_raw_fd(pair[1])) })
}

/// How many descriptors a message can carry.
const RIGHTS: usize = 4;

/// `struct cmsghdr` with its data, aligned and padded as the kernel wants it.
#[repr(C)]
struct Rights {
    header: libc::cmsghdr,
    descriptors: [RawFd; RIGHTS],
}

/// Sends one message that carries descriptors, without waiting.
pub(crate) fn send_descriptors(
    socket: BorrowedFd<'_>,
    message: &[u8],
    descriptors: [BorrowedFd<'_>; RIGHTS],
) -> Result<()> {
    let mut vector = libc::iovec { iov_base: message.as_ptr().cast_mut().cast(), iov_len: message.len() };
    let mut rights = Rights {
        header: libc::cmsghdr {
            cmsg_len: size_of::<Rights>(),
            cmsg_level: libc::SOL_SOCKET,
            cmsg_type: libc::SCM_RIGHTS,
        },
        descriptors: descriptors.map(|descriptor| descriptor.as_raw_fd()),
    };
    // SAFETY: all bytes zero is a valid msghdr: null pointers and zero lengths.
    let mut header: libc::msghdr = unsafe { zeroed() };
    header.msg_iov = &raw mut vector;
    header.msg_iovlen = 1;
    header.msg_control = (&raw mut rights).cast();
    header.msg_controllen = size_of::<Rights>();
    // SAFETY: the header points to the message and the rights, which outlive the call and are only read.
    let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const header, libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT) };
    if usize::try_from(sent) == Ok(message.len()) { Ok(()) } else { Err(Error::last_os_error()) }
}

/// Sends one message without waiting.
pub(crate) fn send(socket: BorrowedFd<'_>, message: &[u8]) -> Result<()> {
    // SAFETY: pointer and length are those of the message.
    let sent = unsafe {
        libc::send(socket.as_raw_fd(), message.as_ptr().cast(), message.len(), libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT)
    };
    if usize::try_from(sent) == Ok(message.len()) { Ok(()) } else { Err(Error::last_os_error()) }
}

/// Takes one message or what is in a stream, without waiting. Nothing if there is nothing; no bytes at its end.
pub(crate) fn receive<'a>(socket: BorrowedFd<'_>, space: &'a mut [u8]) -> Option<&'a [u8]> {
    // SAFETY: pointer and length are those of the space.
    let length = unsafe { libc::recv(socket.as_raw_fd(), space.as_mut_ptr().cast(), space.len(), libc::MSG_DONTWAIT) };
    match usize::try_from(length) {
        Ok(length) => Some(&space[..length]),
        Err(_) if Error::last_os_error().kind() == ErrorKind::WouldBlock => None,
        Err(_) => Some(&[]),
    }
}

/// Whether there is nothing to read from a socket now, and its other end is open.
pub(crate) fn is_quiet(socket: BorrowedFd<'_>) -> bool {
    let mut byte = 0_u8;
    let flags = libc::MSG_DONTWAIT | libc::MSG_PEEK;
    // SAFETY: the buffer is one byte long, and so is the length.
    let length = unsafe { libc::recv(socket.as_raw_fd(), (&raw mut byte).cast(), 1, flags) };
    length < 0 && Error::last_os_error().kind() == ErrorKind::WouldBlock
}

/// How many bytes of a pipe have not been read.
pub(crate) fn unread(pipe: BorrowedFd<'_>) -> usize {
    let mut bytes: libc::c_int = 0;
    // SAFETY: FIONREAD writes one integer to the address given.
    let result = unsafe { libc::ioctl(pipe.as_raw_fd(), libc::FIONREAD, &raw mut bytes) };
    if result == 0 { usize::try_from(bytes).unwrap_or(0) } else { 0 }
}

/// Makes reading and writing return at once.
pub(crate) fn set_nonblocking(descriptor: BorrowedFd<'_>) -> Result<()> {
    // SAFETY: F_GETFL takes nothing, F_SETFL an integer.
    let flags = unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_GETFL) };
    check(flags)?;
    // SAFETY: as above.
    check(unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_SETFL, flags | libc::O_NONBLOCK) })
}

/// Waits until one of the descriptors has something to read or is closed, or until the time is over.
/// Returns, for each, whether it has.
pub(crate) fn wait_readable(descriptors: &[BorrowedFd<'_>], limit: Option<Duration>) -> Vec<bool> {
    let mut wanted: Vec<libc::pollfd> = descriptors
        .iter()
        .map(|descriptor| libc::pollfd { fd: descriptor.as_raw_fd(), events: libc::POLLIN, revents: 0 })
        .collect();
    // Rounded up, or the last millisecond would be spent spinning.
    let limit = limit.map_or(-1, |limit| i32::try_from(limit.as_micros().div_ceil(1000)).unwrap_or(i32::MAX));
    // SAFETY: pointer and length are those of the vector.
    unsafe { libc::poll(wanted.as_mut_ptr(), wanted.len() as libc::nfds_t, limit) };
    wanted.iter().map(|found| found.revents != 0).collect()
}

/// Asks a child to end. It has not been waited for, so its number is still its own.
pub(crate) fn terminate(child: &Child) {
    if let Ok(pid) = libc::pid_t::try_from(child.id()) {
        // SAFETY: kill takes two integers.
        unsafe { libc::kill(pid, libc::SIGTERM) };
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
