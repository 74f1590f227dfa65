//! Classes, assignments, the placement quiz and weeks.

mod access;

use std::collections::HashSet;

use learnflow_curriculum::Curriculum;
use learnflow_mastery::Config;
use learnflow_proto::{
    events::ProgressRecorded,
    v1::{
        ConfirmAssignmentRequest, CreateAssignmentRequest, CreateClassRequest, GetAssignmentRequest,
        GetClassProgressRequest, GetPlacementRequest, JoinClassRequest, ListAssignmentsRequest, ListWeeksRequest,
        PlacementLevel, RecordPlacementRequest, RenewJoinCodeRequest, ResetPlacementRequest,
        class_service_server::ClassService as _, practice_record_service_server::PracticeRecordService as _,
        progress_service_server::ProgressService as _,
    },
};
use learnflow_sidecar::Event;
use progress_service::{
    access::Access,
    classes::Classes,
    database::{Database, Statement},
    practice::PracticeRecord,
    record::{audit::Audit, outbox, read::Reader, rebuild::rebuild},
};
use tonic::{Code, Request, Response, Status};
use uuid::Uuid;

use crate::{
    accounts::calling,
    postgres::{count, execute},
    record::{Replica, account, graded, no_sidecar, prepared, quiz, ran},
};

fn classes(database: &Database) -> Classes {
    let curriculum = Curriculum::load("../../curriculum").unwrap();
    let reader = Reader::new(database.clone(), no_sidecar(), &curriculum);
    let access = Access::new(database.clone(), Audit::new(database.clone(), no_sidecar()));
    Classes::new(database.clone(), no_sidecar(), access, reader, outbox::Bell::default())
}

fn id() -> String {
    Uuid::now_v7().to_string()
}

/// What a call answered.
fn code<T>(answer: Result<Response<T>, Status>) -> Code {
    answer.map_or_else(|status| status.code(), |_| Code::Ok)
}

/// A class of a teacher with students in it; all of them get accounts. Its id and join code.
async fn class(classes: &Classes, url: &str, teacher: &str, students: &[&str]) -> (String, String) {
    account(url, teacher).await;
    let request = Request::new(CreateClassRequest { name: "Snakes".to_owned() });
    let made = calling(teacher, "teacher").scope(classes.create_class(request)).await.unwrap().into_inner();
    for student in students {
        account(url, student).await;
        let request = Request::new(JoinClassRequest { join_code: made.join_code.clone() });
        calling(student, "student").scope(classes.join_class(request)).await.unwrap();
    }
    (made.id, made.join_code)
}

/// The facts that wait to be published, as they will come back.
async fn outbox_facts(database: &Database) -> Vec<Event<ProgressRecorded>> {
    let waiting = Statement {
        name: "test.waiting",
        sql: "SELECT id, data FROM outbox WHERE event_type = 'learnflow.events.v1.ProgressRecorded'",
    };
    let rows = database.query(&waiting, &[]).await.unwrap();
    let event = |row: &tokio_postgres::Row| Event {
        id: row.get::<_, Uuid>("id").to_string(),
        source: "progress-service".to_owned(),
        subject: String::new(),
        time: String::new(),
        data: serde_json::from_value(row.get("data")).unwrap(),
    };
    rows.iter().map(event).collect()
}

