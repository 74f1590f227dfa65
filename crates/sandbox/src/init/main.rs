//! The first process of a jail (PID 1 in its PID namespace).
//!
//! It announces itself to the service, receives the interpreter's descriptors and limits, starts the
//! interpreter, waits for it, ends everything else that still lives in the jail and reports what
//! happened. It is compiled by `build.rs` into a static executable of its own; it is not part of the
//! library.
//!
//! ```text
//! init SERVICE_FD counted|uncounted PROGRAM [ARGUMENT ...]
//! ```
//!
//! `counted` says that something counts the processes of the jail and the memory they have together. Where nothing
//! does, this process decides which are started (`filter`).
//!
//! `SERVICE_FD` is a socket of whole messages, which no other process of the jail holds:
//!
//! | from | message | |
//! |---|---|---|
//! | init | `H` | the jail is there |
//! | service | `G`, three limits, four descriptors | start the interpreter |
//! | service | `N` | let the program's processes step back behind others |
//! | service | `K` | end every process but this one, and report |
//! | init | `R` and the report | the interpreter has ended, and nothing else is left |
//! | service | `X`, or the end of the socket | end the jail |
//!
//! Exit codes: 0 told to end, 125 refused to run, 126 could not set the jail up. What the student's
//! program did is in the report alone.

#![no_main]

mod filter;
mod service;

use std::ffi::{CStr, c_char, c_int, c_long, c_void};
use std::ptr;

use filter::Processes;
use service::{Message, Service};

/// Not PID 1: running on would end every process of the machine.
const REFUSED: c_int = 125;
const CANNOT_SET_UP: c_int = 126;
const CANNOT_EXECUTE: c_int = 127;

const SIGKILL: c_int = 9;
const SIGCHLD: c_int = 17;
const EINTR: c_int = 4;
const WNOHANG: c_int = 1;
const SIG_BLOCK: c_int = 0;
const SIG_SETMASK: c_int = 2;
const F_DUPFD: c_int = 0;
const RUSAGE_CHILDREN: c_int = -1;
const RLIMIT_CPU: c_int = 0;
const RLIMIT_DATA: c_int = 2;
const RLIMIT_AS: c_int = 9;
const PR_SET_PDEATHSIG: c_int = 1;
const PR_SET_DUMPABLE: c_int = 4;
/// Where the interpreter finds its control socket, behind the three standard streams.
const CONTROL: c_int = 3;

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Timeval {
    seconds: c_long,
    microseconds: c_long,
}

/// `struct rusage`, of which only the times and the peak resident set are read.
#[repr(C)]
#[derive(Default)]
struct Rusage {
    user: Timeval,
    system: Timeval,
    max_rss_kb: c_long,
    rest: [c_long; 13],
}

#[repr(C)]
struct Rlimit {
    soft: u64,
    hard: u64,
}

/// `sigset_t` of the C library.
#[repr(C)]
struct SignalSet([u64; 16]);

#[repr(C)]
struct PollDescriptor {
    descriptor: c_int,
    wanted: i16,
    found: i16,
}

unsafe extern "C" {
    fn getpid() -> c_int;
    fn syscall(number: c_long, ...) -> c_long;
    fn execv(path: *const c_char, arguments: *const *const c_char) -> c_int;
    fn _exit(code: c_int) -> !;
    fn wait4(pid: c_int, status: *mut c_int, options: c_int, usage: *mut Rusage) -> c_int;
    fn getrusage(who: c_int, usage: *mut Rusage) -> c_int;
    fn setrlimit(resource: c_int, limit: *const Rlimit) -> c_int;
    fn kill(pid: c_int, signal: c_int) -> c_int;
    fn signal(number: c_int, handler: extern "C" fn(c_int)) -> usize;
    fn sigprocmask(how: c_int, new: *const SignalSet, old: *mut SignalSet) -> c_int;
    fn ppoll(descriptors: *mut PollDescriptor, count: u64, timeout: *const c_void, mask: *const SignalSet) -> c_int;
    fn setpriority(which: c_int, who: u32, nice: c_int) -> c_int;
    fn prctl(option: c_int, ...) -> c_int;
    fn close_range(first: u32, last: u32, flags: c_int) -> c_int;
    fn dup2(from: c_int, to: c_int) -> c_int;
    fn fcntl(descriptor: c_int, command: c_int, ...) -> c_int;
    fn __errno_location() -> *mut c_int;
}

