//! The curriculum as data: eight modules of Python topics, read from a folder of TOML files and checked as a whole.
//!
//! The file format is described in `curriculum/README.md`. [`Curriculum::load`] reports every mistake it finds at once,
//! each with its file and line, so that a teacher can mend a new topic in one go.

mod errors;
mod exercise;
mod exercise_file;
mod level;
mod load;
mod markdown;
mod model;
mod quiz;
mod random_tests;
mod source;
mod template;
mod topic_file;
mod variation;

pub use errors::{ErrorEntry, ErrorExplanation};
pub use exercise::{Comparison, Difficulty, Exercise, ExerciseTest, Parameter, RandomTest, TestInput, WrongSolution};
pub use level::{Level, UnknownLevel};
pub use load::Curriculum;
pub use markdown::{CodeBlock, Expectation, FenceError, code_blocks};
pub use model::{Misconception, Module, Topic};
pub use quiz::{Asks, QuizOption, QuizQuestion};
pub use random_tests::InputsError;
pub use source::{CurriculumError, Problem};
pub use variation::Variation;
