use std::{sync::Arc, time::Duration};

use learnflow_agent::{Answering, answer, query};
use learnflow_curriculum::{Level, Topic};
use learnflow_model::{CacheKey, ModelTutor, Parts, Prompt, Shape, StudentData, Task, Tier};
use learnflow_proto::v1::{Answer, Problem, Question};
use learnflow_sidecar::Sidecar;
use learnflow_tutor::{Confidence, Match, Query, Tutor};

use crate::{mastery::Mastery, plain::is_plain};

/// This agent, as answers name it.
const AGENT: &str = "concepts";

/// Answers what concepts-agent is asked: through the model, from the curriculum, for what the student knows already.
pub struct Concepts {
    tutor: Tutor,
    model: ModelTutor,
    mastery: Mastery,
    prompt: Prompt,
}

/// What a question is about, and how to answer this student.
struct Plan<'a> {
    query: Query<'a>,
    found: Match<'a>,
    level: Level,
}

impl Concepts {
    /// With the built-in tutor and the model before it.
    pub fn new(tutor: Tutor, model: ModelTutor, mastery: Mastery) -> Self {
        Self { tutor, model, mastery, prompt: Prompt::concepts() }
    }

    /// The built-in tutor.
    pub fn tutor(&self) -> &Tutor {
        &self.tutor
    }

    /// Answers a question; `parts` gets the text while the model writes it, `patience` is how long it may take for that.
    pub async fn explain(&self, question: &Question, parts: Option<Parts>, patience: Option<Duration>) -> Answer {
        let plan = self.plan(question).await;
        let builtin = || answer(question, AGENT, self.tutor.explain(&plan.query, plan.level));
        match self.task(question, &plan, patience) {
            Some(task) => self.model.answer(question, task, parts, builtin).await,
            None => builtin(),
        }
    }

    /// The level is the one asked for or, where none was, the student's own in the topic.
    async fn plan<'a>(&'a self, question: &'a Question) -> Plan<'a> {
        let (query, level) = query(question);
        let found = self.tutor.find_topic(&query);
        let Some(topic) = found.topic.filter(|_| found.confidence > Confidence::Unsure) else {
            return Plan { query, found, level };
        };
        let known = self.mastery.of(&question.student_id).await;
        let level = if question.level.is_empty() { known.level(topic) } else { level };
        let next = known.next_topic(self.tutor.curriculum(), topic).map(|topic| topic.id.as_str());
        Plan { query: Query { next, ..query }, found, level }
    }

    /// What to ask the model; nothing if there is none, or if the built-in tutor is the one to say that a question isn't
    /// about Python, or that it has no words.
    fn task(&self, question: &Question, plan: &Plan<'_>, patience: Option<Duration>) -> Option<Task> {
        let Plan { query, found, level } = plan;
        let level = *level;
        if !self.model.is_configured() || !found.about_python {
            return None;
        }
        let topic = found.topic.filter(|_| found.confidence > Confidence::Unsure);
        if topic.is_none() && question.text.trim().is_empty() {
            return None;
        }
        let shared = topic.filter(|topic| is_plain(question, topic));
        let student =
            StudentData { text: &question.text, code: question.code.as_deref(), error: question.error.as_deref() };
        let curriculum = self.tutor.curriculum();
        let mut material = vec![("Level", level.as_str())];
        if let Some(topic) = topic {
            material.push(("Topic", &topic.title));
            material.push(("Course material", topic.explanation(level)));
            // What everybody is told goes on with the curriculum.
            let own = query.next.filter(|_| shared.is_none()).and_then(|id| curriculum.topic(id));
            let next = own.or_else(|| curriculum.next_topic(&topic.id));
            material.extend(next.map(|next| ("Next topic", next.title.as_str())));
        }
        let tier = tier(question, level, shared);
        let call = self.prompt.call(&material, shared.is_none().then_some(student), tier, Shape::Markdown, None);
        let key = |topic: &Topic| CacheKey::new(&topic.id, level.as_str(), self.prompt.version(), topic.version());
        Some(Task {
            agent: AGENT,
            call,
            topic: topic.map(|topic| topic.id.clone()).unwrap_or_default(),
            level: level.as_str().to_owned(),
            cache: shared.map(key),
            patience,
        })
    }
}

/// Programs, errors, long questions and advanced students are for the strong model.
fn tier(question: &Question, level: Level, shared: Option<&Topic>) -> Tier {
    let has_program = question.code.is_some() || question.error.is_some();
    let is_hard = has_program || level >= Level::Proficient || (shared.is_none() && question.text.len() > 300);
    if is_hard { Tier::Strong } else { Tier::Cheap }
}

/// Answers what comes over Kafka, in parts.
pub struct Worker {
    pub concepts: Arc<Concepts>,
    pub sidecar: Sidecar,
}

#[tonic::async_trait]
impl Answering for Worker {
    async fn answer(&self, question: &Question) -> Result<Answer, Problem> {
        let parts = Parts::publish(self.sidecar.clone(), question);
        Ok(self.concepts.explain(question, Some(parts), None).await)
    }
}

#[cfg(test)]
mod tests {
    use learnflow_curriculum::Curriculum;

    use super::*;

    /// Model use: the strong model gets what takes thought, and only that.
    #[test]
    fn hard_questions_get_the_strong_model() {
        let curriculum = Curriculum::load(concat!(env!("CARGO_MANIFEST_DIR"), "/../../curriculum")).unwrap();
        let lists = curriculum.topic("lists");
        let question = |text: &str, code: Option<&str>, error: Option<&str>| Question {
            text: text.to_owned(),
            code: code.map(str::to_owned),
            error: error.map(str::to_owned),
            ..Question::default()
        };
        let long = "How do I sort my friends? ".repeat(20);
        for (question, level, shared, expected) in [
            (question("What is a list?", None, None), Level::Beginner, lists, Tier::Cheap),
            (question("What is a list?", None, None), Level::Proficient, lists, Tier::Strong),
            (question("How do I sort my friends?", None, None), Level::Learning, None, Tier::Cheap),
            (question(&long, None, None), Level::Beginner, None, Tier::Strong),
            (question("Why?", Some("a = 1"), None), Level::Beginner, None, Tier::Strong),
            (question("Why?", None, Some("KeyError: 1")), Level::Beginner, None, Tier::Strong),
        ] {
            assert_eq!(tier(&question, level, shared), expected, "{question:?} {level:?}");
        }
    }
}
