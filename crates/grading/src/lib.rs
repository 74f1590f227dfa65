//! Verdicts on students' programs, made where the programs cannot reach.
//!
//! A test's expected value is a Python literal ([`Value::parse`]). The value a function returned comes out of the
//! sandbox as tagged JSON ([`Value::from_tagged_json`]), which has built-in types only: no method of a student's class
//! takes part in a comparison. [`judge_value`] compares the two, [`judge_output`] compares printed text; each says in a
//! sentence for the student what differs.
//!
//! ```
//! use learnflow_grading::{Comparison, Value, judge_value};
//!
//! let expected = Value::parse("[1, 2]")?;
//! let actual = Value::from_tagged_json(r#"{"t":"list","v":[{"t":"int","v":"2"},{"t":"int","v":"1"}]}"#)?;
//! let verdict = judge_value(&expected, &actual, Comparison::Exact, true);
//! assert_eq!(verdict.message.unwrap(), "expected [1, 2], got [2, 1]: the same items in another order");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! Everything here is a pure function, and takes time in proportion to the size of its input.

mod compare;
mod explain;
mod json;
mod literal;
mod order;
mod output;
mod print;
mod tagged;
mod value;

pub use compare::{Comparison, Verdict, equal, judge_value};
pub use literal::LiteralError;
pub use output::{OutputComparison, judge_output};
pub use tagged::DecodeError;
pub use value::{MAX_DEPTH, Text, Value};
