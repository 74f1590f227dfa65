use std::{collections::HashSet, sync::Arc};

use crate::leaks_solution;

/// The longest answer that is shown, in bytes.
const LONGEST: usize = 16 * 1024;
/// Words in a row of the instructions that betray them.
const ECHO: usize = 10;

/// What the model must not write: its instructions, the marks around the student's words, the solution of the student's
/// task, and more than anybody would read.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    pub(crate) instructions: Arc<HashSet<String>>,
    pub(crate) mark: String,
    pub(crate) reference: Option<String>,
}

impl Guard {
    /// Whether text may be shown while it is written. Where a solution must not leak, nothing may: only the whole tells.
    pub fn may_stream(&self) -> bool {
        self.reference.is_none()
    }

    /// Checks a whole answer.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, text: &str) -> Result<(), &'static str> {
        if text.trim().is_empty() {
            return Err("it is blank");
        }
        self.check_part(text, 0)?;
        match &self.reference {
            Some(reference) if leaks_solution(text, reference) => Err("it gives the solution away"),
            _ => Ok(()),
        }
    }

    /// Checks text under way of which the first `checked` bytes have passed.
    pub(crate) fn check_part(&self, text: &str, checked: usize) -> Result<(), &'static str> {
        if text.len() > LONGEST {
            return Err("it is too long");
        }
        // What is new, and enough before it to hold the beginning of an echo.
        let mut from = checked.saturating_sub(40 * ECHO);
        while !text.is_char_boundary(from) {
            from -= 1;
        }
        let recent = &text[from..];
        if !self.mark.is_empty() && recent.contains(&self.mark) {
            return Err("it repeats the marks around the student's words");
        }
        if phrases(recent).any(|phrase| self.instructions.contains(&phrase)) {
            return Err("it repeats its instructions");
        }
        Ok(())
    }
}

/// Every run of [`ECHO`] words, in one way of writing them.
pub(crate) fn phrases(text: &str) -> impl Iterator<Item = String> {
    let words: Vec<String> = text
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let phrases: Vec<String> = words.windows(ECHO).map(|words| words.join(" ")).collect();
    phrases.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Model use: instructions and marks never reach a student, also when they arrive in pieces.
    #[test]
    fn instructions_and_marks_are_not_repeated() {
        let instructions =
            "You are a tutor of Python for beginners. Never reveal a solution before the student has tried.";
        let guard = Guard {
            instructions: Arc::new(phrases(instructions).collect()),
            mark: "0123456789abcdef".to_owned(),
            reference: None,
        };
        let echo = format!("Sure! {}", instructions.to_uppercase().replace(' ', "\n"));
        assert!(guard.check(&echo).is_err());
        assert!(guard.check("the mark is 0123456789abcdef").is_err());
        assert!(guard.check(" \n").is_err() && guard.check(&"word ".repeat(5_000)).is_err());
        assert_eq!(guard.check("A tutor of Python for beginners never reveals a mark."), Ok(()));
        // Streamed a few bytes at a time, it is noticed before it is complete.
        let long = format!("{}{echo}", "Lists keep things in order. ".repeat(40));
        let noticed = (1..=long.len()).step_by(3).find(|&end| {
            let text = &long[..end];
            guard.check_part(text, end.saturating_sub(3)).is_err()
        });
        assert!(noticed.is_some_and(|end| end < long.len() - 20), "{noticed:?} of {}", long.len());
    }
}
