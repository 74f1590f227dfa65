use learnflow_curriculum::Level;
use learnflow_proto::{
    events::{CodeReviewed, CodeSubmitted, ProgressRecorded, progress_recorded::Fact},
    now, topics,
};
use learnflow_sidecar::{Event, Outcome, Sidecar, persistently};

use crate::reviewing;

/// The level at which submissions are rated: the same for everybody, so that ratings can be compared over time. It asks
/// for what the exercises teach, and no more.
const LEVEL: Level = Level::Beginner;

/// Rates a submission for mastery. Nobody waits for it: it is acknowledged when its rating is published.
pub async fn rate(sidecar: Sidecar, event: Event<CodeSubmitted>) -> Outcome {
    let CodeSubmitted { submission_id, student_id, topic, code, submitted_at, .. } = event.data;
    if student_id.is_empty() || submission_id.is_empty() {
        tracing::warn!(event_id = event.id, "submission without an id or a student dropped");
        return Outcome::Drop;
    }
    let Some(review) = reviewing::review(code, LEVEL).await else { return Outcome::Drop };
    let reviewed = CodeReviewed { submission_id, rating: review.rating };
    let fact = ProgressRecorded {
        student_id: student_id.clone(),
        topic,
        occurred_at: Some(submitted_at.unwrap_or_else(now)),
        fact: Some(Fact::CodeReviewed(reviewed)),
    };
    match persistently(|| sidecar.publish(topics::PUBSUB, topics::PROGRESS_EVENTS, &student_id, &fact)).await {
        Ok(()) => Outcome::Done,
        Err(error) => {
            tracing::warn!(%error, event_id = event.id, "submission reviewed, but its rating was not published");
            Outcome::Retry
        }
    }
}
