use learnflow_agent::{Answering, answer, query};
use learnflow_proto::v1::{Answer, Problem, Question};
use learnflow_tutor::{Reply, Tutor};

/// Answers what exercise-agent is asked. Exercises are not built yet: it says so, and teaches the topic, which ends with
/// something to try.
pub struct Exercises {
    pub tutor: Tutor,
}

#[tonic::async_trait]
impl Answering for Exercises {
    async fn answer(&self, question: &Question) -> Result<Answer, Problem> {
        let (query, level) = query(question);
        let reply = self.tutor.explain(&query, level);
        let markdown = format!(
            "I cannot make exercises yet. Read this, run its examples, and do what it suggests to try.\n\n{}",
            reply.markdown
        );
        Ok(answer(question, "exercise", Reply { markdown, ..reply }))
    }
}
