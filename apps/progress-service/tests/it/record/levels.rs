use std::sync::Arc;

use learnflow_mastery::{Config, MasteryConfig};
use learnflow_proto::events::{CodeReviewed, ProgressRecorded, progress_recorded::Fact};
use learnflow_sidecar::Event;
use progress_service::record::{
    outbox,
    rebuild::rebuild,
    writer::{Applied, Writer},
};
use uuid::Uuid;

use super::{Replica, account, graded, prepared, quiz, ran};
use crate::postgres::{count, execute};

fn reviewed(student: &str, ago: i64, rating: u32) -> Event<ProgressRecorded> {
    let submission_id = Uuid::now_v7().to_string();
    super::event(student, ago, "lists", Fact::CodeReviewed(CodeReviewed { submission_id, rating }))
}

/// FR-039, FR-040: a level of a topic is told of once, in the transaction that reaches it: not when the fact comes again, nor
/// when the record is computed anew, nor when mastery went down and comes up again; and only to students.
#[tokio::test(flavor = "multi_thread")]
async fn a_level_is_told_of_once() {
    let (database, url) = prepared().await;
    let (student, teacher) = (Uuid::now_v7().to_string(), Uuid::now_v7().to_string());
    account(&url, &student).await;
    account(&url, &teacher).await;
    execute(&url, &format!("UPDATE users SET role = 'teacher' WHERE id = '{teacher}'")).await;
    let replica = Replica::of(&database);
    let told = async |level: &str| {
        let found = format!(
            "SELECT count(*) FROM outbox WHERE topic = 'notification.requests' AND partition_key = '{student}'
             AND data ->> 'topic' = 'lists' AND data ->> 'level' = '{level}'"
        );
        count(&url, &found).await
    };
    let level = async || replica.own(&student).await.topics.remove(0).level;

    // 30 for the quiz, 20 for the quality, 1.4 for the streak.
    let first = [quiz(&student, 900, "lists", 100), reviewed(&student, 890, 100)];
    replica.tell(first.clone()).await;
    assert_eq!((level().await.as_str(), told("learning").await), ("learning", 1));
    replica.tell(first).await;
    replica.writer.refresh(student.parse().unwrap()).await.unwrap();
    rebuild(&database, &Config::default(), None, true).await.unwrap();
    replica.tell([reviewed(&student, 880, 0)]).await;
    assert_eq!(level().await, "beginner");
    replica.tell([reviewed(&student, 870, 100)]).await;
    assert_eq!((level().await.as_str(), told("learning").await), ("learning", 1));

    replica.tell((0..3).map(|number| graded(&student, 860 - number, "lists", &format!("e{number}"), 100))).await;
    assert_eq!((level().await.as_str(), told("proficient").await), ("proficient", 1));
    replica.tell((0..12).map(|number| reviewed(&student, 850 - number, 100))).await;
    assert_eq!((level().await.as_str(), told("mastered").await), ("mastered", 1));

    // Its event is forgotten one day; the notification is not.
    execute(
        &url,
        &format!(
            "INSERT INTO notifications (id, user_id, kind, title, source_id)
             SELECT id, '{student}', 'level.reached', 't', id FROM outbox WHERE data ->> 'level' = 'mastered';
             DELETE FROM outbox WHERE topic = 'notification.requests'"
        ),
    )
    .await;
    replica.tell((0..12).map(|number| reviewed(&student, 800 - number, 0))).await;
    assert_eq!(level().await, "proficient");
    replica.tell((0..12).map(|number| reviewed(&student, 770 - number, 100))).await;
    assert_eq!(level().await, "mastered");
    assert_eq!(count(&url, "SELECT count(*) FROM outbox WHERE topic = 'notification.requests'").await, 0);

    replica.tell([quiz(&teacher, 900, "lists", 100), graded(&teacher, 890, "lists", "e1", 100)]).await;
    // Another formula makes more of the same facts: that is nobody's achievement.
    replica.tell([quiz(&student, 600, "tuples", 60), graded(&student, 590, "tuples", "e4", 100)]).await;
    let mastery = MasteryConfig { exercises_counted: 1, ..MasteryConfig::default() };
    let config = Arc::new(Config { mastery, ..Config::default() });
    let writer = Writer::start(database.clone(), config, outbox::Bell::default(), Arc::new(|_, _| ()));
    let fact = progress_service::record::fact::read(&ran(&student, 580, "completed", "")).unwrap();
    assert_eq!(writer.add(fact).await.unwrap(), Applied::New);
    let raised = format!(
        "SELECT count(*) FROM progress WHERE user_id = '{student}' AND topic_id = 'tuples' AND level = 'learning'"
    );
    assert_eq!(count(&url, &raised).await, 1);
    assert_eq!(count(&url, "SELECT count(*) FROM outbox WHERE topic = 'notification.requests'").await, 0);
}