/// FR-042: a code joins its class once, however it is typed; renewed, the old one is void; ten wrong ones within ten
/// minutes, then not even the right one.
#[tokio::test(flavor = "multi_thread")]
async fn join_codes_cannot_be_guessed() {
    let (database, url) = prepared().await;
    let classes = classes(&database);
    let (teacher, student, guesser) = (id(), id(), id());
    let (class_id, first) = class(&classes, &url, &teacher, &[]).await;
    account(&url, &student).await;
    account(&url, &guesser).await;
    let join = async |who: &str, code: &str| {
        let request = Request::new(JoinClassRequest { join_code: code.to_owned() });
        calling(who, "student").scope(classes.join_class(request)).await
    };
    let typed = format!(" {}-{}", first[..4].to_lowercase(), &first[4..]);
    for _ in 0..15 {
        let joined = join(&student, &typed).await.unwrap().into_inner().class.unwrap();
        assert_eq!((joined.id.as_str(), joined.student_count, joined.join_code), (class_id.as_str(), 1, None));
    }
    let renew = Request::new(RenewJoinCodeRequest { class_id });
    let renewed = calling(&teacher, "teacher").scope(classes.renew_join_code(renew)).await.unwrap().into_inner();
    let second = renewed.class.unwrap().join_code.unwrap();
    assert_ne!(first, second);
    for number in 0..10 {
        let wrong = if number % 2 == 0 { first.as_str() } else { "no code at all" };
        assert_eq!(code(join(&guesser, wrong).await), Code::NotFound);
    }
    let refused = join(&guesser, &second).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.message().contains("10 minutes"), "{refused}");
    assert_eq!(code(join(&student, &second).await), Code::Ok);
    execute(&url, "UPDATE join_attempts SET since = since - interval '11 minutes'").await;
    assert_eq!(code(join(&guesser, &second).await), Code::Ok);
    assert_eq!(code(join(&id(), &second).await), Code::NotFound, "somebody without an account");
}

/// FR-042, FR-028: a class of 120, page by page, in the order in which they joined, with what the record says of each.
#[tokio::test(flavor = "multi_thread")]
async fn a_class_is_seen_at_a_glance() {
    let (database, url) = prepared().await;
    let (classes, replica) = (classes(&database), Replica::of(&database));
    let (teacher, student) = (id(), id());
    let (class_id, _) = class(&classes, &url, &teacher, &[&student]).await;
    replica.tell([graded(&student, 60, "lists", "e1", 100), quiz(&student, 50, "for-loops", 20)]).await;
    execute(
        &url,
        &format!(
            "WITH made AS (INSERT INTO users (id, email, name)
                           SELECT gen_random_uuid(), n || '@example.org', 'S' || n FROM generate_series(1, 119) n RETURNING id)
             INSERT INTO class_members (class_id, student_id, joined_at)
             SELECT '{class_id}', id, now() + interval '1 hour' FROM made"
        ),
    )
    .await;
    let (mut seen, mut token) = (Vec::new(), None);
    loop {
        let request = GetClassProgressRequest { class_id: class_id.clone(), page_size: Some(50), page_token: token };
        let page = calling(&teacher, "teacher").scope(classes.get_class_progress(Request::new(request))).await;
        let page = page.unwrap().into_inner();
        assert_eq!(page.summary.is_some(), seen.is_empty());
        if let Some(summary) = page.summary {
            assert_eq!((summary.student_count, summary.active_students), (120, 1));
            assert_eq!((summary.struggling_students, summary.open_alerts), (1, 1));
            let mean: f64 = summary.modules.iter().map(|module| module.mastery).sum();
            assert!(mean > 0.0 && summary.modules.len() == 8, "{summary:?}");
        }
        seen.extend(page.students);
        if page.next_page_token.is_empty() {
            break;
        }
        token = Some(page.next_page_token);
    }
    let ids: HashSet<_> = seen.iter().map(|student| student.user_id.clone()).collect();
    assert_eq!((seen.len(), ids.len()), (120, 120));
    let first = &seen[0];
    assert_eq!((first.user_id.as_str(), first.open_alerts, first.streak_days), (student.as_str(), 1, 1));
    assert!(first.last_activity_at.is_some() && first.name == "A", "{first:?}");
    let own = replica.own(&student).await;
    assert_eq!(first.modules, own.modules);
    assert_eq!(count(&url, "SELECT count(*) FROM audit WHERE action = 'class.read'").await, 120);
}

