//! Time changes records too: a streak is lost, an episode of struggle ends by itself.

use std::time::Duration;

use futures::future::join_all;
use uuid::Uuid;

use super::writer::Writer;
use crate::database::{Database, DatabaseError, Statement};

const DUE: Statement = Statement {
    name: "record.due",
    sql: "SELECT student_id FROM records WHERE valid_until <= now() ORDER BY valid_until LIMIT $1",
};

/// Records computed anew at a time.
const BATCH: usize = 100;
/// How often due records are looked for; sooner after a full batch.
const LOOK: Duration = Duration::from_secs(30);
const SOON: Duration = Duration::from_secs(1);

/// Computes records anew when their time has come. Never returns. Replicas that do the same come to the same result.
pub async fn run(database: &Database, writer: &Writer) {
    loop {
        let pause = match once(database, writer).await {
            Ok(BATCH..) => SOON,
            Ok(_) => LOOK,
            Err(error) => {
                tracing::debug!(%error, "due records not computed yet");
                LOOK
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// Computes one batch of due records and says how many there were.
///
/// # Errors
/// [`DatabaseError`] when they cannot be found.
pub async fn once(database: &Database, writer: &Writer) -> Result<usize, DatabaseError> {
    let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
    let rows = database.query(&DUE, &[&limit]).await?;
    let results = join_all(rows.iter().map(|row| writer.refresh(row.get::<_, Uuid>("student_id")))).await;
    for error in results.into_iter().filter_map(Result::err) {
        tracing::warn!(%error, "a due record was not computed");
    }
    Ok(rows.len())
}
