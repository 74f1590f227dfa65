use std::{sync::Arc, sync::Mutex, time::Duration};

use futures::future::join_all;
use learnflow_proto::{
    Struct,
    events::LearningEvent,
    v1::{ListEventsRequest, ListEventsResponse, progress_service_server::ProgressService as _},
};
use learnflow_sidecar::{Event, Outcome};
use progress_service::{
    batch::EventStore,
    config::DatabaseConfig,
    database::{Database, partitions},
    events::EventHandler,
    progress,
};
use serde_json::json;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status};
use uuid::Uuid;

use crate::{
    accounts::calling,
    postgres::{Postgres, count, execute, open},
    record::Replica,
};

fn handler(database: &Database) -> EventHandler {
    EventHandler::new(EventStore::start(database.clone()), CancellationToken::new())
}

/// An event of a student, `second` seconds into the year 2026.
fn event(student_id: &str, second: i64, detail: &serde_json::Value) -> Event<LearningEvent> {
    let detail: Struct = serde_json::from_value(detail.clone()).unwrap();
    let occurred_at = learnflow_proto::Timestamp { seconds: 1_767_225_600 + second, nanos: 5_000 };
    Event {
        id: Uuid::now_v7().to_string(),
        source: "triage".into(),
        subject: student_id.into(),
        time: "2026-01-01T00:00:00Z".into(),
        data: LearningEvent {
            student_id: student_id.into(),
            kind: "question.asked".into(),
            occurred_at: Some(occurred_at),
            detail: Some(detail),
        },
    }
}

async fn list(database: &Database, id: &str, size: u32, token: Option<String>) -> Result<ListEventsResponse, Status> {
    let request = ListEventsRequest { user_id: id.into(), page_size: Some(size), page_token: token };
    Replica::of(database).progress.list_events(Request::new(request)).await.map(tonic::Response::into_inner)
}

/// FR-033..035: many deliveries at once, each event three times, are stored once each and read back newest first.
#[tokio::test(flavor = "multi_thread")]
async fn events_are_stored_once() {
    let database = Postgres::shared().database().await;
    let handler = handler(&database);
    let student = Uuid::now_v7().to_string();
    let events: Vec<_> =
        (0..100).map(|second| event(&student, second, &json!({"topic": "loops", "n": second}))).collect();
    let deliveries = (0..3).flat_map(|_| events.iter().map(|event| handler.clone().handle(event.clone())));
    let outcomes = join_all(deliveries).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Done));

    let as_student = || calling(&student, "student");
    let (mut stored, mut token) = (Vec::new(), None);
    loop {
        let page = as_student().scope(list(&database, &student, 30, token)).await.unwrap();
        stored.extend(page.events);
        if page.next_page_token.is_empty() {
            break;
        }
        token = Some(page.next_page_token);
    }
    let wanted: Vec<_> = events.iter().rev().map(|event| event.id.clone()).collect();
    assert_eq!(stored.iter().map(|event| event.event_id.clone()).collect::<Vec<_>>(), wanted);
    let (last, sent) = (stored.last().unwrap(), &events[0]);
    assert_eq!((last.kind.as_str(), last.source.as_str()), ("question.asked", "triage"));
    assert_eq!((&last.detail, last.occurred_at), (&sent.data.detail, sent.data.occurred_at));

    // FR-002b: another student may not read them, nor a teacher in none of whose classes the student is.
    let other = Uuid::now_v7().to_string();
    let denied = calling(&other, "student").scope(list(&database, &student, 1, None)).await;
    assert_eq!(denied.unwrap_err().code(), Code::PermissionDenied);
    let denied = calling(&other, "teacher").scope(list(&database, &student, 1, None)).await;
    assert_eq!(denied.unwrap_err().code(), Code::PermissionDenied);
}

/// Faults, malformed event: what can never be stored goes to the dead letters and takes no neighbour with it.
#[tokio::test(flavor = "multi_thread")]
async fn bad_events_are_dropped_alone() {
    let database = Postgres::shared().database().await;
    let handler = handler(&database);
    let student = Uuid::now_v7().to_string();
    let good = (0..20).map(|second| event(&student, second, &json!({})));
    let mut events: Vec<_> = good.collect();
    // PostgreSQL keeps no NUL in JSONB: only the database finds this one out.
    events.insert(7, event(&student, 7, &json!({"text": "a\0b"})));
    events.insert(12, event("", 12, &json!({})));
    let outcomes = join_all(events.into_iter().map(|event| handler.clone().handle(event))).await;
    let dropped: Vec<_> = (0..outcomes.len()).filter(|index| outcomes[*index] == Outcome::Drop).collect();
    assert_eq!(dropped, [7, 12]);
    let stored = calling(&student, "student").scope(list(&database, &student, 50, None)).await.unwrap();
    assert_eq!(stored.events.len(), 20);
}

