use std::{sync::Arc, time::Duration};

use learnflow_proto::v1::{
    ExplainRequest, ExplainResponse, ListConceptsRequest, ListConceptsResponse, Module, Question, Topic,
    concept_service_server::ConceptService,
};
use learnflow_service::Violations;
use learnflow_sidecar::Context;
use tonic::{Request, Response, Status};

use crate::agent::Concepts;

/// How long a call waits for the model: its caller gives up after 5 s.
const PATIENCE: Duration = Duration::from_secs(4);

/// Explains at once, without the way over Kafka.
pub struct Service {
    pub concepts: Arc<Concepts>,
}

#[tonic::async_trait]
impl ConceptService for Service {
    async fn list_concepts(
        &self,
        request: Request<ListConceptsRequest>,
    ) -> Result<Response<ListConceptsResponse>, Status> {
        let curriculum = self.concepts.tutor().curriculum();
        let wanted = request.into_inner().module;
        if let Some(id) = &wanted {
            let known: Vec<_> = curriculum.modules().iter().map(|module| module.id.as_str()).collect();
            Violations::default().one_of(id, "module", &known).finish()?;
        }
        let modules = curriculum
            .modules()
            .iter()
            .filter(|module| wanted.as_ref().is_none_or(|id| *id == module.id))
            .map(|module| Module {
                id: module.id.clone(),
                title: module.title.clone(),
                order: module.order,
                topics: module
                    .topics
                    .iter()
                    .map(|topic| Topic { id: topic.id.clone(), title: topic.title.clone(), order: topic.order })
                    .collect(),
            })
            .collect();
        Ok(Response::new(ListConceptsResponse { modules }))
    }

    async fn explain(&self, request: Request<ExplainRequest>) -> Result<Response<ExplainResponse>, Status> {
        let ExplainRequest { topic, text, level } = request.into_inner();
        let mut violations = Violations::default();
        violations.check(topic.is_some() || text.is_some(), "topic", || "give a topic or a text".to_owned());
        violations.at_most(text.as_deref().unwrap_or_default(), "text", 8 * 1024);
        violations.one_of(
            level.as_deref().unwrap_or("beginner"),
            "level",
            &["beginner", "learning", "proficient", "mastered"],
        );
        violations.finish()?;
        if let Some(id) = topic.as_deref().filter(|id| self.concepts.tutor().curriculum().topic(id).is_none()) {
            return Err(Status::not_found(format!("there is no topic {id:?}: GET /api/v1/concepts lists them")));
        }
        let context = Context::current();
        let question = Question {
            request_id: context.correlation_id,
            student_id: context.caller.map(|caller| caller.id).unwrap_or_default(),
            text: text.unwrap_or_default(),
            topic,
            level: level.unwrap_or_default(),
            ..Question::default()
        };
        let answer = self.concepts.explain(&question, None, Some(PATIENCE)).await;
        Ok(Response::new(ExplainResponse { answer: Some(answer) }))
    }
}
