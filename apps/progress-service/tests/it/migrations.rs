use std::collections::BTreeMap;

use progress_service::database::MigrationError;
use serde_json::Value;

use crate::postgres::{Postgres, count, execute, open};

const TABLES: &[&str] = &[
    "users",
    "modules",
    "topics",
    "exercises",
    "submissions",
    "quizzes",
    "quiz_attempts",
    "progress",
    "alerts",
    "notifications",
    "chat_messages",
    "events",
    "outbox",
    "refresh_tokens",
    "audit",
    "weekly_aggregates",
    "classes",
    "class_members",
    "assignments",
];

/// FR-036: two replicas that start at once on an empty database both succeed, and it is migrated once.
#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_migrate_once() {
    let url = Postgres::shared().empty().await;
    let (first, second) = (open(&url), open(&url));
    assert!(first.check().await.is_err(), "nothing may be served before the schema is there");
    let (one, two) = tokio::join!(first.start(), second.start());
    one.unwrap();
    two.unwrap();
    first.check().await.unwrap();

    let migrations = count(&url, "SELECT count(*) FROM refinery_schema_history").await;
    let files = std::fs::read_dir("../../migrations").unwrap().count();
    assert_eq!(migrations, i64::try_from(files).unwrap());
    for table in TABLES {
        let columns = format!("SELECT count(*) FROM information_schema.columns WHERE table_name = '{table}'");
        assert!(count(&url, &columns).await > 0, "table {table} is missing");
    }
    // A third start changes nothing.
    open(&url).start().await.unwrap();
    assert_eq!(count(&url, "SELECT count(*) FROM refinery_schema_history").await, migrations);
}

/// FR-036: a database that a later release has migrated, or a migration changed after the fact, stops the start.
#[tokio::test]
async fn a_foreign_schema_is_refused() {
    let url = Postgres::shared().empty().await;
    open(&url).start().await.unwrap();
    execute(
        &url,
        "INSERT INTO refinery_schema_history SELECT 1000, 'from_the_future', applied_on, '1'
         FROM refinery_schema_history WHERE version = 1",
    )
    .await;
    let error = open(&url).start().await.unwrap_err();
    assert!(matches!(error, MigrationError::Newer { .. }), "{error}");

    execute(&url, "DELETE FROM refinery_schema_history WHERE version = 1000").await;
    execute(&url, "UPDATE refinery_schema_history SET checksum = '1' WHERE version = 2").await;
    let error = open(&url).start().await.unwrap_err();
    assert!(matches!(error, MigrationError::Altered(_)), "{error}");
}

/// Tables: every foreign key has an index to find its rows by, every table says what it is for, and `updated_at` keeps
/// itself.
#[tokio::test]
async fn tables_are_indexed_and_described() {
    let url = Postgres::shared().empty().await;
    open(&url).start().await.unwrap();
    let without_comment =
        "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
        AND relname <> 'refinery_schema_history' AND obj_description(oid) IS NULL";
    assert_eq!(count(&url, without_comment).await, 0);
    let without_trigger = "SELECT count(*) FROM information_schema.columns c WHERE column_name = 'updated_at'
        AND table_schema = 'public' AND NOT EXISTS
        (SELECT FROM pg_trigger WHERE tgrelid = c.table_name::regclass AND tgname = c.table_name || '_touch')";
    assert_eq!(count(&url, without_trigger).await, 0);
    for column in ["user_id", "student_id", "topic_id", "submission_id"] {
        let without_index = format!(
            "SELECT count(*) FROM pg_attribute a JOIN pg_class t ON t.oid = a.attrelid AND t.relkind IN ('r', 'p')
             WHERE a.attname = '{column}' AND t.relnamespace = 'public'::regnamespace AND NOT EXISTS
             (SELECT FROM pg_index i WHERE i.indrelid = t.oid AND a.attnum = ANY (i.indkey))"
        );
        assert_eq!(count(&url, &without_index).await, 0, "{column} without an index");
    }
}

