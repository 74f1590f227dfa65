//! A total order of values, by which sets and dictionaries can be compared in the time of a sort.

use std::cmp::Ordering;

use num_bigint::BigInt;
use num_integer::Integer as _;
use num_traits::{Signed as _, ToPrimitive as _, Zero as _};

use crate::Value;

/// The same value with sets and dictionaries in order, and one zero. Done once, from the inside out, so that comparing
/// never sorts again: otherwise a nest of small sets would take exponential time.
pub(crate) fn canonical(value: &Value) -> Value {
    let all = |items: &[Value]| items.iter().map(canonical).collect::<Vec<_>>();
    let sorted = |items: &[Value]| {
        let mut items = all(items);
        items.sort_by(order);
        items
    };
    match value {
        Value::Float(number) => Value::Float(one_zero(*number)),
        Value::Complex(real, imaginary) => Value::Complex(one_zero(*real), one_zero(*imaginary)),
        Value::List(items) => Value::List(all(items)),
        Value::Tuple(items) => Value::Tuple(all(items)),
        Value::Set(items) => Value::Set(sorted(items)),
        Value::FrozenSet(items) => Value::FrozenSet(sorted(items)),
        Value::Dict(entries) => {
            let mut entries: Vec<_> = entries.iter().map(|(key, value)| (canonical(key), canonical(value))).collect();
            entries.sort_by(|(one, _), (other, _)| order(one, other));
            Value::Dict(entries)
        }
        Value::Range(range) => Value::Range(Box::new(canonical_range(range))),
        other => other.clone(),
    }
}

/// Ranges are equal when they hold the same numbers, as Python has it: all empty ones are one.
fn canonical_range([first, end, step]: &[BigInt; 3]) -> [BigInt; 3] {
    let one = BigInt::from(1);
    let last_before = if step.is_positive() { end - &one } else { end + &one };
    let steps = (last_before - first).div_floor(step);
    if steps.is_negative() {
        [BigInt::ZERO, BigInt::ZERO, one]
    } else if steps.is_zero() {
        [first.clone(), first + &one, one]
    } else {
        [first.clone(), first + (steps + one) * step, step.clone()]
    }
}

fn one_zero(number: f64) -> f64 {
    if number == 0.0 { 0.0 } else { number }
}

/// Compares canonical values; `Equal` means the same type and value. Ints and floats are in the order of their values, so
/// that sets which differ in roundings only line up.
pub(crate) fn order(one: &Value, other: &Value) -> Ordering {
    match (one, other) {
        (Value::None, Value::None) | (Value::Cycle, Value::Cycle) | (Value::TooLarge, Value::TooLarge) => {
            Ordering::Equal
        }
        (Value::Bool(one), Value::Bool(other)) => one.cmp(other),
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Int(_) | Value::Float(_), Value::Int(_) | Value::Float(_)) => {
            number_order(approximation(one), approximation(other))
                .then_with(|| matches!(one, Value::Float(_)).cmp(&matches!(other, Value::Float(_))))
        }
        (Value::Complex(a, b), Value::Complex(c, d)) => number_order(*a, *c).then_with(|| number_order(*b, *d)),
        (Value::Str(one), Value::Str(other)) => one.cmp(other),
        (Value::Bytes(one), Value::Bytes(other)) | (Value::ByteArray(one), Value::ByteArray(other)) => one.cmp(other),
        (Value::List(one), Value::List(other))
        | (Value::Tuple(one), Value::Tuple(other))
        | (Value::Set(one), Value::Set(other))
        | (Value::FrozenSet(one), Value::FrozenSet(other)) => items_order(one.iter(), other.iter(), order),
        (Value::Dict(one), Value::Dict(other)) => {
            items_order(one.iter(), other.iter(), |(k, v), (l, w)| order(k, l).then_with(|| order(v, w)))
        }
        (Value::Range(one), Value::Range(other)) => one.cmp(other),
        (Value::Other { kind, repr }, Value::Other { kind: other_kind, repr: other_repr }) => {
            (kind, repr).cmp(&(other_kind, other_repr))
        }
        _ => rank(one).cmp(&rank(other)),
    }
}

fn items_order<T>(
    one: impl ExactSizeIterator<Item = T>,
    other: impl ExactSizeIterator<Item = T>,
    compare: impl Fn(T, T) -> Ordering,
) -> Ordering {
    let lengths = one.len().cmp(&other.len());
    lengths.then_with(|| {
        one.zip(other).map(|(one, other)| compare(one, other)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    })
}

/// As `f64::total_cmp`, but any not-a-number is one and the same, above all others.
fn number_order(one: f64, other: f64) -> Ordering {
    one.partial_cmp(&other).unwrap_or_else(|| one.is_nan().cmp(&other.is_nan()))
}

/// An int or float as the nearest float.
pub(crate) fn approximation(value: &Value) -> f64 {
    match value {
        Value::Int(number) => number.to_f64().unwrap_or(f64::NAN),
        Value::Float(number) => *number,
        _ => f64::NAN,
    }
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::None => 0,
        Value::Bool(_) => 1,
        Value::Int(_) | Value::Float(_) => 2,
        Value::Complex(..) => 3,
        Value::Str(_) => 4,
        Value::Bytes(_) => 5,
        Value::ByteArray(_) => 6,
        Value::List(_) => 7,
        Value::Tuple(_) => 8,
        Value::Set(_) => 9,
        Value::FrozenSet(_) => 10,
        Value::Dict(_) => 11,
        Value::Range(_) => 12,
        Value::Other { .. } => 13,
        Value::Cycle => 14,
        Value::TooLarge => 15,
    }
}
