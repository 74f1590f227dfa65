//! What is run, and the rules it has to keep.

use std::collections::HashSet;
use std::time::Duration;

/// The longest time a program may ask for, and what it gets by default.
pub const MAX_TIME: Duration = Duration::from_secs(5);
/// The longest time a program with open standard input may take, its waiting included.
pub const MAX_OPEN_TIME: Duration = Duration::from_mins(2);
/// The most memory a program may ask for, in MiB, and what it gets by default.
pub const MAX_MEMORY_MB: u32 = 50;
/// The least memory the interpreter itself can live with, in MiB.
pub const MIN_MEMORY_MB: u32 = 16;

const MIB: u64 = 1 << 20;
const MAX_CODE: usize = 64 * 1024;
const MAX_STDIN: usize = 256 * 1024;
const MAX_FILES: usize = 16;
const MAX_FILES_BYTES: usize = 256 * 1024;
const MAX_ARGS: usize = 64;
const MAX_ARGS_BYTES: usize = 16 * 1024;
const MAX_NAME: usize = 128;
/// The program itself is written under this name.
const MAIN: &str = "main.py";

/// A file put beside the program before it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Path relative to the program's directory, as in `data/names.csv`.
    pub name: String,
    /// Its content, written as UTF-8.
    pub content: String,
}

/// One Python program with everything it is given.
#[derive(Clone, Debug)]
pub struct Program {
    /// The source, at most 64 KiB. It is called `main.py`.
    pub code: String,
    /// What it reads from standard input.
    pub stdin: Stdin,
    /// Command line arguments after the program's name, at most 64 and 16 KiB.
    pub args: Vec<String>,
    /// Files in its directory, at most 16 and 256 KiB.
    pub files: Vec<SourceFile>,
    /// Time on the clock from 1 ms to 5 s.
    pub time_limit: Duration,
    /// For test cases: time on the clock for all of them together. Those that are not reached in it end
    /// as timeouts without having run.
    pub total_time: Option<Duration>,
    /// Memory from 16 to 50 MiB, the interpreter's own included.
    pub memory_limit_mb: u32,
    /// Whether to note the lines of `main.py` that are executed. Makes the program slower.
    pub coverage: bool,
}

/// Where a program's standard input comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stdin {
    /// All of it at once, at most 256 KiB, then its end.
    Bytes(Vec<u8>),
    /// Given while the program runs, through [`Run::send`](crate::Run::send). The time in which the
    /// program waits for it does not count, up to [`MAX_OPEN_TIME`] in total. Such a program cannot
    /// start processes.
    Open,
}

impl Default for Stdin {
    fn default() -> Self {
        Self::Bytes(Vec::new())
    }
}

impl From<Vec<u8>> for Stdin {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<String> for Stdin {
    fn from(text: String) -> Self {
        Self::Bytes(text.into_bytes())
    }
}

impl From<&str> for Stdin {
    fn from(text: &str) -> Self {
        Self::Bytes(text.as_bytes().to_vec())
    }
}

/// A rule that a program breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct InvalidProgram {
    /// The field at fault, as in `files[2].name`.
    pub field: String,
    /// What is wrong with it and what is allowed.
    pub problem: String,
}

