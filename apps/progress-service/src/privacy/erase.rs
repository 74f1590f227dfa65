//! Forgetting a user: asked for at once, done by a task that goes on where it was interrupted.
//!
//! From the request on the user cannot sign in, and tokens stop working within seconds ([`Erased`]). Then their rows go,
//! table by table, then what the state store has under their name, and last the account itself; in the transaction that
//! removes it stands the event that tells others. What Kafka still holds about them finds no account and is not stored.

use std::{sync::Arc, time::Duration};

use futures::TryFutureExt as _;
use learnflow_auth::erased::{self, Erased};
use learnflow_proto::{events::LearningEvent, now, topics::LEARNING_EVENTS};
use learnflow_sidecar::{Concurrency, Context, Error as SidecarError, Operation, Sidecar};
use time::OffsetDateTime;
use tokio::sync::Notify;
use uuid::Uuid;

use super::held;
use crate::{
    database::{Database, DatabaseError, Statement, query_in},
    record::outbox::{self, Bell, Outgoing},
    users::is_last_admin,
};

const FIND: Statement =
    Statement { name: "erasures.find", sql: "SELECT erased_at IS NOT NULL AS erased FROM erasures WHERE user_id = $1" };
const ROLE: Statement = Statement { name: "erasures.role", sql: "SELECT role FROM users WHERE id = $1 FOR UPDATE" };
const REQUEST: Statement = Statement {
    name: "erasures.request",
    sql: "INSERT INTO erasures (user_id, requested_by) VALUES ($1, $2) ON CONFLICT DO NOTHING",
};
const OPEN: Statement = Statement {
    name: "erasures.open",
    sql: "SELECT user_id, state_keys FROM erasures WHERE erased_at IS NULL ORDER BY requested_at LIMIT 100",
};
const RECENT: Statement = Statement {
    name: "erasures.recent",
    sql: "SELECT user_id FROM erasures WHERE erased_at > now() - interval '2 minutes'",
};
// Dapr cannot list keys: those that the user's rows name are found by them, the others have names of a day or none.
const STATE_KEYS: Statement = Statement {
    name: "erasures.state_keys",
    sql: "WITH asked AS (SELECT correlation_id AS id FROM events
                         WHERE student_id = $1 AND occurred_at > now() - interval '3 days' AND correlation_id <> ''
                         UNION SELECT request_id::text FROM chat_messages
                         WHERE user_id = $1 AND created_at > now() - interval '3 days')
          UPDATE erasures SET state_keys = ARRAY(
              SELECT 'student:' || $1 || ':idempotency:' || id FROM asked
              UNION ALL SELECT 'student:' || $1 || ':idempotency:' || id || ':outcome' FROM asked
              UNION ALL SELECT DISTINCT 'student:' || $1 || ':attempts:' || exercise_id FROM submissions WHERE user_id = $1
              UNION ALL SELECT 'student:' || $1 || ':mastery:' || to_char(day, 'YYYY-MM-DD') || ':record'
                        FROM generate_series(now() AT TIME ZONE 'UTC' - interval '3 days', now() AT TIME ZONE 'UTC'
                                             + interval '1 day', interval '1 day') day
              UNION ALL SELECT 'student:' || $1 || ':model-tokens:' || to_char(day, 'YYYY-MM-DD')
                        FROM generate_series(now() AT TIME ZONE 'UTC' - interval '2 days', now() AT TIME ZONE 'UTC',
                                             interval '1 day') day
              UNION ALL SELECT 'student:' || $1 || ':' || name FROM unnest(ARRAY['stream', 'online']) name)
          WHERE user_id = $1 RETURNING state_keys",
};
const QUIET_TRAIL: Statement = Statement {
    name: "erasures.trail",
    sql: "UPDATE audit SET detail = '{}' WHERE (subject_id = $1 OR actor_id = $1) AND detail <> '{}'",
};
const DELETE: Statement = Statement { name: "erasures.delete", sql: "DELETE FROM users WHERE id = $1" };
const ERASED: Statement = Statement {
    name: "erasures.erased",
    sql: "UPDATE erasures SET erased_at = now(), state_keys = NULL WHERE user_id = $1 AND erased_at IS NULL
          RETURNING user_id",
};

/// How often open erasures are looked for although nobody called: another replica may have ended.
const LOOK: Duration = Duration::from_secs(10);
/// Keys of the state store removed at a time.
const KEYS: usize = 64;
/// Writers of the list of the erased that may come first.
const TRIES: usize = 10;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requested {
    /// It will be done.
    Erasing,
    /// It was done before.
    Erased,
    /// There is and was no such user.
    Unknown,
    /// The only administrator stays.
    LastAdmin,
}

/// Told of everybody who was erased, to forget them too.
pub type Forget = Arc<dyn Fn(Uuid) + Send + Sync>;

/// Erases users. Cheap to clone.
#[derive(Clone)]
pub struct Erasures {
    database: Database,
    sidecar: Sidecar,
    bell: Bell,
    wake: Arc<Notify>,
}

/// Why an erasure is not done yet.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// The database did not do its part.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The state store did not.
    #[error("state store: {0}")]
    State(#[from] SidecarError),
}