/// FR-042: what was proposed is not the students' yet; confirmed twice it is told once to each; who did it follows from
/// the submissions; a single student's is nobody else's.
#[tokio::test(flavor = "multi_thread")]
async fn assignments_follow_from_submissions() {
    let (database, url) = prepared().await;
    let (classes, replica) = (classes(&database), Replica::of(&database));
    let [student, other, teacher] = [(); 3].map(|()| id());
    let (class_id, _) = class(&classes, &url, &teacher, &[&student, &other]).await;
    let proposed = id();
    execute(
        &url,
        &format!(
            "INSERT INTO exercises (id, topic_id, difficulty, title, made_by, content)
             SELECT e, 'lists', 'easy', 'Sums', 'builtin', jsonb_build_object('id', e, 'difficulty', 'easy') FROM unnest(ARRAY['e1', 'e2']) e;
             INSERT INTO assignments (id, class_id, exercise_id, topic_id, title, prompt, status, due)
             VALUES ('{proposed}', '{class_id}', 'e1', 'lists', 'Sums', 'add some numbers', 'proposed', now() - interval '1 s')"
        ),
    )
    .await;
    let list = async |who: &str, role: &str| {
        let request = ListAssignmentsRequest::default();
        let listed = calling(who, role).scope(classes.list_assignments(Request::new(request))).await;
        listed.unwrap().into_inner().assignments
    };
    assert_eq!(list(&student, "student").await, []);
    assert_eq!(list(&teacher, "teacher").await[0].status, "proposed");
    let told = "SELECT count(*) FROM outbox WHERE topic = 'notification.requests'
                AND event_type = 'learnflow.events.v1.AssignmentGiven'";
    let confirm = || Request::new(ConfirmAssignmentRequest { id: proposed.clone() });
    for _ in 0..2 {
        let confirmed = calling(&teacher, "teacher").scope(classes.confirm_assignment(confirm())).await.unwrap();
        assert_eq!(confirmed.into_inner().assignment.unwrap().status, "assigned");
        assert_eq!(count(&url, told).await, 2);
    }
    let mine = list(&student, "student").await.remove(0);
    let work = mine.work.unwrap();
    assert_eq!((mine.status.as_str(), work.status.as_str(), work.attempts), ("assigned", "late", 0));
    assert!(mine.prompt.is_none() && mine.student_count.is_none());

    replica.tell([graded(&student, 5, "lists", "e1", 40), graded(&student, 4, "lists", "e1", 100)]).await;
    let mine = list(&student, "student").await.remove(0);
    let work = mine.work.unwrap();
    assert_eq!((mine.status.as_str(), work.status.as_str(), work.attempts), ("done", "done", 2));
    assert_eq!((work.best_score, work.done_at.is_some()), (Some(100), true));
    let whole = list(&teacher, "teacher").await.remove(0);
    assert_eq!((whole.status.as_str(), whole.student_count, whole.done_count), ("assigned", Some(2), Some(1)));
    assert_eq!(whole.prompt.as_deref(), Some("add some numbers"));

    let request = CreateAssignmentRequest {
        class_id: class_id.clone(),
        exercise_id: Some("e2".to_owned()),
        student_id: Some(other.clone()),
        ..CreateAssignmentRequest::default()
    };
    let made = calling(&teacher, "teacher")
        .scope(classes.create_assignment(Request::new(request)))
        .await
        .unwrap()
        .into_inner();
    let single = made.assignment.unwrap();
    assert_eq!((single.status.as_str(), single.student_count), ("assigned", Some(1)));
    assert_eq!(made.exercise.unwrap().id, "e2");
    assert_eq!(count(&url, told).await, 3);
    assert_eq!(list(&student, "student").await.len(), 1);
    assert_eq!(list(&other, "student").await.len(), 2);
    replica.tell([graded(&other, 3, "lists", "e2", 100)]).await;
    let request = GetAssignmentRequest { id: single.id.clone(), ..GetAssignmentRequest::default() };
    let seen =
        calling(&teacher, "teacher").scope(classes.get_assignment(Request::new(request))).await.unwrap().into_inner();
    assert_eq!((seen.assignment.unwrap().status.as_str(), seen.students.len()), ("done", 1));
    assert_eq!((seen.students[0].status.as_str(), seen.students[0].name.as_deref()), ("done", Some("A")));
}

