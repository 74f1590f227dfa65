//! The learner's record, from facts told as events to what is read.

mod alerts;
mod computing;
mod levels;
mod reading;
mod speed;

use std::{sync::Arc, time::Duration};

use learnflow_curriculum::Curriculum;
use learnflow_mastery::Config;
use learnflow_proto::{
    Timestamp,
    events::{
        CodeReviewed, ExerciseGraded, ProgramRan, ProgressRecorded, QuizGraded, SaidStuck, progress_recorded::Fact,
    },
    v1::{
        Alert, GetProgressRequest, GetProgressResponse, ListAlertsRequest, alert_service_server::AlertService as _,
        progress_service_server::ProgressService as _,
    },
};
use learnflow_sidecar::{Event, Outcome, Sidecar, SidecarConfig};
use progress_service::{
    catalogue,
    database::Database,
    facts::FactHandler,
    progress::Progress,
    record::{
        alerts::Alerts,
        audit::Audit,
        handler::RecordHandler,
        outbox,
        read::Reader,
        rebuild::{Report, rebuild},
        writer::Writer,
    },
};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status};
use uuid::Uuid;

use crate::{
    accounts::calling,
    postgres::{Postgres, execute, open},
};

/// A sidecar that is away.
pub(crate) fn no_sidecar() -> Sidecar {
    let endpoint = "http://127.0.0.1:1".to_owned();
    let (app_id, timeout) = ("progress-service".to_owned(), Duration::from_secs(1));
    Sidecar::connect(SidecarConfig { endpoint, api_token: None, app_token: None, app_id, timeout }).unwrap()
}

/// The service as one replica runs it.
pub(crate) struct Replica {
    pub(crate) handler: RecordHandler,
    pub(crate) progress: Progress,
    pub(crate) alerts: Alerts,
    pub(crate) writer: Writer,
    pub(crate) database: Database,
}

impl Replica {
    pub(crate) fn of(database: &Database) -> Self {
        let curriculum = Curriculum::load("../../curriculum").unwrap();
        let (sidecar, stopping) = (no_sidecar(), CancellationToken::new());
        let reader = Reader::new(database.clone(), sidecar.clone(), &curriculum);
        let outdated = reader.clone();
        let on_change = Arc::new(move |student, version| outdated.outdate(student, version));
        let writer = Writer::start(database.clone(), Arc::new(Config::default()), outbox::Bell::default(), on_change);
        let details = FactHandler::new(database.clone(), stopping.clone());
        let audit = Audit::new(database.clone(), sidecar.clone());
        Self {
            handler: RecordHandler::new(details, writer.clone(), &curriculum, stopping),
            progress: Progress::new(database.clone(), sidecar, reader, writer.clone(), Arc::new(Config::default())),
            alerts: Alerts::new(database.clone(), writer.clone(), audit),
            writer,
            database: database.clone(),
        }
    }

    pub(crate) async fn tell(&self, events: impl IntoIterator<Item = Event<ProgressRecorded>>) {
        for event in events {
            assert_eq!(self.handler.clone().handle(event).await, Outcome::Done);
        }
    }

    pub(crate) async fn read(&self, caller: &str, role: &str, student: &str) -> Result<GetProgressResponse, Status> {
        let request = Request::new(GetProgressRequest { user_id: student.to_owned() });
        Ok(calling(caller, role).scope(self.progress.get_progress(request)).await?.into_inner())
    }

    pub(crate) async fn own(&self, student: &str) -> GetProgressResponse {
        self.read(student, "student", student).await.unwrap()
    }

    pub(crate) async fn alerts(&self, teacher: &str, request: ListAlertsRequest) -> Vec<Alert> {
        let listed = calling(teacher, "teacher").scope(self.alerts.list_alerts(Request::new(request))).await;
        listed.unwrap().into_inner().alerts
    }

    pub(crate) async fn rebuild(&self) -> Report {
        rebuild(&self.database, &Config::default(), None, false).await.unwrap()
    }
}

/// An empty database with the curriculum's topics, and its URL.
pub(crate) async fn prepared() -> (Database, String) {
    let url = Postgres::shared().empty().await;
    let database = open(&url);
    database.start().await.unwrap();
    catalogue::write(&database, &Curriculum::load("../../curriculum").unwrap()).await.unwrap();
    (database, url)
}

