//! Sentences for students on what differs.

use std::fmt::Write as _;

use crate::{
    compare::{Comparison, canonical_equal as equal},
    order::{canonical, order},
    value::{Text, Value},
};

/// Characters of a value that a message quotes.
const QUOTED: usize = 120;
/// Levels of containers that a message leads through.
const LEVELS: usize = 8;

/// What differs between a value and the expected one.
pub(crate) fn value(expected: &Value, actual: &Value, comparison: Comparison) -> String {
    let mut message = format!("expected {}, got {}", quoted(expected), quoted(actual));
    let (expected, actual) = (canonical(expected), canonical(actual));
    let (path, inner_expected, inner_actual) = locate(&expected, &actual, comparison);
    let reason = reason(inner_expected, inner_actual, comparison);
    match (path.is_empty(), reason) {
        (true, None) => {}
        (true, Some(reason)) => message.extend([": ", &reason]),
        (false, reason) => {
            let _ = write!(message, ": at {path}, expected {}, got {}", quoted(inner_expected), quoted(inner_actual));
            message.extend(reason.map(|reason| format!(" ({reason})")));
        }
    }
    message
}

/// A value as Python writes it, shortened.
pub(crate) fn quoted(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A text as Python writes it, shortened.
pub(crate) fn quoted_text(text: &str) -> String {
    quoted(&Value::Str(Text::from(text)))
}

/// Goes down to the first place that differs, as long as the containers on the way have the same form. All values here
/// are canonical, so that keys can be searched.
fn locate<'v>(expected: &'v Value, actual: &'v Value, comparison: Comparison) -> (String, &'v Value, &'v Value) {
    let mut path = String::new();
    let (mut expected, mut actual) = (expected, actual);
    // Where order does not count, no place can be named.
    if comparison == Comparison::Unordered {
        return (path, expected, actual);
    }
    for _ in 0..LEVELS {
        let next = match (expected, actual) {
            (Value::List(one), Value::List(other)) | (Value::Tuple(one), Value::Tuple(other))
                if one.len() == other.len() && !equal(expected, actual, Comparison::Unordered) =>
            {
                let mut pairs = one.iter().zip(other).enumerate();
                pairs
                    .find(|(_, (one, other))| !equal(one, other, comparison))
                    .map(|(index, (one, other))| (format!("[{index}]"), one, other))
            }
            (Value::Dict(one), Value::Dict(other)) if missing(one, other).or(missing(other, one)).is_none() => {
                one.iter().find_map(|(key, value)| {
                    let found = lookup(other, key)?;
                    (!equal(value, found, comparison)).then(|| (format!("[{}]", quoted(key)), value, found))
                })
            }
            _ => None,
        };
        let Some((step, next_expected, next_actual)) = next else { break };
        path.push_str(&step);
        (expected, actual) = (next_expected, next_actual);
    }
    (path, expected, actual)
}

fn lookup<'v>(entries: &'v [(Value, Value)], key: &Value) -> Option<&'v Value> {
    entries.binary_search_by(|(candidate, _)| order(candidate, key)).ok().map(|index| &entries[index].1)
}

/// The first key that only the first dictionary has.
fn missing<'v>(one: &'v [(Value, Value)], other: &[(Value, Value)]) -> Option<&'v Value> {
    one.iter().map(|(key, _)| key).find(|key| lookup(other, key).is_none())
}

fn reason(expected: &Value, actual: &Value, comparison: Comparison) -> Option<String> {
    let of_type = |value: &Value| match value.type_name() {
        "None" => "None".to_owned(),
        name if name.starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O', 'U']) => format!("an {name}"),
        name => format!("a {name}"),
    };
    match (expected, actual) {
        (_, Value::Cycle) => Some("it contains itself".to_owned()),
        (_, Value::TooLarge) => Some("it is too large to be compared".to_owned()),
        (Value::None, _) => Some("nothing should be returned".to_owned()),
        (_, Value::None) => Some("nothing was returned: is a return missing?".to_owned()),
        (Value::Int(_), Value::Float(_)) | (Value::Float(_), Value::Int(_))
            if comparison == Comparison::Approximate =>
        {
            None
        }
        (Value::Str(one), Value::Str(other)) => text(&one.to_string_lossy(), &other.to_string_lossy()),
        (Value::List(one), Value::List(other)) | (Value::Tuple(one), Value::Tuple(other)) => {
            if one.len() != other.len() {
                Some(format!("{} instead of {}", counted(other.len(), "item"), one.len()))
            } else if comparison != Comparison::Unordered && equal(expected, actual, Comparison::Unordered) {
                Some("the same items in another order".to_owned())
            } else {
                None
            }
        }
        (Value::Set(one), Value::Set(other)) | (Value::FrozenSet(one), Value::FrozenSet(other)) => {
            let keys = |items: &[Value]| items.iter().map(|item| (item.clone(), Value::None)).collect::<Vec<_>>();
            keyed(&keys(one), &keys(other))
        }
        (Value::Dict(one), Value::Dict(other)) => keyed(one, other),
        (Value::Float(_), Value::Float(_)) if equal(expected, actual, Comparison::Approximate) => {
            Some("very close, but not the same: is it rounded where it should be?".to_owned())
        }
        (expected, actual) if expected.type_name() != actual.type_name() => {
            Some(format!("{}, not {}", of_type(actual), of_type(expected)))
        }
        _ => None,
    }
}

fn keyed(expected: &[(Value, Value)], actual: &[(Value, Value)]) -> Option<String> {
    let lacking = missing(expected, actual).map(|key| format!("{} is missing", quoted(key)));
    let extra = missing(actual, expected).map(|key| format!("{} is too much", quoted(key)));
    let reasons: Vec<_> = [lacking, extra].into_iter().flatten().collect();
    (!reasons.is_empty()).then(|| reasons.join(", "))
}

/// What differs between two texts, if that can be said in a word.
pub(crate) fn text(expected: &str, actual: &str) -> Option<String> {
    let squeezed = |text: &str| text.split_whitespace().collect::<String>();
    if expected.to_lowercase() == actual.to_lowercase() {
        Some("upper and lower case differ".to_owned())
    } else if squeezed(expected) == squeezed(actual) {
        Some("only the spaces or line breaks differ".to_owned())
    } else {
        None
    }
}

fn counted(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
