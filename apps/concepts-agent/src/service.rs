use learnflow_agent::answer;
use learnflow_proto::v1::{
    ExplainRequest, ExplainResponse, ListConceptsRequest, ListConceptsResponse, Module, Question, Topic,
    concept_service_server::ConceptService,
};
use learnflow_service::Violations;
use learnflow_sidecar::Context;
use learnflow_tutor::{Query, Tutor};
use tonic::{Request, Response, Status};

/// Explains at once, without the way over Kafka.
pub struct Concepts {
    pub tutor: Tutor,
}

#[tonic::async_trait]
impl ConceptService for Concepts {
    async fn list_concepts(
        &self,
        request: Request<ListConceptsRequest>,
    ) -> Result<Response<ListConceptsResponse>, Status> {
        let curriculum = self.tutor.curriculum();
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
        let level = level.unwrap_or_else(|| "beginner".to_owned());
        let mut violations = Violations::default();
        violations.check(topic.is_some() || text.is_some(), "topic", || "give a topic or a text".to_owned());
        violations.at_most(text.as_deref().unwrap_or_default(), "text", 8 * 1024);
        violations.one_of(&level, "level", &["beginner", "learning", "proficient", "mastered"]);
        violations.finish()?;
        if let Some(id) = topic.as_deref().filter(|id| self.tutor.curriculum().topic(id).is_none()) {
            return Err(Status::not_found(format!("there is no topic {id:?}: GET /api/v1/concepts lists them")));
        }
        let query =
            Query { text: text.as_deref().unwrap_or_default(), topic: topic.as_deref(), code: None, error: None };
        let reply = self.tutor.explain(&query, level.parse().unwrap_or_default());
        let question = Question { request_id: Context::current().correlation_id, ..Question::default() };
        Ok(Response::new(ExplainResponse { answer: Some(answer(&question, "concepts", reply)) }))
    }
}
