//! Struggle alerts, for teachers.

use std::time::Duration;

use learnflow_proto::v1::{
    Alert, ListAlertsRequest, ListAlertsResponse, ResolveAlertRequest, ResolveAlertResponse,
    alert_service_server::AlertService,
};
use learnflow_service::Violations;
use learnflow_sidecar::{Context, Role};
use time::OffsetDateTime;
use tokio_postgres::Row;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{
    audit::Audit,
    writer::{WriteError, Writer},
};
use crate::{
    access::{Access, caller_id, teacher},
    database::{Database, Statement},
    page::Page,
    progress::{end_of_time, parse_position, write_position},
    users::{some_id, timestamp, user_id},
};

/// A page of alerts, newest first.
macro_rules! list {
    ($name:literal, $condition:literal) => {
        Statement {
            name: $name,
            sql: concat!(
                "SELECT a.*, (SELECT r.note FROM resolutions r WHERE r.alert_id = a.id) AS note FROM alerts a
                 WHERE NOT a.withdrawn AND (a.created_at, a.id) < ($1, $2)",
                $condition,
                " ORDER BY a.created_at DESC, a.id DESC LIMIT $3"
            ),
        }
    };
}

/// All alerts, for administrators.
pub const LIST: Statement = list!("alerts.list", "");
/// Those nobody has dealt with.
pub const LIST_OPEN: Statement = list!("alerts.list_open", " AND a.resolved_at IS NULL");
/// Those dealt with.
pub const LIST_RESOLVED: Statement = list!("alerts.list_resolved", " AND a.resolved_at IS NOT NULL");
/// Of the students in a teacher's classes: all, or those dealt with or not.
pub const LIST_TAUGHT: Statement = list!(
    "alerts.list_taught",
    " AND a.student_id IN (SELECT m.student_id FROM class_members m JOIN classes c ON c.id = m.class_id
                           WHERE c.teacher_id = $4)
      AND ($5::boolean IS NULL OR (a.resolved_at IS NOT NULL) = $5)"
);
/// A student's: all, or those dealt with or not.
pub const LIST_STUDENT: Statement = list!(
    "alerts.list_student",
    " AND a.student_id = $4 AND ($5::boolean IS NULL OR (a.resolved_at IS NOT NULL) = $5)"
);
const GET: Statement = Statement {
    name: "alerts.get",
    sql: "SELECT a.*, (SELECT r.note FROM resolutions r WHERE r.alert_id = a.id) AS note FROM alerts a
          WHERE a.id = $1 AND NOT a.withdrawn",
};
// Of whoever resolved it, and only once.
const NOTE: Statement = Statement {
    name: "alerts.note",
    sql: "UPDATE resolutions SET note = $3 WHERE alert_id = $1 AND resolved_by = $2 AND note IS NULL",
};

/// Most characters of a note.
const MAX_NOTE: usize = 1_000;
/// How long a resolution may wait for the database.
const PATIENCE: Duration = Duration::from_secs(5);

/// The alert service.
#[derive(Clone)]
pub struct Alerts {
    database: Database,
    writer: Writer,
    access: Access,
}

impl Alerts {
    /// Serves the alerts in a database.
    pub fn new(database: Database, writer: Writer, audit: Audit) -> Self {
        let access = Access::new(database.clone(), audit);
        Self { database, writer, access }
    }

    async fn get(&self, id: Uuid) -> Result<Row, Status> {
        let row = self.database.find(&GET, &[&id]).await?;
        row.ok_or_else(|| Status::not_found("there is no alert with this id"))
    }
}