/// Rows as a service of that version wrote them, by the version from which on they can be.
const FIXTURES: &[(i32, &str)] = &[
    (
        1,
        "INSERT INTO users (id, email, name, role, password_hash, time_zone) VALUES
             ('01900000-0000-7000-8000-000000000001', 'maya@example.org', 'Maya', 'student', '$argon2id$', 'Asia/Tokyo'),
             ('01900000-0000-7000-8000-000000000002', 'eva@example.org', 'Eva', 'teacher', NULL, 'UTC');
         INSERT INTO refresh_tokens (id, user_id, family_id, token_hash, expires_at)
             SELECT gen_random_uuid(), id, gen_random_uuid(), sha256(email::bytea), now() FROM users;
         INSERT INTO audit (id, actor_id, actor_role, action, subject_id)
             VALUES (gen_random_uuid(), gen_random_uuid(), 'admin', 'progress.read', gen_random_uuid())",
    ),
    (
        2,
        "INSERT INTO modules (id, title, position) VALUES ('m', 'M', 1);
         INSERT INTO topics (id, module_id, title, position) VALUES ('lists', 'm', 'Lists', 1);
         INSERT INTO exercises (id, topic_id, difficulty, title, made_by, content, created_for)
             SELECT 'e1', 'lists', 'easy', 'E', 'builtin', '{\"id\": \"e1\"}', id FROM users WHERE role = 'student';
         INSERT INTO quizzes (id, topic_id, questions) VALUES ('q1', 'lists', '[\"a\"]')",
    ),
    (
        3,
        "INSERT INTO submissions (id, user_id, exercise_id, topic_id, status, score, submitted_at)
             SELECT gen_random_uuid(), id, 'e1', 'lists', 'passed', 100, now() FROM users;
         INSERT INTO quiz_attempts (id, user_id, quiz_id, topic_id, score, answers, attempted_at)
             SELECT gen_random_uuid(), id, 'q1', 'lists', 60, '[]', now() FROM users;
         INSERT INTO progress (user_id, topic_id, mastery) SELECT id, 'lists', 12.5 FROM users",
    ),
    (
        4,
        "INSERT INTO classes (id, teacher_id, name, join_code)
             SELECT gen_random_uuid(), id, 'C', 'ABCDEFGH' FROM users WHERE role = 'teacher';
         INSERT INTO class_members (class_id, student_id)
             SELECT c.id, u.id FROM classes c, users u WHERE u.role = 'student';
         INSERT INTO assignments (id, class_id, exercise_id, status) SELECT gen_random_uuid(), id, 'e1', 'assigned' FROM classes;
         INSERT INTO alerts (id, student_id, topic_id, kind, message)
             SELECT gen_random_uuid(), id, 'lists', 'said_stuck', 'm' FROM users WHERE role = 'student'",
    ),
    (
        5,
        "INSERT INTO notifications (id, user_id, kind, title) SELECT gen_random_uuid(), id, 'k', 't' FROM users;
         INSERT INTO chat_messages (id, user_id, request_id, author, text)
             SELECT gen_random_uuid(), id, gen_random_uuid(), 'student', 'What is a list?' FROM users",
    ),
    (
        6,
        "INSERT INTO events (id, student_id, kind, source, occurred_at, detail)
             SELECT event_id, u.id, 'k', 's', now(), '{\"n\": 1}' FROM users u, unnest(ARRAY[
                 '019505d2-0000-7000-8000-000000000001', '019505d2-0000-7000-8000-000000000002',
                 'ffffffff-0000-4000-8000-000000000003', '01ffffff-0000-7000-8000-000000000004']::uuid[]) event_id
             WHERE u.role = 'student';
         INSERT INTO outbox (id, topic, partition_key, event_type, data) VALUES (gen_random_uuid(), 't', 'k', 'e', '{}')",
    ),
    (7, "UPDATE submissions SET attempt = 2, error_type = 'NameError', duration_ms = 7"),
    (
        20,
        "INSERT INTO facts (id, student_id, topic_id, kind, occurred_at, score, source)
             SELECT gen_random_uuid(), id, 'lists', 'quiz_attempt', now(), 60, 's' FROM users WHERE role = 'student';
         INSERT INTO resolutions (alert_id, student_id, kind, topic_id, resolved_at)
             SELECT id, student_id, kind, topic_id, now() FROM alerts;
         INSERT INTO records (student_id, version, streak_days, longest_streak_days, computed_at)
             SELECT id, 3, 1, 2, now() FROM users WHERE role = 'student'",
    ),
    (22, "UPDATE resolutions SET note = 'talked about it'"),
];

/// All rows of all tables, without what the database itself keeps up to date.
async fn rows(url: &str) -> BTreeMap<String, Vec<Value>> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let tables = "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition
        AND relnamespace = 'public'::regnamespace AND relname <> 'refinery_schema_history'";
    let mut found = BTreeMap::new();
    for table in client.query(tables, &[]).await.unwrap() {
        let table: String = table.get(0);
        let sql = format!("SELECT to_jsonb(t) - 'updated_at' FROM \"{table}\" t");
        let rows: Vec<Value> = client.query(&sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
        found.insert(table, rows);
    }
    found
}

fn holds(after: &Value, before: &Value) -> bool {
    before.as_object().unwrap().iter().all(|(column, value)| after.get(column) == Some(value))
}

/// FR-036: from every earlier version, with rows of that version in it, the newest one is reached, and every row is still
/// there with all it said.
#[tokio::test(flavor = "multi_thread")]
async fn every_version_is_brought_up_to_date() {
    let name = |entry: std::fs::DirEntry| entry.file_name().into_string().unwrap();
    let files = std::fs::read_dir("../../migrations").unwrap().map(|entry| name(entry.unwrap()));
    let number = |name: String| name.strip_prefix('V').unwrap().split_once("__").unwrap().0.parse::<i32>().unwrap();
    let mut versions: Vec<i32> = files.map(number).collect();
    versions.sort_unstable();
    assert!(FIXTURES.iter().all(|(version, _)| versions.contains(version)));
    for last in &versions {
        let url = Postgres::shared().empty().await;
        for version in versions.iter().filter(|version| *version <= last) {
            open(&url).migrate_to(*version).await.unwrap();
            for (_, fixture) in FIXTURES.iter().filter(|(from, _)| from == version) {
                execute(&url, fixture).await;
            }
        }
        let before = rows(&url).await;
        let database = open(&url);
        database.start().await.unwrap();
        database.check().await.unwrap();
        let after = rows(&url).await;
        let mut kept = 0;
        for (table, before) in &before {
            for row in before {
                let found = after.get(table).is_some_and(|after| after.iter().any(|after| holds(after, row)));
                assert!(found, "from V{last}: {table} lost {row}, has {:?}", after.get(table));
                kept += 1;
            }
            assert_eq!(after.get(table).map_or(0, Vec::len), before.len(), "from V{last}: {table}");
        }
        assert!(kept >= 5, "from V{last}: {kept} rows");
    }
}
