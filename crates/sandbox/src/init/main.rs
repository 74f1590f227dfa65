//! The first process of a jail (PID 1 in its PID namespace).
//!
//! It starts the interpreter, waits for it, ends everything else that still lives in the jail and
//! reports what happened on a descriptor that no other process of the jail holds. It is compiled by
//! `build.rs` into a static executable of its own; it is not part of the library.
//!
//! ```text
//! init STATUS_FD fork|nofork PROGRAM [ARGUMENT ...]
//! ```
//!
//! Exit codes: 0 reported, 125 refused to run, 126 could not set the jail up. What the student's
//! program did is in the report alone.

#![no_main]

use std::ffi::{CStr, c_char, c_int, c_long, c_void};
use std::ptr;

/// Not PID 1: running on would end every process of the machine.
const REFUSED: c_int = 125;
const CANNOT_SET_UP: c_int = 126;
const CANNOT_EXECUTE: c_int = 127;

const SIGKILL: c_int = 9;
const EINTR: c_int = 4;
const EPERM: u32 = 1;
const RUSAGE_CHILDREN: c_int = -1;
const PR_SET_PDEATHSIG: c_int = 1;
const PR_SET_DUMPABLE: c_int = 4;
const PR_SET_SECCOMP: c_int = 22;
const SECCOMP_MODE_FILTER: usize = 2;

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
struct FilterInstruction {
    code: u16,
    if_true: u8,
    if_false: u8,
    value: u32,
}

#[repr(C)]
struct FilterProgram {
    length: u16,
    instructions: *const FilterInstruction,
}

unsafe extern "C" {
    fn getpid() -> c_int;
    fn fork() -> c_int;
    fn execv(path: *const c_char, arguments: *const *const c_char) -> c_int;
    fn _exit(code: c_int) -> !;
    fn wait4(pid: c_int, status: *mut c_int, options: c_int, usage: *mut Rusage) -> c_int;
    fn getrusage(who: c_int, usage: *mut Rusage) -> c_int;
    fn kill(pid: c_int, signal: c_int) -> c_int;
    fn prctl(option: c_int, ...) -> c_int;
    fn close_range(first: u32, last: u32, flags: c_int) -> c_int;
    fn close(descriptor: c_int) -> c_int;
    fn write(descriptor: c_int, bytes: *const c_void, length: usize) -> isize;
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
    let (status_fd, forks, program) =
        unsafe { (CStr::from_ptr(*arguments.add(1)), CStr::from_ptr(*arguments.add(2)), arguments.add(3)) };
    let Some(status_fd) = status_fd.to_str().ok().and_then(|text| text.parse::<c_int>().ok()) else {
        return CANNOT_SET_UP;
    };
    let may_fork = match forks.to_bytes() {
        b"fork" => true,
        b"nofork" => false,
        _ => return CANNOT_SET_UP,
    };
    run(status_fd, may_fork, program)
}

/// Runs the program, ends what it leaves behind, reports. Called only as PID 1.
fn run(status_fd: c_int, may_fork: bool, program: *const *const c_char) -> c_int {
    // The jail must not outlive its supervisor, nor may its processes look into this one.
    // SAFETY: both options take one integer.
    if unsafe { prctl(PR_SET_PDEATHSIG, SIGKILL as usize) != 0 || prctl(PR_SET_DUMPABLE, 0_usize) != 0 } {
        return CANNOT_SET_UP;
    }
    // SAFETY: this process has one thread, so the child may do what it likes.
    let child = unsafe { fork() };
    if child == 0 {
        execute(status_fd, may_fork, program);
    }
    if child < 0 || !keep_only(status_fd) {
        return CANNOT_SET_UP;
    }
    let wait_status = wait_for(child);
    // SAFETY: in a PID namespace of its own (checked in main) this reaches the jail's processes only.
    unsafe { kill(-1, SIGKILL) };
    // Only when all are gone is the output complete.
    while reap().is_some() {}
    if report(status_fd, wait_status) { 0 } else { CANNOT_SET_UP }
}

/// The child's half: becomes the interpreter, without the status descriptor.
fn execute(status_fd: c_int, may_fork: bool, program: *const *const c_char) -> ! {
    // SAFETY: `program` is the null-terminated tail of the argument vector; closing a descriptor
    // and exiting touch no memory.
    unsafe {
        close(status_fd);
        if !may_fork && !refuse_forks() {
            _exit(CANNOT_SET_UP);
        }
        execv(*program, program);
        _exit(CANNOT_EXECUTE)
    }
}

