use std::{sync::Arc, time::Duration};

use learnflow_agent::{Answering, answer, query};
use learnflow_curriculum::{Level, Topic};
use learnflow_model::{CacheKey, ModelTutor, Parts, Prompt, Shape, StudentData, Task, Tier};
use learnflow_proto::v1::{Answer, Problem, Question};
use learnflow_sidecar::Sidecar;
use learnflow_tutor::{Confidence, Tutor};

use crate::plain::is_plain;

/// This agent, as answers name it.
const AGENT: &str = "concepts";

/// Answers what concepts-agent is asked: through the model, from the curriculum.
pub struct Concepts {
    tutor: Tutor,
    model: ModelTutor,
    prompt: Prompt,
}

impl Concepts {
    /// With the built-in tutor and the model before it.
    pub fn new(tutor: Tutor, model: ModelTutor) -> Self {
        Self { tutor, model, prompt: Prompt::concepts() }
    }

    /// The built-in tutor.
    pub fn tutor(&self) -> &Tutor {
        &self.tutor
    }

    /// Answers a question; `parts` gets the text while the model writes it, `patience` is how long it may take for that.
    pub async fn explain(&self, question: &Question, parts: Option<Parts>, patience: Option<Duration>) -> Answer {
        let builtin = || {
            let (query, level) = query(question);
            answer(question, AGENT, self.tutor.explain(&query, level))
        };
        match self.task(question, patience) {
            Some(task) => self.model.answer(question, task, parts, builtin).await,
            None => builtin(),
        }
    }

    /// What to ask the model; nothing if there is none, or if the built-in tutor is the one to say that a question isn't
    /// about Python, or that it has no words.
    fn task(&self, question: &Question, patience: Option<Duration>) -> Option<Task> {
        if !self.model.is_configured() {
            return None;
        }
        let (query, level) = query(question);
        let found = self.tutor.find_topic(&query);
        if !found.about_python {
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
            material.extend(curriculum.next_topic(&topic.id).map(|next| ("Next topic", next.title.as_str())));
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
