use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use learnflow_curriculum::Curriculum;
use learnflow_mastery::Config;
use learnflow_proto::{
    Timestamp,
    events::{
        CodeReviewed, ExerciseGraded, ProgramRan, ProgressRecorded, QuizGraded, SaidStuck, progress_recorded::Fact,
    },
    v1::{
        Alert, GetProgressRequest, GetProgressResponse, ListAlertsRequest, ResolveAlertRequest,
        alert_service_server::AlertService as _, progress_service_server::ProgressService as _,
    },
};
use learnflow_sidecar::{Event, Outcome, Sidecar, SidecarConfig};
use progress_service::{
    catalogue,
    database::Database,
    facts::FactHandler,
    progress::Progress,
    record::{
        alerts::{self, Alerts},
        audit::Audit,
        handler::RecordHandler,
        outbox,
        read::{self, Reader},
        rebuild::{Report, rebuild},
        refresh, tables,
        writer::Writer,
    },
};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status};
use uuid::Uuid;

use crate::{
    accounts::calling,
    postgres::{Postgres, count, execute, open},
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
    alerts: Alerts,
    writer: Writer,
    database: Database,
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
            progress: Progress::new(database.clone(), sidecar, reader, writer.clone()),
            alerts: Alerts::new(database.clone(), writer.clone(), audit),
            writer,
            database: database.clone(),
        }
    }

    async fn tell(&self, events: impl IntoIterator<Item = Event<ProgressRecorded>>) {
        for event in events {
            assert_eq!(self.handler.clone().handle(event).await, Outcome::Done);
        }
    }

    async fn read(&self, caller: &str, role: &str, student: &str) -> Result<GetProgressResponse, Status> {
        let request = Request::new(GetProgressRequest { user_id: student.to_owned() });
        Ok(calling(caller, role).scope(self.progress.get_progress(request)).await?.into_inner())
    }

    async fn own(&self, student: &str) -> GetProgressResponse {
        self.read(student, "student", student).await.unwrap()
    }

    async fn alerts(&self, teacher: &str, request: ListAlertsRequest) -> Vec<Alert> {
        let listed = calling(teacher, "teacher").scope(self.alerts.list_alerts(Request::new(request))).await;
        listed.unwrap().into_inner().alerts
    }

    async fn rebuild(&self) -> Report {
        rebuild(&self.database, &Config::default(), None, false).await.unwrap()
    }
}

/// An empty database with the curriculum's topics, and its URL.
async fn prepared() -> (Database, String) {
    let url = Postgres::shared().empty().await;
    let database = open(&url);
    database.start().await.unwrap();
    catalogue::write(&database, &Curriculum::load("../../curriculum").unwrap()).await.unwrap();
    (database, url)
}

async fn account(url: &str, id: &str) {
    execute(url, &format!("INSERT INTO users (id, email, name) VALUES ('{id}', '{id}@example.org', 'A')")).await;
}

/// Something the student did so many seconds ago.
fn event(student: &str, ago: i64, topic: &str, fact: Fact) -> Event<ProgressRecorded> {
    let data = ProgressRecorded {
        student_id: student.to_owned(),
        topic: topic.to_owned(),
        occurred_at: Some(Timestamp { seconds: OffsetDateTime::now_utc().unix_timestamp() - ago, nanos: 123_456_789 }),
        fact: Some(fact),
    };
    let (id, source) = (Uuid::now_v7().to_string(), "code-execution".to_owned());
    Event { id, source, subject: student.to_owned(), time: String::new(), data }
}

fn ran(student: &str, ago: i64, status: &str, error: &str) -> Event<ProgressRecorded> {
    let (status, error_type) = (status.to_owned(), error.to_owned());
    event(student, ago, "lists", Fact::ProgramRan(ProgramRan { status, error_type, ..ProgramRan::default() }))
}

