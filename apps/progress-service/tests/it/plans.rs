use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    io::Cursor,
    path::Path,
    pin::pin,
    time::{Duration, Instant},
};

use futures::SinkExt as _;

use progress_service::{
    assignments, classes::membership, messages::recipients, practice, privacy::reseal, record::alerts,
};
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio_postgres::Client;

use crate::postgres::{Postgres, execute, open};

/// Reads of the service's keepers: they look at everything, in batches, and nobody waits for them.
const KEEPERS: &[&str] = &["record.students"];

/// 10,000 students with their records; their events come behind it.
const DATA: &str = "
    CREATE FUNCTION person(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
        $$ SELECT ('01900000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid $$;
    INSERT INTO users (id, email, name, role)
        SELECT person(n), n || '@example.org', 'A', CASE WHEN n % 40 = 0 THEN 'teacher' ELSE 'student' END
        FROM generate_series(1, 10000) n;
    INSERT INTO modules (id, title, position) SELECT 'm' || n, 'M', n FROM generate_series(1, 8) n;
    INSERT INTO topics (id, module_id, title, position)
        SELECT 't' || n, 'm' || n % 8 + 1, 'T', n FROM generate_series(1, 60) n;
    INSERT INTO exercises (id, topic_id, difficulty, title, made_by, content, created_for, created_at)
        SELECT 'e' || n, 't' || n % 60 + 1, (ARRAY['easy', 'medium', 'hard'])[n % 3 + 1], 'E', 'builtin', '{}',
               person(n % 10000 + 1), now() - n * interval '1 minute' FROM generate_series(1, 30000) n;
    INSERT INTO quizzes (id, topic_id, questions) SELECT 'q' || n, 't' || n, '[]' FROM generate_series(1, 60) n;
    INSERT INTO submissions (id, user_id, exercise_id, topic_id, status, score, submitted_at)
        SELECT gen_random_uuid(), person(n % 10000 + 1), 'e' || n % 30000 + 1, 't' || n % 60 + 1, 'passed', 100,
               now() - n * interval '1 minute' FROM generate_series(1, 100000) n;
    INSERT INTO quiz_attempts (id, user_id, quiz_id, topic_id, score, answers, attempted_at)
        SELECT gen_random_uuid(), person(n % 10000 + 1), 'q' || n % 60 + 1, 't' || n % 60 + 1, 60, '[]',
               now() - n * interval '1 minute' FROM generate_series(1, 50000) n;
    INSERT INTO progress (user_id, topic_id) SELECT person(n), 't' || t FROM generate_series(1, 10000) n, generate_series(1, 20) t;
    INSERT INTO records (student_id, version, streak_days, longest_streak_days, computed_at, valid_until)
        SELECT person(n), 1, 0, 0, now(), now() + n * interval '1 minute' FROM generate_series(1, 10000) n;
    INSERT INTO facts (id, student_id, topic_id, kind, occurred_at, outcome, source)
        SELECT gen_random_uuid(), person(n % 10000 + 1), NULLIF('t' || n % 21, 't0'), 'code_run', now() - n * interval '1 second',
               'passed', 's' FROM generate_series(1, 500000) n;
    INSERT INTO classes (id, teacher_id, name, join_code)
        SELECT person(n), person(n * 40 % 10000 + 40), 'C' || n, 'class-' || n FROM generate_series(1, 240) n;
    INSERT INTO class_members (class_id, student_id, joined_at)
        SELECT person(n % 240 + 1), person(n), now() - n * interval '1 second' FROM generate_series(1, 9600) n;
    INSERT INTO assignments (id, class_id, exercise_id, status, created_at)
        SELECT gen_random_uuid(), person(n % 240 + 1), 'e' || n, 'assigned', now() - n * interval '1 minute'
        FROM generate_series(1, 12000) n;
    INSERT INTO alerts (id, student_id, kind, message, opened_at, last_at, created_at, resolved_at)
        SELECT gen_random_uuid(), person(n % 10000 + 1), 'said_stuck', 'm', now(), now(), now() - n * interval '1 second',
               CASE WHEN n % 10 > 0 THEN now() END FROM generate_series(1, 50000) n;
    INSERT INTO resolutions (alert_id, student_id, kind, resolved_at, resolved_by)
        SELECT id, student_id, kind, now(), person(40) FROM alerts WHERE resolved_at IS NOT NULL;
    INSERT INTO notifications (id, user_id, kind, title, source_id, read_at, created_at)
        SELECT gen_random_uuid(), person(n % 10000 + 1), 'k', 't', gen_random_uuid(), CASE WHEN n % 10 > 0 THEN now() END,
               now() - n * interval '1 second' FROM generate_series(1, 100000) n;
    INSERT INTO notification_subscriptions (user_id, kinds) SELECT person(n), '{k}' FROM generate_series(1, 10000) n;
    INSERT INTO chat_messages (id, user_id, request_id, author, text, created_at)
        SELECT gen_random_uuid(), person(n % 10000 + 1), gen_random_uuid(), 'student', 't', now() - n * interval '1 second'
        FROM generate_series(1, 100000) n;
    INSERT INTO audit (id, actor_id, actor_role, action, subject_id, occurred_at)
        SELECT gen_random_uuid(), person(40), 'teacher', 'a', person(n % 10000 + 1), now() - n * interval '1 second'
        FROM generate_series(1, 100000) n;
    INSERT INTO outbox (id, topic, partition_key, event_type, data, published_at)
        SELECT gen_random_uuid(), 't', person(n % 10000 + 1), 'e', '{}', CASE WHEN n % 1000 > 0 THEN now() END
        FROM generate_series(1, 50000) n;
    INSERT INTO refresh_tokens (id, user_id, family_id, token_hash, expires_at)
        SELECT gen_random_uuid(), person(n % 10000 + 1), gen_random_uuid(), sha256(n::text::bytea), now()
        FROM generate_series(1, 20000) n;
    INSERT INTO weekly_aggregates (user_id, week, active_days, runs, failed_runs, submissions, passed, quiz_attempts, topics,
                                   said_stuck, mastery_before, mastery_after)
        SELECT person(n), date '2026-01-05' + 7 * w, 1, 1, 0, 1, 0, 0, 1, 0, 0, 1
        FROM generate_series(1, 10000) n, generate_series(1, 10) w";

/// Events: so many, so far apart, the last ones in the month to come.
const EVENTS: u32 = 5_000_000;
const APART: Duration = Duration::from_secs(7);
/// Events sent together.
const CHUNK: u32 = 10_000;

/// Fills the table of events.
async fn copy_events(client: &Client) {
    let copy = client.copy_in("COPY events (id, student_id, kind, source, occurred_at) FROM STDIN").await.unwrap();
    let mut copy = pin!(copy);
    let first = OffsetDateTime::now_utc() - APART * (EVENTS / 16 * 15);
    for chunk in 0..EVENTS / CHUNK {
        let mut rows = String::new();
        for number in chunk * CHUNK..(chunk + 1) * CHUNK {
            let at = first + APART * number;
            // A UUIDv7 of that moment.
            let id = format!("{:012x}", at.unix_timestamp_nanos() / 1_000_000);
            let (high, low) = id.split_at(8);
            let (student, at) = (number % 10_000 + 1, at.format(&Rfc3339).unwrap());
            writeln!(rows, "{high}-{low}-7000-8000-{number:012x}\t01900000-0000-7000-8000-{student:012}\tk\ts\t{at}")
                .unwrap();
        }
        copy.send(Cursor::new(rows.into_bytes())).await.unwrap();
    }
    assert_eq!(copy.finish().await.unwrap(), u64::from(EVENTS));
}

/// The reads in the sources, by name: what is written as one text, and what is put together by macros and listed here.
fn reads() -> BTreeMap<String, String> {
    let (mut found, mut composed) = (BTreeMap::new(), Vec::new());
    for file in sources(Path::new("src")) {
        let text = fs::read_to_string(&file).unwrap();
        for part in text.split("name: \"").skip(1) {
            let (name, rest) = part.split_once('"').unwrap();
            let Some((between, sql)) = rest.split_once("sql:") else { continue };
            let Some(sql) = sql.trim_start().strip_prefix('"').filter(|_| between.len() < 40) else { continue };
            let sql = sql.split("\",\n").next().unwrap().split("\" }").next().unwrap();
            found.insert(name.to_owned(), sql.trim_end_matches(['"', '\n', ' ', '}', ';', ',']).to_owned());
        }
        if text.contains("sql: concat!(") {
            composed.push(file);
        }
    }
    let files: Vec<_> = composed.iter().filter_map(|file| file.to_str()?.strip_prefix("src/")).collect();
    let known = [
        "assignments/read.rs",
        "classes/membership.rs",
        "messages/recipients.rs",
        "practice.rs",
        "privacy/reseal.rs",
        "record/alerts.rs",
    ];
    assert!(files.iter().all(|file| known.contains(file)), "list the statements of {files:?} here");
    let listed = [
        &alerts::LIST,
        &alerts::LIST_OPEN,
        &alerts::LIST_RESOLVED,
        &alerts::LIST_TAUGHT,
        &alerts::LIST_STUDENT,
        &membership::LIST,
        &membership::LIST_TAUGHT,
        &membership::LIST_JOINED,
        &practice::LIST,
        &practice::LIST_TOPIC,
        &practice::LIST_DIFFICULTY,
        &practice::LIST_BOTH,
        &assignments::read::GET,
        &assignments::read::LIST_CLASS,
        &assignments::read::LIST_TAUGHT,
        &recipients::USERS,
        &recipients::CLASS,
        &recipients::TEACHERS,
    ];
    for statement in listed.into_iter().chain(reseal::READS) {
        found.insert(statement.name.to_owned(), statement.sql.to_owned());
    }
    found.retain(|_, sql| ["SELECT", "WITH"].iter().any(|word| sql.trim_start().starts_with(word)));
    found
}

fn sources(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

/// The tables that a plan reads from end to end.
fn read_whole(plan: &Value, found: &mut Vec<String>) {
    match plan {
        Value::Object(node) => {
            if node.get("Node Type").is_some_and(|kind| kind == "Seq Scan") {
                found.extend(node["Relation Name"].as_str().map(ToOwned::to_owned));
            }
            node.values().for_each(|value| read_whole(value, found));
        }
        Value::Array(nodes) => nodes.iter().for_each(|value| read_whole(value, found)),
        _ => {}
    }
}

/// SC-005: with 10,000 students, five million events and half a million facts, every read in the sources finds what it reads by
/// index: no plan reads a large table from end to end.
#[tokio::test(flavor = "multi_thread")]
async fn no_read_scans_a_large_table() {
    let url = Postgres::shared().empty().await;
    let database = open(&url);
    database.start().await.unwrap();
    let begun = Instant::now();
    execute(&url, DATA).await;
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    copy_events(&client).await;
    client.batch_execute("ANALYZE").await.unwrap();
    let large = "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND reltuples > 5000";
    let large: Vec<String> = client.query(large, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert!(large.len() > 15, "{large:?}");
    let reads = reads();
    assert!(reads.len() > 50, "{:?}", reads.keys());
    let mut scanning = Vec::new();
    for (name, sql) in reads.iter().filter(|(name, _)| !KEEPERS.contains(&name.as_str())) {
        let parameters = (1..20).take_while(|number| sql.contains(&format!("${number}"))).count();
        let nulls = vec!["NULL"; parameters].join(", ");
        let arguments = if parameters == 0 { String::new() } else { format!("({nulls})") };
        client.batch_execute("BEGIN; SET LOCAL plan_cache_mode = force_generic_plan").await.unwrap();
        let explained = client
            .simple_query(&format!("PREPARE p AS {sql}; EXPLAIN (FORMAT JSON) EXECUTE p{arguments}"))
            .await
            .unwrap_or_else(|error| panic!("{name}: {error:?}: {sql}"));
        client.batch_execute("ROLLBACK; DEALLOCATE ALL").await.unwrap();
        let plan = explained.iter().find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(|text| serde_json::from_str(text).unwrap()),
            _ => None,
        });
        let mut whole = Vec::new();
        read_whole(&plan.unwrap_or_else(|| panic!("{name} has no plan")), &mut whole);
        whole.retain(|table| large.contains(table));
        if !whole.is_empty() {
            scanning.push(format!("{name} reads all of {whole:?}: {sql}"));
        }
    }
    assert!(scanning.is_empty(), "{}", scanning.join("\n"));
    assert!(begun.elapsed().as_secs() < 300, "too slow for a test: {:?}", begun.elapsed());
}
