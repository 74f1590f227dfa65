//! Error patterns for progress-service: which errors a student meets, and where. It decides what they mean.

use learnflow_proto::{
    events::{ProgramRan, ProgressRecorded, progress_recorded::Fact},
    now, topics,
};
use learnflow_sidecar::{Sidecar, persistently};
use uuid::Uuid;

use crate::examine::Problem;

/// The namespace of the names of facts.
const FACTS: Uuid = Uuid::from_u128(0x6a4f_93d2_1b0e_4c75_8f6d_2e91_a7c3_50b8);

/// Tells of a problem that a student meets for the first time. Asking for more hints about it is no further mistake: the
/// fact's name is made from the student and the problem, so it counts once however often it is told.
pub async fn error(sidecar: &Sidecar, student_id: &str, exercise_id: Option<&str>, problem: &Problem) {
    let ran = ProgramRan {
        status: problem.status.to_owned(),
        error_type: problem.diagnosis.error_type.clone(),
        exercise_id: exercise_id.unwrap_or_default().to_owned(),
        run_id: Uuid::new_v5(&FACTS, format!("{student_id}/{}", problem.diagnosis.problem).as_bytes()).to_string(),
    };
    let event = ProgressRecorded {
        student_id: student_id.to_owned(),
        topic: problem.diagnosis.topic.clone(),
        occurred_at: Some(now()),
        fact: Some(Fact::ProgramRan(ran)),
    };
    let publish = || sidecar.publish(topics::PUBSUB, topics::PROGRESS_EVENTS, student_id, &event);
    if let Err(error) = persistently(publish).await {
        tracing::warn!(%error, "error not recorded");
    }
}