fn graded(student: &str, ago: i64, topic: &str, exercise: &str, score: u32) -> Event<ProgressRecorded> {
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

fn quiz(student: &str, ago: i64, topic: &str, score: u32) -> Event<ProgressRecorded> {
    let attempt_id = Uuid::now_v7().to_string();
    event(student, ago, topic, Fact::QuizGraded(QuizGraded { attempt_id, score, ..QuizGraded::default() }))
}

/// A month of a student's work, of every kind; a number decides what.
fn month(student: &str) -> Vec<Event<ProgressRecorded>> {
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
const COMPUTED: &str = "SELECT coalesce(string_agg(line, E'\\n' ORDER BY line), '') FROM (
    SELECT (to_jsonb(p) - '{created_at,updated_at}'::text[])::text AS line FROM progress p
    UNION ALL SELECT (to_jsonb(a) - '{id,created_at,updated_at}'::text[])::text FROM alerts a WHERE NOT withdrawn
    UNION ALL SELECT (to_jsonb(r) - '{version,computed_at}'::text[])::text FROM records r) lines";

async fn computed(url: &str) -> String {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.query_one(COMPUTED, &[]).await.unwrap().get(0)
}

/// FR-025..028, FR-033..035: whatever the order of delivery, however often each fact comes, and over two replicas that
/// each believe what they remember: the record is the same, and a rebuild finds it equal.
#[tokio::test(flavor = "multi_thread")]
async fn order_and_duplicates_make_no_difference() {
    let student = Uuid::now_v7().to_string();
    let events = month(&student);
    let (ordered, ordered_url) = prepared().await;
    account(&ordered_url, &student).await;
    let replica = Replica::of(&ordered);
    replica.tell(events.clone()).await;

    let (shuffled, shuffled_url) = prepared().await;
    account(&shuffled_url, &student).await;
    let replicas = [Replica::of(&shuffled), Replica::of(&shuffled)];
    // Late ones last, each twice, many at a time, to one replica or the other.
    let deliveries = (0..180_usize).map(|place| {
        let event = events[place * 67 % 90].clone();
        replicas[place / 3 % 2].handler.clone().handle(event)
    });
    for outcome in join_all(deliveries).await {
        assert_eq!(outcome, Outcome::Done);
    }
    let (one, other) = (computed(&ordered_url).await, computed(&shuffled_url).await);
    assert!(one.lines().count() > 6, "{one}");
    assert_eq!(one, other);
    for url in [&ordered_url, &shuffled_url] {
        assert_eq!(count(url, "SELECT count(*) FROM facts").await, 90);
    }
    for replica in [&replica, &replicas[0]] {
        let report = replica.rebuild().await;
        assert_eq!((report.students, report.facts, report.topics), (1, 90, 3));
        assert_eq!(report.differences, []);
    }
    // One event for each alert that ever was raised.
    let unmatched = "SELECT count(*) FROM alerts a FULL JOIN outbox o ON o.data ->> 'alert_id' = a.id::text
        WHERE a.id IS NULL OR o.id IS NULL";
    assert_eq!(count(&shuffled_url, unmatched).await, 0);
}

/// FR-037: failing raises one alert per episode, not per event; a teacher resolves it; it can recur. Redelivery of all
/// of it changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn one_alert_per_episode() {
    let (database, url) = prepared().await;
    let (student, teacher) = (Uuid::now_v7().to_string(), Uuid::now_v7().to_string());
    account(&url, &student).await;
    account(&url, &teacher).await;
    let replica = Replica::of(&database);
    let fail = |ago| ran(&student, ago, "runtime_error", "NameError");
    let first: Vec<_> = [600, 590, 580, 570].map(fail).into();
    replica.tell(first.clone()).await;
    replica.tell(first).await;
    let open = || ListAlertsRequest { resolved: Some(false), ..ListAlertsRequest::default() };
    let alerts = replica.alerts(&teacher, open()).await;
    let [alert] = &alerts[..] else { panic!("{alerts:?}") };
    assert_eq!((alert.kind.as_str(), alert.topic.as_str(), alert.signs), ("same_error", "lists", 4));
    assert_eq!((alert.student_id.as_str(), alert.error_type.as_deref()), (student.as_str(), Some("NameError")));
    assert!(alert.message.contains("NameError 4 times"), "{}", alert.message);
    assert_eq!(count(&url, "SELECT count(*) FROM outbox WHERE topic = 'struggle.detected'").await, 1);

    let request = || Request::new(ResolveAlertRequest { id: alert.id.clone() });
    let denied = calling(&student, "student").scope(replica.alerts.resolve_alert(request())).await;
    assert_eq!(denied.unwrap_err().code(), Code::PermissionDenied);
    for _ in 0..2 {
        let resolved = calling(&teacher, "teacher").scope(replica.alerts.resolve_alert(request())).await.unwrap();
        let resolved = resolved.into_inner().alert.unwrap();
        assert!(resolved.resolved && resolved.ending.as_deref() == Some("resolved"), "{resolved:?}");
    }
    assert_eq!(count(&url, &format!("SELECT count(*) FROM alerts WHERE resolved_by = '{teacher}'")).await, 1);
    assert_eq!(replica.alerts(&teacher, open()).await, []);

    // What came before the resolution no longer speaks for the rule; but the failed runs in a row are five by now.
    let kinds = async || {
        let alerts = replica.alerts(&teacher, open()).await;
        let mut kinds: Vec<_> = alerts.into_iter().map(|alert| alert.kind).collect();
        kinds.sort();
        kinds
    };
    replica.tell([-1, -2].map(fail)).await;
    assert_eq!(kinds().await, ["failed_runs"]);
    replica.tell([fail(-3)]).await;
    assert_eq!(kinds().await, ["failed_runs", "same_error"]);
    let all = replica.alerts(&teacher, ListAlertsRequest { student_id: Some(student.clone()), ..Default::default() });
    assert_eq!(all.await.iter().filter(|alert| alert.kind == "same_error").count(), 2);

    // Success ends what is open, without a teacher.
    replica.tell([graded(&student, -4, "lists", "e1", 100)]).await;
    assert_eq!(replica.alerts(&teacher, open()).await, []);
    assert_eq!(replica.rebuild().await.differences, []);
}