impl Program {
    /// A program without input, arguments and files, with the default limits.
    pub fn new(code: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            stdin: Stdin::default(),
            args: Vec::new(),
            files: Vec::new(),
            time_limit: MAX_TIME,
            total_time: None,
            memory_limit_mb: MAX_MEMORY_MB,
            coverage: false,
        }
    }

    /// Whether it is likely to import something that a rich jail has imported already. A guess from its
    /// text, and only a matter of speed.
    pub(crate) fn wants_rich(&self) -> bool {
        self.files.iter().map(|file| &file.content).chain([&self.code]).any(|code| code.lines().any(imports_much))
    }

    /// Checks every rule. [`Sandbox::run`](crate::Sandbox::run) does this first.
    pub fn validate(&self) -> Result<(), InvalidProgram> {
        at_most("code", self.code.len(), MAX_CODE, "bytes")?;
        if let Stdin::Bytes(bytes) = &self.stdin {
            at_most("stdin", bytes.len(), MAX_STDIN, "bytes")?;
        }
        at_most("args", self.args.len(), MAX_ARGS, "arguments")?;
        at_most("args", self.args.iter().map(String::len).sum(), MAX_ARGS_BYTES, "bytes")?;
        at_most("files", self.files.len(), MAX_FILES, "files")?;
        at_most("files", self.files.iter().map(|file| file.content.len()).sum(), MAX_FILES_BYTES, "bytes")?;
        self.validate_names()?;
        if self.time_limit < Duration::from_millis(1) || self.time_limit > MAX_TIME {
            return Err(invalid("time_limit", format!("must be from 1 ms to {} ms", MAX_TIME.as_millis())));
        }
        if !(MIN_MEMORY_MB..=MAX_MEMORY_MB).contains(&self.memory_limit_mb) {
            return Err(invalid("memory_limit_mb", format!("must be from {MIN_MEMORY_MB} to {MAX_MEMORY_MB}")));
        }
        Ok(())
    }

    fn validate_names(&self) -> Result<(), InvalidProgram> {
        let mut files = HashSet::from([MAIN]);
        for (index, file) in self.files.iter().enumerate() {
            let fault = |problem: &str| Err(invalid(&format!("files[{index}].name"), problem.to_owned()));
            if file.name.len() > MAX_NAME {
                return fault("must have at most 128 bytes");
            }
            if file.name.chars().any(|c| c.is_control() || c == '\\') {
                return fault("must not contain control characters or backslashes");
            }
            if file.name.split('/').any(|part| matches!(part, "" | "." | "..")) {
                return fault("must be a relative path without empty, '.' or '..' parts");
            }
            if !files.insert(&file.name) {
                return fault("is used twice, or is main.py");
            }
        }
        for (index, file) in self.files.iter().enumerate() {
            let is_folder_too = file.name.match_indices('/').any(|(at, _)| files.contains(&file.name[..at]));
            if is_folder_too {
                return Err(invalid(&format!("files[{index}].name"), "lies below another file's name".to_owned()));
            }
        }
        Ok(())
    }

    /// The message to `bootstrap.py`: a letter, then every number little-endian, every text with its length first,
    /// the whole with its length first.
    pub(crate) fn message(&self, purpose: Purpose<'_>, has_cgroup: bool) -> Vec<u8> {
        let limits = Limits::of(self, has_cgroup);
        let most = Limits::most(has_cgroup);
        let is_open = self.stdin == Stdin::Open;
        let (has_case, has_cases) = (matches!(purpose, Purpose::Case(_)), purpose == Purpose::Cases);
        // Most programs have the limits that the interpreter has from the beginning, and less time on the
        // processor only matters where the clock stands still at times, or starts again.
        let is_limited = limits.data != most.data || (limits != most && (is_open || has_cases));
        let flags = [is_open, self.coverage, is_limited, has_case, has_cases];
        let mut message = vec![0; 4];
        message.push(flags.iter().rev().fold(0, |byte, flag| byte << 1 | u8::from(*flag)));
        if is_limited {
            message.extend(limits.to_bytes());
        }
        put_number(&mut message, self.args.len());
        for argument in &self.args {
            put_text(&mut message, argument);
        }
        put_number(&mut message, self.files.len());
        for file in &self.files {
            put_text(&mut message, &file.name);
            put_text(&mut message, &file.content);
        }
        put_text(&mut message, &self.code);
        if let Purpose::Case(case) = purpose {
            message.extend(case);
        }
        let mut message = with_length(message);
        message.insert(0, PROGRAM);
        message
    }
}

/// What a jail is to do with a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose<'a> {
    /// Run it.
    Run,
    /// Run this test case, in the interpreter's own process.
    Case(&'a [u8]),
    /// Run the test cases that follow, each in a process of its own.
    Cases,
}

/// Tells a program from other requests to a waiting interpreter.
const PROGRAM: u8 = b'P';

/// What the kernel holds one process of a program to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Time on the processor, in seconds. A backstop behind the clock, and what is left of it while
    /// the clock stands still.
    pub(crate) cpu_seconds: u32,
    /// Private writable memory, in bytes.
    pub(crate) data: u64,
    /// Address space, in bytes; 0 leaves it open.
    pub(crate) address_space: u64,
}

impl Limits {
    /// Private memory a program may have below what the jail as a whole may have. The rest holds the
    /// supervisor, the first process, page tables and the interpreter's own pages, so that a program
    /// meets a readable `MemoryError` before the kernel kills it.
    const DATA_MARGIN: u64 = 4 * MIB;
    /// Where no cgroup counts shared memory, the address space is limited: private memory, the
    /// interpreter's mapped files, and threads' stacks.
    const ADDRESS_SPACE_MARGIN: u64 = 48 * MIB;

    fn new(time: Duration, memory_mb: u32, has_cgroup: bool) -> Self {
        let memory = u64::from(memory_mb) * MIB;
        Self {
            cpu_seconds: time.as_millis().div_ceil(1000).try_into().unwrap_or(u32::MAX).saturating_add(1),
            data: memory - Self::DATA_MARGIN,
            address_space: if has_cgroup { 0 } else { memory + Self::ADDRESS_SPACE_MARGIN },
        }
    }

    /// What every interpreter starts with.
    pub(crate) fn most(has_cgroup: bool) -> Self {
        Self::new(MAX_TIME, MAX_MEMORY_MB, has_cgroup)
    }

