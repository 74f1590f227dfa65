//! code-execution: runs students' Python in a sandbox.
//!
//! - [`admission`]: who runs next, and who is sent away before the queue hurts;
//! - [`execution`]: the way of a program; [`program`]: requests and outcomes in the sandbox's words;
//! - [`service`], [`stream`], [`grade`], [`queue`]: the RPCs and the queue;
//! - [`level`]: `/ready/sandbox`, what the sandbox has in store;
//! - `fact`: students' runs as facts of their record; [`watch`]: the metrics.
#![allow(clippy::result_large_err, reason = "tonic's own error type")]
#![allow(missing_docs, reason = "a library for its own tests only")]

pub mod admission;
pub mod execution;
mod fact;
pub mod grade;
pub mod level;
pub mod program;
pub mod queue;
pub mod service;
pub mod stream;
pub mod watch;
