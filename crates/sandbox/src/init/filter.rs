//! The second system call filter, where nothing counts a jail's processes and their memory: every process that would be
//! started is asked for, here, in the jail's first process.

use super::{c_int, c_long};

/// Processes that a program may start. Each has a memory limit of its own, so this bounds what all have together.
const PROCESSES: u32 = 2;

const NOTIFIED: u32 = 0x7FC0_0000;
const EAGAIN: i32 = 11;
const RECEIVE: u64 = 0xC050_2100;
const ANSWER: u64 = 0xC018_2101;
const CONTINUE: u32 = 1;

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn ioctl(descriptor: c_int, request: u64, ...) -> c_int;
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

/// `struct seccomp_notif`; only its id is of interest: the filter asks about one thing.
#[repr(C)]
#[derive(Default)]
struct Question {
    id: u64,
    rest: [u64; 9],
}

/// `struct seccomp_notif_resp`.
#[repr(C)]
struct Answer {
    id: u64,
    value: i64,
    error: i32,
    flags: u32,
}

/// Adds a filter to this process under which threads are started as before, and whoever starts a process waits for an
/// answer. Returns the descriptor on which that is asked.
pub(super) fn ask_before_forks() -> Option<c_int> {
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
    const SECCOMP: u32 = 317;
    const CLONE3: u32 = 435;
    const CLONE_THREAD: u32 = 0x0001_0000;
    const ALLOW: u32 = 0x7FFF_0000;
    const KILL_PROCESS: u32 = 0x8000_0000;
    const ERRNO: u32 = 0x0005_0000;
    const EPERM: u32 = 1;
    const ENOSYS: u32 = 38;
    const SET_MODE_FILTER: c_long = 1;
    const NEW_LISTENER: c_long = 8;

    const fn step(code: u16, value: u32, if_true: u8, if_false: u8) -> FilterInstruction {
        FilterInstruction { code, if_true, if_false, value }
    }
    const LENGTH: u16 = 17;
    static FILTER: [FilterInstruction; LENGTH as usize] = [
        step(LOAD_WORD, ARCHITECTURE, 0, 0),
        step(EQUAL, X86_64, 1, 0),
        step(RETURN, KILL_PROCESS, 0, 0),
        step(LOAD_WORD, NUMBER, 0, 0),
        step(AT_LEAST, X32_BIT, 8, 0), // to EPERM
        step(EQUAL, SECCOMP, 7, 0),    // to EPERM
        step(EQUAL, FORK, 8, 0),       // to NOTIFIED
        step(EQUAL, VFORK, 7, 0),      // to NOTIFIED
        step(EQUAL, CLONE3, 5, 0),     // to ENOSYS
        step(EQUAL, CLONE, 1, 0),      // to its flags
        step(RETURN, ALLOW, 0, 0),
        step(LOAD_WORD, FIRST_ARGUMENT, 0, 0),
        step(ANY_BIT, CLONE_THREAD, 3, 2), // to ALLOW or NOTIFIED
        step(RETURN, ERRNO | EPERM, 0, 0),
        step(RETURN, ERRNO | ENOSYS, 0, 0),
        step(RETURN, NOTIFIED, 0, 0),
        step(RETURN, ALLOW, 0, 0),
    ];
    let filter = FilterProgram { length: LENGTH, instructions: FILTER.as_ptr() };
    // SAFETY: the program is well formed and outlives the call; the kernel copies it.
    let listener = unsafe { syscall(c_long::from(SECCOMP), SET_MODE_FILTER, NEW_LISTENER, &raw const filter) };
    c_int::try_from(listener).ok().filter(|listener| *listener >= 0)
}

/// The processes that a program may still start.
pub(super) struct Processes {
    listener: c_int,
    left: u32,
}

impl Processes {
    pub(super) fn new(listener: c_int) -> Self {
        Self { listener, left: PROCESSES }
    }

    /// Answers one question. Call it when the listener is readable.
    pub(super) fn answer(&mut self) {
        let mut question = Question::default();
        // SAFETY: the kernel writes 80 bytes, which is what the structure has.
        if unsafe { ioctl(self.listener, RECEIVE, &raw mut question) } != 0 {
            return; // who asked is gone
        }
        let (error, flags) = if self.left > 0 { (0, CONTINUE) } else { (-EAGAIN, 0) };
        let answer = Answer { id: question.id, value: 0, error, flags };
        // SAFETY: the kernel reads 24 bytes, which is what the structure has.
        if unsafe { ioctl(self.listener, ANSWER, &raw const answer) } == 0 {
            self.left = self.left.saturating_sub(1);
        }
    }
}