/// FR-025..028: a rebuild finds whatever differs from what the facts say, and can put it right.
#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_finds_and_repairs_damage() {
    let (database, url) = prepared().await;
    let student = Uuid::now_v7().to_string();
    account(&url, &student).await;
    let replica = Replica::of(&database);
    let events = month(&student);
    replica.tell(events.clone()).await;
    let truth = computed(&url).await;
    execute(
        &url,
        "UPDATE progress SET mastery = mastery + 0.001 WHERE topic_id = 'lists';
         DELETE FROM progress WHERE topic_id = 'sets';
         UPDATE records SET streak_days = longest_streak_days + 1, longest_streak_days = longest_streak_days + 1;
         DELETE FROM alerts WHERE id = (SELECT min(id::text)::uuid FROM alerts);
         DELETE FROM facts WHERE kind = 'quiz_attempt' AND id = (SELECT min(id::text)::uuid FROM quiz_attempts)",
    )
    .await;
    let report = rebuild(&database, &Config::default(), None, true).await.unwrap();
    let found = |text: &str| report.differences.iter().any(|difference| difference.what.starts_with(text));
    for text in ["topic lists", "topic sets", "streak", "alert", "attempt at a quiz"] {
        assert!(found(text), "{text}: {:?}", report.differences);
    }
    let left = replica.rebuild().await.differences;
    assert!(left.iter().all(|difference| difference.what.contains("has no fact")) && left.len() == 1, "{left:?}");
    // The lost fact comes again by its event; the writer notices that the record has changed under it.
    replica.tell(events).await;
    assert_eq!(replica.rebuild().await.differences, []);
    assert_eq!(computed(&url).await, truth);
}