pub(crate) async fn account(url: &str, id: &str) {
    execute(url, &format!("INSERT INTO users (id, email, name) VALUES ('{id}', '{id}@example.org', 'A')")).await;
}

/// Something the student did so many seconds ago.
pub(crate) fn event(student: &str, ago: i64, topic: &str, fact: Fact) -> Event<ProgressRecorded> {
    let data = ProgressRecorded {
        student_id: student.to_owned(),
        topic: topic.to_owned(),
        occurred_at: Some(Timestamp { seconds: OffsetDateTime::now_utc().unix_timestamp() - ago, nanos: 123_456_789 }),
        fact: Some(fact),
    };
    let (id, source) = (Uuid::now_v7().to_string(), "code-execution".to_owned());
    Event { id, source, subject: student.to_owned(), time: String::new(), data }
}

pub(crate) fn ran(student: &str, ago: i64, status: &str, error: &str) -> Event<ProgressRecorded> {
    let (status, error_type) = (status.to_owned(), error.to_owned());
    event(student, ago, "lists", Fact::ProgramRan(ProgramRan { status, error_type, ..ProgramRan::default() }))
}

pub(crate) fn graded(student: &str, ago: i64, topic: &str, exercise: &str, score: u32) -> Event<ProgressRecorded> {
    let status = if score == 100 { "passed" } else { "failed" };
    let graded = ExerciseGraded {
        submission_id: Uuid::now_v7().to_string(),
        exercise_id: exercise.to_owned(),
        status: status.to_owned(),
        score,
        difficulty: "hard".to_owned(),
        ..ExerciseGraded::default()
    };
    event(student, ago, topic, Fact::ExerciseGraded(graded))
}

pub(crate) fn quiz(student: &str, ago: i64, topic: &str, score: u32) -> Event<ProgressRecorded> {
    let attempt_id = Uuid::now_v7().to_string();
    event(student, ago, topic, Fact::QuizGraded(QuizGraded { attempt_id, score, ..QuizGraded::default() }))
}

/// A month of a student's work, of every kind; a number decides what.
pub(crate) fn month(student: &str) -> Vec<Event<ProgressRecorded>> {
    let topics = ["lists", "tuples", "sets"];
    (0..90_u32)
        .map(|number| {
            let (ago, topic) = (i64::from(90 - number) * 28_000, topics[number as usize / 4 % 3]);
            let exercise = format!("e{}", number % 5);
            match number % 9 {
                0 | 1 => graded(student, ago, topic, &exercise, (number * 37) % 101),
                2 => graded(student, ago, topic, &exercise, 100),
                3 => quiz(student, ago, topic, (number * 13) % 101),
                4 => {
                    let rating = (number * 7) % 101;
                    let submission_id = Uuid::now_v7().to_string();
                    event(student, ago, topic, Fact::CodeReviewed(CodeReviewed { submission_id, rating }))
                }
                5 => event(student, ago, topic, Fact::SaidStuck(SaidStuck { request_id: format!("r{number}") })),
                6 => ran(student, ago, "completed", ""),
                _ => ran(student, ago, "runtime_error", "NameError"),
            }
        })
        .collect()
}

/// Everything computed, without the moments of computing.
pub(crate) const COMPUTED: &str = "SELECT coalesce(string_agg(line, E'\\n' ORDER BY line), '') FROM (
    SELECT (to_jsonb(p) - '{created_at,updated_at}'::text[])::text AS line FROM progress p
    UNION ALL SELECT (to_jsonb(a) - '{id,created_at,updated_at}'::text[])::text FROM alerts a WHERE NOT withdrawn
    UNION ALL SELECT (to_jsonb(r) - '{version,computed_at}'::text[])::text FROM records r) lines";

pub(crate) async fn computed(url: &str) -> String {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.query_one(COMPUTED, &[]).await.unwrap().get(0)
}

/// Puts a student into a class of a teacher's, whose accounts there are.
pub(crate) async fn teaches(url: &str, teacher: &str, student: &str) {
    let class = Uuid::now_v7();
    execute(
        url,
        &format!(
            "INSERT INTO classes (id, teacher_id, name, join_code) VALUES ('{class}', '{teacher}', 'C', '{code}');
             INSERT INTO class_members (class_id, student_id) VALUES ('{class}', '{student}')",
            code = &class.simple().to_string()[20..]
        ),
    )
    .await;
}
