use futures::future::join_all;
use learnflow_mastery::Config;
use learnflow_sidecar::Outcome;
use progress_service::record::{rebuild::rebuild, refresh};
use uuid::Uuid;

use super::{Replica, account, computed, graded, month, prepared, quiz, ran};
use crate::postgres::{count, execute, text};

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
    let unmatched = "SELECT count(*) FROM alerts a
        FULL JOIN (SELECT * FROM outbox WHERE topic = 'struggle.detected') o ON o.data ->> 'alert_id' = a.id::text
        WHERE a.id IS NULL OR o.id IS NULL";
    assert_eq!(count(&shuffled_url, unmatched).await, 0);
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
    // No alert of a quiz: it might be of the attempt whose fact goes, and not be missed then.
    execute(
        &url,
        "UPDATE progress SET mastery = mastery + 0.001 WHERE topic_id = 'lists';
         DELETE FROM progress WHERE topic_id = 'sets';
         UPDATE records SET streak_days = longest_streak_days + 1, longest_streak_days = longest_streak_days + 1;
         DELETE FROM alerts WHERE id = (SELECT id FROM alerts WHERE kind = 'said_stuck' AND NOT withdrawn LIMIT 1);
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

/// FR-025..028: what is kept up with fact by fact is at any time what is computed from all facts: with late facts, with
/// facts of days to come, resolutions, another time zone or another role in between, known to this replica or not.
#[tokio::test(flavor = "multi_thread")]
async fn keeping_up_is_computing_anew() {
    let (database, url) = prepared().await;
    let (student, teacher) = (Uuid::now_v7().to_string(), Uuid::now_v7().to_string());
    account(&url, &student).await;
    account(&url, &teacher).await;
    let mut events = month(&student);
    events.extend([-3_600, -200_000].map(|ago| quiz(&student, ago, "sets", 30)));
    // Mostly in order, every seventh one late, the ones to come in the middle.
    let mut order: Vec<usize> = (0..events.len()).collect();
    order.sort_by_key(|place| {
        if place % 7 == 0 {
            place * 3 + 40
        } else if *place >= 90 {
            45
        } else {
            *place
        }
    });
    let mut replicas = [Replica::of(&database), Replica::of(&database)];
    for (step, place) in order.into_iter().enumerate() {
        replicas[step / 5 % 2].tell([events[place].clone()]).await;
        match step {
            20 => execute(&url, &format!("UPDATE users SET time_zone = 'Asia/Tokyo' WHERE id = '{student}'")).await,
            40 => replicas[1] = Replica::of(&database),
            55 => execute(&url, &format!("UPDATE users SET role = 'teacher' WHERE id = '{student}'")).await,
            60 => execute(&url, &format!("UPDATE users SET role = 'student' WHERE id = '{student}'")).await,
            30 | 70 => {
                let alert =
                    "SELECT id::text FROM alerts WHERE resolved_at IS NULL AND NOT withdrawn ORDER BY opened_at";
                let alert = text(&url, alert).await.parse().unwrap();
                let ids = (student.parse().unwrap(), teacher.parse().unwrap());
                replicas[0].writer.resolve(ids.0, alert, ids.1).await.unwrap();
            }
            80 => drop(replicas[0].writer.refresh(student.parse().unwrap()).await.unwrap()),
            _ => {}
        }
        // After a change of zone or role the next fact makes it good.
        if step % 3 == 2 && ![20, 55, 60].contains(&step) {
            assert_eq!(replicas[0].rebuild().await.differences, [], "step {step}");
        }
    }
    assert_eq!(count(&url, "SELECT count(*) FROM records WHERE next_fact_at > now() AND basis <> 0").await, 1);
}