/// FR-042: the placement quiz is taken once, whatever comes twice; its levels become facts on every topic of the module,
/// start the knowledge estimate and leave the mastery alone; after a reset it can be taken again.
#[tokio::test(flavor = "multi_thread")]
async fn placement_sets_the_start_once() {
    let (database, url) = prepared().await;
    let (replica, practice) = (Replica::of(&database), PracticeRecord::new(database.clone()));
    let student = id();
    account(&url, &student).await;
    let me = || calling(&student, "student");
    let request = |level: &str| RecordPlacementRequest {
        attempt_id: id(),
        content_version: "v1".to_owned(),
        levels: vec![PlacementLevel { module: "basics".to_owned(), level: level.to_owned() }],
        score: 50,
        ..RecordPlacementRequest::default()
    };
    let first = request("proficient");
    for _ in 0..2 {
        me().scope(practice.record_placement(Request::new(first.clone()))).await.unwrap();
    }
    let again = me().scope(practice.record_placement(Request::new(request("beginner")))).await.unwrap_err();
    assert_eq!(again.code(), Code::AlreadyExists);
    let levels = me().scope(practice.get_placement(Request::new(GetPlacementRequest {}))).await.unwrap().into_inner();
    assert_eq!(levels.levels, first.levels);

    let events = outbox_facts(&database).await;
    assert!(events.len() > 4, "{} topics", events.len());
    replica.tell(events.clone()).await;
    replica.tell(events).await;
    let progress = replica.own(&student).await;
    let topic = progress.topics.iter().find(|topic| topic.topic == "variables").unwrap();
    assert_eq!(
        (topic.starting_level.as_deref(), topic.mastery, topic.level.as_str()),
        (Some("proficient"), 0.0, "beginner")
    );
    assert!((topic.knowledge - 0.7).abs() < 1e-9, "{topic:?}");
    assert_eq!(topic.components.unwrap().consistency, None);
    assert_eq!(replica.rebuild().await.differences, []);

    let reset = Request::new(ResetPlacementRequest { user_id: student.clone() });
    calling(&id(), "admin").scope(replica.progress.reset_placement(reset)).await.unwrap();
    let after = me().scope(practice.get_placement(Request::new(GetPlacementRequest {}))).await.unwrap().into_inner();
    assert_eq!(after.levels, []);
    assert_eq!(replica.own(&student).await.topics.len(), progress.topics.len(), "the levels stay");
    me().scope(practice.record_placement(Request::new(request("learning")))).await.unwrap();
}

/// FR-025..028: weeks follow from the facts whenever they are read, also late ones; a rebuild finds and repairs damage.
#[tokio::test(flavor = "multi_thread")]
async fn weeks_are_never_outdated() {
    const DAY: i64 = 86_400;
    let (database, url) = prepared().await;
    let replica = Replica::of(&database);
    let student = id();
    account(&url, &student).await;
    let weeks = async || {
        let request = Request::new(ListWeeksRequest { user_id: student.clone(), ..ListWeeksRequest::default() });
        calling(&student, "student").scope(replica.progress.list_weeks(request)).await.unwrap().into_inner().weeks
    };
    assert_eq!(weeks().await, []);
    replica.tell([graded(&student, 5, "lists", "e1", 100), ran(&student, 4, "timeout", "")]).await;
    let now = weeks().await;
    assert_eq!((now.len(), now[0].submissions, now[0].passed, now[0].runs, now[0].failed_runs), (1, 1, 1, 1, 1));
    assert!(now[0].mastery_change > 0.0 && (now[0].mastery - now[0].mastery_change).abs() < 1e-12, "{now:?}");
    // Late: what happened two weeks ago becomes known.
    replica.tell([graded(&student, 14 * DAY, "sets", "e2", 100)]).await;
    let both = weeks().await;
    assert_eq!(both.len(), 2);
    assert!(both[0].monday > both[1].monday && both[1].mastery_change > 0.0, "{both:?}");
    assert_eq!(replica.rebuild().await.differences, []);
    execute(&url, "UPDATE weekly_aggregates SET passed = 0").await;
    let report = rebuild(&database, &Config::default(), None, true).await.unwrap();
    assert!(report.differences.iter().all(|difference| difference.what.starts_with("weeks: ")), "{report:?}");
    assert_eq!(report.differences.len(), 1);
    assert_eq!(weeks().await, both);
}
