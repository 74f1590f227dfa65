use progress_service::database::MigrationError;

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
    let without_comment = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
        AND relname <> 'refinery_schema_history' AND obj_description(oid) IS NULL";
    assert_eq!(count(&url, without_comment).await, 0);
    let without_trigger = "SELECT count(*) FROM information_schema.columns c WHERE column_name = 'updated_at'
        AND table_schema = 'public' AND NOT EXISTS
        (SELECT FROM pg_trigger WHERE tgrelid = c.table_name::regclass AND tgname = c.table_name || '_touch')";
    assert_eq!(count(&url, without_trigger).await, 0);
    for column in ["user_id", "student_id", "topic_id", "submission_id"] {
        let without_index = format!(
            "SELECT count(*) FROM pg_attribute a JOIN pg_class t ON t.oid = a.attrelid AND t.relkind = 'r'
             WHERE a.attname = '{column}' AND t.relnamespace = 'public'::regnamespace AND NOT EXISTS
             (SELECT FROM pg_index i WHERE i.indrelid = t.oid AND a.attnum = ANY (i.indkey))"
        );
        assert_eq!(count(&url, &without_index).await, 0, "{column} without an index");
    }
}
