use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use deadpool_postgres::Object;
use tokio_postgres::SimpleQueryMessage;

use super::{Database, DatabaseError, Statement};

/// A plan is logged at most this often per statement: a slow database must not be made slower by explaining itself.
const ONCE_PER: Duration = Duration::from_mins(1);

/// Slow statements of transactions: whoever runs them has no connection to spare for their plans.
static IN_TRANSACTIONS: Mutex<Vec<(Statement, usize, Duration)>> = Mutex::new(Vec::new());
/// More of them than this wait for nobody.
const MOST_WAITING: usize = 100;
/// From when on a statement of a transaction is slow, in milliseconds.
static SLOW_MILLISECONDS: AtomicU64 = AtomicU64::new(u64::MAX);

/// Sets from when on statements of transactions are slow.
pub(super) fn set_threshold(slow: Duration) {
    SLOW_MILLISECONDS.store(u64::try_from(slow.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
}

/// Notes a statement of a transaction, if it was slow.
pub(super) fn note(statement: &Statement, parameters: usize, elapsed: Duration) {
    if elapsed.as_millis() >= u128::from(SLOW_MILLISECONDS.load(Ordering::Relaxed))
        && let Ok(mut waiting) = IN_TRANSACTIONS.lock()
        && waiting.len() < MOST_WAITING
    {
        waiting.push((*statement, parameters, elapsed));
    }
}

/// When each statement was last explained.
#[derive(Clone, Default)]
pub(super) struct SlowLog(Arc<Mutex<HashMap<&'static str, Instant>>>);

impl SlowLog {
    fn is_due(&self, name: &'static str) -> bool {
        let Ok(mut explained) = self.0.lock() else { return false };
        let now = Instant::now();
        let due = explained.get(name).is_none_or(|last| now.duration_since(*last) >= ONCE_PER);
        if due {
            explained.insert(name, now);
        }
        due
    }

    /// Logs the slow statements of transactions.
    pub(super) fn log_noted(&self, database: &Database) {
        let noted = IN_TRANSACTIONS.lock().map(|mut waiting| std::mem::take(&mut *waiting)).unwrap_or_default();
        for (statement, parameters, elapsed) in noted {
            self.log(database, &statement, parameters, elapsed);
        }
    }

    /// Logs a slow statement; its plan follows from a task of its own, so that nobody waits for it.
    pub(super) fn log(&self, database: &Database, statement: &Statement, parameters: usize, elapsed: Duration) {
        let Statement { name, sql } = *statement;
        let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        if !self.is_due(name) {
            tracing::warn!(statement = name, milliseconds, "slow statement");
            return;
        }
        let database = database.clone();
        tokio::spawn(async move {
            match database.explain(&Statement { name, sql }, parameters).await {
                Ok(plan) => tracing::warn!(statement = name, milliseconds, sql, plan, "slow statement"),
                Err(error) => tracing::warn!(statement = name, milliseconds, sql, %error, "slow statement, no plan"),
            }
        });
    }
}

/// The generic plan: it shows `$1` where the plan of a particular call would show a person's data.
pub(super) async fn plan(client: &Object, sql: &str, parameters: usize) -> Result<String, DatabaseError> {
    let arguments = vec!["NULL"; parameters].join(", ");
    let arguments = if parameters == 0 { String::new() } else { format!("({arguments})") };
    let explained = client
        .simple_query(&format!(
            "BEGIN; SET LOCAL plan_cache_mode = force_generic_plan; PREPARE slow_statement AS {sql};
             EXPLAIN EXECUTE slow_statement{arguments}"
        ))
        .await;
    client.batch_execute("ROLLBACK").await?;
    // An error here only means that PREPARE had failed.
    let _ = client.batch_execute("DEALLOCATE slow_statement").await;
    let lines = explained?.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(ToOwned::to_owned),
        _ => None,
    });
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tables: a slow statement is explained once a minute, each by itself.
    #[test]
    fn a_statement_is_explained_once_a_minute() {
        let log = SlowLog::default();
        assert!(log.is_due("a"));
        assert!(!log.is_due("a"));
        assert!(log.is_due("b"));
    }
}
