use learnflow_agent::{Answering, answer};
use learnflow_proto::v1::{Answer, Problem, Question};
use learnflow_tutor::{Query, Reply, Tutor};

/// Answers what debug-agent is asked: what the error means, where it is, and a nudge; never the solution.
pub struct Debugging {
    pub tutor: Tutor,
}

#[tonic::async_trait]
impl Answering for Debugging {
    async fn answer(&self, question: &Question) -> Result<Answer, Problem> {
        let query = Query {
            text: &question.text,
            topic: question.topic.as_deref(),
            code: question.code.as_deref(),
            error: question.error.as_deref(),
        };
        let level = question.level.parse().unwrap_or_default();
        let Reply { topic, level, markdown } = self.tutor.explain_error(&query, level);
        Ok(answer(question, "debug", topic, level.as_str(), markdown))
    }
}
