use deadpool_postgres::Object;
use refinery::{Target, error::Kind};

use super::{Database, DatabaseError};

/// The key of the advisory lock: "learnflo" as bytes.
const LOCK: i64 = 0x6c65_6172_6e66_6c6f;

#[allow(missing_docs, clippy::unwrap_used, unreachable_pub, reason = "written by the macro")]
mod embedded {
    refinery::embed_migrations!("../../migrations");
}

/// Why the schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The database could not be reached; try again.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A later release has migrated the database.
    #[error(
        "the database has migration {applied}, but this build ends at {known}: deploy the release that added it, or restore a backup from before it"
    )]
    Newer {
        /// The migration that is not known here.
        applied: String,
        /// The last version known here.
        known: i32,
    },
    /// What was applied is not what this build holds.
    #[error("{0}: migrations must never be changed once applied; add a new one instead")]
    Altered(String),
    /// A migration does not work on this database.
    #[error("{step}: {reason}")]
    Failed {
        /// What was tried.
        step: String,
        /// What the database said.
        reason: String,
    },
}

/// Brings the schema up to date and says how many migrations that took. Each runs in a transaction of its own. Of
/// several replicas that start at once, one migrates and the others wait for it, then find nothing left to do. `target` is
/// the last version to apply, if not the newest.
pub(super) async fn migrate(database: &Database, target: Option<i32>) -> Result<usize, MigrationError> {
    // Taken out of the pool: when it is closed the lock and the setting go with it, however this function ends.
    let mut client = Object::take(database.raw().await?);
    let sql = |error: tokio_postgres::Error| MigrationError::Database(error.into());
    client.batch_execute("SET statement_timeout = 0").await.map_err(sql)?;
    client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await.map_err(sql)?;
    let runner = embedded::migrations::runner();
    let runner = target.into_iter().fold(runner, |runner, version| runner.set_target(Target::Version(version)));
    let known = runner.get_migrations().iter().map(refinery::Migration::version).max().unwrap_or_default();
    let report = runner.run_async(&mut *client).await.map_err(|error| explain(&error, known))?;
    for migration in report.applied_migrations() {
        tracing::info!(version = migration.version(), name = migration.name(), "migration applied");
    }
    Ok(report.applied_migrations().len())
}

fn explain(error: &refinery::Error, known: i32) -> MigrationError {
    match error.kind() {
        Kind::MissingVersion(migration) if migration.version() > known => {
            MigrationError::Newer { applied: migration.to_string(), known }
        }
        Kind::Connection(step, source) => match source.downcast_ref::<tokio_postgres::Error>() {
            Some(error) if error.as_db_error().is_none() => {
                MigrationError::Database(DatabaseError::Unavailable(error.to_string()))
            }
            Some(error) => {
                let reason = error.as_db_error().map(ToString::to_string).unwrap_or_default();
                MigrationError::Failed { step: step.clone(), reason }
            }
            None => MigrationError::Failed { step: step.clone(), reason: source.to_string() },
        },
        kind => MigrationError::Altered(kind.to_string()),
    }
}
