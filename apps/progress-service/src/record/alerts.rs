//! Struggle alerts, for teachers.

use std::{str::FromStr as _, time::Duration};

use learnflow_proto::v1::{
    Alert, ListAlertsRequest, ListAlertsResponse, ResolveAlertRequest, ResolveAlertResponse,
    alert_service_server::AlertService,
};
use learnflow_service::Violations;
use learnflow_sidecar::{Caller, Context, Role};
use time::OffsetDateTime;
use tokio_postgres::Row;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{
    audit::Audit,
    writer::{WriteError, Writer},
};
use crate::{
    database::{Database, Statement},
    page::Page,
    progress::{end_of_time, parse_position, write_position},
    users::{timestamp, user_id},
};

/// A page of alerts, newest first.
macro_rules! list {
    ($name:literal, $condition:literal) => {
        Statement {
            name: $name,
            sql: concat!(
                "SELECT * FROM alerts WHERE NOT withdrawn AND (created_at, id) < ($1, $2)",
                $condition,
                " ORDER BY created_at DESC, id DESC LIMIT $3"
            ),
        }
    };
}

/// All alerts.
pub const LIST: Statement = list!("alerts.list", "");
/// Those nobody has dealt with.
pub const LIST_OPEN: Statement = list!("alerts.list_open", " AND resolved_at IS NULL");
/// Those dealt with.
pub const LIST_RESOLVED: Statement = list!("alerts.list_resolved", " AND resolved_at IS NOT NULL");
/// A student's: all, or those dealt with or not.
pub const LIST_STUDENT: Statement =
    list!("alerts.list_student", " AND student_id = $4 AND ($5::boolean IS NULL OR (resolved_at IS NOT NULL) = $5)");
const GET: Statement = Statement { name: "alerts.get", sql: "SELECT * FROM alerts WHERE id = $1 AND NOT withdrawn" };

/// How long a resolution may wait for the database.
const PATIENCE: Duration = Duration::from_secs(5);

/// The alert service.
#[derive(Clone)]
pub struct Alerts {
    database: Database,
    writer: Writer,
    audit: Audit,
}

impl Alerts {
    /// Serves the alerts in a database.
    pub fn new(database: Database, writer: Writer, audit: Audit) -> Self {
        Self { database, writer, audit }
    }

    async fn get(&self, id: Uuid) -> Result<Row, Status> {
        let row = self.database.find(&GET, &[&id]).await?;
        row.ok_or_else(|| Status::not_found("there is no alert with this id"))
    }
}

/// Alerts are a teacher's tool. As long as there are no classes to tell whose students are whose, of every student.
fn teacher(caller: &Caller) -> Result<(), Status> {
    match caller.role {
        Role::Teacher | Role::Admin => Ok(()),
        Role::Student => Err(Status::permission_denied("alerts are for teachers")),
    }
}

#[tonic::async_trait]
impl AlertService for Alerts {
    async fn list_alerts(&self, request: Request<ListAlertsRequest>) -> Result<Response<ListAlertsResponse>, Status> {
        let ListAlertsRequest { resolved, page_size, page_token, student_id } = request.into_inner();
        let context = Context::current();
        let caller = context.caller()?;
        teacher(caller)?;
        let student = student_id.map(|id| user_id(&id, "student_id")).transpose()?;
        let page = Page::read(page_size, page_token.as_deref(), parse_position)?;
        let limit = page.limit();
        let (before, id) = page.after.unwrap_or((end_of_time(), Uuid::max()));
        let database = &self.database;
        let mut rows = match (student, resolved) {
            (Some(student), _) => database.query(&LIST_STUDENT, &[&before, &id, &limit, &student, &resolved]).await,
            (None, None) => database.query(&LIST, &[&before, &id, &limit]).await,
            (None, Some(false)) => database.query(&LIST_OPEN, &[&before, &id, &limit]).await,
            (None, Some(true)) => database.query(&LIST_RESOLVED, &[&before, &id, &limit]).await,
        }?;
        let next_page_token = page.cut(&mut rows, |row| write_position(row.get("created_at"), row.get("id")));
        let mut students: Vec<Uuid> = rows.iter().map(|row| row.get("student_id")).collect();
        students.sort_unstable();
        students.dedup();
        self.audit.note(caller, "alerts.read", &students).await?;
        Ok(Response::new(ListAlertsResponse { alerts: rows.iter().map(alert).collect(), next_page_token }))
    }

    async fn resolve_alert(
        &self,
        request: Request<ResolveAlertRequest>,
    ) -> Result<Response<ResolveAlertResponse>, Status> {
        let context = Context::current();
        let caller = context.caller()?;
        teacher(caller)?;
        let id = Uuid::from_str(&request.into_inner().id);
        Violations::default().check(id.is_ok(), "id", || "is not an alert id".to_owned()).finish()?;
        let id = id.unwrap_or_default();
        let row = self.get(id).await?;
        let (student, teacher) = (row.get("student_id"), Uuid::from_str(&caller.id).unwrap_or_default());
        self.audit.note(caller, "alert.resolve", &[student]).await?;
        match tokio::time::timeout(PATIENCE, self.writer.resolve(student, id, teacher)).await {
            Ok(Ok(_)) => {}
            Ok(Err(WriteError::Refused(error))) => return Err(error.into()),
            Ok(Err(WriteError::Stopped)) | Err(_) => {
                return Err(Status::unavailable("service temporarily unavailable"));
            }
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
    }
}
