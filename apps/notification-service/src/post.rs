use learnflow_proto::{
    events::NotificationSent,
    topics::{ANSWERS, LEARNING_RESPONSES},
    v1::{
        Notification, StoreNotificationsRequest, StoredNotification,
        message_record_service_client::MessageRecordServiceClient,
    },
};
use learnflow_sidecar::{AppChannel, Sidecar};
use tonic::Status;

/// Stores notifications and brings them to open pages. Cheap to clone.
#[derive(Clone)]
pub struct Post {
    sidecar: Sidecar,
}

impl Post {
    /// Through the app's sidecar.
    pub fn new(sidecar: Sidecar) -> Self {
        Self { sidecar }
    }

    /// What progress-service keeps.
    pub fn record(&self) -> MessageRecordServiceClient<AppChannel> {
        MessageRecordServiceClient::new(self.sidecar.app("progress-service"))
    }

    /// Stores a notification for its recipients and tells every replica of websocket-service. How many recipients it has.
    ///
    /// Done twice for the same source it stores nothing new and tells again: the sockets know it by its id.
    ///
    /// # Errors
    /// `UNAVAILABLE` while the database or the broker is away; progress-service's refusals.
    pub async fn send(&self, request: StoreNotificationsRequest) -> Result<usize, Status> {
        let kind = request.kind.clone();
        let stored = self.record().store_notifications(request).await?.into_inner();
        let Some(notification) = stored.notification else { return Ok(0) };
        let count = stored.recipients.len();
        let mut publications = Vec::with_capacity(count);
        for StoredNotification { user_id, id } in stored.recipients {
            let notification = Some(Notification { id, ..notification.clone() });
            let event = NotificationSent { user_id, notification };
            publications.push(self.sidecar.enqueue(ANSWERS, LEARNING_RESPONSES, &event.user_id, &event).await?);
        }
        for publication in publications {
            publication.done().await?;
        }
        metrics::counter!("notifications_sent_total", "kind" => kind)
            .increment(u64::try_from(count).unwrap_or_default());
        Ok(count)
    }
}
