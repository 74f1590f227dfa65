use std::time::Duration;

use tokio::time::sleep;
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
