//! websocket-service: chat sockets.
#![allow(clippy::result_large_err, reason = "tonic's own error type")]

mod chat;
mod config;
mod handshake;
mod history;
mod keys;
mod message;
mod socket;
mod stream;
mod student;

use std::time::Duration;

use learnflow_proto::{topics::LEARNING_RESPONSES, v1::chat_service_server::ChatServiceServer};
use learnflow_service::{App, Service};

use crate::{chat::Chat, config::Config, history::History};

/// How long sockets may take to say goodbye at shutdown.
const FAREWELLS: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let service = Service::start("websocket-service", 8108)?;
    let chat = Chat::new(Config::from_env()?, service.sidecar().clone(), service.stopping());
    tokio::spawn(chat.clone().keep_fresh());

    let (answers, parts, notifications, progress, closing) =
        (chat.clone(), chat.clone(), chat.clone(), chat.clone(), chat.clone());
    let callback = service
        .callback()
        .on(LEARNING_RESPONSES, move |event| answers.answered(event))
        .on(LEARNING_RESPONSES, move |event| parts.part(event))
        .on(LEARNING_RESPONSES, Chat::executed)
        .on(LEARNING_RESPONSES, move |event| notifications.notified(event))
        .on(LEARNING_RESPONSES, move |event| progress.progressed(event));
    let app = App::new(callback)
        .grpc(ChatServiceServer::new(History::new(service.sidecar().clone())))
        .http(handshake::router(chat))
        .on_drain(move || async move {
            closing.sockets().close();
            if tokio::time::timeout(FAREWELLS, closing.sockets().wait()).await.is_err() {
                tracing::warn!(sockets = closing.sockets().len(), "sockets were still open at shutdown");
            }
        });
    service.serve(app).await?;
    Ok(())
}
