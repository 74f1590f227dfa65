use learnflow_proto::v1::{
    CreateAssignmentRequest, GetAssignmentRequest, GetClassProgressRequest, GetProgressRequest, ListAlertsRequest,
    ListAssignmentsRequest, ListAuditRequest, ListClassesRequest, ListEventsRequest, ListWeeksRequest,
    RecordProgressRequest, RemoveStudentRequest, RenewJoinCodeRequest, ResetPlacementRequest, ResolveAlertRequest,
    alert_service_server::AlertService as _, class_service_server::ClassService as _,
    progress_service_server::ProgressService as _,
};
use learnflow_sidecar::Context;
use tonic::{Code, Request};

use super::{class, classes, code, id};
use crate::{
    accounts::calling,
    postgres::{count, execute},
    record::{Replica, account, prepared, ran},
};

/// FR-002b, FR-041, FR-042: of every RPC that takes a user's, a class's, an assignment's or an alert's id: the student
/// themselves, their teacher and an administrator are served as the rules say, another student and another teacher never;
/// every read by another leaves a row of the audit trail, and a refused one none.
#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::too_many_lines, reason = "a table")]
async fn everybody_reads_what_is_theirs() {
    const NO: Code = Code::PermissionDenied;
    const YES: Code = Code::Ok;
    let (database, url) = prepared().await;
    let (classes, replica) = (classes(&database), Replica::of(&database));
    let [student, other, teacher, foreign, admin] = [(); 5].map(|()| id());
    let (class_id, _) = class(&classes, &url, &teacher, &[&student]).await;
    let (foreign_class, _) = class(&classes, &url, &foreign, &[&other]).await;
    account(&url, &admin).await;
    for number in 0..3 {
        replica.tell([ran(&student, 9 - number, "runtime_error", "NameError")]).await;
    }
    let assignment = id();
    execute(
        &url,
        &format!(
            "INSERT INTO exercises (id, topic_id, difficulty, title, made_by, content)
             VALUES ('e1', 'lists', 'easy', 'Sums', 'builtin', 
                     '{{\"id\": \"e1\", \"topic\": \"lists\", \"difficulty\": \"easy\"}}');
             INSERT INTO assignments (id, class_id, student_id, exercise_id, topic_id, title, status)
             VALUES ('{assignment}', '{class_id}', '{student}', 'e1', 'lists', 'Sums', 'assigned')"
        ),
    )
    .await;
    let request = ListAlertsRequest { student_id: Some(student.clone()), ..ListAlertsRequest::default() };
    let alert = replica.alerts(&teacher, request.clone()).await.pop().unwrap();

    let call = async |what: &str, context: Context| -> Code {
        let (progress, alerts) = (&replica.progress, &replica.alerts);
        let (user_id, class_id) = (student.clone(), class_id.clone());
        let served = async {
            match what {
                "progress" => code(progress.get_progress(Request::new(GetProgressRequest { user_id })).await),
                "events" => {
                    let request = ListEventsRequest { user_id, ..ListEventsRequest::default() };
                    code(progress.list_events(Request::new(request)).await)
                }
                "weeks" => {
                    let request = ListWeeksRequest { user_id, ..ListWeeksRequest::default() };
                    code(progress.list_weeks(Request::new(request)).await)
                }
                "audit" => {
                    let request = ListAuditRequest { user_id, ..ListAuditRequest::default() };
                    code(progress.list_audit(Request::new(request)).await)
                }
                "record" => {
                    let request =
                        RecordProgressRequest { user_id, kind: "student.active".to_owned(), ..Default::default() };
                    code(progress.record_progress(Request::new(request)).await)
                }
                "placement" => code(progress.reset_placement(Request::new(ResetPlacementRequest { user_id })).await),
                "alerts" => code(alerts.list_alerts(Request::new(request.clone())).await),
                "resolve" => {
                    let request = ResolveAlertRequest { id: alert.id.clone(), note: None };
                    code(alerts.resolve_alert(Request::new(request)).await)
                }
                "class" => {
                    let request = GetClassProgressRequest { class_id, ..GetClassProgressRequest::default() };
                    code(classes.get_class_progress(Request::new(request)).await)
                }
                "code" => code(classes.renew_join_code(Request::new(RenewJoinCodeRequest { class_id })).await),
                "assign" => {
                    let exercise_id = Some("e1".to_owned());
                    let request = CreateAssignmentRequest { class_id, exercise_id, ..Default::default() };
                    code(classes.create_assignment(Request::new(request)).await)
                }
                "assignments" => {
                    let request = ListAssignmentsRequest { class_id: Some(class_id), ..Default::default() };
                    code(classes.list_assignments(Request::new(request)).await)
                }
                "assignment" => {
                    let request = GetAssignmentRequest { id: assignment.clone(), ..Default::default() };
                    code(classes.get_assignment(Request::new(request)).await)
                }
                "remove" => {
                    let request = RemoveStudentRequest { class_id, student_id: user_id };
                    code(classes.remove_student(Request::new(request)).await)
                }
                _ => unreachable!("{what}"),
            }
        };
        context.scope(served).await
    };
    let trail = format!("SELECT count(*) FROM audit WHERE subject_id = '{student}'");
    // What it is, what the student, their teacher and an administrator are answered, and how many of the last two leave
    // a row. Facts are told through a sidecar, which is away here.
    let table = [
        ("progress", YES, YES, YES, 2),
        ("events", YES, YES, YES, 2),
        ("weeks", YES, YES, YES, 2),
        ("audit", YES, NO, YES, 1),
        ("record", NO, Code::Unavailable, Code::Unavailable, 2),
        ("placement", NO, NO, YES, 1),
        ("alerts", NO, YES, YES, 2),
        ("resolve", NO, YES, YES, 2),
        ("class", NO, YES, YES, 2),
        ("code", NO, YES, YES, 0),
        ("assign", NO, YES, YES, 0),
        ("assignments", YES, YES, YES, 2),
        ("assignment", YES, YES, YES, 2),
        ("remove", YES, Code::NotFound, Code::NotFound, 2),
    ];
    for (what, own, taught, all, noted) in table {
        let before = count(&url, &trail).await;
        assert_eq!(
            call(what, calling(&other, "student")).await,
            if what == "assignment" { Code::NotFound } else { NO },
            "{what}: another student"
        );
        assert_eq!(call(what, calling(&foreign, "teacher")).await, NO, "{what}: another teacher");
        assert_eq!(count(&url, &trail).await, before, "{what}: a refusal was noted");
        assert_eq!(call(what, calling(&student, "student")).await, own, "{what}: the student");
        assert_eq!(count(&url, &trail).await, before, "{what}: what the student did was noted");
        assert_eq!(call(what, calling(&teacher, "teacher")).await, taught, "{what}: the teacher");
        assert_eq!(call(what, calling(&admin, "admin")).await, all, "{what}: an administrator");
        assert_eq!(count(&url, &trail).await, before + noted, "{what}: rows of the audit trail");
    }
    // The student has left: nothing of theirs is the teacher's business any more.
    for what in ["progress", "events", "weeks", "alerts", "resolve", "record"] {
        assert_eq!(call(what, calling(&teacher, "teacher")).await, NO, "{what}: of a student who left");
    }
    let entries = calling(&student, "student")
        .scope(
            replica
                .progress
                .list_audit(Request::new(ListAuditRequest { user_id: student.clone(), ..Default::default() })),
        )
        .await
        .unwrap()
        .into_inner()
        .entries;
    assert!(entries.iter().all(|entry| [&teacher, &admin].contains(&&entry.actor_id) && !entry.request_id.is_empty()));
    assert!(entries.iter().any(|entry| entry.action == "class.read" && entry.actor_role == "teacher"), "{entries:?}");
    // A teacher's list of alerts and classes holds their own only.
    let listed = replica.alerts(&foreign, ListAlertsRequest::default()).await;
    assert_eq!(listed, []);
    let listed = calling(&foreign, "teacher").scope(classes.list_classes(Request::new(ListClassesRequest::default())));
    let listed = listed.await.unwrap().into_inner().classes;
    assert_eq!(listed.iter().map(|class| class.id.as_str()).collect::<Vec<_>>(), [foreign_class.as_str()]);
}
