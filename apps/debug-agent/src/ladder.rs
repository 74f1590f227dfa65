//! How far each student has climbed for each problem, in Dapr state.

use std::time::Duration;

use learnflow_diagnosis::{Ladder, TooFar};
use learnflow_service::Violations;
use learnflow_sidecar::{Concurrency, Entry, Error, Sidecar};
use serde::{Deserialize, Serialize};
use tonic::Status;

/// How long a problem is remembered after its last hint.
const KEPT: Duration = Duration::from_hours(30 * 24);
/// How often a write is tried when the student asks twice at the same time.
const TRIES: usize = 8;

#[derive(Serialize, Deserialize)]
struct Stored {
    /// The highest step seen.
    seen: u32,
}

/// A step of the ladder.
pub struct Step {
    /// From 1.
    pub number: u32,
    /// Whether the student meets the problem for the first time.
    pub is_first: bool,
}

/// Gives a student the step asked for, or the present one, and remembers it.
pub async fn climb(sidecar: &Sidecar, student_id: &str, problem: &str, asked: Option<u32>) -> Result<Step, Status> {
    let key = format!("student:{student_id}:hints:{problem}");
    for _ in 0..TRIES {
        let entry = sidecar.get::<Stored>(&key).await?;
        let before = Ladder { seen: entry.as_ref().map_or(0, |entry| entry.value.seen) };
        let (number, after) = before.climb(asked).map_err(refusal)?;
        let is_first = entry.is_none();
        if after == before {
            return Ok(Step { number, is_first });
        }
        let concurrency = match &entry {
            Some(Entry { etag, .. }) => Concurrency::Match(etag),
            None => Concurrency::Absent,
        };
        match sidecar.set(&key, &Stored { seen: after.seen }, Some(KEPT), concurrency).await {
            Err(Error::Conflict { .. }) => {}
            result => return result.map(|()| Step { number, is_first }).map_err(Status::from),
        }
    }
    Err(Error::Conflict { key }.into())
}

fn refusal(too_far: TooFar) -> Status {
    let refused = Violations::default().check(false, "hint_level", || too_far.to_string()).finish();
    refused.err().unwrap_or_else(|| Status::invalid_argument(too_far.to_string()))
}
