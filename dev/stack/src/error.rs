use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

/// Why the stack, or a part of it, could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading, writing or starting something failed.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// A tool or a binary is not there.
    #[error("{} is missing: run `{hint}`", path.display())]
    Missing {
        /// Where it was expected.
        path: PathBuf,
        /// The command that makes it.
        hint: String,
    },
    /// A file says something that makes no sense.
    #[error("{}: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// Another stack uses the same home.
    #[error("a stack already runs in {} (process {pid}): stop it with `make stop`", home.display())]
    Running {
        /// The home both want.
        home: PathBuf,
        /// The process that has it, 0 when unknown.
        pid: i32,
    },
    /// A port that the stack needs is taken.
    #[error("port {0} is in use: stop what listens there, or shift all ports with LEARNFLOW_PORT_OFFSET")]
    PortInUse(u16),
    /// A child process ended, or did not get ready in time.
    #[error("{name} {reason}\n{tail}(all of it in {})", log.display())]
    Child {
        /// The child's name, e.g. `triage-daprd`.
        name: String,
        /// What it did.
        reason: String,
        /// The last lines of its log.
        tail: String,
        /// Its log.
        log: PathBuf,
    },
    /// No child has this name.
    #[error("no process of the stack is called {0}")]
    Unknown(String),
    /// A step of the start failed.
    #[error("{step}: {message}")]
    Step {
        /// The step.
        step: String,
        /// What went wrong and what to do.
        message: String,
    },
}

impl Error {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    pub(crate) fn reading(path: &Path) -> impl FnOnce(io::Error) -> Self {
        Self::io(format!("cannot read {}", path.display()))
    }

    pub(crate) fn writing(path: &Path) -> impl FnOnce(io::Error) -> Self {
        Self::io(format!("cannot write {}", path.display()))
    }

    pub(crate) fn file(path: &Path, message: impl Display) -> Self {
        Self::File { path: path.to_owned(), message: message.to_string() }
    }

    pub(crate) fn step(step: impl Into<String>, message: impl Display) -> Self {
        Self::Step { step: step.into(), message: message.to_string() }
    }
}
