use std::time::Duration;

use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::Outcome;

/// Pauses between tries: from the first to the longest, each twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long an event is held once shutdown has begun; then a successor gets it.
const PATIENCE_AT_SHUTDOWN: Duration = Duration::from_secs(5);

/// Handles an event until some time after `stopping` is cancelled, and then gives it back to Dapr.
pub async fn until_stopped(stopping: &CancellationToken, handling: impl Future<Output = Outcome>) -> Outcome {
    let shutdown = async {
        stopping.cancelled().await;
        sleep(PATIENCE_AT_SHUTDOWN).await;
    };
    tokio::select! {
        outcome = handling => outcome,
        () = shutdown => Outcome::Retry,
    }
}

/// Tries until there is an outcome, for an event that needs what may be away: it waits here, and the events behind it wait
/// in Kafka. As [`until_stopped`] otherwise.
pub async fn patiently<F>(stopping: &CancellationToken, attempt: impl Fn() -> F) -> Outcome
where
    F: Future<Output = Option<Outcome>>,
{
    let trying = async {
        let mut pause = FIRST_PAUSE;
        loop {
            if let Some(outcome) = attempt().await {
                return outcome;
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    };
    until_stopped(stopping, trying).await
}

/// Lets a group of at most `limit` items wait for company: takes from the queue until it has `company` of them, or the time
/// has come. What is there already is taken whatever the time.
pub async fn gather<T>(
    waiting: &mut mpsc::Receiver<T>,
    group: &mut Vec<T>,
    limit: usize,
    company: usize,
    until: Instant,
) {
    while group.len() < company {
        let room = limit.saturating_sub(group.len());
        match timeout_at(until, waiting.recv_many(group, room)).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => return,
        }
    }
}