/// FR-025, speed: facts of a thousand students with a history, eight at a time as from eight partitions.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement: run it alone, with --nocapture"]
async fn facts_per_second() {
    for history in [60, 600] {
        let (database, url) = prepared().await;
        let made = format!(
            "INSERT INTO users (id, email, name)
             SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, n || '@example.org', 'A'
             FROM generate_series(1, 1000) n;
             INSERT INTO facts (id, student_id, topic_id, kind, occurred_at, outcome, source)
             SELECT gen_random_uuid(), u.id, (ARRAY['lists', 'tuples', 'sets', 'strings'])[n % 4 + 1], 'code_run',
                    now() - n * interval '3 hours', 'passed', 's' FROM users u, generate_series(1, {history}) n;
             ANALYZE"
        );
        execute(&url, &made).await;
        let replica = Replica::of(&database);
        // At first every student is read from the database.
        for round in ["cold", "warm"] {
            let begun = std::time::Instant::now();
            let partitions = (0..8_u32).map(|partition| {
                let handler = replica.handler.clone();
                tokio::spawn(async move {
                    for number in 0..500 {
                        let student = format!("00000000-0000-7000-8000-{:012}", (number * 8 + partition) % 1_000 + 1);
                        let error = if number % 2 == 0 { "NameError" } else { "TypeError" };
                        let event = ran(&student, 1, "runtime_error", error);
                        assert_eq!(handler.clone().handle(event).await, Outcome::Done);
                    }
                })
            });
            for partition in join_all(partitions).await {
                partition.unwrap();
            }
            let rate = 4_000.0 / begun.elapsed().as_secs_f64();
            #[allow(clippy::print_stderr, reason = "the measurement")]
            {
                eprintln!("{history} facts each, {round}: {rate:.0} facts/s");
            }
            assert!(rate > 100.0, "{history} facts each, {round}: {rate:.0} facts/s");
        }
    }
}

