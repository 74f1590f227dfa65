use learnflow_agent::{Answering, answer, query};
use learnflow_proto::v1::{Answer, Problem, Question};
use learnflow_tutor::Tutor;

/// Answers what concepts-agent is asked, from the curriculum.
pub struct Concepts {
    pub tutor: Tutor,
}

#[tonic::async_trait]
impl Answering for Concepts {
    async fn answer(&self, question: &Question) -> Result<Answer, Problem> {
        let (query, level) = query(question);
        Ok(answer(question, "concepts", self.tutor.explain(&query, level)))
    }
}
