use learnflow_curriculum::Curriculum;
use learnflow_proto::{
    Timestamp,
    events::{
        CodeReviewed, ExerciseGenerated, ExerciseGraded, ProgressRecorded, QuestionGraded, QuizGraded, TestGraded,
        progress_recorded::Fact,
    },
    v1::{
        Exercise, ExerciseGrading, ExerciseTest, GetStoredExerciseRequest, ListStoredExercisesRequest,
        practice_record_service_server::PracticeRecordService as _,
    },
};
use learnflow_sidecar::{Event, EventData, Outcome};
use progress_service::{
    catalogue,
    database::Database,
    facts::FactHandler,
    practice::{self, PracticeRecord},
};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request};
use uuid::Uuid;

use crate::postgres::{Postgres, count, execute, open};

/// A database with the curriculum's topics and one student, its URL, and the student's id.
async fn prepared() -> (Database, String, String) {
    let url = Postgres::shared().empty().await;
    let database = open(&url);
    database.start().await.unwrap();
    let curriculum = Curriculum::load("../../curriculum").unwrap();
    catalogue::write(&database, &curriculum).await.unwrap();
    let student = Uuid::now_v7().to_string();
    execute(&url, &format!("INSERT INTO users (id, email, name) VALUES ('{student}', 'a@example.org', 'A')")).await;
    (database, url, student)
}

fn handler(database: &Database) -> FactHandler {
    FactHandler::new(database.clone(), CancellationToken::new())
}

fn event<E: EventData>(data: E) -> Event<E> {
    let (id, time) = (Uuid::now_v7().to_string(), "2026-01-01T00:00:00Z".to_owned());
    Event { id, source: "exercise-agent".to_owned(), subject: String::new(), time, data }
}

fn generated(student: &str, id: &str, topic: &str, difficulty: &str) -> Event<ExerciseGenerated> {
    let test = ExerciseTest { name: "hidden".to_owned(), expected: "42".to_owned(), ..ExerciseTest::default() };
    event(ExerciseGenerated {
        student_id: student.to_owned(),
        exercise: Some(Exercise {
            id: id.to_owned(),
            topic: topic.to_owned(),
            difficulty: difficulty.to_owned(),
            title: "Sums".to_owned(),
            ..Exercise::default()
        }),
        source: "builtin".to_owned(),
        grading: Some(ExerciseGrading { seed: u64::MAX, tests: vec![test], ..ExerciseGrading::default() }),
    })
}

fn recorded(student: &str, topic: &str, fact: Fact) -> Event<ProgressRecorded> {
    event(ProgressRecorded {
        student_id: student.to_owned(),
        topic: topic.to_owned(),
        occurred_at: Some(Timestamp { seconds: 1_767_225_600, nanos: 0 }),
        fact: Some(fact),
    })
}

fn submitted(student: &str, submission: &str, exercise: &str) -> Event<ProgressRecorded> {
    let test = TestGraded { name: "hidden".to_owned(), visible: false, status: "error".to_owned() };
    let graded = ExerciseGraded {
        submission_id: submission.to_owned(),
        exercise_id: exercise.to_owned(),
        status: "error".to_owned(),
        score: 0,
        difficulty: "easy".to_owned(),
        error_type: "NameError".to_owned(),
        duration_ms: 12,
        attempt: 3,
        tests: vec![test],
    };
    recorded(student, "lists", Fact::ExerciseGraded(graded))
}

/// FR-033..035: a submission that overtakes its exercise is stored, whoever delivers what first and however often; the
/// review's rating finds it.
#[tokio::test(flavor = "multi_thread")]
async fn exercise_and_submission_come_in_any_order() {
    let (database, url, student) = prepared().await;
    let handler = handler(&database);
    for exercise_first in [true, false] {
        let (exercise, submission) = (Uuid::now_v7().to_string(), Uuid::now_v7().to_string());
        let made = generated(&student, &exercise, "lists", "easy");
        let graded = submitted(&student, &submission, &exercise);
        for _ in 0..2 {
            if exercise_first {
                assert_eq!(handler.clone().generated(made.clone()).await, Outcome::Done);
            }
            assert_eq!(handler.clone().recorded(graded.clone()).await, Outcome::Done);
            assert_eq!(handler.clone().generated(made.clone()).await, Outcome::Done);
        }
        let rated = Fact::CodeReviewed(CodeReviewed { submission_id: submission.clone(), rating: 80 });
        assert_eq!(handler.clone().recorded(recorded(&student, "lists", rated)).await, Outcome::Done);
        let found = format!(
            "SELECT count(*) FROM submissions s JOIN exercises e ON e.id = s.exercise_id
             WHERE s.id = '{submission}' AND s.user_id = '{student}' AND s.topic_id = 'lists' AND s.quality = 80
               AND s.attempt = 3 AND s.error_type = 'NameError' AND s.results -> 0 ->> 'status' = 'error'
               AND e.created_for = '{student}' AND e.grading -> 'tests' -> 0 ->> 'expected' = '42'"
        );
        assert_eq!(count(&url, &found).await, 1);
    }
    assert_eq!(count(&url, "SELECT count(*) FROM submissions").await, 2);
}

