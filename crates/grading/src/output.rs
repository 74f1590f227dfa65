use std::str::FromStr;

use crate::{
    compare::Verdict,
    explain::{quoted_text, text},
};

/// When printed text counts as the expected one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutputComparison {
    /// Every character counts.
    Exact,
    /// White space at the ends of lines and empty lines at the end do not count.
    #[default]
    TrailingWhitespace,
    /// Any run of white space is as good as any other; at both ends it does not count.
    Whitespace,
}

impl FromStr for OutputComparison {
    type Err = String;

    /// "exact", "`trailing_whitespace`" or "whitespace"; empty is "`trailing_whitespace`".
    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "exact" => Ok(Self::Exact),
            "" | "trailing_whitespace" => Ok(Self::TrailingWhitespace),
            "whitespace" => Ok(Self::Whitespace),
            _ => Err(format!("{word:?} is not one of exact, trailing_whitespace, whitespace")),
        }
    }
}

/// Judges what a program printed.
pub fn judge_output(expected: &str, actual: &str, comparison: OutputComparison, visible: bool) -> Verdict {
    let passed = match comparison {
        OutputComparison::Exact => expected == actual,
        OutputComparison::TrailingWhitespace => lines(expected) == lines(actual),
        OutputComparison::Whitespace => expected.split_whitespace().eq(actual.split_whitespace()),
    };
    Verdict::new(passed, visible, || explain(expected, actual, comparison))
}

/// Lines without what stands at their ends, up to the last one with text.
fn lines(text: &str) -> Vec<&str> {
    text.trim_end().lines().map(str::trim_end).collect()
}

fn explain(expected: &str, actual: &str, comparison: OutputComparison) -> String {
    if actual.trim().is_empty() && !expected.trim().is_empty() {
        return format!("the program printed nothing; expected {}", quoted_text(expected));
    }
    let whole = || format!("expected {}, got {}", quoted_text(expected), quoted_text(actual));
    if comparison == OutputComparison::Exact && lines(expected) == lines(actual) {
        return format!("{}: only the ends of lines differ", whole());
    }
    let (one, other): (Vec<_>, Vec<_>) = if comparison == OutputComparison::Whitespace {
        (expected.split_whitespace().collect(), actual.split_whitespace().collect())
    } else {
        (lines(expected), lines(actual))
    };
    let unit = if comparison == OutputComparison::Whitespace { "word" } else { "line" };
    let at = one.iter().zip(&other).take_while(|(one, other)| one == other).count();
    let number = at + 1;
    let mut message = match (one.get(at), other.get(at)) {
        (Some(one), Some(other)) => {
            format!("{unit} {number} should be {}, not {}", quoted_text(one), quoted_text(other))
        }
        (Some(one), None) => format!("{unit} {number} is missing: {}", quoted_text(one)),
        (None, Some(other)) => format!("{unit} {number} is too much: {}", quoted_text(other)),
        (None, None) => whole(),
    };
    if let Some(reason) = text(expected, actual) {
        message.extend([" (", &reason, ")"]);
    }
    message
}
