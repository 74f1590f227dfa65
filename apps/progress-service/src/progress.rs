//! What is read of the learner's record.

use std::{str::FromStr as _, sync::Arc};

use learnflow_mastery::Config;
use learnflow_proto::{
    Struct,
    topics::{PROGRESS_EVENTS, PUBSUB},
    v1::{
        AuditEntry, GetProgressRequest, GetProgressResponse, ListAuditRequest, ListAuditResponse, ListEventsRequest,
        ListEventsResponse, ListWeeksRequest, ListWeeksResponse, RecordProgressRequest, RecordProgressResponse,
        ResetPlacementRequest, ResetPlacementResponse, StoredEvent, progress_service_server::ProgressService,
    },
};
use learnflow_sidecar::{Context, Role, Sidecar};
use serde_json::Value;
use time::{Date, Month, OffsetDateTime, Time};
use tokio_postgres::Row;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    access::Access,
    database::{Database, Statement},
    page::Page,
    placement,
    record::{audit::Audit, read::Reader, tell, weeks, writer::Writer},
    users::{admin, self_or_admin, timestamp, user_id},
};

/// A page of a student's events.
pub const EVENTS: Statement = Statement {
    name: "events.list",
    sql: "SELECT id, kind, source, occurred_at, correlation_id, detail FROM events
          WHERE student_id = $1 AND (occurred_at, id) < ($2, $3)
          ORDER BY occurred_at DESC, id DESC LIMIT $4",
};

/// A page of what others did with a user's data.
pub const AUDIT: Statement = Statement {
    name: "audit.list",
    sql: "SELECT id, actor_id, actor_role, action, occurred_at, correlation_id FROM audit
          WHERE subject_id = $1 AND (occurred_at, id) < ($2, $3)
          ORDER BY occurred_at DESC, id DESC LIMIT $4",
};

/// Where a page ended.
pub(crate) type Position = (OffsetDateTime, Uuid);

/// The progress service.
#[derive(Clone)]
pub struct Progress {
    database: Database,
    sidecar: Sidecar,
    reader: Reader,
    writer: Writer,
    access: Access,
    config: Arc<Config>,
}

impl Progress {
    /// Serves the record kept in a database; `config` is the writer's.
    pub fn new(database: Database, sidecar: Sidecar, reader: Reader, writer: Writer, config: Arc<Config>) -> Self {
        let access = Access::new(database.clone(), Audit::new(database.clone(), sidecar.clone()));
        Self { database, sidecar, reader, writer, access, config }
    }
}

#[tonic::async_trait]
impl ProgressService for Progress {
    async fn get_progress(
        &self,
        request: Request<GetProgressRequest>,
    ) -> Result<Response<GetProgressResponse>, Status> {
        let student = user_id(&request.into_inner().user_id, "user_id")?;
        let context = Context::current();
        let caller = context.caller()?;
        self.access.to_student(caller, student, "progress.read").await?;
        let mut progress = self.reader.progress(student, &self.writer).await?;
        if caller.role == Role::Student {
            progress.topics.iter_mut().for_each(|topic| topic.measures = None);
        }
        Ok(Response::new(progress))
    }

    async fn record_progress(
        &self,
        request: Request<RecordProgressRequest>,
    ) -> Result<Response<RecordProgressResponse>, Status> {
        let RecordProgressRequest { user_id: id, kind, topic, detail } = request.into_inner();
        let student = user_id(&id, "user_id")?;
        // A call on nobody's behalf is a service's own.
        if let Some(caller) = Context::current().caller {
            if caller.role == Role::Student {
                return Err(Status::permission_denied("services and teachers record progress"));
            }
            self.access.to_student(&caller, student, "progress.record").await?;
        }
        let (event, id) = tell::event(student, &kind, topic, detail)?;
        self.sidecar.publish(PUBSUB, PROGRESS_EVENTS, &event.student_id, &event).await?;
        Ok(Response::new(RecordProgressResponse { event_id: id.to_string() }))
    }

    async fn list_events(&self, request: Request<ListEventsRequest>) -> Result<Response<ListEventsResponse>, Status> {
        let ListEventsRequest { user_id: id, page_size, page_token } = request.into_inner();
        let student_id = user_id(&id, "user_id")?;
        let context = Context::current();
        let caller = context.caller()?;
        let page = Page::read(page_size, page_token.as_deref(), parse_position)?;
        self.access.to_student(caller, student_id, "events.read").await?;
        let (before, id) = page.after.unwrap_or((end_of_time(), Uuid::max()));
        let mut rows = self.database.query(&EVENTS, &[&student_id, &before, &id, &page.limit()]).await?;
        let next_page_token = page.cut(&mut rows, |row| write_position(row.get("occurred_at"), row.get("id")));
        let events = rows.iter().map(event).collect::<Result<_, _>>()?;
        Ok(Response::new(ListEventsResponse { events, next_page_token }))
    }

