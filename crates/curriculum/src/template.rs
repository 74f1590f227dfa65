//! Placeholders: `{{name}}` in an exercise's texts stands for the value that a variation chose for the parameter `name`.

use std::collections::BTreeMap;

/// A `{{` that begins no placeholder, or a placeholder found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Braces<'a> {
    Placeholder(&'a str),
    Other,
}

/// Every `{{` of a text with its byte position. Two braces are never taken as Python's own: a misspelt placeholder such
/// as `{{ step }}` must not reach a student.
pub(crate) fn braces(text: &str) -> impl Iterator<Item = (usize, Braces<'_>)> {
    let mut position = 0;
    std::iter::from_fn(move || {
        let start = position + text[position..].find("{{")?;
        position = start + 2;
        let Some(name) = text[position..].split_once("}}").map(|(name, _)| name).filter(|name| is_name(name)) else {
            return Some((start, Braces::Other));
        };
        position += name.len() + 2;
        Some((start, Braces::Placeholder(name)))
    })
}

/// Whether a parameter may have this name: lower-case letters, digits and underscores, with a letter first.
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// The text with its placeholders replaced. The values are not searched for placeholders again.
pub(crate) fn fill(text: &str, values: &BTreeMap<String, String>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut copied = 0;
    for (start, found) in braces(text) {
        let Braces::Placeholder(name) = found else { continue };
        let Some(value) = values.get(name) else { continue };
        filled.push_str(&text[copied..start]);
        filled.push_str(value);
        copied = start + name.len() + 4;
    }
    filled.push_str(&text[copied..]);
    filled
}
