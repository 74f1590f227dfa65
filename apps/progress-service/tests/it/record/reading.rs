use std::time::Duration;

use learnflow_curriculum::Curriculum;
use learnflow_proto::v1::GetProgressResponse;
use learnflow_sidecar::Outcome;
use progress_service::{
    catalogue,
    record::{alerts, read, tables},
};
use tonic::Code;
use uuid::Uuid;

use super::{Replica, account, graded, prepared, quiz, ran, teaches};
use crate::postgres::{Postgres, count, execute, open};

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
    account(&url, &teacher).await;
    teaches(&url, &teacher, &student).await;
    let replica = Replica::of(&database);
    replica.tell([ran(&student, 9, "runtime_error", "NameError"), ran(&student, 8, "timeout", "")]).await;
    let denied = replica.read(&teacher, "student", &student).await.unwrap_err();
    assert_eq!(denied.code(), Code::PermissionDenied);
    let nobody = teacher.replace('0', "1");
    assert_eq!(replica.read(&teacher, "admin", &nobody).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(replica.read(&teacher, "teacher", &nobody).await.unwrap_err().code(), Code::PermissionDenied);
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
         INSERT INTO resolutions (alert_id, student_id, kind, resolved_at)
         SELECT id, student_id, kind, now() FROM alerts;
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
