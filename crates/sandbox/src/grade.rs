//! A program run against test cases. Verdicts are made by the caller: expected values never come here.

use std::time::Duration;

use crate::outcome::{Limit, Status};
use crate::program::{InvalidProgram, put_number, put_text};

/// The most cases of one call.
pub const MAX_CASES: usize = 50;
const MAX_NAME: usize = 200;
const MAX_ARGUMENTS: usize = 32;
const MAX_ARGUMENT_BYTES: usize = 64 * 1024;
const MAX_STDIN: usize = 256 * 1024;

/// One test case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Returned with the outcome; the program does not see it.
    pub name: String,
    /// What is done with the program.
    pub kind: CaseKind,
}

/// What a case does with the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaseKind {
    /// Executes `main.py` as a module (its `__name__` is `main`) without input, then calls one of its functions.
    Call {
        /// The function's name, an identifier.
        function: String,
        /// One Python literal per positional argument: what `ast.literal_eval` takes, the names `inf`
        /// and `nan`, and the calls `set()`, `frozenset({…})`, `bytearray(b'…')`, `range(…)`, `complex(…)`.
        arguments: Vec<String>,
    },
    /// Runs `main.py` as a program.
    Program {
        /// What it reads.
        stdin: String,
    },
}

/// What the program did in one case.
#[derive(Clone, Debug)]
pub struct CaseOutcome {
    /// The case's name.
    pub name: String,
    /// How it ended. `Completed` only says that it ended by itself: the call returned, or the exit code is 0.
    pub status: Status,
    /// The limit that ended it, if one did.
    pub limit: Option<Limit>,
    /// The exit code, if it ended by itself.
    pub exit_code: Option<i32>,
    /// The signal, if one ended it that the sandbox did not send.
    pub signal: Option<i32>,
    /// What the call returned, as a tagged JSON text. Only for a call that returned.
    pub value: Option<String>,
    /// At most 64 KiB of standard output; bytes that are not UTF-8 are replaced.
    pub stdout: String,
    /// Whether some of standard output is missing.
    pub stdout_truncated: bool,
    /// What the case left on standard error: the traceback of an uncaught exception, with the
    /// program's own frames only. At most 64 KiB.
    pub error: String,
    /// Time on the clock.
    pub duration: Duration,
    /// The executed lines of `main.py` in ascending order, if `program.coverage` asks for them and they could be told.
    pub lines: Option<Vec<u32>>,
}

impl Case {
    /// Checks every rule about cases.
    pub(crate) fn validate(cases: &[Self]) -> Result<(), InvalidProgram> {
        let fault = |field: String, problem: &str| Err(InvalidProgram { field, problem: problem.to_owned() });
        if cases.len() > MAX_CASES {
            return fault("cases".to_owned(), "has more than 50 cases");
        }
        for (index, case) in cases.iter().enumerate() {
            let field = |name: &str| format!("cases[{index}].{name}");
            if case.name.len() > MAX_NAME {
                return fault(field("name"), "has more than 200 bytes");
            }
            match &case.kind {
                CaseKind::Call { function, arguments } => {
                    let is_identifier = !function.is_empty()
                        && !function.starts_with(|c: char| c.is_ascii_digit())
                        && function.chars().all(|c| c == '_' || c.is_alphanumeric());
                    if !is_identifier || function.len() > MAX_NAME {
                        return fault(field("function"), "is not an identifier of at most 200 bytes");
                    }
                    if arguments.len() > MAX_ARGUMENTS
                        || arguments.iter().map(String::len).sum::<usize>() > MAX_ARGUMENT_BYTES
                    {
                        return fault(field("arguments"), "are more than 32, or more than 64 KiB");
                    }
                }
                CaseKind::Program { stdin } if stdin.len() > MAX_STDIN => {
                    return fault(field("stdin"), "has more than 256 KiB");
                }
                CaseKind::Program { .. } => {}
            }
        }
        Ok(())
    }

    /// The message to `harness.py`: a letter, and texts with their lengths.
    pub(crate) fn message(&self) -> Vec<u8> {
        let mut message = Vec::new();
        match &self.kind {
            CaseKind::Call { function, arguments } => {
                message.push(b'C');
                put_text(&mut message, function);
                put_number(&mut message, arguments.len());
                for argument in arguments {
                    put_text(&mut message, argument);
                }
            }
            CaseKind::Program { stdin } => {
                message.push(b'P');
                put_text(&mut message, stdin);
            }
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(function: &str, arguments: &[&str]) -> Case {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        Case { name: "a".into(), kind: CaseKind::Call { function: function.into(), arguments } }
    }

    /// FR-029: cases are bounded, and a function's name is nothing but a name.
    #[test]
    fn a_rule_names_the_case_it_is_about() {
        let fault = |cases: &[Case]| Case::validate(cases).expect_err("must be refused").field;
        for name in ["", "f()", "1f", "a.b", "a b"] {
            assert_eq!(fault(&[call("f", &[]), call(name, &[])]), "cases[1].function", "{name:?}");
        }
        assert_eq!(fault(&[call("f", &["1"; 33])]), "cases[0].arguments");
        assert_eq!(fault(&vec![call("f", &[]); 51]), "cases");
        assert_eq!(Case::validate(&[call("größe_2", &["[1, 2]"])]), Ok(()));
    }
}
