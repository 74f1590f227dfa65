//! Small programs with one mistake each, and how it is put right: one for every message of Python's parser and compiler,
//! and for the usual errors of running programs. Students see them as examples of the same kind.

use std::sync::LazyLock;

static MISTAKES: LazyLock<Vec<Mistake>> = LazyLock::new(|| {
    let files = [include_str!("../mistakes/syntax.txt"), include_str!("../mistakes/runtime.txt")];
    files.into_iter().flat_map(read).collect()
});

/// A mistake and its correction.
#[derive(Clone, Copy, Debug)]
pub struct Mistake {
    /// The error's type and message, where `*` stands for anything.
    pub error: &'static str,
    /// A program that ends with this error; none where such a program is too long to be shown.
    pub broken: Option<&'static str>,
    /// The program without the mistake.
    pub fixed: &'static str,
}

/// All mistakes, in the order in which they are tried.
pub fn mistakes() -> &'static [Mistake] {
    &MISTAKES
}

impl Mistake {
    /// The first mistake that ends with this error.
    pub(crate) fn of(error_type: &str, message: &str) -> Option<&'static Self> {
        let error = format!("{error_type}: {message}");
        mistakes().iter().find(|mistake| fits(mistake.error, &error))
    }
}

fn read(file: &'static str) -> impl Iterator<Item = Mistake> {
    file.split("=== ").skip(1).filter_map(|block| {
        let (error, programs) = block.split_once('\n')?;
        let (broken, fixed) = programs.split_once("---\n")?;
        Some(Mistake { error, broken: Some(broken).filter(|text| !text.starts_with("(not written out)")), fixed })
    })
}

/// Whether a text is of the form that a pattern with `*` describes.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let parts: Vec<&str> = rest.split('*').collect();
    let Some((last, middle)) = parts.split_last() else { return true };
    for part in middle {
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit() {
        assert!(fits("a*c", "abc") && fits("a*", "a") && fits("*b*", "abc") && fits("a", "a"));
        assert!(!fits("a*c", "abd") && !fits("a", "ab") && !fits("a*b*c", "acb"));
        let found = Mistake::of("TypeError", "can only concatenate str (not \"int\") to str").unwrap();
        assert!(found.fixed.contains("str(age)"), "{found:?}");
    }
}
