use learnflow_agent::{Answering, answer};
use learnflow_proto::v1::{Answer, Problem, Question};
use learnflow_tutor::{Query, Reply, Tutor};

/// Answers what exercise-agent is asked. Exercises are not built yet: it says so, and teaches the topic, which ends with
/// something to try.
pub struct Exercises {
    pub tutor: Tutor,
}

#[tonic::async_trait]
impl Answering for Exercises {
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
            "I cannot make exercises yet. Read this, run its examples, and do what it suggests to try.\n\n{markdown}"
        );
        Ok(answer(question, "exercise", topic, level.as_str(), markdown))
    }
}
