//! The RPCs, for notification-service and websocket-service: they have checked who may.

use learnflow_proto::v1::{
    ListStoredChatMessagesRequest, ListStoredChatMessagesResponse, ListStoredNotificationsRequest,
    ListStoredNotificationsResponse, MarkStoredNotificationRequest, MarkStoredNotificationResponse, Notification,
    StoreNotificationsRequest, StoreNotificationsResponse, StoreSubscriptionRequest, StoreSubscriptionResponse,
    StoredNotification, message_record_service_server::MessageRecordService,
};
use tonic::{Request, Response, Status};

use super::{chat, notifications, recipients};
use crate::{
    database::Database,
    page::Page,
    progress::parse_position,
    users::{some_id, user_id},
};

/// The record of messages.
#[derive(Clone)]
pub struct MessageRecord {
    database: Database,
}

impl MessageRecord {
    /// Keeps messages in a database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[tonic::async_trait]
impl MessageRecordService for MessageRecord {
    async fn store_notifications(
        &self,
        request: Request<StoreNotificationsRequest>,
    ) -> Result<Response<StoreNotificationsResponse>, Status> {
        let StoreNotificationsRequest { source_id, kind, title, body, detail, recipients, teacher_id } =
            request.into_inner();
        let source = some_id(&source_id, "source_id", "a UUID")?;
        let recipients = recipients.ok_or_else(|| Status::invalid_argument("recipients: say who gets it"))?;
        let teacher = if teacher_id.is_empty() { None } else { Some(user_id(&teacher_id, "teacher_id")?) };
        let detail = serde_json::to_value(detail.unwrap_or_default())
            .map_err(|error| Status::invalid_argument(format!("detail: {error}")))?;
        let users = recipients::find(&self.database, &kind, &recipients, teacher).await?;
        let news = notifications::News { source, kind, title, body, detail };
        let stored = notifications::store(&self.database, &news, &users).await?;
        let notification =
            stored.first().map(|(_, notification)| Notification { id: String::new(), ..notification.clone() });
        let recipients = stored
            .into_iter()
            .map(|(user, notification)| StoredNotification { user_id: user.to_string(), id: notification.id })
            .collect();
        Ok(Response::new(StoreNotificationsResponse { recipients, notification }))
    }

    async fn list_stored_notifications(
        &self,
        request: Request<ListStoredNotificationsRequest>,
    ) -> Result<Response<ListStoredNotificationsResponse>, Status> {
        let ListStoredNotificationsRequest { user_id: id, unread, page_size, page_token } = request.into_inner();
        let user = user_id(&id, "user_id")?;
        let page = Page::read(page_size, page_token.as_deref(), parse_position)?;
        let listed = notifications::list(&self.database, user, unread, &page).await?;
        Ok(Response::new(ListStoredNotificationsResponse {
            notifications: listed.notifications,
            next_page_token: listed.next_page_token,
            unread_count: listed.unread,
        }))
    }

    async fn mark_stored_notification(
        &self,
        request: Request<MarkStoredNotificationRequest>,
    ) -> Result<Response<MarkStoredNotificationResponse>, Status> {
        let MarkStoredNotificationRequest { user_id: user, id } = request.into_inner();
        let (user, id) = (user_id(&user, "user_id")?, some_id(&id, "id", "a notification id")?);
        let notification = Some(notifications::mark(&self.database, user, id).await?);
        Ok(Response::new(MarkStoredNotificationResponse { notification }))
    }

    async fn store_subscription(
        &self,
        request: Request<StoreSubscriptionRequest>,
    ) -> Result<Response<StoreSubscriptionResponse>, Status> {
        let StoreSubscriptionRequest { user_id: id, kinds } = request.into_inner();
        let kinds = notifications::subscribe(&self.database, user_id(&id, "user_id")?, &kinds).await?;
        Ok(Response::new(StoreSubscriptionResponse { kinds }))
    }

    async fn list_stored_chat_messages(
        &self,
        request: Request<ListStoredChatMessagesRequest>,
    ) -> Result<Response<ListStoredChatMessagesResponse>, Status> {
        let ListStoredChatMessagesRequest { student_id, page_size, page_token } = request.into_inner();
        let student = user_id(&student_id, "student_id")?;
        let page = Page::read(page_size, page_token.as_deref(), parse_position)?;
        let (messages, next_page_token) = chat::list(&self.database, student, &page).await?;
        Ok(Response::new(ListStoredChatMessagesResponse { messages, next_page_token }))
    }
}