    async fn list_weeks(&self, request: Request<ListWeeksRequest>) -> Result<Response<ListWeeksResponse>, Status> {
        let ListWeeksRequest { user_id: id, page_size, page_token } = request.into_inner();
        let student = user_id(&id, "user_id")?;
        let context = Context::current();
        let caller = context.caller()?;
        let page = Page::read(page_size, page_token.as_deref(), weeks::parse_date)?;
        self.access.to_student(caller, student, "weeks.read").await?;
        let (found, next_page_token) = weeks::list(&self.database, &self.config.mastery, student, &page).await?;
        let topics = self.reader.topic_count();
        let weeks = found.iter().map(|week| weeks::message(week, topics)).collect();
        Ok(Response::new(ListWeeksResponse { weeks, next_page_token }))
    }

    async fn list_audit(&self, request: Request<ListAuditRequest>) -> Result<Response<ListAuditResponse>, Status> {
        let ListAuditRequest { user_id: id, page_size, page_token } = request.into_inner();
        let user = user_id(&id, "user_id")?;
        let context = Context::current();
        let caller = context.caller()?;
        self_or_admin(caller, user)?;
        let page = Page::read(page_size, page_token.as_deref(), parse_position)?;
        self.access.audit().note(caller, "audit.read", &[user]).await?;
        let (before, id) = page.after.unwrap_or((end_of_time(), Uuid::max()));
        let mut rows = self.database.query(&AUDIT, &[&user, &before, &id, &page.limit()]).await?;
        let next_page_token = page.cut(&mut rows, |row| write_position(row.get("occurred_at"), row.get("id")));
        Ok(Response::new(ListAuditResponse { entries: rows.iter().map(audit_entry).collect(), next_page_token }))
    }

    async fn reset_placement(
        &self,
        request: Request<ResetPlacementRequest>,
    ) -> Result<Response<ResetPlacementResponse>, Status> {
        let student = user_id(&request.into_inner().user_id, "user_id")?;
        let context = Context::current();
        let caller = context.caller()?;
        admin(caller)?;
        self.access.to_student(caller, student, "placement.reset").await?;
        placement::reset(&self.database, student).await?;
        Ok(Response::new(ResetPlacementResponse {}))
    }
}

fn audit_entry(row: &Row) -> AuditEntry {
    AuditEntry {
        id: row.get::<_, Uuid>("id").to_string(),
        actor_id: row.get::<_, Uuid>("actor_id").to_string(),
        actor_role: row.get("actor_role"),
        action: row.get("action"),
        occurred_at: Some(timestamp(row.get("occurred_at"))),
        request_id: row.get("correlation_id"),
    }
}

fn event(row: &Row) -> Result<StoredEvent, Status> {
    let detail: Struct = serde_json::from_value(row.get::<_, Value>("detail"))
        .map_err(|error| Status::internal(format!("the detail of a stored event is damaged: {error}")))?;
    Ok(StoredEvent {
        event_id: row.get::<_, Uuid>("id").to_string(),
        kind: row.get("kind"),
        source: row.get("source"),
        occurred_at: Some(timestamp(row.get("occurred_at"))),
        correlation_id: row.get("correlation_id"),
        detail: Some(detail),
    })
}

/// The page token of a place in a list.
pub(crate) fn write_position(at: OffsetDateTime, id: Uuid) -> String {
    format!("{}.{id}", write_micros(at))
}

/// Reads what [`write_position`] wrote.
pub(crate) fn parse_position(token: &str) -> Option<Position> {
    let (micros, id) = token.split_once('.')?;
    Some((parse_micros(micros)?, Uuid::from_str(id).ok()?))
}

/// A moment in a page token: microseconds since 1970, the database's own precision.
pub(crate) fn write_micros(at: OffsetDateTime) -> i128 {
    at.unix_timestamp_nanos() / 1_000
}

/// Reads what [`write_micros`] wrote.
pub(crate) fn parse_micros(text: &str) -> Option<OffsetDateTime> {
    let nanos = text.parse::<i64>().ok().map(|micros| i128::from(micros) * 1_000)?;
    OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()
}

/// Later than anything that is stored.
pub(crate) fn end_of_time() -> OffsetDateTime {
    let date = Date::from_calendar_date(9999, Month::December, 31).unwrap_or(Date::MAX);
    date.with_time(Time::MAX).assume_utc()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// API: a page token leads back to where its page ended; other texts are refused, not misread.
    #[test]
    fn page_tokens_round_trip() {
        let at = OffsetDateTime::from_unix_timestamp_nanos(1_795_000_000_123_456_000).unwrap();
        let id = Uuid::now_v7();
        assert_eq!(parse_position(&write_position(at, id)), Some((at, id)));
        for token in ["", "1", "1.x", "x.018f", &format!("{}.{id}", i64::MAX)] {
            assert_eq!(parse_position(token), None, "{token}");
        }
    }
}
