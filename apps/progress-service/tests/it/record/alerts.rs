use learnflow_proto::v1::{ListAlertsRequest, ResolveAlertRequest, alert_service_server::AlertService as _};
use progress_service::record::outbox;
use tonic::{Code, Request};
use uuid::Uuid;

use super::{Replica, account, graded, no_sidecar, prepared, quiz, ran, teaches};
use crate::{accounts::calling, postgres::count};

/// FR-037: failing raises one alert per episode, not per event; a teacher resolves it; it can recur. Redelivery of all
/// of it changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn one_alert_per_episode() {
    let (database, url) = prepared().await;
    let (student, teacher) = (Uuid::now_v7().to_string(), Uuid::now_v7().to_string());
    account(&url, &student).await;
    account(&url, &teacher).await;
    teaches(&url, &teacher, &student).await;
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

    let request = || Request::new(ResolveAlertRequest { note: Some(" We spoke. ".to_owned()), id: alert.id.clone() });
    let denied = calling(&student, "student").scope(replica.alerts.resolve_alert(request())).await;
    assert_eq!(denied.unwrap_err().code(), Code::PermissionDenied);
    for _ in 0..2 {
        let resolved = calling(&teacher, "teacher").scope(replica.alerts.resolve_alert(request())).await.unwrap();
        let resolved = resolved.into_inner().alert.unwrap();
        assert!(resolved.resolved && resolved.ending.as_deref() == Some("resolved"), "{resolved:?}");
        assert_eq!((resolved.resolved_by.as_ref(), resolved.note.as_deref()), (Some(&teacher), Some("We spoke.")));
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