/// Adds a filter under which threads can be started and processes cannot.
fn refuse_forks() -> bool {
    const LOAD_WORD: u16 = 0x20;
    const EQUAL: u16 = 0x15;
    const AT_LEAST: u16 = 0x35;
    const ANY_BIT: u16 = 0x45;
    const RETURN: u16 = 0x06;
    const NUMBER: u32 = 0;
    const ARCHITECTURE: u32 = 4;
    const FIRST_ARGUMENT: u32 = 16;
    const X86_64: u32 = 0xC000_003E;
    const X32_BIT: u32 = 0x4000_0000;
    const CLONE: u32 = 56;
    const FORK: u32 = 57;
    const VFORK: u32 = 58;
    const CLONE3: u32 = 435;
    const CLONE_THREAD: u32 = 0x0001_0000;
    const ALLOW: u32 = 0x7FFF_0000;
    const KILL_PROCESS: u32 = 0x8000_0000;
    const ERRNO: u32 = 0x0005_0000;
    const ENOSYS: u32 = 38;

    const fn step(code: u16, value: u32, if_true: u8, if_false: u8) -> FilterInstruction {
        FilterInstruction { code, if_true, if_false, value }
    }
    const LENGTH: u16 = 15;
    static FILTER: [FilterInstruction; LENGTH as usize] = [
        step(LOAD_WORD, ARCHITECTURE, 0, 0),
        step(EQUAL, X86_64, 1, 0),
        step(RETURN, KILL_PROCESS, 0, 0),
        step(LOAD_WORD, NUMBER, 0, 0),
        step(AT_LEAST, X32_BIT, 7, 0), // to EPERM
        step(EQUAL, FORK, 6, 0),       // to EPERM
        step(EQUAL, VFORK, 5, 0),      // to EPERM
        step(EQUAL, CLONE3, 5, 0),     // to ENOSYS
        step(EQUAL, CLONE, 1, 0),      // to its flags
        step(RETURN, ALLOW, 0, 0),
        step(LOAD_WORD, FIRST_ARGUMENT, 0, 0),
        step(ANY_BIT, CLONE_THREAD, 2, 0), // to ALLOW
        step(RETURN, ERRNO | EPERM, 0, 0),
        step(RETURN, ERRNO | ENOSYS, 0, 0),
        step(RETURN, ALLOW, 0, 0),
    ];
    let filter = FilterProgram { length: LENGTH, instructions: FILTER.as_ptr() };
    // SAFETY: the program is well formed and outlives the call; the kernel copies it.
    unsafe { prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &raw const filter) == 0 }
}

/// Closes every descriptor but the one given.
fn keep_only(descriptor: c_int) -> bool {
    let Ok(kept) = u32::try_from(descriptor) else { return false };
    // SAFETY: closing descriptors touches no memory, and nothing here owns one.
    unsafe { (kept == 0 || close_range(0, kept - 1, 0) == 0) && close_range(kept + 1, u32::MAX, 0) == 0 }
}

/// Collects dead processes until it meets the one asked for.
fn wait_for(child: c_int) -> c_int {
    loop {
        match reap() {
            Some((pid, status)) if pid == child => return status,
            Some(_) => {}
            // Cannot happen while the child has not been collected; reads as killed if it does.
            None => return SIGKILL,
        }
    }
}

/// Collects one dead process; nothing when no child is left.
fn reap() -> Option<(c_int, c_int)> {
    let mut status = 0;
    loop {
        // SAFETY: `status` is valid for writing and a null usage is allowed.
        let pid = unsafe { wait4(-1, &raw mut status, 0, ptr::null_mut()) };
        if pid > 0 {
            return Some((pid, status));
        }
        // SAFETY: errno's address is always valid in its own thread.
        if unsafe { *__errno_location() } != EINTR {
            return None;
        }
    }
}

/// Writes the report: magic (u32), wait status (i32), CPU in microseconds (u64) and peak resident
/// set of the largest process in KiB (u64), little-endian.
fn report(status_fd: c_int, wait_status: c_int) -> bool {
    const MAGIC: u32 = 0x4C46_0001;
    let mut usage = Rusage::default();
    // SAFETY: `usage` has the layout of struct rusage (two times, fourteen longs).
    unsafe { getrusage(RUSAGE_CHILDREN, &raw mut usage) };
    let cpu =
        [usage.user, usage.system].iter().map(|time| time.seconds * 1_000_000 + time.microseconds).sum::<c_long>();
    let mut record = [0_u8; 24];
    record[0..4].copy_from_slice(&MAGIC.to_le_bytes());
    record[4..8].copy_from_slice(&wait_status.to_le_bytes());
    record[8..16].copy_from_slice(&cpu.to_le_bytes());
    record[16..24].copy_from_slice(&usage.max_rss_kb.to_le_bytes());
    // SAFETY: the pointer and the length are those of the record.
    let written = unsafe { write(status_fd, record.as_ptr().cast(), record.len()) };
    usize::try_from(written) == Ok(record.len())
}
