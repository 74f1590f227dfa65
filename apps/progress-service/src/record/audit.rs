//! Who looked at, or changed, whose record.

use learnflow_proto::{
    Kind, Struct, Value,
    events::LearningEvent,
    now,
    topics::{LEARNING_EVENTS, PUBSUB},
};
use learnflow_sidecar::{Caller, Context, Sidecar};
use tonic::Status;
use uuid::Uuid;

use crate::{
    database::{Database, DatabaseError, Statement},
    users::is_self,
};

const INSERT: Statement = Statement {
    name: "audit.insert",
    sql: "INSERT INTO audit (id, actor_id, actor_role, action, subject_id, correlation_id)
          SELECT a.id, $3, $4, $5, a.subject_id, $6 FROM unnest($1::uuid[], $2::uuid[]) AS a (id, subject_id)",
};
const EXISTS: Statement = Statement { name: "users.exists", sql: "SELECT 1 FROM users WHERE id = $1" };

/// The audit trail. Cheap to clone.
#[derive(Clone)]
pub struct Audit {
    database: Database,
    sidecar: Sidecar,
}

impl Audit {
    /// Keeps the trail in a database; while that is away, in the stream of learning events.
    pub fn new(database: Database, sidecar: Sidecar) -> Self {
        Self { database, sidecar }
    }

    /// Notes what a caller does with other people's records; what they do with their own is not noted.
    ///
    /// # Errors
    /// `UNAVAILABLE` when it can be noted nowhere: then it must not be done.
    pub async fn note(&self, caller: &Caller, action: &str, subjects: &[Uuid]) -> Result<(), Status> {
        let subjects: Vec<Uuid> = subjects.iter().copied().filter(|subject| !is_self(caller, *subject)).collect();
        if subjects.is_empty() {
            return Ok(());
        }
        let actor: Uuid = caller.id.parse().map_err(|_| Status::unauthenticated("the caller's id is not a user id"))?;
        let ids: Vec<Uuid> = subjects.iter().map(|_| Uuid::now_v7()).collect();
        let (role, correlation) = (caller.role.as_str(), Context::current().correlation_id);
        match self.database.query(&INSERT, &[&ids, &subjects, &actor, &role, &action, &correlation]).await {
            Ok(_) => Ok(()),
            Err(error @ DatabaseError::Refused { .. }) => Err(error.into()),
            Err(_) => self.publish(caller, action, &subjects).await,
        }
    }

    async fn publish(&self, caller: &Caller, action: &str, subjects: &[Uuid]) -> Result<(), Status> {
        let text = |text: &str| Value { kind: Some(Kind::StringValue(text.to_owned())) };
        let fields = [("actor_id".to_owned(), text(&caller.id)), ("actor_role".to_owned(), text(caller.role.as_str()))];
        for subject in subjects {
            let event = LearningEvent {
                student_id: subject.to_string(),
                kind: action.to_owned(),
                occurred_at: Some(now()),
                detail: Some(Struct { fields: fields.clone().into() }),
            };
            self.sidecar.publish(PUBSUB, LEARNING_EVENTS, &event.student_id, &event).await?;
        }
        Ok(())
    }

    /// `NOT_FOUND` for a user who does not exist; while the database is away everybody may.
    ///
    /// # Errors
    /// The status to answer with.
    pub async fn known(&self, user: Uuid) -> Result<(), Status> {
        match self.database.find(&EXISTS, &[&user]).await {
            Ok(Some(_)) | Err(DatabaseError::Unavailable(_) | DatabaseError::Credentials(_)) => Ok(()),
            Ok(None) => Err(Status::not_found("there is no user with this id")),
            Err(error) => Err(error.into()),
        }
    }
}
