//! Runs a student's Python program in a one-shot nsjail and reports what it did.
//!
//! Every run gets a jail of its own: all namespaces new, a read-only root with nothing but the
//! interpreter, a private `/tmp`, no network, a system call filter, limits on memory, processes,
//! files and output. The jail is thrown away afterwards, so nothing is kept between runs.
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
//! over descriptors only. Inside, `init` is the first process and alone holds the descriptor the
//! report is written to; `bootstrap.py` runs the program.

mod cgroup;
mod config;
mod error;
mod exchange;
mod image;
mod jail;
mod outcome;
mod output;
mod program;
mod python;
mod sandbox;
mod supervisor;
mod sys;

pub use cgroup::Mode;
pub use config::SandboxConfig;
pub use error::SandboxError;
pub use outcome::{Outcome, Status};
pub use program::{InvalidProgram, MAX_MEMORY_MB, MAX_TIME, MIN_MEMORY_MB, Program, SourceFile};
pub use sandbox::Sandbox;
