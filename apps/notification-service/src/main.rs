//! notification-service: notifications in the app.

mod notifications;

use learnflow_proto::v1::notification_service_server::NotificationServiceServer;
use learnflow_service::{App, Service};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let service = Service::start("notification-service", 8109)?;
    let app = App::new(service.callback()).grpc(NotificationServiceServer::new(notifications::Notifications));
    service.serve(app).await?;
    Ok(())
}
