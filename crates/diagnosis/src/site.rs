//! Where in a program an error came up.

use std::cell::Cell;

use learnflow_tutor::PythonError;
use ruff_python_ast::PythonVersion;
use ruff_python_parser::{Mode, ParseOptions, parse};

use crate::program::Program;

/// The most corrections that are tried by parsing the program anew.
const TRIES: u32 = 24;

/// An error and its place in a program.
pub(crate) struct Site<'a> {
    pub(crate) program: &'a Program<'a>,
    pub(crate) error: &'a PythonError,
    /// The whole text of the error.
    pub(crate) report: &'a str,
    /// From 1; 0 if the error doesn't say.
    pub(crate) line: u32,
    /// Where Python's arrow points to, in bytes of the line.
    pub(crate) column: Option<usize>,
    tries: Cell<u32>,
}

impl<'a> Site<'a> {
    pub(crate) fn new(program: &'a Program<'a>, error: &'a PythonError, report: &'a str) -> Self {
        let line = error.line.unwrap_or(0);
        let column = column(program.line(line), report);
        Self { program, error, report, line, column, tries: Cell::new(TRIES) }
    }

    /// The line itself.
    pub(crate) fn text(&self) -> &'a str {
        self.program.line(self.line)
    }

    pub(crate) fn message(&self) -> &str {
        &self.error.message
    }

    /// What stands in single quotation marks in the message.
    pub(crate) fn quoted(&self) -> Vec<&str> {
        quoted(self.message())
    }

    /// Whether Python could read the program beyond `line` if the line were written so.
    pub(crate) fn is_cured_by(&self, line: u32, text: &str) -> bool {
        if text == self.program.line(line) || self.tries.get() == 0 {
            return false;
        }
        self.tries.set(self.tries.get() - 1);
        let code = self.program.with_line(line, text);
        match parse(&code, ParseOptions::from(Mode::Module).with_target_version(PythonVersion::PY311)) {
            Ok(_) => true,
            Err(error) => {
                let before = code.get(..error.location.start().to_usize()).unwrap_or_default();
                before.matches('\n').count() > usize::try_from(line.max(self.line)).unwrap_or(usize::MAX)
            }
        }
    }
}

/// Python shows the line without its indentation and an arrow below; the arrow counts characters.
fn column(line: &str, report: &str) -> Option<usize> {
    let shown: Vec<&str> = report.lines().collect();
    let arrow = shown
        .iter()
        .rposition(|line| line.contains('^') && line.chars().all(|sign| matches!(sign, ' ' | '^' | '~' | '\t')))?;
    let above = shown.get(arrow.checked_sub(1)?)?;
    let (shown_indent, indent) = (above.len() - above.trim_start().len(), line.len() - line.trim_start().len());
    let offset = shown[arrow].find('^')?.checked_sub(shown_indent)?;
    let stripped = line.trim_start();
    let bytes = stripped.char_indices().nth(offset).map_or(stripped.len(), |(at, _)| at);
    Some(indent + bytes)
}

/// What stands in single quotation marks, apostrophes aside.
pub(crate) fn quoted(message: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut begun: Option<usize> = None;
    let mut before = ' ';
    for (at, sign) in message.char_indices() {
        if sign == '\'' {
            let next = message[at + 1..].chars().next().unwrap_or(' ');
            match begun {
                Some(from) if !next.is_alphanumeric() => {
                    found.push(&message[from..at]);
                    begun = None;
                }
                None if !before.is_alphanumeric() => begun = Some(at + 1),
                _ => {}
            }
        }
        before = sign;
    }
    found
}
