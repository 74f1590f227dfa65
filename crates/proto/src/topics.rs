//! Names of the Kafka topics and of the pub/sub components that carry them.

/// The component for everything that must be worked exactly as often as it was published.
pub const PUBSUB: &str = "pubsub";
/// The component by which every replica sees every answer.
pub const ANSWERS: &str = "answers";

/// Questions, from the gateway to triage.
pub const LEARNING_REQUESTS: &str = "learning.requests";
/// Questions for concepts-agent.
pub const CONCEPTS_REQUESTS: &str = "concepts.requests";
/// Code for code-review-agent.
pub const CODE_SUBMISSIONS: &str = "code.submissions";
/// Questions for debug-agent.
pub const DEBUG_REQUESTS: &str = "debug.requests";
/// Requests for exercise-agent.
pub const EXERCISE_REQUESTS: &str = "exercise.requests";
/// Exercises made.
pub const EXERCISE_GENERATED: &str = "exercise.generated";
/// Programs to run.
pub const CODE_EXECUTION_REQUESTS: &str = "code.execution.requests";
/// Answers and results, seen by every replica of the gateway and of websocket-service.
pub const LEARNING_RESPONSES: &str = "learning.responses";
/// Students who struggle.
pub const STRUGGLE_DETECTED: &str = "struggle.detected";
/// What somebody should be told of, beside struggle: notification-service alone reads it.
pub const NOTIFICATION_REQUESTS: &str = "notification.requests";
/// Facts for mastery.
pub const PROGRESS_EVENTS: &str = "progress.events";
/// The audit stream.
pub const LEARNING_EVENTS: &str = "learning.events";