/// FR-025, faults: a record is read back as it was computed; with PostgreSQL away from a cache, marked as such, and
/// where none knows it not at all; facts wait and follow.
#[tokio::test(flavor = "multi_thread")]
async fn records_are_read_and_survive_the_database() {
    let mut postgres = Postgres::start();
    let url = postgres.empty().await;
    let database = open(&url);
    database.start().await.unwrap();
    catalogue::write(&database, &Curriculum::load("../../curriculum").unwrap()).await.unwrap();
    let watched = database.clone();
    tokio::spawn(async move { watched.watch().await });
    let (student, other) = (Uuid::now_v7().to_string(), Uuid::now_v7().to_string());
    account(&url, &student).await;
    let replica = Replica::of(&database);
    let empty = replica.own(&student).await;
    assert_eq!((empty.topics.len(), empty.modules.len(), empty.streak_days), (0, 8, 0));

    replica.tell([graded(&student, 5, "lists", "e1", 100), quiz(&student, 4, "lists", 80)]).await;
    let progress = replica.own(&student).await;
    let [lists] = &progress.topics[..] else { panic!("{progress:?}") };
    // One of three hard exercises, the quiz, no review, one day of seven.
    let components = lists.components.as_ref().unwrap();
    assert_eq!((components.quizzes, components.code_quality), (Some(80.0), None));
    assert!((components.exercises.unwrap() - 100.0 / 3.0).abs() < 1e-9);
    assert!((lists.mastery - (0.4 * 100.0 / 3.0 + 0.3 * 80.0 + 0.1 * 100.0 / 7.0)).abs() < 1e-9);
    assert_eq!((lists.level.as_str(), progress.streak_days, progress.read_only), ("beginner", 1, false));
    assert!(lists.knowledge > 0.5 && lists.next_review_at.is_some() && lists.measures.is_none());
    let curriculum = Curriculum::load("../../curriculum").unwrap();
    let module = curriculum.module(&curriculum.topic("lists").unwrap().module).unwrap();
    let expected = lists.mastery / f64::from(u32::try_from(module.topics.len()).unwrap());
    let found = progress.modules.iter().find(|found| found.module == module.id).unwrap();
    assert!((found.mastery - expected).abs() < 1e-9);

    postgres.stop();
    tokio::time::timeout(Duration::from_secs(5), async {
        while database.is_available() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
    assert_eq!(replica.own(&student).await, GetProgressResponse { read_only: true, ..progress.clone() });
    let unknown = replica.read(&other, "student", &other).await.unwrap_err();
    assert_eq!(unknown.code(), Code::Unavailable);
    let waiting = tokio::spawn(replica.handler.clone().handle(quiz(&student, 3, "lists", 100)));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!waiting.is_finished());
    postgres.run();
    assert_eq!(tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap().unwrap(), Outcome::Done);
    let after = replica.own(&student).await;
    assert!(!after.read_only && after.topics[0].mastery > lists.mastery, "{after:?}");
}

/// FR-002b, FR-041: a student reads their own record only; a teacher reads it with its measures, and that is noted.
#[tokio::test(flavor = "multi_thread")]
async fn who_reads_anothers_record_is_noted() {
    let (database, url) = prepared().await;
    let (student, teacher) = (Uuid::now_v7().to_string(), Uuid::now_v7().to_string());
    account(&url, &student).await;
    let replica = Replica::of(&database);
    replica.tell([ran(&student, 9, "runtime_error", "NameError"), ran(&student, 8, "timeout", "")]).await;
    let denied = replica.read(&teacher, "student", &student).await.unwrap_err();
    assert_eq!(denied.code(), Code::PermissionDenied);
    let nobody = replica.read(&teacher, "teacher", &teacher.replace('0', "1")).await.unwrap_err();
    assert_eq!(nobody.code(), Code::NotFound);
    assert!(replica.own(&student).await.topics[0].measures.is_none());
    assert_eq!(count(&url, "SELECT count(*) FROM audit").await, 0);
    let seen = replica.read(&teacher, "teacher", &student).await.unwrap();
    let measures = seen.topics[0].measures.as_ref().unwrap();
    assert_eq!((measures.runs, measures.error_quotient, measures.wheel_spinning), (2, 8.0 / 11.0, false));
    let noted = format!(
        "SELECT count(*) FROM audit WHERE actor_id = '{teacher}' AND actor_role = 'teacher' AND subject_id = '{student}'
         AND action = 'progress.read'"
    );
    assert_eq!(count(&url, &noted).await, 1);
}

/// Faults, Kafka away: what must be published waits in the outbox, and is not marked as published.
#[tokio::test(flavor = "multi_thread")]
async fn the_outbox_waits_for_the_broker() {
    let (database, url) = prepared().await;
    let student = Uuid::now_v7().to_string();
    account(&url, &student).await;
    let replica = Replica::of(&database);
    replica.tell([quiz(&student, 5, "lists", 20)]).await;
    let waiting = "SELECT count(*) FROM outbox WHERE published_at IS NULL AND data ->> 'kind' = 'failed_quiz'";
    assert_eq!(count(&url, waiting).await, 1);
    for _ in 0..2 {
        outbox::publish_waiting(&database, &no_sidecar()).await.unwrap_err();
        assert_eq!(count(&url, waiting).await, 1);
    }
}

/// FR-026: time alone ends a streak, and an episode that nobody dealt with; the alert stays for the teacher.
#[tokio::test(flavor = "multi_thread")]
async fn time_changes_records() {
    let (database, url) = prepared().await;
    let student = Uuid::now_v7().to_string();
    account(&url, &student).await;
    let replica = Replica::of(&database);
    replica.tell([quiz(&student, 60, "lists", 20)]).await;
    assert_eq!(replica.own(&student).await.streak_days, 1);
    assert_eq!(refresh::once(&database, &replica.writer).await.unwrap(), 0);
    // Three days later, or rather: all of it happened three days ago.
    execute(
        &url,
        "UPDATE facts SET occurred_at = occurred_at - interval '3 days';
         UPDATE alerts SET opened_at = opened_at - interval '3 days', last_at = last_at - interval '3 days';
         UPDATE records SET version = version + 1, valid_until = valid_until - interval '3 days'",
    )
    .await;
    let replica = Replica::of(&database);
    assert_eq!(refresh::once(&database, &replica.writer).await.unwrap(), 1);
    assert_eq!(refresh::once(&database, &replica.writer).await.unwrap(), 0);
    assert_eq!(replica.own(&student).await.streak_days, 0);
    let quiet = "SELECT count(*) FROM alerts WHERE ending = 'quiet' AND resolved_at IS NULL AND NOT withdrawn";
    assert_eq!(count(&url, quiet).await, 1);
    assert_eq!(count(&url, "SELECT count(*) FROM records WHERE valid_until IS NULL").await, 1);
    assert_eq!(replica.rebuild().await.differences, []);
}

/// Of a student without an account nothing is kept; what is malformed is dropped, what a newer release may know comes
/// again.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_and_malformed_facts_leave_no_trace() {
    let (database, url) = prepared().await;
    let stranger = Uuid::now_v7().to_string();
    let replica = Replica::of(&database);
    replica.tell([ran(&stranger, 5, "completed", "")]).await;
    let handle = async |event| replica.handler.clone().handle(event).await;
    assert_eq!(handle(ran("nobody", 5, "completed", "")).await, Outcome::Drop);
    assert_eq!(handle(ran(&stranger, 5, "melted", "")).await, Outcome::Drop);
    assert_eq!(handle(graded(&stranger, 5, "lists", "", 100)).await, Outcome::Drop);
    assert_eq!(handle(quiz(&stranger, 5, "a-topic-of-the-next-release", 50)).await, Outcome::Retry);
    assert_eq!(count(&url, "SELECT (SELECT count(*) FROM facts) + (SELECT count(*) FROM records)").await, 0);
}

