use learnflow_agent::{Answering, answer, query};
use learnflow_proto::v1::{Answer, Problem, Question};
use learnflow_tutor::Tutor;

/// Answers what debug-agent is asked: what the error means, where it is, and a nudge; never the solution.
pub struct Debugging {
    pub tutor: Tutor,
}

#[tonic::async_trait]
impl Answering for Debugging {
    async fn answer(&self, question: &Question) -> Result<Answer, Problem> {
        let (query, level) = query(question);
        Ok(answer(question, "debug", self.tutor.explain_error(&query, level)))
    }
}
