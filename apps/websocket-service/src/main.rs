//! websocket-service: chat sockets.

mod chat;

use learnflow_proto::v1::chat_service_server::ChatServiceServer;
use learnflow_service::{App, Service};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let service = Service::start("websocket-service", 8108)?;
    let app = App::new(service.callback()).grpc(ChatServiceServer::new(chat::Chat));
    service.serve(app).await?;
    Ok(())
}
