use learnflow_proto::v1::{
    ListNotificationsRequest, ListNotificationsResponse, ListStoredNotificationsRequest, MarkReadRequest,
    MarkReadResponse, MarkStoredNotificationRequest, PublishRequest, PublishResponse, StoreNotificationsRequest,
    StoreSubscriptionRequest, SubscribeRequest, SubscribeResponse, Users,
    notification_service_server::NotificationService, store_notifications_request::Recipients,
};
use learnflow_service::Violations;
use learnflow_sidecar::{Context, Role};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::post::Post;

/// What notifications are about.
pub mod kinds {
    /// A teacher or an admin says something.
    pub const ANNOUNCEMENT: &str = "announcement";
    /// A teacher gave an exercise to do.
    pub const ASSIGNMENT: &str = "assignment.given";
    /// A student reached a level of a topic.
    pub const LEVEL: &str = "level.reached";
    /// A student struggles.
    pub const STRUGGLE: &str = "struggle.detected";
    /// All of them.
    pub const ALL: &[&str] = &[ANNOUNCEMENT, ASSIGNMENT, LEVEL, STRUGGLE];
}

/// Most characters of a title, and of a text.
const TITLE: usize = 200;
const BODY: usize = 2_000;
/// Most users named at once.
const USERS: usize = 1_000;

/// Notifications of users.
pub struct Notifications {
    post: Post,
}

impl Notifications {
    /// Sends by this post.
    pub fn new(post: Post) -> Self {
        Self { post }
    }
}

#[tonic::async_trait]
impl NotificationService for Notifications {
    async fn list_notifications(
        &self,
        request: Request<ListNotificationsRequest>,
    ) -> Result<Response<ListNotificationsResponse>, Status> {
        let ListNotificationsRequest { unread, page_size, page_token } = request.into_inner();
        let user_id = Context::current().caller()?.id.clone();
        let request = ListStoredNotificationsRequest { user_id, unread, page_size, page_token };
        let listed = self.post.record().list_stored_notifications(request).await?.into_inner();
        Ok(Response::new(ListNotificationsResponse {
            notifications: listed.notifications,
            next_page_token: listed.next_page_token,
            unread_count: listed.unread_count,
        }))
    }

    async fn subscribe(&self, request: Request<SubscribeRequest>) -> Result<Response<SubscribeResponse>, Status> {
        let mut kinds = request.into_inner().kinds;
        let user_id = Context::current().caller()?.id.clone();
        let mut violations = Violations::default();
        for (index, kind) in kinds.iter().enumerate() {
            violations.one_of(kind, &format!("kinds[{index}]"), kinds::ALL);
        }
        violations.finish()?;
        kinds.sort_unstable();
        kinds.dedup();
        let stored = self.post.record().store_subscription(StoreSubscriptionRequest { user_id, kinds }).await?;
        Ok(Response::new(SubscribeResponse { kinds: stored.into_inner().kinds }))
    }

    async fn publish(&self, request: Request<PublishRequest>) -> Result<Response<PublishResponse>, Status> {
        let request = request.into_inner();
        let context = Context::current();
        let caller = context.caller()?;
        let teacher_id = match caller.role {
            Role::Admin => String::new(),
            Role::Teacher => caller.id.clone(),
            Role::Student => return Err(Status::permission_denied("teachers and administrators send notifications")),
        };
        let recipients = recipients(&request)?;
        let count = self.post.send(StoreNotificationsRequest {
            source_id: Uuid::now_v7().to_string(),
            kind: kinds::ANNOUNCEMENT.to_owned(),
            title: request.title,
            body: request.body,
            detail: None,
            recipients: Some(recipients),
            teacher_id,
        });
        let recipients = u32::try_from(count.await?).unwrap_or(u32::MAX);
        Ok(Response::new(PublishResponse { recipients }))
    }

    async fn mark_read(&self, request: Request<MarkReadRequest>) -> Result<Response<MarkReadResponse>, Status> {
        let id = request.into_inner().id;
        let user_id = Context::current().caller()?.id.clone();
        let request = MarkStoredNotificationRequest { user_id, id };
        let notification = self.post.record().mark_stored_notification(request).await?.into_inner().notification;
        Ok(Response::new(MarkReadResponse { notification }))
    }
}

/// Checks what is sent and reads to whom.
fn recipients(request: &PublishRequest) -> Result<Recipients, Status> {
    let PublishRequest { user_ids, class_id, title, body, everyone } = request;
    let ways = [!user_ids.is_empty(), class_id.is_some(), *everyone].into_iter().filter(|way| *way).count();
    Violations::default()
        .check(ways == 1, "user_ids", || "give either user_ids, or class_id, or everyone".to_owned())
        .check(user_ids.len() <= USERS, "user_ids", || format!("at most {USERS} at once"))
        .check((1..=TITLE).contains(&title.trim().chars().count()), "title", || {
            format!("must have 1 to {TITLE} characters")
        })
        .check(body.chars().count() <= BODY, "body", || format!("may have at most {BODY} characters"))
        .finish()?;
    Ok(match class_id {
        Some(class_id) => Recipients::ClassId(class_id.clone()),
        None if *everyone => Recipients::Everyone(true),
        None => Recipients::Users(Users { ids: user_ids.clone() }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FR-040: a notification says what it is and to whom it goes, in one way.
    #[test]
    fn recipients_are_given_in_one_way() {
        let valid = PublishRequest { title: "Hello".to_owned(), everyone: true, ..PublishRequest::default() };
        assert!(matches!(recipients(&valid), Ok(Recipients::Everyone(true))));
        let wrong = [
            PublishRequest { everyone: false, ..valid.clone() },
            PublishRequest { class_id: Some("c".to_owned()), ..valid.clone() },
            PublishRequest { title: " ".to_owned(), ..valid.clone() },
            PublishRequest { body: "x".repeat(2_001), ..valid.clone() },
            PublishRequest { everyone: false, user_ids: vec!["u".to_owned(); 1_001], ..valid },
        ];
        assert!(wrong.iter().all(|request| recipients(request).is_err()));
    }
}
