//! Findings in words that fit the student's program, by the model. What was found and how it is rated is settled before:
//! the model adds nothing and takes nothing away.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use learnflow_curriculum::Level;
use learnflow_model::{ModelTutor, Prompt, Shape, StudentData, Tier};
use learnflow_review::Review;
use serde::Deserialize;

/// Findings that the model is asked about: the first ones.
const MOST: usize = 12;
/// The longest that is shown of a message, and of a summary, in bytes.
const LONGEST: usize = 1_200;

/// Words reviews. Cheap to clone.
#[derive(Clone)]
pub struct Wording {
    model: ModelTutor,
    prompt: Arc<(Prompt, Shape)>,
}

/// What the model writes.
#[derive(Deserialize)]
struct Words {
    summary: String,
    comments: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    number: usize,
    message: String,
}

impl Wording {
    pub fn new(model: ModelTutor) -> Self {
        Self { model, prompt: Arc::new(Prompt::review()) }
    }

    /// Puts the summary and the findings into words of their own. Says who wrote them: "model", or "builtin" where they
    /// stayed as they were.
    pub async fn reword(
        &self,
        review: &mut Review,
        student_id: &str,
        student: StudentData<'_>,
        level: Level,
        patience: Duration,
    ) -> &'static str {
        // What Python cannot read is for debug-agent to explain.
        if !self.model.is_configured() || !review.is_readable() {
            return "builtin";
        }
        let mut findings = String::new();
        for (number, comment) in (1..).zip(review.comments.iter().take(MOST)) {
            let (line, rule, message) = (comment.line, comment.rule, &comment.message);
            let suggestion = comment.suggestion.as_deref().unwrap_or("");
            let _ = writeln!(findings, "{number}. line {line}, {rule}: {message} {suggestion}");
        }
        if findings.is_empty() {
            findings.push_str("none: the program is good as it is");
        }
        let material = vec![("Level", level.as_str()), ("Summary", &review.summary), ("Findings", &findings)];
        let (prompt, shape) = &*self.prompt;
        let call = prompt.call(&material, Some(student), Tier::Strong, *shape, None);
        let shown = |words: &Words| {
            let messages = words.comments.iter().map(|comment| comment.message.as_str());
            [words.summary.as_str()].into_iter().chain(messages).collect::<Vec<_>>().join("\n\n")
        };
        let words = self.model.structured("code-review", student_id, &call, patience, shown).await;
        if words.is_some_and(|words| apply(review, words)) { "model" } else { "builtin" }
    }
}

/// Takes over words that are about what was found; false if any of them is not.
fn apply(review: &mut Review, words: Words) -> bool {
    let is_fit = |text: &str| (10..=LONGEST).contains(&text.trim().len());
    let known = review.comments.len().min(MOST);
    let fits = |message: &Message| (1..=known).contains(&message.number) && is_fit(&message.message);
    // A program written out in a summary would be the student's task done.
    if !is_fit(&words.summary) || words.summary.contains("```") || !words.comments.iter().all(fits) {
        return false;
    }
    review.summary = words.summary;
    for Message { number, message } in words.comments {
        if let Some(comment) = review.comments.get_mut(number - 1) {
            comment.message = message;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FR-013..016: the model's words replace words; findings, their lines and the rating stay, and what is about nothing
    /// that was found is refused as a whole.
    #[test]
    fn words_replace_words_only() {
        let code = "def f(xs=[]):\n    xs.append(1)\n    return xs\n";
        let review = || learnflow_review::review(code, Level::Beginner);
        let plain = review();
        assert!(!plain.comments.is_empty());
        let words = |summary: &str, number, message: &str| Words {
            summary: summary.to_owned(),
            comments: vec![Message { number, message: message.to_owned() }],
        };
        let mut worded = review();
        assert!(apply(&mut worded, words("A short function, well named.", 1, "All calls share the list `xs`.")));
        assert_eq!((worded.rating, &worded.parts), (plain.rating, &plain.parts));
        assert_eq!(worded.comments[0].message, "All calls share the list `xs`.");
        assert_eq!(
            (worded.comments[0].line, worded.comments[0].rule),
            (plain.comments[0].line, plain.comments[0].rule)
        );
        for bad in [
            words("", 1, "All calls share the list `xs`."),
            words("A short function, well named.", 0, "All calls share the list `xs`."),
            words("A short function, well named.", 99, "All calls share the list `xs`."),
            words("A short function, well named.", 1, " "),
            words("Write\n```python\ndef f(): ...\n```", 1, "All calls share the list `xs`."),
        ] {
            let mut kept = review();
            assert!(!apply(&mut kept, bad) && kept == plain);
        }
    }
}