/// Faults, PostgreSQL away: an event waits for it and is then stored; what was stored before is still there; the pool
/// recovers by itself, also under a new password.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_database_loses_nothing() {
    let mut postgres = Postgres::start();
    let url = postgres.empty().await;
    execute(&url, "CREATE ROLE app LOGIN SUPERUSER PASSWORD 'first'").await;
    let app_url = |password| postgres.url("app", password, url.rsplit('/').next().unwrap());
    let (first, second) = (app_url("first"), app_url("second"));
    let current = Arc::new(Mutex::new(first));
    let read = current.clone();
    let read_url = Arc::new(move || {
        let url = read.lock().unwrap().clone();
        Box::pin(async move { Ok(url.into()) }) as _
    });
    let database = Database::new(DatabaseConfig::default(), read_url).unwrap();
    database.start().await.unwrap();
    let watched = database.clone();
    tokio::spawn(async move { watched.watch().await });
    let handler = handler(&database);
    let student = Uuid::now_v7().to_string();
    assert_eq!(handler.clone().handle(event(&student, 1, &json!({}))).await, Outcome::Done);

    execute(&url, "ALTER ROLE app PASSWORD 'second'").await;
    *current.lock().unwrap() = second;
    postgres.stop();
    let waiting = tokio::spawn(handler.clone().handle(event(&student, 2, &json!({}))));
    tokio::time::timeout(Duration::from_secs(3), async {
        while database.is_available() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .expect("the watch notices within three seconds that the database is away");
    assert!(!waiting.is_finished());

    postgres.run();
    assert_eq!(tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap(), Outcome::Done);
    database.check().await.unwrap();
    assert_eq!(count(&url, "SELECT count(*) FROM events").await, 2);
}

/// Events by month: partitions are made ahead, by one replica at a time, and take over what has waited for them; what is
/// older than it is kept goes, and nothing else. An event is still stored once.
#[tokio::test(flavor = "multi_thread")]
async fn events_are_kept_by_month() {
    let url = Postgres::shared().empty().await;
    let database = open(&url);
    database.start().await.unwrap();
    let now = OffsetDateTime::now_utc();
    let student = Uuid::now_v7();
    let store = async |months: &[i32]| {
        for month in months {
            let sql = format!(
                "INSERT INTO events (id, student_id, kind, source, occurred_at)
                 SELECT event_id_at(t), '{student}', 'k', 's', t FROM (SELECT date_trunc('month', now()) + interval '{month} months'
                 + interval '36 hours') AS moment (t) ON CONFLICT (id) DO NOTHING"
            );
            execute(&url, &sql).await;
        }
    };
    let all = || count(&url, "SELECT count(*) FROM events");
    let loose = || count(&url, "SELECT count(*) FROM events_default");
    // Two months ahead there is no partition yet.
    store(&[-40, -30, -1, 0, 2]).await;
    assert_eq!((all().await, loose().await), (5, 1));
    let (one, two) = tokio::join!(partitions::keep(&database, 0, now), partitions::keep(&database, 0, now));
    assert_eq!(one.unwrap().made.len() + two.unwrap().made.len(), 3, "the next three months, once");
    assert_eq!((all().await, loose().await), (5, 0));
    store(&[-40, -30, -1, 0, 2]).await;
    assert_eq!(all().await, 5, "an event is stored once, wherever it is");

    // Half a year on, nobody having looked after them meanwhile; what came before the first partition is not old enough yet.
    let later = now + time::Duration::days(180);
    let kept = partitions::keep(&database, 6, later).await.unwrap();
    assert!(kept.made.len() == 4 && kept.dropped.is_empty(), "{kept:?}");
    assert_eq!(partitions::keep(&database, 6, later).await.unwrap(), partitions::Kept::default());
    let kept = partitions::keep(&database, 6, now + time::Duration::days(250)).await.unwrap();
    assert!(kept.dropped.contains(&"events_before".to_owned()), "{kept:?}");
    assert_eq!(all().await, 1);
    store(&[0]).await;
    assert_eq!((all().await, loose().await), (2, 1), "what comes late has a place");
}

/// SC-005: a page of events is found by its index, whoever else has events. The plan of a slow statement shows no
/// values, which could be a person's.
#[tokio::test]
async fn a_page_of_events_is_an_index_scan() {
    let url = Postgres::shared().empty().await;
    let database = open(&url);
    database.start().await.unwrap();
    execute(
        &url,
        "INSERT INTO events (id, student_id, kind, source, occurred_at)
         SELECT gen_random_uuid(), ('00000000-0000-7000-8000-' || lpad((n % 20)::text, 12, '0'))::uuid, 'k', 's',
                now() - n * interval '1 second' FROM generate_series(1, 20000) n;
         ANALYZE events",
    )
    .await;
    let plan = database.explain(&progress::EVENTS, 4).await.unwrap();
    // The newest of each partition's, merged.
    assert!(plan.contains("Index Scan using events_default_student_id") && !plan.contains("Sort  ("), "{plan}");
    assert!(plan.contains("student_id = $1"), "{plan}");
    // The connection is left as it was found.
    assert_eq!(database.explain(&progress::EVENTS, 4).await.unwrap(), plan);
}