    pub(crate) fn of(program: &Program, has_cgroup: bool) -> Self {
        Self::new(program.time_limit, program.memory_limit_mb, has_cgroup)
    }

    pub(crate) fn to_bytes(self) -> Vec<u8> {
        [self.cpu_seconds.into(), self.data, self.address_space].map(u64::to_le_bytes).concat()
    }
}

/// Whether a line imports a module that is not there at once.
fn imports_much(line: &str) -> bool {
    const LIGHT: [&str; 11] =
        ["builtins", "ctypes", "errno", "gc", "itertools", "math", "os", "posix", "resource", "sys", "time"];
    let is_heavy = |name: &str| {
        let module = name.split(['.', ' ', ';', '#']).find(|part| !part.is_empty());
        module.is_some_and(|module| !LIGHT.contains(&module))
    };
    match line.trim_start().split_once(' ') {
        Some(("import", names)) => names.split(',').any(is_heavy),
        Some(("from", name)) => is_heavy(name),
        _ => false,
    }
}

/// Puts the length of the rest into the first four bytes.
pub(crate) fn with_length(mut message: Vec<u8>) -> Vec<u8> {
    let length = u32::try_from(message.len() - 4).unwrap_or(u32::MAX);
    message[..4].copy_from_slice(&length.to_le_bytes());
    message
}

pub(crate) fn put_number(message: &mut Vec<u8>, number: usize) {
    // Everything here is bounded by the rules above, far below four gigabytes.
    message.extend(u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
}

pub(crate) fn put_text(message: &mut Vec<u8>, text: &str) {
    put_number(message, text.len());
    message.extend(text.as_bytes());
}

fn at_most(field: &str, found: usize, allowed: usize, unit: &str) -> Result<(), InvalidProgram> {
    if found <= allowed { Ok(()) } else { Err(invalid(field, format!("has {found} {unit}, allowed are {allowed}"))) }
}

fn invalid(field: &str, problem: String) -> InvalidProgram {
    InvalidProgram { field: field.to_owned(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(change: impl FnOnce(&mut Program)) -> String {
        let mut program = Program::new("pass");
        change(&mut program);
        program.validate().expect_err("must be refused").field
    }

    fn file(name: &str) -> SourceFile {
        SourceFile { name: name.into(), content: String::new() }
    }

    /// FR-029: limits can be lowered, never raised, and sizes are bounded.
    #[test]
    fn a_rule_names_the_field_it_is_about() {
        assert_eq!(fault(|p| p.code = "x".repeat(64 * 1024 + 1)), "code");
        assert_eq!(fault(|p| p.stdin = vec![0; 256 * 1024 + 1].into()), "stdin");
        assert_eq!(fault(|p| p.args = vec!["a".repeat(16 * 1024 + 1)]), "args");
        assert_eq!(fault(|p| p.files = (0..17).map(|n| file(&format!("f{n}"))).collect()), "files");
        assert_eq!(fault(|p| p.files = vec![SourceFile { content: "x".repeat(300_000), ..file("a") }]), "files");
        assert_eq!(fault(|p| p.time_limit = Duration::from_millis(5001)), "time_limit");
        assert_eq!(fault(|p| p.time_limit = Duration::ZERO), "time_limit");
        assert_eq!(fault(|p| p.memory_limit_mb = 51), "memory_limit_mb");
        assert_eq!(fault(|p| p.memory_limit_mb = 15), "memory_limit_mb");
    }

    /// A rich jail is for programs that gain by it.
    #[test]
    fn imports_tell_which_jail_suits() {
        let wants = |code: &str| Program::new(code).wants_rich();
        assert!(
            wants("x = 1\nfrom random import choice") && wants("import sys, json") && wants("  import os.path, re")
        );
        assert!(
            !wants("print('import json')") && !wants("import sys,math; x = 1") && !wants("from os.path import join")
        );
        let file = SourceFile { name: "helper.py".into(), content: "import json".into() };
        assert!(Program { files: vec![file], ..Program::new("import helper") }.wants_rich());
    }

    /// FR-032: a file name cannot lead out of the program's directory.
    #[test]
    fn a_file_name_stays_below_the_program() {
        for name in ["", "/etc/passwd", "../x", "a/../x", "a//b", "a/", "./a", "a\\b", "a\0", "main.py", "ok.txt/b"] {
            let fault = fault(|p| p.files = vec![file("ok.txt"), file(name)]);
            assert_eq!(fault, "files[1].name", "{name:?}");
        }
        let mut program = Program::new("pass");
        program.files = vec![file("data/names.csv"), file("data/ages.csv"), file("..b"), file("über.txt")];
        assert_eq!(program.validate(), Ok(()));
    }
}
