use futures::future::join_all;
use learnflow_curriculum::Curriculum;
use learnflow_sidecar::Outcome;
use progress_service::catalogue;

use super::{Replica, ran};
use crate::postgres::{Postgres, execute, open};

/// FR-025, speed: facts of a thousand students with a history, eight at a time as from eight partitions.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement: run it alone, with --nocapture"]
async fn facts_per_second() {
    // What is measured is durable.
    let postgres = Postgres::durable();
    for history in [60, 600] {
        let url = postgres.empty().await;
        let database = open(&url);
        database.start().await.unwrap();
        catalogue::write(&database, &Curriculum::load("../../curriculum").unwrap()).await.unwrap();
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
