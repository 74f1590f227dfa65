//! The RPCs over a real sandbox.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod attacks;
mod grading;
mod load;
mod runs;
#[path = "../../../../crates/sandbox/tests/support/mod.rs"]
mod sandbox;
mod support;
