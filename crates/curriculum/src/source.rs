//! Files being read, and the mistakes found in them.

use std::{
    fmt, fs,
    ops::Range,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;

/// One mistake: where it is and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as a path that starts with the one given to [`crate::Curriculum::load`].
    pub file: PathBuf,
    /// The line in the file, from 1.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.reason)
    }
}

/// The curriculum can't be used. Carries every mistake found, never none.
#[derive(Debug, thiserror::Error)]
pub struct CurriculumError {
    /// The mistakes, in the order of the files.
    pub problems: Vec<Problem>,
}

impl fmt::Display for CurriculumError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the curriculum has {} mistake(s)", self.problems.len())?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n{problem}"))
    }
}

/// A file's path and text, to turn byte positions into lines.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl Source {
    pub(crate) fn read(path: &Path) -> Result<Self, Problem> {
        match fs::read_to_string(path) {
            Ok(text) => Ok(Self { path: path.to_owned(), text }),
            Err(error) => {
                Err(Problem { file: path.to_owned(), line: 1, reason: format!("the file can't be read: {error}") })
            }
        }
    }

    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        toml::from_str(&self.text)
            .map_err(|error| self.problem(error.span().unwrap_or_default(), error.message().to_owned()))
    }

    pub(crate) fn problem(&self, span: Range<usize>, reason: impl Into<String>) -> Problem {
        Problem { file: self.path.clone(), line: self.line(span.start), reason: reason.into() }
    }

    pub(crate) fn problem_at(&self, position: usize, reason: String) -> Problem {
        self.problem(position..position, reason)
    }

    /// The line of a byte position, from 1.
    fn line(&self, position: usize) -> usize {
        self.text.bytes().take(position).filter(|&byte| byte == b'\n').count() + 1
    }

    /// The line in the file of line `offset` (from 0) of the multi-line string that spans `span`.
    pub(crate) fn line_inside(&self, span: Range<usize>, offset: usize) -> usize {
        let raw = self.text.get(span.clone()).unwrap_or_default();
        // A line break right after the opening quotes isn't part of the string.
        let skipped = usize::from(["'''\n", "\"\"\"\n"].iter().any(|quotes| raw.starts_with(quotes)));
        self.line(span.start) + offset + skipped
    }
}

pub(crate) fn is_kebab_case(id: &str) -> bool {
    id.split('-').all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
}

/// The 64-bit FNV-1a hash: enough to notice a change, stable over machines and releases.
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