// A bare `main`, so that the check below is the first thing that happens.
#[unsafe(no_mangle)]
extern "C" fn main(count: c_int, arguments: *const *const c_char) -> c_int {
    // SAFETY: getpid takes nothing and cannot fail.
    if unsafe { getpid() } != 1 {
        return REFUSED;
    }
    if count < 4 {
        return CANNOT_SET_UP;
    }
    // SAFETY: the kernel passes `count` valid C strings followed by a null pointer; count >= 4.
    let (service_fd, counting, program) =
        unsafe { (CStr::from_ptr(*arguments.add(1)), CStr::from_ptr(*arguments.add(2)), arguments.add(3)) };
    let Some(service_fd) = service_fd.to_str().ok().and_then(|text| text.parse::<c_int>().ok()) else {
        return CANNOT_SET_UP;
    };
    let is_counted = match counting.to_bytes() {
        b"counted" => true,
        b"uncounted" => false,
        _ => return CANNOT_SET_UP,
    };
    // The jail must not outlive its supervisor, nor may its processes look into this one.
    // SAFETY: both options take one integer.
    if unsafe { prctl(PR_SET_PDEATHSIG, SIGKILL as usize) != 0 || prctl(PR_SET_DUMPABLE, 0_usize) != 0 } {
        return CANNOT_SET_UP;
    }
    run(Service(service_fd), is_counted, program)
}

/// Lives the life of a jail. Called only as PID 1.
fn run(service: Service, is_counted: bool, program: *const *const c_char) -> c_int {
    if !service.send(b"H") {
        return 0; // nobody is there any more
    }
    let Message::Go { limits, descriptors } = service.receive() else { return 0 };
    let unblocked = watch_children();
    let listener = if is_counted { None } else { Some(next_descriptor(service)) };
    let child = split(listener.is_some());
    if child == 0 {
        execute(&descriptors, limits, &unblocked, listener, program);
    }
    if child < 0 || !keep_only(service.0, listener) {
        return CANNOT_SET_UP;
    }
    let Some(wait_status) = wait_for(child, service, listener, &unblocked) else { return 0 };
    end_all();
    // Only when all are gone is the output complete.
    while reap(0).is_some() {}
    if !service.send(&report(wait_status)) {
        return 0;
    }
    // The service decides when the next jail is made in this one's place.
    while !matches!(service.receive(), Message::End) {}
    0
}

/// The number that the next descriptor opened in this process will have.
fn next_descriptor(Service(open): Service) -> c_int {
    // SAFETY: the descriptor is this function's own.
    unsafe {
        let descriptor = fcntl(open, F_DUPFD, 0);
        let is_closed = descriptor >= 0 && close_range(descriptor.unsigned_abs(), descriptor.unsigned_abs(), 0) == 0;
        if is_closed { descriptor } else { -1 }
    }
}

/// Forks. A child that `shares` descriptors has this process's own table until it asks for a copy, and runs alone until
/// it has become another program: what it opens before, this process has too.
fn split(shares: bool) -> c_int {
    const CLONE: c_long = 56;
    const CLONE_FILES: c_long = 0x400;
    const CLONE_VFORK: c_long = 0x4000;
    let flags = c_long::from(SIGCHLD) | if shares { CLONE_FILES | CLONE_VFORK } else { 0 };
    // SAFETY: without CLONE_VM this is a fork, and this process has one thread, so the child may do what it likes.
    let child = unsafe { syscall(CLONE, flags, 0_usize, 0_usize, 0_usize, 0_usize) };
    c_int::try_from(child).unwrap_or(-1)
}

/// The child's half: becomes the interpreter, with its own descriptors and limits alone.
fn execute(
    descriptors: &[c_int; 4],
    [cpu, data, address_space]: [u64; 3],
    mask: &SignalSet,
    listener: Option<c_int>,
    program: *const *const c_char,
) -> ! {
    const CLOSE_RANGE_UNSHARE: c_int = 2;
    // First of all, so that the listener gets its number; then the descriptors become this process's own.
    let mut ready = listener.is_none_or(|listener| filter::ask_before_forks() == Some(listener));
    // SAFETY: `program` is the null-terminated tail of the argument vector, limits and mask are valid
    // for reading; the other calls take integers and touch no memory.
    unsafe {
        ready &= close_range(u32::MAX, u32::MAX, CLOSE_RANGE_UNSHARE) == 0;
        // Out of the way first, so that none is overwritten before it is in its place.
        let moved = descriptors.map(|descriptor| fcntl(descriptor, F_DUPFD, 16));
        for (target, source) in (0..=CONTROL).zip(moved) {
            ready &= source >= 0 && dup2(source, target) == target;
        }
        ready &= close_range(CONTROL.unsigned_abs() + 1, u32::MAX, 0) == 0;
        ready &= setrlimit(RLIMIT_CPU, &Rlimit { soft: cpu, hard: cpu + 1 }) == 0;
        ready &= setrlimit(RLIMIT_DATA, &Rlimit { soft: data, hard: data }) == 0;
        if address_space != 0 {
            ready &= setrlimit(RLIMIT_AS, &Rlimit { soft: address_space, hard: address_space }) == 0;
        }
        ready &= sigprocmask(SIG_SETMASK, mask, ptr::null_mut()) == 0;
        if !ready {
            _exit(CANNOT_SET_UP);
        }
        execv(*program, program);
        _exit(CANNOT_EXECUTE)
    }
}