#[tonic::async_trait]
impl AlertService for Alerts {
    async fn list_alerts(&self, request: Request<ListAlertsRequest>) -> Result<Response<ListAlertsResponse>, Status> {
        let ListAlertsRequest { resolved, page_size, page_token, student_id } = request.into_inner();
        let context = Context::current();
        let caller = context.caller()?;
        teacher(caller, "alerts")?;
        let student = student_id.map(|id| user_id(&id, "student_id")).transpose()?;
        let page = Page::read(page_size, page_token.as_deref(), parse_position)?;
        let limit = page.limit();
        let (before, id) = page.after.unwrap_or((end_of_time(), Uuid::max()));
        let database = &self.database;
        let mut rows = match (student, resolved) {
            (Some(student), _) => {
                self.access.teacher_of(caller, student).await?;
                database.query(&LIST_STUDENT, &[&before, &id, &limit, &student, &resolved]).await
            }
            (None, _) if caller.role == Role::Teacher => {
                database.query(&LIST_TAUGHT, &[&before, &id, &limit, &caller_id(caller)?, &resolved]).await
            }
            (None, None) => database.query(&LIST, &[&before, &id, &limit]).await,
            (None, Some(false)) => database.query(&LIST_OPEN, &[&before, &id, &limit]).await,
            (None, Some(true)) => database.query(&LIST_RESOLVED, &[&before, &id, &limit]).await,
        }?;
        let next_page_token = page.cut(&mut rows, |row| write_position(row.get("created_at"), row.get("id")));
        let mut students: Vec<Uuid> = rows.iter().map(|row| row.get("student_id")).collect();
        students.sort_unstable();
        students.dedup();
        self.access.audit().note(caller, "alerts.read", &students).await?;
        Ok(Response::new(ListAlertsResponse { alerts: rows.iter().map(alert).collect(), next_page_token }))
    }

    async fn resolve_alert(
        &self,
        request: Request<ResolveAlertRequest>,
    ) -> Result<Response<ResolveAlertResponse>, Status> {
        let context = Context::current();
        let caller = context.caller()?;
        teacher(caller, "alerts")?;
        let ResolveAlertRequest { id, note } = request.into_inner();
        let id = some_id(&id, "id", "an alert id")?;
        let note = note.as_deref().map(str::trim).filter(|note| !note.is_empty());
        let length = note.unwrap_or_default().chars().count();
        Violations::default()
            .check(length <= MAX_NOTE, "note", || format!("has {length} characters: at most {MAX_NOTE} are allowed"))
            .finish()?;
        let row = self.get(id).await?;
        let (student, teacher) = (row.get("student_id"), caller_id(caller)?);
        self.access.teacher_of(caller, student).await?;
        self.access.audit().note(caller, "alert.resolve", &[student]).await?;
        match tokio::time::timeout(PATIENCE, self.writer.resolve(student, id, teacher)).await {
            Ok(Ok(_)) => {}
            Ok(Err(WriteError::Refused(error))) => return Err(error.into()),
            Ok(Err(WriteError::Stopped)) | Err(_) => {
                return Err(Status::unavailable("service temporarily unavailable"));
            }
        }
        if let Some(note) = note {
            self.database.query(&NOTE, &[&id, &teacher, &note]).await?;
        }
        let row = self.get(id).await?;
        Ok(Response::new(ResolveAlertResponse { alert: Some(alert(&row)) }))
    }
}

fn alert(row: &Row) -> Alert {
    let resolved_at: Option<OffsetDateTime> = row.get("resolved_at");
    Alert {
        id: row.get::<_, Uuid>("id").to_string(),
        student_id: row.get::<_, Uuid>("student_id").to_string(),
        topic: row.get::<_, Option<String>>("topic_id").unwrap_or_default(),
        kind: row.get("kind"),
        message: row.get("message"),
        resolved: resolved_at.is_some(),
        created_at: Some(timestamp(row.get("created_at"))),
        resolved_at: resolved_at.map(timestamp),
        opened_at: Some(timestamp(row.get("opened_at"))),
        last_at: Some(timestamp(row.get("last_at"))),
        ending: row.get("ending"),
        exercise_id: row.get("exercise_id"),
        error_type: row.get("error_type"),
        signs: u32::try_from(row.get::<_, i32>("signs")).unwrap_or_default(),
        resolved_by: row.get::<_, Option<Uuid>>("resolved_by").map(|teacher| teacher.to_string()),
        note: row.get("note"),
    }
}
