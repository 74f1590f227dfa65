//! Causes and hints in words that fit the student's program, by the model. What they say is settled before: the model may
//! say it better, but tell no more.

use std::time::Duration;

use learnflow_curriculum::Level;
use learnflow_diagnosis::{Diagnosis, STEPS};
use learnflow_model::{Material, ModelTutor, Prompt, Shape, StudentData, Tier};
use serde::Deserialize;

/// The longest that is shown of either, in bytes.
const LONGEST: usize = 1_500;

/// Words diagnoses. Cheap to clone.
#[derive(Clone)]
pub struct Wording {
    model: ModelTutor,
    prompt: std::sync::Arc<(Prompt, Shape)>,
}

/// For whom, and about what.
pub struct Asked<'a> {
    pub student_id: &'a str,
    pub text: &'a str,
    pub code: &'a str,
    pub error: Option<&'a str>,
    pub level: Level,
    /// The step of the ladder, from 1.
    pub step: u32,
    /// How long the student may be kept waiting for it.
    pub patience: Duration,
}

/// What the model writes.
#[derive(Deserialize)]
struct Words {
    root_cause: String,
    hint: String,
}

impl Wording {
    pub fn new(model: ModelTutor) -> Self {
        Self { model, prompt: std::sync::Arc::new(Prompt::debug()) }
    }

    /// Puts the cause and the hint of one step into words of their own. Says who wrote them: "model", or "builtin" where
    /// they stayed as they were.
    pub async fn reword(&self, diagnosis: &mut Diagnosis, asked: Asked<'_>) -> &'static str {
        let place = (asked.step.clamp(1, STEPS) - 1) as usize;
        if !self.model.is_configured() {
            return "builtin";
        }
        let step = format!("{} of {STEPS}", asked.step);
        let line = diagnosis.line.to_string();
        let mut material: Material<'_> = vec![
            ("Level", asked.level.as_str()),
            ("Error", &diagnosis.error_type),
            ("Message", &diagnosis.message),
            ("What is behind it", &diagnosis.root_cause),
            ("Step", &step),
            ("Hint", &diagnosis.hints[place]),
        ];
        // Where it is, is what the second step tells.
        if asked.step > 1 || !diagnosis.error_type.is_empty() {
            material.push(("Line", &line));
        }
        material.retain(|(_, text)| !text.trim().is_empty());
        let is_last = asked.step == STEPS;
        let fix = diagnosis.solution.as_ref().filter(|_| !is_last).map(|fix| fix.text.clone());
        let student = StudentData { text: asked.text, code: Some(asked.code), error: asked.error };
        let (prompt, shape) = &*self.prompt;
        let call = prompt.call(&material, Some(student), Tier::Strong, *shape, fix.as_deref());
        let seen = [asked.code, asked.error.unwrap_or(""), &diagnosis.message, &diagnosis.root_cause].join("\n")
            + &diagnosis.hints[place];
        let shown = |words: &Words| format!("{}\n\n{}", words.root_cause, words.hint);
        let words = self.model.structured("debug", asked.student_id, &call, asked.patience, shown).await;
        match words.filter(|words| is_fit(words, is_last, fix.as_deref(), &seen)) {
            Some(Words { root_cause, hint }) => {
                diagnosis.root_cause = root_cause;
                diagnosis.hints[place] = hint;
                "model"
            }
            None => "builtin",
        }
    }
}

/// Whether words may be shown: they say something, and before the last step they show no code to copy: no block, not the
/// corrected line, and no piece of code that the student hasn't `seen` yet, but for names.
fn is_fit(words: &Words, is_last: bool, fix: Option<&str>, seen: &str) -> bool {
    let squeezed = |text: &str| text.split_whitespace().collect::<String>();
    let (fix, seen) = (fix.map(squeezed).filter(|fix| !fix.is_empty()), squeezed(seen));
    let is_new = |code: &str| {
        let code = squeezed(code);
        let is_name = code.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '.' | '\'' | '"'));
        !is_name && !seen.contains(&code)
    };
    [(&words.root_cause, false), (&words.hint, is_last)].into_iter().all(|(text, may_show)| {
        let has_size = (10..=LONGEST).contains(&text.trim().len());
        let has_block =
            text.contains("```") || text.contains("~~~") || text.lines().any(|line| line.starts_with("    "));
        // Every second piece between backticks is code.
        let has_new = text.split('`').skip(1).step_by(2).any(is_new);
        let tells = fix.as_deref().is_some_and(|fix| squeezed(text).contains(fix));
        has_size && (may_show || !(has_block || has_new || tells))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(root_cause: &str, hint: &str) -> Words {
        Words { root_cause: root_cause.to_owned(), hint: hint.to_owned() }
    }

    /// FR-019: whoever words a hint, no code to copy comes before the last step.
    #[test]
    fn words_tell_no_more_than_their_step() {
        let fix = Some("total = total + price");
        let cause = "`total` is set anew in every round.";
        let seen = "for price in prices:\n    total = price\n";
        let good = words(cause, "Which value has `total` after two rounds of `for price in prices`?");
        assert!(is_fit(&good, false, fix, seen) && is_fit(&good, false, None, seen));
        for hint in [
            "Write total=total + price there.",
            "Write `total += price` there.",
            "Like so:\n```python\ntotal += price\n```",
            "Like so:\n\n    total += price",
            "",
            "Look.",
            &"word ".repeat(400),
        ] {
            assert!(!is_fit(&words(cause, hint), false, fix, seen), "{hint}");
            assert!(!is_fit(&words(hint, "Which value has `total` after two rounds?"), false, fix, seen), "{hint}");
        }
        assert!(is_fit(&words(cause, "The line then reads\n```python\ntotal = total + price\n```"), true, None, seen));
    }
}
