//! Events that somebody should know of.

use std::collections::HashMap;

use learnflow_proto::{
    Kind, Struct, Value,
    events::{AssignmentGiven, LevelReached, StruggleDetected},
    v1::{StoreNotificationsRequest, Users, store_notifications_request::Recipients},
};
use learnflow_sidecar::{Event, Outcome, patiently};
use tokio_util::sync::CancellationToken;
use tonic::Code;
use uuid::Uuid;

use crate::{notifications::kinds, post::Post};

/// Makes notifications of events.
#[derive(Clone)]
pub struct Occasions {
    post: Post,
    stopping: CancellationToken,
}

impl Occasions {
    /// Tells until some time after `stopping` is cancelled.
    pub fn new(post: Post, stopping: CancellationToken) -> Self {
        Self { post, stopping }
    }

    /// A student struggles: their teachers are told, the admins when they have none.
    pub async fn struggle(self, event: Event<StruggleDetected>) -> Outcome {
        let StruggleDetected { alert_id, student_id, topic, kind, message, .. } = event.data;
        let title = if topic.is_empty() {
            "A student needs help".to_owned()
        } else {
            format!("A student needs help with {}", topic.replace('-', " "))
        };
        let detail = [
            ("alert_id", alert_id.clone()),
            ("student_id", student_id.clone()),
            ("topic", topic),
            ("alert_kind", kind),
        ];
        self.tell(
            &event.id,
            StoreNotificationsRequest {
                // The alert, not the event: told twice, by two events, it is still one alert.
                source_id: alert_id,
                kind: kinds::STRUGGLE.to_owned(),
                title,
                body: message,
                detail: Some(fields(detail)),
                recipients: Some(Recipients::TeachersOf(student_id)),
                teacher_id: String::new(),
            },
        )
        .await
    }

    /// A teacher gave a student an exercise.
    pub async fn assignment(self, event: Event<AssignmentGiven>) -> Outcome {
        let AssignmentGiven { assignment_id, student_id, class_id, class_name, exercise_id, title, topic, due, .. } =
            event.data;
        let mut body = format!("“{title}”, in {class_name}.");
        if due.is_some() {
            body.push_str(" It has a due date.");
        }
        let mut detail = fields([
            ("assignment_id", assignment_id.clone()),
            ("class_id", class_id),
            ("exercise_id", exercise_id),
            ("topic", topic),
        ]);
        if let Some(due) = due {
            let seconds = Kind::StringValue(due.seconds.to_string());
            detail.fields.insert("due_unix_seconds".to_owned(), Value { kind: Some(seconds) });
        }
        self.tell(
            &event.id,
            StoreNotificationsRequest {
                source_id: assignment_id,
                kind: kinds::ASSIGNMENT.to_owned(),
                title: "A new assignment".to_owned(),
                body,
                detail: Some(detail),
                recipients: Some(Recipients::Users(Users { ids: vec![student_id] })),
                teacher_id: String::new(),
            },
        )
        .await
    }

    /// A student came to a level of a topic that they never had.
    pub async fn level(self, event: Event<LevelReached>) -> Outcome {
        let LevelReached { student_id, topic, level, mastery, .. } = event.data;
        let words = topic.replace('-', " ");
        let title = if level == "mastered" {
            format!("You have mastered {words}")
        } else {
            format!("A new level in {words}: {level}")
        };
        self.tell(
            &event.id,
            StoreNotificationsRequest {
                // The event's id names student, topic and level.
                source_id: event.id.clone(),
                kind: kinds::LEVEL.to_owned(),
                title,
                body: format!("Your mastery is {} of 100 now.", mastery.round()),
                detail: Some(fields([("topic", topic), ("level", level)])),
                recipients: Some(Recipients::Users(Users { ids: vec![student_id] })),
                teacher_id: String::new(),
            },
        )
        .await
    }

    /// Tries as long as something that is needed is away.
    async fn tell(&self, event_id: &str, request: StoreNotificationsRequest) -> Outcome {
        if Uuid::parse_str(&request.source_id).is_err() {
            tracing::warn!(event_id, "malformed event dropped: it names nothing");
            return Outcome::Drop;
        }
        patiently(&self.stopping, || async {
            match self.post.send(request.clone()).await {
                Ok(recipients) => {
                    tracing::info!(event_id, kind = request.kind, recipients, "told");
                    Some(Outcome::Done)
                }
                Err(status) if status.code() == Code::InvalidArgument => {
                    tracing::warn!(event_id, reason = status.message(), "malformed event dropped");
                    Some(Outcome::Drop)
                }
                Err(status) if is_transient(status.code(), status.message()) => {
                    tracing::debug!(event_id, code = ?status.code(), "a notification waits");
                    None
                }
                Err(status) => {
                    tracing::warn!(event_id, code = ?status.code(), reason = status.message(), "not told");
                    Some(Outcome::Retry)
                }
            }
        })
        .await
    }
}

/// Whether the same call may succeed later. "No host found" is Dapr's word for an app whose sidecar is gone.
fn is_transient(code: Code, message: &str) -> bool {
    matches!(code, Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::ResourceExhausted)
        || message.contains("no host found")
}

fn fields<const N: usize>(fields: [(&str, String); N]) -> Struct {
    let field = |(name, text): (&str, String)| (name.to_owned(), Value { kind: Some(Kind::StringValue(text)) });
    Struct { fields: fields.into_iter().filter(|(_, text)| !text.is_empty()).map(field).collect::<HashMap<_, _>>() }
}
