//! api-gateway: the only door. REST and gRPC-Web in; gRPC, through the sidecar, and events out.

mod accounts;
mod body;
mod config;
mod execute;
mod export;
mod gateway;
mod identity;
mod keys;
mod linger;
mod openapi;
mod problem;
mod query;
mod rest;
mod rpc;
mod socket;

use axum::middleware::from_fn;
use learnflow_proto::{
    events::{ExecutionFinished, NotificationSent, ProgressChanged},
    topics,
};
use learnflow_service::{App, Service};
use learnflow_sidecar::{Event, Outcome};

use crate::{config::Config, gateway::Gateway};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let service = Service::start("api-gateway", 8180)?;
    let config = Config::from_env()?;
    let gateway = Gateway::new(&service, config)?;

    let (ready, parts) = (gateway.questions().clone(), gateway.questions().clone());
    let callback = service
        .callback()
        .on(topics::LEARNING_RESPONSES, move |event| ready.answered(event))
        .on(topics::LEARNING_RESPONSES, move |event| parts.part(event))
        // For whoever put the program into the queue; nobody waits for it here.
        .on(topics::LEARNING_RESPONSES, |_: Event<ExecutionFinished>| std::future::ready(Outcome::Done))
        // For websocket-service.
        .on(topics::LEARNING_RESPONSES, |_: Event<NotificationSent>| std::future::ready(Outcome::Done))
        .on(topics::LEARNING_RESPONSES, |_: Event<ProgressChanged>| std::future::ready(Outcome::Done));
    let app = App::new(callback)
        .http(
            rest::router(gateway.clone())?
                .merge(rpc::router(gateway.clone()))
                .layer(rest::cors(&gateway))
                .layer(from_fn(linger::linger)),
        )
        .http(socket::router(gateway));
    service.serve(app).await?;
    Ok(())
}