/// SC-005: records, facts and pages of alerts are found by index, however many there are.
#[tokio::test]
async fn reads_of_the_record_are_index_scans() {
    let (database, url) = prepared().await;
    execute(
        &url,
        "INSERT INTO users (id, email, name)
         SELECT gen_random_uuid(), n || '@example.org', 'A' FROM generate_series(1, 2000) n;
         INSERT INTO facts (id, student_id, topic_id, kind, occurred_at, source)
         SELECT gen_random_uuid(), u.id, 'lists', 'activity', now(), 's' FROM users u, generate_series(1, 10);
         INSERT INTO records (student_id, version, streak_days, longest_streak_days, computed_at)
         SELECT id, 1, 0, 0, now() FROM users;
         INSERT INTO progress (user_id, topic_id) SELECT u.id, t.id FROM users u, topics t WHERE t.position < 3;
         INSERT INTO alerts (id, student_id, kind, message, opened_at, last_at, created_at, resolved_at)
         SELECT gen_random_uuid(), u.id, 'said_stuck', 'm', now(), now(), now() - n * interval '1 second',
                CASE WHEN n % 2 = 0 THEN now() END
         FROM users u, generate_series(1, 10) n;
         ANALYZE",
    )
    .await;
    for (statement, parameters) in [
        (&read::READ, 1),
        (&tables::FACTS, 1),
        (&alerts::LIST, 3),
        (&alerts::LIST_OPEN, 3),
        (&alerts::LIST_RESOLVED, 3),
        (&alerts::LIST_STUDENT, 5),
    ] {
        let plan = database.explain(statement, parameters).await.unwrap();
        assert!(plan.contains("Index Scan") && !plan.contains("Seq Scan"), "{}: {plan}", statement.name);
        let sorted = plan.contains("Sort");
        assert!(!sorted, "{}: {plan}", statement.name);
    }
}
