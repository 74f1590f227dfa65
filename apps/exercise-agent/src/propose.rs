//! From a teacher's words to an exercise.

use learnflow_curriculum::{Difficulty, Topic};
use learnflow_proto::v1::{Exercise, ProposeExerciseRequest};
use learnflow_service::Violations;
use learnflow_sidecar::{Caller, Role};
use learnflow_tutor::{Confidence, Match, Query, Tutor};
use tonic::Status;

use crate::{
    agent::{nearest, wanted},
    practice::Practice,
    service::{any_seed, difficulty},
    wish::Wish,
};

/// Most bytes of a description.
const MAX_PROMPT: usize = 2_000;

impl Practice {
    /// Makes an exercise that fits a description.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when the description names no topic of the curriculum; it says which ones come near.
    pub async fn propose(&self, caller: &Caller, request: ProposeExerciseRequest) -> Result<Exercise, Status> {
        let ProposeExerciseRequest { prompt, topic, difficulty: word, seed } = request;
        if caller.role == Role::Student {
            return Err(Status::permission_denied("proposals are for teachers: generate an exercise instead"));
        }
        let mut violations = Violations::default();
        violations.text(&prompt, "prompt", MAX_PROMPT);
        if let Some(word) = &word {
            violations.one_of(word, "difficulty", &Difficulty::ALL.map(Difficulty::as_str));
        }
        violations.finish()?;
        let topic = match &topic {
            Some(id) => self.topic(id)?,
            None => meant(self.tutor(), &prompt)?,
        };
        let said = word.as_deref().and_then(difficulty).or_else(|| wanted(&prompt));
        let wish = Wish {
            user_id: &caller.id,
            topic,
            difficulty: nearest(topic, said.unwrap_or(Difficulty::Easy)),
            level: None,
            words: Some(&prompt),
            seed: seed.unwrap_or_else(any_seed),
            by_model: seed.is_none(),
            request_id: None,
        };
        self.wished(&wish).await
    }
}

/// The topic that a description is about.
fn meant<'a>(tutor: &'a Tutor, prompt: &str) -> Result<&'a Topic, Status> {
    let query = Query { text: prompt, ..Query::default() };
    let Match { topic, confidence, alternatives, about_python, .. } = tutor.find_topic(&query);
    // The teacher sees what was understood before anybody else does: the best guess will do.
    if let Some(topic) = topic.filter(|_| about_python || confidence > Confidence::Unsure) {
        return Ok(topic);
    }
    let near: Vec<_> = topic.into_iter().chain(alternatives).map(|topic| topic.id.as_str()).collect();
    let near = if near.is_empty() { String::new() } else { format!("; near are {}", near.join(", ")) };
    let reason = || format!("names no topic of the curriculum: say it in other words, or give a topic{near}");
    Violations::default().check(false, "prompt", reason).finish()?;
    Err(Status::internal("a violation was not refused"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use learnflow_curriculum::Curriculum;

    use super::*;

    /// FR-042: what a teacher would write leads to the topic they mean; what is about nothing is asked back, not guessed.
    #[test]
    fn descriptions_name_topics() {
        let tutor = Tutor::new(Arc::new(Curriculum::load("../../curriculum").unwrap()));
        for (prompt, topic) in [
            ("Something easy where they loop over a dictionary and count words", "dictionaries"),
            ("Practise writing a recursive function", "recursion"),
            ("an exercise about catching exceptions with try and except", "try-except"),
            ("They should use a while loop until a condition holds", "while-loops"),
            ("list comprehensions, please, a medium one", "list-comprehensions"),
        ] {
            assert_eq!(meant(&tutor, prompt).unwrap().id, topic, "{prompt}");
        }
        for prompt in ["the weather in spring", "something nice"] {
            let refused = meant(&tutor, prompt).unwrap_err();
            assert!(refused.message().starts_with("prompt: "), "{prompt}: {refused}");
        }
    }
}
