//! Runs a student's Python program in a one-shot nsjail and reports what it did.
//!
//! Every run gets a jail of its own: all namespaces new, a read-only root with nothing but the
//! interpreter, a private `/tmp`, no network, a system call filter, limits on memory, processes,
//! files and output. The jail is thrown away afterwards, so nothing is kept between runs.
//!
//! Jails are made ahead of the programs: the interpreter of a waiting jail is started and reads a
//! program, so that a run costs the handing over and not the start. Used jails are replaced while
//! nothing runs; a program that finds none waits for the next one.
//!
//! ```no_run
//! # async fn example() -> Result<(), learnflow_sandbox::SandboxError> {
//! use learnflow_sandbox::{Program, Sandbox, SandboxConfig};
//!
//! let sandbox = Sandbox::new(SandboxConfig::default())?;
//! let outcome = sandbox.run(Program::new("print('hello')")).await?;
//! assert_eq!(outcome.stdout, "hello\n");
//! # Ok(()) }
//! ```
//!
//! The host touches no path that a program can influence: program, input, output and report travel
//! over descriptors only. Inside, `init` is the first process and alone holds the socket to the
//! service; `bootstrap.py` runs the program.

mod cgroup;
mod clock;
mod config;
mod control;
mod error;
mod exchange;
mod feed;
mod grade;
mod grading;
mod image;
mod keeper;
mod outcome;
mod output;
mod pool;
mod program;
mod python;
mod run;
mod sandbox;
mod slot;
mod starting;
mod sys;

pub use cgroup::Mode;
pub use config::SandboxConfig;
pub use error::SandboxError;
pub use grade::{Case, CaseKind, CaseOutcome, MAX_CASES};
pub use outcome::{Limit, Outcome, Status};
pub use pool::PoolStatus;
pub use program::{InvalidProgram, MAX_MEMORY_MB, MAX_OPEN_TIME, MAX_TIME, MIN_MEMORY_MB, Program, SourceFile, Stdin};
pub use run::{Event, Run};
pub use sandbox::Sandbox;