impl Erasures {
    /// Erases from a database and a state store; `bell` calls the relay of the outbox.
    pub fn new(database: Database, sidecar: Sidecar, bell: Bell) -> Self {
        Self { database, sidecar, bell, wake: Arc::default() }
    }

    /// Notes that a user is to be erased. From now on they cannot sign in.
    ///
    /// # Errors
    /// [`DatabaseError`] when it is not noted.
    pub async fn request(&self, user: Uuid, by: Uuid) -> Result<Requested, DatabaseError> {
        let mut client = self.database.client().await?;
        let transaction = client.transaction().await?;
        if let Some(row) = query_in(&transaction, &FIND, &[&user]).await?.pop() {
            return Ok(if row.get("erased") { Requested::Erased } else { Requested::Erasing });
        }
        if is_last_admin(&transaction, user).await? {
            return Ok(Requested::LastAdmin);
        }
        if query_in(&transaction, &ROLE, &[&user]).await?.is_empty() {
            return Ok(Requested::Unknown);
        }
        query_in(&transaction, &REQUEST, &[&user, &by]).await?;
        transaction.commit().await?;
        tracing::info!(user_id = %user, %by, "erasure asked for");
        if let Err(error) = self.revoke(user).await {
            tracing::warn!(user_id = %user, %error, "tokens work until the state store is back");
        }
        self.wake.notify_one();
        Ok(Requested::Erasing)
    }

    /// Carries out what was asked for. Never returns.
    pub async fn run(&self, forget: Forget) {
        loop {
            match self.once(&forget).await {
                Ok(()) => {}
                Err(error) => tracing::debug!(%error, "erasures not looked for"),
            }
            let _ = tokio::time::timeout(LOOK, self.wake.notified()).await;
        }
    }

    /// Carries out what was asked for up to now, as far as it can be.
    ///
    /// # Errors
    /// [`DatabaseError`] when it cannot be found out.
    pub async fn once(&self, forget: &Forget) -> Result<(), DatabaseError> {
        for row in self.database.query(&OPEN, &[]).await? {
            let user: Uuid = row.get("user_id");
            match self.erase(user, row.get("state_keys")).await {
                Ok(()) => tracing::info!(user_id = %user, "erased"),
                Err(error) => tracing::warn!(user_id = %user, %error, "not erased yet"),
            }
        }
        // Whichever replica did it, all forget.
        self.database.query(&RECENT, &[]).await?.iter().for_each(|row| forget(row.get("user_id")));
        Ok(())
    }

    async fn erase(&self, user: Uuid, state_keys: Option<Vec<String>>) -> Result<(), EraseError> {
        self.revoke(user).await?;
        let keys = match state_keys {
            Some(keys) => keys,
            None => match self.database.find(&STATE_KEYS, &[&user]).await? {
                Some(row) => row.get("state_keys"),
                None => Vec::new(),
            },
        };
        let mut client = self.database.client().await?;
        for place in held(&client).await?.into_iter().filter(|held| held.owned) {
            let transaction = client.transaction().map_err(DatabaseError::from).await?;
            let sql = format!("DELETE FROM \"{}\" WHERE {}", place.table, place.condition);
            transaction.batch_execute("SET LOCAL statement_timeout = '120s'").map_err(DatabaseError::from).await?;
            transaction.execute(sql.as_str(), &[&user]).map_err(DatabaseError::from).await?;
            transaction.commit().map_err(DatabaseError::from).await?;
        }
        for keys in keys.chunks(KEYS) {
            let delete = |key: &String| Operation::Delete { key: key.clone() };
            self.sidecar.transaction(keys.iter().map(delete).collect()).await?;
        }
        let transaction = client.transaction().map_err(DatabaseError::from).await?;
        query_in(&transaction, &QUIET_TRAIL, &[&user]).await?;
        query_in(&transaction, &DELETE, &[&user]).await?;
        // Of two replicas one tells.
        if !query_in(&transaction, &ERASED, &[&user]).await?.is_empty() {
            let event = LearningEvent {
                student_id: user.to_string(),
                kind: "user.erased".to_owned(),
                occurred_at: Some(now()),
                detail: None,
            };
            let context = Context::current();
            outbox::put(&transaction, LEARNING_EVENTS, &[Outgoing { key: user, event, context: &context }]).await?;
        }
        transaction.commit().map_err(DatabaseError::from).await?;
        self.bell.ring();
        Ok(())
    }

    /// Adds the user to the list of those whose tokens are refused.
    async fn revoke(&self, user: Uuid) -> Result<(), SidecarError> {
        let now = u64::try_from(OffsetDateTime::now_utc().unix_timestamp()).unwrap_or_default();
        for _ in 0..TRIES {
            let stored = self.sidecar.get::<Erased>(erased::KEY).await?;
            let (mut list, etag) = stored.map(|entry| (entry.value, Some(entry.etag))).unwrap_or_default();
            if !list.add(&user.to_string(), now) {
                return Ok(());
            }
            let concurrency = etag.as_ref().map_or(Concurrency::Absent, Concurrency::Match);
            match self.sidecar.set(erased::KEY, &list, None, concurrency).await {
                Err(SidecarError::Conflict { .. }) => {}
                result => return result,
            }
        }
        Err(SidecarError::Unavailable {
            operation: "state write of the erased".to_owned(),
            reason: "others came first every time".to_owned(),
        })
    }
}
