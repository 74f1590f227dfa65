use std::time::Duration;

use learnflow_agent::{Answering, answer, query};
use learnflow_model::StudentData;
use learnflow_proto::v1::{Answer, Problem, Question};
use learnflow_tutor::{Query, Reply, Tutor};

use crate::{reviewing, wording::Wording};

/// How long an answer waits for the model's words.
const PATIENCE: Duration = Duration::from_secs(8);

/// Answers questions about a program with a review of it.
pub struct CodeReview {
    pub tutor: Tutor,
    pub wording: Wording,
}

#[tonic::async_trait]
impl Answering for CodeReview {
    async fn answer(&self, question: &Question) -> Result<Answer, Problem> {
        let (query, level) = query(question);
        let Some(code) = program(question) else {
            return Ok(answer(question, "code-review", self.without_program(&query, level)));
        };
        let mut review = reviewing::review(code.clone(), level).await.ok_or_else(unreviewable)?;
        let student = StudentData { text: &question.text, code: Some(&code), error: None };
        let source = self.wording.reword(&mut review, &question.student_id, student, level, PATIENCE).await;
        let topic = self.tutor.find_topic(&query).topic.map(|topic| topic.id.clone());
        let reply = Reply { topic, level, markdown: review.to_markdown() };
        let mut answer = answer(question, "code-review", reply);
        source.clone_into(&mut answer.source);
        answer.review = Some(reviewing::message(review, source));
        Ok(answer)
    }
}

impl CodeReview {
    fn without_program(&self, query: &Query<'_>, level: learnflow_curriculum::Level) -> Reply {
        let reply = self.tutor.explain(query, level);
        let markdown = format!(
            "Send me the program along with your question, and I go through it line by line. Until then, this may help.\n\n{}",
            reply.markdown
        );
        Reply { markdown, ..reply }
    }
}

/// The program of a question: sent beside its text, or fenced inside it.
fn program(question: &Question) -> Option<String> {
    let sent = question.code.as_deref().filter(|code| !code.trim().is_empty());
    sent.map(str::to_owned).or_else(|| fenced(&question.text))
}

fn fenced(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("```")?;
    let (_, rest) = rest.split_once('\n')?;
    let code = rest.split("```").next()?;
    (!code.trim().is_empty()).then(|| code.to_owned())
}

fn unreviewable() -> Problem {
    Problem {
        r#type: "about:blank".to_owned(),
        title: "Internal Server Error".to_owned(),
        status: 500,
        detail: "the program could not be reviewed: try again with a smaller part of it".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FR-013: a program is found beside the question or inside it.
    #[test]
    fn programs_are_found() {
        let question = |text: &str, code: Option<&str>| Question {
            text: text.to_owned(),
            code: code.map(str::to_owned),
            ..Question::default()
        };
        assert_eq!(program(&question("review this", Some("x = 1"))).as_deref(), Some("x = 1"));
        let inside = question("please review\n```python\nx = 1\n```\nthanks", Some("  "));
        assert_eq!(program(&inside).as_deref(), Some("x = 1\n"));
        assert_eq!(program(&question("how do I review code?", None)), None);
        assert_eq!(program(&question("```x", None)), None);
    }
}
