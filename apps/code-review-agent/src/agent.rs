use learnflow_agent::{Answering, answer};
use learnflow_proto::v1::{Answer, Problem, Question};
use learnflow_tutor::{Query, Reply, Tutor};

/// Answers what code-review-agent is asked. Reviews by line are not built yet: it says so, and teaches what the code is
/// about.
pub struct CodeReview {
    pub tutor: Tutor,
}

#[tonic::async_trait]
impl Answering for CodeReview {
    async fn answer(&self, question: &Question) -> Result<Answer, Problem> {
        let query = Query {
            text: &question.text,
            topic: question.topic.as_deref(),
            code: question.code.as_deref(),
            error: question.error.as_deref(),
        };
        let level = question.level.parse().unwrap_or_default();
        let Reply { topic, level, markdown } = self.tutor.explain(&query, level);
        let markdown = format!(
            "I cannot review code line by line yet. What I can do is explain what yours is about.\n\n{markdown}"
        );
        Ok(answer(question, "code-review", topic, level.as_str(), markdown))
    }
}
