use learnflow_proto::v1::{
    ListNotificationsRequest, ListNotificationsResponse, MarkReadRequest, MarkReadResponse, PublishRequest,
    PublishResponse, SubscribeRequest, SubscribeResponse, notification_service_server::NotificationService,
};
use tonic::{Request, Response, Status};

const UNBUILT: &str = "notifications are not built yet";

/// Notifications of users.
pub struct Notifications;

#[tonic::async_trait]
impl NotificationService for Notifications {
    async fn list_notifications(
        &self,
        _: Request<ListNotificationsRequest>,
    ) -> Result<Response<ListNotificationsResponse>, Status> {
        Err(Status::unimplemented(UNBUILT))
    }

    async fn subscribe(&self, _: Request<SubscribeRequest>) -> Result<Response<SubscribeResponse>, Status> {
        Err(Status::unimplemented(UNBUILT))
    }

    async fn publish(&self, _: Request<PublishRequest>) -> Result<Response<PublishResponse>, Status> {
        Err(Status::unimplemented(UNBUILT))
    }

    async fn mark_read(&self, _: Request<MarkReadRequest>) -> Result<Response<MarkReadResponse>, Status> {
        Err(Status::unimplemented(UNBUILT))
    }
}
