//! triage: sorts questions to the agent that can answer them.

mod handlers;

use learnflow_proto::{topics, v1::triage_service_server::TriageServiceServer};
use learnflow_service::{App, Service};

use crate::handlers::Triage;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let service = Service::start("triage", 8100)?;
    let triage = Triage::new(service.sidecar().clone())?;

    let handler = triage.clone();
    let callback = service.callback().on(topics::LEARNING_REQUESTS, move |event| handler.clone().route(event));
    let draining = triage.clone();
    let app = App::new(callback).grpc(TriageServiceServer::new(triage)).on_drain(move || draining.drain());
    service.serve(app).await?;
    Ok(())
}
