//! What is read of the learner's record.

use std::str::FromStr as _;

use learnflow_proto::{
    Struct,
    v1::{
        GetProgressRequest, GetProgressResponse, ListEventsRequest, ListEventsResponse, RecordProgressRequest,
        RecordProgressResponse, StoredEvent, progress_service_server::ProgressService,
    },
};
use learnflow_sidecar::{Caller, Context, Role};
use serde_json::Value;
use time::{Date, Month, OffsetDateTime, Time};
use tokio_postgres::Row;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    database::{Database, Statement},
    page::Page,
    unbuilt::unbuilt,
    users::{is_self, timestamp, user_id},
};

/// A page of a student's events.
pub const EVENTS: Statement = Statement {
    name: "events.list",
    sql: "SELECT id, kind, source, occurred_at, correlation_id, detail FROM events
          WHERE student_id = $1 AND (occurred_at, id) < ($2, $3)
          ORDER BY occurred_at DESC, id DESC LIMIT $4",
};

/// Where a page of events ended.
type Position = (OffsetDateTime, Uuid);

/// The progress service.
#[derive(Clone)]
pub struct Progress {
    database: Database,
}

impl Progress {
    /// Serves the record kept in a database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[tonic::async_trait]
impl ProgressService for Progress {
    async fn get_progress(&self, _: Request<GetProgressRequest>) -> Result<Response<GetProgressResponse>, Status> {
        Err(unbuilt("mastery"))
    }

    async fn record_progress(
        &self,
        _: Request<RecordProgressRequest>,
    ) -> Result<Response<RecordProgressResponse>, Status> {
        Err(unbuilt("recording of progress"))
    }

    async fn list_events(&self, request: Request<ListEventsRequest>) -> Result<Response<ListEventsResponse>, Status> {
        let ListEventsRequest { user_id: id, page_size, page_token } = request.into_inner();
        let student_id = user_id(&id, "user_id")?;
        may_read(Context::current().caller()?, student_id)?;
        let page = Page::read(page_size, page_token.as_deref(), parse_position)?;
        let (before, id) = page.after.unwrap_or((end_of_time(), Uuid::max()));
        let mut rows = self.database.query(&EVENTS, &[&student_id, &before, &id, &page.limit()]).await?;
        let next_page_token = page.cut(&mut rows, |row| write_position(row.get("occurred_at"), row.get("id")));
        let events = rows.iter().map(event).collect::<Result<_, _>>()?;
        Ok(Response::new(ListEventsResponse { events, next_page_token }))
    }
}

/// A student reads their own events. A teacher reads any student's, as long as there are no classes to tell which
/// students are theirs.
fn may_read(caller: &Caller, student_id: Uuid) -> Result<(), Status> {
    match caller.role {
        Role::Teacher | Role::Admin => Ok(()),
        Role::Student if is_self(caller, student_id) => Ok(()),
        Role::Student => Err(Status::permission_denied("students read their own events only")),
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

/// Microseconds since 1970, the database's own precision, and the id.
fn write_position(at: OffsetDateTime, id: Uuid) -> String {
    format!("{}.{id}", at.unix_timestamp_nanos() / 1_000)
}

fn parse_position(token: &str) -> Option<Position> {
    let (micros, id) = token.split_once('.')?;
    let nanos = micros.parse::<i64>().ok().map(|micros| i128::from(micros) * 1_000)?;
    Some((OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?, Uuid::from_str(id).ok()?))
}

fn end_of_time() -> OffsetDateTime {
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
