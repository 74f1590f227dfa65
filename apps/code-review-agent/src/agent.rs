use learnflow_agent::{Answering, answer, query};
use learnflow_proto::v1::{Answer, Problem, Question};
use learnflow_tutor::{Reply, Tutor};

/// Answers what code-review-agent is asked. Reviews by line are not built yet: it says so, and teaches what the code is
/// about.
pub struct CodeReview {
    pub tutor: Tutor,
}

#[tonic::async_trait]
impl Answering for CodeReview {
    async fn answer(&self, question: &Question) -> Result<Answer, Problem> {
        let (query, level) = query(question);
        let reply = self.tutor.explain(&query, level);
        let markdown = format!(
            "I cannot review code line by line yet. What I can do is explain what yours is about.\n\n{}",
            reply.markdown
        );
        Ok(answer(question, "code-review", Reply { markdown, ..reply }))
    }
}
