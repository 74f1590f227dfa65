//! The second system call filter, where nothing counts a jail's processes.

use super::c_int;

const PR_SET_SECCOMP: c_int = 22;
const SECCOMP_MODE_FILTER: usize = 2;
const EPERM: u32 = 1;

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

/// Adds a filter under which threads can be started and processes cannot.
pub(super) fn refuse_forks() -> bool {
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
    unsafe { super::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &raw const filter) == 0 }
}
