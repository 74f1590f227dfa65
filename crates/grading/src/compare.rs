use std::{cmp::Ordering, str::FromStr};

use crate::{
    explain,
    order::{approximation, canonical, order},
    value::Value,
};

/// How far apart numbers may be for [`Comparison::Approximate`]: in relation to the larger one, or at all.
const RELATIVE: f64 = 1e-6;
const ABSOLUTE: f64 = 1e-9;

/// When a value counts as the expected one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Comparison {
    /// The same type and value: 1 is neither `True` nor 1.0. Not-a-number equals itself, and both zeros are one.
    #[default]
    Exact,
    /// As exact, but ints and floats are numbers alike, and floats may differ by a relative 1e-6 or an absolute 1e-9,
    /// also within containers. Keys of dictionaries are compared exactly.
    Approximate,
    /// The items of a list or tuple may come in any order; each is compared exactly.
    Unordered,
}

impl FromStr for Comparison {
    type Err = String;

    /// "exact", "approximate" or "unordered"; empty is exact.
    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "" | "exact" => Ok(Self::Exact),
            "approximate" => Ok(Self::Approximate),
            "unordered" => Ok(Self::Unordered),
            _ => Err(format!("{word:?} is not one of exact, approximate, unordered")),
        }
    }
}

/// What is said of one test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the program gave what was expected.
    pub passed: bool,
    /// A sentence for the student on what differs. Only for a visible test that did not pass: it quotes what was
    /// expected.
    pub message: Option<String>,
}

impl Verdict {
    pub(crate) fn new(passed: bool, visible: bool, message: impl FnOnce() -> String) -> Self {
        Self { passed, message: (!passed && visible).then(message) }
    }
}

/// Judges a function's value.
pub fn judge_value(expected: &Value, actual: &Value, comparison: Comparison, visible: bool) -> Verdict {
    Verdict::new(equal(expected, actual, comparison), visible, || explain::value(expected, actual, comparison))
}

/// Whether two values are equal; what could not be read is equal to nothing, not even to itself.
pub fn equal(one: &Value, other: &Value, comparison: Comparison) -> bool {
    canonical_equal(&canonical(one), &canonical(other), comparison)
}

/// As `equal`, for canonical values.
pub(crate) fn canonical_equal(one: &Value, other: &Value, comparison: Comparison) -> bool {
    if !(is_known(one) && is_known(other)) {
        return false;
    }
    match (comparison, one, other) {
        (Comparison::Approximate, ..) => approximately(one, other),
        (Comparison::Unordered, Value::List(a), Value::List(b))
        | (Comparison::Unordered, Value::Tuple(a), Value::Tuple(b)) => {
            let sorted = |items: &[Value]| {
                let mut items = items.to_vec();
                items.sort_by(order);
                Value::List(items)
            };
            a.len() == b.len() && order(&sorted(a), &sorted(b)).is_eq()
        }
        _ => order(one, other).is_eq(),
    }
}

/// Whether all of a value is of built-in types.
fn is_known(value: &Value) -> bool {
    match value {
        Value::List(items) | Value::Tuple(items) | Value::Set(items) | Value::FrozenSet(items) => {
            items.iter().all(is_known)
        }
        Value::Dict(entries) => entries.iter().all(|(key, value)| is_known(key) && is_known(value)),
        Value::Other { .. } | Value::Cycle | Value::TooLarge => false,
        _ => true,
    }
}

/// Compares canonical values. Sets are compared in their order, which is that of the numbers.
fn approximately(one: &Value, other: &Value) -> bool {
    let all = |one: &[Value], other: &[Value]| {
        one.len() == other.len() && one.iter().zip(other).all(|(one, other)| approximately(one, other))
    };
    match (one, other) {
        (Value::Int(one), Value::Int(other)) => one == other,
        (Value::Int(_) | Value::Float(_), Value::Int(_) | Value::Float(_)) => {
            close(approximation(one), approximation(other))
        }
        (Value::Complex(a, b), Value::Complex(c, d)) => close(*a, *c) && close(*b, *d),
        (Value::List(one), Value::List(other))
        | (Value::Tuple(one), Value::Tuple(other))
        | (Value::Set(one), Value::Set(other))
        | (Value::FrozenSet(one), Value::FrozenSet(other)) => all(one, other),
        (Value::Dict(one), Value::Dict(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|((key, value), (other_key, other_value))| {
                    order(key, other_key) == Ordering::Equal && approximately(value, other_value)
                })
        }
        _ => order(one, other).is_eq(),
    }
}

#[allow(clippy::float_cmp, reason = "equal infinities are equal")]
fn close(one: f64, other: f64) -> bool {
    one == other
        || one.is_nan() && other.is_nan()
        || one.is_finite()
            && other.is_finite()
            && (one - other).abs() <= f64::max(RELATIVE * one.abs().max(other.abs()), ABSOLUTE)
}