/// Lets the end of a child interrupt the waiting below, and nothing else. Returns the mask for that.
fn watch_children() -> SignalSet {
    extern "C" fn nothing(_: c_int) {}
    let mut children = SignalSet([0; 16]);
    children.0[0] = 1 << (SIGCHLD - 1);
    let mut before = SignalSet([0; 16]);
    // SAFETY: both sets have the layout and size of sigset_t; the handler does nothing.
    unsafe {
        signal(SIGCHLD, nothing);
        sigprocmask(SIG_BLOCK, &raw const children, &raw mut before);
    }
    before
}

/// Closes every descriptor but those given.
fn keep_only(service: c_int, listener: Option<c_int>) -> bool {
    let mut kept = [service, listener.unwrap_or(service)];
    kept.sort_unstable();
    let mut first = 0;
    for descriptor in kept {
        let Ok(descriptor) = u32::try_from(descriptor) else { return false };
        // SAFETY: closing descriptors touches no memory, and nothing here owns one.
        if descriptor > first && unsafe { close_range(first, descriptor - 1, 0) } != 0 {
            return false;
        }
        first = descriptor + 1;
    }
    // SAFETY: as above.
    unsafe { close_range(first, u32::MAX, 0) == 0 }
}

/// Ends every process of the jail but this one.
fn end_all() {
    // SAFETY: in a PID namespace of its own (checked in main) this reaches the jail's processes only.
    unsafe { kill(-1, SIGKILL) };
}

/// Gives every process of the jail a tenth of what others get of busy processors.
fn step_back() {
    const PRIO_USER: c_int = 2;
    // SAFETY: takes integers. It reaches the processes of this user that this PID namespace shows.
    unsafe { setpriority(PRIO_USER, 0, 10) };
}

/// Waits until the interpreter has ended, and returns its wait status. Nothing if the jail is to end.
fn wait_for(child: c_int, service: Service, listener: Option<c_int>, unblocked: &SignalSet) -> Option<c_int> {
    const POLLIN: i16 = 1;
    let mut processes = listener.map(Processes::new);
    // A negative descriptor is one that is not waited for.
    let mut waited =
        [service.0, listener.unwrap_or(-1)].map(|descriptor| PollDescriptor { descriptor, wanted: POLLIN, found: 0 });
    loop {
        while let Some((pid, status)) = reap(WNOHANG) {
            if pid == child {
                return Some(status);
            }
        }
        // SAFETY: two descriptors are passed as two, no timeout is allowed, and the mask is valid.
        if unsafe { ppoll(waited.as_mut_ptr(), 2, ptr::null(), unblocked) } <= 0 {
            continue;
        }
        let [said, asked] = &waited;
        if said.found != 0 {
            match service.receive() {
                Message::Kill => end_all(),
                Message::StepBack => step_back(),
                Message::End => return None,
                Message::Go { .. } | Message::Unknown => {}
            }
        }
        if asked.found & POLLIN != 0
            && let Some(processes) = &mut processes
        {
            processes.answer();
        }
    }
}

/// Collects one dead process; nothing when there is none.
fn reap(options: c_int) -> Option<(c_int, c_int)> {
    let mut status = 0;
    loop {
        // SAFETY: `status` is valid for writing and a null usage is allowed.
        let pid = unsafe { wait4(-1, &raw mut status, options, ptr::null_mut()) };
        if pid > 0 {
            return Some((pid, status));
        }
        if pid == 0 || errno() != EINTR {
            return None;
        }
    }
}

fn errno() -> c_int {
    // SAFETY: errno's address is always valid in its own thread.
    unsafe { *__errno_location() }
}

/// `R`, the wait status (i32), CPU in microseconds (u64) and peak resident set of the largest process
/// in KiB (u64), little-endian.
fn report(wait_status: c_int) -> [u8; 21] {
    let mut usage = Rusage::default();
    // SAFETY: `usage` has the layout of struct rusage (two times, fourteen longs).
    unsafe { getrusage(RUSAGE_CHILDREN, &raw mut usage) };
    let cpu =
        [usage.user, usage.system].iter().map(|time| time.seconds * 1_000_000 + time.microseconds).sum::<c_long>();
    let mut record = [b'R'; 21];
    record[1..5].copy_from_slice(&wait_status.to_le_bytes());
    record[5..13].copy_from_slice(&cpu.to_le_bytes());
    record[13..21].copy_from_slice(&usage.max_rss_kb.to_le_bytes());
    record
}
