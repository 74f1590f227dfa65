//! Finds what is wrong with a student's program, without running it and without a model.
//!
//! [`diagnose`] reads a program and the error it ended with. The error's meaning comes from the curriculum's table; what
//! is behind it in *this* program comes from the analyses in `cause/`, which look at the program's text and syntax tree:
//! a name spelled differently elsewhere, a function without `return`, a loop that runs one round too far. A [`Diagnosis`]
//! holds four hints, from a nudge to nearly the answer; the corrected line appears in the last one only.
//!
//! [`Ladder`] says which hint a student may see. [`wrong_result`] explains a result that differs from a test's, and
//! [`suspects`] ranks the lines that have most to do with failing tests.
//!
//! Everything here is a pure function of its input; hints never depend on who asks.

mod cause;
mod diagnosis;
mod guard;
mod ladder;
mod localise;
mod mistakes;
mod program;
mod site;
mod spelling;
mod tokens;
mod unraised;

pub use cause::Fix;
pub use diagnosis::{Diagnosis, STEPS, diagnose};
pub use ladder::{Ladder, TooFar};
pub use localise::{CaseRun, Suspect, ochiai, suspects};
pub use mistakes::{Mistake, mistakes};
pub use unraised::{Failed, Stopped, stopped, wrong_result};
