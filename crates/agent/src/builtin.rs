use learnflow_curriculum::Level;
use learnflow_proto::{
    now,
    v1::{Answer, Question},
};
use learnflow_tutor::{Query, Reply};

/// A question as the built-in tutor takes it, and the level to answer at.
pub fn query(question: &Question) -> (Query<'_>, Level) {
    let query = Query {
        text: &question.text,
        topic: question.topic.as_deref(),
        code: question.code.as_deref(),
        error: question.error.as_deref(),
        next: None,
    };
    // The gateway lets known levels pass only, or none.
    (query, question.level.parse().unwrap_or_default())
}

/// The built-in tutor's reply as the answer of an agent.
pub fn answer(question: &Question, agent: &str, reply: Reply) -> Answer {
    Answer {
        request_id: question.request_id.clone(),
        agent: agent.to_owned(),
        source: "builtin".to_owned(),
        topic: reply.topic.unwrap_or_default(),
        level: reply.level.as_str().to_owned(),
        markdown: reply.markdown,
        hints: Vec::new(),
        review: None,
        exercise: None,
        created_at: Some(now()),
    }
}