/// FR-033..035, privacy: of a student without an account (it was erased) nothing is stored but the exercise, which is
/// everybody's; what is malformed is dropped, what may come right later is asked for again.
#[tokio::test]
async fn strangers_leave_no_trace() {
    let (database, url, _) = prepared().await;
    let handler = handler(&database);
    let (stranger, exercise) = (Uuid::now_v7().to_string(), Uuid::now_v7().to_string());
    let id = || Uuid::now_v7().to_string();
    assert_eq!(handler.clone().generated(generated(&stranger, &exercise, "lists", "hard")).await, Outcome::Done);
    assert_eq!(handler.clone().recorded(submitted(&stranger, &id(), &exercise)).await, Outcome::Done);
    assert_eq!(count(&url, "SELECT count(*) FROM submissions").await, 0);
    assert_eq!(count(&url, "SELECT count(*) FROM exercises WHERE created_for IS NULL").await, 1);

    assert_eq!(handler.clone().recorded(submitted("nobody", &id(), &exercise)).await, Outcome::Drop);
    let mut empty = generated(&stranger, &id(), "lists", "easy");
    empty.data.grading = None;
    assert_eq!(handler.clone().generated(empty).await, Outcome::Drop);
    let newer = generated(&stranger, &id(), "a-topic-of-the-next-release", "easy");
    assert_eq!(handler.clone().generated(newer).await, Outcome::Retry);
}

/// FR-038: attempts are stored once each, with the questions that were asked; changed content is another quiz.
#[tokio::test(flavor = "multi_thread")]
async fn quiz_attempts_are_stored_once() {
    let (database, url, student) = prepared().await;
    let handler = handler(&database);
    for version in ["0123", "4567", "0123"] {
        let question = QuestionGraded { question_id: "q".to_owned(), option: Some(2), correct: true };
        let graded = QuizGraded {
            attempt_id: Uuid::now_v7().to_string(),
            score: 100,
            content_version: version.to_owned(),
            questions: vec![question],
        };
        let attempted = recorded(&student, "lists", Fact::QuizGraded(graded));
        for _ in 0..2 {
            assert_eq!(handler.clone().recorded(attempted.clone()).await, Outcome::Done);
        }
    }
    assert_eq!(count(&url, "SELECT count(*) FROM quiz_attempts WHERE score = 100").await, 3);
    assert_eq!(count(&url, "SELECT count(DISTINCT version) FROM quizzes WHERE topic_id = 'lists'").await, 2);
    assert_eq!(count(&url, "SELECT count(*) FROM quizzes WHERE questions = '[\"q\"]'").await, 2);
}

/// FR-021..024: stored exercises are read back whole, and listed newest first, page by page, without their hidden tests.
#[tokio::test]
async fn exercises_are_listed_and_read() {
    let (database, _, student) = prepared().await;
    let (handler, record) = (handler(&database), PracticeRecord::new(database.clone()));
    let mut ids = Vec::new();
    for (topic, difficulty) in [("lists", "easy"), ("lists", "hard"), ("tuples", "easy"), ("lists", "easy")] {
        let id = Uuid::now_v7().to_string();
        assert_eq!(handler.clone().generated(generated(&student, &id, topic, difficulty)).await, Outcome::Done);
        ids.push(id);
    }
    let list = async |topic: Option<&str>, difficulty: Option<&str>| {
        let (mut found, mut token) = (Vec::new(), String::new());
        loop {
            let request = ListStoredExercisesRequest {
                topic: topic.map(ToOwned::to_owned),
                difficulty: difficulty.map(ToOwned::to_owned),
                page_size: Some(1),
                page_token: Some(token),
            };
            let page = record.list_stored_exercises(Request::new(request)).await.unwrap().into_inner();
            found.extend(
                page.exercises.into_iter().map(|exercise| ids.iter().position(|id| *id == exercise.id).unwrap()),
            );
            token = page.next_page_token;
            if token.is_empty() {
                return found;
            }
        }
    };
    assert_eq!(list(None, None).await, [3, 2, 1, 0]);
    assert_eq!(list(Some("lists"), None).await, [3, 1, 0]);
    assert_eq!(list(None, Some("easy")).await, [3, 2, 0]);
    assert_eq!(list(Some("lists"), Some("easy")).await, [3, 0]);

    let stored = record.get_stored_exercise(Request::new(GetStoredExerciseRequest { id: ids[1].clone() })).await;
    let stored = stored.unwrap().into_inner();
    let sent = generated(&student, &ids[1], "lists", "hard").data;
    assert_eq!((stored.exercise, stored.grading), (sent.exercise, sent.grading));
    let missing = record.get_stored_exercise(Request::new(GetStoredExerciseRequest { id: student })).await;
    assert_eq!(missing.unwrap_err().code(), Code::NotFound);
}

/// SC-005: pages of exercises are found by index, however many there are; writing the topics again changes none.
#[tokio::test]
async fn a_page_of_exercises_is_an_index_scan() {
    let (database, url, _) = prepared().await;
    execute(
        &url,
        "INSERT INTO exercises (id, topic_id, difficulty, title, made_by, content, created_at)
         SELECT n::text, (ARRAY['lists', 'tuples', 'sets', 'strings'])[n % 4 + 1],
                (ARRAY['easy', 'medium', 'hard'])[n % 3 + 1], 't', 'builtin', '{}', now() - n * interval '1 second'
         FROM generate_series(1, 20000) n;
         ANALYZE exercises",
    )
    .await;
    for (statement, parameters) in
        [(&practice::LIST, 3), (&practice::LIST_TOPIC, 4), (&practice::LIST_DIFFICULTY, 4), (&practice::LIST_BOTH, 5)]
    {
        let plan = database.explain(statement, parameters).await.unwrap();
        assert!(plan.contains("Index Scan using exercises_") && !plan.contains("Sort"), "{}: {plan}", statement.name);
    }
    let touched = "SELECT count(*) FROM topics WHERE updated_at > created_at";
    catalogue::write(&database, &Curriculum::load("../../curriculum").unwrap()).await.unwrap();
    assert_eq!(count(&url, touched).await, 0);
    assert_eq!(count(&url, "SELECT count(*) FROM topics").await, 56);
}
