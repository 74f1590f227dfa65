//! The curriculum as data: eight modules of Python topics, read from a folder of TOML files and checked as a whole.
//!
//! The file format is described in `curriculum/README.md`. [`Curriculum::load`] reports every mistake it finds at once,
//! each with its file and line, so that a teacher can mend a new topic in one go.

mod errors;
mod level;
mod load;
mod markdown;
mod model;
mod source;
mod topic_file;

pub use errors::{ErrorEntry, ErrorExplanation};
pub use level::{Level, UnknownLevel};
pub use load::Curriculum;
pub use markdown::{CodeBlock, Expectation, FenceError, code_blocks};
pub use model::{Difficulty, Exercise, ExerciseTest, Misconception, Module, QuizQuestion, Topic};
pub use source::{CurriculumError, Problem};
